import { F, S } from 'tcpx';
import {
  TCPOP_ACCEPT,
  TCPOP_CHECK,
  TCPOP_CHKQTY,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_ERRMSG,
  TCPOP_READ,
  TCPOP_STARTTLS,
  TCPOP_WRITE,
  TCPXFLG_ASYNC,
  TCPXFLG_BLOCK,
  TCPXFLG_KEEPLISTEN,
  TCPXFLG_LISTEN,
  TCPXFLG_STARTTLS,
  TCPXFLG_TLS,
} from 'tcpx/ashell.def';
import { afterEach, expect } from 'vitest';
import { type Bench, behaviour, guardDescriptors, LIMIT } from '../support/conformance.ts';
import { makePki } from '../support/pki.ts';
import {
  blackholeListener,
  type PeerScript,
  type Step,
  startPeer,
  startPeerHost,
  stopPeers,
} from '../support/scripted-peer.ts';

const pki = await makePki();
await startPeerHost();
guardDescriptors();
afterEach(stopPeers);

const options = { tls: { ca: pki.ca } };
const server = { bind: '127.0.0.1', tls: pki.good };
const PENDING = TCPXFLG_BLOCK + TCPXFLG_TLS + TCPXFLG_STARTTLS;
const CLEAR = TCPXFLG_TLS + TCPXFLG_STARTTLS;

async function connect({ x, status }: Bench, port: number, flags = PENDING) {
  const sock = F(port);
  await x(TCPOP_CONNECT, status, '', sock, flags, LIMIT, 'localhost');
  expect(status.value).toBe(0);
  return sock;
}

/** What ERRMSG says of the last STATUS. */
async function explain({ x, status }: Bench): Promise<string> {
  const text = S(0);
  await x(TCPOP_ERRMSG, status, text, 0, TCPXFLG_TLS);
  return text.value;
}

/** A socket that listens, and a peer that connects to it. */
async function accept({ x, status, job }: Bench, steps: readonly Step[], flags = PENDING) {
  const listener = F(0);
  await x(TCPOP_ACCEPT, status, '', listener, TCPXFLG_LISTEN);
  const { port } = job.socket(listener.value).local;
  const peer = await startPeer({ connect: { port }, steps } satisfies PeerScript);
  const sock = F(listener.value);
  await x(TCPOP_CHECK, status, '', sock, 0, LIMIT);
  expect(await x(TCPOP_ACCEPT, status, '', sock, flags + TCPXFLG_ASYNC, LIMIT)).toBe(0);
  return { peer, sock };
}

behaviour(
  {
    ids: ['STARTTLS-CONNECT', 'STARTTLS-CLEAR', 'STARTTLS-UPGRADE', 'STARTTLS-AFTER'],
    title: 'a dialogue in clear, the upgrade, encrypted from then on',
    options,
  },
  async (bench) => {
    const { x, status, buffer, job } = bench;
    const peer = await startPeer({
      steps: [
        { send: '220 hello\r\n' },
        { expect: 'STARTTLS\r\n' },
        { send: '220 go\r\n' },
        { startTls: {} },
        { expect: 'EHLO again\r\n' },
        { send: '250 secret\r\n' },
        { expectEnd: 'close-notify' },
      ],
    });
    const sock = await connect(bench, peer.port);
    expect(job.socket(sock.value)).toMatchObject({ state: 'starttls-pending', tls: null });
    expect(await x(TCPOP_READ, status, buffer, sock, 11 + CLEAR, LIMIT)).toBe(11);
    expect(await x(TCPOP_WRITE, status, 'STARTTLS\r\n', sock, 10 + TCPXFLG_TLS, LIMIT)).toBe(10);
    expect(await x(TCPOP_READ, status, buffer, sock, 8, LIMIT)).toBe(8);
    expect(await x(TCPOP_STARTTLS, status, 'not a priority string', sock, TCPXFLG_TLS), await explain(bench)).toBe(0);
    expect(job.socket(sock.value)).toMatchObject({ state: 'tls', role: 'client', tls: { servername: 'localhost' } });
    expect(await x(TCPOP_WRITE, status, 'EHLO again\r\n', sock, 12 + TCPXFLG_TLS, LIMIT)).toBe(12);
    expect(await x(TCPOP_READ, status, buffer, sock, 12 + TCPXFLG_TLS, LIMIT)).toBe(12);
    expect(buffer.value).toBe('250 secret\r\n');
    expect(await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, LIMIT)).toBe(-1);
    expect(await explain(bench)).toMatch(/TLS already/);
    expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
    await peer.finished();
  },
);

behaviour(
  { ids: ['STARTTLS-SERVER'], title: 'as a server: the client that waits, and the one that does not', options: server },
  async (bench) => {
    const { x, status, buffer, job } = bench;
    for (const waits of [true, false]) {
      const steps: Step[] = [{ expect: '220 hello\r\n' }, { send: 'STARTTLS\r\n' }];
      if (waits) steps.push({ expect: '220 go\r\n' });
      steps.push({ startTls: {} }, { send: 'inside' }, { expect: 'too' }, { expectEnd: 'close-notify' });
      // Only in the patient case may the go-ahead come in clear; the other client would take it for a broken record.
      const { peer, sock } = await accept(bench, steps);
      expect(job.socket(sock.value)).toMatchObject({ state: 'starttls-pending', role: 'server' });
      await x(TCPOP_WRITE, status, '220 hello\r\n', sock, 11 + CLEAR, LIMIT);
      expect(await x(TCPOP_READ, status, buffer, sock, 10 + CLEAR, LIMIT)).toBe(10);
      if (waits) await x(TCPOP_WRITE, status, '220 go\r\n', sock, 8 + CLEAR, LIMIT);
      // The ClientHello is there before STARTTLS is called.
      else await peer.received();
      expect(await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, LIMIT), await explain(bench)).toBe(0);
      expect(job.socket(sock.value).tls).toMatchObject({ role: 'server', servername: 'localhost' });
      expect(await x(TCPOP_READ, status, buffer, sock, 6 + TCPXFLG_TLS, LIMIT)).toBe(6);
      expect(buffer.value).toBe('inside');
      await x(TCPOP_WRITE, status, 'too', sock, 3 + TCPXFLG_TLS, LIMIT);
      await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
      await peer.finished();
    }
  },
);

behaviour(
  { ids: ['STARTTLS-SERVER'], title: 'as a server: half of a ClientHello is there already', options: server },
  async (bench) => {
    const { x, status, buffer } = bench;
    const { peer, sock } = await accept(bench, [{ send: 'UP' }, { startTls: { fragment: 3 } }, { expectEnd: 'any' }]);
    expect(await x(TCPOP_READ, status, buffer, sock, 2 + CLEAR, LIMIT)).toBe(2);
    expect(await x(TCPOP_CHECK, status, '', sock, CLEAR, LIMIT)).toBe(1);
    expect(await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, LIMIT), await explain(bench)).toBe(0);
    await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
    await peer.finished();
  },
);

for (const [what, injected] of Object.entries({
  'one byte': 'x',
  'a whole line': 'NOOP\r\n',
  'half a line': 'MAIL FROM',
  'what looks like a record, but not a handshake': '\x17\x03\x03\x00\x10',
  'a record that holds no ClientHello': '\x16\x03\x01\x00\x10\x02',
})) {
  behaviour(
    {
      ids: ['STARTTLS-SERVER', 'STARTTLS-STRAY'],
      title: `as a server: ${what} in clear ahead of the handshake`,
      options: server,
    },
    async (bench) => {
      const { x, status, buffer, job } = bench;
      const { peer, sock } = await accept(bench, [{ send: `UP${injected}` }, { expectEnd: 'any' }]);
      expect(await x(TCPOP_READ, status, buffer, sock, 2 + CLEAR, LIMIT)).toBe(2);
      expect(await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, LIMIT)).toBe(-74);
      expect(await explain(bench)).toContain(
        `${injected.length} ${injected.length === 1 ? 'byte' : 'bytes'} of plaintext`,
      );
      expect(sock.value).toBe(-1);
      expect(job.sockets).toEqual([]);
      await peer.finished();
    },
  );
}

for (const [what, injected] of Object.entries({
  'one byte': '2',
  'a whole line': '250-AUTH PLAIN\r\n',
  'half a line': '250-AUTH PL',
  'what looks like a handshake record': '\x16\x03\x03\x00\x10\x02',
})) {
  behaviour(
    { ids: ['STARTTLS-STRAY'], title: `as a client: ${what} in the segment of the go-ahead`, options },
    async (bench) => {
      const { x, status, buffer, job } = bench;
      const peer = await startPeer({
        steps: [{ expect: 'STARTTLS\r\n' }, { send: `220 go\r\n${injected}` }, { expectEnd: 'any' }],
      });
      const sock = await connect(bench, peer.port);
      await x(TCPOP_WRITE, status, 'STARTTLS\r\n', sock, 10 + CLEAR, LIMIT);
      expect(await x(TCPOP_READ, status, buffer, sock, 8 + CLEAR, LIMIT)).toBe(8);
      expect(await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, LIMIT)).toBe(-74);
      expect(await explain(bench)).toContain(
        `${injected.length} ${injected.length === 1 ? 'byte' : 'bytes'} of plaintext`,
      );
      expect(sock.value).toBe(-1);
      expect(job.sockets).toEqual([]);
      // Nothing was sent after the command: no ClientHello left.
      expect((await peer.finished()).connections[0]?.receivedBytes).toBe(10);
    },
  );
}

behaviour(
  { ids: ['STARTTLS-STRAY'], title: 'injected after the READ, so that only the kernel holds it', options },
  async (bench) => {
    const { x, status, buffer } = bench;
    const peer = await startPeer({
      steps: [{ send: '220 go\r\n' }, { waitFor: 'inject' }, { send: '250 injected\r\n' }, { expectEnd: 'any' }],
    });
    const sock = await connect(bench, peer.port);
    expect(await x(TCPOP_READ, status, buffer, sock, CLEAR, LIMIT)).toBe(8);
    await peer.release('inject');
    // The answer says that the peer has sent; loopback delivers within the call.
    while ((await peer.report()).connections[0]?.sentBytes !== 22);
    expect(await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, LIMIT)).toBe(-74);
    expect(await explain(bench)).toContain('14 bytes');
    expect(sock.value).toBe(-1);
    await peer.finished();
  },
);

for (const look of ['CHECK', 'CHKQTY'] as const) {
  behaviour({ ids: ['STARTTLS-STRAY'], title: `seen by ${look} before, and still refused`, options }, async (bench) => {
    const { x, status, buffer } = bench;
    const peer = await startPeer({ steps: [{ send: '220 go\r\ninjected' }, { expectEnd: 'any' }] });
    const sock = await connect(bench, peer.port);
    expect(await x(TCPOP_READ, status, buffer, sock, 8 + CLEAR, LIMIT)).toBe(8);
    await x(look === 'CHECK' ? TCPOP_CHECK : TCPOP_CHKQTY, status, '', sock, CLEAR, LIMIT);
    expect(status.value).toBe(look === 'CHECK' ? 1 : 8);
    expect(await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, LIMIT)).toBe(-74);
    await peer.finished();
  });
}

behaviour(
  { ids: ['STARTTLS-STRAY'], title: 'taken by a READ that was cancelled, and still refused', options },
  async (bench) => {
    if (bench.mode === 'sync') return;
    const { x, status, job } = bench;
    const peer = await startPeer({ steps: [{ send: 'inj' }, { expectEnd: 'any' }] });
    const sock = await connect(bench, peer.port);
    const cancel = new AbortController();
    const reading = job.xcall.async('TCPX', TCPOP_READ, F(), S(20), F(sock.value), 10 + CLEAR, 0, '', {
      signal: cancel.signal,
    });
    while ((await peer.report()).connections[0]?.sentBytes !== 3);
    // The READ has them by now, so there is nothing to see.
    expect(await x(TCPOP_CHECK, status, '', sock, CLEAR, 30)).toBe(0);
    cancel.abort();
    expect(await reading).toBe(-125);
    expect(await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, LIMIT)).toBe(-74);
    expect(await explain(bench)).toContain('3 bytes');
    await peer.finished();
  },
);

behaviour(
  { ids: ['STARTTLS-STRAY'], title: 'bytes behind the go-ahead never show in the session', options },
  async (bench) => {
    const { x, status, buffer } = bench;
    // Sent once the ClientHello is out: TLS itself has to refuse them.
    const peer = await startPeer({
      steps: [{ send: 'go' }, { expect: 5 }, { send: '250 injected\r\n' }, { expectEnd: 'any' }],
    });
    const sock = await connect(bench, peer.port);
    expect(await x(TCPOP_READ, status, buffer, sock, 2 + CLEAR, LIMIT)).toBe(2);
    expect(await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, LIMIT)).toBe(-15);
    expect(await explain(bench)).toContain('this port speaks plaintext');
    expect(sock.value).toBe(-1);
  },
);

behaviour(
  {
    ids: ['STARTTLS-STATES', 'STARTTLS-NEEDS-BIT'],
    title: 'in any other state -1, and nothing is changed',
    options: { ...server, tls: { ...pki.good, ca: pki.ca } },
  },
  async (bench) => {
    const { x, status, buffer, job } = bench;
    const peer = await startPeer({ count: 2, steps: [{ echo: true }] });
    const plain = await connect(bench, peer.port, TCPXFLG_BLOCK);
    expect(await x(TCPOP_STARTTLS, status, '', plain, TCPXFLG_TLS, LIMIT)).toBe(-1);
    expect(await explain(bench)).toMatch(/not opened with TCPXFLG_STARTTLS/);
    const pending = await connect(bench, peer.port);
    expect(await x(TCPOP_STARTTLS, status, '', pending, TCPXFLG_STARTTLS, LIMIT)).toBe(-1);
    expect(await explain(bench)).toMatch(/TCPXFLG_TLS/);
    for (const sock of [plain, pending]) {
      expect(await x(TCPOP_WRITE, status, 'still', sock, 5, LIMIT)).toBe(5);
      expect(await x(TCPOP_READ, status, buffer, sock, 5, LIMIT)).toBe(5);
      await x(TCPOP_CLOSE, status, '', sock);
    }
    const listener = F(0);
    await x(TCPOP_ACCEPT, status, '', listener, TCPXFLG_LISTEN);
    expect(await x(TCPOP_STARTTLS, status, '', listener, TCPXFLG_TLS, LIMIT)).toBe(-1);
    expect(await explain(bench)).toMatch(/listening/);
    await x(TCPOP_STARTTLS, status, '', F(9999), TCPXFLG_TLS, LIMIT);
    expect(status.value).toBe(-9);
    expect(job.socket(listener.value).kind).toBe('listener');
  },
);

behaviour(
  { ids: ['STARTTLS-STATES'], title: 'while an asynchronous CONNECT with TLS is on its way -1', options },
  async (bench) => {
    const { x, status } = bench;
    const peer = await startPeer({ steps: [{ neverRead: true }] });
    const sock = F(peer.port);
    // TLS from the first byte on keeps it pending.
    expect(await x(TCPOP_CONNECT, status, '', sock, TCPXFLG_BLOCK + TCPXFLG_ASYNC + TCPXFLG_TLS, 30, 'localhost')).toBe(
      0,
    );
    expect(await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, LIMIT)).toBe(-1);
    expect(await explain(bench)).toMatch(/TLS already/);
    expect(sock.value).toBeGreaterThan(0);
    expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
  },
);

behaviour(
  { ids: ['STARTTLS-CONNECT', 'TLS-ASYNC-CONNECT'], title: 'after an asynchronous CONNECT without a CHECK', options },
  async (bench) => {
    const { x, status, buffer } = bench;
    const flags = TCPXFLG_ASYNC + PENDING;
    const hole = await blackholeListener();
    const lost = F(hole.port);
    expect(await x(TCPOP_CONNECT, status, '', lost, flags, 0, hole.host)).toBe(0);
    expect(await x(TCPOP_STARTTLS, status, '', lost, TCPXFLG_TLS, 50)).toBe(-11);
    expect(await explain(bench)).toMatch(/still being made/);
    expect(lost.value).toBeGreaterThan(0);
    expect(await x(TCPOP_CLOSE, status, '', lost, TCPXFLG_TLS)).toBe(0);

    const peer = await startPeer({ steps: [{ startTls: {} }, { send: 'hi' }, { expectEnd: 'close-notify' }] });
    const sock = F(peer.port);
    expect([0, 1]).toContain(await x(TCPOP_CONNECT, status, '', sock, flags, 0, 'localhost'));
    expect(await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, LIMIT), await explain(bench)).toBe(0);
    expect(await x(TCPOP_READ, status, buffer, sock, 2 + TCPXFLG_TLS, LIMIT)).toBe(2);
    expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
    await peer.finished();
  },
);

behaviour(
  { ids: ['STARTTLS-TIMER', 'STARTTLS-FAILED'], title: 'a handshake without an answer ends with the timer', options },
  async (bench) => {
    const { x, status, job } = bench;
    const peer = await startPeer({ steps: [{ neverRead: true }] });
    const sock = await connect(bench, peer.port);
    expect(await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, 150)).toBe(-319);
    expect(sock.value).toBe(-1);
    expect(job.sockets).toEqual([]);
  },
);

behaviour(
  { ids: ['STARTTLS-FAILED'], title: 'a refusal after the go-ahead: plaintext, an end, a reset', options },
  async (bench) => {
    const { x, status, job } = bench;
    const cases: [Step, number][] = [
      [{ send: '454 TLS not available\r\n' }, -15],
      [{ close: 'fin' }, -110],
      [{ close: 'rst' }, -54],
    ];
    for (const [answer, wanted] of cases) {
      const peer = await startPeer({ steps: [{ expect: 5 }, answer] });
      const sock = await connect(bench, peer.port);
      await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, LIMIT);
      expect(status.value, JSON.stringify(answer)).toBe(wanted);
      if (wanted === -15) expect(await explain(bench)).toContain('this port speaks plaintext');
      expect(sock.value).toBe(-1);
      expect(job.sockets).toEqual([]);
      await peer.stop();
    }
  },
);

behaviour(
  { ids: ['STARTTLS-VERIFY', 'STARTTLS-FAILED'], title: 'the name that CONNECT was given is verified', options },
  async (bench) => {
    const { x, status } = bench;
    const peer = await startPeer({ steps: [{ startTls: { identity: pki.wrongName } }, { expectEnd: 'any' }] });
    const sock = await connect(bench, peer.port);
    expect(await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, LIMIT)).toBe(-348);
    expect(await explain(bench)).toMatch(/localhost.*not for this name/);
    expect(sock.value).toBe(-1);
  },
);

behaviour(
  { ids: ['STARTTLS-PRIORITY', 'STARTTLS-BUFFER'], title: 'the priority string is the one of CONNECT', options },
  async (bench) => {
    const { x, status, job } = bench;
    const peer = await startPeer({ steps: [{ startTls: {} }, { expectEnd: 'any' }] });
    const sock = F(peer.port);
    await x(TCPOP_CONNECT, status, 'NORMAL:-VERS-ALL:+VERS-TLS1.2', sock, PENDING, LIMIT, 'localhost');
    expect(await x(TCPOP_STARTTLS, status, 'NORMAL', sock, TCPXFLG_TLS, LIMIT), await explain(bench)).toBe(0);
    expect(job.socket(sock.value).tls?.version).toBe('TLSv1.2');
    await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
    await peer.finished();
  },
);

behaviour(
  { ids: ['TLS-HANDSHAKE-FAILED'], title: 'a silent port in clear: READ with a timer hints at TLS', options },
  async (bench) => {
    const { x, status, buffer } = bench;
    const peer = await startPeer({ tls: {}, steps: [] });
    const sock = await connect(bench, peer.port, TCPXFLG_BLOCK);
    expect(await x(TCPOP_READ, status, buffer, sock, 0, 50)).toBe(-11);
    expect(await explain(bench)).toMatch(/TLS first/);
    await x(TCPOP_CLOSE, status, '', sock);
  },
);

behaviour(
  {
    ids: ['STARTTLS-SERVER'],
    title: 'as a server without a certificate: -32 with text',
    options: { bind: '127.0.0.1' },
  },
  async (bench) => {
    const { x, status, job } = bench;
    const listener = F(0);
    expect(await x(TCPOP_ACCEPT, status, '', listener, TCPXFLG_LISTEN)).toBe(0);
    await startPeer({ connect: { port: job.socket(listener.value).local.port }, steps: [{ expectEnd: 'any' }] });
    const sock = F(listener.value);
    expect(await x(TCPOP_ACCEPT, status, '', sock, PENDING + TCPXFLG_ASYNC)).toBe(0);
    expect(await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, LIMIT)).toBe(-32);
    expect(await explain(bench)).toMatch(/tls\.cert/);
    expect(sock.value).toBe(-1);
  },
);

behaviour(
  {
    ids: ['STARTTLS-SERVER', 'STARTTLS-FAILED'],
    title: 'as a server, of a client that is gone already',
    options: server,
  },
  async (bench) => {
    // A READ for more meets the end behind the bytes, and leaves it to the next call.
    for (const [how, asked, wanted] of [
      ['rst', 2, -54],
      ['rst', 3, -54],
      ['fin', 2, -110],
      ['fin', 3, -110],
    ] as const) {
      const { peer, sock } = await accept(bench, [{ send: 'UP' }, { close: how }]);
      const count = asked + TCPXFLG_TLS + TCPXFLG_STARTTLS;
      expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, count, LIMIT)).toBe(2);
      await peer.finished();
      expect(await bench.x(TCPOP_STARTTLS, bench.status, '', sock, TCPXFLG_TLS, LIMIT), how).toBe(wanted);
      expect(sock.value).toBe(-1);
    }
  },
);

behaviour(
  { ids: ['STARTTLS-SERVER'], title: 'KEEPLISTEN serves one upgrade after the other', options: server },
  async (bench) => {
    const { x, status, job } = bench;
    const listener = F(0);
    await x(TCPOP_ACCEPT, status, '', listener, TCPXFLG_LISTEN);
    const { port } = job.socket(listener.value).local;
    const peer = await startPeer({
      connect: { port },
      count: 2,
      steps: [{ startTls: {} }, { expectEnd: 'close-notify' }],
    });
    for (let client = 0; client < 2; client += 1) {
      const sock = F(listener.value);
      await x(TCPOP_ACCEPT, status, '', sock, PENDING + TCPXFLG_ASYNC + TCPXFLG_KEEPLISTEN, LIMIT);
      expect(await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, LIMIT), await explain(bench)).toBe(0);
      await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
    }
    await x(TCPOP_CLOSE, status, '', listener);
    await peer.finished();
  },
);
