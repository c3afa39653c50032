/** What a site may set: its own ashell.def, and what nobody knows of the original (tcpx §3, §4, §15). */
import { ASSUMPTIONS, createJob, F, parseAshellDef, S, UsageError } from 'tcpx';
import { TCPOP_CHECK, TCPOP_READ } from 'tcpx/ashell.def';
import { expect } from 'vitest';
import { behaviour, LIMIT } from '../support/conformance.ts';
import { startPeer } from '../support/scripted-peer.ts';
import { dial, plainFile } from './plain.ts';

plainFile();

const SITE = `
! a site of its own
define TCPOP_CONNECT = 41
define TCPOP_WRITE = 42
define TCPOP_READ = 43
define TCPOP_CLOSE = 44
define TCPXFLG_BLOCK = &h100
define TCPXFLG_ASYNC = &h2000
define TCPXFLG_TLS = &h01000000
`;

behaviour(
  {
    ids: ['FLAG-SITE-SYMBOLS'],
    title: 'other numbers for opcodes and flags',
    options: () => ({ symbols: parseAshellDef(SITE) }),
  },
  async (bench) => {
    const peer = await startPeer({ steps: [{ echo: 4 }, { expectEnd: 'fin' }] });
    const sock = F(peer.port);
    expect(await bench.x(41, bench.status, S(0), sock, 0x100, LIMIT, peer.host)).toBe(0);
    expect(bench.job.socket(sock.value)).toMatchObject({ blocking: true, state: 'plain' });
    expect(await bench.x(42, bench.status, 'ping', sock)).toBe(4);
    expect(await bench.x(43, bench.status, bench.buffer, sock, 4, LIMIT)).toBe(4);
    // A number that the site gave away means nothing any more, one that it does not mention is ours.
    expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 4, 20)).toBe(-1);
    expect(await bench.x(9, bench.status, '', F(peer.port), 1, LIMIT, peer.host)).toBe(-1);
    expect(await bench.x(TCPOP_CHECK, bench.status, '', sock)).toBe(0);
    expect(await bench.x(44, bench.status, '', sock)).toBe(0);
    await peer.finished();
    // Our own bit for blocking is one without a meaning there.
    const second = await startPeer({ steps: [{ waitFor: 'x' }] });
    const plain = F(second.port);
    expect(await bench.x(41, bench.status, S(0), plain, 1, LIMIT, second.host)).toBe(0);
    expect(bench.job.socket(plain.value).blocking).toBe(false);
    expect(await bench.x(43, bench.status, bench.buffer, plain)).toBe(-11);
    // The TLS bit of the site: a failed handshake shows that it was taken for one.
    const clear = await startPeer({ steps: [{ expect: 5 }, { close: 'fin' }] });
    const tls = F(clear.port);
    expect(await bench.x(41, bench.status, S(0), tls, 0x01000100, 2_000, clear.host)).toBeLessThan(0);
    expect(tls.value).toBe(-1);
    expect(bench.job.lastStatus?.origin).toBe('tls');
  },
);

behaviour({ ids: ['FLAG-SITE-SYMBOLS', 'JOB-OPTIONS'], title: 'numbers that cannot be' }, async (bench) => {
  const make = (text: string) => () => createJob({ engine: bench.engine, symbols: parseAshellDef(text) });
  expect(make('define TCPXFLG_TLS = 3')).toThrow(UsageError);
  expect(make('define TCPXFLG_BLOCK = 0')).toThrow(UsageError);
  make('define SOMETHING_ELSE = 5')().close();
});

behaviour(
  {
    ids: ['JOB-OPTIONS', 'CALL-WRONG-OPCODE', 'READ-DYNAMIC'],
    title: 'every assumption can be set',
    options: { assume: { usageError: -77, dynamicReadSize: 5 } },
  },
  async (bench) => {
    expect(Object.keys(ASSUMPTIONS).sort()).toEqual([
      'acceptTimer',
      'answerInFlags',
      'backlog',
      'closedCheck',
      'dynamicReadSize',
      'fixedStringWrite',
      'hostNotFound',
      'usageError',
    ]);
    expect(await bench.x(99, bench.status, '', F())).toBe(-77);
    expect(await bench.x(TCPOP_READ, bench.status, bench.buffer)).toBe(-77);
    const peer = await startPeer({ steps: [{ send: 'more than five' }, { waitFor: 'x' }] });
    const sock = await dial(bench, peer);
    const text = S(0);
    expect(await bench.x(TCPOP_CHECK, bench.status, '', sock, 0, LIMIT)).toBe(1);
    expect(await bench.x(TCPOP_READ, bench.status, text, sock, 0, LIMIT)).toBe(5);
    expect(text.value).toBe('more ');
    expect(await bench.x(TCPOP_READ, bench.status, text, sock, 9, LIMIT)).toBe(9);
    for (const [name, { value, source }] of Object.entries(ASSUMPTIONS)) {
      createJob({ engine: bench.engine, assume: { [name]: value } }).close();
      expect(source).toMatch(/^tcpx §/);
    }
  },
);
