/** CONNECT, waiting and asynchronous (tcpx §2, §4, §9). */
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { F, S, type Variable, X } from 'tcpx';
import {
  TCPOP_ACCEPT,
  TCPOP_CHECK,
  TCPOP_CHKQTY,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_READ,
  TCPOP_SHUTDOWN,
  TCPOP_STARTTLS,
  TCPOP_WRITE,
  TCPXFLG_ASYNC,
  TCPXFLG_BLOCK,
  TCPXFLG_LISTEN,
} from 'tcpx/ashell.def';
import { expect } from 'vitest';
import { type Bench, behaviour, LIMIT } from '../support/conformance.ts';
import { freePort } from '../support/peer.ts';
import { blackholeListener, startPeer } from '../support/scripted-peer.ts';
import { dial, openSockets, plainFile, SLACK, timed, until } from './plain.ts';

plainFile();

/** Asking for a name that does not exist may take the resolver of the machine a second try. */
const RESOLVER_LIMIT = 15_000;

const connect = (
  bench: Bench,
  sock: Variable | number,
  host: string | Variable,
  flags = TCPXFLG_BLOCK,
  timer = LIMIT,
) => bench.x(TCPOP_CONNECT, bench.status, S(0), sock, flags, timer, host);

behaviour(
  { ids: ['CONNECT-OK', 'CONNECT-BUFFER', 'CONNECT-HOST'], title: 'connects; the buffer plays no part' },
  async (bench) => {
    const peer = await startPeer({ steps: [{ expect: 'real' }, { expectEnd: 'fin' }], count: 4 });
    for (const [buffer, host] of [
      [S(20, 'not a greeting'), peer.host],
      [X(4, Uint8Array.of(1, 2, 3, 4)), S(80, peer.host)],
      [S(0), 'localhost'],
      ['literal', 'LOCALHOST'],
    ] as const) {
      const sock = F(peer.port);
      const before = typeof buffer === 'string' ? buffer : buffer.readString();
      expect(await bench.x(TCPOP_CONNECT, bench.status, buffer, sock, TCPXFLG_BLOCK, LIMIT, host)).toBe(0);
      expect(typeof buffer === 'string' ? buffer : buffer.readString()).toBe(before);
      expect(bench.job.socket(sock.value)).toMatchObject({
        kind: 'stream',
        role: 'client',
        state: 'plain',
        blocking: true,
        engine: bench.engine,
        remote: { host: '127.0.0.1', port: peer.port },
        tls: null,
      });
      expect(await bench.x(TCPOP_WRITE, bench.status, 'real', sock)).toBe(4);
      expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
    }
    await peer.finished();
  },
);

behaviour({ ids: ['CONNECT-REFUSED', 'STATUS-LINUX', 'AUTO-CLOSE'], title: 'nobody listens' }, async (bench) => {
  const sock = F(await freePort());
  expect(await connect(bench, sock, '127.0.0.1')).toBe(-111);
  expect([sock.value, bench.status.value]).toEqual([-1, -111]);
  expect(openSockets(bench.job)).toBe(0);
  const other = F(await freePort('::1'));
  expect(await connect(bench, other, '::1', 0)).toBe(-111);
  expect(other.value).toBe(-1);
  const named = F(await freePort());
  expect(await connect(bench, named, 'localhost')).toBe(-111);
  expect(named.value).toBe(-1);
});

behaviour({ ids: ['CONNECT-TIMER', 'TIMER-MS'], title: 'an attempt without an answer' }, async (bench) => {
  const hole = await blackholeListener();
  for (const flags of [TCPXFLG_BLOCK, 0]) {
    const sock = F(hole.port);
    const { status, elapsed } = await timed(() => connect(bench, sock, hole.host, flags, 120));
    expect(status).toBe(-110);
    expect(sock.value).toBe(-1);
    expect(elapsed).toBeGreaterThanOrEqual(120 - SLACK);
    // The system itself would try for minutes.
    expect(elapsed).toBeLessThan(LIMIT);
  }
  expect(openSockets(bench.job)).toBe(0);
});

behaviour(
  { ids: ['CONNECT-HOST-EMPTY', 'CONNECT-HOST-SCHEME', 'CONNECT-HOST-CONTROL'], title: 'hostnames that are none' },
  async (bench) => {
    const peer = await startPeer({ steps: [{ neverRead: true }] });
    const bad = [
      '',
      S(80),
      'http://localhost',
      'localhost/path',
      ' localhost',
      'local host',
      'localhost\r\nQUIT',
      'localhost\n',
      'local\x00host',
      'a\tb',
      'localhost\x7f',
      'localhost\\path',
      'localhost?query',
      'localhost#fragment',
      'local%68ost',
      // What a URL's host is cut at or loses, behind letters that want the ASCII form.
      'bücher\\.localhost',
      'bücher?.localhost',
      'bücher#.localhost',
      'bü%63her.localhost',
      'bücher:25',
      '１２７.0.0.1',
      'local\u00adhost',
      `${'a.'.repeat(140)}example`,
    ];
    for (const host of bad) {
      const sock = F(peer.port);
      expect(await connect(bench, sock, host), JSON.stringify(String(host))).toBe(-22);
      expect(sock.value).toBe(-1);
    }
    // A string variable ends at its NUL, as everywhere in BASIC.
    const sock = F(peer.port);
    expect(await connect(bench, sock, S(80, '127.0.0.1\x00rest'))).toBe(0);
  },
);

behaviour({ ids: ['CONNECT-HOST-UNKNOWN'], title: 'a name that does not exist', timeout: 60_000 }, async (bench) => {
  for (const host of ['no-such-host.invalid', '256.1.1.1', '1.2.3.4.5', ':::', 'caf\u00e9.invalid']) {
    const sock = F(25);
    expect(await connect(bench, sock, host, TCPXFLG_BLOCK, RESOLVER_LIMIT), host).toBe(-2);
    expect(sock.value).toBe(-1);
  }
  expect(bench.job.lastStatus?.text).toContain('xn--caf-dma.invalid');
});

behaviour(
  {
    ids: ['CONNECT-HOST-UNKNOWN-OPTION'],
    title: 'another status for unknown names',
    options: { assume: { hostNotFound: -1001 } },
  },
  async (bench) => {
    const sock = F(25);
    expect(await connect(bench, sock, 'no-such-host.invalid', TCPXFLG_BLOCK, RESOLVER_LIMIT)).toBe(-1001);
    expect(sock.value).toBe(-1);
  },
);

behaviour({ ids: ['CONNECT-PORT'], title: 'ports that are none' }, async (bench) => {
  for (const port of [0, 65_536, -1, -5, 1_000_000, Number.NaN, 2 ** 32 - 1]) {
    const sock = F(port, 8);
    expect(await connect(bench, sock, '127.0.0.1'), String(port)).toBe(-22);
    expect(sock.value).toBe(-1);
  }
  for (const text of ['smtp', '', 'x25', '-', ' ']) {
    const sock = S(10, text);
    expect(await connect(bench, sock, '127.0.0.1'), text).toBe(-22);
    expect(sock.value).toBe('-1');
  }
  const peer = await startPeer({ steps: [{ neverRead: true }], count: 2 });
  // A fraction is cut, text counts as far as it is a number.
  const fraction = F(peer.port + 0.75, 8);
  expect(await connect(bench, fraction, peer.host)).toBe(0);
  const text = S(20, ` ${peer.port} and more`);
  expect(await connect(bench, text, peer.host)).toBe(0);
  expect(Number(text.value)).toBeGreaterThan(0);
});

behaviour({ ids: ['CONNECT-IPV6'], title: 'the zone of an IPv6 address is an interface' }, async (bench) => {
  const peer = await startPeer({ listen: { host: '::1' }, steps: [{ expectEnd: 'any' }] });
  const known = F(peer.port);
  expect(await connect(bench, known, '::1%lo')).toBe(0);
  expect(await bench.x(TCPOP_CLOSE, bench.status, '', known)).toBe(0);
  for (const zone of ['nosuch', '987654321']) {
    const sock = F(peer.port);
    expect(await connect(bench, sock, `::1%${zone}`)).toBe(-19);
    expect(sock.value).toBe(-1);
    expect(bench.job.lastStatus?.text).toContain(`zone ${zone} of address ::1%${zone}: No such device`);
  }
});

/** An address that needs its zone; undefined on a machine without one. */
const [linkLocal] = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
  addresses.flatMap((each) => (each.family === 'IPv6' && each.scopeid !== 0 ? [{ name, ...each }] : [])),
);
if (linkLocal === undefined) console.warn('SKIPPED link-local addresses: no interface has one');

behaviour(
  { ids: ['CONNECT-IPV6', 'ACCEPT-BIND'], title: 'a link-local address, its zone by name and by number' },
  async (bench) => {
    if (linkLocal === undefined) return;
    const { name, address, scopeid } = linkLocal;
    const zoned = `${address}%${name}`;
    for (const zone of [name, scopeid]) {
      const job = bench.newJob({ bind: `${address}%${zone}` });
      const call = async (...args: Parameters<Bench['x']>) =>
        bench.mode === 'sync' ? job.xcall('TCPX', ...args) : await job.xcall.async('TCPX', ...args);
      const listener = F(0);
      expect(await call(TCPOP_ACCEPT, bench.status, '', listener, TCPXFLG_LISTEN)).toBe(0);
      // The backlog takes the client.
      const sock = F(job.socket(listener.value).local.port);
      expect(await call(TCPOP_CONNECT, bench.status, '', sock, TCPXFLG_BLOCK, LIMIT, `${address}%${zone}`)).toBe(0);
      expect(job.socket(sock.value).remote.host).toBe(zoned);
    }
  },
);

behaviour({ ids: ['CONNECT-IPV6'], title: 'an IPv6 literal' }, async (bench) => {
  const peer = await startPeer({ listen: { host: '::1' }, connections: [[{ expectEnd: 'fin' }], [{ echo: 4 }]] });
  const sock = F(peer.port);
  expect(await connect(bench, sock, '[::1]')).toBe(0);
  expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
  sock.value = peer.port;
  expect(await connect(bench, sock, '::1')).toBe(0);
  expect(bench.job.socket(sock.value).remote).toEqual({ host: '::1', port: peer.port });
  expect(await bench.x(TCPOP_WRITE, bench.status, 'six!', sock)).toBe(4);
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 4, LIMIT)).toBe(4);
  await peer.finished();
});

behaviour({ ids: ['CONNECT-IPV4-FIRST'], title: 'a name with several addresses' }, async (bench) => {
  const found = await lookup('localhost', { all: true });
  const peer = await startPeer({ steps: [{ neverRead: true }] });
  const sock = await dial(bench, { host: 'localhost', port: peer.port });
  expect(bench.job.socket(sock.value).remote.host).toBe('127.0.0.1');
  if (!found.some(({ family }) => family === 6)) return;
  // Nobody on IPv4: the next address is tried.
  const six = await startPeer({ listen: { host: '::1' }, steps: [{ neverRead: true }] });
  const second = await dial(bench, { host: 'localhost', port: six.port });
  expect(bench.job.socket(second.value).remote.host).toBe('::1');
});

behaviour({ ids: ['FLAG-BIT-2', 'FLAG-UNKNOWN-BITS'], title: 'bits without a meaning' }, async (bench) => {
  const peer = await startPeer({ steps: [{ echo: 2 }], count: 3 });
  for (const bits of [2, 0x40 + 0x1000, 2 ** 30 + 2]) {
    const sock = await dial(bench, peer, TCPXFLG_BLOCK + bits);
    expect(bench.job.socket(sock.value)).toMatchObject({ blocking: true, state: 'plain' });
    expect(await bench.x(TCPOP_WRITE, bench.status, 'ok', sock)).toBe(2);
    expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 2, LIMIT)).toBe(2);
  }
  await peer.finished();
});

behaviour({ ids: ['FLAG-BLOCK'], title: 'the bit for blocking' }, async (bench) => {
  const peer = await startPeer({ steps: [{ delay: 60 }, { send: 'late' }, { waitFor: 'end' }], count: 2 });
  const without = await dial(bench, peer, 0);
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, without)).toBe(-11);
  const blocking = await dial(bench, peer, TCPXFLG_BLOCK);
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, blocking)).toBe(4);
  await peer.release('end');
});

behaviour({ ids: ['TIMER-NEGATIVE'], title: 'odd timers' }, async (bench) => {
  const peer = await startPeer({ steps: [{ neverRead: true }] });
  const sock = await dial(bench, peer, 0);
  for (const timer of [-1, -5000, 0, 0.9, 'soon', F(-1), S(4, 'x')]) {
    expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 0, timer)).toBe(-11);
  }
  const { elapsed } = await timed(() => bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 0, 40.9));
  expect(elapsed).toBeGreaterThanOrEqual(40 - SLACK);
});

behaviour(
  { ids: ['ASYNC-CONNECT-STATUS', 'CHECK-CONNECTING', 'ASYNC-CONNECT-MODE'], title: 'connects without waiting' },
  async (bench) => {
    const peer = await startPeer({ steps: [{ echo: 3 }, { waitFor: 'end' }], count: 3 });
    for (const [flags, host, timer] of [
      [TCPXFLG_ASYNC, peer.host, 0],
      [TCPXFLG_ASYNC + TCPXFLG_BLOCK, 'localhost', 0],
      [TCPXFLG_ASYNC, 'localhost', LIMIT],
    ] as const) {
      const sock = F(peer.port);
      const begun = await connect(bench, sock, host, flags, timer);
      expect([0, 1]).toContain(begun);
      if (timer > 0) expect(begun).toBe(1);
      const number = sock.value;
      expect(number).toBeGreaterThan(0);
      expect(bench.job.sockets).toContain(number);
      if (begun === 0) {
        expect(await until(0, () => bench.x(TCPOP_CHECK, bench.status, '', sock, 0, LIMIT))).toBe(1);
      }
      expect(sock.value).toBe(number);
      // From here on CHECK has its ordinary meaning, and the mode is the one of CONNECT.
      expect(await bench.x(TCPOP_CHECK, bench.status, '', sock)).toBe(0);
      expect(bench.job.socket(number).blocking).toBe((flags & TCPXFLG_BLOCK) !== 0);
      expect(await bench.x(TCPOP_WRITE, bench.status, 'abc', sock)).toBe(3);
      expect(await bench.x(TCPOP_CHECK, bench.status, '', sock, 0, LIMIT)).toBe(1);
      expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 3, LIMIT)).toBe(3);
    }
    await peer.release('end');
    await peer.finished();
  },
);

behaviour(
  { ids: ['ASYNC-CONNECT-TIMER', 'ASYNC-CONNECT-IO', 'ASYNC-CONNECT-CLOSE'], title: 'while the attempt is on its way' },
  async (bench) => {
    const { status, buffer } = bench;
    const hole = await blackholeListener();
    const sock = F(hole.port);
    const begun = await timed(() => connect(bench, sock, hole.host, TCPXFLG_ASYNC + TCPXFLG_BLOCK, 60));
    expect(begun.status).toBe(0);
    expect(begun.elapsed).toBeGreaterThanOrEqual(60 - SLACK);
    const number = sock.value;
    expect(bench.job.socket(number).kind).toBe('connecting');
    expect(await bench.x(TCPOP_CHECK, status, buffer, sock)).toBe(0);
    const check = await timed(() => bench.x(TCPOP_CHECK, status, buffer, sock, 0, 60));
    expect(check.status).toBe(0);
    expect(check.elapsed).toBeGreaterThanOrEqual(60 - SLACK);
    expect(await bench.x(TCPOP_READ, status, buffer, sock, 5, 50)).toBe(-11);
    expect(await bench.x(TCPOP_WRITE, status, 'early', sock, 5, 50)).toBe(-11);
    expect(await bench.x(TCPOP_CHKQTY, status, buffer, sock)).toBe(0);
    expect(await bench.x(TCPOP_STARTTLS, status, buffer, sock, 0)).toBe(-1);
    expect(sock.value).toBe(number);
    expect(await bench.x(TCPOP_CLOSE, status, buffer, sock)).toBe(0);
    expect(sock.value).toBe(-1);
    expect(openSockets(bench.job)).toBe(0);
    const second = F(hole.port);
    expect(await connect(bench, second, hole.host, TCPXFLG_ASYNC, 0)).toBe(0);
    const pending = second.value;
    expect(await bench.x(TCPOP_SHUTDOWN, status, buffer, second, 2)).toBe(-107);
    expect(second.value).toBe(pending);
    expect(await bench.x(TCPOP_CLOSE, status, buffer, second)).toBe(0);
  },
);

behaviour(
  { ids: ['ASYNC-CONNECT-IO', 'ASYNC-CONNECT-MODE'], title: 'an asynchronous CONNECT without a CHECK' },
  async (bench) => {
    const { status, buffer } = bench;
    const peer = await startPeer({ steps: [{ send: 'hi' }, { echo: 3 }, { waitFor: 'end' }], count: 8 });
    for (const flags of [TCPXFLG_ASYNC, TCPXFLG_ASYNC + TCPXFLG_BLOCK]) {
      // Each opcode alone gets there: within its timer, or called again and again.
      const first: ((sock: ReturnType<typeof F>) => Promise<number>)[] = [
        (sock) => bench.x(TCPOP_READ, status, buffer, sock, 2, LIMIT),
        (sock) => until(-11, () => bench.x(TCPOP_READ, status, buffer, sock, 2)),
        (sock) => until(-11, () => bench.x(TCPOP_WRITE, status, 'ab', sock)),
        (sock) => until(0, () => bench.x(TCPOP_CHKQTY, status, '', sock)),
      ];
      for (const call of first) {
        const sock = F(peer.port);
        expect([0, 1]).toContain(await connect(bench, sock, 'localhost', flags, 0));
        const number = sock.value;
        expect(await call(sock)).toBe(2);
        expect([sock.value, bench.job.socket(number).kind]).toEqual([number, 'stream']);
        expect(bench.job.socket(number).blocking).toBe((flags & TCPXFLG_BLOCK) !== 0);
      }
    }
    await peer.release('end');
  },
);

behaviour(
  { ids: ['ASYNC-CONNECT-REFUSED', 'ASYNC-CONNECT-IO'], title: 'an attempt that fails without a CHECK' },
  async (bench) => {
    const { status, buffer } = bench;
    for (const call of [
      (sock: ReturnType<typeof F>) => bench.x(TCPOP_READ, status, buffer, sock, 2, LIMIT),
      (sock: ReturnType<typeof F>) => until(-11, () => bench.x(TCPOP_WRITE, status, 'ab', sock)),
      (sock: ReturnType<typeof F>) => until(0, () => bench.x(TCPOP_CHKQTY, status, '', sock)),
    ]) {
      const sock = F(await freePort());
      const begun = await connect(bench, sock, 'localhost', TCPXFLG_ASYNC + TCPXFLG_BLOCK, 0);
      expect(begun === 0 ? await call(sock) : begun).toBe(-111);
      expect([sock.value, openSockets(bench.job)]).toEqual([-1, 0]);
    }
  },
);

behaviour(
  { ids: ['ASYNC-CONNECT-REFUSED', 'CHECK-CONNECTING'], title: 'an asynchronous attempt that fails' },
  async (bench) => {
    // Name resolution normally keeps the attempt pending beyond the CONNECT itself.
    for (const [port, host, expected] of [
      [await freePort(), 'localhost', -111],
      [25, 'no-such-host.invalid', -2],
    ] as const) {
      const sock = F(port);
      const begun = await connect(bench, sock, host, TCPXFLG_ASYNC, 0);
      if (begun === 0) {
        expect(sock.value).toBeGreaterThan(0);
        expect(await until(0, () => bench.x(TCPOP_CHECK, bench.status, '', sock, 0, RESOLVER_LIMIT))).toBe(expected);
      } else {
        expect(begun).toBe(expected);
      }
      expect(sock.value).toBe(-1);
      expect(openSockets(bench.job)).toBe(0);
    }
    const early = F(await freePort());
    const status = await connect(bench, early, '127.0.0.1', TCPXFLG_ASYNC, LIMIT);
    expect([status, early.value]).toEqual([-111, -1]);
    const wrong = F(0);
    expect(await connect(bench, wrong, '127.0.0.1', TCPXFLG_ASYNC, 0)).toBe(-22);
    expect(wrong.value).toBe(-1);
  },
);
