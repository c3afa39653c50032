// The stream that `tcpx/starttls` gives, as Node programs use one: much data in bounded memory, half-close, destroy, abort.
import { once } from 'node:events';
import { connect } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import tls, { type TLSSocket } from 'node:tls';
import { engineReports } from 'tcpx';
import { type StarttlsStream, starttls } from 'tcpx/starttls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { guardDescriptors } from '../support/conformance.ts';
import { makePki, type Pki } from '../support/pki.ts';
import { type Peer, type Step, startPeer, stopPeers } from '../support/scripted-peer.ts';

guardDescriptors();

const native = engineReports().some(({ name, available }) => name === 'gnutls' && available);
const WAYS = ['gnutls', 'node', 'stream'] as const;
type Way = (typeof WAYS)[number];
if (!native) {
  if (process.env.TCPX_INTEROP === 'required') throw new Error('the gnutls engine is required here');
  process.stderr.write('SKIPPED the stream of tcpx/starttls on gnutls: the engine is not available\n');
}

let pki: Pki;
beforeAll(async () => {
  pki = await makePki();
});

const servers = new Set<tls.Server>();
afterEach(async () => {
  await stopPeers();
  for (const server of servers) server.close();
  servers.clear();
});

/** A TLS server in this process: its memory is the test's, which has to bound both. */
async function serve(handle: (socket: TLSSocket) => void): Promise<number> {
  const { cert, key } = pki.good;
  const server = tls.createServer({ cert, key, allowHalfOpen: true } as tls.TlsOptions, (socket) => {
    socket.on('error', () => {});
    handle(socket);
  });
  servers.add(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function open(way: Way, port: number, protocol = 'tls'): Promise<StarttlsStream> {
  const options = { protocol, tls: { ca: pki.ca }, deadline: 10_000, self: 'client.example', host: 'localhost' };
  const { stream } =
    way === 'stream'
      ? await starttls({ ...options, stream: connect(port, '127.0.0.1') })
      : await starttls({ ...options, port, engine: way });
  return stream;
}

const CHUNK = 65_536;
const MOST = 256 * 2 ** 20;
/** What buffers on the way may hold, and what the collector has not looked at yet: less than all of it. */
const BOUND = 192 * 2 ** 20;

/** Chunks that begin with their number. */
function* numbered(count: number): Generator<Buffer> {
  for (let index = 0; index < count; index += 1) {
    const chunk = Buffer.alloc(CHUNK, index & 0xff);
    chunk.writeUInt32BE(index);
    yield chunk;
  }
}

/** Checks the number of each chunk, however the stream is cut. */
class Numbers {
  total = 0;
  #head = Buffer.alloc(0);

  take(data: Buffer): void {
    for (let at = 0; at < data.length; ) {
      const within = this.total % CHUNK;
      if (within < 4) {
        const part = data.subarray(at, at + 4 - within);
        this.#head = Buffer.concat([this.#head, part]);
        at += part.length;
        this.total += part.length;
        if (this.#head.length < 4) continue;
        const expected = Math.floor((this.total - 1) / CHUNK);
        if (this.#head.readUInt32BE() !== expected)
          throw new Error(`chunk ${expected} is ${this.#head.readUInt32BE()}`);
        this.#head = Buffer.alloc(0);
      } else {
        const rest = Math.min(CHUNK - within, data.length - at);
        at += rest;
        this.total += rest;
      }
    }
  }
}

/** The most memory that this process takes while `work` goes on, beyond what it had. */
async function growth(work: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 20);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return most - before;
}

describe.each(WAYS.filter((way) => native || way !== 'gnutls'))('the stream, %s', (way) => {
  it('brings 256 MiB, in bounded memory, as fast as it is read', { timeout: 60_000 }, async () => {
    let sent = 0;
    const port = await serve((socket) => {
      const chunks = numbered(MOST / CHUNK);
      const push = () => {
        for (let next = chunks.next(); !next.done; next = chunks.next()) {
          sent += next.value.length;
          if (!socket.write(next.value)) {
            socket.once('drain', push);
            return;
          }
        }
        socket.end();
      };
      push();
    });
    const stream = await open(way, port);
    const numbers = new Numbers();
    const grown = await growth(async () => {
      await once(stream, 'readable');
      // Nobody reads: before all of it lies in buffers nothing moves any more.
      let before = -1;
      while (sent !== before) {
        before = sent;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      expect(sent).toBeLessThan(MOST / 4);
      for await (const chunk of stream) numbers.take(chunk);
    });
    expect(numbers.total).toBe(MOST);
    expect(grown).toBeLessThan(BOUND);
    expect(stream.destroyed).toBe(true);
  });

  it('takes 256 MiB, in bounded memory, as fast as they are read at the other end', { timeout: 60_000 }, async () => {
    const numbers = new Numbers();
    const received = new Promise<void>((resolve) => {
      void serve((socket) => {
        socket.on('data', (chunk: Buffer) => numbers.take(chunk));
        socket.on('end', () => {
          socket.end();
          resolve();
        });
      }).then(async (port) => {
        const stream = await open(way, port);
        stream.resume();
        await pipeline(numbered(MOST / CHUNK), stream);
      });
    });
    expect(await growth(() => received)).toBeLessThan(BOUND);
    expect(numbers.total).toBe(MOST);
  });

  const UPGRADED: readonly Step[] = [
    { send: '220 mx.example ESMTP\r\n' },
    { expectUntil: '\r\n' },
    { send: '250-mx.example\r\n250 STARTTLS\r\n' },
    { expect: 'STARTTLS\r\n' },
    { send: '220 go\r\n' },
    { startTls: {} },
    { expectUntil: '\r\n' },
    { send: '250 mx.example\r\n' },
  ];

  const upgraded = async (steps: readonly Step[]): Promise<{ peer: Peer; stream: StarttlsStream }> => {
    const peer = await startPeer({ steps: [...UPGRADED, ...steps] });
    return { peer, stream: await open(way, peer.port, 'smtp') };
  };

  it('tells where it goes, and that it is encrypted', async () => {
    const { peer, stream } = await upgraded([{ expectEnd: 'any' }]);
    expect(stream).toMatchObject({ encrypted: true, remoteAddress: '127.0.0.1', remotePort: peer.port });
    expect(stream.tls?.version).toBe('TLSv1.3');
    stream.destroy();
    await once(stream, 'close');
  });

  it('ends one direction, and goes on in the other', async () => {
    const { peer, stream } = await upgraded([
      { expect: 'ask' },
      { expectEnd: 'close-notify' },
      { send: 'answer' },
      { close: 'fin' },
    ]);
    stream.end('ask');
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('answer');
    await peer.finished();
  });

  it('ends its own direction when the other side has ended', async () => {
    const { peer, stream } = await upgraded([{ close: 'half' }, { expectEnd: 'close-notify' }]);
    stream.resume();
    await finished(stream);
    await peer.finished();
  });

  it('is closed by destroy, also while it waits, without an error', async () => {
    const { peer, stream } = await upgraded([{ expectEnd: 'any' }]);
    stream.resume();
    const errors: Error[] = [];
    stream.on('error', (error) => errors.push(error));
    stream.destroy();
    await once(stream, 'close');
    expect(errors).toEqual([]);
    await peer.finished();
  });

  it('is closed by destroy while the other side does not read', async () => {
    const { stream } = await upgraded([{ neverRead: true }]);
    stream.on('error', () => {});
    for (let sent = 0; sent < 64 && stream.write(Buffer.alloc(2 ** 20)); sent += 1);
    expect(stream.writableNeedDrain).toBe(true);
    stream.destroy();
    await once(stream, 'close');
  });

  it('can be aborted', async () => {
    const { peer, stream } = await upgraded([{ expectEnd: 'any' }]);
    const abort = new AbortController();
    addAbortSignal(abort.signal, stream);
    stream.resume();
    abort.abort();
    const [error] = await once(stream, 'error');
    expect(error).toMatchObject({ name: 'AbortError' });
    await peer.finished();
  });

  it.each([
    ['a reset', 'rst'],
    ['an end without close_notify', 'no-close-notify'],
  ] as const)('fails on %s', async (_name, close) => {
    const { stream } = await upgraded([{ send: 'part' }, { close }]);
    stream.resume();
    const [error] = await once(stream, 'error');
    expect(error).toMatchObject({ code: 'TCPX_CHANNEL', origin: 'tls' });
    expect(stream.destroyed).toBe(true);
  });
});

it('goes through another TLS connection, as through a proxy', async () => {
  const peer = await startPeer({
    steps: [
      { send: '220 mx.example ESMTP\r\n' },
      { expectUntil: '\r\n' },
      { send: '250-mx.example\r\n250 STARTTLS\r\n' },
      { expect: 'STARTTLS\r\n' },
      { send: '220 go\r\n' },
      { startTls: {} },
      { expectUntil: '\r\n' },
      { send: '250 mx.example\r\n' },
      { echo: 200_000 },
      { close: 'fin' },
    ],
  });
  const port = await serve((socket) => {
    const onward = connect(peer.port, peer.host);
    onward.on('error', () => {});
    socket.pipe(onward).pipe(socket);
  });
  const proxy = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca: pki.ca });
  await once(proxy, 'secureConnect');
  const options = { protocol: 'smtp', host: 'localhost', tls: { ca: pki.ca }, deadline: 10_000 };
  const { stream, result } = await starttls({ ...options, stream: proxy });
  expect(result).toMatchObject({ outcome: 'upgraded', tls: { engine: 'node', verify: { result: 'verified' } } });
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 31) & 0xff));
  stream.write(bytes);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  if (!stream.closed) await once(stream, 'close');
  expect(proxy.destroyed).toBe(true);
  await peer.finished();
});

describe('a stream that is no use', () => {
  it.each([
    ['destroyed', (socket: ReturnType<typeof connect>) => socket.destroy(), 'has ended or was destroyed'],
    ['decoding', (socket: ReturnType<typeof connect>) => socket.setEncoding('utf8'), 'setEncoding'],
    [
      'read by somebody',
      (socket: ReturnType<typeof connect>) => socket.on('readable', () => {}),
      "'readable' listener",
    ],
  ])('%s is refused', async (_name, spoil, message) => {
    const peer = await startPeer({ steps: [{ neverRead: true }] });
    const socket = connect(peer.port, peer.host);
    await once(socket, 'connect');
    spoil(socket);
    await expect(starttls({ stream: socket, host: 'localhost', protocol: 'smtp' })).rejects.toThrow(message);
    socket.destroy();
  });
});
