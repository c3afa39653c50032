/** How a call is made: arguments, types, opcodes, and what comes back (tcpx §1, §2). */
import { B, createJob, F, I, OPCODES, S, sockary, UsageError, type Variable, X } from 'tcpx';
import {
  TCPOP_CHECK,
  TCPOP_CHKQTY,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_ERRMSG,
  TCPOP_READ,
  TCPOP_WRITE,
  TCPXFLG_BLOCK,
} from 'tcpx/ashell.def';
import { expect } from 'vitest';
import { behaviour, LIMIT } from '../support/conformance.ts';
import { freePort } from '../support/peer.ts';
import { startPeer } from '../support/scripted-peer.ts';
import { arrived, dial, openSockets, plainFile } from './plain.ts';

plainFile();

behaviour({ ids: ['CALL-ARGS'], title: 'calls with four to eight arguments' }, async (bench) => {
  const { status, buffer } = bench;
  const peer = await startPeer({ steps: [{ send: 'one' }, { expect: 'two' }, { send: 'three' }] });
  const sock = F(peer.port);
  // 7: everything but the array.
  expect(await bench.x(TCPOP_CONNECT, status, S(0), sock, TCPXFLG_BLOCK, LIMIT, peer.host)).toBe(0);
  expect(await bench.x(TCPOP_CHECK, status, buffer, sock, 0, LIMIT)).toBe(1);
  // 4: flags 0 is "whatever there is", timer 0 on a blocking socket waits.
  expect(await bench.x(TCPOP_READ, status, buffer, sock)).toBe(3);
  expect(buffer.value).toBe('one');
  // 5: flags is the count.
  expect(await bench.x(TCPOP_WRITE, status, 'two and more', sock, 3)).toBe(3);
  // 6: the timer too.
  expect(await bench.x(TCPOP_READ, status, buffer, sock, 5, LIMIT)).toBe(5);
  // 8: an array, in which the index counts.
  const array = sockary(4);
  array.add(sock.value);
  expect(await bench.x(TCPOP_CHKQTY, status, buffer, F(1), 0, 0, '', array)).toBeLessThanOrEqual(0);
  expect(await bench.x(TCPOP_CLOSE, status, buffer, sock)).toBe(0);
  await peer.finished();
  // A hostname that is not there is empty, and there is no ninth argument.
  expect(await bench.x(TCPOP_CONNECT, status, S(0), F(1), TCPXFLG_BLOCK, LIMIT)).toBe(-22);
  expect(await bench.x(TCPOP_CLOSE, status, buffer, F(-1), 0, 0, '', array, 9)).toBe(-1);
});

behaviour({ ids: ['CALL-TOO-FEW', 'CALL-NO-STATUS'], title: 'too few arguments' }, async (bench) => {
  const status = F(7);
  const buffer = S(10, 'kept');
  expect(await bench.x(TCPOP_READ, status)).toBe(-1);
  expect(status.value).toBe(-1);
  expect(await bench.x(TCPOP_READ, status, buffer)).toBe(-1);
  expect(buffer.value).toBe('kept');
  expect(bench.job.lastStatus?.text).toContain('4 to 8 arguments, not 3');
  await expect(bench.x()).rejects.toThrow(UsageError);
  await expect(bench.x(TCPOP_READ)).rejects.toThrow(UsageError);
  await expect(bench.x(TCPOP_READ, 0, buffer, F())).rejects.toThrow(/must be a variable for STATUS/);
  await expect(bench.x(TCPOP_CLOSE, 'status', buffer, F())).rejects.toThrow(UsageError);
});

behaviour({ ids: ['CALL-WRONG-OPCODE', 'NO-RUNTIME-ERRORS'], title: 'opcodes that do not exist' }, async (bench) => {
  const wrong = [3, 0, 13, 999, -1, -9, 1.5, 2 ** 40, Number.NaN, Number.POSITIVE_INFINITY, 'READ', '', S(4), F(3)];
  for (const opcode of wrong) {
    const status = F(7);
    const buffer = S(8, 'kept');
    const sock = F(12);
    const flags = F(5);
    expect(await bench.x(opcode, status, buffer, sock, flags), String(opcode)).toBe(-1);
    expect([status.value, buffer.value, sock.value, flags.value]).toEqual([-1, 'kept', 12, 5]);
  }
  expect(bench.job.lastStatus?.text).toMatch(/there is no TCPX opcode/);
});

behaviour({ ids: ['OP-TABLE'], title: 'the opcodes that exist answer' }, async (bench) => {
  expect(OPCODES.map(({ code, name }) => `${code} ${name}`)).toEqual([
    '1 ACCEPT',
    '2 WRITE',
    '4 READ',
    '5 SHUTDOWN',
    '6 CLOSE',
    '7 CHECK',
    '8 CHKQTY',
    '9 CONNECT',
    '10 CONNECT_OLD',
    '11 ERRMSG',
    '12 STARTTLS',
  ]);
  for (const { code, opens } of OPCODES) {
    if (opens || code === TCPOP_ERRMSG) continue;
    expect(await bench.x(code, bench.status, bench.buffer, F(4711)), String(code)).toBe(-9);
  }
});

behaviour({ ids: ['CALL-LITERAL'], title: 'literals where a variable is needed' }, async (bench) => {
  const { status, buffer } = bench;
  const peer = await startPeer({ steps: [{ send: 'text' }, { expect: 'literal' }] });
  expect(await bench.x(TCPOP_CONNECT, status, '', peer.port, TCPXFLG_BLOCK, LIMIT, peer.host)).toBe(-1);
  expect(openSockets(bench.job)).toBe(0);
  const sock = await dial(bench, peer);
  expect(await bench.x(TCPOP_READ, status, 'literal', sock, 0, LIMIT)).toBe(-1);
  expect(await bench.x(TCPOP_ERRMSG, F(-11), 'literal', sock)).toBe(-1);
  expect(await bench.x(TCPOP_CHECK, status, '', 0, 0, 0, '', 'array')).toBe(-1);
  // Inputs may be literals: the buffer of a WRITE, the socket of anything that does not open one.
  expect(await bench.x(TCPOP_READ, status, buffer, sock.value, 4, LIMIT)).toBe(4);
  expect(await bench.x(TCPOP_WRITE, status, 'literal', sock.value)).toBe(7);
  expect(await bench.x(TCPOP_WRITE, status, 'euro \u20ac', sock.value)).toBe(-22);
  await peer.finished();
  expect(await bench.x(TCPOP_CLOSE, status, '', sock.value)).toBe(0);
  expect(await bench.x(TCPOP_CLOSE, status, '', sock.value)).toBe(-9);
});

const types: Readonly<Record<string, (value?: number) => Variable & { value: unknown }>> = {
  'F,4': (value) => F(value, 4),
  'F,6': (value) => F(value, 6),
  'F,8': (value) => F(value, 8),
  'B,1': (value) => B(1, value),
  'B,2': (value) => B(2, value),
  'B,3': (value) => B(3, value),
  'B,4': (value) => B(4, value),
  'B,5': (value) => B(5, value),
  'B,6': (value) => B(6, value),
  'I,1': (value) => I(1, value),
  'I,2': (value) => I(2, value),
  'I,4': (value) => I(4, value),
  'I,6': (value) => I(6, value),
  'S,12': (value) => S(12, value === undefined ? '' : String(value)),
  'S,0': (value) => S(0, value === undefined ? '' : String(value)),
  'X,12': (value) => X(12, value === undefined ? undefined : Uint8Array.from(Buffer.from(String(value)))),
};

behaviour(
  { ids: ['CALL-TYPES-NUMERIC', 'CALL-TYPES-KEPT'], title: 'every numeric type as every numeric argument' },
  async (bench) => {
    const peer = await startPeer({ steps: [{ echo: true }], count: Object.keys(types).length });
    for (const [name, make] of Object.entries(types)) {
      const port = name === 'B,1' || name.startsWith('I,1') || name === 'I,2' ? F(peer.port) : make(peer.port);
      const status = make();
      const flags = make(TCPXFLG_BLOCK);
      expect(await bench.x(make(TCPOP_CONNECT), status, S(0), port, flags, make(100), peer.host), name).toBe(0);
      expect(status.readNumber(), name).toBe(0);
      const sock = make(port.readNumber());
      expect(await bench.x(make(TCPOP_WRITE), status, 'abcdef', sock, make(5), make(100)), name).toBe(5);
      expect(status.readNumber(), name).toBe(5);
      expect(status.readString(), name).toBe('5');
      expect(await bench.x(make(TCPOP_READ), status, S(9), sock, make(5), make(100)), name).toBe(5);
      expect(await bench.x(make(TCPOP_READ), status, S(9), sock, make(0), make(1)), name).toBe(-11);
      // A negative number in an unsigned variable wraps, as in BASIC.
      const unsigned = /^B,([1-46])/.exec(name);
      const bits = 8 * Number(unsigned?.[1] ?? 0);
      expect(status.readNumber(), name).toBe(unsigned === null ? -11 : 2 ** bits - 11);
      expect(await bench.x(make(TCPOP_CLOSE), status, '', sock), name).toBe(0);
    }
    await peer.finished();
  },
);

behaviour({ ids: ['CALL-MINUS-ONE-B4'], title: '-1 in an unsigned variable' }, async (bench) => {
  const sock = B(4, await freePort());
  expect(await bench.x(TCPOP_CONNECT, bench.status, S(0), sock, TCPXFLG_BLOCK, LIMIT, '127.0.0.1')).toBe(-111);
  expect(sock.value).toBe(0xffffffff);
  expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(-1);
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock)).toBe(-9);
  // Only four bytes of ones mean -1.
  expect(await bench.x(TCPOP_CLOSE, bench.status, '', B(2, 65_535))).toBe(-9);
});

behaviour({ ids: ['CALL-SYNTAX'], title: 'names of routines' }, async (bench) => {
  for (const name of ['tcpx', 'Tcpx', 'TCPX.SBR', 'tcpx.sbr', 'TCPX.SBX']) {
    expect(await bench.xcall(name, TCPOP_CLOSE, bench.status, '', F(-1))).toBe(-1);
  }
  await expect(bench.xcall('TCPY', TCPOP_CLOSE, bench.status, '', F(-1))).rejects.toThrow(/no such routine/);
  await expect(bench.xcall('', TCPOP_CLOSE, bench.status, '', F(-1))).rejects.toThrow(UsageError);
});

behaviour({ ids: ['CALL-SYNC', 'ASYNC-CALL'], title: 'a synchronous call stops the program' }, async (bench) => {
  const peer = await startPeer({ steps: [{ neverRead: true }] });
  const sock = await dial(bench, peer);
  const events: string[] = [];
  const turn = new Promise<void>((resolve) => {
    setImmediate(() => {
      events.push('turn of the loop');
      resolve();
    });
  });
  const timer = bench.mode === 'sync' ? 30 : LIMIT;
  const call = bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 0, timer);
  if (bench.mode === 'sync') expect([bench.status.value, events]).toEqual([-11, []]);
  const ended = call.then(() => events.push('end of the call'));
  await turn;
  // An asynchronous one waits while the loop turns, until somebody ends it.
  if (bench.mode === 'async') expect(await bench.x(TCPOP_CLOSE, F(), '', sock)).toBe(0);
  await ended;
  if (bench.mode === 'async') expect(events).toEqual(['turn of the loop', 'end of the call']);
  expect(bench.status.value).toBe(bench.mode === 'sync' ? -11 : -125);
});

behaviour({ ids: ['ASYNC-CALL'], title: 'calls that end at once leave the event loop its turns' }, async (bench) => {
  // Bytes that keep coming, and commands that do: what is awaited never has to wait.
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  const late = performance.now() + 2_000;
  while (!turned && performance.now() < late) {
    expect(await bench.job.xcall.async('TCPX', TCPOP_CLOSE, bench.status, '', F(-1))).toBe(-1);
  }
  expect(turned).toBe(true);
});

behaviour({ ids: ['CALL-WRITTEN-ONCE'], title: 'nothing but status changes in a call that fails' }, async (bench) => {
  const peer = await startPeer({ steps: [{ neverRead: true }] });
  const sock = await dial(bench, peer, 0);
  const [buffer, flags, timer] = [S(8, 'kept'), F(4), F(20)];
  const number = sock.value;
  expect(await bench.x(TCPOP_READ, bench.status, buffer, sock, flags, timer)).toBe(-11);
  expect([buffer.value, sock.value, flags.value, timer.value]).toEqual(['kept', number, 4, 20]);
  // Two arguments in one variable: what is written last stays, and that is status.
  const both = F(peer.port);
  expect(await bench.x(TCPOP_CONNECT, both, S(0), both, TCPXFLG_BLOCK, LIMIT, 'http://x')).toBe(-22);
  expect(both.value).toBe(-22);
});

behaviour({ ids: ['CALL-SOCKET-24-BITS'], title: 'socket numbers' }, async (bench) => {
  const peer = await startPeer({ steps: [{ neverRead: true }], count: 3 });
  const numbers = [await dial(bench, peer), await dial(bench, peer), await dial(bench, peer)].map(({ value }) => value);
  expect(new Set(numbers).size).toBe(3);
  for (const number of numbers) {
    expect(number).toBeGreaterThanOrEqual(1);
    expect(number).toBeLessThanOrEqual(0xffffff);
    expect(bench.job.socket(number).remote).toEqual({ host: peer.host, port: peer.port });
  }
  expect([...bench.job.sockets].sort()).toEqual([...numbers].sort());
  expect(() => bench.job.socket(0)).toThrow(UsageError);
});

behaviour(
  { ids: ['USE-AFTER-CLOSE', 'SOCKETS-OUTLIVE-PROGRAM'], title: 'a socket lives from its opening to its CLOSE' },
  async (bench) => {
    const { status, buffer } = bench;
    const peer = await startPeer({ steps: [{ expect: 'first' }, { send: 'second' }] });
    // One "program" opens, another goes on with the number alone.
    const number = (await dial(bench, peer)).value;
    expect(await bench.x(TCPOP_WRITE, F(), 'first', number)).toBe(5);
    await arrived(bench, F(number), 6);
    expect(await bench.x(TCPOP_READ, status, buffer, F(number), 6, LIMIT)).toBe(6);
    const sock = F(number);
    expect(await bench.x(TCPOP_CLOSE, status, buffer, sock)).toBe(0);
    for (const { code, opens } of OPCODES) {
      if (opens || code === TCPOP_ERRMSG) continue;
      const again = F(number);
      expect(await bench.x(code, status, buffer, again, 0, 10), String(code)).toBe(-9);
      expect(again.value).toBe(number);
    }
    for (const odd of ['abc', 1.5, -2, Number.NaN, S(4)]) {
      expect(await bench.x(TCPOP_READ, status, buffer, odd, 0, 10), String(odd)).toBe(-9);
    }
  },
);

behaviour({ ids: ['JOB-OPTIONS'], title: 'options are checked at once' }, async (bench) => {
  const { engine } = bench;
  expect(bench.job.engine).toBe(engine);
  const bad = [
    { home: 'loop' },
    { statusFamily: 'macos' },
    { trace: ['everything'] },
    { assume: { backlog: 0 } },
    { assume: { unknown: 1 } },
    { tls: { verify: 'maybe' } },
    { engnie: 'node' },
    { engine: 'openssl' },
    { bind: 'localhost' },
  ];
  for (const options of bad) {
    expect(() => createJob({ engine, ...(options as object) }), JSON.stringify(options)).toThrow(UsageError);
  }
});
