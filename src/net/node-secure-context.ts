/**
 * Secure contexts of the Node engine: one per TLS policy, role and priority string. A server's context also holds the
 * key of its session tickets, so it has to be shared for sessions to be resumed.
 */
import { readFileSync } from 'node:fs';
import type tls from 'node:tls';
import { UsageError } from '../core/errors.ts';
import { nodeCrypto, nodeTls } from '../core/on-demand.ts';
import { translatePriority } from '../tls/priority.ts';
import { DEFAULT_PRIORITY, requireOwnCertificate, type TlsSettings } from '../tls/settings.ts';

/** Where distributions keep the trusted certificates, for Node releases that cannot read the system's store. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

let systemStore: string | string[] | undefined;

/** The system's trusted certificates, else those that come with Node. */
function systemTrust(): string | string[] {
  systemStore ??= readSystemTrust();
  return systemStore;
}

function readSystemTrust(): string | string[] {
  const { getCACertificates } = nodeTls() as { getCACertificates?: (kind: 'system') => string[] };
  const listed = getCACertificates?.('system') ?? [];
  if (listed.length > 0) return listed;
  for (const bundle of SYSTEM_BUNDLES) {
    try {
      return readFileSync(bundle, 'latin1');
    } catch {
      // The next place.
    }
  }
  return [...nodeTls().rootCertificates];
}

const contexts = new WeakMap<TlsSettings, Map<string, tls.SecureContext>>();

/**
 * @throws TlsError GNUTLS_E_INVALID_REQUEST for a priority string that cannot be translated
 * @throws UsageError for a certificate or key that cannot be used
 */
export function secureContextOf(settings: TlsSettings, role: 'client' | 'server', priority: string): tls.SecureContext {
  let made = contexts.get(settings);
  if (made === undefined) {
    made = new Map();
    contexts.set(settings, made);
  }
  const key = `${role} ${priority}`;
  let context = made.get(key);
  if (context === undefined) {
    context = makeContext(settings, role, priority);
    made.set(key, context);
  }
  return context;
}

const withoutTickets = new WeakSet<tls.SecureContext>();

/** False for a context whose priority string says %NO_TICKETS. */
export function keepsTickets(context: tls.SecureContext): boolean {
  return !withoutTickets.has(context);
}

function makeContext(settings: TlsSettings, role: 'client' | 'server', priority: string): tls.SecureContext {
  if (role === 'server') requireOwnCertificate(settings);
  if (settings.ca !== null) requireCertificate(settings.ca);
  const { tickets, secureOptions, ...policy } = translatePriority(priority === '' ? DEFAULT_PRIORITY : priority);
  const ca = settings.ca === null ? (settings.verify === 'none' ? undefined : systemTrust()) : Buffer.from(settings.ca);
  // Renegotiation is declined, as the GnuTLS engine does (RFC 5246 §7.2.2).
  const { SSL_OP_NO_RENEGOTIATION, SSL_OP_NO_TICKET } = nodeCrypto().constants;
  try {
    const context = nodeTls().createSecureContext({
      ...policy,
      secureOptions: secureOptions | SSL_OP_NO_RENEGOTIATION | (tickets && settings.resume ? 0 : SSL_OP_NO_TICKET),
      sessionIdContext: 'tcpx',
      // Whatever is trusted ends a chain, as it does for GnuTLS, and not roots alone. Node before 20.18 and 22.9 passes over it.
      allowPartialTrustChain: true,
      ...(ca === undefined ? {} : { ca }),
      ...(settings.cert === null ? {} : { cert: Buffer.from(settings.cert) }),
      ...(settings.key === null ? {} : { key: Buffer.from(settings.key) }),
    });
    if (!tickets) withoutTickets.add(context);
    return context;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`${refusedOptions(settings)} refused: ${reason}`, { cause });
  }
}

/** OpenSSL passes over what it cannot read among trusted certificates; GnuTLS does not. */
function requireCertificate(ca: Uint8Array): void {
  const { X509Certificate } = nodeCrypto();
  try {
    new X509Certificate(ca);
  } catch (cause) {
    throw new UsageError('tls.ca holds no certificate that can be read', { cause });
  }
}

/** Which options a context could not be made of: OpenSSL says only what it disliked. */
function refusedOptions({ ca, cert, key }: TlsSettings): string {
  if (cert !== null && key !== null && !usable({ cert: Buffer.from(cert), key: Buffer.from(key) })) {
    return 'tls.cert and tls.key were';
  }
  return ca !== null && !usable({ ca: Buffer.from(ca) }) ? 'tls.ca was' : 'the TLS options were';
}

function usable(options: tls.SecureContextOptions): boolean {
  try {
    nodeTls().createSecureContext(options);
    return true;
  } catch {
    return false;
  }
}
