/** How connections end, and what can still be done on them meanwhile (tcpx §2, §5.2, §7). */
import { setTimeout as sleep } from 'node:timers/promises';
import { F } from 'tcpx';
import {
  TCPOP_ACCEPT,
  TCPOP_CONNECT,
  TCPOP_READ,
  TCPOP_SHUTDOWN,
  TCPXFLG_ASYNC,
  TCPXFLG_BLOCK,
  TCPXFLG_TLS,
} from 'tcpx/ashell.def';
import { afterEach, expect } from 'vitest';
import { type Bench, behaviour, guardDescriptors, LIMIT } from '../support/conformance.ts';
import { LedPeer, type LedTls } from '../support/led-peer.ts';
import { makePki } from '../support/pki.ts';
import { listen, type NumberVar } from './plain.ts';

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
}
