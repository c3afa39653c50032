/** Why Node did not accept a peer's certificate, in the words that both engines share. */
import type { VerifyReason } from './verify.ts';

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

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  // Some OpenSSL failures come as an Error without a code; then its message is the X509_V_ERR name
  return 'message' in error && typeof error.message === 'string' ? error.message : '';
}
