/** The facts of a TLS session, in one form for both engines. Plain data: it crosses threads. */
import { nodeCrypto } from '../core/on-demand.ts';
import type { VerifyReason } from './verify.ts';

/** What was negotiated, and with whom. */
export interface TlsInfo {
  readonly engine: 'gnutls' | 'node';
  readonly role: 'client' | 'server';
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly version: string;
  /** The suite's IANA name. */
  readonly suite: string;
  /** The key exchange group's IANA name; null where the library does not tell (node:tls as a server). */
  readonly group: string | null;
  readonly alpn: string | null;
  /** The name sent (client) or asked for (server) by SNI. */
  readonly servername: string | null;
  readonly resumed: boolean;
  /** Whether data went out ahead of the handshake's end (RFC 8446 §2.3). Neither engine sends or takes any. */
  readonly earlyData: boolean;
  /** What the server stapled about its certificate (RFC 6066 §8); null for nothing, and on a server. */
  readonly ocsp: StapledResponse | null;
  readonly verify: VerifyResult;
  /** The peer's certificate; null when it sent none. */
  readonly peer: PeerCertificate | null;
}

/** What a server has stapled about its certificate. */
export interface StapledResponse {
  /** OCSPResponse of RFC 6960, DER. */
  readonly response: Uint8Array;
  /** Whether the library has looked at it: its signature, its dates, and that it is about this certificate. */
  readonly checked: boolean;
}

/** Whether the peer's certificate is accepted. */
export interface VerifyResult {
  /** `unchecked`: no certificate was asked of the peer, or the policy is `none` and it would not have passed. */
  readonly result: 'verified' | 'failed' | 'unchecked';
  /** Why it failed, or would have under the policy `none`. */
  readonly reasons: readonly VerifyReason[];
}

/** The peer's own certificate, in the words of node:crypto. */
export interface PeerCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** Subject alternative names as OpenSSL writes them. */
  readonly names: string;
  readonly validFrom: string;
  readonly validTo: string;
  readonly fingerprint256: string;
  /** The chain as received, DER, the peer's own first, without a root at its end. */
  readonly chain: readonly Uint8Array[];
}

/** A peer whose certificate was not accepted, so that there is no session. */
export interface RefusedPeer {
  readonly reasons: readonly VerifyReason[];
  /** The chain as received, DER, the peer's own first; empty when it sent none. */
  readonly chain: readonly Uint8Array[];
}

/** Describes a chain of DER certificates; null for an empty one. */
export function describePeer(received: readonly Uint8Array[]): PeerCertificate | null {
  const chain = withoutRoot(received);
  const [own] = chain;
  if (own === undefined) return null;
  const { X509Certificate } = nodeCrypto();
  const certificate = new X509Certificate(own);
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    names: certificate.subjectAltName ?? '',
    validFrom: certificate.validFrom,
    validTo: certificate.validTo,
    fingerprint256: certificate.fingerprint256,
    chain,
  };
}

/** A root proves nothing and is seldom sent; Node adds it from the trusted ones, and nobody can tell the two apart. */
export function withoutRoot(chain: readonly Uint8Array[]): readonly Uint8Array[] {
  const last = chain.at(-1);
  if (last === undefined || chain.length === 1) return chain;
  const { X509Certificate } = nodeCrypto();
  const { subject, issuer } = new X509Certificate(last);
  return subject === issuer ? chain.slice(0, -1) : chain;
}

/** A name on one line, as RFC 4514 has it: node:crypto separates its parts by line feeds, and has none without parts. */
export function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').reverse().join(', ');
}

/** Names of TLS groups as IANA has them, from GnuTLS's and OpenSSL's. */
const GROUPS: Readonly<Record<string, string>> = {
  prime256v1: 'secp256r1',
  'P-256': 'secp256r1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
};

export function groupName(name: string): string {
  return GROUPS[name] ?? name.toLowerCase();
}
