// The client dialects of lines against the servers that people run, through the library, in the four columns.
import { once } from 'node:events';
import { engineReports, F, S } from 'tcpx';
import { TCPOP_READ, TCPOP_WRITE, TCPXFLG_TLS } from 'tcpx/ashell.def';
import {
  type FtpClient,
  type FtpOptions,
  ftp,
  type HostOptions,
  type Negotiation,
  NegotiationError,
  starttls,
  type UpgradePolicy,
} from 'tcpx/starttls';
import { beforeAll, expect, it } from 'vitest';
import { COLUMNS, type Column } from '../support/conformance.ts';
import { type Dovecot, startDovecot } from '../support/dovecot.ts';
import { type FtpServer, startFtpServer } from '../support/ftp-server.ts';
import { startIrcServer } from '../support/irc-server.ts';
import { startNewsServer } from '../support/news-server.ts';
import { cleanUpAfterAll, interop, tempDir } from '../support/peer.ts';
import { type PkiPaths, writePki } from '../support/pki.ts';

let pki: PkiPaths;
beforeAll(async () => {
  pki = await writePki(tempDir());
});
cleanUpAfterAll();

const LIMIT = 20_000;
const columns = COLUMNS.filter(({ engine }) => engineReports().find(({ name }) => name === engine)?.available === true);

/** What is said inside TLS, and what the answer has to match before the next. */
type Exchange = readonly [send: string, until: RegExp];

interface Place {
  readonly protocol: string;
  readonly port: number;
  readonly policy?: UpgradePolicy;
  readonly host?: string;
}

/** Upgrades, and talks inside TLS. */
async function converse(column: Column, place: Place, exchanges: readonly Exchange[] = []): Promise<Negotiation> {
  const { engine, mode } = column;
  const { host = 'localhost', ...rest } = place;
  const tls = { ca: pki.ca, ...(host === 'localhost' ? {} : { servername: 'localhost' }) };
  const options = { host, engine, deadline: LIMIT, tls, ...rest };
  return mode === 'sync' ? converseSync(options, exchanges) : await converseAsync(options, exchanges);
}

async function converseAsync(options: HostOptions, exchanges: readonly Exchange[]): Promise<Negotiation> {
  const { stream, result } = await starttls(options);
  let heard = '';
  stream.setEncoding('latin1').on('data', (text: string) => {
    heard += text;
  });
  for (const [send, until] of exchanges) {
    heard = '';
    stream.write(send);
    while (!until.test(heard)) await once(stream, 'data', { signal: AbortSignal.timeout(LIMIT) });
  }
  stream.destroy();
  await once(stream, 'close');
  return result;
}

function converseSync(options: HostOptions, exchanges: readonly Exchange[]): Negotiation {
  const { job, socket, result } = starttls.sync(options);
  const status = F();
  const buffer = S(8192);
  try {
    for (const [send, until] of exchanges) {
      job.xcall('TCPX', TCPOP_WRITE, status, send, socket, TCPXFLG_TLS, LIMIT);
      expect(status.value).toBe(send.length);
      for (let heard = ''; !until.test(heard); heard += buffer.value) {
        job.xcall('TCPX', TCPOP_READ, status, buffer, socket, TCPXFLG_TLS, LIMIT);
        expect(status.value, `after ${JSON.stringify(heard)}`).toBeGreaterThan(0);
      }
    }
    return result;
  } finally {
    job.close();
  }
}

/** What comes of an upgrade that has to fail. */
async function refusal(column: Column, place: Place): Promise<Negotiation> {
  const error = await converse(column, place).catch((error: unknown) => error);
  if (error instanceof NegotiationError) return error.result;
  throw error;
}

function inColumns(title: string, run: (column: Column) => Promise<void>): void {
  it.each(columns.map((column) => [`${column.engine} ${column.mode}`, column] as const))(`${title}: %s`, (_, column) =>
    run(column),
  );
}

const PLAIN = (user: string, password: string) => Buffer.from(`\0${user}\0${password}`).toString('base64');

interop('dovecot', ['dovecot', 'root'], () => {
  let server: Dovecot;
  beforeAll(async () => {
    server = await startDovecot(pki);
    return () => server.stop();
  });

  inColumns('IMAP', async (column) => {
    const { imapPort, imapsPort, strictHost, user, password } = server;
    const login: readonly Exchange[] = [
      [`b1 LOGIN ${user} ${password}\r\n`, /^b1 OK /m],
      ['b2 SELECT INBOX\r\n', /^b2 OK /m],
      ['b3 LOGOUT\r\n', /^b3 OK /m],
    ];
    const strict = await converse(column, { protocol: 'imap', host: strictHost, port: imapPort }, login);
    expect(strict).toMatchObject({ outcome: 'upgraded', credentialsInClear: false, discardedBytes: 0 });
    expect(strict.preTlsCapabilities).toEqual(expect.arrayContaining(['STARTTLS', 'LOGINDISABLED']));
    expect(strict.postTlsCapabilities).toContain('AUTH=PLAIN');
    expect(strict.postTlsCapabilities).not.toEqual(expect.arrayContaining(['STARTTLS']));
    expect((await converse(column, { protocol: 'imap', port: imapPort }, login)).credentialsInClear).toBe(true);
    const direct = await converse(column, { protocol: 'imaps', port: imapsPort }, login);
    expect(direct).toMatchObject({ outcome: 'direct', tls: { verify: { result: 'verified' } } });
  });

  inColumns('POP3', async (column) => {
    const { pop3Port, pop3sPort, strictHost, user, password } = server;
    const login: readonly Exchange[] = [
      [`USER ${user}\r\n`, /^\+OK/],
      [`PASS ${password}\r\n`, /^\+OK/],
      ['STAT\r\n', /^\+OK \d+ \d+\r\n/],
    ];
    const strict = await converse(column, { protocol: 'pop3', host: strictHost, port: pop3Port }, login);
    expect(strict).toMatchObject({ outcome: 'upgraded', credentialsInClear: false });
    expect(strict.preTlsCapabilities).toContain('STLS');
    expect(strict.postTlsCapabilities).toEqual(expect.arrayContaining(['USER', 'SASL PLAIN LOGIN']));
    expect(strict.postTlsCapabilities).not.toContain('STLS');
    const direct = await converse(column, { protocol: 'pop3s', port: pop3sPort }, login);
    expect(direct).toMatchObject({ outcome: 'direct' });
  });

  inColumns('ManageSieve', async (column) => {
    const { sievePort, strictHost, user, password } = server;
    const result = await converse(column, { protocol: 'sieve', host: strictHost, port: sievePort }, [
      [`AUTHENTICATE "PLAIN" "${PLAIN(user, password)}"\r\n`, /^OK/m],
      ['LISTSCRIPTS\r\n', /^OK/m],
    ]);
    expect(result).toMatchObject({ outcome: 'upgraded', credentialsInClear: false });
    expect(result.preTlsCapabilities).toContain('STARTTLS');
    expect(result.postTlsCapabilities).toContain('SASL PLAIN LOGIN');
    expect(result.postTlsCapabilities).not.toContain('STARTTLS');
  });
});

interop('nnrpd', ['nnrpd', 'root'], () => {
  inColumns('NNTP', async (column) => {
    const server = await startNewsServer(pki, { requireTls: true });
    const { port, user, password, group } = server;
    const login: readonly Exchange[] = [
      [`AUTHINFO USER ${user}\r\n`, /^381 /],
      [`AUTHINFO PASS ${password}\r\n`, /^281 /],
      [`GROUP ${group}\r\n`, /^211 1 1 1 /],
    ];
    const result = await converse(column, { protocol: 'nntp', port }, login);
    expect(result).toMatchObject({ outcome: 'upgraded', reply: { code: '382' } });
    expect(result.preTlsCapabilities).toContain('STARTTLS');
    expect(result.postTlsCapabilities).not.toContain('STARTTLS');
    await server.stop();
    const direct = await startNewsServer(pki, { implicit: true });
    expect(await converse(column, { protocol: 'nntps', port: direct.port }, login)).toMatchObject({
      outcome: 'direct',
    });
    await direct.stop();
    const clear = await startNewsServer(pki, { tls: false });
    const refused = await refusal(column, { protocol: 'nntp', port: clear.port });
    expect(refused).toMatchObject({ outcome: 'refused', reply: { code: '580' } });
    await clear.stop();
  });
});

interop('inspircd', ['inspircd'], () => {
  inColumns('IRC', async (column) => {
    const server = await startIrcServer(pki);
    const { ircPort, ircsPort } = server;
    const register: readonly Exchange[] = [['CAP END\r\nNICK ann\r\nUSER ann 0 * :Ann\r\n', / 001 ann /]];
    const result = await converse(column, { protocol: 'irc', port: ircPort }, register);
    expect(result).toMatchObject({ outcome: 'upgraded', reply: { code: '670' } });
    expect(result.preTlsCapabilities).toEqual(expect.arrayContaining(['tls', `sts=port=${ircsPort}`]));
    expect(result.postTlsCapabilities).toContain('sts=duration=3600');
    expect(await converse(column, { protocol: 'ircs', port: ircsPort }, register)).toMatchObject({ outcome: 'direct' });
    await server.stop();
    const clear = await startIrcServer(pki, { tls: false });
    expect(await refusal(column, { protocol: 'irc', port: clear.ircPort })).toMatchObject({ outcome: 'notOffered' });
    expect(await converse(column, { protocol: 'irc', port: clear.ircPort, policy: 'never' })).toMatchObject({
      outcome: 'clear',
    });
    await clear.stop();
  });
});

interop('vsftpd', ['vsftpd', 'root'], () => {
  /** A client whose calls are promises in either mode. */
  async function open({ engine, mode }: Column, options: Partial<FtpOptions> & { port: number }): Promise<FtpClient> {
    const all = { host: 'localhost', engine, deadline: LIMIT, patience: LIMIT, tls: { ca: pki.ca }, ...options };
    if (mode === 'async') return await ftp(all);
    const client = ftp.sync(all);
    return {
      result: client.result,
      login: async (...args) => client.login(...args),
      list: async (...args) => client.list(...args),
      retrieve: async (...args) => client.retrieve(...args),
      close: async () => client.close(),
    };
  }

  async function download(client: FtpClient, { user, password, file }: FtpServer): Promise<void> {
    await client.login(user, password);
    // Each data connection resumes what the one before it was given.
    for (let count = 0; count < 3; count += 1) {
      expect(await client.list()).toContain(file.name);
      const parts: Buffer[] = [];
      const transfer = await client.retrieve(file.name, (part) => parts.push(Buffer.from(part)));
      expect(transfer).toMatchObject({ bytes: file.content.length, tls: { resumed: true }, reply: { code: 226 } });
      expect(Buffer.concat(parts).equals(file.content)).toBe(true);
    }
    await expect(client.retrieve('there is none', () => {})).rejects.toMatchObject({ fault: 'refused' });
    await client.close();
  }

  for (const version of ['1.2', '1.3'] as const) {
    const tls = () => ({ ca: pki.ca, priority: `NORMAL:-VERS-ALL:+VERS-TLS${version}` });

    inColumns(`FTP, data connections that resume a session of TLS ${version}`, async (column) => {
      const server = await startFtpServer(pki, { requireTls: true });
      const client = await open(column, { port: server.port, tls: tls() });
      expect(client.result).toMatchObject({
        outcome: 'upgraded',
        tls: { version: `TLSv${version}` },
        reply: { code: '234' },
      });
      expect(client.result.preTlsCapabilities).toContain('AUTH TLS');
      await download(client, server);
      // Others are open beside it: each has keys of its own at the server, and sessions of its own here.
      const clients = [];
      for (let count = 0; count < 3; count += 1) clients.push(await open(column, { port: server.port, tls: tls() }));
      for (const other of clients.reverse()) await download(other, server);
      await server.stop();
    });
  }

  inColumns('FTP with TLS from the first byte', async (column) => {
    const server = await startFtpServer(pki, { implicit: true });
    const client = await open(column, { port: server.port, protocol: 'ftps' });
    expect(client.result).toMatchObject({ outcome: 'direct' });
    await download(client, server);
    await server.stop();
  });

  inColumns('FTP, refusals', async (column) => {
    const server = await startFtpServer(pki, { requireTls: true });
    const client = await open(column, { port: server.port });
    await expect(client.login(server.user, 'wrong')).rejects.toMatchObject({ fault: 'refused' });
    await client.close();
    // Without a session to resume the server says so on the control connection.
    const other = await open(column, { port: server.port, tls: { ca: pki.ca, resume: false } });
    await other.login(server.user, server.password);
    await expect(other.list()).rejects.toThrow(/522 .*session reuse required/);
    await other.close();
    await server.stop();
    const clear = await startFtpServer(pki, { tls: false });
    const refused = await open(column, { port: clear.port }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(NegotiationError);
    expect((refused as NegotiationError).result.outcome).toBe('notOffered');
    await clear.stop();
  });
});
