/** What node:tls can tell of a session and its peer. */
import type tls from 'node:tls';
import { TlsError } from '../core/errors.ts';
import { GNUTLS_E, gnutlsErrorText } from '../tls/gnutls-errors.ts';
import { groupName, type TlsInfo } from '../tls/info.ts';
import type { ClientAuth } from '../tls/settings.ts';

export function negotiated(
  socket: tls.TLSSocket,
  role: TlsInfo['role'],
): Pick<TlsInfo, 'version' | 'suite' | 'group' | 'alpn' | 'resumed' | 'earlyData'> {
  // Node tells the group to clients only.
  const key = role === 'client' ? (socket.getEphemeralKeyInfo() as { name?: string } | null) : null;
  return {
    version: socket.getProtocol() ?? 'unknown',
    suite: socket.getCipher().standardName,
    group: key?.name === undefined ? null : groupName(key.name),
    alpn: socket.alpnProtocol || null,
    resumed: socket.isSessionReused(),
    earlyData: false,
  };
}

/** The name that a client asked for by SNI. */
export function requestedName(socket: tls.TLSSocket): string | null {
  return (socket as { servername?: string | false }).servername || null;
}

/** The peer's certificates, DER, its own first. */
export function peerChain(socket: tls.TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  const seen = new Set<string>();
  let certificate: tls.DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (certificate?.raw !== undefined && !seen.has(certificate.fingerprint256)) {
    seen.add(certificate.fingerprint256);
    chain.push(new Uint8Array(certificate.raw));
    certificate = certificate.issuerCertificate;
  }
  return chain;
}

/** Why a server's certificate did not verify, as Node's code; null when it did. */
export function serverCertificateError(socket: tls.TLSSocket): string | null {
  return socket.authorized ? null : String(socket.authorizationError ?? 'ERR_TLS_CERT_UNVERIFIED');
}

/**
 * Why a client's certificate did not verify; null when it did, undefined when none was asked for or none was sent.
 *
 * @throws TlsError GNUTLS_E_CERTIFICATE_REQUIRED when one was required and none was sent
 */
export function clientCertificateError(socket: tls.TLSSocket, clientAuth: ClientAuth): string | null | undefined {
  if (clientAuth === 'none') return undefined;
  if (Object.keys(socket.getPeerCertificate()).length === 0) {
    if (clientAuth === 'request') return undefined;
    const code = GNUTLS_E.CERTIFICATE_REQUIRED;
    throw new TlsError(code, gnutlsErrorText(code));
  }
  // Node offers the result to tls.Server only; a handle without it counts as unverified.
  const { ssl } = socket as { ssl?: { verifyError?: () => (Error & { code?: string }) | null } };
  if (ssl?.verifyError === undefined) return 'ERR_TLS_CERT_UNVERIFIED';
  const error = ssl.verifyError();
  return error ? (error.code ?? error.message) : null;
}
