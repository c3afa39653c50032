/** ACCEPT and its bits (tcpx §4, §5.2, §10). */
import { F, S, X } from 'tcpx';
import {
  TCPOP_ACCEPT,
  TCPOP_CHECK,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_READ,
  TCPOP_WRITE,
  TCPXFLG_ASYNC,
  TCPXFLG_BLOCK,
  TCPXFLG_KEEPLISTEN,
  TCPXFLG_LISTEN,
} from 'tcpx/ashell.def';
import { expect } from 'vitest';
import { type Bench, behaviour, LIMIT } from '../support/conformance.ts';
import { freePort } from '../support/peer.ts';
import { type Step, startPeer } from '../support/scripted-peer.ts';
import { bytesOf, client, listen, type NumberVar, plainFile, SLACK, timed, until } from './plain.ts';

plainFile();

const LOCAL = { bind: '127.0.0.1' };
const ASYNC_KEEP = TCPXFLG_BLOCK + TCPXFLG_ASYNC + TCPXFLG_KEEPLISTEN;

/** The status of a CONNECT to a port of this machine; what it opens is closed at once. */
async function knock(bench: Bench, port: number, host = '127.0.0.1'): Promise<number> {
  const sock = F(port);
  const status = await bench.x(TCPOP_CONNECT, F(), S(0), sock, TCPXFLG_BLOCK, LIMIT, host);
  if (status === 0) await bench.x(TCPOP_CLOSE, F(), '', sock);
  return status;
}

async function talk(bench: Bench, sock: NumberVar, mode = TCPXFLG_BLOCK): Promise<void> {
  expect(bench.job.socket(sock.value)).toMatchObject({
    kind: 'stream',
    role: 'server',
    state: 'plain',
    blocking: mode === TCPXFLG_BLOCK,
  });
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 4, LIMIT)).toBe(4);
  expect(bench.buffer.value).toBe('ping');
  expect(await bench.x(TCPOP_WRITE, bench.status, 'pong', sock)).toBe(4);
  expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
}

const PING: readonly Step[] = [{ send: 'ping' }, { expect: 'pong' }, { expectEnd: 'fin' }];

behaviour(
  {
    ids: ['ACCEPT-PLAIN', 'ACCEPT-STATUS', 'ACCEPT-CLOSES-LISTENER', 'ACCEPT-BLOCK'],
    title: 'one client, then nobody listens',
  },
  async (bench) => {
    for (const mode of [TCPXFLG_BLOCK, 0]) {
      const port = await freePort();
      const peer = await client(port, PING);
      const sock = F(port);
      expect(await bench.x(TCPOP_ACCEPT, bench.status, '', sock, mode)).toBe(0);
      expect(sock.value).not.toBe(port);
      expect(bench.job.sockets).toEqual([sock.value]);
      expect(await knock(bench, port)).toBe(-111);
      await talk(bench, sock, mode);
      await peer.finished();
    }
  },
);

behaviour({ ids: ['ACCEPT-REUSEADDR'], title: 'the same port again at once' }, async (bench) => {
  const port = await freePort();
  for (let round = 0; round < 3; round += 1) {
    const peer = await client(port, [{ send: 'ping' }, { expectEnd: 'any' }]);
    const sock = F(port);
    expect(await bench.x(TCPOP_ACCEPT, bench.status, '', sock, TCPXFLG_BLOCK)).toBe(0);
    expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 4, LIMIT)).toBe(4);
    // The side that closes first keeps the port in TIME_WAIT.
    expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
    await peer.finished();
  }
});

behaviour({ ids: ['ACCEPT-LISTEN', 'ACCEPT-GREETING-ASYNC'], title: 'LISTEN', options: LOCAL }, async (bench) => {
  const sock = F(0);
  const { status, elapsed } = await timed(() =>
    bench.x(TCPOP_ACCEPT, bench.status, S(40, 'no greeting'), sock, TCPXFLG_LISTEN + TCPXFLG_BLOCK, LIMIT),
  );
  expect(status).toBe(0);
  expect(elapsed).toBeLessThan(LIMIT / 2);
  const facts = bench.job.socket(sock.value);
  expect(facts).toMatchObject({ kind: 'listener', role: 'server', local: { host: '127.0.0.1' } });
  expect(await knock(bench, facts.local.port)).toBe(0);
  // A port of one's own choice.
  const port = await freePort();
  const chosen = F(port);
  expect(await bench.x(TCPOP_ACCEPT, bench.status, '', chosen, TCPXFLG_LISTEN)).toBe(0);
  expect(bench.job.socket(chosen.value).local.port).toBe(port);
});

behaviour({ ids: ['ACCEPT-LISTEN-WINS'], title: 'LISTEN with other bits', options: LOCAL }, async (bench) => {
  for (const bits of [TCPXFLG_ASYNC, TCPXFLG_KEEPLISTEN, TCPXFLG_ASYNC + TCPXFLG_KEEPLISTEN + TCPXFLG_BLOCK]) {
    const sock = F(await freePort());
    expect(await bench.x(TCPOP_ACCEPT, bench.status, '', sock, TCPXFLG_LISTEN + bits)).toBe(0);
    expect(bench.job.socket(sock.value).kind).toBe('listener');
  }
});

behaviour({ ids: ['ACCEPT-ASYNC'], title: 'ASYNC', options: LOCAL }, async (bench) => {
  const { sock, port, number } = await listen(bench);
  const peer = await client(port, PING);
  expect(await bench.x(TCPOP_CHECK, bench.status, '', sock, 0, LIMIT)).toBe(1);
  expect(await bench.x(TCPOP_ACCEPT, bench.status, '', sock, TCPXFLG_ASYNC)).toBe(0);
  expect(sock.value).not.toBe(number);
  expect(bench.job.sockets).toEqual([sock.value]);
  expect(await knock(bench, port)).toBe(-111);
  await talk(bench, sock, 0);
  await peer.finished();
  expect(await bench.x(TCPOP_CLOSE, bench.status, '', F(number))).toBe(-9);
});

behaviour(
  { ids: ['ACCEPT-ASYNC-KEEPLISTEN', 'ACCEPT-BACKLOG'], title: 'ASYNC with KEEPLISTEN', options: LOCAL },
  async (bench) => {
    const { port, number } = await listen(bench);
    const peer = await startPeer({ connect: { port }, steps: PING, count: 3 });
    const socks: NumberVar[] = [];
    for (let index = 0; index < 3; index += 1) {
      const sock = F(number);
      expect(await bench.x(TCPOP_CHECK, bench.status, '', sock, 0, LIMIT)).toBe(1);
      expect(await bench.x(TCPOP_ACCEPT, bench.status, '', sock, ASYNC_KEEP)).toBe(0);
      socks.push(sock);
    }
    expect(new Set([number, ...socks.map(({ value }) => value)]).size).toBe(4);
    for (const sock of socks) await talk(bench, sock);
    await peer.finished();
    expect(bench.job.sockets).toEqual([number]);
    expect(await bench.x(TCPOP_CHECK, bench.status, '', F(number))).toBe(0);
    expect(await bench.x(TCPOP_CLOSE, bench.status, '', F(number))).toBe(0);
    expect(await knock(bench, port)).toBe(-111);
  },
);

behaviour(
  { ids: ['ACCEPT-ASYNC-WAITS', 'ACCEPT-TIMER-IGNORED'], title: 'waits for a client', options: LOCAL },
  async (bench) => {
    const { sock, port, number } = await listen(bench);
    const late = await client(port, PING, 60);
    expect(await bench.x(TCPOP_ACCEPT, bench.status, '', sock, ASYNC_KEEP, 10)).toBe(0);
    await talk(bench, sock);
    await late.finished();
    const plain = F(await freePort());
    const later = await client(plain.value, PING, 60);
    expect(await bench.x(TCPOP_ACCEPT, bench.status, '', plain, TCPXFLG_BLOCK, 10)).toBe(0);
    await talk(bench, plain);
    await later.finished();
    expect(bench.job.sockets).toEqual([number]);
  },
);

behaviour(
  {
    ids: ['ACCEPT-TIMER-OPTION'],
    title: 'gives up after the timer',
    options: { ...LOCAL, assume: { acceptTimer: 'waits' } },
  },
  async (bench) => {
    const port = await freePort();
    const sock = F(port);
    const { status, elapsed } = await timed(() => bench.x(TCPOP_ACCEPT, bench.status, '', sock, TCPXFLG_BLOCK, 60));
    expect([status, sock.value]).toEqual([-11, port]);
    expect(elapsed).toBeGreaterThanOrEqual(60 - SLACK);
    expect(bench.job.sockets).toEqual([]);
    const { sock: listening, number, port: second } = await listen(bench);
    expect(await bench.x(TCPOP_ACCEPT, bench.status, '', listening, ASYNC_KEEP, 60)).toBe(-11);
    expect(listening.value).toBe(number);
    const peer = await client(second, PING);
    expect(await bench.x(TCPOP_ACCEPT, bench.status, '', listening, ASYNC_KEEP, LIMIT)).toBe(0);
    await talk(bench, listening);
    await peer.finished();
  },
);

behaviour(
  { ids: ['ACCEPT-GREETING-ASYNC'], title: 'a client that is gone before its greeting', options: LOCAL },
  async (bench) => {
    const { sock, number, port } = await listen(bench);
    for (let turn = 0; turn < 3; turn += 1) {
      const peer = await client(port, [{ close: 'rst' }]);
      await peer.finished();
      const accepted = F(number);
      const status = await bench.x(TCPOP_ACCEPT, bench.status, 'HELLO', accepted, ASYNC_KEEP, LIMIT);
      // The Node engine's first WRITE does not see what the kernel knows.
      if (status === 5) expect(await bench.x(TCPOP_CLOSE, bench.status, '', accepted)).toBe(0);
      else expect([status, accepted.value]).toEqual([expect.toBeOneOf([-104, -32]), -1]);
      expect(bench.job.sockets).toEqual([number]);
    }
    expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
  },
);

behaviour({ ids: ['ACCEPT-KEEPLISTEN'], title: 'KEEPLISTEN without ASYNC', options: LOCAL }, async (bench) => {
  const port = await freePort();
  const peer = await startPeer({ connect: { port }, steps: PING, count: 3 });
  for (const flags of [TCPXFLG_KEEPLISTEN, TCPXFLG_KEEPLISTEN, 0]) {
    const sock = F(port);
    expect(await bench.x(TCPOP_ACCEPT, bench.status, '', sock, TCPXFLG_BLOCK + flags)).toBe(0);
    // The program never learns the number of the listening socket.
    expect(bench.job.sockets).toEqual([sock.value]);
    await talk(bench, sock);
  }
  await peer.finished();
  // The last one was without the bit.
  expect(await knock(bench, port)).toBe(-111);
  const kept = await freePort();
  const other = await client(kept, PING);
  const sock = F(kept);
  expect(await bench.x(TCPOP_ACCEPT, bench.status, '', sock, TCPXFLG_BLOCK + TCPXFLG_KEEPLISTEN)).toBe(0);
  await talk(bench, sock);
  await other.finished();
  bench.job.close();
  const outside = bench.newJob();
  const tries = () => outside.xcall.async('TCPX', TCPOP_CONNECT, F(), S(0), F(kept), TCPXFLG_BLOCK, LIMIT, '127.0.0.1');
  expect(await until(0, tries)).toBe(-111);
});

behaviour(
  {
    ids: ['ACCEPT-GREETING', 'ACCEPT-STATUS', 'ACCEPT-GREETING-X', 'ACCEPT-GREETING-ASYNC'],
    title: 'the greeting',
    options: { ...LOCAL, assume: { backlog: 20 } },
  },
  async (bench) => {
    const long = 'This greeting is longer than it may be.';
    const cases = [
      ['', ''],
      [S(10), ''],
      [S(0), ''],
      ['220 ready', '220 ready'],
      [S(20, 'short'), 'short'],
      [S(0, 'dynamic'), 'dynamic'],
      [S(80, long), long.slice(0, 32)],
      [S(0, long), long.slice(0, 32)],
      [S(32, 'x'.repeat(32)), 'x'.repeat(32)],
      [X(8), ''],
      [X(8, bytesOf('\0hidden')), ''],
      [X(8, bytesOf('raw\0more')), 'raw'],
      [X(40, bytesOf(long)), long.slice(0, 32)],
    ] as const;
    const { port, number } = await listen(bench);
    const peer = await startPeer({
      connect: { port },
      connections: cases.map(([, text]): Step[] => [{ expect: text === '' ? 1 : text }, { close: 'fin' }]),
    });
    for (const [buffer, text] of cases) {
      const sock = F(number);
      expect(await bench.x(TCPOP_ACCEPT, bench.status, buffer, sock, ASYNC_KEEP)).toBe(text.length);
      expect(bench.status.value).toBe(text.length);
      if (text === '') expect(await bench.x(TCPOP_WRITE, bench.status, '!', sock)).toBe(1);
      expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 1, LIMIT)).toBe(0);
      expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
    }
    await peer.finished();
    const plainPort = await freePort();
    const other = await client(plainPort, [{ expect: 'left over' }]);
    const plain = F(plainPort);
    expect(await bench.x(TCPOP_ACCEPT, bench.status, S(80, 'left over'), plain)).toBe(9);
    await other.finished();
  },
);

behaviour({ ids: ['ACCEPT-IN-USE'], title: 'a port in use' }, async (bench) => {
  const peer = await startPeer({ steps: [] });
  for (const flags of [TCPXFLG_LISTEN, TCPXFLG_BLOCK, TCPXFLG_KEEPLISTEN]) {
    const sock = F(peer.port);
    expect(await bench.x(TCPOP_ACCEPT, bench.status, '', sock, flags)).toBe(-98);
    expect(sock.value).toBe(-1);
  }
  expect(bench.job.sockets).toEqual([]);
});

behaviour(
  { ids: ['ACCEPT-HOSTNAME', 'ACCEPT-BIND'], title: 'hostname plays no part; all interfaces' },
  async (bench) => {
    const host = S(80, 'no-such-host.invalid');
    const sock = F(0);
    expect(await bench.x(TCPOP_ACCEPT, bench.status, '', sock, TCPXFLG_LISTEN, 0, host)).toBe(0);
    expect(host.value).toBe('no-such-host.invalid');
    const { local } = bench.job.socket(sock.value);
    expect(local.host).toBe('0.0.0.0');
    expect(await knock(bench, local.port)).toBe(0);
    expect(await knock(bench, local.port, '127.0.0.2')).toBe(0);
  },
);

behaviour({ ids: ['ACCEPT-BIND'], title: 'IPv6', options: { bind: '::1' } }, async (bench) => {
  const { sock, port } = await listen(bench);
  const peer = await startPeer({ connect: { port, host: '::1' }, steps: PING });
  expect(await bench.x(TCPOP_ACCEPT, bench.status, '', sock, ASYNC_KEEP)).toBe(0);
  expect(bench.job.socket(sock.value).remote.host).toBe('::1');
  await talk(bench, sock);
  await peer.finished();
  expect(await knock(bench, port)).toBe(-111);
});

behaviour({ ids: ['ACCEPT-BIND'], title: 'both families', options: { bind: '::' } }, async (bench) => {
  const { port } = await listen(bench);
  expect(await knock(bench, port, '::1')).toBe(0);
  expect(await knock(bench, port, '127.0.0.1')).toBe(0);
});

behaviour(
  { ids: ['ACCEPT-BIND'], title: 'an address of another machine', options: { bind: '192.0.2.1' } },
  async (bench) => {
    const sock = F(await freePort());
    expect(await bench.x(TCPOP_ACCEPT, bench.status, '', sock, TCPXFLG_LISTEN)).toBe(-99);
    expect(sock.value).toBe(-1);
  },
);

behaviour(
  { ids: ['ACCEPT-NOT-LISTENING', 'CONNECT-PORT'], title: 'ACCEPT on what does not listen', options: LOCAL },
  async (bench) => {
    const peer = await startPeer({ steps: [{ echo: 2 }] });
    const sock = F(peer.port);
    expect(await bench.x(TCPOP_CONNECT, bench.status, S(0), sock, TCPXFLG_BLOCK, LIMIT, peer.host)).toBe(0);
    const copy = F(sock.value);
    expect(await bench.x(TCPOP_ACCEPT, bench.status, '', copy, TCPXFLG_ASYNC)).toBe(-22);
    expect(await bench.x(TCPOP_WRITE, bench.status, 'ok', sock)).toBe(2);
    const unknown = F(4711);
    expect(await bench.x(TCPOP_ACCEPT, bench.status, '', unknown, TCPXFLG_ASYNC)).toBe(-9);
    for (const port of [65_536, -1, 2 ** 40]) {
      const bad = F(port, 8);
      expect(await bench.x(TCPOP_ACCEPT, bench.status, '', bad, TCPXFLG_LISTEN), String(port)).toBe(-22);
      expect(bad.value).toBe(-1);
    }
    // Port 0 is for LISTEN only: the program could not tell clients where to go.
    expect(await bench.x(TCPOP_ACCEPT, bench.status, '', F(0), TCPXFLG_BLOCK, 50)).toBe(-22);
  },
);

behaviour(
  {
    ids: ['ACCEPT-BACKLOG', 'JOB-OPTIONS'],
    title: 'clients that wait',
    options: { ...LOCAL, assume: { backlog: 20 } },
  },
  async (bench) => {
    const { number, port } = await listen(bench);
    const peer = await startPeer({ connect: { port }, steps: [{ send: 'x' }, { expectEnd: 'any' }], count: 12 });
    const accepted: NumberVar[] = [];
    while (accepted.length < 12) {
      const sock = F(number);
      expect(await bench.x(TCPOP_ACCEPT, bench.status, '', sock, ASYNC_KEEP)).toBe(0);
      accepted.push(sock);
    }
    for (const sock of accepted) {
      expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 1, LIMIT)).toBe(1);
      expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
    }
    await peer.finished();
  },
);
