/** Certificates as people look at them. */
import type { X509Certificate } from 'node:crypto';
import { isIP } from '../core/ip.ts';
import { nodeCrypto } from '../core/on-demand.ts';
import { oneLine } from './info.ts';

/** A certificate of a chain, for people. */
export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  /** Host names and addresses that it is for; other subject alternative names with their kind, `email:a@b.example`. */
  readonly names: readonly string[];
  /** ISO 8601, UTC. */
  readonly validFrom: string;
  readonly validTo: string;
  /** Days until `validTo`, to a tenth, rounded down; negative once it has expired. */
  readonly daysLeft: number;
  readonly fingerprint256: string;
}

const DAY = 86_400_000;

/**
 * Describes a chain of DER certificates in its order. One that cannot be read, which no library accepts, is left out.
 *
 * @param now ms since 1970, for `daysLeft`
 */
export function describeChain(chain: readonly Uint8Array[], now: number = Date.now()): CertificateFacts[] {
  const { X509Certificate } = nodeCrypto();
  return chain.flatMap((der) => {
    try {
      return [describeCertificate(new X509Certificate(der), now)];
    } catch {
      return [];
    }
  });
}

function describeCertificate(certificate: X509Certificate, now: number): CertificateFacts {
  const to = Date.parse(certificate.validTo);
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    names: namesOf(certificate.subjectAltName ?? ''),
    validFrom: new Date(Date.parse(certificate.validFrom)).toISOString(),
    validTo: new Date(to).toISOString(),
    daysLeft: Math.floor(((to - now) / DAY) * 10) / 10,
    fingerprint256: certificate.fingerprint256,
  };
}

/** Subject alternative names without what marks hosts and addresses. */
function namesOf(text: string): string[] {
  return alternativeNames(text).map((entry) => {
    const name = entry.replace(/^DNS:/, '');
    return name.startsWith('IP Address:') ? addressOf(name.slice('IP Address:'.length)) : name;
  });
}

/**
 * The entries of a list of subject alternative names, `DNS:a.example, IP Address:::1, DNS:"odd, one"`: node:crypto puts into
 * quotes what could be taken for two.
 */
export function alternativeNames(text: string): string[] {
  const entries = text.match(/(?:"(?:[^"\\]|\\.)*"|[^",])+/g) ?? [];
  return entries.map((entry) => entry.trim());
}

/** OpenSSL writes out every group of an IPv6 address. */
function addressOf(text: string): string {
  return isIP(text) === 6 ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text;
}
