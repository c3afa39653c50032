/** CHECK and CHKQTY (tcpx §2, §4, §10, §15.6). */
import { F, S } from 'tcpx';
import {
  TCPOP_ACCEPT,
  TCPOP_CHECK,
  TCPOP_CHKQTY,
  TCPOP_CLOSE,
  TCPOP_READ,
  TCPOP_SHUTDOWN,
  TCPOP_WRITE,
  TCPXFLG_ASYNC,
  TCPXFLG_BLOCK,
  TCPXFLG_KEEPLISTEN,
} from 'tcpx/ashell.def';
import { expect } from 'vitest';
import { behaviour, LIMIT } from '../support/conformance.ts';
import { startPeer } from '../support/scripted-peer.ts';
import { arrived, client, dial, listen, plainFile, SLACK, timed, until } from './plain.ts';

plainFile();

const LOCAL = { bind: '127.0.0.1' };

behaviour(
  { ids: ['CHECK-IDLE', 'CHECK-TIMER', 'CHECK-DATA', 'FLAG-ANSWER-STATUS'], title: 'CHECK of a connection' },
  async (bench) => {
    const { status, buffer } = bench;
    for (const mode of [0, TCPXFLG_BLOCK]) {
      const peer = await startPeer({ steps: [{ waitFor: 'go' }, { send: 'data' }, { waitFor: 'end' }] });
      const sock = await dial(bench, peer, mode);
      const flags = F(3);
      expect(await bench.x(TCPOP_CHECK, status, buffer, sock, flags, 0)).toBe(0);
      const waited = await timed(() => bench.x(TCPOP_CHECK, status, buffer, sock, flags, 60));
      expect(waited.status).toBe(0);
      expect(waited.elapsed).toBeGreaterThanOrEqual(60 - SLACK);
      await peer.release('go');
      expect(await bench.x(TCPOP_CHECK, status, buffer, sock, flags, LIMIT)).toBe(1);
      expect(await bench.x(TCPOP_CHECK, status, buffer, sock, flags, 0)).toBe(1);
      expect(flags.value).toBe(3);
      expect(await bench.x(TCPOP_READ, status, buffer, sock, 4, LIMIT)).toBe(4);
      expect(await bench.x(TCPOP_CHECK, status, buffer, sock, flags, 0)).toBe(0);
      await peer.release('end');
      await peer.finished();
    }
  },
);

behaviour({ ids: ['CHECK-TIMER'], title: 'CHECK returns as soon as data comes' }, async (bench) => {
  const peer = await startPeer({ steps: [{ delay: 40 }, { send: 'data' }, { waitFor: 'x' }] });
  const sock = await dial(bench, peer);
  const { status, elapsed } = await timed(() => bench.x(TCPOP_CHECK, bench.status, '', sock, 0, LIMIT));
  expect(status).toBe(1);
  expect(elapsed).toBeLessThan(LIMIT / 2);
});

behaviour(
  {
    ids: ['CHECK-CLOSED', 'CHECK-CLOSED-UNREAD', 'CHKQTY-CLOSED', 'AUTO-CLOSE-NOT'],
    title: 'after the close of the peer',
  },
  async (bench) => {
    const { status, buffer } = bench;
    const peer = await startPeer({ steps: [{ send: 'rest' }, { close: 'half' }, { expect: 'reply' }] });
    const sock = await dial(bench, peer);
    const number = sock.value;
    await arrived(bench, sock, 4);
    expect(await bench.x(TCPOP_CHECK, status, buffer, sock, 0, LIMIT)).toBe(1);
    expect(await bench.x(TCPOP_CHKQTY, status, buffer, sock)).toBe(4);
    expect(await bench.x(TCPOP_READ, status, buffer, sock, 4, LIMIT)).toBe(4);
    expect(await until(0, () => bench.x(TCPOP_CHECK, status, buffer, sock, 0, LIMIT))).toBe(-1);
    expect(await bench.x(TCPOP_CHECK, status, buffer, sock)).toBe(-1);
    expect(await bench.x(TCPOP_CHKQTY, status, buffer, sock)).toBe(-1);
    expect(sock.value).toBe(number);
    // The other direction still works.
    expect(await bench.x(TCPOP_WRITE, status, 'reply', sock)).toBe(5);
    await peer.finished();
    expect(await bench.x(TCPOP_READ, status, buffer, sock, 0, LIMIT)).toBe(0);
    expect(await bench.x(TCPOP_CLOSE, status, buffer, sock)).toBe(0);
  },
);

behaviour(
  {
    ids: ['CHECK-CLOSED-OPTION'],
    title: 'another status for a closed peer',
    options: { assume: { closedCheck: -104 } },
  },
  async (bench) => {
    const peer = await startPeer({ steps: [{ close: 'fin' }] });
    const sock = await dial(bench, peer);
    expect(await until(0, () => bench.x(TCPOP_CHECK, bench.status, '', sock, 0, LIMIT))).toBe(-104);
    expect(await bench.x(TCPOP_CHKQTY, bench.status, '', sock)).toBe(-104);
    expect(sock.value).toBeGreaterThan(0);
  },
);

behaviour({ ids: ['AUTO-CLOSE'], title: 'CHECK and CHKQTY of a connection that was reset' }, async (bench) => {
  for (const opcode of [TCPOP_CHECK, TCPOP_CHKQTY]) {
    const peer = await startPeer({ steps: [{ expect: 1 }, { close: 'rst' }] });
    const sock = await dial(bench, peer);
    expect(await bench.x(TCPOP_WRITE, bench.status, '!', sock)).toBe(1);
    expect(await until(0, () => bench.x(opcode, bench.status, '', sock, 0, LIMIT)), String(opcode)).toBe(-104);
    expect(sock.value).toBe(-1);
    expect(bench.job.sockets).toEqual([]);
  }
});

behaviour({ ids: ['CHKQTY-COUNT', 'CHKQTY-TIMER', 'FLAG-ANSWER-STATUS'], title: 'CHKQTY' }, async (bench) => {
  const { status, buffer } = bench;
  const peer = await startPeer({ steps: [{ waitFor: 'go' }, { fill: 3000 }, { waitFor: 'end' }] });
  const sock = await dial(bench, peer);
  const flags = F(9);
  const { status: none, elapsed } = await timed(() => bench.x(TCPOP_CHKQTY, status, buffer, sock, flags, LIMIT));
  expect(none).toBe(0);
  expect(elapsed).toBeLessThan(LIMIT - SLACK);
  await peer.release('go');
  await arrived(bench, sock, 3000);
  expect(await bench.x(TCPOP_CHKQTY, status, buffer, sock, flags)).toBe(3000);
  expect(await bench.x(TCPOP_READ, status, buffer, sock, 1000, LIMIT)).toBe(1000);
  expect(await bench.x(TCPOP_CHKQTY, status, buffer, sock, flags)).toBe(2000);
  expect(flags.value).toBe(9);
});

behaviour({ ids: ['CHKQTY-COUNT', 'READ-STREAM'], title: 'polling CHKQTY until a record is there' }, async (bench) => {
  const peer = await startPeer({
    steps: [{ sendSlowly: 'a record, in pieces', everyMs: 2, piece: 3 }, { waitFor: 'end' }],
  });
  const sock = await dial(bench, peer);
  // CHKQTY answers more than 0 most of the time: the loop must go round all the same.
  await arrived(bench, sock, 19);
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 19)).toBe(19);
  expect(bench.buffer.value).toBe('a record, in pieces');
});

behaviour({ ids: ['CHECK-UNTOUCHED'], title: 'opcodes that do not use the buffer' }, async (bench) => {
  const peer = await startPeer({ steps: [{ send: 'data' }, { waitFor: 'x' }] });
  const sock = await dial(bench, peer);
  const buffer = S(10, 'untouched');
  await arrived(bench, sock, 4);
  for (const opcode of [TCPOP_CHECK, TCPOP_CHKQTY, TCPOP_SHUTDOWN, TCPOP_CLOSE]) {
    expect(await bench.x(opcode, bench.status, buffer, sock, 1, 100), String(opcode)).toBeGreaterThanOrEqual(0);
    expect(buffer.value).toBe('untouched');
  }
});

behaviour(
  { ids: ['FLAG-ANSWER-FLAGS'], title: 'the answer of 2003', options: { assume: { answerInFlags: true } } },
  async (bench) => {
    const peer = await startPeer({ steps: [{ send: 'data' }, { waitFor: 'x' }] });
    const sock = await dial(bench, peer);
    await arrived(bench, sock, 4);
    const flags = F(0);
    expect(await bench.x(TCPOP_CHKQTY, bench.status, '', sock, flags)).toBe(4);
    expect([flags.value, bench.status.value]).toEqual([4, 4]);
    expect(await bench.x(TCPOP_CHECK, bench.status, '', sock, flags)).toBe(1);
    expect(flags.value).toBe(1);
    // Only these two, and only an answer.
    flags.value = 4;
    expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, flags, LIMIT)).toBe(4);
    expect(flags.value).toBe(4);
    expect(await bench.x(TCPOP_CHECK, bench.status, '', F(4711), flags)).toBe(-9);
    expect(flags.value).toBe(4);
    expect(await bench.x(TCPOP_CHECK, bench.status, '', sock, 7)).toBe(0);
  },
);

behaviour({ ids: ['ACCEPT-CHECK'], title: 'CHECK of a listening socket', options: LOCAL }, async (bench) => {
  const { status, buffer } = bench;
  const { sock, port, number } = await listen(bench);
  expect(await bench.x(TCPOP_CHECK, status, buffer, sock)).toBe(0);
  const idle = await timed(() => bench.x(TCPOP_CHECK, status, buffer, sock, 0, 60));
  expect(idle.status).toBe(0);
  expect(idle.elapsed).toBeGreaterThanOrEqual(60 - SLACK);
  const peer = await client(port, [{ send: 'hello' }]);
  expect(await bench.x(TCPOP_CHECK, status, buffer, sock, 0, LIMIT)).toBe(1);
  expect(await bench.x(TCPOP_CHECK, status, buffer, sock)).toBe(1);
  expect(await bench.x(TCPOP_ACCEPT, status, '', sock, TCPXFLG_BLOCK + TCPXFLG_ASYNC + TCPXFLG_KEEPLISTEN)).toBe(0);
  expect(await bench.x(TCPOP_CHECK, status, buffer, number)).toBe(0);
  expect(await bench.x(TCPOP_READ, status, buffer, sock, 5, LIMIT)).toBe(5);
  await peer.finished();
  expect(await bench.x(TCPOP_CLOSE, status, '', number)).toBe(0);
});

behaviour({ ids: ['AUTO-CLOSE'], title: 'READ and the like of a listening socket', options: LOCAL }, async (bench) => {
  // The listening socket is not harmed: clients still find it.
  for (const opcode of [TCPOP_READ, TCPOP_WRITE, TCPOP_CHKQTY, TCPOP_SHUTDOWN]) {
    const { sock } = await listen(bench);
    const number = sock.value;
    expect(await bench.x(opcode, bench.status, S(4), sock, 0, 50), String(opcode)).toBe(-107);
    expect(sock.value).toBe(number);
    expect(await bench.x(TCPOP_CHECK, bench.status, '', sock)).toBe(0);
    expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
  }
  expect(bench.job.sockets).toEqual([]);
});
