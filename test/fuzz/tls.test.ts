import { once } from 'node:events';
import net from 'node:net';
import fc from 'fast-check';
import { createJob, type EngineName, engineReports, F, S } from 'tcpx';
import {
  TCPOP_ACCEPT,
  TCPOP_CONNECT,
  TCPOP_ERRMSG,
  TCPXFLG_ASYNC,
  TCPXFLG_BLOCK,
  TCPXFLG_KEEPLISTEN,
  TCPXFLG_LISTEN,
  TCPXFLG_TLS,
} from 'tcpx/ashell.def';
import { afterAll, describe, expect, it } from 'vitest';
import { makePki } from '../support/pki.ts';
import { withinTime } from '../support/time-box.ts';

// Whatever bytes a peer sends instead of TLS: a call never throws, gives a negative status with a text, and ends within
// its timer.

const pki = await makePki();
const TIME = 4_000;
const TIMER = 300;
const FLAGS = TCPXFLG_BLOCK + TCPXFLG_TLS;
const engines = engineReports().filter(({ available }) => available);

/** Random bytes, and bytes that look like records of TLS up to some point. */
const record = fc
  .tuple(fc.constantFrom(20, 21, 22, 23, 24), fc.constantFrom(0, 1, 3, 4), fc.uint8Array({ maxLength: 300 }))
  .map(([type, minor, body]) => Buffer.from([type, 3, minor, body.length >> 8, body.length & 255, ...body]));
const handshake = fc
  .tuple(fc.constantFrom(0, 1, 2, 4, 8, 11, 13, 14, 20, 24), fc.uint8Array({ maxLength: 200 }))
  .map(([type, body]) => Buffer.from([22, 3, 3, 0, body.length + 4, type, 0, 0, body.length, ...body]));
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 600 }).map((body) => Buffer.from(body)),
  fc.array(fc.oneof(record, handshake), { minLength: 1, maxLength: 6 }).map((records) => Buffer.concat(records)),
);
const ending = fc.constantFrom<'end' | 'reset' | 'stay'>('end', 'end', 'reset', 'stay');
type Ending = typeof ending extends fc.Arbitrary<infer T> ? T : never;

const sockets = new Set<net.Socket>();
afterAll(() => {
  for (const socket of sockets) socket.destroy();
});

function play(socket: net.Socket, sent: Buffer, how: Ending): void {
  sockets.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => sockets.delete(socket));
  socket.resume();
  socket.write(sent, () => {
    if (how === 'end') socket.end();
    else if (how === 'reset') socket.resetAndDestroy();
  });
}

async function judge(job: ReturnType<typeof createJob>, status: ReturnType<typeof F>, begun: number, sock: number) {
  expect(status.value).toBeLessThan(0);
  expect(sock).toBe(-1);
  expect(performance.now() - begun).toBeLessThan(TIMER + 1_500);
  const text = S(0);
  await job.xcall.async('TCPX', TCPOP_ERRMSG, status, text, 0, TCPXFLG_TLS);
  expect(text.value).not.toBe('');
}

const run = (property: fc.IAsyncProperty<unknown[]>) => withinTime(TIME, property);

describe.each(engines.map(({ name }) => name))('%s: bytes that are no TLS', (engine: EngineName) => {
  it('from a server, in answer to the ClientHello', async () => {
    const job = createJob({ engine, tls: { ca: pki.ca } });
    let next: { sent: Buffer; how: Ending } = { sent: Buffer.alloc(0), how: 'end' };
    const server = net.createServer((socket) => {
      const { sent, how } = next;
      socket.once('data', () => play(socket, sent, how));
      socket.on('error', () => {});
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    await run(
      fc.asyncProperty(bytes, ending, async (sent, how) => {
        next = { sent, how };
        const status = F();
        const sock = F(port);
        const begun = performance.now();
        await job.xcall.async('TCPX', TCPOP_CONNECT, status, '', sock, FLAGS, TIMER, '127.0.0.1');
        await judge(job, status, begun, sock.value);
        expect(job.sockets).toEqual([]);
      }),
    );
    job.close();
    server.close();
  }, 30_000);

  it('from a client, to ACCEPT', async () => {
    const job = createJob({ engine, bind: '127.0.0.1', tls: pki.good });
    const status = F();
    const listener = F(0);
    await job.xcall.async('TCPX', TCPOP_ACCEPT, status, '', listener, TCPXFLG_LISTEN);
    const { port } = job.socket(listener.value).local;
    await run(
      fc.asyncProperty(bytes, ending, async (sent, how) => {
        const client = net.connect(port, '127.0.0.1');
        client.on('connect', () => play(client, sent, how));
        const sock = F(listener.value);
        const begun = performance.now();
        await job.xcall.async(
          'TCPX',
          TCPOP_ACCEPT,
          status,
          '',
          sock,
          FLAGS + TCPXFLG_ASYNC + TCPXFLG_KEEPLISTEN,
          TIMER,
        );
        await judge(job, status, begun, sock.value);
        expect(job.sockets).toEqual([listener.value]);
        client.destroy();
      }),
    );
    job.close();
  }, 30_000);
});
