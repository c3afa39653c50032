/**
 * Why a peer's certificate was not accepted, in words that both engines share.
 *
 * GnuTLS gives a set of bits (`gnutls_certificate_status_t`), Node one code per failure (`authorizationError`,
 * the names of OpenSSL's X509_V_ERR_*; `node-verify.ts`). STATUS is GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR (-348) for all of them.
 *
 * "Self-signed" needs help on GnuTLS: there it is "signer not found" like any unknown issuer. A caller that has the
 * leaf certificate compares its issuer with its subject and passes the answer, see {@link GnutlsFacts}.
 */
import { once } from '../core/once.ts';

export const VERIFY_REASONS = {
  missing: 'the peer sent no certificate',
  revoked: 'the certificate has been revoked',
  'wrong-name': 'the certificate is not for this name',
  expired: 'the certificate has expired',
  'not-yet-valid': 'the certificate is not valid yet (or the clock here is wrong)',
  'bad-signature': 'a signature in the certificate chain is wrong',
  'self-signed': 'the certificate is self-signed and not among the trusted ones',
  'unknown-issuer': 'the certificate comes from an issuer that is not trusted here',
  'not-a-ca': 'the issuer is not allowed to sign certificates',
  constraints: 'the certificate breaks limits that its issuer sets',
  'wrong-purpose': 'the certificate is not meant for this use',
  'insecure-algorithm': 'the certificate uses a key or algorithm that is too weak',
  ocsp: 'the revocation status is missing, stale or invalid',
  'critical-extension': 'the certificate has a critical extension that is not understood',
  'pin-mismatch': 'the certificate differs from the one expected',
  other: 'the certificate cannot be verified',
} as const satisfies Record<string, string>;

/** The keys of {@link VERIFY_REASONS}, which are listed most telling first. */
export type VerifyReason = keyof typeof VERIFY_REASONS;

/** Bit number -> reason; bit 1 (invalid) accompanies all others and says nothing by itself. Source: gnutls.h. */
const REASON_BY_BIT = {
  5: 'revoked',
  6: 'unknown-issuer',
  7: 'not-a-ca',
  8: 'insecure-algorithm',
  9: 'not-yet-valid',
  10: 'expired',
  11: 'bad-signature',
  12: 'ocsp',
  14: 'wrong-name',
  15: 'ocsp',
  16: 'constraints',
  17: 'pin-mismatch',
  18: 'wrong-purpose',
  19: 'ocsp',
  20: 'ocsp',
  21: 'critical-extension',
} as const satisfies Record<number, VerifyReason>;

const reasonBits = once(() => {
  const bits = Object.entries(REASON_BY_BIT).map(([bit, reason]) => ({ mask: 1 << Number(bit), reason }));
  return { bits, known: bits.reduce((mask, bit) => mask | bit.mask, 1 << 1) };
});

export interface GnutlsFacts {
  /** The leaf's issuer equals its subject: then "signer not found" is reported as 'self-signed'. */
  readonly selfIssued?: boolean;
}

/**
 * The reasons in a GnuTLS verify status, most telling first and each once; none for status 0.
 * A status with unknown bits, or with nothing but "invalid", gives 'other'.
 */
export function reasonsOfGnutlsStatus(status: number, facts: GnutlsFacts = {}): VerifyReason[] {
  if (status === 0) return [];
  const { bits, known } = reasonBits();
  const found = new Set<VerifyReason>();
  for (const { mask, reason } of bits) {
    if (status & mask) found.add(reason === 'unknown-issuer' && facts.selfIssued ? 'self-signed' : reason);
  }
  if (found.size === 0 || status & ~known) found.add('other');
  return sorted(found);
}

/**
 * One line for a person: what is wrong with the certificate of `host`, and the two ways out. Trusting its issuer
 * is named before the switch that turns verification off; for a wrong name, a CA would not help and is not named.
 */
export function describeVerifyFailure(reasons: readonly VerifyReason[], host: string): string {
  const list = sorted(new Set(reasons));
  const told = (list.length === 0 ? (['other'] as const) : list).map((reason) => VERIFY_REASONS[reason]).join('; ');
  const optOut = "set tls.verify = 'none' (environment TCPX_TLS_VERIFY=none) to connect without verification";
  const trust = list.some((reason) => reason === 'self-signed' || reason === 'unknown-issuer')
    ? "give the issuer's certificate in the option tls.ca"
    : list.includes('wrong-name')
      ? 'connect by a name that the certificate carries'
      : 'have the peer install a good certificate (private issuers: option tls.ca)';
  return `certificate of ${host || 'the peer'} not accepted: ${told}. Remedy: ${trust}, or ${optOut}`;
}

function sorted(reasons: ReadonlySet<VerifyReason>): VerifyReason[] {
  return (Object.keys(VERIFY_REASONS) as VerifyReason[]).filter((reason) => reasons.has(reason));
}
