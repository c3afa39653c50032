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
  keyUsage: {
    engine: 'node',
    what: 'a server whose certificate does not let its key sign, or encipher a key, is accepted; gnutls refuses it with -48',
    reason: 'OpenSSL looks at the key usage for its purpose as a whole, and not for the key exchange that is made',
    proof: 'key-usage.mjs',
  },
  serverPurpose: {
    engine: 'node',
    what:
      "as a server's certificate, one for any purpose (anyExtendedKeyUsage alone) is refused with -348, which gnutls accepts, " +
      "and a CA's that may sign certificates alone with -348 instead of -48",
    reason: 'OpenSSL decides what a server has to be for, and node:tls has no option that tells it another purpose',
    proof: 'server-purpose.mjs',
  },
  oldVersions: {
    engine: 'node',
    what:
      'NORMAL, SECURE128 and PFS do not reach a server that has nothing newer than TLS 1.1: CONNECT is -12 or -8. With LEGACY or ' +
      '`+VERS-TLS1.0` both engines do',
    reason:
      'OpenSSL speaks those versions at security level 0 only, where it takes weak keys from every server; a keyword does not ask for that',
    proof: 'old-versions.mjs',
  },
} as const satisfies Record<string, Divergence>;

/** What differs without a script that could prove it: by the release of a library, or by its own choice. A line each, Markdown. */
export const REMARKS: readonly string[] = [
  '`tls.ca` with an intermediate CA, or with a certificate of a server that is not self-signed: on `node` it wants Node 20.18, 22.9 or ' +
    'newer, which have the option `allowPartialTrustChain`. With an older one the STATUS is -348, as chains then end at a root alone.',
  'The zone of an IPv6 address by number: Node tells the numbers of interfaces with a link-local address only, so `node` refuses that of ' +
    'any other (`::1%1`) with -19. By name both engines know every interface that is up.',
  'The priority string `@SYSTEM`: `gnutls` looks it up in the configuration of the system, and is -50 where there is none; `node` takes it ' +
    'for `NORMAL`.',
  'A priority string that removes X.509 (`NORMAL:-CTYPE-X509`): `gnutls` goes on with it, as the type that holds where none is agreed on; ' +
    '`node` says that nothing is left, -326.',
  'WRITE on TLS to a connection that the peer has closed: the system takes the first bytes on either engine, and `gnutls` learns with ' +
    'the next WRITE that they were in vain (-53 or -54). `node` may report more bytes as sent before the event loop tells it.',
  'What breaks a TLS session (a record that is none, a reset) `node` knows as soon as the event loop has met it; `gnutls` learns of it when ' +
    'a READ, CHECK or CHKQTY looks, and WRITE and SHUTDOWN ahead of that go through.',
  'A READ on TLS that waits for more than comes, and meets the end of the connection without close_notify behind the bytes that it gives: ' +
    'GnuTLS ends its session there, and CLOSE sends no close_notify of its own; WRITE is -110. On `node` both still work.',
  'A reset that comes behind the end of what the peer sends: libuv has stopped reading by then, so that on `node` the next WRITE tells it; ' +
    'on `gnutls` SHUTDOWN does too (-107).',
  'READ without a count on TLS: `gnutls` gives what is left of one record, `node` as much as has come and fits.',
];
