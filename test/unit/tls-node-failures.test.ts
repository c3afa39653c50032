import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TlsError } from '../../src/core/errors.ts';
import type { TlsPhase } from '../../src/tls/failure-texts.ts';
import { alerts, gnutlsErrorName } from '../../src/tls/gnutls-errors.ts';
import { type FailureFacts, statusOfTlsFailure } from '../../src/tls/node-failures.ts';
import { makePki, type Pki } from '../support/pki.ts';

let pki: Pki;
beforeAll(async () => {
  pki = await makePki();
});

const openServers = new Set<net.Server>();
const openSockets = new Set<net.Socket>();
afterEach(() => {
  for (const server of openServers) server.close();
  for (const socket of openSockets) socket.destroy();
  openServers.clear();
  openSockets.clear();
});

/** Error objects as Node makes them. */
const ssl = (reason: string, extra: object = {}): Error =>
  Object.assign(new Error(`80CC:error:0A000000:SSL routines:some_function:${reason}:file.c:1:\n`), {
    code: `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}`,
    library: 'SSL routines',
    reason,
    ...extra,
  });
const system = (code: string, syscall?: string): Error =>
  Object.assign(new Error(`${syscall ?? ''} ${code}`), { code, ...(syscall !== undefined && { syscall }) });

describe('reasons, by the number GnuTLS gave against the same peer', () => {
  it.each<[string, number, TlsPhase, FailureFacts?]>([
    ['wrong version number', -15, 'handshake'],
    ['http request', -15, 'handshake'],
    ['https proxy request', -15, 'handshake'],
    ['packet length too long', -417, 'handshake'],
    ['packet length too long', -417, 'record'],
    ['unexpected message', -19, 'handshake'],
    ['length mismatch', -9, 'handshake'],
    ['bad change cipher spec', -15, 'handshake'],
    ['invalid alert', -15, 'handshake'],
    ['unknown cipher returned', -21, 'handshake'],
    ['invalid session id', -325, 'handshake'],
    ['decryption failed or bad record mac', -24, 'handshake'],
    ['decryption failed or bad record mac', -24, 'record'],
    ['cipher operation failed', -24, 'record'],
    ['invalid aad', -24, 'record'],
    ['bad record type', -15, 'record'],
    ['no shared cipher', -87, 'handshake'],
    ['no suitable signature algorithm', -87, 'handshake'],
    ['no suitable key share', -423, 'handshake'],
    ['no application protocol', -344, 'handshake'],
    ['unsupported protocol', -8, 'handshake'],
    ['unsupported protocol', -8, 'handshake', { role: 'client', minVersion: 'TLSv1.3' }],
    ['unsupported protocol', -87, 'handshake', { role: 'server', minVersion: 'TLSv1.3' }],
    ['peer did not return a certificate', -112, 'handshake', { protocol: 'TLSv1.3' }],
    ['peer did not return a certificate', -49, 'handshake', { protocol: 'TLSv1.2' }],
    ['certificate verify failed', -348, 'handshake'],
    ['inappropriate fallback', -347, 'handshake'],
    ['unexpected eof while reading', -110, 'record'],
  ])('%s -> %i (%s)', (reason, status, phase, facts) => {
    expect(statusOfTlsFailure(ssl(reason), phase, facts).status).toBe(status);
  });

  it('tells a record of a wrong type from a wrong handshake message by the function that complained', () => {
    const message = 'error:0A0000F4:SSL routines:ssl3_read_bytes:unexpected message:rec_layer_s3.c:1538:';
    expect(statusOfTlsFailure(new Error(message), 'handshake').status).toBe(-15);
  });

  it('says who speaks plaintext', () => {
    const plain = ssl('wrong version number');
    expect(statusOfTlsFailure(plain, 'handshake').text).toContain('this port speaks plaintext');
    expect(statusOfTlsFailure(plain, 'handshake', { role: 'server' }).text).toContain('the client speaks plaintext');
    expect(statusOfTlsFailure(plain, 'record').text).toContain('unencrypted bytes');
  });
});

describe('the same reason in other clothes', () => {
  it.each<[string, unknown, number]>([
    ['a code alone', { code: 'ERR_SSL_NO_SHARED_CIPHER' }, -87],
    ['a reason alone', { reason: 'no shared cipher', library: 'SSL routines' }, -87],
    ['a message alone', new Error('error:0A0000C1:SSL routines:tls_early:no shared cipher:f.c:1:'), -87],
    ['a message without function', new Error('error:0A0000C1:SSL routines::no shared cipher'), -87],
    ['a string', 'error:0A0000C1:SSL routines::no shared cipher', -87],
    ['another OpenSSL library', { code: 'ERR_OSSL_X509_KEY_VALUES_MISMATCH' }, -60],
    ['another OpenSSL library, short', { code: 'ERR_OSSL_BAD_DECRYPT' }, -24],
    ['an alert named by OpenSSL 3.0', { code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' }, -12],
    ['an alert named by OpenSSL 3.2', { code: 'ERR_SSL_SSL/TLS_ALERT_UNKNOWN_CA' }, -12],
    ['our own error', new TlsError(-50, 'bad string'), -50],
  ])('%s', (_what, error, status) => {
    expect(statusOfTlsFailure(error, 'handshake').status).toBe(status);
  });
});

describe('alerts', () => {
  it.each([
    ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 40],
    ['ERR_SSL_SSLV3_ALERT_NO_CERTIFICATE', 41],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 45],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 48],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 70],
    ['ERR_SSL_TLSV1_ALERT_USER_CANCELLED', 90],
    ['ERR_SSL_TLSV13_ALERT_MISSING_EXTENSION', 109],
    ['ERR_SSL_TLSV1_UNSUPPORTED_EXTENSION', 110],
    ['ERR_SSL_TLSV1_UNRECOGNIZED_NAME', 112],
    ['ERR_SSL_TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE', 113],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY', 115],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 116],
    ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', 120],
  ])('%s is number %i', (code, alert) => {
    expect(statusOfTlsFailure({ code }, 'handshake')).toMatchObject({ status: -12, alert });
  });

  it('keeps a warning a warning', () => {
    expect(statusOfTlsFailure(ssl('no renegotiation'), 'record')).toMatchObject({ status: -16, alert: 100 });
  });
});

describe('the connection below', () => {
  it.each<[string, Error, number]>([
    ['reset met by read', system('ECONNRESET', 'read'), -54],
    ['reset met by write', system('ECONNRESET', 'write'), -54],
    ['broken pipe', system('EPIPE', 'write'), -53],
    ['closed before the handshake was complete', system('ECONNRESET'), -110],
    ['timed out by the kernel', system('ETIMEDOUT', 'read'), -54],
    ['protocol error', system('EPROTO', 'read'), -54],
    ['handshake timer', system('ERR_TLS_HANDSHAKE_TIMEOUT'), -319],
    ['stream cut', system('ERR_STREAM_PREMATURE_CLOSE'), -110],
    ['expired certificate', system('CERT_HAS_EXPIRED'), -348],
    ['wrong name', system('ERR_TLS_CERT_ALTNAME_INVALID'), -348],
  ])('%s -> %i', (_what, error, status) => {
    expect(statusOfTlsFailure(error, 'handshake').status).toBe(status);
  });
});

/** The first error, or the failure to get one, of a Node client whose server does `act` with the raw connection. */
async function clientError(act: (raw: net.Socket) => void, options: tls.ConnectionOptions = {}): Promise<unknown> {
  const server = net.createServer((raw) => {
    openSockets.add(raw);
    raw.on('error', () => {}); // how the peer ends is not what is tested
    act(raw);
  });
  openServers.add(server);
  const client = tls.connect({ port: await listening(server), host: '127.0.0.1', ca: pki.ca, ...options });
  openSockets.add(client);
  const [error] = await once(client, 'error').catch((thrown: unknown) => [thrown]);
  return error;
}

async function listening(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** The error of the given side when a Node client and a Node server of these options meet. */
async function meet(
  side: 'client' | 'server',
  serverOptions: tls.TlsOptions,
  clientOptions: tls.ConnectionOptions,
): Promise<unknown> {
  const server = tls.createServer({ ...pki.good, ...serverOptions });
  openServers.add(server);
  const failed = new Promise((resolve) => server.on('tlsClientError', resolve));
  const client = tls.connect({ port: await listening(server), host: '127.0.0.1', ca: pki.ca, ...clientOptions });
  openSockets.add(client);
  const clientFailed = new Promise((resolve) => client.on('error', resolve));
  return side === 'client' ? clientFailed : failed;
}

const afterHello = (bytes: Uint8Array) => (raw: net.Socket) => raw.once('data', () => raw.write(bytes));
const record = (type: number, ...body: number[]) =>
  Uint8Array.of(type, 3, 3, body.length >> 8, body.length & 255, ...body);

describe("Node's own errors against scripted peers", () => {
  it.each<[string, (raw: net.Socket) => void, number]>([
    ['SMTP greeting', (raw) => raw.write('220 mail.example ESMTP\r\n'), -15],
    ['IMAP greeting', (raw) => raw.write('* OK IMAP4rev1\r\n'), -15],
    ['HTTP answer', (raw) => raw.once('data', () => raw.end('HTTP/1.1 400 Bad Request\r\n\r\n')), -15],
    ['zeros', (raw) => raw.write(new Uint8Array(64)), -15],
    ['oversized record', (raw) => raw.write(Uint8Array.of(22, 3, 3, 255, 255, ...new Uint8Array(70_000))), -417],
    ['unknown handshake message', afterHello(record(22, 99, 0, 0, 5, 1, 2, 3, 4, 5)), -19],
    ['data record first', afterHello(record(23, 1, 2, 3)), -15],
    ['unknown record type', afterHello(record(99, 1, 2, 3)), -15],
    ['short ServerHello', afterHello(record(22, 2, 0, 0, 2, 3, 3)), -9],
    ['short alert', afterHello(record(21, 2)), -15],
    ['closed at once', (raw) => raw.end(), -110],
    ['closed after the hello', (raw) => raw.once('data', () => raw.end()), -110],
    ['reset after the hello', (raw) => raw.once('data', () => raw.resetAndDestroy()), -54],
  ])('%s -> %i', async (_what, act, status) => {
    expect(statusOfTlsFailure(await clientError(act), 'handshake').status).toBe(status);
  });

  // OpenSSL takes close_notify for the end of the stream whatever its level, so 0 never becomes an error
  it.each([...alerts()].filter(([number]) => number !== 0))('fatal alert %s %s', async (number, name) => {
    const failure = statusOfTlsFailure(await clientError(afterHello(record(21, 2, Number(number)))), 'handshake');
    expect(failure).toMatchObject({ status: -12, alert: Number(number) });
    expect(failure.text).toContain(`alert ${number} (${name})`);
  });
});

describe("Node's own errors when two ends do not fit", () => {
  const v12 = { maxVersion: 'TLSv1.2' } as const;
  const v13 = { minVersion: 'TLSv1.3' } as const;
  const rejecting = { requestCert: true, rejectUnauthorized: true };
  it.each<[string, tls.TlsOptions, tls.ConnectionOptions, { client?: number; server: number; facts?: FailureFacts }]>([
    ['server 1.3, client 1.2', v13, v12, { client: -12, server: -87, facts: { role: 'server', ...v13 } }],
    ['server 1.2, client 1.3', v12, v13, { client: -12, server: -8 }],
    [
      'no shared cipher in 1.2',
      { ...v12, ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' },
      { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' },
      { client: -12, server: -87 },
    ],
    [
      'no shared cipher in 1.3',
      { ...v13, ciphers: 'TLS_AES_128_GCM_SHA256' },
      { ciphers: 'TLS_AES_256_GCM_SHA384' },
      { client: -12, server: -87 },
    ],
    ['no shared group', { ...v13, ecdhCurve: 'P-521' }, { ecdhCurve: 'X25519' }, { client: -12, server: -423 }],
    ['ALPN', { ALPNProtocols: ['a'] }, { ALPNProtocols: ['b'] }, { client: -12, server: -344 }],
    [
      'no client certificate in 1.2',
      { ...v12, ...rejecting },
      {},
      { client: -12, server: -49, facts: { protocol: 'TLSv1.2' } },
    ],
    [
      'no client certificate in 1.3',
      { ...v13, ...rejecting },
      {},
      { client: -12, server: -112, facts: { protocol: 'TLSv1.3' } },
    ],
  ])('%s', async (_what, server, client, expected) => {
    const [told, refused] = [await meet('server', server, client), await meet('client', server, client)];
    expect(statusOfTlsFailure(told, 'handshake', expected.facts).status).toBe(expected.server);
    expect(statusOfTlsFailure(refused, 'handshake').status).toBe(expected.client);
  });

  it.each(['expired', 'notYetValid', 'selfSigned', 'wrongName', 'unknownIssuer'] as const)(
    '%s server',
    async (name) => {
      const error = await meet('client', pki[name], { servername: 'localhost' });
      const failure = statusOfTlsFailure(error, 'handshake');
      expect(failure.status).toBe(-348);
      expect(failure.text).toMatch(/^the peer's certificate cannot be trusted: .+ \([A-Z_]+\)$/);
    },
  );
});

describe('anything at all', () => {
  it('gives a listed negative status and one line of text, and never throws', () => {
    const anyError = fc.oneof(
      fc.anything(),
      fc.record(
        { code: fc.string(), message: fc.string(), reason: fc.string(), syscall: fc.string() },
        { requiredKeys: [] },
      ),
      fc.string().map((reason) => ({ code: `ERR_SSL_${reason}` })),
    );
    fc.assert(
      fc.property(anyError, fc.constantFrom<TlsPhase>('handshake', 'record'), (error, phase) => {
        const { status, text } = statusOfTlsFailure(error, phase);
        expect(status).toBeLessThan(0);
        expect(gnutlsErrorName(status)).toBeDefined();
        expect(text).toMatch(/^[^\r\n]+$/);
      }),
    );
  });
});
