/**
 * TLS policy of a job: options as a caller writes them, parsed once into a complete, frozen object.
 */
import { boundedFile } from '../core/bounded-file.ts';
import { TlsError, UsageError } from '../core/errors.ts';
import { certifiedName, hostOf } from '../core/host-name.ts';
import { GNUTLS_E } from './gnutls-errors.ts';
import { SessionCache } from './session-cache.ts';

/** See {@link TlsOptions.verify}. */
export type VerifyPolicy = 'full' | 'none';
/** See {@link TlsOptions.clientAuth}. */
export type ClientAuth = 'none' | 'request' | 'require';

/** What a caller may set; every field has a default. Certificates and keys are PEM text, PEM bytes or a file's path. */
export interface TlsOptions {
  /**
   * `full` (default): the server's chain and name must verify, or the handshake fails with STATUS -348. `none` accepts
   * any certificate, for old private networks; environment `TCPX_TLS_VERIFY=none` sets the default.
   */
  readonly verify?: VerifyPolicy;
  /** Trusted certificates: roots, intermediates or a server's own. The system's store without it. */
  readonly ca?: string | Uint8Array;
  /** Own certificate, with its chain: needed to ACCEPT with TLS, optional for a client. */
  readonly cert?: string | Uint8Array;
  /** The private key of `cert`. */
  readonly key?: string | Uint8Array;
  /** Protocols for ALPN in order of preference; none by default. */
  readonly alpn?: readonly string[];
  /** The name for SNI and verification, where it is not the host that CONNECT names. Written as that is. */
  readonly servername?: string;
  /** GnuTLS priority string where the buffer at CONNECT gives none. Default: TLS 1.2 and 1.3 of `NORMAL`. */
  readonly priority?: string;
  /** As a server: whether a certificate is asked of clients. Default `none`. */
  readonly clientAuth?: ClientAuth;
  /** Longest handshake in ms, beside the call's own timer. Default 40 000, which is GnuTLS's own. */
  readonly handshakeTimeout?: number;
  /** Whether sessions are resumed: tickets kept as a client, issued as a server. Default true. */
  readonly resume?: boolean;
}

/** The parsed options: plain data, which may cross threads. */
export interface TlsPolicy {
  readonly verify: VerifyPolicy;
  readonly ca: Uint8Array | null;
  readonly cert: Uint8Array | null;
  readonly key: Uint8Array | null;
  readonly alpn: readonly string[];
  /** As SNI and certificates have it, never empty. */
  readonly servername: string | null;
  readonly priority: string;
  readonly clientAuth: ClientAuth;
  readonly handshakeTimeout: number;
  readonly resume: boolean;
}

/** A policy at work in one thread. Credentials and contexts are kept per object of this type. */
export interface TlsSettings extends TlsPolicy {
  /** Sessions to resume, as a client. */
  readonly sessions: SessionCache;
}

export function tlsSettings(policy: TlsPolicy): TlsSettings {
  return Object.freeze({ ...policy, sessions: new SessionCache() });
}

/** @throws TlsError GNUTLS_E_INSUFFICIENT_CREDENTIALS for a policy that cannot be a server's */
export function requireOwnCertificate({ cert }: TlsPolicy): void {
  if (cert !== null) return;
  const code = GNUTLS_E.INSUFFICIENT_CREDENTIALS;
  throw new TlsError(code, 'a TLS server needs a certificate: set tls.cert and tls.key');
}

/** Everything the local TLS library regards as normal, without the versions that RFC 8996 deprecates. */
export const DEFAULT_PRIORITY = 'NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2';

const DEFAULT_HANDSHAKE_TIMEOUT = 40_000;
/** RFC 7301: a protocol name is 1 to 255 bytes. */
const LONGEST_ALPN = 255;

/** @throws UsageError that names the option */
export function parseTlsOptions(options: TlsOptions = {}, environment: NodeJS.ProcessEnv = process.env): TlsPolicy {
  const verify = options.verify ?? (environment.TCPX_TLS_VERIFY === 'none' ? 'none' : 'full');
  oneOf('tls.verify', verify, ['full', 'none']);
  const clientAuth = options.clientAuth ?? 'none';
  oneOf('tls.clientAuth', clientAuth, ['none', 'request', 'require']);
  const handshakeTimeout = options.handshakeTimeout ?? DEFAULT_HANDSHAKE_TIMEOUT;
  if (!(handshakeTimeout > 0)) throw new UsageError('tls.handshakeTimeout must be a number of ms above 0');
  const alpn = options.alpn ?? [];
  for (const protocol of alpn) {
    if (protocol === '' || Buffer.byteLength(protocol) > LONGEST_ALPN) {
      throw new UsageError(`tls.alpn: a protocol name has 1 to ${LONGEST_ALPN} bytes, not '${protocol}'`);
    }
  }
  const cert = pem('tls.cert', options.cert);
  const key = pem('tls.key', options.key);
  if ((cert === null) !== (key === null)) throw new UsageError('tls.cert and tls.key belong together: give both');
  return Object.freeze({
    verify,
    ca: pem('tls.ca', options.ca),
    cert,
    key,
    alpn: Object.freeze([...alpn]),
    servername: servernameOf(options.servername),
    priority: options.priority ?? '',
    clientAuth,
    handshakeTimeout,
    resume: options.resume ?? true,
  });
}

/** As CONNECT takes its hostname. No certificate has the empty name, so it cannot be meant. */
function servernameOf(given: string | undefined): string | null {
  if (given === undefined) return null;
  const name = certifiedName(hostOf(given, 'tls.servername'));
  if (name !== '') return name;
  throw new UsageError('tls.servername is empty: leave it out to send and verify the host of the connection');
}

function oneOf(name: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) throw new UsageError(`${name} is one of ${allowed.join(', ')}, not '${value}'`);
}

/** Many times what all authorities of the world take; a wrong name must not load a device. */
const LARGEST_PEM = 2 ** 24;

function pem(name: string, source: string | Uint8Array | undefined): Uint8Array | null {
  if (source === undefined) return null;
  if (typeof source !== 'string') return checkPem(name, source);
  if (source.includes('-----BEGIN ')) return checkPem(name, Buffer.from(source, 'latin1'));
  try {
    return checkPem(`${name} (${source})`, boundedFile(source, LARGEST_PEM));
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`${name}: cannot read the file '${source}'`, { cause });
  }
}

function checkPem(name: string, bytes: Uint8Array): Uint8Array {
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes('-----BEGIN ')) {
    throw new UsageError(`${name} holds no PEM block ('-----BEGIN ...')`);
  }
  return bytes;
}
