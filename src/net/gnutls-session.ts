/**
 * A GnuTLS session from its making to its end: what it is told before the handshake, what it can tell afterwards, and
 * what is kept of it for a resumption. Records are the endpoint's (native-tls.ts).
 */
import { TlsError } from '../core/errors.ts';
import { isIP } from '../core/ip.ts';
import {
  GNUTLS_CERT_REQUEST,
  GNUTLS_CERT_REQUIRE,
  GNUTLS_CLIENT,
  GNUTLS_CRD_CERTIFICATE,
  GNUTLS_FORCE_CLIENT_CERT,
  GNUTLS_NAME_DNS,
  GNUTLS_NO_SIGNAL,
  GNUTLS_NONBLOCK,
  GNUTLS_SERVER,
  GNUTLS_TLS1_2,
  type Gnutls,
  loadGnutls,
} from '../native/gnutls.ts';
import type { Pointer } from '../native/libc.ts';
import { GNUTLS_E, gnutlsErrorText } from '../tls/gnutls-errors.ts';
import { describePeer, type TlsInfo, type VerifyResult } from '../tls/info.ts';
import type { KeptSession, SessionSource } from '../tls/session-cache.ts';
import { requireOwnCertificate, type TlsSettings } from '../tls/settings.ts';
import { VerifyError } from '../tls/verify-error.ts';
import type { TlsRole, TlsStart } from './endpoint.ts';
import { credentialsOf, type GnutlsCredentials, parsedPriority } from './gnutls-credentials.ts';
import { isResumable, negotiated, peerChain, requestedName, resumptionData } from './gnutls-facts.ts';
import { VerifyRequest, verifyReasons } from './gnutls-verify.ts';
import type { NativeEndpoint } from './native.ts';

/** Where gnutls_init(3) puts the address. */
const out = new BigUint64Array(1);

export class GnutlsSession {
  readonly role: TlsRole;
  readonly #gnutls: Gnutls = loadGnutls();
  readonly #settings: TlsSettings;
  /** The name to verify and to send by SNI; empty on a server. */
  readonly #host: string;
  /** What this client resumes and where it keeps its own; null on a server and where nothing is resumed. */
  readonly #sessions: SessionSource | null;
  readonly #request: VerifyRequest;
  #address: Pointer;
  /** The session that this client asks to resume. */
  #offered: KeptSession | undefined;
  /** Whether a full handshake that succeeds has verified the peer: it need not be done twice. */
  #verifiesItself = false;

  /** @throws TlsError, UsageError for a policy that makes no session */
  constructor(plain: NativeEndpoint, { settings, role, host, priority, sessions }: TlsStart) {
    this.#settings = settings;
    this.role = role;
    this.#host = role === 'client' ? (settings.servername ?? host) : '';
    const effective = priority === '' ? settings.priority : priority;
    this.#sessions =
      role === 'client' && settings.resume
        ? (sessions ?? settings.sessions.of(`${host}:${plain.remote.port} ${this.#host} ${effective}`))
        : null;
    const credentials = credentialsOf(settings);
    const parsed = parsedPriority(effective);
    // The issuers that a server lists are a hint: whoever names a certificate wants it sent, as OpenSSL does.
    const side = role === 'client' ? GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT : GNUTLS_SERVER;
    check(this.#gnutls.gnutls_init(out, side | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL));
    this.#address = Number(out[0]);
    this.#request = VerifyRequest.of(role === 'client' ? 'server' : 'client', this.#host);
    try {
      check(this.#gnutls.gnutls_priority_set(this.#address, parsed));
      check(this.#gnutls.gnutls_credentials_set(this.#address, GNUTLS_CRD_CERTIFICATE, credentials.address));
      if (role === 'client') this.#setUpClient();
      else this.#setUpServer(credentials);
      this.#offerProtocols();
      this.#gnutls.gnutls_transport_set_int2(this.#address, plain.fd, plain.fd);
    } catch (error) {
      this.free();
      throw error;
    }
  }

  #setUpClient(): void {
    const gnutls = this.#gnutls;
    if (isIP(this.#host) === 0) {
      check(gnutls.gnutls_server_name_set(this.#address, GNUTLS_NAME_DNS, this.#host, Buffer.byteLength(this.#host)));
    }
    if (this.#settings.verify === 'full') this.#enforceVerify();
    this.#offered = this.#sessions?.take();
    if (this.#offered === undefined) return;
    const { data } = this.#offered;
    // A session that the library does not want any more is simply not resumed.
    gnutls.gnutls_session_set_data(this.#address, data, data.length);
  }

  #setUpServer(credentials: GnutlsCredentials): void {
    const { clientAuth, resume, verify } = this.#settings;
    requireOwnCertificate(this.#settings);
    if (resume) check(this.#gnutls.gnutls_session_ticket_enable_server(this.#address, credentials.ticketKey()));
    if (clientAuth === 'none') return;
    const request = clientAuth === 'require' ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_REQUEST;
    this.#gnutls.gnutls_certificate_server_set_request(this.#address, request);
    if (clientAuth === 'require' && verify === 'full') this.#enforceVerify();
  }

  #enforceVerify(): void {
    this.#request.enforce(this.#address);
    this.#verifiesItself = true;
  }

  #offerProtocols(): void {
    const { alpn } = this.#settings;
    if (alpn.length === 0) return;
    const names = alpn.map((name) => Buffer.from(name, 'latin1'));
    // RFC 7301 §3.2: a server without a protocol in common refuses the session.
    const mandatory = this.role === 'server' ? 1 : 0;
    const datums = names.map((data) => ({ data, size: data.length }));
    check(this.#gnutls.gnutls_alpn_set_protocols(this.#address, datums, datums.length, mandatory));
  }

  /** What the calls of gnutls(3) take; 0 once the session is freed. */
  get address(): Pointer {
    return this.#address;
  }

  /** Whether records that are left unread may hold what {@link keep} keeps. */
  get awaitsTickets(): boolean {
    return this.#sessions !== null;
  }

  /** A handshake has succeeded: what it used up is kept again where it is good for more than one. */
  keepOffered(): void {
    if (this.#offered === undefined || this.#gnutls.gnutls_session_is_resumed(this.#address) === 0) return;
    if (this.#gnutls.gnutls_protocol_get_version(this.#address) === GNUTLS_TLS1_2) this.#sessions?.put(this.#offered);
  }

  /** The session for another connection of this client; undefined while the server has given none. */
  resumable(): KeptSession | undefined {
    if (this.#sessions === null || this.#address === 0) return undefined;
    if (!isResumable(this.#gnutls, this.#address)) return undefined;
    const data = resumptionData(this.#gnutls, this.#address);
    return data === null ? undefined : { data };
  }

  /** Keeps what a later connection of this client can resume. */
  keep(): void {
    const session = this.resumable();
    if (session !== undefined) this.#sessions?.put(session);
  }

  /** What the handshake has refused the peer's certificate for. */
  refusal(): VerifyError {
    const bits = this.#gnutls.gnutls_session_get_verify_cert_status(this.#address);
    const chain = peerChain(this.#gnutls, this.#address);
    return new VerifyError(verifyReasons(bits, chain), chain, this.#host);
  }

  /**
   * The facts after the handshake.
   *
   * @throws VerifyError for the certificate of a client that was asked for one and sent a bad one
   */
  describe(): TlsInfo {
    const chain = peerChain(this.#gnutls, this.#address);
    const sent = isIP(this.#host) === 0 ? this.#host : null;
    return {
      engine: 'gnutls',
      role: this.role,
      ...negotiated(this.#gnutls, this.#address),
      servername: this.role === 'server' ? requestedName(this.#gnutls, this.#address) : sent,
      verify: this.#verifyResult(chain),
      peer: describePeer(chain),
    };
  }

  #verifyResult(chain: readonly Uint8Array[]): VerifyResult {
    if (chain.length === 0) return { result: 'unchecked', reasons: [] };
    if (this.#verifiesItself && this.#gnutls.gnutls_session_is_resumed(this.#address) === 0) {
      return { result: 'verified', reasons: [] };
    }
    const reasons = this.#request.check(this.#address, chain);
    if (reasons.length === 0) return { result: 'verified', reasons };
    if (this.role === 'server' && this.#settings.verify === 'full') {
      // A certificate that was only requested is checked here; a required one already was, during the handshake.
      this.#gnutls.gnutls_alert_send_appropriate(this.#address, GNUTLS_E.CERTIFICATE_VERIFICATION_ERROR);
      throw new VerifyError(reasons, chain, '');
    }
    return { result: 'unchecked', reasons };
  }

  free(): void {
    this.#gnutls.gnutls_deinit(this.#address);
    this.#address = 0;
    this.#request.release();
  }
}

function check(code: number): void {
  if (code < 0) throw new TlsError(code, gnutlsErrorText(code));
}
