/** ERRMSG and the families of numbers (tcpx §6). */
import { F, I, S, X } from 'tcpx';
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
import { freePort } from '../support/peer.ts';
import { blackholeListener, startPeer } from '../support/scripted-peer.ts';
import { dial, plainFile, until } from './plain.ts';

plainFile();

async function explain(bench: Bench, code: number, sockport: number | undefined = 0, flags = 0): Promise<string> {
  const status = F(code);
  const buffer = S(200, 'old');
  expect(await bench.x(TCPOP_ERRMSG, status, buffer, sockport, flags)).toBe(code);
  expect(status.value).toBe(code);
  return buffer.value;
}

const TEXTS: readonly (readonly [linux: number, windows: number, text: string])[] = [
  [4, 10004, 'Interrupted system call'],
  [11, 10035, 'Resource temporarily unavailable'],
  [32, 10058, 'Broken pipe'],
  [98, 10048, 'Address already in use'],
  [99, 10049, 'Cannot assign requested address'],
  [101, 10051, 'Network is unreachable'],
  [103, 10053, 'Software caused connection abort'],
  [104, 10054, 'Connection reset by peer'],
  [107, 10057, 'Transport endpoint is not connected'],
  [110, 10060, 'Connection timed out'],
  [111, 10061, 'Connection refused'],
  [113, 10065, 'No route to host'],
  [114, 10037, 'Operation already in progress'],
  [115, 10036, 'Operation now in progress'],
];

behaviour(
  { ids: ['ERRMSG-TEXT', 'ERRMSG-SIGN', 'ERRMSG-STATUS-KEPT', 'ERRMSG-NO-SOCKET'], title: 'texts of the system' },
  async (bench) => {
    for (const [code, , text] of TEXTS) {
      expect(await explain(bench, -code)).toBe(text);
      expect(await explain(bench, code)).toBe(text);
    }
    expect(await explain(bench, -9)).toBe('Bad file descriptor');
    expect(await explain(bench, 0)).toBe('Success');
    expect(await explain(bench, -11, 4711)).toBe('Resource temporarily unavailable');
    // Four arguments are enough, and any integer holds the code.
    const status = I(2, -104);
    const buffer = S(80);
    expect(await bench.x(TCPOP_ERRMSG, status, buffer, F())).toBe(-104);
    expect([status.value, buffer.value]).toEqual([-104, 'Connection reset by peer']);
  },
);

behaviour({ ids: ['ERRMSG-TEXT'], title: 'cut to fit' }, async (bench) => {
  const short = S(10, '##########');
  expect(await bench.x(TCPOP_ERRMSG, F(-104), short, F())).toBe(-104);
  expect(short.value).toBe('Connection');
  const raw = X(6);
  expect(await bench.x(TCPOP_ERRMSG, F(-104), raw, F())).toBe(-104);
  expect(Buffer.from(raw.value).toString()).toBe('Connec');
  const dynamic = S(0, 'x'.repeat(100));
  expect(await bench.x(TCPOP_ERRMSG, F(-104), dynamic, F())).toBe(-104);
  expect(dynamic.value).toBe('Connection reset by peer');
});

behaviour({ ids: ['ERRMSG-UNKNOWN'], title: 'numbers that nobody knows' }, async (bench) => {
  for (const code of [-9999, 9999, -77_777]) expect(await explain(bench, code)).toBe(`Unknown error ${Math.abs(code)}`);
  expect(await explain(bench, -9999, 0, TCPXFLG_TLS)).toMatch(/unknown/i);
});

behaviour({ ids: ['ERRMSG-TLS-BIT'], title: 'the TLS bit asks for the numbers of TLS' }, async (bench) => {
  const own = await explain(bench, -12);
  expect(own).toBe('Cannot allocate memory');
  for (const [sockport, flags] of [
    [0, TCPXFLG_TLS],
    [TCPXFLG_TLS, 0],
    [-1, TCPXFLG_TLS + 5],
  ] as const) {
    expect(await explain(bench, -12, sockport, flags)).toMatch(/fatal alert/i);
    expect(await explain(bench, 12, sockport, flags)).toMatch(/fatal alert/i);
  }
  expect(await explain(bench, -12, -1, 0)).toBe(own);
});

behaviour(
  { ids: ['ERRMSG-STATUS-KEPT', 'NO-RUNTIME-ERRORS'], title: 'the last status, with what happened' },
  async (bench) => {
    const sock = F(await freePort());
    expect(await bench.x(TCPOP_CONNECT, bench.status, S(0), sock, TCPXFLG_BLOCK, LIMIT, '127.0.0.1')).toBe(-111);
    const text = await explain(bench, -111);
    expect(text).toContain('Connection refused');
    expect(text).toContain('127.0.0.1');
    // ERRMSG itself is not remembered as the last call.
    expect(bench.job.lastStatus?.status).toBe(-111);
    expect(await explain(bench, -111)).toBe(text);
    expect(await bench.x(TCPOP_CLOSE, bench.status, '', F(-1))).toBe(-1);
    expect(await explain(bench, -1)).toContain('already closed');
    expect(await explain(bench, -111)).toBe('Connection refused');
    expect(await bench.x(99, bench.status, '', F(-1))).toBe(-1);
    expect(await explain(bench, -1)).toContain('opcode 99');
  },
);

behaviour(
  {
    ids: ['STATUS-WINDOWS', 'READ-RESET', 'CONNECT-TIMER'],
    title: 'Winsock numbers',
    options: { statusFamily: 'windows' },
  },
  async (bench) => {
    const { status, buffer } = bench;
    for (const [, code, text] of TEXTS) expect(await explain(bench, -code)).toBe(text);
    const peer = await startPeer({ steps: [{ expect: 1 }, { close: 'rst' }] });
    const sock = await dial(bench, peer, 0);
    expect(await bench.x(TCPOP_READ, status, buffer, sock)).toBe(-10035);
    expect(status.value).toBe(-10035);
    expect(await bench.x(TCPOP_WRITE, status, '!', sock)).toBe(1);
    expect(await until(-10035, () => bench.x(TCPOP_READ, status, buffer, sock))).toBe(-10054);
    expect(sock.value).toBe(-1);
    const refused = F(await freePort());
    expect(await bench.x(TCPOP_CONNECT, status, S(0), refused, 1, LIMIT, '127.0.0.1')).toBe(-10061);
    expect(await explain(bench, -10061)).toContain('Connection refused');
    const unknown = F(25);
    expect(await bench.x(TCPOP_CONNECT, status, S(0), unknown, 1, 15_000, 'no-such-host.invalid')).toBe(-11001);
    const hole = await blackholeListener();
    expect(await bench.x(TCPOP_CONNECT, status, S(0), F(hole.port), 1, 60, hole.host)).toBe(-10060);
    expect(await bench.x(TCPOP_CHECK, status, '', F(4711))).toBe(-10038);
    expect(await bench.x(TCPOP_CONNECT, status, S(0), F(0), 1, LIMIT, 'x')).toBe(-10022);
    // -1 is no errno and stays.
    expect(await bench.x(TCPOP_CLOSE, status, '', F(-1))).toBe(-1);
    expect(await bench.x(99, status, '', F(-1))).toBe(-1);
    const quiet = await startPeer({ steps: [{ close: 'fin' }] });
    const closed = await dial(bench, quiet);
    expect(await until(0, () => bench.x(TCPOP_CHECK, status, '', closed, 0, LIMIT))).toBe(-1);
    expect(await bench.x(TCPOP_READ, status, buffer, closed)).toBe(0);
  },
);
