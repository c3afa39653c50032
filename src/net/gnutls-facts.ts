/** What GnuTLS can tell of a session, read out of C memory. */
import {
  GNUTLS_SFLAGS_EARLY_DATA,
  GNUTLS_SFLAGS_SESSION_TICKET,
  GNUTLS_TLS1_2,
  type Gnutls,
} from '../native/gnutls.ts';
import { loadLibc, type Pointer } from '../native/libc.ts';
import { groupName, type StapledResponse, type TlsInfo } from '../tls/info.ts';

/** gnutls_datum_t (16): data ptr | size u32 | pad. */
const DATUM_SIZE = 16;

function copyDatum(datums: Uint8Array, offset: number): Uint8Array {
  const view = new DataView(datums.buffer, datums.byteOffset + offset, DATUM_SIZE);
  const copy = new Uint8Array(view.getUint32(8, true));
  loadLibc().memcpy(copy, view.getBigUint64(0, true), copy.length);
  return copy;
}

/** The peer's certificates as received, DER, its own first. */
export function peerChain(gnutls: Gnutls, session: Pointer): Uint8Array[] {
  const count = new Int32Array(1);
  const list = gnutls.gnutls_certificate_get_peers(session, count);
  if (list === null || Number(list) === 0) return [];
  const datums = new Uint8Array(DATUM_SIZE * (count[0] ?? 0));
  loadLibc().memcpy(datums, list, datums.length);
  return Array.from({ length: count[0] ?? 0 }, (_, index) => copyDatum(datums, DATUM_SIZE * index));
}

export function negotiated(
  gnutls: Gnutls,
  session: Pointer,
): Pick<TlsInfo, 'version' | 'suite' | 'group' | 'alpn' | 'resumed' | 'earlyData' | 'ocsp'> {
  const version = gnutls.gnutls_protocol_get_name(gnutls.gnutls_protocol_get_version(session)) ?? 'unknown';
  const group = gnutls.gnutls_group_get_name(gnutls.gnutls_group_get(session));
  return {
    version: version.replace('TLS', 'TLSv'),
    suite: ianaSuite(gnutls.gnutls_ciphersuite_get(session) ?? 'unknown'),
    group: group === null ? null : groupName(group),
    alpn: selectedAlpn(gnutls, session),
    resumed: gnutls.gnutls_session_is_resumed(session) !== 0,
    earlyData: (gnutls.gnutls_session_get_flags(session) & GNUTLS_SFLAGS_EARLY_DATA) !== 0,
    ocsp: stapledResponse(gnutls, session),
  };
}

/** GnuTLS asks every server for it, and checks it together with the certificate. */
function stapledResponse(gnutls: Gnutls, session: Pointer): StapledResponse | null {
  const datum = new Uint8Array(DATUM_SIZE);
  if (gnutls.gnutls_ocsp_status_request_get(session, datum) < 0) return null;
  const response = copyDatum(datum, 0);
  if (response.length === 0) return null;
  return { response, checked: gnutls.gnutls_ocsp_status_request_is_checked(session, 0) !== 0 };
}

function selectedAlpn(gnutls: Gnutls, session: Pointer): string | null {
  const datum = new Uint8Array(DATUM_SIZE);
  if (gnutls.gnutls_alpn_get_selected_protocol(session, datum) < 0) return null;
  return Buffer.from(copyDatum(datum, 0)).toString('latin1');
}

/** The name that a client asked for by SNI. */
export function requestedName(gnutls: Gnutls, session: Pointer): string | null {
  const name = new Uint8Array(256);
  const length = new BigUint64Array([256n]);
  const code = gnutls.gnutls_server_name_get(session, name, length, new Int32Array(1), 0);
  return code < 0 ? null : Buffer.from(name.subarray(0, Number(length[0] ?? 0n))).toString('latin1');
}

/**
 * Whether the server gave anything to resume the session by: a ticket, or up to TLS 1.2 an identifier. In TLS 1.3
 * the identifier is an echo that says nothing.
 */
export function isResumable(gnutls: Gnutls, session: Pointer): boolean {
  if ((gnutls.gnutls_session_get_flags(session) & GNUTLS_SFLAGS_SESSION_TICKET) !== 0) return true;
  if (gnutls.gnutls_protocol_get_version(session) !== GNUTLS_TLS1_2) return false;
  const datum = new BigUint64Array(2);
  return gnutls.gnutls_session_get_id2(session, datum) === 0 && BigInt.asUintN(32, datum[1] ?? 0n) > 0n;
}

/** The session for a later resumption; null when GnuTLS has none to give. */
export function resumptionData(gnutls: Gnutls, session: Pointer): Uint8Array | null {
  const datum = new BigUint64Array(2);
  if (gnutls.gnutls_session_get_data2(session, datum) < 0) return null;
  const libc = loadLibc();
  const address = datum[0] ?? 0n;
  const data = new Uint8Array(Number(BigInt.asUintN(32, datum[1] ?? 0n)));
  libc.memcpy(data, address, data.length);
  libc.free(address);
  return data;
}

/** GnuTLS leaves out the WITH of TLS 1.2 names: TLS_ECDHE_RSA_AES_128_GCM_SHA256. */
function ianaSuite(name: string): string {
  if (name.includes('_WITH_') || /^TLS_(AES|CHACHA20)_/.test(name)) return name;
  return name.replace(/_(AES|CHACHA20|3DES|CAMELLIA|ARCFOUR|NULL|ARIA)_/, '_WITH_$1_');
}
