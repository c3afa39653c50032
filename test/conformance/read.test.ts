/** READ: what it waits for, and where the bytes go (tcpx §4, §5). */
import { dim, F, S, type Variable, X } from 'tcpx';
import { TCPOP_CHECK, TCPOP_CLOSE, TCPOP_READ, TCPOP_WRITE, TCPXFLG_BLOCK } from 'tcpx/ashell.def';
import { expect } from 'vitest';
import { type Bench, behaviour, LIMIT } from '../support/conformance.ts';
import type { RequirementId } from '../support/requirements.ts';
import { fillPattern, type Step, startPeer } from '../support/scripted-peer.ts';
import { arrived, bytesOf, dial, plainFile, SLACK, textOf, timed, until } from './plain.ts';

plainFile();

const WAIT = 60;

interface Cell {
  readonly count: 0 | 4;
  readonly blocking: boolean;
  readonly timer: 0 | typeof WAIT;
}

const cells: readonly Cell[] = ([0, 4] as const).flatMap((count) =>
  [false, true].flatMap((blocking) => ([0, WAIT] as const).map((timer) => ({ count, blocking, timer }))),
);
const named = ({ count, blocking, timer }: Cell) =>
  `count ${count}, ${blocking ? 'blocking' : 'non-blocking'}, timer ${timer}`;

// covers('READ-ANY-NONBLOCK') covers('READ-ANY-BLOCKING') covers('READ-ANY-TIMER')
// covers('READ-COUNT-NONBLOCK') covers('READ-COUNT-BLOCKING') covers('READ-COUNT-TIMER')
const idsOf = ({ count, blocking, timer }: Cell): RequirementId[] => {
  if (timer > 0) return [count === 0 ? 'READ-ANY-TIMER' : 'READ-COUNT-TIMER'];
  if (count === 0) return [blocking ? 'READ-ANY-BLOCKING' : 'READ-ANY-NONBLOCK'];
  return [blocking ? 'READ-COUNT-BLOCKING' : 'READ-COUNT-NONBLOCK'];
};

/** What a cell is run on: a socket in the cell's mode and a READ with its count and timer. */
async function at(bench: Bench, { count, blocking, timer: own }: Cell, steps: readonly Step[], timer: number = own) {
  const peer = await startPeer({ steps });
  const sock = await dial(bench, peer, blocking ? TCPXFLG_BLOCK : 0);
  const buffer = S(16);
  const read = () => timed(() => bench.x(TCPOP_READ, bench.status, buffer, sock, count, timer));
  return { peer, sock, buffer, read };
}

for (const cell of cells) {
  const { count, blocking, timer } = cell;
  const waits = blocking && timer === 0;

  behaviour(
    { ids: [...idsOf(cell), 'READ-TIMER-NOTHING', 'AUTO-CLOSE-NOT'], title: `${named(cell)}: nothing there` },
    async (bench) => {
      // A READ that waits for ever gets its bytes later; any other one comes back without.
      const { sock, buffer, read } = await at(
        bench,
        cell,
        waits ? [{ delay: WAIT }, { send: 'late' }] : [{ waitFor: 'x' }],
      );
      const { status, elapsed } = await read();
      if (waits) {
        expect([status, buffer.value]).toEqual([4, 'late']);
        return;
      }
      expect([status, buffer.value]).toEqual([-11, '']);
      expect(elapsed).toBeGreaterThanOrEqual(timer - SLACK);
      expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
    },
  );

  behaviour({ ids: [...idsOf(cell), 'READ-TIMER-PART'], title: `${named(cell)}: half of it there` }, async (bench) => {
    const rest: Step[] = waits && count > 0 ? [{ delay: WAIT }, { send: 'cd' }] : [{ waitFor: 'x' }];
    // Where what is there is enough, the timer is one that nobody can have waited for.
    const patience = timer > 0 && count === 0 ? LIMIT : timer;
    const { sock, buffer, read } = await at(bench, cell, [{ send: 'ab' }, ...rest], patience);
    await arrived(bench, sock, 2);
    const { status, elapsed } = await read();
    expect([status, buffer.value]).toEqual(waits && count > 0 ? [4, 'abcd'] : [2, 'ab']);
    if (timer > 0 && count > 0) expect(elapsed).toBeGreaterThanOrEqual(timer - SLACK);
    else if (patience > 0) expect(elapsed).toBeLessThan(patience - SLACK);
    expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
  });

  behaviour({ ids: [...idsOf(cell), 'FLAG-COUNT'], title: `${named(cell)}: more than that there` }, async (bench) => {
    const { sock, buffer, read } = await at(bench, cell, [{ send: 'abcdef' }, { waitFor: 'x' }]);
    await arrived(bench, sock, 6);
    const { status, elapsed } = await read();
    expect([status, buffer.value]).toEqual(count === 0 ? [6, 'abcdef'] : [4, 'abcd']);
    expect(elapsed).toBeLessThan(LIMIT);
    if (count > 0) {
      expect(await bench.x(TCPOP_READ, bench.status, buffer, sock, 0, LIMIT)).toBe(2);
      expect(buffer.value).toBe('ef');
    }
  });

  behaviour(
    { ids: [...idsOf(cell), 'READ-EOF', 'AUTO-CLOSE-NOT'], title: `${named(cell)}: closed by the peer` },
    async (bench) => {
      const { peer, sock, read } = await at(bench, cell, [{ close: 'fin' }]);
      await peer.finished();
      const number = sock.value;
      expect(await until(-11, async () => (await read()).status)).toBe(0);
      expect((await read()).status).toBe(0);
      expect(sock.value).toBe(number);
      expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
    },
  );

  behaviour(
    { ids: [...idsOf(cell), 'READ-EOF-PART'], title: `${named(cell)}: half of it, then closed` },
    async (bench) => {
      const { peer, sock, buffer, read } = await at(bench, cell, [{ send: 'ab' }, { close: 'fin' }]);
      await peer.finished();
      await arrived(bench, sock, 2);
      const { status } = await read();
      expect([status, buffer.value]).toEqual([2, 'ab']);
      expect(await until(-11, async () => (await read()).status)).toBe(0);
    },
  );

  behaviour(
    { ids: [...idsOf(cell), 'READ-RESET', 'AUTO-CLOSE'], title: `${named(cell)}: reset by the peer` },
    async (bench) => {
      const { sock, buffer, read } = await at(bench, cell, [{ expect: 1 }, { close: 'rst' }]);
      expect(await bench.x(TCPOP_WRITE, bench.status, '!', sock)).toBe(1);
      expect(await until(-11, async () => (await read()).status)).toBe(-104);
      expect([sock.value, buffer.value]).toEqual([-1, '']);
      expect(bench.job.sockets).toEqual([]);
      expect((await read()).status).toBe(-9);
      expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(-1);
    },
  );

  behaviour(
    { ids: [...idsOf(cell), 'READ-RESET-DATA'], title: `${named(cell)}: half of it, then reset` },
    async (bench) => {
      const { sock, buffer, read } = await at(bench, cell, [{ send: 'ab' }, { expect: 1 }, { close: 'rst' }]);
      await arrived(bench, sock, 2);
      expect(await bench.x(TCPOP_WRITE, bench.status, '!', sock)).toBe(1);
      const { status } = await read();
      expect([status, buffer.value]).toEqual([2, 'ab']);
      expect(await until(-11, async () => (await read()).status)).toBe(-104);
      expect(sock.value).toBe(-1);
    },
  );
}

behaviour({ ids: ['READ-RESET-DATA'], title: 'data and a reset that are found together' }, async (bench) => {
  const peer = await startPeer({ steps: [{ expect: 1 }, { send: 'last words' }, { close: 'rst' }] });
  const sock = await dial(bench, peer);
  expect(await bench.x(TCPOP_WRITE, bench.status, '!', sock)).toBe(1);
  await peer.finished();
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 10, LIMIT)).toBe(10);
  expect(bench.buffer.value).toBe('last words');
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 10, LIMIT)).toBe(-104);
  expect(sock.value).toBe(-1);
});

/** Sends `text` and READs into `buffer`. */
async function receive(bench: Bench, text: string, buffer: Variable, count: number = text.length): Promise<number> {
  const peer = await startPeer({ steps: [{ send: text }, { waitFor: 'x' }] });
  const sock = await dial(bench, peer);
  if (text.length > 0) await arrived(bench, sock, text.length);
  const status = await bench.x(TCPOP_READ, bench.status, buffer, sock, count, 100);
  await peer.stop();
  return status;
}

behaviour({ ids: ['READ-S'], title: 'into a fixed string' }, async (bench) => {
  const exact = S(5, '#####');
  expect(await receive(bench, 'hello', exact)).toBe(5);
  expect(textOf(exact.bytes)).toBe('hello');
  const short = S(8, '########');
  expect(await receive(bench, 'hello', short)).toBe(5);
  expect(textOf(short.bytes)).toBe('hello\0\0\0');
  expect(short.value.length).toBe(5);
});

behaviour({ ids: ['READ-X'], title: 'into a raw variable' }, async (bench) => {
  const raw = X(8, bytesOf('########'));
  expect(await receive(bench, 'a\0b', raw)).toBe(3);
  expect(textOf(raw.bytes)).toBe('a\0b#####');
});

behaviour({ ids: ['READ-DYNAMIC'], title: 'into dynamic variables' }, async (bench) => {
  const text = S(0, 'something longer than what comes');
  expect(await receive(bench, 'short', text)).toBe(5);
  expect(text.value).toBe('short');
  const raw = X(0, bytesOf('old'));
  expect(await receive(bench, 'n\0w', raw, 0)).toBe(3);
  expect(textOf(raw.value)).toBe('n\0w');
  const large = S(0);
  const pattern = textOf(fillPattern(10_000));
  expect(await receive(bench, pattern, large, 0)).toBe(8192);
  expect(textOf(large.bytes)).toBe(pattern.slice(0, 8192));
  expect(await receive(bench, pattern, large, 10_000)).toBe(10_000);
  expect(textOf(large.bytes)).toBe(pattern);
});

behaviour({ ids: ['READ-SUBSCRIPTED', 'READ-CLAMPED'], title: 'into elements of arrays' }, async (bench) => {
  const array = dim(4, 'X', 3);
  expect(await receive(bench, 'abcdefgh', array.at(2), 8)).toBe(8);
  expect(textOf(array.bytes)).toBe('\0\0\0abcdefgh\0');
  // Count 0 is the size of the element; a count stops at the end of the array.
  const second = dim(4, 'X', 3);
  expect(await receive(bench, 'abcdefgh', second.at(4), 0)).toBe(3);
  expect(textOf(second.bytes)).toBe('\0\0\0\0\0\0\0\0\0abc');
  expect(await receive(bench, 'abcdefgh', second.at(3), 8)).toBe(6);
  expect(textOf(second.bytes)).toBe('\0\0\0\0\0\0abcdef');
  const whole = dim(2, 'S', 4);
  expect(await receive(bench, 'abcdefgh', whole, 0)).toBe(8);
  expect([whole.at(1).value, whole.at(2).value]).toEqual(['abcd', 'efgh']);
  const numbers = dim(2, 'B', 2);
  expect(await receive(bench, '\x01\x02\x03\x04', numbers.at(1), 4)).toBe(4);
  expect([numbers.at(1).value, numbers.at(2).value]).toEqual([0x0201, 0x0403]);
});

behaviour({ ids: ['READ-CLAMPED'], title: 'a count larger than the buffer' }, async (bench) => {
  const text = S(4, 'old');
  expect(await receive(bench, 'abcdefgh', text, 100)).toBe(4);
  expect(text.value).toBe('abcd');
  const raw = X(3);
  expect(await receive(bench, 'abcdefgh', raw, 2 ** 40)).toBe(3);
  expect(textOf(raw.value)).toBe('abc');
});

behaviour({ ids: ['READ-BINARY', 'WRITE-BINARY'], title: 'every byte value, both ways' }, async (bench) => {
  const all = Uint8Array.from({ length: 256 }, (_, value) => value);
  const peer = await startPeer({ steps: [{ echo: 512 }] });
  const sock = await dial(bench, peer);
  for (const [out, into] of [
    [X(256, all), X(256)],
    [S(256, textOf(all)), S(0)],
  ] as const) {
    expect(await bench.x(TCPOP_WRITE, bench.status, out, sock, 256)).toBe(256);
    expect(await bench.x(TCPOP_READ, bench.status, into, sock, 256, LIMIT)).toBe(256);
    expect(Array.from(into.bytes)).toEqual(Array.from(all));
  }
  await peer.finished();
});

behaviour({ ids: ['READ-NEGATIVE-COUNT'], title: 'counts that are none' }, async (bench) => {
  const peer = await startPeer({ steps: [{ send: 'kept' }, { waitFor: 'x' }] });
  const sock = await dial(bench, peer);
  await arrived(bench, sock, 4);
  for (const count of [2 ** 31, 1e10, Number.POSITIVE_INFINITY]) {
    expect(await bench.x(TCPOP_READ, bench.status, S(0), sock, count, 50)).toBe(-22);
  }
  for (const count of [-1, -1_000_000, Number.NaN]) {
    expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, count, 50)).toBe(-22);
    expect(await bench.x(TCPOP_WRITE, bench.status, 'text', sock, count, 50)).toBe(-22);
  }
  expect(await bench.x(TCPOP_READ, bench.status, S(0), sock, 2.9, 50)).toBe(2);
  expect(await bench.x(TCPOP_READ, bench.status, X(0), sock, S(4, '2'), 50)).toBe(2);
});

behaviour({ ids: ['READ-STREAM'], title: 'writes and reads do not pair' }, async (bench) => {
  const peer = await startPeer({
    steps: [{ sendSlowly: 'abcdefgh', everyMs: 1, piece: 1 }, { send: 'ij' }, { waitFor: 'x' }],
  });
  const sock = await dial(bench, peer);
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 10, LIMIT)).toBe(10);
  expect(bench.buffer.value).toBe('abcdefghij');
  const echo = await startPeer({ steps: [{ echo: 6 }] });
  const other = await dial(bench, echo);
  for (const part of ['ab', 'cd', 'ef']) expect(await bench.x(TCPOP_WRITE, bench.status, part, other)).toBe(2);
  for (const expected of ['a', 'bcde', 'f']) {
    expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, other, expected.length, LIMIT)).toBe(expected.length);
    expect(bench.buffer.value).toBe(expected);
  }
});

behaviour({ ids: ['FLAG-COUNT-PLAIN-LARGE'], title: 'a plain count as large as the TLS bit' }, async (bench) => {
  const size = 0x00100000 + 5;
  const peer = await startPeer({ steps: [{ fill: size }, { expectFill: size }, { waitFor: 'x' }] });
  const sock = await dial(bench, peer);
  const buffer = X(size);
  expect(await bench.x(TCPOP_READ, bench.status, buffer, sock, size, LIMIT)).toBe(size);
  expect(Buffer.compare(buffer.bytes, fillPattern(size))).toBe(0);
  expect(await bench.x(TCPOP_WRITE, bench.status, buffer, sock, size, LIMIT)).toBe(size);
  await peer.release('x');
  await peer.finished();
  expect(await bench.x(TCPOP_CHECK, bench.status, '', F(-1))).toBe(-9);
});
