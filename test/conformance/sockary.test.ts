/** Calls with a socket array (tcpx §11). */
import { dim, F, S, type Sockary, sockary, X } from 'tcpx';
import {
  TCPOP_ACCEPT,
  TCPOP_CHECK,
  TCPOP_CHKQTY,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_CONNECT_OLD,
  TCPOP_READ,
  TCPOP_SHUTDOWN,
  TCPOP_STARTTLS,
  TCPOP_WRITE,
  TCPXFLG_ASYNC,
  TCPXFLG_BLOCK,
  TCPXFLG_KEEPLISTEN,
  TCPXFLG_LISTEN,
} from 'tcpx/ashell.def';
import { expect } from 'vitest';
import { type Bench, behaviour, LIMIT } from '../support/conformance.ts';
import { freePort } from '../support/peer.ts';
import { blackholeListener, type Peer, type Step, startPeer } from '../support/scripted-peer.ts';
import { client, listen, plainFile, SLACK, timed } from './plain.ts';

plainFile();

const LOCAL = { bind: '127.0.0.1' };

/** A call in the array form; answers STATUS and the index. */
async function on(
  bench: Bench,
  array: Sockary,
  opcode: number,
  index: number,
  { buffer = bench.buffer as Parameters<Bench['x']>[0], flags = 0, timer = 0, host = '' } = {},
): Promise<[status: number, index: number]> {
  const sockidx = F(index);
  const status = await bench.x(opcode, bench.status, buffer, sockidx, flags, timer, host, array);
  return [status, sockidx.value];
}

/** An array with connections to a peer, from index 1 on. */
async function filled(bench: Bench, peer: Peer, count: number, length = count + 3): Promise<Sockary> {
  const array = sockary(length);
  for (let index = 1; index <= count; index += 1) {
    const [status, at] = await on(bench, array, TCPOP_CONNECT, peer.port, {
      buffer: '',
      flags: TCPXFLG_BLOCK,
      timer: LIMIT,
      host: peer.host,
    });
    expect([status, at]).toEqual([0, index]);
  }
  return array;
}

/** Indexes whose ready flag is set. */
const readyOf = (array: Sockary) => [...array].filter(({ ready }) => ready).map(({ index }) => index);

/** CHECK of the whole set until `count` sockets are ready. */
async function untilReady(bench: Bench, array: Sockary, count: number): Promise<void> {
  const end = performance.now() + LIMIT;
  for (;;) {
    const [status] = await on(bench, array, TCPOP_CHECK, 0, { timer: 200 });
    if (status === count) return;
    if (performance.now() > end) throw new Error(`${status} ready, not ${count}`);
  }
}

behaviour(
  { ids: ['ARY-INDEX', 'ARY-CONNECT', 'ARY-LAYOUT', 'CALL-SOCKET-24-BITS'], title: 'one socket of an array' },
  async (bench) => {
    const peer = await startPeer({
      steps: [{ expect: 'hi' }, { send: 'hello' }, { expectEnd: 'fin' }, { send: 'bye' }],
      count: 2,
    });
    const array = await filled(bench, peer, 2);
    const [first = 0, second = 0] = bench.job.sockets;
    expect([...array].map(({ socket }) => socket)).toEqual([first, second]);
    expect(Array.from(array.bytes.subarray(0, 8))).toEqual([first, 0, 0, 0, second, 0, 0, 0]);
    for (const index of [2, 1]) {
      expect(await on(bench, array, TCPOP_WRITE, index, { buffer: 'hi' })).toEqual([2, index]);
      expect(await on(bench, array, TCPOP_READ, index, { flags: 5, timer: LIMIT })).toEqual([5, index]);
      expect(bench.buffer.value).toBe('hello');
      expect(await on(bench, array, TCPOP_CHKQTY, index)).toEqual([0, index]);
      expect(await on(bench, array, TCPOP_SHUTDOWN, index, { flags: 1 })).toEqual([0, index]);
      expect(await on(bench, array, TCPOP_CHECK, index, { timer: LIMIT })).toEqual([1, index]);
      expect(await on(bench, array, TCPOP_READ, index, { flags: 3, timer: LIMIT })).toEqual([3, index]);
    }
    await peer.finished();
    // The plain form works on the same sockets.
    expect(await bench.x(TCPOP_CLOSE, bench.status, '', F(second))).toBe(0);
    expect(await on(bench, array, TCPOP_READ, 2, { timer: 20 })).toEqual([-9, 2]);
  },
);

behaviour({ ids: ['ARY-INDEX-RANGE', 'ARY-ZERO', 'ARY-HOLES'], title: 'indexes that are none' }, async (bench) => {
  const peer = await startPeer({ steps: [{ waitFor: 'x' }] });
  const array = await filled(bench, peer, 1, 5);
  const before = Array.from(array.bytes);
  const opcodes = [TCPOP_READ, TCPOP_WRITE, TCPOP_SHUTDOWN, TCPOP_CHKQTY, TCPOP_STARTTLS];
  for (const opcode of opcodes) {
    expect(await on(bench, array, opcode, 0, { flags: 1, timer: 20 }), String(opcode)).toEqual([-1, 0]);
  }
  for (const opcode of [...opcodes, TCPOP_CHECK, TCPOP_CLOSE]) {
    for (const index of [5, 6, -1, 2000]) {
      expect(await on(bench, array, opcode, index, { timer: 20 }), `${opcode} ${index}`).toEqual([-1, index]);
    }
    // A free element is a socket that is not there.
    expect(await on(bench, array, opcode, 3, { timer: 20 }), String(opcode)).toEqual([-9, 3]);
  }
  expect(Array.from(array.bytes)).toEqual(before);
});

behaviour(
  { ids: ['ARY-CHECK-COUNT', 'ARY-CHECK-ROUND-ROBIN', 'ARY-CHECK-READY'], title: 'CHECK of the whole set goes round' },
  async (bench) => {
    const count = 5;
    const peer = await startPeer({ steps: [{ waitFor: 'go' }, { send: 'data' }, { waitFor: 'end' }], count });
    const array = await filled(bench, peer, count);
    await peer.release('go');
    await untilReady(bench, array, count);
    expect(readyOf(array)).toEqual([1, 2, 3, 4, 5]);
    const order: number[] = [];
    for (let round = 0; round < 2 * count; round += 1) {
      const [status, index] = await on(bench, array, TCPOP_CHECK, 0);
      expect(status).toBe(count);
      order.push(index);
    }
    expect([...order].sort()).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    for (const [position, index] of order.entries()) {
      expect(index).toBe((((order[0] ?? 0) - 1 + position) % count) + 1);
    }
    // What has been read is not ready any more; 255 and 0 are what lies in the bytes.
    for (const index of [2, 4]) expect(await on(bench, array, TCPOP_READ, index, { flags: 4 })).toEqual([4, index]);
    const [left, next] = await on(bench, array, TCPOP_CHECK, 0);
    expect(left).toBe(3);
    expect([1, 3, 5]).toContain(next);
    expect([1, 2, 3, 4, 5].map((index) => array.bytes[4 * index - 1])).toEqual([255, 0, 255, 0, 255]);
  },
);

behaviour(
  { ids: ['ARY-CHECK-NONE', 'ARY-CHECK-TIMER'], title: 'CHECK of a set in which nothing happens' },
  async (bench) => {
    const empty = sockary(4);
    expect(await on(bench, empty, TCPOP_CHECK, 0)).toEqual([0, 0]);
    const wait = await timed(async () => (await on(bench, empty, TCPOP_CHECK, 0, { timer: 40 }))[0]);
    expect(wait.status).toBe(0);
    expect(wait.elapsed).toBeGreaterThanOrEqual(40 - SLACK);
    const peer = await startPeer({ steps: [{ waitFor: 'x' }], count: 3 });
    const array = await filled(bench, peer, 3);
    array.setReady(2, true);
    expect(await on(bench, array, TCPOP_CHECK, 0)).toEqual([0, 0]);
    expect(readyOf(array)).toEqual([]);
    const { status, elapsed } = await timed(async () => (await on(bench, array, TCPOP_CHECK, 0, { timer: 60 }))[0]);
    expect(status).toBe(0);
    expect(elapsed).toBeGreaterThanOrEqual(60 - SLACK);
  },
);

behaviour({ ids: ['ARY-CHECK-TIMER'], title: 'CHECK of a set ends as soon as one is ready' }, async (bench) => {
  const quiet = await startPeer({ steps: [{ waitFor: 'x' }], count: 2 });
  const array = await filled(bench, quiet, 2, 6);
  const peer = await startPeer({ steps: [{ delay: 40 }, { send: 'data' }, { waitFor: 'x' }] });
  const [, index] = await on(bench, array, TCPOP_CONNECT, peer.port, {
    buffer: '',
    flags: 1,
    timer: LIMIT,
    host: peer.host,
  });
  const started = performance.now();
  expect(await on(bench, array, TCPOP_CHECK, 0, { timer: LIMIT })).toEqual([1, index]);
  expect(performance.now() - started).toBeLessThan(LIMIT / 2);
  expect(await on(bench, array, TCPOP_READ, index, { flags: 4 })).toEqual([4, index]);
  expect(await on(bench, array, TCPOP_CHECK, 0)).toEqual([0, 0]);
});

behaviour(
  { ids: ['ARY-CHECK-CLOSED', 'ARY-AUTO-CLOSE'], title: 'sockets that are closed or reset by the peer' },
  async (bench) => {
    const ends: Step[][] = [
      [{ waitFor: 'go' }, { close: 'fin' }],
      [{ waitFor: 'x' }],
      [{ waitFor: 'go' }, { close: 'rst' }],
    ];
    const peer = await startPeer({ connections: ends });
    const array = await filled(bench, peer, 3);
    await peer.release('go');
    await untilReady(bench, array, 2);
    expect(readyOf(array)).toEqual([1, 3]);
    expect(await on(bench, array, TCPOP_READ, 1)).toEqual([0, 1]);
    // The index stays; the element is free once TCPX has closed the socket itself.
    expect(await on(bench, array, TCPOP_READ, 3)).toEqual([-104, 3]);
    expect(array.socket(3)).toBe(0);
    expect([...array].map(({ index }) => index)).toEqual([1, 2]);
    expect(bench.job.sockets.length).toBe(2);
    expect((await on(bench, array, TCPOP_CHECK, 0))[0]).toBe(1);
    expect(await on(bench, array, TCPOP_CLOSE, 1)).toEqual([0, 1]);
    expect(await on(bench, array, TCPOP_CHECK, 0)).toEqual([0, 0]);
  },
);

behaviour({ ids: ['ARY-CLOSE-ALL', 'ARY-CLOSE-ONE', 'ARY-HOLES'], title: 'CLOSE of one and of all' }, async (bench) => {
  const peer = await startPeer({ steps: [{ expectEnd: 'fin' }], count: 4 });
  const array = await filled(bench, peer, 4);
  expect(await on(bench, array, TCPOP_CLOSE, 2)).toEqual([0, 2]);
  expect(array.socket(2)).toBe(0);
  expect(await on(bench, array, TCPOP_CLOSE, 2)).toEqual([-9, 2]);
  // Holes are skipped.
  expect((await on(bench, array, TCPOP_CHECK, 0))[0]).toBe(0);
  expect(await on(bench, array, TCPOP_CLOSE, 0)).toEqual([0, 0]);
  expect([...array]).toEqual([]);
  expect(array.bytes.every((byte) => byte === 0)).toBe(true);
  expect(bench.job.sockets).toEqual([]);
  expect(await on(bench, array, TCPOP_CLOSE, 0)).toEqual([0, 0]);
  await peer.finished();
});

behaviour({ ids: ['ARY-FULL', 'ARY-HOLES', 'ARY-CONNECT'], title: 'a full array, and a hole in it' }, async (bench) => {
  const peer = await startPeer({ steps: [{ expectEnd: 'fin' }], count: 4 });
  const array = await filled(bench, peer, 3, 4);
  const options = { buffer: '', flags: TCPXFLG_BLOCK, timer: LIMIT, host: peer.host };
  for (const opcode of [TCPOP_CONNECT, TCPOP_ACCEPT]) {
    const [status] = await on(bench, array, opcode, peer.port, options);
    expect(status).toBe(-24);
  }
  expect(bench.job.sockets.length).toBe(3);
  expect(await on(bench, array, TCPOP_CLOSE, 2)).toEqual([0, 2]);
  expect(await on(bench, array, TCPOP_CONNECT, peer.port, options)).toEqual([0, 2]);
  // The last element is never used.
  expect(Array.from(array.bytes.subarray(12))).toEqual([0, 0, 0, 0]);
  expect(await on(bench, array, TCPOP_CLOSE, 0)).toEqual([0, 0]);
  await peer.finished();
  const failed = sockary(3);
  const refused = await on(bench, failed, TCPOP_CONNECT, await freePort(), { ...options, host: '127.0.0.1' });
  expect(refused).toEqual([-111, -1]);
  expect(failed.count).toBe(0);
});

behaviour(
  { ids: ['ARY-CONNECT', 'OLD-CONNECT-GREETING'], title: 'the old connect fills an array too' },
  async (bench) => {
    const peer = await startPeer({ steps: [{ send: 'hello' }, { waitFor: 'x' }] });
    const array = sockary(3);
    const buffer = S(20);
    const options = { buffer, flags: TCPXFLG_BLOCK, timer: LIMIT, host: peer.host };
    expect(await on(bench, array, TCPOP_CONNECT_OLD, peer.port, options)).toEqual([0, 1]);
    expect(buffer.value).toBe('hello');
  },
);

behaviour(
  { ids: ['ARY-ACCEPT', 'ARY-CHECK-LISTENER'], title: 'a listening socket among the others', options: LOCAL },
  async (bench) => {
    const array = sockary(6);
    expect(await on(bench, array, TCPOP_ACCEPT, 0, { buffer: '', flags: TCPXFLG_LISTEN })).toEqual([0, 1]);
    const { port } = bench.job.socket(array.socket(1)).local;
    expect(await on(bench, array, TCPOP_CHECK, 0)).toEqual([0, 0]);
    const peer = await startPeer({ connect: { port }, steps: [{ send: 'ping' }, { expectEnd: 'fin' }], count: 2 });
    const keep = TCPXFLG_BLOCK + TCPXFLG_ASYNC + TCPXFLG_KEEPLISTEN;
    for (const expected of [2, 3]) {
      let index = 0;
      while (index !== 1) [, index] = await on(bench, array, TCPOP_CHECK, 0, { timer: LIMIT });
      expect(array.ready(1)).toBe(true);
      // With ASYNC the index is the one of the listening socket.
      expect(await on(bench, array, TCPOP_ACCEPT, 1, { buffer: '', flags: keep })).toEqual([0, expected]);
      expect(await on(bench, array, TCPOP_READ, expected, { flags: 4, timer: LIMIT })).toEqual([4, expected]);
    }
    expect(await on(bench, array, TCPOP_CLOSE, 0)).toEqual([0, 0]);
    await peer.finished();
    // A plain ACCEPT takes a port.
    const plainPort = await freePort();
    const other = await client(plainPort, [{ expect: 'greeting' }, { expectEnd: 'fin' }]);
    expect(await on(bench, array, TCPOP_ACCEPT, plainPort, { buffer: 'greeting', flags: TCPXFLG_BLOCK })).toEqual([
      8, 1,
    ]);
    expect(bench.job.sockets.length).toBe(1);
    expect(await on(bench, array, TCPOP_CLOSE, 1)).toEqual([0, 1]);
    await other.finished();
  },
);

behaviour(
  {
    ids: ['ARY-ACCEPT', 'ACCEPT-ASYNC'],
    title: 'ASYNC without KEEPLISTEN takes the place of its listener',
    options: LOCAL,
  },
  async (bench) => {
    const { number, port } = await listen(bench);
    const array = sockary(2);
    array.set(1, number);
    const peer = await client(port, [{ expectEnd: 'fin' }]);
    expect(await on(bench, array, TCPOP_ACCEPT, 1, { buffer: '', flags: TCPXFLG_ASYNC })).toEqual([0, 1]);
    expect(array.socket(1)).not.toBe(number);
    expect(bench.job.sockets).toEqual([array.socket(1)]);
    expect(await on(bench, array, TCPOP_CLOSE, 0)).toEqual([0, 0]);
    await peer.finished();
  },
);

behaviour({ ids: ['ARY-CHECK-CONNECTING'], title: 'asynchronous CONNECTs in a set' }, async (bench) => {
  const peer = await startPeer({ steps: [{ waitFor: 'go' }, { send: 'data' }, { waitFor: 'x' }] });
  const hole = await blackholeListener();
  const array = sockary(5);
  const options = (host: string) => ({ buffer: '', flags: TCPXFLG_ASYNC, host });
  const [begun] = await on(bench, array, TCPOP_CONNECT, hole.port, options(hole.host));
  expect(begun).toBe(0);
  expect(array.count).toBe(1);
  const idle = await timed(async () => (await on(bench, array, TCPOP_CHECK, 0, { timer: 50 }))[0]);
  expect(idle.status).toBe(0);
  expect(idle.elapsed).toBeGreaterThanOrEqual(50 - SLACK);
  const [second, index] = await on(bench, array, TCPOP_CONNECT, peer.port, options('localhost'));
  expect([0, 1]).toContain(second);
  if (second === 0) {
    expect(await on(bench, array, TCPOP_CHECK, 0, { timer: LIMIT })).toEqual([1, 2]);
    expect(array.ready(2)).toBe(true);
  } else {
    expect(index).toBe(2);
  }
  await peer.release('go');
  await untilReady(bench, array, 1);
  expect(await on(bench, array, TCPOP_READ, 2, { flags: 4, timer: LIMIT })).toEqual([4, 2]);
  const [refusedNow] = await on(bench, array, TCPOP_CONNECT, await freePort(), options('localhost'));
  if (refusedNow === 0) {
    // A failure counts as ready; the CHECK on its own index tells.
    await untilReady(bench, array, 1);
    expect(readyOf(array)).toEqual([3]);
    expect(await on(bench, array, TCPOP_CHECK, 3)).toEqual([-111, 3]);
    expect(array.socket(3)).toBe(0);
  } else {
    expect(refusedNow).toBe(-111);
  }
  expect(await on(bench, array, TCPOP_CLOSE, 0)).toEqual([0, 0]);
  expect(bench.job.sockets).toEqual([]);
});

behaviour(
  { ids: ['ARY-SIZE', 'ARY-CHECK-COUNT', 'ARY-CHECK-READY'], title: 'an array of 1025 elements', timeout: 40_000 },
  async (bench) => {
    const count = 200;
    const peer = await startPeer({ steps: [{ waitFor: 'go' }, { send: 'x' }, { waitFor: 'end' }], count });
    const array = sockary(1025);
    expect(array.bytes.length).toBe(4100);
    const numbers: number[] = [];
    for (let index = 0; index < count; index += 1) {
      const sock = F(peer.port);
      expect(await bench.x(TCPOP_CONNECT, bench.status, '', sock, TCPXFLG_BLOCK, LIMIT, peer.host)).toBe(0);
      numbers.push(sock.value);
    }
    // Spread over the array, the last usable element included.
    const places = numbers.map((_, index) => (index === count - 1 ? 1024 : 5 * index + 1));
    for (const [index, number] of numbers.entries()) array.set(places[index] ?? 0, number);
    expect(await on(bench, array, TCPOP_CHECK, 0)).toEqual([0, 0]);
    await peer.release('go');
    await untilReady(bench, array, count);
    expect(readyOf(array)).toEqual(places);
    expect(await on(bench, array, TCPOP_READ, 1024, { flags: 1 })).toEqual([1, 1024]);
    expect(await on(bench, array, TCPOP_READ, 1025, { flags: 1 })).toEqual([-1, 1025]);
    expect((await on(bench, array, TCPOP_CHECK, 0))[0]).toBe(count - 1);
    await peer.release('end');
    expect(await on(bench, array, TCPOP_CLOSE, 0)).toEqual([0, 0]);
    expect(bench.job.sockets).toEqual([]);
    await peer.finished();
  },
);

behaviour({ ids: ['ARY-LAYOUT', 'ARY-SIZE'], title: 'an array that the program declared itself' }, async (bench) => {
  const peer = await startPeer({ steps: [{ send: 'data' }, { waitFor: 'x' }] });
  // MAP1 structures: 4 bytes each, passed as their first element.
  const raw = dim(4, 'X', 4);
  const index = F(peer.port);
  expect(await bench.x(TCPOP_CONNECT, bench.status, '', index, 1, LIMIT, peer.host, raw.at(1))).toBe(0);
  expect(index.value).toBe(1);
  expect(raw.bytes[0]).toBe(bench.job.sockets[0]);
  index.value = 0;
  expect(await bench.x(TCPOP_CHECK, bench.status, '', index, 0, LIMIT, '', raw.at(1))).toBe(1);
  expect([index.value, raw.bytes[3]]).toEqual([1, 255]);
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, index, 4, LIMIT, '', raw)).toBe(4);
  // Too short to be an array.
  for (const tooShort of [X(4), X(0), S(2)]) {
    expect(await bench.x(TCPOP_CHECK, bench.status, '', F(1), 0, 0, '', tooShort)).toBe(-1);
  }
  expect(await bench.x(TCPOP_CLOSE, bench.status, '', F(0), 0, 0, '', raw.at(1))).toBe(0);
  expect(raw.bytes.every((byte) => byte === 0)).toBe(true);
});
