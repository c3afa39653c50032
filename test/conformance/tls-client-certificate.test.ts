/** A client's own certificate: that it is sent, and how a server's refusal shows (tcpx §7). */
import { F, S } from 'tcpx';
import {
  TCPOP_CHECK,
  TCPOP_CHKQTY,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_ERRMSG,
  TCPOP_READ,
  TCPXFLG_BLOCK,
  TCPXFLG_TLS,
} from 'tcpx/ashell.def';
import { afterEach, expect } from 'vitest';
import { type Bench, behaviour, guardDescriptors, LIMIT } from '../support/conformance.ts';
import { makePki } from '../support/pki.ts';
import { startPeer, startPeerHost, stopPeers } from '../support/scripted-peer.ts';

const pki = await makePki();
await startPeerHost();
guardDescriptors();
afterEach(stopPeers);

const WANTED = 'alert 116 (certificate_required): the peer wants a client certificate';

async function connect({ x, status }: Bench, port: number) {
  const sock = F(port);
  await x(TCPOP_CONNECT, status, '', sock, TCPXFLG_BLOCK + TCPXFLG_TLS, LIMIT, 'localhost');
  return sock;
}

/** What ERRMSG says of the last STATUS. */
async function explain({ x, status }: Bench): Promise<string> {
  const text = S(0);
  await x(TCPOP_ERRMSG, status, text, 0, TCPXFLG_TLS);
  return text.value;
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const only = { minVersion: version, maxVersion: version } as const;

  for (const identity of ['client', 'unknownClient'] as const) {
    behaviour(
      {
        ids: ['TLS-CLIENT-CERTIFICATE'],
        title: `${version}: ${identity} is sent, whichever issuers the server lists`,
        options: { tls: { ca: pki.ca, ...pki[identity] } },
      },
      async (bench) => {
        // The server names our root alone among the issuers that it takes.
        const peer = await startPeer({ tls: { ...only, requestCert: 'optional' }, steps: [{ send: 'x' }] });
        const sock = await connect(bench, peer.port);
        expect(bench.status.value, await explain(bench)).toBe(0);
        expect(await bench.x(TCPOP_READ, bench.status, S(1), sock, 1 + TCPXFLG_TLS, LIMIT)).toBe(1);
        await bench.x(TCPOP_CLOSE, bench.status, '', sock, TCPXFLG_TLS);
        const { connections } = await peer.finished();
        expect(connections[0]?.secure).toMatchObject({
          peerName: identity === 'client' ? 'tcpx client' : 'tcpx unknown client',
          authorized: identity === 'client',
        });
      },
    );
  }

  behaviour(
    {
      ids: ['TLS-CLIENT-CERTIFICATE'],
      title: `${version}: none is sent that was not named`,
      options: { tls: { ca: pki.ca } },
    },
    async (bench) => {
      const peer = await startPeer({ tls: { ...only, requestCert: 'optional' }, steps: [{ send: 'x' }] });
      const sock = await connect(bench, peer.port);
      expect(await bench.x(TCPOP_READ, bench.status, S(1), sock, 1 + TCPXFLG_TLS, LIMIT)).toBe(1);
      expect((await peer.finished()).connections[0]?.secure?.peerName).toBeNull();
    },
  );
}

behaviour(
  {
    ids: ['TLS-CLIENT-CERTIFICATE', 'TLS-HANDSHAKE-FAILED'],
    title: 'TLSv1.2: a server that misses one refuses the handshake',
    options: { tls: { ca: pki.ca } },
  },
  async (bench) => {
    const peer = await startPeer({ tls: { maxVersion: 'TLSv1.2', requestCert: 'required' }, steps: [] });
    const sock = await connect(bench, peer.port);
    expect([bench.status.value, sock.value]).toEqual([-12, -1]);
    expect(await explain(bench)).toContain('alert 40 (handshake_failure): nothing in common, or a client certificate');
  },
);

/** Calls an opcode until it fails; a refusal of TLS 1.3 arrives at some time after the client's own handshake. */
async function untilItFails(bench: Bench, sock: ReturnType<typeof F>, opcode: number): Promise<void> {
  const end = performance.now() + LIMIT;
  do {
    expect(performance.now()).toBeLessThan(end);
    await bench.x(opcode, bench.status, S(10), sock, TCPXFLG_TLS, 100);
  } while (bench.status.value >= 0 || bench.status.value === -11);
}

for (const [name, opcode] of [
  ['READ', TCPOP_READ],
  ['CHECK', TCPOP_CHECK],
  ['CHKQTY', TCPOP_CHKQTY],
] as const) {
  behaviour(
    {
      ids: ['TLS-CLIENT-CERTIFICATE'],
      title: `TLSv1.3: a server that misses one refuses after our handshake, ${name} tells`,
      options: { tls: { ca: pki.ca } },
    },
    async (bench) => {
      const peer = await startPeer({ tls: { minVersion: 'TLSv1.3', requestCert: 'required' }, steps: [] });
      const sock = await connect(bench, peer.port);
      expect(bench.status.value).toBe(0);
      await untilItFails(bench, sock, opcode);
      expect(bench.status.value, await explain(bench)).toBe(-12);
      expect(await explain(bench)).toContain(WANTED);
      expect([sock.value, bench.job.sockets]).toEqual([-1, []]);
    },
  );
}
