/**
 * What GnuTLS sessions of one TLS policy share: credentials, parsed priority strings, the ticket key. C memory; it is
 * freed when the policy and all sessions under it are gone.
 */
import { TlsError, UsageError } from '../core/errors.ts';
import { GNUTLS_X509_FMT_PEM, type Gnutls, loadGnutls } from '../native/gnutls.ts';
import { loadLibc, type Pointer } from '../native/libc.ts';
import { GNUTLS_E } from '../tls/gnutls-errors.ts';
import { DEFAULT_PRIORITY, type TlsSettings } from '../tls/settings.ts';

export class GnutlsCredentials {
  readonly address: Pointer;
  readonly #ticketKey = new BigUint64Array(2);
  #hasTicketKey = false;

  constructor(settings: TlsSettings) {
    const gnutls = loadGnutls();
    const out = new BigUint64Array(1);
    check(gnutls, gnutls.gnutls_certificate_allocate_credentials(out), 'credentials');
    this.address = Number(out[0]);
    try {
      trust(gnutls, this.address, settings);
      if (settings.cert !== null && settings.key !== null) {
        const code = gnutls.gnutls_certificate_set_x509_key_mem2(
          this.address,
          datum(settings.cert),
          datum(settings.key),
          GNUTLS_X509_FMT_PEM,
          null,
          0,
        );
        if (code < 0) {
          throw new UsageError(`tls.cert and tls.key were refused: ${gnutls.gnutls_strerror(code)} (${code})`);
        }
      }
    } catch (error) {
      gnutls.gnutls_certificate_free_credentials(this.address);
      throw error;
    }
  }

  /** gnutls_datum_t of the key that this policy's tickets are sealed with. */
  ticketKey(): BigUint64Array {
    if (!this.#hasTicketKey) {
      const gnutls = loadGnutls();
      check(gnutls, gnutls.gnutls_session_ticket_key_generate(this.#ticketKey), 'ticket key');
      this.#hasTicketKey = true;
    }
    return this.#ticketKey;
  }

  /** When the policy and all sessions under it are gone. Sessions have copies of the key. */
  free(): void {
    loadGnutls().gnutls_certificate_free_credentials(this.address);
    if (!this.#hasTicketKey) return;
    const libc = loadLibc();
    const [data = 0n, size = 0n] = this.#ticketKey;
    const zeros = new Uint8Array(Number(BigInt.asUintN(32, size)));
    libc.memcpy(data, zeros, zeros.length);
    libc.free(data);
  }
}

function trust(gnutls: Gnutls, credentials: Pointer, settings: TlsSettings): void {
  if (settings.ca === null) {
    if (settings.verify === 'none') return;
    const count = gnutls.gnutls_certificate_set_x509_system_trust(credentials);
    // An empty store is not an error yet: the handshake will say which issuer it does not know.
    if (count < 0 && count !== GNUTLS_E.UNIMPLEMENTED_FEATURE)
      check(gnutls, count, "the system's trusted certificates");
    return;
  }
  const count = gnutls.gnutls_certificate_set_x509_trust_mem(credentials, datum(settings.ca), GNUTLS_X509_FMT_PEM);
  if (count <= 0) throw new UsageError(`tls.ca holds no certificate that can be read (${count})`);
}

function datum(data: Uint8Array): { data: Uint8Array; size: number } {
  return { data, size: data.length };
}

function check(gnutls: Gnutls, code: number, what: string): void {
  if (code < 0) throw new TlsError(code, `${what}: ${gnutls.gnutls_strerror(code)}`);
}

const credentials = new WeakMap<TlsSettings, GnutlsCredentials>();
const graveyard = new FinalizationRegistry<GnutlsCredentials>((orphaned) => orphaned.free());

/** The credentials of a policy, made on first use. The caller keeps `settings` for as long as it uses them. */
export function credentialsOf(settings: TlsSettings): GnutlsCredentials {
  let made = credentials.get(settings);
  if (made === undefined) {
    made = new GnutlsCredentials(settings);
    credentials.set(settings, made);
    graveyard.register(settings, made);
  }
  return made;
}

/** Parsed priority strings. A program uses a handful; they live as long as the process. */
const priorities = new Map<string, Pointer>();
const MOST_PRIORITIES = 64;

/**
 * A parsed priority string; the empty one is the default. A program that makes up new strings without end loses 1 KB
 * for each beyond the bound.
 *
 * @throws TlsError GNUTLS_E_INVALID_REQUEST naming the string
 */
export function parsedPriority(text: string): Pointer {
  const known = priorities.get(text);
  if (known !== undefined) return known;
  const gnutls = loadGnutls();
  const out = new BigUint64Array(1);
  const complete = text === '' ? DEFAULT_PRIORITY : text;
  const position = new BigUint64Array(1);
  const code = gnutls.gnutls_priority_init(out, complete, position);
  if (code < 0) throw new TlsError(code, `priority string '${complete}': ${gnutls.gnutls_strerror(code)}`);
  const address = Number(out[0]);
  if (priorities.size < MOST_PRIORITIES) priorities.set(text, address);
  return address;
}
