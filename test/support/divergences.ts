/**
 * Where an engine is known to behave differently, and why it cannot be otherwise. Printed into docs/parity.md
 * (`npm run docs`); a behaviour that names one of them fails once it no longer differs.
 */
import type { EngineName } from '../../src/net/endpoint.ts';

export interface Divergence {
  readonly engine: EngineName;
  readonly mode?: 'sync' | 'async';
  readonly what: string;
  /** Why this engine cannot behave like the other. */
  readonly reason: string;
  /** The script on bare Node, below test/conformance/proofs, that proves it. */
  readonly proof: string;
}

export const DIVERGENCES = {
  signalDuringWait: {
    engine: 'node',
    mode: 'sync',
    what: 'a signal with a listener does not end a synchronous call with -4',
    reason: 'a signal does not end Atomics.wait; the listener runs once the call is over',
    proof: 'signal-during-atomics-wait.mjs',
  },
  serverGroup: {
    engine: 'node',
    what: 'the facts of a session accepted as a server name no key exchange group',
    reason: 'getEphemeralKeyInfo() of node:tls answers for clients only',
    proof: 'server-group.mjs',
  },
  refusalAlert: {
    engine: 'node',
    what: "who refuses the peer's certificate closes without an alert that says so, once its own handshake is over",
    reason:
      'node:tls has OpenSSL accept every certificate, looks at it afterwards, and has no call that sends an alert',
    proof: 'refusal-alert.mjs',
  },
  ticketRenewal: {
    engine: 'node',
    what:
      'as a server of TLS 1.3 it gives no new ticket in a session that it resumed, so that a client that uses tickets once ' +
      'makes a full handshake every other time',
    reason:
      'node:tls tells OpenSSL that every ticket it could open is still good, and has no option for another answer',
    proof: 'ticket-renewal.mjs',
  },
} as const satisfies Record<string, Divergence>;

/** What differs without a script that could prove it: by the release of a library, or by its own choice. A line each, Markdown. */
export const REMARKS: readonly string[] = [
  '`tls.ca` with an intermediate CA, or with a certificate of a server that is not self-signed: on `node` it wants Node 20.18, 22.9 or ' +
    'newer, which have the option `allowPartialTrustChain`. With an older one the STATUS is -348, as chains then end at a root alone.',
  'The zone of an IPv6 address by number: Node tells the numbers of interfaces with a link-local address only, so `node` refuses that of ' +
    'any other (`::1%1`) with -19. By name both engines know every interface that is up.',
];
