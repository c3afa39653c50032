/** The old connect, and the routines that TCPX replaced (tcpx §2, appendix). */
import { F, S, X } from 'tcpx';
import { TCPOP_CLOSE, TCPOP_CONNECT_OLD, TCPOP_READ, TCPOP_WRITE, TCPXFLG_ASYNC, TCPXFLG_BLOCK } from 'tcpx/ashell.def';
import { expect } from 'vitest';
import { behaviour, LIMIT } from '../support/conformance.ts';
import { freePort } from '../support/peer.ts';
import { blackholeListener, fillPattern, startPeer } from '../support/scripted-peer.ts';
import { arrived, client, plainFile, SLACK, timed, until } from './plain.ts';

plainFile();

behaviour({ ids: ['OLD-CONNECT-GREETING'], title: 'the old connect reads the greeting' }, async (bench) => {
  const { status } = bench;
  const peer = await startPeer({ steps: [{ delay: 20 }, { send: '220 old server' }, { echo: 2 }], count: 4 });
  for (const [flags, buffer, expected] of [
    [TCPXFLG_BLOCK, S(40, 'what was there'), '220 old server'],
    [0, S(0), '220 old server'],
    [0, S(5), '220 o'],
    [TCPXFLG_BLOCK, X(14), '220 old server'],
  ] as const) {
    const sock = F(peer.port);
    expect(await bench.x(TCPOP_CONNECT_OLD, status, buffer, sock, flags, LIMIT, peer.host)).toBe(0);
    expect(buffer.readString()).toBe(expected);
    const rest = '220 old server'.slice(expected.length);
    if (rest !== '')
      expect(await bench.x(TCPOP_READ, status, bench.buffer, sock, rest.length, LIMIT)).toBe(rest.length);
    expect(await bench.x(TCPOP_WRITE, status, 'ok', sock)).toBe(2);
    expect(await bench.x(TCPOP_READ, status, bench.buffer, sock, 2, LIMIT)).toBe(2);
    expect(await bench.x(TCPOP_CLOSE, status, '', sock)).toBe(0);
  }
  await peer.finished();
});

behaviour({ ids: ['OLD-CONNECT-SILENT'], title: 'a server that says nothing' }, async (bench) => {
  const peer = await startPeer({ steps: [{ expectEnd: 'any' }] });
  const sock = F(peer.port);
  const buffer = S(20, 'kept');
  const { status, elapsed } = await timed(() =>
    bench.x(TCPOP_CONNECT_OLD, bench.status, buffer, sock, TCPXFLG_BLOCK, 80, peer.host),
  );
  expect([status, sock.value, buffer.value]).toEqual([-110, -1, 'kept']);
  expect(elapsed).toBeGreaterThanOrEqual(80 - SLACK);
  expect(bench.job.sockets).toEqual([]);
  await peer.finished();
  const hole = await blackholeListener();
  const never = F(hole.port);
  expect(await bench.x(TCPOP_CONNECT_OLD, bench.status, buffer, never, 0, 80, hole.host)).toBe(-110);
  expect(never.value).toBe(-1);
});

behaviour({ ids: ['OLD-CONNECT-CLOSED'], title: 'a server that closes before it says anything' }, async (bench) => {
  const peer = await startPeer({ steps: [{ close: 'fin' }] });
  const sock = F(peer.port);
  expect(await bench.x(TCPOP_CONNECT_OLD, bench.status, S(20), sock, TCPXFLG_BLOCK, LIMIT, peer.host)).toBe(-104);
  expect(sock.value).toBe(-1);
  expect(bench.job.sockets).toEqual([]);
  const refused = F(await freePort());
  expect(await bench.x(TCPOP_CONNECT_OLD, bench.status, S(20), refused, 0, LIMIT, '127.0.0.1')).toBe(-111);
  expect(refused.value).toBe(-1);
  // There must be somewhere to put it.
  const nowhere = F(peer.port);
  expect(await bench.x(TCPOP_CONNECT_OLD, bench.status, 'literal', nowhere, 0, LIMIT, peer.host)).toBe(-1);
});

behaviour(
  { ids: ['OLD-CONNECT-GREETING'], title: 'the old connect with ASYNC is a CONNECT with ASYNC' },
  async (bench) => {
    const peer = await startPeer({ steps: [{ send: 'greeting' }, { waitFor: 'x' }] });
    const sock = F(peer.port);
    const buffer = S(20);
    const begun = await bench.x(TCPOP_CONNECT_OLD, bench.status, buffer, sock, TCPXFLG_ASYNC, 0, peer.host);
    expect([0, 1]).toContain(begun);
    if (begun === 0) expect(await until(0, () => bench.x(7, bench.status, '', sock, 0, LIMIT))).toBe(1);
    expect(buffer.value).toBe('');
    expect(await bench.x(TCPOP_READ, bench.status, buffer, sock, 8, LIMIT)).toBe(8);
  },
);

behaviour(
  { ids: ['LEGACY-TCPCLI', 'LEGACY-CHECK-SECONDS', 'LEGACY-READ-MAXIMUM', 'LEGACY-BLOCKING'], title: 'TCPCLI' },
  async (bench) => {
    const { status } = bench;
    const peer = await startPeer({
      steps: [
        { send: 'hello' },
        { expect: 'question' },
        { send: 'the answer' },
        { waitFor: 'end' },
        { expectEnd: 'fin' },
      ],
    });
    const cli = (code: number, ...rest: Parameters<typeof bench.x>) => bench.xcall('TCPCLI', code, status, ...rest);
    const sock = F(peer.port);
    const buffer = S(4096);
    expect(await cli(1, buffer, sock, peer.host)).toBe(0);
    expect(buffer.value).toBe('hello');
    // Without flags it blocks.
    expect(bench.job.socket(sock.value).blocking).toBe(true);
    const flags = F(0.05);
    const idle = await timed(() => cli(7, buffer, sock, '', flags));
    expect(idle.status).toBe(0);
    expect(idle.elapsed).toBeGreaterThanOrEqual(50 - SLACK);
    expect(flags.readNumber()).toBeCloseTo(0.05, 6);
    expect(await cli(2, 'question and more', sock, '', 8)).toBe(8);
    expect(await cli(7, buffer, sock, '', LIMIT / 1000)).toBe(1);
    await arrived(bench, sock, 10);
    expect(await cli(8, buffer, sock, '')).toBe(10);
    expect(await cli(4, buffer, sock, '', 3)).toBe(3);
    expect(buffer.value).toBe('the');
    // A maximum, not a count to wait for.
    expect(await cli(4, buffer, sock, '', 4000)).toBe(7);
    expect(buffer.value).toBe(' answer');
    await peer.release('end');
    expect(await cli(6, buffer, sock, '')).toBe(0);
    expect(sock.value).toBe(-1);
    await peer.finished();
    const quiet = await startPeer({ steps: [{ waitFor: 'x' }] });
    const other = F(quiet.port);
    expect(await cli(9, buffer, other, quiet.host, 0)).toBe(0);
    expect(bench.job.socket(other.value).blocking).toBe(false);
    expect(await cli(4, buffer, other, '')).toBe(-11);
    for (const code of [0, 3, 5, 10, 11, 12]) expect(await cli(code, buffer, other, quiet.host), String(code)).toBe(-1);
  },
);

behaviour({ ids: ['LEGACY-TCPSRV', 'LEGACY-CHECK-SECONDS', 'LEGACY-BLOCKING'], title: 'TCPSRV' }, async (bench) => {
  const { status, buffer } = bench;
  const port = await freePort();
  const peer = await client(port, [
    { expect: '+OK ready' },
    { waitFor: 'go' },
    { send: 'request' },
    { expect: 'reply' },
    { expectEnd: 'fin' },
  ]);
  const srv = (code: number, ...rest: Parameters<typeof bench.x>) => bench.xcall('tcpsrv', code, status, ...rest);
  const sock = F(port);
  expect(await srv(1, '+OK ready', sock)).toBe(9);
  // Without flags it does not block.
  expect(bench.job.socket(sock.value)).toMatchObject({ blocking: false, role: 'server' });
  expect(await srv(4, buffer, sock)).toBe(-11);
  const flags = F(0);
  expect(await srv(7, buffer, sock, flags)).toBe(0);
  expect(flags.value).toBe(0);
  await peer.release('go');
  // The answer is in flags as well.
  flags.value = LIMIT / 1000;
  expect(await srv(7, buffer, sock, flags)).toBe(1);
  expect(flags.value).toBe(1);
  await arrived(bench, sock, 7);
  expect(await srv(8, buffer, sock)).toBe(7);
  expect(await srv(4, buffer, sock)).toBe(7);
  expect(buffer.value).toBe('request');
  expect(await srv(2, 'reply', sock)).toBe(5);
  expect(await srv(6, buffer, sock)).toBe(0);
  await peer.finished();
  for (const code of [0, 3, 5, 9, 10]) expect(await srv(code, buffer, F(port)), String(code)).toBe(-1);
  const blockingPort = await freePort();
  const other = await client(blockingPort, [{ expectEnd: 'any' }]);
  const blocking = F(blockingPort);
  expect(await srv(1, '', blocking, 1)).toBe(0);
  expect(bench.job.socket(blocking.value).blocking).toBe(true);
  expect(await srv(6, '', blocking)).toBe(0);
  await other.finished();
});

behaviour({ ids: ['LEGACY-LIMIT'], title: 'at most 4096 bytes' }, async (bench) => {
  const { status } = bench;
  const peer = await startPeer({ steps: [{ fill: 5000 }, { expectFill: 4096 }, { expectEnd: 'fin' }] });
  const sock = F(peer.port);
  expect(await bench.xcall('TCPCLI', 9, status, S(0), sock, peer.host)).toBe(0);
  await arrived(bench, sock, 5000);
  const large = X(5000);
  expect(await bench.xcall('TCPCLI', 4, status, large, sock, '')).toBe(4096);
  expect(await bench.xcall('TCPCLI', 4, status, large, sock, '', 5000)).toBe(904);
  const data = X(5000, fillPattern(5000));
  expect(await bench.xcall('TCPCLI', 2, status, data, sock, '')).toBeLessThan(0);
  expect(await bench.xcall('TCPCLI', 2, status, data, sock, '', 4097)).toBeLessThan(0);
  expect(await bench.xcall('TCPCLI', 2, status, data, sock, '', 4096)).toBe(4096);
  expect(await bench.xcall('TCPCLI', 6, status, '', sock, '')).toBe(0);
  await peer.finished();
});
