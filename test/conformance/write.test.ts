/** WRITE: what is sent, and how long it waits (tcpx §3.3, §4, §5, §13). */
import { setTimeout } from 'node:timers/promises';
import { dim, S, X } from 'tcpx';
import { TCPOP_CHECK, TCPOP_CLOSE, TCPOP_READ, TCPOP_WRITE, TCPXFLG_BLOCK } from 'tcpx/ashell.def';
import { expect } from 'vitest';
import { type Bench, behaviour, LIMIT } from '../support/conformance.ts';
import { fillPattern, startPeer } from '../support/scripted-peer.ts';
import { bytesOf, dial, plainFile, SLACK, textOf, timed } from './plain.ts';

plainFile();

const MIB = 1024 * 1024;
const PATTERN = fillPattern(MIB);

/** What a peer receives of one WRITE. */
async function written(bench: Bench, expected: string, ...args: [buffer: Parameters<Bench['x']>[0], count?: number]) {
  const [buffer, count = 0] = args;
  const peer = await startPeer({ steps: [{ expectUntil: '|' }] });
  const sock = await dial(bench, peer);
  const status = await bench.x(TCPOP_WRITE, bench.status, buffer, sock, count, LIMIT);
  await bench.x(TCPOP_WRITE, bench.status, '|', sock);
  const report = await peer.finished();
  expect(Buffer.from(report.connections[0]?.received ?? []).toString('latin1')).toBe(`${expected}|`);
  return status;
}

behaviour({ ids: ['WRITE-COUNT', 'WRITE-WHOLE-S'], title: 'of a fixed string' }, async (bench) => {
  const text = S(6, 'abc');
  expect(await written(bench, 'ab', text, 2)).toBe(2);
  expect(await written(bench, 'abc\0', text, 4)).toBe(4);
  expect(await written(bench, 'abc\0\0\0', text)).toBe(6);
  expect(await written(bench, 'abc\0\0\0', text, 6)).toBe(6);
  expect(await written(bench, 'literal', 'literal')).toBe(7);
  expect(await written(bench, '42', 42)).toBe(2);
});

behaviour(
  {
    ids: ['WRITE-WHOLE-S-CURRENT'],
    title: 'of a fixed string, by its length',
    options: { assume: { fixedStringWrite: 'current' } },
  },
  async (bench) => {
    expect(await written(bench, 'abc', S(6, 'abc'))).toBe(3);
    expect(await written(bench, 'abc\0\0', S(6, 'abc'), 5)).toBe(5);
    expect(await written(bench, 'ab\0\0', X(4, bytesOf('ab')))).toBe(4);
  },
);

behaviour({ ids: ['WRITE-WHOLE-X', 'WRITE-WHOLE-DYNAMIC'], title: 'of other variables' }, async (bench) => {
  expect(await written(bench, 'a\0b\0', X(4, bytesOf('a\0b')))).toBe(4);
  expect(await written(bench, 'a\0b', X(0, bytesOf('a\0b')))).toBe(3);
  expect(await written(bench, 'text', S(0, 'text'))).toBe(4);
  const array = dim(2, 'S', 3);
  array.at(1).value = 'ab';
  array.at(2).value = 'cde';
  expect(await written(bench, 'ab\0cde', array)).toBe(6);
});

behaviour({ ids: ['WRITE-SUBSCRIPTED'], title: 'from an element of an array on' }, async (bench) => {
  const array = dim(3, 'S', 4);
  for (const [index, text] of ['aaaa', 'bbbb', 'cccc'].entries()) array.at(index + 1).value = text;
  expect(await written(bench, 'bbbb', array.at(2))).toBe(4);
  expect(await written(bench, 'bbbbcc', array.at(2), 6)).toBe(6);
  expect(await written(bench, 'bbbbcccc', array.at(2), 8)).toBe(8);
});

behaviour(
  { ids: ['WRITE-COUNT-TOO-LARGE', 'WRITE-EMPTY'], title: 'more than there is, and nothing' },
  async (bench) => {
    const { status } = bench;
    const peer = await startPeer({ steps: [{ expect: 'end' }, { expectEnd: 'fin' }] });
    const sock = await dial(bench, peer);
    const number = sock.value;
    expect(await bench.x(TCPOP_WRITE, status, S(4, 'abcd'), sock, 5)).toBe(-22);
    expect(await bench.x(TCPOP_WRITE, status, S(0, 'abc'), sock, 4)).toBe(-22);
    expect(await bench.x(TCPOP_WRITE, status, dim(2, 'X', 2).at(2), sock, 3)).toBe(-22);
    expect(bench.job.lastStatus?.text).toContain('nothing was sent');
    expect(await bench.x(TCPOP_WRITE, status, '', sock)).toBe(0);
    expect(await bench.x(TCPOP_WRITE, status, S(0), sock)).toBe(0);
    expect(sock.value).toBe(number);
    expect(await bench.x(TCPOP_WRITE, status, 'end', sock)).toBe(3);
    expect(await bench.x(TCPOP_CLOSE, status, '', sock)).toBe(0);
    await peer.finished();
  },
);

behaviour(
  { ids: ['WRITE-NONBLOCK-ALL-OR-NOTHING', 'AUTO-CLOSE-NOT'], title: 'without waiting, to a peer that never reads' },
  async (bench) => {
    for (const size of [16_384, 60_000, 300_000, MIB]) {
      const peer = await startPeer({ steps: [{ waitFor: 'read' }, { discard: 'end' }] });
      const sock = await dial(bench, peer, 0);
      const data = X(size, fillPattern(size));
      let sent = 0;
      let status = size;
      while (status > 0) {
        status = await bench.x(TCPOP_WRITE, bench.status, data, sock, size);
        expect([size, -11]).toContain(status);
        if (status > 0) sent += status;
        expect(sent).toBeLessThan(64 * MIB);
      }
      expect(sent).toBeGreaterThan(0);
      expect(sock.value).toBeGreaterThan(0);
      // What the peer gets in the end is exactly what was reported.
      await peer.release('read');
      expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
      expect((await peer.finished()).connections[0]?.receivedBytes).toBe(sent);
    }
  },
);

behaviour(
  { ids: ['WRITE-NONBLOCK-ALL-OR-NOTHING'], title: 'without waiting, more than any send buffer holds: a part' },
  async (bench) => {
    const peer = await startPeer({ steps: [{ waitFor: 'read' }, { discard: 'end' }] });
    const sock = await dial(bench, peer, 0);
    const size = 64 * MIB;
    const sent = await bench.x(TCPOP_WRITE, bench.status, X(size), sock);
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(size);
    await peer.release('read');
    expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
    expect((await peer.finished()).connections[0]?.receivedBytes).toBe(sent);
  },
);

behaviour({ ids: ['WRITE-BLOCK-ALL'], title: 'blocking, to a slow reader' }, async (bench) => {
  const size = 8 * MIB;
  const peer = await startPeer({
    steps: [{ delay: 50 }, { expectFill: MIB }, { discard: size - MIB }, { send: 'thanks' }],
  });
  const sock = await dial(bench, peer);
  const data = X(size);
  data.bytes.set(PATTERN);
  expect(await bench.x(TCPOP_WRITE, bench.status, data, sock)).toBe(size);
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 6, LIMIT)).toBe(6);
  await peer.finished();
});

behaviour({ ids: ['WRITE-TIMER-PART', 'WRITE-TIMER-NOTHING'], title: 'as much as goes out in time' }, async (bench) => {
  const size = 16 * MIB;
  const data = X(size);
  for (const flags of [0, TCPXFLG_BLOCK]) {
    const peer = await startPeer({ steps: [{ waitFor: 'read' }, { discard: 'end' }] });
    const sock = await dial(bench, peer, flags);
    const part = await timed(() => bench.x(TCPOP_WRITE, bench.status, data, sock, 0, 80));
    expect(part.status).toBeGreaterThan(0);
    expect(part.status).toBeLessThan(size);
    expect(part.elapsed).toBeGreaterThanOrEqual(80 - SLACK);
    let sent = part.status;
    // The kernel may find a little more room; then there is none.
    let { status, elapsed } = part;
    for (let round = 0; round < 10 && status > 0; round += 1) {
      ({ status, elapsed } = await timed(() => bench.x(TCPOP_WRITE, bench.status, data, sock, 60_000, 60)));
      if (status > 0) sent += status;
    }
    expect(status).toBe(-11);
    expect(elapsed).toBeGreaterThanOrEqual(60 - SLACK);
    expect(sock.value).toBeGreaterThan(0);
    await peer.release('read');
    expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
    expect((await peer.finished()).connections[0]?.receivedBytes).toBe(sent);
  }
});

behaviour({ ids: ['WRITE-PEER-CLOSED'], title: 'to a peer that is known to be gone' }, async (bench) => {
  const peer = await startPeer({ steps: [{ close: 'fin' }] });
  const sock = await dial(bench, peer);
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 1, LIMIT)).toBe(0);
  await peer.finished();
  await peer.stop();
  await setTimeout(50);
  expect(await bench.x(TCPOP_WRITE, bench.status, 'in vain', sock)).toBe(-32);
  expect(sock.value).toBe(-1);
});

behaviour({ ids: ['WRITE-PEER-CLOSED', 'AUTO-CLOSE'], title: 'to a peer that is gone' }, async (bench) => {
  for (const flags of [TCPXFLG_BLOCK, 0]) {
    const peer = await startPeer({ steps: [{ expect: 1 }, { close: 'rst' }] });
    const sock = await dial(bench, peer, flags);
    let status = await bench.x(TCPOP_WRITE, bench.status, '!', sock);
    for (let round = 0; round < 1000 && status > 0; round += 1) {
      status = await bench.x(TCPOP_WRITE, bench.status, 'more', sock, 0, LIMIT);
      if (status > 0) await peer.outcome();
    }
    expect([-32, -104]).toContain(status);
    expect(sock.value).toBe(-1);
    expect(bench.job.sockets).toEqual([]);
    expect(await bench.x(TCPOP_WRITE, bench.status, 'more', sock)).toBe(-9);
    expect(await bench.x(TCPOP_CHECK, bench.status, '', sock)).toBe(-9);
  }
});

behaviour(
  { ids: ['WRITE-COUNT', 'CALL-WRITTEN-ONCE'], title: 'the buffer may change once the call is over' },
  async (bench) => {
    const size = 256 * 1024;
    const peer = await startPeer({ steps: [{ delay: 30 }, { expectFill: size }] });
    const sock = await dial(bench, peer);
    const data = X(size, fillPattern(size));
    const call = bench.x(TCPOP_WRITE, bench.status, data, sock, 0, LIMIT);
    data.bytes.fill(0xff);
    expect(await call).toBe(size);
    await peer.finished();
    expect(textOf(data.bytes.subarray(0, 1))).toBe('\xff');
  },
);
