/** What came of an attempt to get from clear text to TLS: one form for all protocols (reference starttls-protocols §7). */
import type { CertificateFacts } from '../tls/certificate.ts';
import type { TlsInfo } from '../tls/info.ts';
import type { StapledStatus } from '../tls/ocsp.ts';
import type { VerifyReason } from '../tls/verify.ts';
import type { Reply } from './dialect.ts';

/**
 * `upgraded`, `direct`: encrypted and, under the policy `full`, verified. `clear`: left in clear, because the policy
 * allows it. Everything else is a failure, after which the connection is closed:
 *
 * - `refused` the server answered the trigger with no
 * - `notOffered` it did not announce the upgrade
 * - `strippedSuspected` the same, and what it did announce looks mutilated
 * - `injected` plaintext came where only TLS may follow
 * - `preauth` it claims that the user is logged in already, which forbids the upgrade
 * - `unverified` the certificate does not verify
 * - `handshake` the handshake failed otherwise
 * - `wrongMode` it expects TLS from the first byte, or speaks clear where TLS should be
 * - `timeout`, `closed`, `malformed`, `unreachable`
 */
export type Outcome =
  | 'upgraded'
  | 'direct'
  | 'clear'
  | 'refused'
  | 'notOffered'
  | 'strippedSuspected'
  | 'injected'
  | 'preauth'
  | 'unverified'
  | 'handshake'
  | 'wrongMode'
  | 'timeout'
  | 'closed'
  | 'malformed'
  | 'unreachable';

/** `require`: TLS or nothing (the default). `prefer`: goes on in clear when it is not offered or refused. `never`: does not ask. */
export type UpgradePolicy = 'require' | 'prefer' | 'never';

/** How long each part took, in ms; null for what did not happen. */
export interface Timings {
  /** Name resolution and connection, and the handshake where TLS is there from the first byte. */
  readonly connect: number | null;
  /** Greeting, introduction and capabilities in clear. */
  readonly open: number | null;
  /** From the trigger to the end of its reply. */
  readonly request: number | null;
  readonly handshake: number | null;
  /** What was asked again inside TLS. */
  readonly renew: number | null;
}

/** What came of an attempt: how far it went, and what was seen on the way. */
export interface Negotiation {
  readonly dialect: string;
  readonly outcome: Outcome;
  readonly policy: UpgradePolicy;
  /** What went wrong, or why the policy left the connection in clear; empty when nothing did. */
  readonly reason: string;
  /** The STATUS that TCPX gives for what went wrong; 0 when the failure is the dialogue's. */
  readonly status: number;
  readonly greeting: string;
  readonly preTlsCapabilities: readonly string[];
  /** Null where the protocol tells nothing before the user logs in, and without TLS. */
  readonly postTlsCapabilities: readonly string[] | null;
  readonly trigger: string | null;
  readonly reply: Reply | null;
  /**
   * Plaintext that was refused or dropped, and a sample of it in hexadecimal. Null when some came once the handshake had
   * begun: the TLS library has taken it, and does not tell how much.
   */
  readonly discardedBytes: number | null;
  readonly discardedSample: string;
  /** What said in clear was forgotten when TLS began. */
  readonly stateReset: readonly string[];
  /** Whether the server would let a user log in in clear, going by what it announced; null when unknown. */
  readonly credentialsInClear: boolean | null;
  readonly roundTrips: number;
  readonly timings: Timings;
  /** Null in clear, and after a failure. */
  readonly tls: TlsInfo | null;
  /** The server's certificates as received, its own first; also those that were not accepted. Empty in clear. */
  readonly chain: readonly CertificateFacts[];
  /** Why the certificate was not accepted, or would not have been under `verify: 'none'`. */
  readonly verifyReasons: readonly VerifyReason[];
  /** What the server stapled about its certificate; null for nothing. */
  readonly ocsp: StapledStatus | null;
}

/** Whether the connection is open and may be used: encrypted, or in clear by policy. */
export function isUsable(outcome: Outcome): boolean {
  return outcome === 'upgraded' || outcome === 'direct' || outcome === 'clear';
}
