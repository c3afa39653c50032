/**
 * The numbers a TLS connection reports: `GNUTLS_E_*` and the alerts of the TLS protocol.
 *
 * Source: gnutls/gnutls.h (3.7.9, the same numbers in 3.8) and reference gnutls.md. Rows are the errors that a TLS
 * client or server can meet, from loading its certificates to closing; smart cards, TPM, OpenPGP and DTLS-only rows
 * are left out unless the reference names them. The texts are ours, so both engines explain a STATUS alike, also
 * where the library is not installed.
 */
import { once } from '../core/once.ts';

export interface GnutlsError {
  readonly code: number;
  readonly text: string;
}

export const GNUTLS_E = {
  SUCCESS: { code: 0, text: 'no error' },
  UNSUPPORTED_VERSION_PACKET: { code: -8, text: 'the peer uses a protocol version that is not enabled here' },
  UNEXPECTED_PACKET_LENGTH: { code: -9, text: 'a TLS message has the wrong length, or broke off in the middle' },
  INVALID_SESSION: { code: -10, text: 'the TLS session is no longer usable after an earlier error' },
  FATAL_ALERT_RECEIVED: { code: -12, text: 'the peer ended the session with a fatal alert' },
  UNEXPECTED_PACKET: { code: -15, text: 'the peer sent something that is not the expected TLS record' },
  WARNING_ALERT_RECEIVED: { code: -16, text: 'the peer sent a warning alert' },
  ERROR_IN_FINISHED_PACKET: { code: -18, text: 'the checksum that closes the handshake is wrong' },
  UNEXPECTED_HANDSHAKE_PACKET: { code: -19, text: 'a handshake message came out of order' },
  UNKNOWN_CIPHER_SUITE: { code: -21, text: 'the peer chose a cipher suite that was not offered' },
  UNWANTED_ALGORITHM: { code: -22, text: 'the peer chose an algorithm that was not offered' },
  MPI_SCAN_FAILED: { code: -23, text: 'a large number in a message or key cannot be read' },
  DECRYPTION_FAILED: { code: -24, text: 'a record or key cannot be decrypted: it was changed, or the key is wrong' },
  MEMORY_ERROR: { code: -25, text: 'out of memory' },
  DECOMPRESSION_FAILED: { code: -26, text: 'a record cannot be decompressed' },
  COMPRESSION_FAILED: { code: -27, text: 'a record cannot be compressed' },
  AGAIN: { code: -28, text: 'the operation would block; call it again' },
  EXPIRED: { code: -29, text: 'the saved session is too old' },
  DB_ERROR: { code: -30, text: 'the session cache failed' },
  KEYFILE_ERROR: { code: -31, text: 'the password file cannot be opened' },
  INSUFFICIENT_CREDENTIALS: { code: -32, text: 'no key or certificate is set that fits the chosen cipher suite' },
  HASH_FAILED: { code: -33, text: 'a hash cannot be computed' },
  BASE64_DECODING_ERROR: { code: -34, text: 'the base64 (PEM) text is malformed' },
  REHANDSHAKE: { code: -37, text: 'the peer asks for a new handshake' },
  GOT_APPLICATION_DATA: { code: -38, text: 'data arrived while a handshake was expected' },
  RECORD_LIMIT_REACHED: { code: -39, text: 'too many records were sent with one key' },
  ENCRYPTION_FAILED: { code: -40, text: 'a record cannot be encrypted' },
  CERTIFICATE_ERROR: { code: -43, text: 'the certificate cannot be used' },
  PK_ENCRYPTION_FAILED: { code: -44, text: 'encryption with the public key failed' },
  PK_DECRYPTION_FAILED: { code: -45, text: 'decryption with the private key failed' },
  PK_SIGN_FAILED: { code: -46, text: 'signing with the private key failed' },
  X509_UNSUPPORTED_CRITICAL_EXTENSION: { code: -47, text: 'the certificate has a critical extension nobody knows' },
  KEY_USAGE_VIOLATION: { code: -48, text: 'the certificate does not allow its key to be used like this' },
  NO_CERTIFICATE_FOUND: { code: -49, text: 'the peer sent no certificate' },
  INVALID_REQUEST: { code: -50, text: 'the request is not valid' },
  SHORT_MEMORY_BUFFER: { code: -51, text: 'the buffer is too short' },
  INTERRUPTED: { code: -52, text: 'the call was interrupted' },
  PUSH_ERROR: { code: -53, text: 'the connection failed while sending' },
  PULL_ERROR: { code: -54, text: 'the connection failed while receiving (usually reset by the peer)' },
  RECEIVED_ILLEGAL_PARAMETER: { code: -55, text: 'the peer sent a value that the protocol forbids' },
  REQUESTED_DATA_NOT_AVAILABLE: { code: -56, text: 'what was asked for does not exist in this session' },
  PKCS1_WRONG_PAD: { code: -57, text: 'the RSA padding is wrong' },
  RECEIVED_ILLEGAL_EXTENSION: { code: -58, text: 'the peer sent an extension that does not belong there' },
  INTERNAL_ERROR: { code: -59, text: 'the TLS library failed internally' },
  CERTIFICATE_KEY_MISMATCH: { code: -60, text: 'the private key does not belong to the certificate' },
  UNSUPPORTED_CERTIFICATE_TYPE: { code: -61, text: 'this type of certificate is not supported' },
  X509_UNKNOWN_SAN: { code: -62, text: 'the certificate has an alternative name of unknown kind' },
  DH_PRIME_UNACCEPTABLE: { code: -63, text: "the peer's Diffie-Hellman prime is too small" },
  FILE_ERROR: { code: -64, text: 'a file cannot be read' },
  ASN1_ELEMENT_NOT_FOUND: { code: -67, text: 'ASN.1: an element is missing' },
  ASN1_IDENTIFIER_NOT_FOUND: { code: -68, text: 'ASN.1: an identifier is missing' },
  ASN1_DER_ERROR: { code: -69, text: 'ASN.1: the encoding is broken' },
  ASN1_VALUE_NOT_FOUND: { code: -70, text: 'ASN.1: a value is missing' },
  ASN1_GENERIC_ERROR: { code: -71, text: 'ASN.1: the data cannot be read' },
  ASN1_VALUE_NOT_VALID: { code: -72, text: 'ASN.1: a value is not allowed' },
  ASN1_TAG_ERROR: { code: -73, text: 'ASN.1: a tag is wrong' },
  ASN1_TAG_IMPLICIT: { code: -74, text: 'ASN.1: an implicit tag is wrong' },
  ASN1_TYPE_ANY_ERROR: { code: -75, text: 'ASN.1: a value of open type is wrong' },
  ASN1_SYNTAX_ERROR: { code: -76, text: 'ASN.1: the syntax is wrong' },
  ASN1_DER_OVERFLOW: { code: -77, text: 'ASN.1: a length runs past the end' },
  TOO_MANY_EMPTY_PACKETS: { code: -78, text: 'the peer sends empty records without end' },
  UNKNOWN_PK_ALGORITHM: { code: -80, text: 'the type of the public key is unknown' },
  TOO_MANY_HANDSHAKE_PACKETS: { code: -81, text: 'the peer sends handshake messages without end' },
  RECEIVED_DISALLOWED_NAME: { code: -82, text: 'the peer asked for a server name that is not allowed' },
  NO_TEMPORARY_RSA_PARAMS: { code: -84, text: 'no temporary RSA key is set' },
  NO_COMPRESSION_ALGORITHMS: { code: -86, text: 'no compression method in common' },
  NO_CIPHER_SUITES: { code: -87, text: 'no cipher suite in common with the peer' },
  OPENPGP_GETKEY_FAILED: { code: -88, text: 'the OpenPGP key cannot be fetched' },
  PK_SIG_VERIFY_FAILED: { code: -89, text: 'a signature of the peer is wrong' },
  ILLEGAL_SRP_USERNAME: { code: -90, text: 'the SRP user name is not allowed' },
  KEYFILE_PARSING_ERROR: { code: -91, text: 'the password file is malformed' },
  NO_TEMPORARY_DH_PARAMS: { code: -93, text: 'no Diffie-Hellman parameters are set' },
  X509_UNSUPPORTED_ATTRIBUTE: { code: -95, text: 'the certificate has an unsupported attribute' },
  UNKNOWN_HASH_ALGORITHM: { code: -96, text: 'the hash algorithm is unknown' },
  UNKNOWN_PKCS_CONTENT_TYPE: { code: -97, text: 'the PKCS content type is unknown' },
  UNKNOWN_PKCS_BAG_TYPE: { code: -98, text: 'the PKCS #12 file holds a bag of unknown type' },
  INVALID_PASSWORD: { code: -99, text: 'the password has characters that are not allowed' },
  MAC_VERIFY_FAILED: { code: -100, text: 'the PKCS #12 checksum is wrong (wrong password?)' },
  CONSTRAINT_ERROR: { code: -101, text: 'a limit of the library is exceeded' },
  UNKNOWN_ALGORITHM: { code: -105, text: 'the algorithm is unknown' },
  UNSUPPORTED_SIGNATURE_ALGORITHM: { code: -106, text: 'the peer signed with an algorithm that is not enabled here' },
  SAFE_RENEGOTIATION_FAILED: { code: -107, text: 'the peer does not support safe renegotiation' },
  UNSAFE_RENEGOTIATION_DENIED: { code: -108, text: 'the peer asked for an unsafe renegotiation, which is refused' },
  UNKNOWN_SRP_USERNAME: { code: -109, text: 'the SRP user name is unknown' },
  PREMATURE_TERMINATION: { code: -110, text: 'the connection ended without the TLS farewell (cut, or closed rudely)' },
  MALFORMED_CIDR: { code: -111, text: 'the address range is malformed' },
  CERTIFICATE_REQUIRED: { code: -112, text: 'a client certificate is required and the peer sent none' },
  BASE64_ENCODING_ERROR: { code: -201, text: 'base64 encoding failed' },
  INCOMPATIBLE_CRYPTO_LIBRARY: { code: -202, text: 'the cryptographic library has the wrong version' },
  INCOMPATIBLE_LIBTASN1_LIBRARY: { code: -203, text: 'the ASN.1 library has the wrong version' },
  X509_UNSUPPORTED_OID: { code: -205, text: 'the certificate names an algorithm that is not supported' },
  RANDOM_FAILED: { code: -206, text: 'no random numbers are to be had' },
  BASE64_UNEXPECTED_HEADER_ERROR: { code: -207, text: 'the file has no PEM header of the expected kind' },
  ALREADY_REGISTERED: { code: -209, text: 'this is registered already' },
  HANDSHAKE_TOO_LARGE: { code: -210, text: 'a handshake message is larger than allowed' },
  CHANNEL_BINDING_NOT_AVAILABLE: { code: -213, text: 'this kind of channel binding does not exist for the session' },
  BAD_COOKIE: { code: -214, text: 'the DTLS cookie is wrong' },
  INCOMPAT_DSA_KEY_WITH_TLS_PROTOCOL: { code: -216, text: 'the DSA key does not go with this TLS version' },
  INSUFFICIENT_SECURITY: { code: -217, text: 'a key or algorithm of the peer is weaker than allowed here' },
  HEARTBEAT_PONG_RECEIVED: { code: -292, text: 'a heartbeat answer arrived' },
  HEARTBEAT_PING_RECEIVED: { code: -293, text: 'a heartbeat request arrived' },
  UNRECOGNIZED_NAME: { code: -294, text: 'the server does not know the requested name' },
  PKCS11_ERROR: { code: -300, text: 'the token (PKCS #11) failed' },
  PKCS11_LOAD_ERROR: { code: -301, text: 'the PKCS #11 module cannot be loaded' },
  PARSING_ERROR: { code: -302, text: 'the data cannot be parsed' },
  PKCS11_PIN_ERROR: { code: -303, text: 'the PIN of the token is wrong' },
  PKCS11_SLOT_ERROR: { code: -305, text: 'the slot of the token failed' },
  LOCKING_ERROR: { code: -306, text: 'a thread lock failed' },
  PKCS11_ATTRIBUTE_ERROR: { code: -307, text: 'the token refuses an attribute' },
  PKCS11_DEVICE_ERROR: { code: -308, text: 'the device of the token failed' },
  PKCS11_DATA_ERROR: { code: -309, text: 'the token refuses the data' },
  PKCS11_UNSUPPORTED_FEATURE_ERROR: { code: -310, text: 'the token cannot do this' },
  PKCS11_KEY_ERROR: { code: -311, text: 'the key in the token failed' },
  PKCS11_PIN_EXPIRED: { code: -312, text: 'the PIN of the token has expired' },
  PKCS11_PIN_LOCKED: { code: -313, text: 'the PIN of the token is locked' },
  PKCS11_SESSION_ERROR: { code: -314, text: 'the session with the token failed' },
  PKCS11_SIGNATURE_ERROR: { code: -315, text: 'the token cannot sign' },
  PKCS11_TOKEN_ERROR: { code: -316, text: 'the token is missing or not recognised' },
  PKCS11_USER_ERROR: { code: -317, text: 'the token refuses the user' },
  CRYPTO_INIT_FAILED: { code: -318, text: 'the cryptographic library cannot be initialised' },
  TIMEDOUT: { code: -319, text: 'the handshake took too long' },
  USER_ERROR: { code: -320, text: 'a function of the application failed' },
  ECC_NO_SUPPORTED_CURVES: { code: -321, text: 'no elliptic curve in common with the peer' },
  ECC_UNSUPPORTED_CURVE: { code: -322, text: 'the elliptic curve is not supported' },
  PKCS11_REQUESTED_OBJECT_NOT_AVAILBLE: { code: -323, text: 'the object is not in the token' },
  CERTIFICATE_LIST_UNSORTED: { code: -324, text: 'the certificates of the chain are not in order' },
  ILLEGAL_PARAMETER: { code: -325, text: 'a value in the handshake contradicts what was agreed' },
  NO_PRIORITIES_WERE_SET: { code: -326, text: 'the priority string leaves nothing to negotiate with' },
  X509_UNSUPPORTED_EXTENSION: { code: -327, text: 'the certificate has an unsupported extension' },
  SESSION_EOF: { code: -328, text: 'the peer said farewell before the handshake was complete' },
  NO_CERTIFICATE_STATUS: { code: -340, text: 'the peer sent no certificate status (OCSP)' },
  OCSP_RESPONSE_ERROR: { code: -341, text: 'the OCSP answer is an error or cannot be read' },
  RANDOM_DEVICE_ERROR: { code: -342, text: 'the random device failed' },
  AUTH_ERROR: { code: -343, text: 'authentication failed' },
  NO_APPLICATION_PROTOCOL: { code: -344, text: 'no application protocol (ALPN) in common with the peer' },
  SOCKETS_INIT_ERROR: { code: -345, text: 'the socket library cannot be initialised' },
  KEY_IMPORT_FAILED: { code: -346, text: 'the key cannot be imported' },
  INAPPROPRIATE_FALLBACK: { code: -347, text: 'the client fell back to an older version without need' },
  CERTIFICATE_VERIFICATION_ERROR: { code: -348, text: "the peer's certificate cannot be trusted" },
  PRIVKEY_VERIFICATION_ERROR: { code: -349, text: 'the private key is inconsistent' },
  UNEXPECTED_EXTENSIONS_LENGTH: { code: -350, text: 'the list of extensions has the wrong length' },
  ASN1_EMBEDDED_NULL_IN_STRING: { code: -351, text: 'a name in the certificate contains a zero byte' },
  SELF_TEST_ERROR: { code: -400, text: 'a self-test of the library failed' },
  NO_SELF_TEST: { code: -401, text: 'there is no self-test for this algorithm' },
  LIB_IN_ERROR_STATE: { code: -402, text: 'the library is disabled after a failed self-test' },
  PK_GENERATION_ERROR: { code: -403, text: 'a key cannot be generated' },
  IDNA_ERROR: { code: -404, text: 'the internationalised host name cannot be converted' },
  NEED_FALLBACK: { code: -405, text: 'the operation needs another implementation' },
  SESSION_USER_ID_CHANGED: { code: -406, text: 'the peer changed its identity during renegotiation' },
  HANDSHAKE_DURING_FALSE_START: { code: -407, text: 'a new handshake came during a false start' },
  UNAVAILABLE_DURING_HANDSHAKE: { code: -408, text: 'this is not possible while a handshake is going on' },
  PK_INVALID_PUBKEY: { code: -409, text: 'the public key is invalid' },
  PK_INVALID_PRIVKEY: { code: -410, text: 'the private key is invalid' },
  NOT_YET_ACTIVATED: { code: -411, text: 'the certificate is not valid yet' },
  INVALID_UTF8_STRING: { code: -412, text: 'the text is not valid UTF-8' },
  NO_EMBEDDED_DATA: { code: -413, text: 'the structure holds no data' },
  INVALID_UTF8_EMAIL: { code: -414, text: 'the e-mail address is not valid UTF-8' },
  INVALID_PASSWORD_STRING: { code: -415, text: 'the password is not valid UTF-8' },
  CERTIFICATE_TIME_ERROR: { code: -416, text: 'the validity period in the certificate makes no sense' },
  RECORD_OVERFLOW: { code: -417, text: 'a record is longer than TLS allows' },
  ASN1_TIME_ERROR: { code: -418, text: 'a time in the certificate cannot be read' },
  INCOMPATIBLE_SIG_WITH_KEY: { code: -419, text: 'the signature does not go with the type of the key' },
  PK_INVALID_PUBKEY_PARAMS: { code: -420, text: 'the parameters of the public key are invalid' },
  PK_NO_VALIDATION_PARAMS: { code: -421, text: 'the key carries no parameters to check it by' },
  OCSP_MISMATCH_WITH_CERTS: { code: -422, text: 'the OCSP answer is about another certificate' },
  NO_COMMON_KEY_SHARE: { code: -423, text: 'no key exchange group in common with the peer' },
  REAUTH_REQUEST: { code: -424, text: 'the peer asks for a client certificate now' },
  TOO_MANY_MATCHES: { code: -425, text: 'more than one object matches' },
  CRL_VERIFICATION_ERROR: { code: -426, text: 'the revocation list cannot be trusted' },
  MISSING_EXTENSION: { code: -427, text: 'the peer left out an extension that is required' },
  DB_ENTRY_EXISTS: { code: -428, text: 'the early data was seen before (replay?)' },
  EARLY_DATA_REJECTED: { code: -429, text: 'the peer did not accept the early data' },
  X509_DUPLICATE_EXTENSION: { code: -430, text: 'the certificate has the same extension twice' },
  UNIMPLEMENTED_FEATURE: { code: -1250, text: 'this is not implemented in the library' },
} as const satisfies Record<string, GnutlsError>;

/** A name of the table, without the `GNUTLS_E_` that all of them share. */
export type GnutlsErrorName = keyof typeof GNUTLS_E;

const namesByCode = once(
  (): ReadonlyMap<number, GnutlsErrorName> =>
    new Map((Object.keys(GNUTLS_E) as GnutlsErrorName[]).map((name) => [GNUTLS_E[name].code, name])),
);

/** `GNUTLS_E_FATAL_ALERT_RECEIVED` for -12; undefined for a number that the table does not have. */
export function gnutlsErrorName(code: number): string | undefined {
  const name = namesByCode().get(code);
  return name === undefined ? undefined : `GNUTLS_E_${name}`;
}

/** One line that explains a GnuTLS number. It never fails: an unknown number is named as such. */
export function gnutlsErrorText(code: number): string {
  const name = namesByCode().get(code);
  return name === undefined ? `unknown TLS error ${code}` : GNUTLS_E[name].text;
}

/** Alert number -> name, RFC 8446 §6 with the older numbers of RFC 2246, 4366, 4279 and 7301. */
export const ALERTS = {
  0: 'close_notify',
  10: 'unexpected_message',
  20: 'bad_record_mac',
  21: 'decryption_failed',
  22: 'record_overflow',
  30: 'decompression_failure',
  40: 'handshake_failure',
  41: 'no_certificate',
  42: 'bad_certificate',
  43: 'unsupported_certificate',
  44: 'certificate_revoked',
  45: 'certificate_expired',
  46: 'certificate_unknown',
  47: 'illegal_parameter',
  48: 'unknown_ca',
  49: 'access_denied',
  50: 'decode_error',
  51: 'decrypt_error',
  60: 'export_restriction',
  70: 'protocol_version',
  71: 'insufficient_security',
  80: 'internal_error',
  86: 'inappropriate_fallback',
  90: 'user_canceled',
  100: 'no_renegotiation',
  109: 'missing_extension',
  110: 'unsupported_extension',
  111: 'certificate_unobtainable',
  112: 'unrecognized_name',
  113: 'bad_certificate_status_response',
  114: 'bad_certificate_hash_value',
  115: 'unknown_psk_identity',
  116: 'certificate_required',
  120: 'no_application_protocol',
} as const satisfies Record<number, string>;

const alertNames = once(
  (): ReadonlyMap<number, string> => new Map(Object.entries(ALERTS).map(([number, name]) => [Number(number), name])),
);
const alertNumbers = once(
  (): ReadonlyMap<string, number> => new Map([...alertNames()].map(([number, name]) => [name, number])),
);

/** The protocol's name of an alert, or undefined. */
export function alertName(number: number): string | undefined {
  return alertNames().get(number);
}

/** The number of an alert by its protocol name, or undefined. */
export function alertNumber(name: string): number | undefined {
  return alertNumbers().get(name);
}

/** `alert 40 (handshake_failure)`: the form in which messages and traces name an alert. */
export function alertText(number: number): string {
  return `alert ${number} (${alertNames().get(number) ?? 'not a known alert'})`;
}
