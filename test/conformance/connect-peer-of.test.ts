/** CONNECT to the peer of a socket: the same host, its name and its TLS session. */
import { F, type NumberVariable, peerOf, UsageError } from 'tcpx';
import {
  TCPOP_ACCEPT,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_READ,
  TCPOP_STARTTLS,
  TCPXFLG_ASYNC,
  TCPXFLG_BLOCK,
  TCPXFLG_KEEPLISTEN,
  TCPXFLG_LISTEN,
  TCPXFLG_STARTTLS,
  TCPXFLG_TLS,
} from 'tcpx/ashell.def';
import { afterEach, expect, it } from 'vitest';
import { type Bench, behaviour, guardDescriptors, LIMIT } from '../support/conformance.ts';
import { cleanUpAfterAll } from '../support/peer.ts';
import { makePki } from '../support/pki.ts';
import { type PeerTls, startPeer, startPeerHost, stopPeers } from '../support/scripted-peer.ts';

const pki = await makePki();
cleanUpAfterAll();
await startPeerHost();
guardDescriptors();
afterEach(stopPeers);

const options = { tls: { ca: pki.ca } };

/** CONNECT, and READ of the first byte, behind which the session tickets have arrived. */
async function open(bench: Bench, port: number, host: string, flags = TCPXFLG_TLS): Promise<NumberVariable> {
  const sock = F(port);
  expect(await bench.x(TCPOP_CONNECT, bench.status, '', sock, TCPXFLG_BLOCK + flags, LIMIT, host)).toBe(0);
  expect(await bench.x(TCPOP_READ, bench.status, bench.buffer, sock, 1 + flags, LIMIT)).toBe(1);
  return sock;
}

async function close({ x, status }: Bench, sock: NumberVariable): Promise<void> {
  expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const tls: PeerTls = { minVersion: version, maxVersion: version };
  const steps = [{ send: 'x' }, { expectEnd: 'close-notify' }] as const;

  behaviour(
    {
      ids: ['CONNECT-PEER-OF'],
      title: `${version}: resumes the session of an open connection, time and again`,
      options,
    },
    async (bench) => {
      const peer = await startPeer({ tls, count: 4, steps });
      const first = await open(bench, peer.port, 'localhost');
      // The second is open beside the third; the fourth comes when both are closed.
      const second = await open(bench, peer.port, peerOf(first.value));
      const third = await open(bench, peer.port, peerOf(first.value));
      await close(bench, second);
      await close(bench, third);
      const fourth = await open(bench, peer.port, peerOf(first.value));
      expect(bench.job.socket(fourth.value)).toMatchObject({
        remote: { host: '127.0.0.1', port: peer.port },
        tls: { resumed: true, servername: 'localhost', verify: { result: 'verified' } },
      });
      await close(bench, fourth);
      await close(bench, first);
      const { connections } = await peer.finished();
      expect(connections.map(({ secure }) => secure?.resumed)).toEqual([false, true, true, true]);
    },
  );

  behaviour(
    { ids: ['CONNECT-PEER-OF'], title: `${version}: resumes at STARTTLS, if the connection still lives then`, options },
    async (bench) => {
      const { x, status, job } = bench;
      const control = await startPeer({ tls, steps });
      const data = await startPeer({
        steps: [{ send: 'x' }, { startTls: tls }, { expectEnd: 'close-notify' }],
        count: 2,
      });
      const first = await open(bench, control.port, 'localhost');
      const both = TCPXFLG_TLS + TCPXFLG_STARTTLS;
      const second = await open(bench, data.port, peerOf(first.value), both);
      expect(await x(TCPOP_STARTTLS, status, '', second, TCPXFLG_TLS, LIMIT)).toBe(0);
      // The other port has keys of its own: the name of the first connection is verified in full.
      expect(job.socket(second.value).tls).toMatchObject({ resumed: false, verify: { result: 'verified' } });
      await close(bench, second);
      const third = await open(bench, data.port, peerOf(first.value), both);
      await close(bench, first);
      expect(await x(TCPOP_STARTTLS, status, '', third, TCPXFLG_TLS, LIMIT)).toBe(0);
      expect(job.socket(third.value).tls).toMatchObject({ servername: 'localhost', verify: { result: 'verified' } });
      await close(bench, third);
      await control.finished();
      await data.finished();
    },
  );
}

behaviour(
  { ids: ['CONNECT-PEER-OF'], title: 'the peer of a plain connection, of either family', options },
  async (bench) => {
    const { x, status, job } = bench;
    for (const host of ['127.0.0.1', '::1'] as const) {
      const peer = await startPeer({ listen: { host }, steps: [{ send: 'x' }, { expectEnd: 'fin' }], count: 2 });
      const first = await open(bench, peer.port, host, 0);
      const second = await open(bench, peer.port, peerOf(first.value), 0);
      expect(job.socket(second.value)).toMatchObject({ remote: { host }, state: 'plain', tls: null });
      for (const sock of [first, second]) expect(await x(TCPOP_CLOSE, status, '', sock)).toBe(0);
      await peer.finished();
    }
  },
);

behaviour(
  {
    ids: ['CONNECT-PEER-OF'],
    title: 'there is no peer of a listener, of an accepted client or of nothing',
    options: { bind: '127.0.0.1' },
  },
  async (bench) => {
    const { x, status, job } = bench;
    const listener = F(0);
    expect(await x(TCPOP_ACCEPT, status, '', listener, TCPXFLG_LISTEN)).toBe(0);
    const { port } = job.socket(listener.value).local;
    const peer = await startPeer({ connect: { port }, steps: [{ expectEnd: 'any' }] });
    const accepted = F(listener.value);
    expect(await x(TCPOP_ACCEPT, status, '', accepted, TCPXFLG_BLOCK + TCPXFLG_ASYNC + TCPXFLG_KEEPLISTEN)).toBe(0);
    for (const number of [listener.value, accepted.value]) {
      const sock = F(port);
      expect(await x(TCPOP_CONNECT, status, '', sock, TCPXFLG_BLOCK, LIMIT, peerOf(number))).toBe(-22);
      expect(sock.value).toBe(-1);
    }
    expect(await x(TCPOP_CONNECT, status, '', F(port), TCPXFLG_BLOCK, LIMIT, peerOf(4711))).toBe(-9);
    for (const sock of [accepted, listener]) expect(await x(TCPOP_CLOSE, status, '', sock)).toBe(0);
    await peer.finished();
  },
);

it('peerOf takes the number of a socket', () => {
  expect(peerOf(7)).toBe('=7');
  for (const number of [0, -1, 1.5, Number.NaN, 0x1000000]) expect(() => peerOf(number)).toThrow(UsageError);
});
