/** A TLS session in one line. Whatever comes from the peer is escaped. */
import type { TlsInfo } from '../tls/info.ts';
import { escapeText } from './buffer-text.ts';

/** `TLSv1.3 TLS_AES_256_GCM_SHA384 secp256r1, peer CN=localhost (verified)` */
export function tlsLine(tls: TlsInfo): string {
  const parts = [tls.version, tls.suite, tls.group, tls.alpn === null ? null : `ALPN ${tls.alpn}`];
  if (tls.resumed) parts.push('resumed');
  const peer = tls.peer === null ? 'no certificate of the peer' : `peer ${tls.peer.subject}`;
  const known = parts.filter((part) => part !== null).join(' ');
  return escapeText(`${known}, ${peer} (${verifyText(tls)})`);
}

export function verifyText({ verify: { result, reasons } }: TlsInfo): string {
  return reasons.length === 0 ? result : `${result}: ${reasons.join(', ')}`;
}
