/** What a server has to say of its certificate's revocation, and what it says (RFC 6066 §8, RFC 7633). */
import { F, S } from 'tcpx';
import { TCPOP_CLOSE, TCPOP_CONNECT, TCPOP_ERRMSG, TCPXFLG_BLOCK, TCPXFLG_TLS } from 'tcpx/ashell.def';
import { afterEach, expect } from 'vitest';
import { type Bench, behaviour, guardDescriptors, LIMIT } from '../support/conformance.ts';
import { makeOddServer, makePki, type StapleKind } from '../support/pki.ts';
import { type PeerScript, startPeer, startPeerHost, stopPeers } from '../support/scripted-peer.ts';

const pki = await makePki();
await startPeerHost();
guardDescriptors();
afterEach(stopPeers);

const identities = { 'must staple': await makeOddServer({ mustStaple: true }), 'may staple': await makeOddServer({}) };

/** OCSPResponse { tryLater }: the responder's own words for having none. */
const TRY_LATER = Uint8Array.of(0x30, 0x03, 0x0a, 0x01, 0x03);

/** STATUS of CONNECT by what is stapled: for a certificate that demands a staple, and for one that does not. */
const STAPLES: readonly [StapleKind | 'nothing' | 'tryLater' | 'nonsense', number, number][] = [
  ['nothing', -348, 0],
  ['good', 0, 0],
  ['revoked', -348, -348],
  ['unknown', 0, 0],
  ['stale', -348, -348],
  ['early', 0, 0],
  ['tryLater', -348, 0],
  ['nonsense', -348, -348],
];

async function visit({ x, status }: Bench, tls: PeerScript['tls']) {
  const peer = await startPeer({ tls: { ...tls }, steps: [{ expectEnd: 'any' }] });
  const [sock, text] = [F(peer.port), S(0)];
  const code = await x(TCPOP_CONNECT, status, '', sock, TCPXFLG_BLOCK + TCPXFLG_TLS, LIMIT, 'localhost');
  await x(TCPOP_ERRMSG, status, text, 0, TCPXFLG_TLS);
  if (code === 0) await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
  await peer.outcome();
  return { status: code, text: text.value };
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const [what, must, may] of STAPLES) {
    for (const [kind, wanted] of [
      ['must staple', must],
      ['may staple', may],
    ] as const) {
      behaviour(
        {
          ids: ['TLS-VERIFY'],
          title: `${version}: a certificate that ${kind}, with ${what}`,
          options: { tls: { ca: pki.ca } },
        },
        async (bench) => {
          const { staples, ...identity } = identities[kind];
          const staple = { ...staples, nothing: undefined, tryLater: TRY_LATER, nonsense: Buffer.from('nonsense') }[
            what
          ];
          const only = { minVersion: version, maxVersion: version };
          const tls = { ...only, identity, ...(staple === undefined ? {} : { staple }) };
          const { status, text } = await visit(bench, tls);
          expect(status, text).toBe(wanted);
          if (wanted !== 0) expect(text).toMatch(/has been revoked|revocation status is missing, stale or invalid/);
        },
      );
    }
  }
}
