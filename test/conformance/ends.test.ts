/** How connections end, and what can still be done on them meanwhile (tcpx §2, §5.2, §7). */
import { setTimeout as sleep } from 'node:timers/promises';
import { F, sockary } from 'tcpx';
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
  TCPXFLG_STARTTLS,
  TCPXFLG_TLS,
} from 'tcpx/ashell.def';
import { afterEach, expect } from 'vitest';
import { type Bench, behaviour, guardDescriptors, LIMIT } from '../support/conformance.ts';
import { LedPeer, type LedTls } from '../support/led-peer.ts';
import { makePki } from '../support/pki.ts';
import { arrived, listen, type NumberVar } from './plain.ts';

const pki = await makePki();
guardDescriptors();
const peers: LedPeer[] = [];
afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.stop();
});

const options = { bind: '127.0.0.1', tls: { ca: pki.ca, ...pki.good } };
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
type Version = (typeof VERSIONS)[number];

function led(): LedPeer {
  const peer = new LedPeer();
  peers.push(peer);
  return peer;
}

const config = (role: LedTls['role'], version: Version): LedTls => ({ role, version, ...pki.good, ca: pki.ca });

/** A connection to a peer; without a version in clear. */
async function dial({ x, status }: Bench, version: Version | null): Promise<{ peer: LedPeer; sock: NumberVar }> {
  const peer = led();
  const sock = F(await peer.listen(version === null ? null : config('server', version), 'handshake'));
  const flags = TCPXFLG_BLOCK + (version === null ? 0 : TCPXFLG_TLS);
  expect(await x(TCPOP_CONNECT, status, '', sock, flags, LIMIT, '127.0.0.1')).toBe(0);
  expect(await peer.ready(version !== null)).toBe(true);
  return { peer, sock };
}

/** A client whose TLS session was accepted. */
async function accept(bench: Bench, version: Version): Promise<{ peer: LedPeer; sock: NumberVar }> {
  const { sock, port } = await listen(bench);
  const peer = led();
  await peer.connect(port, config('client', version), 'handshake');
  const flags = TCPXFLG_BLOCK + TCPXFLG_TLS + TCPXFLG_ASYNC;
  expect(await bench.x(TCPOP_ACCEPT, bench.status, '', sock, flags, LIMIT)).toBe(0);
  expect(await peer.ready(true)).toBe(true);
  return { peer, sock };
}

/** Until what the peer did has arrived here: a READ that waits would be the thing under test. */
const settled = () => sleep(30);

behaviour(
  { ids: ['CLOSE-OK', 'CLOSE-SENDS'], title: 'CLOSE with unread bytes is an end, not a reset' },
  async (bench) => {
    const { peer, sock } = await dial(bench, null);
    await peer.act([{ act: 'send', bytes: 100 }]);
    await arrived(bench, sock, 100);
    expect(await bench.x(TCPOP_WRITE, bench.status, 'QUIT\r\n', sock)).toBe(6);
    expect(await bench.x(TCPOP_CLOSE, bench.status, '', sock)).toBe(0);
    expect(await peer.caughtUp(6, true)).toBe(true);
    expect((await peer.seen()).end).toBe('fin');
  },
);

behaviour({ ids: ['AUTO-CLOSE'], title: 'SHUTDOWN where there is no connection any more' }, async (bench) => {
  const { x, status } = bench;
  for (const ending of ['fin', 'reset'] as const) {
    const { peer, sock } = await dial(bench, null);
    if (ending === 'fin') {
      expect(await x(TCPOP_SHUTDOWN, status, '', sock, 1)).toBe(0);
      expect(await peer.caughtUp(0, true)).toBe(true);
    }
    await peer.act([{ act: ending }]);
    await settled();
    expect(await x(TCPOP_SHUTDOWN, status, '', sock, 0), ending).toBe(-107);
    expect(sock.value).toBe(-1);
  }
});

behaviour({ ids: ['SHUTDOWN-DIRECTIONS'], title: 'what comes after the end of both is reset' }, async (bench) => {
  const { x, status, buffer } = bench;
  const { peer, sock } = await dial(bench, null);
  expect(await x(TCPOP_SHUTDOWN, status, '', sock, 2)).toBe(0);
  expect(await peer.caughtUp(0, true)).toBe(true);
  await peer.act([{ act: 'send', bytes: 5 }]);
  await settled();
  expect(await x(TCPOP_READ, status, buffer, sock, 5, LIMIT)).toBe(-104);
  expect(sock.value).toBe(-1);
});

for (const version of VERSIONS) {
  behaviour(
    { ids: ['SHUTDOWN-DIRECTIONS'], title: `${version}: the end of receiving, with bytes unread`, options },
    async (bench) => {
      const { x, status, buffer } = bench;
      for (const direction of [0, 2]) {
        const { peer, sock } = await dial(bench, version);
        await peer.act([{ act: 'send', bytes: 40 }]);
        await settled();
        expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS + 10, LIMIT)).toBe(10);
        expect(await x(TCPOP_SHUTDOWN, status, '', sock, direction)).toBe(0);
        expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS + 30, LIMIT)).toBe(30);
        expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS + 40, LIMIT)).toBe(0);
        expect(await x(TCPOP_CLOSE, status, '', sock)).toBe(0);
      }
    },
  );

  behaviour(
    { ids: ['SHUTDOWN-DIRECTIONS'], title: `${version}: the end of receiving, with bytes in the kernel`, options },
    async (bench) => {
      const { x, status, buffer } = bench;
      const { peer, sock } = await dial(bench, version);
      await peer.actLater(20, [{ act: 'send', bytes: 40 }]);
      // No turn of the event loop, which would take them.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 80);
      expect(await x(TCPOP_SHUTDOWN, status, '', sock, 0)).toBe(0);
      expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS + 40, LIMIT)).toBe(40);
      await peer.acted();
    },
  );

  behaviour(
    { ids: ['TLS-CLOSE-NOTIFY'], title: `${version}: who ends without close_notify may still read`, options },
    async (bench) => {
      const { x, status, buffer } = bench;
      const { peer, sock } = await dial(bench, version);
      await peer.act([{ act: 'send', bytes: 40 }, { act: 'fin' }]);
      await settled();
      expect(await x(TCPOP_CHKQTY, status, '', sock)).toBe(40);
      expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS + 40, LIMIT)).toBe(40);
      expect(await x(TCPOP_WRITE, status, 'answer', sock, 0, LIMIT)).toBe(6);
      expect(await x(TCPOP_CLOSE, status, '', sock)).toBe(0);
      expect(await peer.caughtUp(6, true)).toBe(true);
      const { received, notified, end } = await peer.seen();
      expect([Buffer.from(received).toString(), notified, end]).toEqual(['answer', true, 'fin']);
    },
  );

  behaviour(
    { ids: ['TLS-CLOSE-NOTIFY'], title: `${version}: close_notify answers an end that a set has shown`, options },
    async (bench) => {
      const { x, status } = bench;
      const { peer, sock } = await dial(bench, version);
      const array = sockary(3);
      array.add(sock.value);
      await peer.act([{ act: 'fin' }]);
      await settled();
      expect(await x(TCPOP_CHECK, status, '', F(0), 0, LIMIT, '', array)).toBe(1);
      expect(await x(TCPOP_CLOSE, status, '', sock)).toBe(0);
      expect(await peer.caughtUp(0, true)).toBe(true);
      expect((await peer.seen()).notified).toBe(true);
    },
  );

  behaviour(
    { ids: ['TLS-BROKEN-RECORD'], title: `${version}: SHUTDOWN once a reset is known`, options },
    async (bench) => {
      const { x, status } = bench;
      for (const direction of [0, 1, 2]) {
        const { peer, sock } = await dial(bench, version);
        await peer.act([{ act: 'send', bytes: 40 }, { act: 'reset' }]);
        await settled();
        expect(await x(TCPOP_CHKQTY, status, '', sock)).toBe(40);
        expect(await x(TCPOP_SHUTDOWN, status, '', sock, direction)).toBe(-54);
        expect(sock.value).toBe(-1);
      }
    },
  );

  behaviour(
    { ids: ['TLS-BROKEN-RECORD'], title: `${version}: what is no record, and the end, in one piece`, options },
    async (bench) => {
      const { x, status, buffer } = bench;
      for (const open of [dial, accept]) {
        const { peer, sock } = await open(bench, version);
        await peer.act([{ act: 'raw', text: 'hello\r\n' }, { act: 'fin' }]);
        await settled();
        expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS + 4, LIMIT)).toBe(-15);
        expect(sock.value).toBe(-1);
      }
    },
  );

  behaviour(
    { ids: ['TLS-BROKEN-RECORD'], title: `${version}: a peer that sends what is no record is told so`, options },
    async (bench) => {
      const { x, status, buffer } = bench;
      for (const open of [dial, accept]) {
        const { peer, sock } = await open(bench, version);
        await peer.act([{ act: 'raw', text: 'hello, and more than a header\r\n' }]);
        await settled();
        expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS + 4, LIMIT)).toBe(-15);
        expect(sock.value).toBe(-1);
        expect(await peer.caughtUp(0, true)).toBe(true);
        const { alerted, end } = await peer.seen();
        expect([alerted, end]).toEqual([true, 'fin']);
      }
    },
  );

  behaviour(
    { ids: ['ARY-CHECK-COUNT'], title: `${version}: CHECK of a set after the bytes were decrypted`, options },
    async (bench) => {
      const { x, status, buffer } = bench;
      const { peer, sock } = await dial(bench, version);
      const array = sockary(3);
      array.add(sock.value);
      await peer.act([{ act: 'send', bytes: 40 }]);
      await settled();
      expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS + 30, LIMIT)).toBe(30);
      expect(await x(TCPOP_CHECK, status, '', F(0), 0, LIMIT, '', array)).toBe(1);
      expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS + 10, LIMIT)).toBe(10);
      // The same of a socket that the set knows, and that was found idle.
      expect(await x(TCPOP_CHECK, status, '', F(0), 0, 0, '', array)).toBe(0);
      await peer.act([{ act: 'send', bytes: 40 }]);
      await settled();
      expect(await x(TCPOP_CHKQTY, status, '', sock)).toBe(40);
      expect(await x(TCPOP_CHECK, status, '', F(0), 0, LIMIT, '', array)).toBe(1);
      expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS + 40, LIMIT)).toBe(40);
      expect(await x(TCPOP_CHECK, status, '', F(0), 0, 0, '', array)).toBe(0);
      await peer.act([{ act: 'send', bytes: 40 }, { act: 'notify' }]);
      await settled();
      expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS + 30, LIMIT)).toBe(30);
      expect(await x(TCPOP_CHECK, status, '', F(0), 0, LIMIT, '', array)).toBe(1);
      expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS + 10, LIMIT)).toBe(10);
      expect(await x(TCPOP_CHKQTY, status, '', sock)).toBe(-1);
      expect(await x(TCPOP_CHECK, status, '', F(0), 0, LIMIT, '', array)).toBe(1);
    },
  );
}

behaviour(
  { ids: ['TLS-HANDSHAKE-FAILED'], title: 'STARTTLS after the end of receiving', options },
  async ({ x, status }) => {
    const peer = led();
    const sock = F(await peer.listen(config('server', 'TLSv1.3'), 'later'));
    const flags = TCPXFLG_BLOCK + TCPXFLG_TLS;
    expect(await x(TCPOP_CONNECT, status, '', sock, flags + TCPXFLG_STARTTLS, LIMIT, '127.0.0.1')).toBe(0);
    expect(await peer.ready(false)).toBe(true);
    await peer.act([{ act: 'startTls' }]);
    expect(await x(TCPOP_SHUTDOWN, status, '', sock, 0)).toBe(0);
    expect(await x(TCPOP_STARTTLS, status, '', sock, TCPXFLG_TLS, LIMIT)).toBe(-110);
    expect(sock.value).toBe(-1);
  },
);

behaviour(
  { ids: ['TLS-HANDSHAKE-FAILED'], title: 'a client that ends ahead of its hello is sent nothing', options },
  async (bench) => {
    const { sock, port } = await listen(bench);
    const peer = led();
    await peer.connect(port, config('client', 'TLSv1.3'), 'end');
    const flags = TCPXFLG_BLOCK + TCPXFLG_TLS + TCPXFLG_ASYNC;
    expect(await bench.x(TCPOP_ACCEPT, bench.status, '', sock, flags, LIMIT)).toBe(-110);
    expect(await peer.caughtUp(0, true)).toBe(true);
    const { received, end } = await peer.seen();
    expect([received.length, end]).toEqual([0, 'fin']);
  },
);
