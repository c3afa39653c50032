/**
 * From what Node's TLS says to the number GnuTLS gives for the same behaviour of the peer (STATUS on TLS, design §2.8).
 *
 * Node reports a failure as `ERR_SSL_` + OpenSSL's reason in capitals; some errors carry only `reason` and `library`,
 * some only the OpenSSL error string `error:0A00010B:SSL routines:function:reason:file:line:`. All three are reduced
 * to one reason name. A peer's alert is recognised by "SSL alert number N" or by its reason name.
 *
 * Rows marked (m) were measured: GnuTLS 3.7.9 and Node 20.20 (OpenSSL 3.0) against the same scripted peer.
 * Where GnuTLS makes a difference that OpenSSL does not report, `facts` can tell; without them the likelier number stands:
 * - a record with an unknown version but a TLS record type is -8 there, -15 here, as plaintext is what happens;
 * - a server up to TLS 1.2 tells a client for TLS 1.3 alone -87 there, -8 here, the number for clients too old;
 * - a server without renegotiation_info is accepted there, and -107 here: OpenSSL 3 refuses it by default;
 * - in TLS 1.3 a cleartext alert after the handshake is -24 there, -15 here.
 */
import { isErrnoName } from '../core/errno.ts';
import { TlsError } from '../core/errors.ts';
import { alertFailureText, plaintextText, type TlsPhase } from './failure-texts.ts';
import { alertNumber, type GnutlsErrorName, gnutlsErrorCode, gnutlsErrorText } from './gnutls-errors.ts';
import { isVerifyCode, reasonsOfNodeError } from './node-verify.ts';
import { VERIFY_REASONS } from './verify.ts';

export interface TlsFailure {
  /** A negative GnuTLS number. */
  readonly status: number;
  /** The number of the peer's alert; present with status -12 and -16 only. */
  readonly alert?: number;
  /** One line for TCPOP_ERRMSG and the trace. */
  readonly text: string;
}

/** What the caller knows of the connection and OpenSSL's reason does not say. */
export interface FailureFacts {
  readonly role?: 'client' | 'server';
  /** `tlsSocket.getProtocol()`. */
  readonly protocol?: string | null;
  /** The lowest version that this side accepts. */
  readonly minVersion?: string;
}

/** OpenSSL's reason -> GnuTLS's error. Alerts are not in the table, see {@link alertOf}. */
const STATUS_BY_REASON = {
  // Not TLS at all
  WRONG_VERSION_NUMBER: 'UNEXPECTED_PACKET', // (m)
  HTTP_REQUEST: 'UNEXPECTED_PACKET', // (m)
  HTTPS_PROXY_REQUEST: 'UNEXPECTED_PACKET', // (m)
  // Records
  PACKET_LENGTH_TOO_LONG: 'RECORD_OVERFLOW', // (m)
  DATA_LENGTH_TOO_LONG: 'RECORD_OVERFLOW',
  ENCRYPTED_LENGTH_TOO_LONG: 'RECORD_OVERFLOW',
  COMPRESSED_LENGTH_TOO_LONG: 'RECORD_OVERFLOW',
  DECRYPTION_FAILED: 'DECRYPTION_FAILED',
  DECRYPTION_FAILED_OR_BAD_RECORD_MAC: 'DECRYPTION_FAILED', // (m)
  CIPHER_OPERATION_FAILED: 'DECRYPTION_FAILED', // (m) AES-GCM in TLS 1.2
  INVALID_AAD: 'DECRYPTION_FAILED', // (m) AES-GCM, record shorter than its tag
  BAD_DECRYPT: 'DECRYPTION_FAILED',
  BLOCK_CIPHER_PAD_IS_WRONG: 'DECRYPTION_FAILED',
  RECORD_LENGTH_MISMATCH: 'UNEXPECTED_PACKET_LENGTH',
  RECORD_TOO_SMALL: 'UNEXPECTED_PACKET_LENGTH',
  BAD_RECORD_TYPE: 'UNEXPECTED_PACKET', // (m)
  UNEXPECTED_RECORD: 'UNEXPECTED_PACKET',
  INVALID_ALERT: 'UNEXPECTED_PACKET', // (m)
  UNKNOWN_ALERT_TYPE: 'WARNING_ALERT_RECEIVED', // (m) GnuTLS takes any level but "fatal" for a warning
  BAD_CHANGE_CIPHER_SPEC: 'UNEXPECTED_PACKET', // (m)
  UNEXPECTED_CCS_MESSAGE: 'UNEXPECTED_PACKET',
  CCS_RECEIVED_EARLY: 'UNEXPECTED_PACKET',
  NOT_ON_RECORD_BOUNDARY: 'UNEXPECTED_PACKET',
  RECORD_LAYER_FAILURE: 'UNEXPECTED_PACKET',
  TOO_MANY_WARN_ALERTS: 'UNEXPECTED_PACKET',
  TOO_MUCH_EARLY_DATA: 'UNEXPECTED_PACKET',
  MIXED_HANDSHAKE_AND_NON_HANDSHAKE_DATA: 'UNEXPECTED_PACKET',
  APP_DATA_IN_HANDSHAKE: 'GOT_APPLICATION_DATA',
  TOO_MANY_KEY_UPDATES: 'TOO_MANY_HANDSHAKE_PACKETS',
  // Handshake messages
  UNEXPECTED_MESSAGE: 'UNEXPECTED_HANDSHAKE_PACKET', // (m) but see recordFunctions
  UNKNOWN_PKT_TYPE: 'UNEXPECTED_HANDSHAKE_PACKET',
  EXCESSIVE_MESSAGE_SIZE: 'HANDSHAKE_TOO_LARGE',
  LENGTH_MISMATCH: 'UNEXPECTED_PACKET_LENGTH', // (m)
  LENGTH_TOO_SHORT: 'UNEXPECTED_PACKET_LENGTH',
  LENGTH_TOO_LONG: 'UNEXPECTED_PACKET_LENGTH',
  BAD_PACKET: 'UNEXPECTED_PACKET_LENGTH',
  BAD_LENGTH: 'UNEXPECTED_PACKET_LENGTH',
  BAD_HELLO_REQUEST: 'UNEXPECTED_PACKET_LENGTH',
  BAD_EXTENSION: 'UNEXPECTED_EXTENSIONS_LENGTH',
  UNSOLICITED_EXTENSION: 'RECEIVED_ILLEGAL_EXTENSION',
  MISSING_SIGALGS_EXTENSION: 'MISSING_EXTENSION',
  MISSING_SUPPORTED_GROUPS_EXTENSION: 'MISSING_EXTENSION',
  EXTENSION_NOT_RECEIVED: 'MISSING_EXTENSION',
  INVALID_SESSION_ID: 'ILLEGAL_PARAMETER', // (m)
  BAD_KEY_SHARE: 'ILLEGAL_PARAMETER',
  BAD_ECPOINT: 'RECEIVED_ILLEGAL_PARAMETER',
  DH_PUBLIC_VALUE_LENGTH_IS_WRONG: 'RECEIVED_ILLEGAL_PARAMETER',
  DIGEST_CHECK_FAILED: 'ERROR_IN_FINISHED_PACKET',
  BAD_DIGEST_LENGTH: 'ERROR_IN_FINISHED_PACKET',
  // Nothing in common
  UNSUPPORTED_PROTOCOL: 'UNSUPPORTED_VERSION_PACKET', // (m) but see refine
  UNSUPPORTED_SSL_VERSION: 'UNSUPPORTED_VERSION_PACKET',
  UNKNOWN_PROTOCOL: 'UNSUPPORTED_VERSION_PACKET',
  UNKNOWN_SSL_VERSION: 'UNSUPPORTED_VERSION_PACKET',
  VERSION_TOO_LOW: 'UNSUPPORTED_VERSION_PACKET',
  VERSION_TOO_HIGH: 'UNSUPPORTED_VERSION_PACKET',
  BAD_PROTOCOL_VERSION_NUMBER: 'UNSUPPORTED_VERSION_PACKET',
  BAD_LEGACY_VERSION: 'UNSUPPORTED_VERSION_PACKET',
  NO_SHARED_CIPHER: 'NO_CIPHER_SUITES', // (m) also without a shared group or key type in TLS 1.2
  NO_SHARED_SIGNATURE_ALGORITHMS: 'NO_CIPHER_SUITES',
  NO_SUITABLE_SIGNATURE_ALGORITHM: 'NO_CIPHER_SUITES', // (m)
  NO_CIPHERS_SPECIFIED: 'NO_CIPHER_SUITES',
  NO_SUITABLE_KEY_SHARE: 'NO_COMMON_KEY_SHARE', // (m)
  NO_SUITABLE_GROUPS: 'NO_COMMON_KEY_SHARE',
  NO_SHARED_GROUPS: 'NO_COMMON_KEY_SHARE',
  NO_APPLICATION_PROTOCOL: 'NO_APPLICATION_PROTOCOL', // (m)
  BAD_ALPN_PROTOCOL: 'NO_APPLICATION_PROTOCOL',
  ALPN_CALLBACK_INVALID_RESULT: 'NO_APPLICATION_PROTOCOL',
  INAPPROPRIATE_FALLBACK: 'INAPPROPRIATE_FALLBACK',
  NO_PROTOCOLS_AVAILABLE: 'NO_PRIORITIES_WERE_SET', // (m)
  NO_CIPHERS_AVAILABLE: 'NO_PRIORITIES_WERE_SET',
  NO_CIPHER_MATCH: 'NO_PRIORITIES_WERE_SET',
  UNKNOWN_CIPHER_RETURNED: 'UNKNOWN_CIPHER_SUITE', // (m)
  WRONG_CIPHER_RETURNED: 'UNKNOWN_CIPHER_SUITE',
  CIPHERSUITE_DIGEST_HAS_CHANGED: 'UNKNOWN_CIPHER_SUITE',
  WRONG_CURVE: 'ECC_UNSUPPORTED_CURVE',
  UNSUPPORTED_ELLIPTIC_CURVE: 'ECC_UNSUPPORTED_CURVE',
  // Certificates and signatures
  PEER_DID_NOT_RETURN_A_CERTIFICATE: 'CERTIFICATE_REQUIRED', // (m) -49 up to TLS 1.2, see refine
  NO_CERTIFICATES_RETURNED: 'NO_CERTIFICATE_FOUND',
  NO_CERTIFICATE_SET: 'INSUFFICIENT_CREDENTIALS',
  NO_CERTIFICATE_ASSIGNED: 'INSUFFICIENT_CREDENTIALS',
  MISSING_SIGNING_CERT: 'INSUFFICIENT_CREDENTIALS',
  PSK_NO_CLIENT_CB: 'INSUFFICIENT_CREDENTIALS',
  PSK_NO_SERVER_CB: 'INSUFFICIENT_CREDENTIALS',
  PSK_IDENTITY_NOT_FOUND: 'INSUFFICIENT_CREDENTIALS',
  WRONG_CERTIFICATE_TYPE: 'UNSUPPORTED_CERTIFICATE_TYPE',
  UNKNOWN_CERTIFICATE_TYPE: 'UNSUPPORTED_CERTIFICATE_TYPE',
  BAD_SIGNATURE: 'PK_SIG_VERIFY_FAILED',
  WRONG_SIGNATURE_TYPE: 'UNSUPPORTED_SIGNATURE_ALGORITHM',
  WRONG_SIGNATURE_SIZE: 'PK_SIG_VERIFY_FAILED',
  LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED: 'UNSUPPORTED_SIGNATURE_ALGORITHM',
  INVALID_STATUS_RESPONSE: 'OCSP_RESPONSE_ERROR',
  UNSUPPORTED_STATUS_TYPE: 'OCSP_RESPONSE_ERROR',
  DH_KEY_TOO_SMALL: 'DH_PRIME_UNACCEPTABLE',
  KEY_VALUES_MISMATCH: 'CERTIFICATE_KEY_MISMATCH',
  KEY_TYPE_MISMATCH: 'CERTIFICATE_KEY_MISMATCH',
  NO_START_LINE: 'BASE64_UNEXPECTED_HEADER_ERROR',
  BAD_END_LINE: 'BASE64_DECODING_ERROR',
  BAD_BASE64_DECODE: 'BASE64_DECODING_ERROR',
  MAC_VERIFY_FAILURE: 'MAC_VERIFY_FAILED',
  // Renegotiation and resumption
  UNSAFE_LEGACY_RENEGOTIATION_DISABLED: 'SAFE_RENEGOTIATION_FAILED',
  RENEGOTIATION_MISMATCH: 'SAFE_RENEGOTIATION_FAILED',
  RENEGOTIATION_ENCODING_ERR: 'SAFE_RENEGOTIATION_FAILED',
  SCSV_RECEIVED_WHEN_RENEGOTIATING: 'SAFE_RENEGOTIATION_FAILED',
  INCONSISTENT_EXTMS: 'ILLEGAL_PARAMETER',
  BINDER_DOES_NOT_VERIFY: 'RECEIVED_ILLEGAL_PARAMETER',
  // The end
  UNEXPECTED_EOF_WHILE_READING: 'PREMATURE_TERMINATION',
  APPLICATION_DATA_AFTER_CLOSE_NOTIFY: 'UNEXPECTED_PACKET',
  PROTOCOL_IS_SHUTDOWN: 'INVALID_SESSION',
  MALLOC_FAILURE: 'MEMORY_ERROR',
  INTERNAL_ERROR: 'INTERNAL_ERROR',
} as const satisfies Record<string, GnutlsErrorName>;

/** Codes that Node makes up itself, without OpenSSL's `ERR_SSL_`. */
const STATUS_BY_NODE_CODE = {
  ERR_TLS_HANDSHAKE_TIMEOUT: 'TIMEDOUT',
  ERR_TLS_SESSION_ATTACK: 'UNSAFE_RENEGOTIATION_DENIED',
  ERR_TLS_RENEGOTIATION_DISABLED: 'UNSAFE_RENEGOTIATION_DENIED',
  ERR_TLS_DH_PARAM_SIZE: 'DH_PRIME_UNACCEPTABLE',
  ERR_TLS_ALPN_CALLBACK_INVALID_RESULT: 'NO_APPLICATION_PROTOCOL',
  ERR_TLS_INVALID_PROTOCOL_VERSION: 'INVALID_REQUEST',
  ERR_TLS_INVALID_PROTOCOL_METHOD: 'INVALID_REQUEST',
  ERR_TLS_PROTOCOL_VERSION_CONFLICT: 'INVALID_REQUEST',
  ERR_TLS_SNI_FROM_SERVER: 'INVALID_REQUEST',
  ERR_TLS_PSK_SET_IDENTITY_HINT_FAILED: 'INSUFFICIENT_CREDENTIALS',
  ERR_STREAM_PREMATURE_CLOSE: 'PREMATURE_TERMINATION',
  ERR_STREAM_DESTROYED: 'INVALID_SESSION',
  ERR_STREAM_WRITE_AFTER_END: 'INVALID_SESSION',
  ERR_SOCKET_CLOSED: 'INVALID_SESSION',
  ENOENT: 'FILE_ERROR',
  EACCES: 'FILE_ERROR',
  EISDIR: 'FILE_ERROR',
  ENOMEM: 'MEMORY_ERROR',
  EINTR: 'INTERRUPTED',
} as const satisfies Record<string, GnutlsErrorName>;

const statusByReason: ReadonlyMap<string, GnutlsErrorName> = new Map(Object.entries(STATUS_BY_REASON));
const statusByNodeCode: ReadonlyMap<string, GnutlsErrorName> = new Map(Object.entries(STATUS_BY_NODE_CODE));

/** OpenSSL's reason names of alerts whose wording differs from the protocol's. */
const ALERT_BY_REASON = {
  USER_CANCELLED: 90,
} as const satisfies Record<string, number>;
const alertByReason: ReadonlyMap<string, number> = new Map(Object.entries(ALERT_BY_REASON));

/**
 * Turns a failure of Node's TLS into a status. It accepts anything that may be thrown or emitted and never throws;
 * what it cannot place is -59 during the handshake (GNUTLS_E_INTERNAL_ERROR) and -54 after it.
 */
export function statusOfTlsFailure(error: unknown, phase: TlsPhase, facts: FailureFacts = {}): TlsFailure {
  if (error instanceof TlsError) return { status: error.status, text: error.message };
  const told = read(error);

  if (isVerifyCode(told.code)) {
    const [reason = 'other'] = reasonsOfNodeError(told.code);
    return failure('CERTIFICATE_VERIFICATION_ERROR', `${VERIFY_REASONS[reason]} (${told.code})`);
  }
  const alert = alertOf(told);
  if (alert !== undefined) return alertFailure('FATAL_ALERT_RECEIVED', alert);
  // The only warning alert that OpenSSL turns into an error; GnuTLS reports it as the warning it is
  if (told.reason === 'NO_RENEGOTIATION') return alertFailure('WARNING_ALERT_RECEIVED', 100);

  const named = statusByNodeCode.get(told.code) ?? byReason(told, facts) ?? byConnection(told);
  if (named === undefined) return failure(phase === 'handshake' ? 'INTERNAL_ERROR' : 'PULL_ERROR', told.told);
  if (named === 'UNEXPECTED_PACKET' && notTls.has(told.reason)) {
    // OpenSSL looks for HTTP in what a client sends, so only a server can meet those two reasons
    const role = told.reason === 'WRONG_VERSION_NUMBER' ? facts.role : 'server';
    return failure(named, plaintextText(phase, role));
  }
  return failure(named, told.reason === '' ? told.told : `OpenSSL: ${told.reason.toLowerCase().replaceAll('_', ' ')}`);
}

/** Reasons that mean bytes which are no TLS records; in mid-session they are something else than a wrong port. */
const notTls: ReadonlySet<string> = new Set(['WRONG_VERSION_NUMBER', 'HTTP_REQUEST', 'HTTPS_PROXY_REQUEST']);

interface Told {
  readonly code: string;
  /** OpenSSL's reason in capitals with underscores, or ''. */
  readonly reason: string;
  readonly message: string;
  readonly syscall: string;
  /** The message without OpenSSL's file names and addresses. */
  readonly told: string;
}

// error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../deps/…:350: — the function may be empty
const opensslString = /error:[0-9A-Fa-f]+:([^:]*):([^:]*):([^:\n]+)/;

// ERR_SSL_BAD_SIGNATURE, ERR_OSSL_BAD_DECRYPT, ERR_OSSL_PEM_NO_START_LINE: the name of the library may stand first
const reasonInCode = /^ERR_(?:SSL|OSSL(?:_(?:ASN1|BIO|CRYPTO|DH|EC|EVP|PEM|PKCS12|PROV|RSA|X509))?)_(.+)$/;

function read(error: unknown): Told {
  const code = field(error, 'code');
  const message = typeof error === 'string' ? error : field(error, 'message');
  const stated = field(error, 'reason') || (opensslString.exec(message)?.[3] ?? '');
  const fromCode = reasonInCode.exec(code)?.[1] ?? '';
  const reason = (stated || fromCode).trim().toUpperCase().replaceAll(/[ -]/g, '_');
  const told = reason === '' ? (message || code || String(typeof error)).split('\n')[0] : reason;
  return { code, reason, message, syscall: field(error, 'syscall'), told: told ?? '' };
}

function field(error: unknown, name: string): string {
  if (typeof error !== 'object' || error === null) return '';
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'string' ? value : '';
}

/**
 * The number of a peer's fatal alert. The message tells it; where there is only a reason, its name does:
 * `SSLV3_ALERT_…`, `TLSV1_ALERT_…`, `TLSV13_ALERT_…`, since OpenSSL 3.2 also `SSL/TLS_ALERT_…`, and for the later
 * alerts `TLSV1_…` without ALERT.
 */
function alertOf(told: Told): number | undefined {
  const number = /\balert number (\d{1,3})\b/i.exec(told.message)?.[1];
  if (number !== undefined) return Number(number);
  const name = /^(?:SSLV3|TLSV1|TLSV13|SSL\/TLS)_(?:ALERT_)?(.+)$/.exec(told.reason)?.[1];
  return name === undefined ? undefined : (alertByReason.get(name) ?? alertNumber(name.toLowerCase()));
}

/** Functions of OpenSSL's record layer: "unexpected message" from there is about a record, not a handshake message. */
const recordFunctions = /:(?:ssl3_read_bytes|ssl3_get_record|tls_get_more_records|tls_get_record):/;

function byReason(told: Told, facts: FailureFacts): GnutlsErrorName | undefined {
  const { reason, message } = told;
  if (reason === '') return undefined;
  if (reason === 'UNEXPECTED_MESSAGE' && recordFunctions.test(message)) return 'UNEXPECTED_PACKET';
  if (reason === 'PEER_DID_NOT_RETURN_A_CERTIFICATE' && /^TLSv1(\.[012])?$/.test(facts.protocol ?? '')) {
    return 'NO_CERTIFICATE_FOUND';
  }
  // A GnuTLS server for TLS 1.3 alone finds no suite in the hello of a TLS 1.2 client before it looks at versions
  if (reason === 'UNSUPPORTED_PROTOCOL' && facts.role === 'server' && facts.minVersion === 'TLSv1.3') {
    return 'NO_CIPHER_SUITES';
  }
  const listed = statusByReason.get(reason);
  if (listed !== undefined) return listed;
  // Certificates and keys that cannot be decoded come from OpenSSL's other libraries
  if (/asn1 encoding/.test(message)) return 'ASN1_DER_ERROR';
  if (/^(BAD|INVALID|WRONG)_/.test(reason)) return 'RECEIVED_ILLEGAL_PARAMETER';
  if (/_(TOO_LONG|TOO_SHORT|LENGTH|MISMATCH)$/.test(reason)) return 'UNEXPECTED_PACKET_LENGTH';
  return 'INTERNAL_ERROR';
}

/**
 * The connection below TLS. A reset is -54, and a broken pipe is -53, as measured with gnutls_record_send. Node says
 * ECONNRESET without a system call when the peer closed before the handshake was complete: that is no reset but a cut
 * connection, -110.
 */
function byConnection(told: Told): GnutlsErrorName | undefined {
  if (told.code === 'ECONNRESET') return told.syscall === '' ? 'PREMATURE_TERMINATION' : 'PULL_ERROR';
  if (told.code === 'EPIPE' || (isErrnoName(told.code) && told.syscall === 'write')) return 'PUSH_ERROR';
  return isErrnoName(told.code) ? 'PULL_ERROR' : undefined;
}

function failure(name: GnutlsErrorName, detail: string): TlsFailure {
  const code = gnutlsErrorCode(name);
  return { status: code, text: detail === '' ? gnutlsErrorText(code) : `${gnutlsErrorText(code)}: ${detail}` };
}

function alertFailure(name: 'FATAL_ALERT_RECEIVED' | 'WARNING_ALERT_RECEIVED', alert: number): TlsFailure {
  const status = gnutlsErrorCode(name);
  return { status, alert, text: alertFailureText(status, alert) };
}
