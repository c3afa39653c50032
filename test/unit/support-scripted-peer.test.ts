import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort, openDescriptors } from '../support/peer.ts';
import { makePki, type Pki } from '../support/pki.ts';
import {
  blackholeListener,
  fillPattern,
  type PeerScript,
  startPeer,
  startPeerHost,
  stopPeers,
} from '../support/scripted-peer.ts';

let pki: Pki;
const sockets: Socket[] = [];

beforeAll(async () => {
  pki = await makePki();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await stopPeers();
});

/** A client socket that collects what it reads. */
class Client {
  readonly socket: Socket;
  text = '';
  readonly chunks: Buffer[] = [];
  ended = false;
  error: string | undefined;
  session: Buffer | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    sockets.push(socket);
    socket.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.text += chunk.toString('latin1');
    });
    socket.on('session', (session: Buffer) => {
      this.session = session;
    });
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code;
    });
  }

  static async to(place: { port: number; host: string }): Promise<Client> {
    const socket = connect({ ...place, allowHalfOpen: true });
    const client = new Client(socket);
    await once(socket, 'connect');
    return client;
  }

  static async tls(
    place: { port: number; host: string },
    options: ConnectionOptions = {},
  ): Promise<Client & { socket: TLSSocket }> {
    const settings = { ...place, ca: pki.ca, servername: 'localhost', allowHalfOpen: true, ...options };
    const socket = connectTls(settings);
    const client = new Client(socket);
    await once(socket, 'secureConnect');
    return Object.assign(client, { socket });
  }

  async reads(text: string): Promise<void> {
    await expect.poll(() => this.text).toBe(text);
  }
}

const start = (script: PeerScript) => startPeer({ deadline: 5000, ...script });

describe('scripted peer, in clear', () => {
  it('sends and expects', async () => {
    const peer = await start({
      steps: [{ send: 'hello\r\n' }, { expect: 'name ' }, { expect: 3 }, { expectUntil: '\r\n' }, { send: 'bye' }],
    });
    const client = await Client.to(peer);
    await client.reads('hello\r\n');
    client.socket.write('name Ann and more\r\n');
    await client.reads('hello\r\nbye');
    await expect.poll(() => client.ended).toBe(true);
    const { connections } = await peer.finished();
    expect(Buffer.from(connections[0]?.received ?? []).toString()).toBe('name Ann and more\r\n');
    expect(connections[0]).toMatchObject({ sentBytes: 10, receivedBytes: 19, failure: null, secure: null });
  });

  it('says which step failed, and breaks off', async () => {
    const peer = await start({ steps: [{ send: 'x' }, { expect: 'EHLO' }] });
    const client = await Client.to(peer);
    await client.reads('x');
    client.socket.write('HELO');
    await expect(peer.finished()).rejects.toThrow(/connection 0, step 1 .*EHLO.*expected "EHLO", got "HELO"/);
    await expect.poll(() => client.error).toBe('ECONNRESET');
    expect((await peer.outcome()).connections[0]?.failure).toMatch(/expected "EHLO"/);
  });

  it('fails when its deadline passes', async () => {
    const peer = await start({ steps: [], deadline: 100 });
    await expect(peer.finished()).rejects.toThrow(/not finished within 100 ms: 0 of 1 connections made/);
  });

  it('resets', async () => {
    const peer = await start({ steps: [{ expect: 1 }, { close: 'rst' }] });
    const client = await Client.to(peer);
    client.socket.write('x');
    await expect.poll(() => client.error).toBe('ECONNRESET');
    await peer.finished();
  });

  it('half-closes and goes on reading', async () => {
    const peer = await start({ steps: [{ send: 'a' }, { close: 'half' }, { expect: 'later' }, { expectEnd: 'fin' }] });
    const client = await Client.to(peer);
    await expect.poll(() => client.ended).toBe(true);
    expect(client.text).toBe('a');
    client.socket.end('later');
    await peer.finished();
  });

  it('sees a reset', async () => {
    const peer = await start({ steps: [{ expect: 'x' }, { expectEnd: 'reset' }] });
    const client = await Client.to(peer);
    client.socket.write('x');
    await expect.poll(async () => (await peer.received()).toString()).toBe('x');
    client.socket.resetAndDestroy();
    await peer.finished();
  });

  it('sees a reset that comes together with data', async () => {
    const steps = [{ delay: 100 }, { expect: 'x' }, { expectEnd: 'reset' }] as const;
    const peer = await start({ steps });
    const client = await Client.to(peer);
    client.socket.write('x', () => client.socket.resetAndDestroy());
    await peer.finished();
  });

  it('sends slowly, each piece on its own', async () => {
    const peer = await start({ steps: [{ sendSlowly: 'abcdef', everyMs: 20, piece: 2 }] });
    const client = await Client.to(peer);
    const from = performance.now();
    await client.reads('abcdef');
    expect(client.chunks.map(String)).toEqual(['ab', 'cd', 'ef']);
    expect(performance.now() - from).toBeGreaterThan(30);
  });

  it('echoes until the end', async () => {
    const peer = await start({ steps: [{ echo: true }] });
    const client = await Client.to(peer);
    client.socket.end(fillPattern(300_000));
    await expect.poll(() => client.ended).toBe(true);
    expect(Buffer.concat(client.chunks).equals(fillPattern(300_000))).toBe(true);
    expect((await peer.finished()).connections[0]).toMatchObject({ receivedBytes: 300_000, sentBytes: 300_000 });
  });

  it('fills, checks a fill, discards', async () => {
    const steps = [{ fill: 200_000 }, { expectFill: 100_000 }, { discard: 10 }, { expect: 'end' }] as const;
    const peer = await start({ steps });
    const client = await Client.to(peer);
    client.socket.write(Buffer.concat([fillPattern(100_000), Buffer.from('0123456789end')]));
    await expect.poll(() => Buffer.concat(client.chunks).equals(fillPattern(200_000))).toBe(true);
    expect((await peer.finished()).connections[0]?.received).toHaveLength(3);
  });

  it('never reads: the sender runs full', async () => {
    const peer = await start({ steps: [{ neverRead: true }] });
    const client = await Client.to(peer);
    const block = Buffer.alloc(1 << 20);
    for (let i = 0; i < 32; i++) client.socket.write(block);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(client.socket.writableLength).toBeGreaterThan(0);
    expect((await peer.finished()).connections[0]?.receivedBytes).toBe(0);
  });

  it('waits at a gate', async () => {
    const peer = await start({ steps: [{ waitFor: 'go' }, { send: 'went' }] });
    const client = await Client.to(peer);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(client.text).toBe('');
    await peer.release('go');
    await client.reads('went');
  });

  it('has a script per connection and refuses more', async () => {
    const peer = await start({ connections: [[{ send: 'one' }], [{ send: 'two' }]] });
    await (await Client.to(peer)).reads('one');
    await (await Client.to(peer)).reads('two');
    expect((await peer.finished()).connections).toHaveLength(2);
    // The reset may come before the client has seen its connection.
    const third = Client.to(peer).then((client) => once(client.socket, 'data'));
    await expect(third).rejects.toThrow(/ECONNRESET/);
    await expect(peer.finished()).rejects.toThrow(/connection 2 was not expected/);
  });

  it('listens on ::1', async () => {
    const peer = await start({ listen: { host: '::1' }, steps: [{ send: 'six' }] });
    expect(peer.host).toBe('::1');
    await (await Client.to(peer)).reads('six');
  });

  it('connects, as soon as somebody listens', async () => {
    const port = await freePort();
    const peer = await start({ connect: { port }, steps: [{ expect: 'hi' }, { send: 'yo' }], count: 2 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const server = await listening(port, (socket) => socket.end('hi'));
    const { connections } = await peer.finished();
    expect(connections).toHaveLength(2);
    server.close();
  });

  it('frees its port and takes no descriptors of this process', async () => {
    await startPeerHost();
    const before = openDescriptors();
    const peer = await start({ steps: [] });
    expect(openDescriptors()).toBe(before);
    await peer.stop();
    await expect(Client.to(peer)).rejects.toThrow(/ECONNREFUSED/);
  });
});

async function listening(port: number, serve: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    serve(socket);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('scripted peer, TLS', () => {
  it('serves TLS from the first byte and says what was agreed', async () => {
    const peer = await start({
      tls: { alpn: ['imap', 'pop3'] },
      steps: [{ expect: 'ping' }, { send: 'pong' }, { close: 'fin' }, { expectEnd: 'close-notify' }],
    });
    const client = await Client.tls(peer, { ALPNProtocols: ['pop3'] });
    client.socket.write('ping');
    await client.reads('pong');
    client.socket.end();
    const { connections } = await peer.finished();
    expect(connections[0]?.secure).toMatchObject({
      version: 'TLSv1.3',
      cipher: 'TLS_AES_256_GCM_SHA384',
      alpn: 'pop3',
      servername: 'localhost',
      resumed: false,
      peerName: null,
    });
    expect(connections[0]?.events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['connected', 'secure', 'closing', 'end']),
    );
  });

  it('upgrades in the middle, and may inject plaintext', async () => {
    const peer = await start({
      steps: [{ expectUntil: '\n' }, { send: '220 go\nINJECTED\n' }, { startTls: {} }, { expect: 'x' }, { send: 'y' }],
    });
    const client = await Client.to(peer);
    client.socket.write('STARTTLS\n');
    await client.reads('220 go\nINJECTED\n');
    client.socket.removeAllListeners('data');
    const secure = new Client(connectTls({ socket: client.socket, ca: pki.ca, servername: 'localhost' }));
    secure.socket.write('x');
    await secure.reads('y');
    await peer.finished();
  });

  it('takes a hello that came with the last plaintext', async () => {
    const peer = await start({ steps: [{ expect: 'STARTTLS\n' }, { delay: 50 }, { startTls: {} }, { send: 'ok' }] });
    const client = await Client.to(peer);
    client.socket.write('STARTTLS\n');
    const secure = new Client(connectTls({ socket: client.socket, ca: pki.ca, servername: 'localhost' }));
    await secure.reads('ok');
    await peer.finished();
  });

  it.each([
    ['fin', 'close-notify'],
    ['half', 'close-notify'],
    ['close-notify', 'close-notify'],
    ['no-close-notify', 'fin'],
  ] as const)('one peer closes by %s, another sees %s', async (how, seen) => {
    const port = await freePort();
    const server = await start({ listen: { port }, tls: {}, steps: [{ send: 'x' }, { close: how }, { delay: 100 }] });
    const client = await start({ connect: { port }, tls: {}, steps: [{ expect: 'x' }, { expectEnd: seen }] });
    const { connections } = await client.finished();
    expect(connections[0]?.end).toBe(seen);
    await server.finished();
  });

  it('sees a close_notify that waited behind data', async () => {
    const port = await freePort();
    await start({ listen: { port }, tls: {}, steps: [{ fill: 100_000 }, { close: 'fin' }] });
    const client = await start({
      connect: { port },
      tls: {},
      steps: [{ delay: 100 }, { expectFill: 100_000 }, { delay: 50 }, { expectEnd: 'close-notify' }],
    });
    await client.finished();
  });

  it('sees a missing close_notify behind data', async () => {
    const port = await freePort();
    await start({ listen: { port }, tls: {}, steps: [{ fill: 100_000 }, { close: 'no-close-notify' }] });
    const client = await start({
      connect: { port },
      tls: {},
      steps: [{ delay: 100 }, { expectFill: 100_000 }, { delay: 50 }, { expectEnd: 'fin' }],
    });
    await client.finished();
  });

  it('resets a TLS connection', async () => {
    const peer = await start({ tls: {}, steps: [{ send: 'ready' }, { expect: 'x' }, { close: 'rst' }] });
    const client = await Client.tls(peer);
    // libuv shows a reset that it finds together with data as an ordinary end.
    await client.reads('ready');
    client.socket.write('x');
    await expect.poll(() => client.error).toBe('ECONNRESET');
  });

  it('asks for a client certificate', async () => {
    const script = { tls: { requestCert: 'required' }, steps: [{ send: 'in' }] } as const;
    const peer = await start(script);
    const client = await Client.tls(peer, pki.client);
    await client.reads('in');
    expect((await peer.finished()).connections[0]?.secure).toMatchObject({ peerName: 'tcpx client', authorized: true });

    const strict = await start(script);
    await Client.tls(strict, pki.unknownClient).catch(() => {});
    await expect(strict.finished()).rejects.toThrow(/client certificate: UNABLE_TO_VERIFY_LEAF_SIGNATURE/);

    const alone = await start(script);
    await Client.tls(alone).catch(() => {});
    await expect(alone.finished()).rejects.toThrow(/PEER_DID_NOT_RETURN_A_CERTIFICATE/);
  });

  it('connects as a client with a certificate', async () => {
    const port = await freePort();
    const server = await start({ listen: { port }, tls: { requestCert: 'required' }, steps: [{ expect: 'x' }] });
    const client = await start({ connect: { port }, tls: { identity: pki.client }, steps: [{ send: 'x' }] });
    expect((await server.finished()).connections[0]?.secure?.peerName).toBe('tcpx client');
    expect((await client.finished()).connections[0]?.secure?.peerName).toBe('localhost');
  });

  it('reports a handshake that the other side broke off', async () => {
    const peer = await start({ tls: { identity: pki.expired }, steps: [] });
    await Client.tls(peer).catch(() => {});
    const { connections } = await peer.outcome();
    expect(connections[0]).toMatchObject({ finished: true, received: Buffer.alloc(0) });
  });

  it('sends an alert when nothing fits', async () => {
    const peer = await start({ tls: { minVersion: 'TLSv1.3' }, steps: [] });
    await expect(Client.tls(peer, { maxVersion: 'TLSv1.2' })).rejects.toThrow(/alert protocol version/);
    await expect(peer.finished()).rejects.toThrow(/no TLS handshake: error \(ERR_SSL_UNSUPPORTED_PROTOCOL\)/);
  });

  it('chooses a certificate by server name', async () => {
    const peer = await start({ tls: { sni: { 'other.example': pki.wrongName } }, steps: [], count: 2 });
    const other = await Client.tls(peer, { servername: 'other.example' });
    expect(other.socket.getPeerCertificate().subject.CN).toBe('other.example');
    const local = await Client.tls(peer);
    expect(local.socket.getPeerCertificate().subject.CN).toBe('localhost');
    await peer.finished();
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('resumes %s', async (version) => {
    const peer = await start({ tls: { maxVersion: version }, steps: [{ send: 'x' }], count: 2 });
    const first = await Client.tls(peer);
    await first.reads('x');
    await expect.poll(() => first.session).toBeDefined();
    await (await Client.tls(peer, { session: first.session })).reads('x');
    const { connections } = await peer.finished();
    expect(connections.map(({ secure }) => secure?.resumed)).toEqual([false, true]);
  });

  it('cuts records into tiny segments', async () => {
    const peer = await start({ tls: { fragment: 1 }, steps: [{ send: 'tiny' }] });
    await (await Client.tls(peer)).reads('tiny');
  });

  it('writes below TLS', async () => {
    const peer = await start({ tls: {}, steps: [{ expect: 'x' }, { sendRaw: 'not a record at all' }, { delay: 100 }] });
    const client = await Client.tls(peer);
    client.socket.write('x');
    await expect.poll(() => client.error).toMatch(/^ERR_SSL_/);
  });
});

describe.runIf(process.platform === 'linux')('blackholeListener', () => {
  it.each(['127.0.0.1', '::1'] as const)('lets attempts to connect to %s hang', async (host) => {
    const hole = await blackholeListener(host);
    const attempts = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const socket = connect({ port: hole.port, host });
        sockets.push(socket.on('error', () => {}));
        const timer = new Promise<string>((resolve) => setTimeout(resolve, 400, 'hangs'));
        return Promise.race([once(socket, 'connect').then(() => 'connects'), timer]);
      }),
    );
    expect(attempts).toEqual(['hangs', 'hangs', 'hangs']);
    await hole.stop();
    await expect(Client.to(hole)).rejects.toThrow(/ECONNREFUSED/);
  });
});
