/**
 * GnuTLS, bound once. Names are C's; see the man page of each. Sessions and credentials are addresses.
 *
 * A function that may be called on every record takes numbers and byte arrays only. Structures (gnutls_datum_t) are
 * used where a session is set up.
 */
import { EngineError } from '../core/errors.ts';
import type { Pointer } from './libc.ts';
import { type Library, loadKoffi, openLibrary } from './library.ts';
import { announceThread } from './sole-thread.ts';

/** gnutls_datum_t, as an input. */
export interface Datum {
  readonly data: Uint8Array;
  readonly size: number;
}

export interface Gnutls {
  // gnutls_init(3), gnutls_deinit(3)
  gnutls_init(session: BigUint64Array, flags: number): number;
  gnutls_deinit(session: Pointer): void;
  gnutls_priority_init(priority: BigUint64Array, text: string, errorPosition: BigUint64Array): number;
  gnutls_priority_set(session: Pointer, priority: Pointer): number;
  gnutls_credentials_set(session: Pointer, type: number, credentials: Pointer): number;
  gnutls_transport_set_int2(session: Pointer, receive: number, send: number): void;
  gnutls_server_name_set(session: Pointer, type: number, name: string, length: number): number;
  gnutls_server_name_get(
    session: Pointer,
    name: Uint8Array,
    length: BigUint64Array,
    type: Int32Array,
    index: number,
  ): number;
  gnutls_alpn_set_protocols(session: Pointer, protocols: readonly Datum[], count: number, flags: number): number;
  gnutls_alpn_get_selected_protocol(session: Pointer, protocol: Uint8Array): number;
  // gnutls_certificate_*(3)
  gnutls_certificate_allocate_credentials(credentials: BigUint64Array): number;
  gnutls_certificate_free_credentials(credentials: Pointer): void;
  gnutls_certificate_set_x509_system_trust(credentials: Pointer): number;
  gnutls_certificate_set_x509_trust_mem(credentials: Pointer, ca: Datum, format: number): number;
  gnutls_certificate_set_x509_key_mem2(
    credentials: Pointer,
    cert: Datum,
    key: Datum,
    format: number,
    password: null,
    flags: number,
  ): number;
  gnutls_certificate_server_set_request(session: Pointer, request: number): void;
  gnutls_certificate_get_peers(session: Pointer, count: Int32Array): Pointer | null;
  gnutls_certificate_verify_peers(session: Pointer, wanted: Pointer, elements: number, status: Int32Array): number;
  gnutls_session_set_verify_cert2(session: Pointer, wanted: Pointer, elements: number, flags: number): void;
  gnutls_session_get_verify_cert_status(session: Pointer): number;
  // gnutls_handshake(3), gnutls_record_*(3), gnutls_bye(3)
  gnutls_handshake(session: Pointer): number;
  gnutls_record_recv(session: Pointer, into: Uint8Array, length: number): number;
  gnutls_record_send(session: Pointer, from: Uint8Array | null, length: number): number;
  gnutls_record_check_pending(session: Pointer): number;
  gnutls_record_get_direction(session: Pointer): number;
  gnutls_record_get_max_size(session: Pointer): number;
  gnutls_bye(session: Pointer, how: number): number;
  gnutls_alert_get(session: Pointer): number;
  gnutls_alert_send(session: Pointer, level: number, description: number): number;
  gnutls_alert_send_appropriate(session: Pointer, error: number): number;
  gnutls_error_is_fatal(error: number): number;
  gnutls_strerror(error: number): string;
  // facts
  gnutls_protocol_get_version(session: Pointer): number;
  gnutls_protocol_get_name(version: number): string | null;
  gnutls_ciphersuite_get(session: Pointer): string | null;
  gnutls_group_get(session: Pointer): number;
  gnutls_group_get_name(group: number): string | null;
  gnutls_session_is_resumed(session: Pointer): number;
  gnutls_ocsp_status_request_get(session: Pointer, response: Uint8Array): number;
  gnutls_ocsp_status_request_is_checked(session: Pointer, flags: number): number;
  gnutls_session_get_flags(session: Pointer): number;
  // resumption
  gnutls_session_get_id2(session: Pointer, datum: BigUint64Array): number;
  gnutls_session_get_data2(session: Pointer, datum: BigUint64Array): number;
  gnutls_session_set_data(session: Pointer, data: Uint8Array, size: number): number;
  gnutls_session_ticket_key_generate(key: BigUint64Array): number;
  gnutls_session_ticket_enable_server(session: Pointer, key: BigUint64Array): number;
  // gnutls_global_set_log_function(3)
  gnutls_global_set_log_level(level: number): void;
  setLogFunction(log: (level: number, text: string) => void): void;
}

let opened: { readonly library: Library; readonly version: string } | undefined;
let bound: Gnutls | undefined;

/** The oldest release whose behaviour the tests cover. */
const OLDEST: readonly [number, number] = [3, 6];

/**
 * The version of the library, which is opened for that and not bound yet: a program without TLS needs no more.
 *
 * @throws EngineError when koffi or GnuTLS is missing or too old; the message names the Debian package
 */
export function gnutlsVersion(): string {
  opened ??= open();
  return opened.version;
}

function open(): { library: Library; version: string } {
  const library = openLibrary(gnutlsNames(), 'libgnutls30');
  const version = (library.func('str gnutls_check_version(void *required)')(null) as string | null) ?? '0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw new EngineError(`GnuTLS ${version} is too old, ${OLDEST.join('.')} is needed; or use engine 'node'`);
  }
  return { library, version };
}

/**
 * The bound functions.
 *
 * @throws EngineError as {@link gnutlsVersion}
 */
export function loadGnutls(): Gnutls {
  bound ??= bind();
  return bound;
}

function bind(): Gnutls {
  const koffi = loadKoffi();
  opened ??= open();
  announceThread();
  const { library } = opened;
  const f = (definition: string) => library.func(definition);
  const datum = koffi.struct({ data: 'void *', size: 'uint' });
  const datums = koffi.pointer(datum);
  const setLog = f('void gnutls_global_set_log_function(void *log)');
  const logType = koffi.pointer(koffi.proto('void (int level, str text)'));
  return {
    gnutls_init: f('int gnutls_init(void *session, uint flags)'),
    gnutls_deinit: f('void gnutls_deinit(void *session)'),
    gnutls_priority_init: f('int gnutls_priority_init(void *priority, str text, void *position)'),
    gnutls_priority_set: f('int gnutls_priority_set(void *session, void *priority)'),
    gnutls_credentials_set: f('int gnutls_credentials_set(void *session, int type, void *credentials)'),
    gnutls_transport_set_int2: f('void gnutls_transport_set_int2(void *session, int receive, int send)'),
    gnutls_server_name_set: f('int gnutls_server_name_set(void *session, int type, str name, size_t length)'),
    gnutls_server_name_get: f(
      'int gnutls_server_name_get(void *session, void *name, void *length, void *type, uint index)',
    ),
    gnutls_alpn_set_protocols: library.func('gnutls_alpn_set_protocols', 'int', ['void *', datums, 'uint', 'uint']),
    gnutls_alpn_get_selected_protocol: f('int gnutls_alpn_get_selected_protocol(void *session, void *protocol)'),
    gnutls_certificate_allocate_credentials: f('int gnutls_certificate_allocate_credentials(void *credentials)'),
    gnutls_certificate_free_credentials: f('void gnutls_certificate_free_credentials(void *credentials)'),
    gnutls_certificate_set_x509_system_trust: f('int gnutls_certificate_set_x509_system_trust(void *credentials)'),
    gnutls_certificate_set_x509_trust_mem: library.func('gnutls_certificate_set_x509_trust_mem', 'int', [
      'void *',
      datums,
      'int',
    ]),
    gnutls_certificate_set_x509_key_mem2: library.func('gnutls_certificate_set_x509_key_mem2', 'int', [
      'void *',
      datums,
      datums,
      'int',
      'void *',
      'uint',
    ]),
    gnutls_certificate_server_set_request: f('void gnutls_certificate_server_set_request(void *session, int request)'),
    gnutls_certificate_get_peers: f('void *gnutls_certificate_get_peers(void *session, void *count)'),
    gnutls_certificate_verify_peers: f(
      'int gnutls_certificate_verify_peers(void *session, void *wanted, uint elements, void *status)',
    ),
    gnutls_session_set_verify_cert2: f(
      'void gnutls_session_set_verify_cert2(void *session, void *wanted, uint elements, uint flags)',
    ),
    gnutls_session_get_verify_cert_status: f('uint gnutls_session_get_verify_cert_status(void *session)'),
    gnutls_handshake: f('int gnutls_handshake(void *session)'),
    gnutls_record_recv: f('long gnutls_record_recv(void *session, void *into, size_t length)'),
    gnutls_record_send: f('long gnutls_record_send(void *session, void *from, size_t length)'),
    gnutls_record_check_pending: f('size_t gnutls_record_check_pending(void *session)'),
    gnutls_record_get_direction: f('int gnutls_record_get_direction(void *session)'),
    gnutls_record_get_max_size: f('size_t gnutls_record_get_max_size(void *session)'),
    gnutls_bye: f('int gnutls_bye(void *session, int how)'),
    gnutls_alert_get: f('int gnutls_alert_get(void *session)'),
    gnutls_alert_send: f('int gnutls_alert_send(void *session, int level, int description)'),
    gnutls_alert_send_appropriate: f('int gnutls_alert_send_appropriate(void *session, int error)'),
    gnutls_error_is_fatal: f('int gnutls_error_is_fatal(int error)'),
    gnutls_strerror: f('str gnutls_strerror(int error)'),
    gnutls_protocol_get_version: f('int gnutls_protocol_get_version(void *session)'),
    gnutls_protocol_get_name: f('str gnutls_protocol_get_name(int version)'),
    gnutls_ciphersuite_get: bindCiphersuite(f),
    gnutls_group_get: f('int gnutls_group_get(void *session)'),
    gnutls_group_get_name: f('str gnutls_group_get_name(int group)'),
    gnutls_ocsp_status_request_get: f('int gnutls_ocsp_status_request_get(void *session, void *response)'),
    gnutls_ocsp_status_request_is_checked: f('int gnutls_ocsp_status_request_is_checked(void *session, uint flags)'),
    gnutls_session_is_resumed: f('int gnutls_session_is_resumed(void *session)'),
    gnutls_session_get_flags: f('uint gnutls_session_get_flags(void *session)'),
    gnutls_session_get_id2: f('int gnutls_session_get_id2(void *session, void *datum)'),
    gnutls_session_get_data2: f('int gnutls_session_get_data2(void *session, void *datum)'),
    gnutls_session_set_data: f('int gnutls_session_set_data(void *session, void *data, size_t size)'),
    gnutls_session_ticket_key_generate: f('int gnutls_session_ticket_key_generate(void *key)'),
    gnutls_session_ticket_enable_server: f('int gnutls_session_ticket_enable_server(void *session, void *key)'),
    gnutls_global_set_log_level: f('void gnutls_global_set_log_level(int level)'),
    setLogFunction(log) {
      // Registered for the life of the process: GnuTLS keeps the address.
      setLog(koffi.register(log, logType));
    },
  };
}

/** Debian's name first; TCPX_GNUTLS names another file. */
function gnutlsNames(): string[] {
  const chosen = process.env.TCPX_GNUTLS;
  return chosen === undefined || chosen === '' ? ['libgnutls.so.30', 'libgnutls.so'] : [chosen];
}

/** gnutls_ciphersuite_get came with 3.7.4. */
function bindCiphersuite(f: (definition: string) => unknown): Gnutls['gnutls_ciphersuite_get'] {
  try {
    return f('str gnutls_ciphersuite_get(void *session)') as Gnutls['gnutls_ciphersuite_get'];
  } catch {
    return () => null;
  }
}

export const GNUTLS_TLS1_2 = 4;
export const GNUTLS_SERVER = 1;
export const GNUTLS_CLIENT = 2;
export const GNUTLS_NONBLOCK = 8;
export const GNUTLS_NO_SIGNAL = 64;
export const GNUTLS_FORCE_CLIENT_CERT = 512;
export const GNUTLS_CRD_CERTIFICATE = 1;
export const GNUTLS_X509_FMT_PEM = 1;
export const GNUTLS_NAME_DNS = 1;
export const GNUTLS_CERT_REQUEST = 1;
export const GNUTLS_CERT_REQUIRE = 2;
export const GNUTLS_SHUT_RDWR = 0;
export const GNUTLS_SHUT_WR = 1;
export const GNUTLS_SFLAGS_SESSION_TICKET = 1 << 7;
export const GNUTLS_SFLAGS_EARLY_DATA = 1 << 10;
export const GNUTLS_AL_WARNING = 1;
export const GNUTLS_A_NO_RENEGOTIATION = 100;
