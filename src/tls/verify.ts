/**
 * Why a peer's certificate was not accepted, in words that both engines share.
 *
 * GnuTLS gives a set of bits (`gnutls_certificate_status_t`), Node one code per failure (`authorizationError`,
 * the names of OpenSSL's X509_V_ERR_*). STATUS is GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR (-348) for all of them.
 *
 * "Self-signed" needs help on GnuTLS: there it is "signer not found" like any unknown issuer. A caller that has the
 * leaf certificate compares its issuer with its subject and passes the answer, see {@link GnutlsFacts}.
 */

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

const rank: ReadonlyMap<VerifyReason, number> = new Map(
  (Object.keys(VERIFY_REASONS) as VerifyReason[]).map((reason, index) => [reason, index]),
);

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

const bits = Object.entries(REASON_BY_BIT).map(([bit, reason]) => ({ mask: 1 << Number(bit), reason }));
const known = bits.reduce((mask, bit) => mask | bit.mask, 1 << 1);

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
  const found = new Set<VerifyReason>();
  for (const { mask, reason } of bits) {
    if (status & mask) found.add(reason === 'unknown-issuer' && facts.selfIssued ? 'self-signed' : reason);
  }
  if (found.size === 0 || status & ~known) found.add('other');
  return sorted(found);
}

/**
 * Node's codes. The first group is what `tlsSocket.authorizationError` and an 'error' with `rejectUnauthorized`
 * carry (the list of nodejs.org/api/tls under "X509 certificate error codes"); a few more exist in OpenSSL only.
 */
const REASON_BY_CODE = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'unknown-issuer',
  UNABLE_TO_GET_ISSUER_CERT: 'unknown-issuer',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown-issuer',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unknown-issuer',
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: 'unknown-issuer',
  CERT_UNTRUSTED: 'unknown-issuer',
  CERT_REJECTED: 'unknown-issuer',
  ISSUER_CERTIFICATE_NOT_FOUND: 'unknown-issuer',
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'not-yet-valid',
  ERROR_IN_CERT_NOT_BEFORE_FIELD: 'other',
  ERROR_IN_CERT_NOT_AFTER_FIELD: 'other',
  CERT_SIGNATURE_FAILURE: 'bad-signature',
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: 'bad-signature',
  CERT_REVOKED: 'revoked',
  UNABLE_TO_GET_CRL: 'ocsp',
  UNABLE_TO_DECRYPT_CRL_SIGNATURE: 'ocsp',
  CRL_SIGNATURE_FAILURE: 'ocsp',
  CRL_NOT_YET_VALID: 'ocsp',
  CRL_HAS_EXPIRED: 'ocsp',
  ERROR_IN_CRL_LAST_UPDATE_FIELD: 'ocsp',
  ERROR_IN_CRL_NEXT_UPDATE_FIELD: 'ocsp',
  OCSP_VERIFY_NEEDED: 'ocsp',
  OCSP_VERIFY_FAILED: 'ocsp',
  OCSP_CERT_UNKNOWN: 'ocsp',
  INVALID_CA: 'not-a-ca',
  INVALID_NON_CA: 'not-a-ca',
  KEYUSAGE_NO_CERTSIGN: 'not-a-ca',
  PATH_LENGTH_EXCEEDED: 'constraints',
  CERT_CHAIN_TOO_LONG: 'constraints',
  PERMITTED_VIOLATION: 'constraints',
  EXCLUDED_VIOLATION: 'constraints',
  SUBTREE_MINMAX: 'constraints',
  INVALID_PURPOSE: 'wrong-purpose',
  HOSTNAME_MISMATCH: 'wrong-name',
  EMAIL_MISMATCH: 'wrong-name',
  IP_ADDRESS_MISMATCH: 'wrong-name',
  ERR_TLS_CERT_ALTNAME_INVALID: 'wrong-name',
  ERR_TLS_CERT_ALTNAME_FORMAT: 'wrong-name',
  UNHANDLED_CRITICAL_EXTENSION: 'critical-extension',
  EE_KEY_TOO_SMALL: 'insecure-algorithm',
  CA_KEY_TOO_SMALL: 'insecure-algorithm',
  CA_MD_TOO_WEAK: 'insecure-algorithm',
  ERR_SSL_EE_KEY_TOO_SMALL: 'insecure-algorithm',
  ERR_SSL_CA_KEY_TOO_SMALL: 'insecure-algorithm',
  ERR_SSL_CA_MD_TOO_WEAK: 'insecure-algorithm',
  ERR_SSL_CERTIFICATE_VERIFY_FAILED: 'other',
  UNSPECIFIED: 'other',
  OUT_OF_MEM: 'other',
} as const satisfies Record<string, VerifyReason>;

const reasonByCode: ReadonlyMap<string, VerifyReason> = new Map(Object.entries(REASON_BY_CODE));

/** True when an error's `code` tells of a certificate that was not accepted. */
export function isVerifyCode(code: string): boolean {
  return reasonByCode.has(code);
}

/**
 * The reason behind an `authorizationError` (a string, an Error with a `code`, or nothing for an accepted peer).
 * Node reports one failure only, so the list has at most one entry; codes it does not know become 'other'.
 */
export function reasonsOfNodeError(error: unknown): VerifyReason[] {
  if (error === undefined || error === null || error === '') return [];
  const code = typeof error === 'string' ? error : codeOf(error);
  return [reasonByCode.get(code) ?? 'other'];
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

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  // Some OpenSSL failures come as an Error without a code; then its message is the X509_V_ERR name
  return 'message' in error && typeof error.message === 'string' ? error.message : '';
}

function sorted(reasons: ReadonlySet<VerifyReason>): VerifyReason[] {
  return [...reasons].sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
}
