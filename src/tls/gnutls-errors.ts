/**
 * The numbers a TLS connection reports: `GNUTLS_E_*` and the alerts of the TLS protocol.
 *
 * Source: gnutls/gnutls.h (3.7.9, the same numbers in 3.8) and reference gnutls.md. Rows are the errors that a TLS
 * client or server can meet, from loading its certificates to closing; smart cards, TPM, OpenPGP and DTLS-only rows
 * are left out unless the reference names them. The texts are ours, so both engines explain a STATUS alike, also
 * where the library is not installed.
 */
import { once } from '../core/once.ts';

/** The numbers by which something is decided here; all of them are in {@link gnutlsErrors}. */
export const GNUTLS_E = {
  UNEXPECTED_PACKET_LENGTH: -9,
  INVALID_SESSION: -10,
  FATAL_ALERT_RECEIVED: -12,
  UNEXPECTED_PACKET: -15,
  WARNING_ALERT_RECEIVED: -16,
  AGAIN: -28,
  INSUFFICIENT_CREDENTIALS: -32,
  REHANDSHAKE: -37,
  CERTIFICATE_ERROR: -43,
  INVALID_REQUEST: -50,
  INTERRUPTED: -52,
  PUSH_ERROR: -53,
  PULL_ERROR: -54,
  PREMATURE_TERMINATION: -110,
  CERTIFICATE_REQUIRED: -112,
  TIMEDOUT: -319,
  NO_PRIORITIES_WERE_SET: -326,
  SESSION_EOF: -328,
  CERTIFICATE_VERIFICATION_ERROR: -348,
  UNIMPLEMENTED_FEATURE: -1250,
} as const satisfies { readonly [Name in GnutlsErrorName]?: ReturnType<typeof gnutlsErrors>[Name][0] };

/** Every number with its text, by the name without the `GNUTLS_E_` that all of them share. */
export const gnutlsErrors = once(
  () =>
    ({
      SUCCESS: [0, 'no error'],
      UNSUPPORTED_VERSION_PACKET: [-8, 'the peer uses a protocol version that is not enabled here'],
      UNEXPECTED_PACKET_LENGTH: [-9, 'a TLS message has the wrong length, or broke off in the middle'],
      INVALID_SESSION: [-10, 'the TLS session is no longer usable after an earlier error'],
      FATAL_ALERT_RECEIVED: [-12, 'the peer ended the session with a fatal alert'],
      UNEXPECTED_PACKET: [-15, 'the peer sent something that is not the expected TLS record'],
      WARNING_ALERT_RECEIVED: [-16, 'the peer sent a warning alert'],
      ERROR_IN_FINISHED_PACKET: [-18, 'the checksum that closes the handshake is wrong'],
      UNEXPECTED_HANDSHAKE_PACKET: [-19, 'a handshake message came out of order'],
      UNKNOWN_CIPHER_SUITE: [-21, 'the peer chose a cipher suite that was not offered'],
      UNWANTED_ALGORITHM: [-22, 'the peer chose an algorithm that was not offered'],
      MPI_SCAN_FAILED: [-23, 'a large number in a message or key cannot be read'],
      DECRYPTION_FAILED: [-24, 'a record or key cannot be decrypted: it was changed, or the key is wrong'],
      MEMORY_ERROR: [-25, 'out of memory'],
      DECOMPRESSION_FAILED: [-26, 'a record cannot be decompressed'],
      COMPRESSION_FAILED: [-27, 'a record cannot be compressed'],
      AGAIN: [-28, 'the operation would block; call it again'],
      EXPIRED: [-29, 'the saved session is too old'],
      DB_ERROR: [-30, 'the session cache failed'],
      KEYFILE_ERROR: [-31, 'the password file cannot be opened'],
      INSUFFICIENT_CREDENTIALS: [-32, 'no key or certificate is set that fits the chosen cipher suite'],
      HASH_FAILED: [-33, 'a hash cannot be computed'],
      BASE64_DECODING_ERROR: [-34, 'the base64 (PEM) text is malformed'],
      REHANDSHAKE: [-37, 'the peer asks for a new handshake'],
      GOT_APPLICATION_DATA: [-38, 'data arrived while a handshake was expected'],
      RECORD_LIMIT_REACHED: [-39, 'too many records were sent with one key'],
      ENCRYPTION_FAILED: [-40, 'a record cannot be encrypted'],
      CERTIFICATE_ERROR: [-43, 'the certificate cannot be used'],
      PK_ENCRYPTION_FAILED: [-44, 'encryption with the public key failed'],
      PK_DECRYPTION_FAILED: [-45, 'decryption with the private key failed'],
      PK_SIGN_FAILED: [-46, 'signing with the private key failed'],
      X509_UNSUPPORTED_CRITICAL_EXTENSION: [-47, 'the certificate has a critical extension nobody knows'],
      KEY_USAGE_VIOLATION: [-48, 'the certificate does not allow its key to be used like this'],
      NO_CERTIFICATE_FOUND: [-49, 'the peer sent no certificate'],
      INVALID_REQUEST: [-50, 'the request is not valid'],
      SHORT_MEMORY_BUFFER: [-51, 'the buffer is too short'],
      INTERRUPTED: [-52, 'the call was interrupted'],
      PUSH_ERROR: [-53, 'the connection failed while sending'],
      PULL_ERROR: [-54, 'the connection failed while receiving (usually reset by the peer)'],
      RECEIVED_ILLEGAL_PARAMETER: [-55, 'the peer sent a value that the protocol forbids'],
      REQUESTED_DATA_NOT_AVAILABLE: [-56, 'what was asked for does not exist in this session'],
      PKCS1_WRONG_PAD: [-57, 'the RSA padding is wrong'],
      RECEIVED_ILLEGAL_EXTENSION: [-58, 'the peer sent an extension that does not belong there'],
      INTERNAL_ERROR: [-59, 'the TLS library failed internally'],
      CERTIFICATE_KEY_MISMATCH: [-60, 'the private key does not belong to the certificate'],
      UNSUPPORTED_CERTIFICATE_TYPE: [-61, 'this type of certificate is not supported'],
      X509_UNKNOWN_SAN: [-62, 'the certificate has an alternative name of unknown kind'],
      DH_PRIME_UNACCEPTABLE: [-63, "the peer's Diffie-Hellman prime is too small"],
      FILE_ERROR: [-64, 'a file cannot be read'],
      ASN1_ELEMENT_NOT_FOUND: [-67, 'ASN.1: an element is missing'],
      ASN1_IDENTIFIER_NOT_FOUND: [-68, 'ASN.1: an identifier is missing'],
      ASN1_DER_ERROR: [-69, 'ASN.1: the encoding is broken'],
      ASN1_VALUE_NOT_FOUND: [-70, 'ASN.1: a value is missing'],
      ASN1_GENERIC_ERROR: [-71, 'ASN.1: the data cannot be read'],
      ASN1_VALUE_NOT_VALID: [-72, 'ASN.1: a value is not allowed'],
      ASN1_TAG_ERROR: [-73, 'ASN.1: a tag is wrong'],
      ASN1_TAG_IMPLICIT: [-74, 'ASN.1: an implicit tag is wrong'],
      ASN1_TYPE_ANY_ERROR: [-75, 'ASN.1: a value of open type is wrong'],
      ASN1_SYNTAX_ERROR: [-76, 'ASN.1: the syntax is wrong'],
      ASN1_DER_OVERFLOW: [-77, 'ASN.1: a length runs past the end'],
      TOO_MANY_EMPTY_PACKETS: [-78, 'the peer sends empty records without end'],
      UNKNOWN_PK_ALGORITHM: [-80, 'the type of the public key is unknown'],
      TOO_MANY_HANDSHAKE_PACKETS: [-81, 'the peer sends handshake messages without end'],
      RECEIVED_DISALLOWED_NAME: [-82, 'the peer asked for a server name that is not allowed'],
      NO_TEMPORARY_RSA_PARAMS: [-84, 'no temporary RSA key is set'],
      NO_COMPRESSION_ALGORITHMS: [-86, 'no compression method in common'],
      NO_CIPHER_SUITES: [-87, 'no cipher suite in common with the peer'],
      OPENPGP_GETKEY_FAILED: [-88, 'the OpenPGP key cannot be fetched'],
      PK_SIG_VERIFY_FAILED: [-89, 'a signature of the peer is wrong'],
      ILLEGAL_SRP_USERNAME: [-90, 'the SRP user name is not allowed'],
      KEYFILE_PARSING_ERROR: [-91, 'the password file is malformed'],
      NO_TEMPORARY_DH_PARAMS: [-93, 'no Diffie-Hellman parameters are set'],
      X509_UNSUPPORTED_ATTRIBUTE: [-95, 'the certificate has an unsupported attribute'],
      UNKNOWN_HASH_ALGORITHM: [-96, 'the hash algorithm is unknown'],
      UNKNOWN_PKCS_CONTENT_TYPE: [-97, 'the PKCS content type is unknown'],
      UNKNOWN_PKCS_BAG_TYPE: [-98, 'the PKCS #12 file holds a bag of unknown type'],
      INVALID_PASSWORD: [-99, 'the password has characters that are not allowed'],
      MAC_VERIFY_FAILED: [-100, 'the PKCS #12 checksum is wrong (wrong password?)'],
      CONSTRAINT_ERROR: [-101, 'a limit of the library is exceeded'],
      UNKNOWN_ALGORITHM: [-105, 'the algorithm is unknown'],
      UNSUPPORTED_SIGNATURE_ALGORITHM: [-106, 'the peer signed with an algorithm that is not enabled here'],
      SAFE_RENEGOTIATION_FAILED: [-107, 'the peer does not support safe renegotiation'],
      UNSAFE_RENEGOTIATION_DENIED: [-108, 'the peer asked for an unsafe renegotiation, which is refused'],
      UNKNOWN_SRP_USERNAME: [-109, 'the SRP user name is unknown'],
      PREMATURE_TERMINATION: [-110, 'the connection ended without the TLS farewell (cut, or closed rudely)'],
      MALFORMED_CIDR: [-111, 'the address range is malformed'],
      CERTIFICATE_REQUIRED: [-112, 'a client certificate is required and the peer sent none'],
      BASE64_ENCODING_ERROR: [-201, 'base64 encoding failed'],
      INCOMPATIBLE_CRYPTO_LIBRARY: [-202, 'the cryptographic library has the wrong version'],
      INCOMPATIBLE_LIBTASN1_LIBRARY: [-203, 'the ASN.1 library has the wrong version'],
      X509_UNSUPPORTED_OID: [-205, 'the certificate names an algorithm that is not supported'],
      RANDOM_FAILED: [-206, 'no random numbers are to be had'],
      BASE64_UNEXPECTED_HEADER_ERROR: [-207, 'the file has no PEM header of the expected kind'],
      ALREADY_REGISTERED: [-209, 'this is registered already'],
      HANDSHAKE_TOO_LARGE: [-210, 'a handshake message is larger than allowed'],
      CHANNEL_BINDING_NOT_AVAILABLE: [-213, 'this kind of channel binding does not exist for the session'],
      BAD_COOKIE: [-214, 'the DTLS cookie is wrong'],
      INCOMPAT_DSA_KEY_WITH_TLS_PROTOCOL: [-216, 'the DSA key does not go with this TLS version'],
      INSUFFICIENT_SECURITY: [-217, 'a key or algorithm of the peer is weaker than allowed here'],
      HEARTBEAT_PONG_RECEIVED: [-292, 'a heartbeat answer arrived'],
      HEARTBEAT_PING_RECEIVED: [-293, 'a heartbeat request arrived'],
      UNRECOGNIZED_NAME: [-294, 'the server does not know the requested name'],
      PKCS11_ERROR: [-300, 'the token (PKCS #11) failed'],
      PKCS11_LOAD_ERROR: [-301, 'the PKCS #11 module cannot be loaded'],
      PARSING_ERROR: [-302, 'the data cannot be parsed'],
      PKCS11_PIN_ERROR: [-303, 'the PIN of the token is wrong'],
      PKCS11_SLOT_ERROR: [-305, 'the slot of the token failed'],
      LOCKING_ERROR: [-306, 'a thread lock failed'],
      PKCS11_ATTRIBUTE_ERROR: [-307, 'the token refuses an attribute'],
      PKCS11_DEVICE_ERROR: [-308, 'the device of the token failed'],
      PKCS11_DATA_ERROR: [-309, 'the token refuses the data'],
      PKCS11_UNSUPPORTED_FEATURE_ERROR: [-310, 'the token cannot do this'],
      PKCS11_KEY_ERROR: [-311, 'the key in the token failed'],
      PKCS11_PIN_EXPIRED: [-312, 'the PIN of the token has expired'],
      PKCS11_PIN_LOCKED: [-313, 'the PIN of the token is locked'],
      PKCS11_SESSION_ERROR: [-314, 'the session with the token failed'],
      PKCS11_SIGNATURE_ERROR: [-315, 'the token cannot sign'],
      PKCS11_TOKEN_ERROR: [-316, 'the token is missing or not recognised'],
      PKCS11_USER_ERROR: [-317, 'the token refuses the user'],
      CRYPTO_INIT_FAILED: [-318, 'the cryptographic library cannot be initialised'],
      TIMEDOUT: [-319, 'the handshake took too long'],
      USER_ERROR: [-320, 'a function of the application failed'],
      ECC_NO_SUPPORTED_CURVES: [-321, 'no elliptic curve in common with the peer'],
      ECC_UNSUPPORTED_CURVE: [-322, 'the elliptic curve is not supported'],
      PKCS11_REQUESTED_OBJECT_NOT_AVAILBLE: [-323, 'the object is not in the token'],
      CERTIFICATE_LIST_UNSORTED: [-324, 'the certificates of the chain are not in order'],
      ILLEGAL_PARAMETER: [-325, 'a value in the handshake contradicts what was agreed'],
      NO_PRIORITIES_WERE_SET: [-326, 'the priority string leaves nothing to negotiate with'],
      X509_UNSUPPORTED_EXTENSION: [-327, 'the certificate has an unsupported extension'],
      SESSION_EOF: [-328, 'the peer said farewell before the handshake was complete'],
      NO_CERTIFICATE_STATUS: [-340, 'the peer sent no certificate status (OCSP)'],
      OCSP_RESPONSE_ERROR: [-341, 'the OCSP answer is an error or cannot be read'],
      RANDOM_DEVICE_ERROR: [-342, 'the random device failed'],
      AUTH_ERROR: [-343, 'authentication failed'],
      NO_APPLICATION_PROTOCOL: [-344, 'no application protocol (ALPN) in common with the peer'],
      SOCKETS_INIT_ERROR: [-345, 'the socket library cannot be initialised'],
      KEY_IMPORT_FAILED: [-346, 'the key cannot be imported'],
      INAPPROPRIATE_FALLBACK: [-347, 'the client fell back to an older version without need'],
      CERTIFICATE_VERIFICATION_ERROR: [-348, "the peer's certificate cannot be trusted"],
      PRIVKEY_VERIFICATION_ERROR: [-349, 'the private key is inconsistent'],
      UNEXPECTED_EXTENSIONS_LENGTH: [-350, 'the list of extensions has the wrong length'],
      ASN1_EMBEDDED_NULL_IN_STRING: [-351, 'a name in the certificate contains a zero byte'],
      SELF_TEST_ERROR: [-400, 'a self-test of the library failed'],
      NO_SELF_TEST: [-401, 'there is no self-test for this algorithm'],
      LIB_IN_ERROR_STATE: [-402, 'the library is disabled after a failed self-test'],
      PK_GENERATION_ERROR: [-403, 'a key cannot be generated'],
      IDNA_ERROR: [-404, 'the internationalised host name cannot be converted'],
      NEED_FALLBACK: [-405, 'the operation needs another implementation'],
      SESSION_USER_ID_CHANGED: [-406, 'the peer changed its identity during renegotiation'],
      HANDSHAKE_DURING_FALSE_START: [-407, 'a new handshake came during a false start'],
      UNAVAILABLE_DURING_HANDSHAKE: [-408, 'this is not possible while a handshake is going on'],
      PK_INVALID_PUBKEY: [-409, 'the public key is invalid'],
      PK_INVALID_PRIVKEY: [-410, 'the private key is invalid'],
      NOT_YET_ACTIVATED: [-411, 'the certificate is not valid yet'],
      INVALID_UTF8_STRING: [-412, 'the text is not valid UTF-8'],
      NO_EMBEDDED_DATA: [-413, 'the structure holds no data'],
      INVALID_UTF8_EMAIL: [-414, 'the e-mail address is not valid UTF-8'],
      INVALID_PASSWORD_STRING: [-415, 'the password is not valid UTF-8'],
      CERTIFICATE_TIME_ERROR: [-416, 'the validity period in the certificate makes no sense'],
      RECORD_OVERFLOW: [-417, 'a record is longer than TLS allows'],
      ASN1_TIME_ERROR: [-418, 'a time in the certificate cannot be read'],
      INCOMPATIBLE_SIG_WITH_KEY: [-419, 'the signature does not go with the type of the key'],
      PK_INVALID_PUBKEY_PARAMS: [-420, 'the parameters of the public key are invalid'],
      PK_NO_VALIDATION_PARAMS: [-421, 'the key carries no parameters to check it by'],
      OCSP_MISMATCH_WITH_CERTS: [-422, 'the OCSP answer is about another certificate'],
      NO_COMMON_KEY_SHARE: [-423, 'no key exchange group in common with the peer'],
      REAUTH_REQUEST: [-424, 'the peer asks for a client certificate now'],
      TOO_MANY_MATCHES: [-425, 'more than one object matches'],
      CRL_VERIFICATION_ERROR: [-426, 'the revocation list cannot be trusted'],
      MISSING_EXTENSION: [-427, 'the peer left out an extension that is required'],
      DB_ENTRY_EXISTS: [-428, 'the early data was seen before (replay?)'],
      EARLY_DATA_REJECTED: [-429, 'the peer did not accept the early data'],
      X509_DUPLICATE_EXTENSION: [-430, 'the certificate has the same extension twice'],
      UNIMPLEMENTED_FEATURE: [-1250, 'this is not implemented in the library'],
    }) as const satisfies Readonly<Record<string, readonly [code: number, text: string]>>,
);

/** A name of the table. */
export type GnutlsErrorName = keyof ReturnType<typeof gnutlsErrors>;

interface GnutlsError {
  readonly name: string;
  readonly text: string;
}

const errorsByCode = once(
  (): ReadonlyMap<number, GnutlsError> =>
    new Map(Object.entries(gnutlsErrors()).map(([name, [code, text]]) => [code, { name, text }])),
);

/** -12 for `FATAL_ALERT_RECEIVED`. */
export function gnutlsErrorCode(name: GnutlsErrorName): number {
  return gnutlsErrors()[name][0];
}

/** `GNUTLS_E_FATAL_ALERT_RECEIVED` for -12; undefined for a number that the table does not have. */
export function gnutlsErrorName(code: number): string | undefined {
  const error = errorsByCode().get(code);
  return error === undefined ? undefined : `GNUTLS_E_${error.name}`;
}

/** One line that explains a GnuTLS number. It never fails: an unknown number is named as such. */
export function gnutlsErrorText(code: number): string {
  return errorsByCode().get(code)?.text ?? `unknown TLS error ${code}`;
}

/** Alert number -> name, RFC 8446 §6 with the older numbers of RFC 2246, 4366, 4279 and 7301. */
export const alerts = once(
  (): ReadonlyMap<number, string> =>
    new Map([
      [0, 'close_notify'],
      [10, 'unexpected_message'],
      [20, 'bad_record_mac'],
      [21, 'decryption_failed'],
      [22, 'record_overflow'],
      [30, 'decompression_failure'],
      [40, 'handshake_failure'],
      [41, 'no_certificate'],
      [42, 'bad_certificate'],
      [43, 'unsupported_certificate'],
      [44, 'certificate_revoked'],
      [45, 'certificate_expired'],
      [46, 'certificate_unknown'],
      [47, 'illegal_parameter'],
      [48, 'unknown_ca'],
      [49, 'access_denied'],
      [50, 'decode_error'],
      [51, 'decrypt_error'],
      [60, 'export_restriction'],
      [70, 'protocol_version'],
      [71, 'insufficient_security'],
      [80, 'internal_error'],
      [86, 'inappropriate_fallback'],
      [90, 'user_canceled'],
      [100, 'no_renegotiation'],
      [109, 'missing_extension'],
      [110, 'unsupported_extension'],
      [111, 'certificate_unobtainable'],
      [112, 'unrecognized_name'],
      [113, 'bad_certificate_status_response'],
      [114, 'bad_certificate_hash_value'],
      [115, 'unknown_psk_identity'],
      [116, 'certificate_required'],
      [120, 'no_application_protocol'],
    ]),
);

const alertNumbers = once(
  (): ReadonlyMap<string, number> => new Map(Array.from(alerts(), ([number, name]) => [name, number])),
);

/** The protocol's name of an alert, or undefined. */
export function alertName(number: number): string | undefined {
  return alerts().get(number);
}

/** The number of an alert by its protocol name, or undefined. */
export function alertNumber(name: string): number | undefined {
  return alertNumbers().get(name);
}

/** `alert 40 (handshake_failure)`: the form in which messages and traces name an alert. */
export function alertText(number: number): string {
  return `alert ${number} (${alertName(number) ?? 'not a known alert'})`;
}
