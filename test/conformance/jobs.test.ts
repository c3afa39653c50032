/** Pending calls, jobs, threads, and where sockets live (design §2). */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type Argument, type CallOptions, createJob, F, S, sockary, X, xcall } from 'tcpx';
import {
  TCPOP_ACCEPT,
  TCPOP_CHECK,
  TCPOP_CHKQTY,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_READ,
  TCPOP_SHUTDOWN,
  TCPOP_WRITE,
  TCPXFLG_ASYNC,
  TCPXFLG_BLOCK,
  TCPXFLG_KEEPLISTEN,
  TCPXFLG_TLS,
} from 'tcpx/ashell.def';
import { expect } from 'vitest';
import { type Bench, behaviour, LIMIT } from '../support/conformance.ts';
import { freePort, runProcess } from '../support/peer.ts';
import { blackholeListener, startPeer } from '../support/scripted-peer.ts';
import { arrived, client, dial, listen, plainFile } from './plain.ts';

plainFile();

const childFile = (name: string) => fileURLToPath(new URL(`children/${name}`, import.meta.url));

const LOCAL = { bind: '127.0.0.1' };
const KEEP = TCPXFLG_BLOCK + TCPXFLG_ASYNC + TCPXFLG_KEEPLISTEN;

// In the synchronous columns sockets are opened by blocking calls; on the Node engine they then live in the worker, and
// what is awaited here is forwarded to it.
const later = (bench: Bench, ...args: (Argument | CallOptions)[]) => bench.job.xcall.async('TCPX', ...args);

behaviour({ ids: ['ASYNC-ONE-READER', 'ASYNC-CALL'], title: 'a READ and a WRITE at the same time' }, async (bench) => {
  const peer = await startPeer({ steps: [{ expect: 'question' }, { send: 'answer' }, { waitFor: 'x' }] });
  const sock = await dial(bench, peer);
  const [status, second, other] = [F(), F(), F()];
  const buffer = S(20);
  const reading = later(bench, TCPOP_READ, status, buffer, sock, 6, LIMIT);
  expect(await later(bench, TCPOP_READ, second, S(20), sock, 6, LIMIT)).toBe(-114);
  expect(second.value).toBe(-114);
  expect(await later(bench, TCPOP_CHECK, other, '', sock, 0, 10)).toBe(0);
  expect(await later(bench, TCPOP_WRITE, other, 'question', sock)).toBe(8);
  expect(await reading).toBe(6);
  expect([status.value, buffer.value]).toEqual([6, 'answer']);
  expect(await bench.x(TCPOP_READ, bench.status, buffer, sock, 1, 20)).toBe(-11);
});

behaviour({ ids: ['ASYNC-ONE-READER'], title: 'a second WRITE' }, async (bench) => {
  const size = 16 * 1024 * 1024;
  const peer = await startPeer({ steps: [{ waitFor: 'read' }, { discard: size }] });
  const sock = await dial(bench, peer);
  const writing = later(bench, TCPOP_WRITE, F(), X(size), sock, 0, LIMIT);
  expect(await later(bench, TCPOP_WRITE, F(), 'more', sock, 0, LIMIT)).toBe(-114);
  await peer.release('read');
  expect(await writing).toBe(size);
  await peer.finished();
});

behaviour({ ids: ['CLOSE-PENDING-CALLS'], title: 'CLOSE ends the calls that wait', options: LOCAL }, async (bench) => {
  const peer = await startPeer({ steps: [{ waitFor: 'x' }] });
  const sock = await dial(bench, peer);
  const [read, check] = [F(), F()];
  const buffer = S(10, 'kept');
  const pending = [
    later(bench, TCPOP_READ, read, buffer, F(sock.value), 5, LIMIT),
    later(bench, TCPOP_CHECK, check, '', F(sock.value), 0, LIMIT),
  ];
  expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
  expect(await Promise.all(pending)).toEqual([-125, -125]);
  expect([read.value, check.value, buffer.value]).toEqual([-125, -125, 'kept']);
  const { sock: listener, number } = await listen(bench);
  const accepting = later(bench, TCPOP_ACCEPT, F(), '', F(number), KEEP);
  expect(await bench.x(TCPOP_CLOSE, bench.status, '', listener)).toBe(0);
  expect(await accepting).toBe(-125);
  expect(bench.job.sockets).toEqual([]);
});

behaviour({ ids: ['ASYNC-ABORT', 'AUTO-CLOSE-NOT'], title: 'an aborted READ loses nothing' }, async (bench) => {
  const peer = await startPeer({ steps: [{ send: 'abcd' }, { waitFor: 'go' }, { send: 'efgh' }, { echo: 2 }] });
  const sock = await dial(bench, peer);
  const number = sock.value;
  await arrived(bench, sock, 4);
  const before = AbortSignal.abort();
  expect(await later(bench, TCPOP_READ, bench.status, bench.buffer, sock, 8, LIMIT, { signal: before })).toBe(-125);
  const controller = new AbortController();
  const status = F();
  const buffer = S(20, 'kept');
  const reading = later(bench, TCPOP_READ, status, buffer, sock, 8, LIMIT, { signal: controller.signal });
  // The READ has taken what was there and waits for more when this comes round.
  expect(await later(bench, TCPOP_CHECK, F(), '', sock, 0, 20)).toBeGreaterThanOrEqual(0);
  controller.abort();
  expect(await reading).toBe(-125);
  expect([status.value, buffer.value, sock.value]).toEqual([-125, 'kept', number]);
  expect(await later(bench, TCPOP_CHKQTY, F(), '', sock)).toBe(4);
  await peer.release('go');
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 8, LIMIT)).toBe(8);
  expect(bench.buffer.value).toBe('abcdefgh');
  expect(await bench.x(TCPOP_WRITE, bench.status, 'ok', sock)).toBe(2);
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 2, LIMIT)).toBe(2);
  // A signal of a call that is over has no effect.
  const late = new AbortController();
  expect(await later(bench, TCPOP_CHECK, F(), '', sock, 0, 0, { signal: late.signal })).toBeLessThanOrEqual(0);
  late.abort();
  expect(bench.job.sockets).toContain(number);
});

behaviour({ ids: ['ASYNC-ABORT'], title: 'a READ that waits leaves its variable to the program' }, async (bench) => {
  const peer = await startPeer({ steps: [{ waitFor: 'go' }, { send: 'abcd' }] });
  const sock = await dial(bench, peer);
  for (const buffer of [S(20, 'kept'), S(0, 'kept')]) {
    const controller = new AbortController();
    const reading = later(bench, TCPOP_READ, F(), buffer, sock, 0, LIMIT, { signal: controller.signal });
    expect(await later(bench, TCPOP_CHECK, F(), '', sock, 0, 20)).toBe(0);
    expect(buffer.value).toBe('kept');
    buffer.value = 'mine';
    controller.abort();
    expect(await reading).toBe(-125);
    expect(buffer.value).toBe('mine');
  }
  const buffer = S(20, 'kept');
  const reading = later(bench, TCPOP_READ, F(), buffer, sock, 0, LIMIT);
  buffer.value = 'longer than that';
  await peer.release('go');
  expect(await reading).toBe(4);
  expect(buffer.value).toBe('abcd');
});

behaviour({ ids: ['ASYNC-ABORT'], title: 'other calls that are aborted', options: LOCAL }, async (bench) => {
  const hole = await blackholeListener();
  const aborted = async (...args: Argument[]) => {
    const controller = new AbortController();
    const call = later(bench, ...args, { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    return await call;
  };
  const connecting = F(hole.port);
  expect(await aborted(TCPOP_CONNECT, F(), S(0), connecting, TCPXFLG_BLOCK, LIMIT, hole.host)).toBe(-125);
  expect(connecting.value).toBe(-1);
  const port = await freePort();
  const accepting = F(port);
  expect(await aborted(TCPOP_ACCEPT, F(), '', accepting, TCPXFLG_BLOCK)).toBe(-125);
  // The port stays, so that the program can call again; nobody listens on it in the meantime.
  expect(accepting.value).toBe(port);
  expect(bench.job.sockets).toEqual([]);
  const { sock, number, port: open } = await listen(bench);
  expect(await aborted(TCPOP_ACCEPT, F(), '', sock, KEEP)).toBe(-125);
  expect(sock.value).toBe(number);
  expect(await aborted(TCPOP_CHECK, F(), '', sock, 0, LIMIT)).toBe(-125);
  const array = sockary(3);
  array.set(1, number);
  expect(await aborted(TCPOP_CHECK, F(), '', F(0), 0, LIMIT, '', array)).toBe(-125);
  const peer = await client(open, [{ send: 'ping' }]);
  expect(await later(bench, TCPOP_ACCEPT, F(), '', sock, KEEP)).toBe(0);
  expect(await later(bench, TCPOP_READ, F(), bench.buffer, sock, 4, LIMIT)).toBe(4);
  await peer.finished();
});

behaviour({ ids: ['JOB-CLOSE'], title: 'closing a job' }, async (bench) => {
  const peer = await startPeer({ steps: [{ expectEnd: 'any' }], count: 2 });
  const sock = await dial(bench, peer);
  await dial(bench, peer);
  const buffer = S(10, 'kept');
  const status = F();
  const reading = later(bench, TCPOP_READ, status, buffer, sock, 5, LIMIT);
  const checking = later(bench, TCPOP_CHECK, F(), '', sock, 0, LIMIT);
  bench.job.close();
  expect(await Promise.all([reading, checking])).toEqual([-125, -125]);
  expect([status.value, buffer.value]).toEqual([-125, 'kept']);
  expect(bench.job.sockets).toEqual([]);
  await peer.finished();
  for (const opcode of [TCPOP_READ, TCPOP_WRITE, TCPOP_CHECK, TCPOP_CLOSE, TCPOP_SHUTDOWN]) {
    expect(await bench.x(opcode, bench.status, bench.buffer, sock, 0, 10)).toBe(-9);
  }
  expect(await bench.x(TCPOP_CONNECT, bench.status, '', F(peer.port), 1, LIMIT, peer.host)).toBe(-9);
  bench.job.close();
});

behaviour({ ids: ['JOB-CLOSE'], title: 'closing a job ends a CONNECT on its way' }, async (bench) => {
  const peer = await startPeer({ steps: [{ discard: 'end' }] });
  const hole = await blackholeListener();
  const secure = TCPXFLG_BLOCK + TCPXFLG_TLS;
  const shaking = later(bench, TCPOP_CONNECT, F(), '', F(peer.port), secure, LIMIT, peer.host);
  const connecting = later(bench, TCPOP_CONNECT, F(), '', F(hole.port), TCPXFLG_BLOCK, LIMIT, hole.host);
  const received = async () => (await peer.report()).connections[0]?.receivedBytes ?? 0;
  await expect.poll(received, { timeout: LIMIT }).toBeGreaterThan(0);
  bench.job.close();
  expect(await Promise.all([shaking, connecting])).toEqual([-125, -125]);
  expect(bench.job.sockets).toEqual([]);
  await peer.finished();
  await hole.stop();
});

behaviour({ ids: ['JOB-SEVERAL', 'SOCKETS-OUTLIVE-PROGRAM'], title: 'jobs do not see each other' }, async (bench) => {
  const peer = await startPeer({ steps: [{ echo: 3 }, { expectEnd: 'any' }], count: 3 });
  const sock = await dial(bench, peer);
  const second = bench.newJob();
  const call = (...args: Argument[]) =>
    bench.mode === 'sync' ? second.xcall('TCPX', ...args) : second.xcall.async('TCPX', ...args);
  expect(await call(TCPOP_WRITE, F(), 'text', F(sock.value))).toBe(-9);
  const own = F(peer.port);
  expect(await call(TCPOP_CONNECT, F(), S(0), own, TCPXFLG_BLOCK, LIMIT, peer.host)).toBe(0);
  // Numbers count for each job.
  expect(own.value).toBe(sock.value);
  expect(await call(TCPOP_WRITE, F(), 'two', own)).toBe(3);
  expect(await bench.x(TCPOP_WRITE, bench.status, 'one', sock)).toBe(3);
  const buffer = S(10);
  expect(await call(TCPOP_READ, F(), buffer, own, 3, LIMIT)).toBe(3);
  expect(buffer.value).toBe('two');
  second.close();
  expect(await bench.x(TCPOP_READ, bench.status, buffer, sock, 3, LIMIT)).toBe(3);
  expect(buffer.value).toBe('one');
  // The bare xcall has a job of its own.
  expect(xcall('TCPX', TCPOP_CLOSE, F(), '', F(sock.value))).toBe(-9);
  expect(await xcall.async('TCPX', TCPOP_CLOSE, F(), '', F(-1))).toBe(-1);
  const third = F(peer.port);
  expect(await bench.newJob().xcall.async('TCPX', TCPOP_CONNECT, F(), S(0), third, 1, LIMIT, peer.host)).toBe(0);
});

behaviour({ ids: ['MIX-NATIVE', 'MIX-NODE'], title: 'blocking and awaited calls on one socket' }, async (bench) => {
  const { job, engine, mode } = bench;
  const peer = await startPeer({ steps: [{ echo: true }] });
  const sock = await dial(bench, peer);
  const buffer = S(20);
  // A socket that lives on the event loop is out of reach for a call that blocks it.
  const outOfReach = engine === 'node' && mode === 'async';
  expect(await later(bench, TCPOP_WRITE, F(), 'one', sock)).toBe(3);
  if (outOfReach) {
    const number = sock.value;
    const status = F();
    expect(job.xcall('TCPX', TCPOP_READ, status, buffer, sock, 3, LIMIT)).toBe(-95);
    expect([status.value, sock.value]).toEqual([-95, number]);
    expect(job.lastStatus?.text).toContain("home: 'worker'");
    for (const opcode of [TCPOP_WRITE, TCPOP_CHECK, TCPOP_CHKQTY, TCPOP_SHUTDOWN, TCPOP_CLOSE]) {
      expect(job.xcall('TCPX', opcode, F(), buffer, sock), String(opcode)).toBe(-95);
    }
    const array = sockary(3);
    array.set(1, number);
    expect(job.xcall('TCPX', TCPOP_CHECK, F(), '', F(0), 0, 20, '', array)).toBe(-95);
    // An array whose sockets live in two threads is nobody's to wait for.
    const inWorker = F(peer.port);
    expect(job.xcall('TCPX', TCPOP_CONNECT, F(), S(0), inWorker, 1, LIMIT, peer.host)).toBe(0);
    array.set(2, inWorker.value);
    expect(await job.xcall.async('TCPX', TCPOP_CHECK, F(), '', F(0), 0, 20, '', array)).toBe(-95);
    expect(job.xcall('TCPX', TCPOP_CLOSE, F(), '', inWorker)).toBe(0);
    // But it can open others.
    const blocking = F(await freePort());
    expect(job.xcall('TCPX', TCPOP_CONNECT, F(), S(0), blocking, 1, LIMIT, '127.0.0.1')).toBe(-111);
    expect(job.xcall('TCPX', TCPOP_CLOSE, F(), '', F(-1))).toBe(-1);
    expect(await later(bench, TCPOP_READ, F(), buffer, sock, 3, LIMIT)).toBe(3);
  } else {
    expect(job.xcall('TCPX', TCPOP_READ, F(), buffer, sock, 3, LIMIT)).toBe(3);
    expect(job.xcall('TCPX', TCPOP_WRITE, F(), 'two', sock)).toBe(3);
    expect(await later(bench, TCPOP_READ, F(), buffer, sock, 3, LIMIT)).toBe(3);
    expect(buffer.value).toBe('two');
    expect(job.xcall('TCPX', TCPOP_CHECK, F(), '', sock, 0, 10)).toBe(0);
    // One READ at a time, whichever way it came.
    const pending = later(bench, TCPOP_READ, F(), buffer, sock, 5, LIMIT);
    expect(job.xcall('TCPX', TCPOP_READ, F(), S(5), sock, 5, 10)).toBe(-114);
    expect(job.xcall('TCPX', TCPOP_WRITE, F(), 'three', sock)).toBe(5);
    expect(await pending).toBe(5);
    expect(buffer.value).toBe('three');
    expect(job.xcall('TCPX', TCPOP_CLOSE, F(), '', sock)).toBe(0);
  }
});

behaviour({ ids: ['MIX-NODE'], title: "home 'worker'", options: { ...LOCAL, home: 'worker' } }, async (bench) => {
  const { job } = bench;
  const peer = await startPeer({ steps: [{ echo: true }] });
  const sock = await dial(bench, peer);
  const buffer = S(20);
  for (const word of ['one', 'two']) {
    expect(await later(bench, TCPOP_WRITE, F(), word, sock)).toBe(3);
    expect(job.xcall('TCPX', TCPOP_READ, F(), buffer, sock, 3, LIMIT)).toBe(3);
    expect(buffer.value).toBe(word);
    expect(job.xcall('TCPX', TCPOP_WRITE, F(), word, sock)).toBe(3);
    expect(await later(bench, TCPOP_CHECK, F(), '', sock, 0, LIMIT)).toBe(1);
    expect(await later(bench, TCPOP_READ, F(), buffer, sock, 3, LIMIT)).toBe(3);
    expect(buffer.value).toBe(word);
  }
  // A blocking call while an awaited one waits, and one that ends it.
  const pending = later(bench, TCPOP_READ, F(), buffer, sock, 3, LIMIT);
  expect(job.xcall('TCPX', TCPOP_READ, F(), S(3), sock, 3, 10)).toBe(-114);
  expect(job.xcall('TCPX', TCPOP_WRITE, F(), 'end', sock)).toBe(3);
  expect(await pending).toBe(3);
  const second = later(bench, TCPOP_READ, F(), buffer, F(sock.value), 3, LIMIT);
  expect(job.xcall('TCPX', TCPOP_CLOSE, F(), '', sock)).toBe(0);
  expect(await second).toBe(-125);
  const { number, port } = await listen(bench);
  const other = await client(port, [{ send: 'ping' }]);
  const accepted = F(number);
  expect(await later(bench, TCPOP_ACCEPT, F(), '', accepted, KEEP)).toBe(0);
  expect(job.xcall('TCPX', TCPOP_READ, F(), buffer, accepted, 4, LIMIT)).toBe(4);
  await other.finished();
});

behaviour(
  {
    ids: ['CLOSE-PENDING-CALLS'],
    title: 'an ACCEPT that ends a kept listener ends another that waits on it',
    options: LOCAL,
  },
  async (bench) => {
    const port = await freePort();
    const KEPT = TCPXFLG_BLOCK + TCPXFLG_KEEPLISTEN;
    const peers = [await client(port, [{ expectEnd: 'any' }], 100)];
    const [earlier, first, second] = [F(port), F(port), F(port)];
    expect(await later(bench, TCPOP_ACCEPT, F(), '', earlier, KEPT)).toBe(0);
    const keeping = later(bench, TCPOP_ACCEPT, F(), '', first, KEPT);
    const ending = later(bench, TCPOP_ACCEPT, F(), '', second, TCPXFLG_BLOCK);
    peers.push(await client(port, [{ expectEnd: 'any' }]));
    // Whom a client is given that two wait for is the system's choice. The one that ends the listener ends the other's wait.
    const winner = await Promise.race([
      keeping.then((status) => (status === 0 ? first : second)),
      ending.then(() => second),
    ]);
    if (winner === first) peers.push(await client(port, [{ expectEnd: 'any' }]));
    expect(await ending).toBe(0);
    expect(await keeping).toBe(winner === first ? 0 : -125);
    for (const sock of winner === first ? [earlier, first, second] : [earlier, second]) {
      expect(await later(bench, TCPOP_CLOSE, F(), '', sock)).toBe(0);
    }
    await Promise.all(peers.map((peer) => peer.finished()));
  },
);

behaviour({ ids: ['THREADS'], title: "in a worker thread of the program's own" }, async (bench) => {
  const peer = await startPeer({ steps: [{ echo: 4 }, { expectEnd: 'fin' }], count: 2 });
  const worker = new Worker(childFile('thread.mjs'), {
    workerData: { engine: bench.engine, mode: bench.mode, host: peer.host, port: peer.port },
    execArgv: [],
  });
  const ended = once(worker, 'exit');
  const [result] = await once(worker, 'message');
  expect(result).toEqual([0, 4, 'ping', -11, 4, 'ping', 0]);
  // This thread works at the same time, and when the other has ended.
  const sock = await dial(bench, peer);
  expect(await bench.x(TCPOP_WRITE, bench.status, 'pong', sock)).toBe(4);
  expect(await ended).toEqual([0]);
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 4, LIMIT)).toBe(4);
  expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
  await peer.finished();
});

behaviour({ ids: ['THREADS', 'NO-LEAKS'], title: 'a worker thread ends with all that it has open' }, async (bench) => {
  const peer = await startPeer({ steps: [{ expectEnd: 'any' }], count: 15 });
  const program = await runProcess({
    command: process.execPath,
    args: [childFile('thread-ends.mjs'), bench.engine, bench.mode, peer.host, String(peer.port)],
  });
  expect(program).toMatchObject({ code: 0, stderr: '' });
  expect(program.stdout.trim().split('\n')).toEqual(
    ['closed', 'open', 'exit', 'exit while it waits', 'terminated while it waits'].map((how) => `${how}: 0 left`),
  );
  await peer.finished();
});

behaviour({ ids: ['NO-LEAKS'], title: 'hundreds of opens and closes', timeout: 60_000 }, async (bench) => {
  const count = 400;
  const peer = await startPeer({ steps: [{ discard: 'end' }], count });
  const { openDescriptors } = await import('../support/peer.ts');
  let most = 0;
  const before = openDescriptors();
  for (let index = 0; index < count; index += 1) {
    const sock = F(peer.port);
    expect(await bench.x(TCPOP_CONNECT, bench.status, '', sock, TCPXFLG_BLOCK, LIMIT, peer.host)).toBe(0);
    expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
    if (index % 50 === 0) {
      most = Math.max(most, openDescriptors());
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  expect(bench.job.sockets).toEqual([]);
  // Node lets go of a handle a turn or two after it was closed.
  expect(most - before).toBeLessThan(100);
  await peer.finished();
});

behaviour({ ids: ['JOB-OPTIONS'], title: 'a job of the environment' }, async (bench) => {
  const { TCPX_ENGINE } = process.env;
  process.env.TCPX_ENGINE = bench.engine;
  try {
    const job = createJob();
    expect(job.engine).toBe(bench.engine);
    job.close();
    process.env.TCPX_ENGINE = 'openssl';
    expect(() => createJob()).toThrow(/engine is one of/);
  } finally {
    if (TCPX_ENGINE === undefined) delete process.env.TCPX_ENGINE;
    else process.env.TCPX_ENGINE = TCPX_ENGINE;
  }
});
