/** What traces show, what they never show, and where they go (tcpx §12). */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createJob, F, S, sockary, UsageError } from 'tcpx';
import {
  TCPOP_CHECK,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_ERRMSG,
  TCPOP_READ,
  TCPOP_WRITE,
  TCPXFLG_BLOCK,
  TCPXFLG_TLS,
} from 'tcpx/ashell.def';
import { expect } from 'vitest';
import { type Bench, behaviour, LIMIT } from '../support/conformance.ts';
import { cleanUpAfterAll, tempDir } from '../support/peer.ts';
import { startPeer } from '../support/scripted-peer.ts';
import { dial, plainFile } from './plain.ts';

plainFile();
cleanUpAfterAll();

const directory = tempDir('tcpx-trace-');
let files = 0;
const traceTo =
  (...trace: ('socks' | 'xdebug' | 'data')[]) =>
  () => {
    files += 1;
    return { trace, traceFile: join(directory, `${files}.log`) };
  };
const lines = () =>
  readFileSync(join(directory, `${files}.log`), 'utf8')
    .trimEnd()
    .split('\n');

/** The bytes that the dumps of one direction hold. */
function dumped(direction: '>' | '<'): string {
  const rows = lines().map(
    (line) => new RegExp(`^  \\${direction} [0-9a-f]{4}  ((?:[0-9a-f]{2} ?)+)`).exec(line)?.[1] ?? '',
  );
  return Buffer.from(rows.join('').replaceAll(' ', ''), 'hex').toString('latin1');
}

const SECRET = 'AHVzZXIAaHVudGVyMg==';

async function logIn(bench: Bench): Promise<void> {
  const { status, buffer } = bench;
  const peer = await startPeer({
    steps: [
      { send: '220 ready\r\n' },
      { expectUntil: '\r\n' },
      { send: '334 \r\n' },
      { expectUntil: '\r\n' },
      { send: '235 welcome\r\n' },
      { expectUntil: '\r\n' },
    ],
  });
  const sock = await dial(bench, peer);
  const says = async (length: number) =>
    expect(await bench.x(TCPOP_READ, status, buffer, sock, length, LIMIT)).toBe(length);
  await says(11);
  await bench.x(TCPOP_WRITE, status, 'AUTH PLAIN\r\n', sock);
  await says(6);
  // In two calls: the filter must not lose the thread.
  await bench.x(TCPOP_WRITE, status, SECRET.slice(0, 7), sock);
  await bench.x(TCPOP_WRITE, status, `${SECRET.slice(7)}\r\n`, sock);
  await says(13);
  await bench.x(TCPOP_WRITE, status, 'PASS tr0ub4dor\r\n', sock);
  await peer.finished();
  expect(await bench.x(TCPOP_CLOSE, status, '', sock)).toBe(0);
}

behaviour(
  { ids: ['TRACE-SOCKS'], title: 'a line per call, without contents', options: traceTo('socks') },
  async (bench) => {
    await logIn(bench);
    await bench.x(TCPOP_READ, bench.status, bench.buffer, F(4711), 0, 20);
    await bench.x(99, bench.status, '', F());
    await bench.x(TCPOP_ERRMSG, F(-104), bench.buffer, F());
    const shown = lines();
    expect(shown[0]).toMatch(
      /^TCPX CONNECT\(sockport=\d+, flags=BLOCK, timer=5000, hostname="127\.0\.0\.1"\) = 0 sockport=\d+ <\d+\.\d{3} ms>$/,
    );
    expect(shown[1]).toMatch(/^TCPX READ\(sockport=\d+, flags=11, timer=5000\) = 11 <.* ms>$/);
    expect(shown[2]).toMatch(/^TCPX WRITE\(sockport=\d+, buffer=12 bytes, flags=0\) = 12 <.* ms>$/);
    expect(shown[8]).toMatch(/^TCPX CLOSE\(sockport=\d+, flags=0\) = 0 sockport=-1 <.* ms>$/);
    expect(shown[9]).toMatch(/^TCPX READ\(sockport=4711, flags=0, timer=20\) = -9 \(.*Bad file descriptor\) </);
    for (const content of ['220 ready', 'AUTH', SECRET, SECRET.slice(0, 7), 'welcome', 'tr0ub4dor']) {
      expect(shown.join('\n')).not.toContain(content);
    }
    expect(shown.every((line) => line.startsWith('TCPX '))).toBe(true);
    expect(statSync(join(directory, `${files}.log`)).mode & 0o077).toBe(0);
  },
);

behaviour({ ids: ['TRACE-XDEBUG'], title: 'dumps without secrets', options: traceTo('xdebug') }, async (bench) => {
  await logIn(bench);
  expect(dumped('>')).toBe('AUTH [secret]\r\n[secret][secret]\r\nPASS [secret]\r\n');
  expect(dumped('<')).toBe('220 ready\r\n334 \r\n235 welcome\r\n');
  const whole = readFileSync(join(directory, `${files}.log`), 'latin1');
  const hex = Buffer.from(SECRET, 'latin1')
    .toString('hex')
    .replace(/..(?=.)/g, '$& ');
  for (const trace of [SECRET, 'tr0ub4dor', hex.slice(0, 20)]) expect(whole).not.toContain(trace);
});

behaviour({ ids: ['TRACE-DATA'], title: 'everything when asked for', options: traceTo('data') }, async (bench) => {
  await logIn(bench);
  expect(dumped('>')).toBe(`AUTH PLAIN\r\n${SECRET}\r\nPASS tr0ub4dor\r\n`);
});

behaviour(
  { ids: ['TRACE-XDEBUG'], title: 'dialogues on sockets of an array', options: traceTo('socks', 'xdebug') },
  async (bench) => {
    const peer = await startPeer({
      steps: [{ expectUntil: '\n' }, { send: '334 \r\n' }, { expectUntil: '\n' }],
      count: 2,
    });
    const plain = await dial(bench, peer);
    const array = sockary(3);
    const other = await dial(bench, peer);
    // Index and socket number are not the same thing: the dialogues run side by side.
    array.set(plain.value === 1 ? 1 : 2, other.value);
    const index = plain.value === 1 ? 1 : 2;
    await bench.x(TCPOP_WRITE, bench.status, 'AUTH PLAIN\r\n', plain);
    await bench.x(TCPOP_WRITE, bench.status, 'EHLO x\n', F(index), 0, 0, '', array);
    await bench.x(TCPOP_READ, bench.status, bench.buffer, plain, 6, LIMIT);
    await bench.x(TCPOP_READ, bench.status, bench.buffer, F(index), 6, LIMIT, '', array);
    await bench.x(TCPOP_WRITE, bench.status, 'one hunter\n', F(index), 0, 0, '', array);
    await bench.x(TCPOP_WRITE, bench.status, 'two hunter\n', plain);
    await peer.finished();
    expect(dumped('>')).toBe('AUTH [secret]\r\nEHLO x\n[secret]\n[secret]\n');
  },
);

behaviour(
  {
    ids: ['TRACE-XDEBUG', 'TRACE-WHERE'],
    title: 'details of a call come before its line',
    options: () => ({ ...traceTo('xdebug')(), tls: { verify: 'none' } }),
  },
  async (bench) => {
    const peer = await startPeer({ tls: {}, steps: [{ send: 'hi' }, { expectEnd: 'any' }] });
    const sock = await dial(bench, peer, TCPXFLG_BLOCK + TCPXFLG_TLS);
    expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 2 + TCPXFLG_TLS, LIMIT)).toBe(2);
    expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock, TCPXFLG_TLS)).toBe(0);
    const shown = lines();
    expect(shown[0]).toMatch(/certificates are not verified/);
    const details = shown.findIndex((line) => /^sock \d+ client TLS/.test(line));
    const connect = shown.findIndex((line) => line.startsWith('TCPX CONNECT('));
    const read = shown.findIndex((line) => line.startsWith('TCPX READ('));
    expect(details).toBeGreaterThan(0);
    expect(details).toBeLessThan(connect);
    expect(connect).toBeLessThan(read);
    expect(shown[connect]).toContain('flags=BLOCK|TLS');
    expect(shown[read]).toContain('flags=TLS+2');
  },
);

behaviour({ ids: ['TRACE-WHERE'], title: 'the diagnostics channel, without an option' }, async (bench) => {
  const heard: string[] = [];
  const listener = (message: unknown) => heard.push((message as { line: string }).line);
  subscribe('tcpx:trace', listener);
  try {
    await bench.x(TCPOP_CHECK, bench.status, '', F(4711));
    await logIn(bench);
  } finally {
    unsubscribe('tcpx:trace', listener);
  }
  const count = heard.length;
  expect(heard[0]).toMatch(/^TCPX CHECK\(sockport=4711/);
  expect(heard.join('\n')).not.toContain(SECRET);
  expect(heard.join('\n')).not.toContain('tr0ub4dor');
  await bench.x(TCPOP_CHECK, bench.status, '', F(4711));
  expect(heard.length).toBe(count);
});

behaviour({ ids: ['TRACE-WHERE', 'JOB-OPTIONS'], title: 'the environment' }, async (bench) => {
  const file = join(directory, `environment-${bench.engine}-${bench.mode}.log`);
  const before = { ...process.env };
  Object.assign(process.env, { TCPX_TRACE: 'SOCKS, xdebug', TCPX_TRACE_FILE: file });
  try {
    const job = createJob({ engine: bench.engine });
    expect(existsSync(file)).toBe(false);
    await job.xcall.async('TCPX', TCPOP_CLOSE, F(), '', F(-1));
    job.xcall('TCPX', TCPOP_CONNECT, F(), S(0), F(0), 0, 0, 'x');
    await job.xcall.async('tcpcli', 7, F(), '', F(4711), '');
    job.close();
    expect(readFileSync(file, 'utf8')).toMatch(
      /^TCPX CLOSE.*already closed.*\nTCPX CONNECT\(.*\) = -22 .*\nTCPCLI CHECK/,
    );
    process.env.TCPX_TRACE = 'everything';
    expect(() => createJob({ engine: bench.engine })).toThrow(UsageError);
    process.env.TCPX_TRACE = '';
    createJob({ engine: bench.engine }).close();
  } finally {
    for (const name of ['TCPX_TRACE', 'TCPX_TRACE_FILE']) {
      const value = before[name];
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
});
