/** TLS through node:tls, on a socket of the same engine. */
import { appendFileSync } from 'node:fs';
import type net from 'node:net';
import type { Duplex } from 'node:stream';
import type tls from 'node:tls';
import { IoError, TlsError } from '../core/errors.ts';
import { isIP } from '../core/ip.ts';
import { nodeTls } from '../core/on-demand.ts';
import { GNUTLS_E, gnutlsErrorText } from '../tls/gnutls-errors.ts';
import { describePeer, type TlsInfo, type VerifyResult } from '../tls/info.ts';
import { statusOfTlsFailure } from '../tls/node-failures.ts';
import { reasonsOfNodeError } from '../tls/node-verify.ts';
import { stapleError } from '../tls/ocsp.ts';
import { BesideSessions, type KeptSession, type SessionSource } from '../tls/session-cache.ts';
import type { TlsSettings } from '../tls/settings.ts';
import { VerifyError } from '../tls/verify-error.ts';
import {
  type Address,
  type TlsEndpoint,
  type TlsRole,
  type TlsStart,
  type Transfer,
  WANT_READ,
  WANT_WRITE,
} from './endpoint.ts';
import { endsHere, hasFailed } from './node-handle.ts';
import { identityError } from './node-identity.ts';
import { ioError, type NodePlainEndpoint } from './node-plain.ts';
import { Seam } from './node-seam.ts';
import { keepsTickets, secureContextOf } from './node-secure-context.ts';
import { NodeStream } from './node-stream.ts';
import {
  clientCertificateError,
  negotiated,
  peerChain,
  requestedName,
  serverCertificateError,
} from './node-tls-facts.ts';

/** Loads the certificates and the priority string of a server or a client. Throws what is wrong with them. */
export function prepareNodeTls(settings: TlsSettings, role: TlsRole): void {
  secureContextOf(settings, role, settings.priority);
}

export class NodeTlsEndpoint extends NodeStream implements TlsEndpoint {
  readonly #plain: NodePlainEndpoint;
  readonly #settings: TlsSettings;
  readonly #role: TlsRole;
  readonly #host: string;
  /** The socket whose handle TLSSocket sits on; null where ciphertext passes through a stream of ours. */
  readonly #socket: net.Socket | null;
  readonly #seam: Seam | null;
  protected readonly stream: tls.TLSSocket;
  #secure = false;
  /** Whether the program may learn that the session is secure. */
  #announced = false;
  #info: TlsInfo | null = null;
  readonly #sessions: SessionSource;
  readonly besides: SessionSource = new BesideSessions(() => this.#kept);
  /** The session that this client asks to resume. */
  #offered: KeptSession | undefined;
  /** The newest ticket, for as long as it is open whether the peer is accepted. */
  #ticket: Uint8Array | undefined;
  /** The newest session that this connection was given. */
  #kept: KeptSession | undefined;
  #peer: KeptSession['peer'];
  #stapled: Buffer | null = null;
  /** The connection ended without close_notify. */
  #cut = false;

  constructor(plain: NodePlainEndpoint, { settings, role, host, priority, sessions }: TlsStart) {
    super();
    this.#plain = plain;
    this.#settings = settings;
    this.#role = role;
    this.#host = role === 'client' ? (settings.servername ?? host) : '';
    const effective = priority === '' ? settings.priority : priority;
    this.#sessions = sessions ?? settings.sessions.of(`${host}:${plain.remote.port} ${this.#host} ${effective}`);
    const context = secureContextOf(settings, role, effective);
    // Bytes that have been read already cannot go back below a handle, nor can an end that was met.
    this.#socket = plain.readAhead.length === 0 && !plain.socket.readableEnded ? plain.handleSocket : null;
    this.#seam = this.#socket === null ? new Seam(plain) : null;
    const below = this.#seam ?? plain.socket;
    this.stream = role === 'client' ? this.#connect(context, below) : this.#serve(context, below);
    this.#listen();
    if (this.#socket !== null) this.#watchEnd(this.#socket);
    if (this.#seam !== null) this.#feed(this.#seam);
    if (plain.failure !== null) this.#fail(plain.failure);
    // After SHUTDOWN for receiving there is nothing to shake hands with.
    else if (this.#socket !== null && plain.ended) this.#fail(cutError());
  }

  /** Has all ciphertext pass through the seam. */
  #feed(seam: Seam): void {
    const plain = this.#plain;
    plain.divert({
      data: (chunk) => seam.push(chunk),
      end: () => this.#plainEnded(seam),
      failed: (error) => this.#fail(error),
    });
    // A ClientHello that is already here belongs to the handshake; upgradeOp has let nothing else through.
    for (let chunk = plain.readAhead.shift(); chunk !== undefined; chunk = plain.readAhead.shift()) seam.push(chunk);
    if (plain.ended) this.#plainEnded(seam);
  }

  /**
   * node:tls ends alike with and without close_notify: it pushes a null. At that moment, and not later, the handle shows
   * which of the two it is.
   */
  #watchEnd(socket: net.Socket): void {
    const { stream } = this;
    const push = stream.push.bind(stream);
    stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (chunk === null && endsHere(socket)) this.#cut = true;
      return push(chunk, encoding);
    };
  }

  #connect(context: tls.SecureContext, below: Duplex): tls.TLSSocket {
    this.#offered = this.#settings.resume ? this.#sessions.take() : undefined;
    const options: tls.ConnectionOptions & { allowHalfOpen: boolean; requestOCSP: boolean } = {
      socket: below,
      secureContext: context,
      host: this.#host,
      servername: isIP(this.#host) === 0 ? this.#host : '',
      // Where there is no name, node:tls would ask for 'localhost'.
      checkServerIdentity: (_name, certificate) => identityError(this.#host, certificate),
      // The result is looked at before the handshake counts as complete, so that both policies share one path.
      rejectUnauthorized: false,
      allowHalfOpen: true,
      requestOCSP: true,
      ...(this.#settings.alpn.length > 0 ? { ALPNProtocols: [...this.#settings.alpn] } : {}),
      ...(this.#offered === undefined ? {} : { session: Buffer.from(this.#offered.data) }),
    };
    const socket = nodeTls().connect(options);
    socket.on('OCSPResponse', (response: Buffer | null) => {
      this.#stapled = response;
    });
    socket.on('secureConnect', () => this.#handshakeDone());
    if (this.#settings.resume) {
      socket.on('session', (ticket: Buffer) => {
        // OpenSSL still takes the tickets of TLS 1.3 where it is told not to ask for any; TLS 1.2 then has identifiers.
        if (!keepsTickets(context) && socket.getProtocol() !== 'TLSv1.2') return;
        this.#ticket = ticket;
        if (this.#secure) this.#keepSession();
      });
    }
    return socket;
  }

  /**
   * Node does not look at the name again in a session that it resumes, so a session whose peer was refused must not be
   * kept: in TLS 1.2 its ticket comes before that is known.
   */
  #keepSession(): void {
    if (this.#ticket === undefined || this.#peer === undefined) return;
    this.#kept = { data: this.#ticket, peer: this.#peer };
    this.#sessions.put(this.#kept);
    this.#ticket = undefined;
  }

  #serve(context: tls.SecureContext, below: Duplex): tls.TLSSocket {
    const options: tls.TLSSocketOptions & { allowHalfOpen: boolean } = {
      isServer: true,
      secureContext: context,
      requestCert: this.#settings.clientAuth !== 'none',
      // Has OpenSSL refuse a missing certificate, with the alert that says so. It accepts any other: see #verify.
      rejectUnauthorized: this.#settings.clientAuth === 'require',
      allowHalfOpen: true,
      ...(this.#settings.alpn.length > 0 ? { ALPNProtocols: [...this.#settings.alpn] } : {}),
    };
    const { TLSSocket } = nodeTls();
    const socket = new TLSSocket(below, options);
    socket.on('secure', () => this.#handshakeDone());
    // What breaks a server's session goes to tls.Server, which takes it up here; without one node:tls keeps it to itself.
    socket.on('_tlsError', (error: Error) => this.#fail(error));
    return socket;
  }

  #listen(): void {
    const socket = this.stream;
    socket.on('data', (chunk: Buffer) => this.deliver(chunk));
    socket.on('end', () => {
      if (this.#cut && this.#socket !== null) this.#confirmCut(this.#socket);
      else this.#ended();
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => {
      if (!this.hasEnded && this.cutShort === null) this.#fail(new IoError('EBADF', 'socket'));
      this.wakes.fireAll();
    });
    this.observeSending();
    const keylog = process.env.SSLKEYLOGFILE;
    if (keylog !== undefined && keylog !== '') {
      socket.on('keylog', (line: Buffer) => appendFileSync(keylog, line, { mode: 0o600 }));
    }
  }

  #ended(): void {
    if (this.#cut) {
      const cut = cutError();
      // Who has ended without close_notify may still read.
      if (!this.#secure) this.broken ??= cut;
      else if (this.broken === null) this.cutShort ??= cut;
    } else if (!this.#secure) {
      // close_notify ahead of the end of the handshake: a server would not hear of it in any other way.
      this.broken ??= new TlsError(GNUTLS_E.SESSION_EOF, gnutlsErrorText(GNUTLS_E.SESSION_EOF));
    } else this.hasEnded = true;
    this.wakes.fireAll();
  }

  /** A reset may hide behind an end without close_notify; the handle reads once more already. */
  #confirmCut(socket: net.Socket): void {
    setImmediate(() =>
      setImmediate(() => {
        if (hasFailed(socket)) this.#fail(new IoError('ECONNRESET', 'read'));
        else this.#ended();
      }),
    );
  }

  /** The connection ended. Whether close_notify came first shows once TLSSocket has read all that came before. */
  #plainEnded(seam: Seam): void {
    if (this.hasEnded || this.broken !== null) return;
    if (this.isPaused) return;
    setImmediate(() => {
      if (this.hasEnded || this.broken !== null || this.isPaused) return;
      this.#cut = true;
      seam.push(null);
    });
  }

  #fail(error: Error): void {
    if (this.broken !== null) return;
    this.broken = this.#tlsError(error);
    this.wakes.fireAll();
  }

  #tlsError(error: Error): TlsError {
    if (error instanceof TlsError) return error;
    const broken = error instanceof IoError ? error : (this.#plain.failure ?? systemFailure(error));
    if (broken !== null && broken.errnoName !== 'EBADF') {
      const status = broken.errnoName === 'EPIPE' ? GNUTLS_E.PUSH_ERROR : GNUTLS_E.PULL_ERROR;
      return new TlsError(status, `${gnutlsErrorText(status)}: ${broken.message}`, { cause: error });
    }
    // What OpenSSL has found wrong came before the end, if the event loop met them together.
    if (!('library' in error) && (this.#cut || (!this.#secure && this.#plain.ended))) {
      const status = GNUTLS_E.PREMATURE_TERMINATION;
      return new TlsError(status, gnutlsErrorText(status), { cause: error });
    }
    const { status, text } = statusOfTlsFailure(error, this.#secure ? 'record' : 'handshake', {
      role: this.#role,
      protocol: this.stream.getProtocol(),
    });
    return new TlsError(status, text, { cause: error });
  }

  #handshakeDone(): void {
    if (this.broken !== null) return;
    try {
      this.#accept(this.#verify());
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
    // OpenSSL tells of the end of the handshake before it has sent its last message: what the program does next, a CLOSE
    // above all, has to come after that.
    setImmediate(() => {
      this.#announced = true;
      this.wakes.fireAll();
    });
  }

  /** @throws TlsError when the peer is not to be accepted */
  #accept(verify: VerifyResult): void {
    if (verify.result === 'failed') throw new VerifyError(verify.reasons, peerChain(this.stream), this.#host);
    const chain = this.#resumed()?.chain ?? peerChain(this.stream);
    this.#secure = true;
    this.#info = this.#describe(verify, chain);
    if (this.#role === 'server') return;
    this.#peer = { chain, result: verify.result, reasons: verify.reasons };
    if (this.#info.resumed && this.#info.version === 'TLSv1.2') this.#ticket ??= this.#offered?.data;
    this.#keepSession();
  }

  /** What was found out of the peer when the session began that this one resumes. */
  #resumed(): KeptSession['peer'] {
    return this.stream.isSessionReused() ? this.#offered?.peer : undefined;
  }

  #verify(): VerifyResult {
    const earlier = this.#resumed();
    if (earlier !== undefined) return { result: earlier.result, reasons: earlier.reasons };
    const error =
      this.#role === 'client'
        ? (serverCertificateError(this.stream) ?? this.#revocation())
        : clientCertificateError(this.stream, this.#settings.clientAuth);
    if (error === null) return { result: 'verified', reasons: [] };
    if (error === undefined) return { result: 'unchecked', reasons: [] };
    return { result: this.#settings.verify === 'full' ? 'failed' : 'unchecked', reasons: reasonsOfNodeError(error) };
  }

  /** OpenSSL hands over what a server staples, unread. */
  #revocation(): string | null {
    const { raw } = this.stream.getPeerCertificate();
    return stapleError(this.#staple(), raw, Date.now());
  }

  #staple(): TlsInfo['ocsp'] {
    return this.#stapled === null ? null : { response: new Uint8Array(this.#stapled), checked: false };
  }

  #describe(verify: VerifyResult, chain: readonly Uint8Array[]): TlsInfo {
    const sent = isIP(this.#host) === 0 ? this.#host : null;
    return {
      engine: 'node',
      role: this.#role,
      ...negotiated(this.stream, this.#role),
      ocsp: this.#staple(),
      servername: this.#role === 'server' ? requestedName(this.stream) : sent,
      verify,
      peer: describePeer(chain),
    };
  }

  get local(): Address {
    return this.#plain.local;
  }

  get remote(): Address {
    return this.#plain.remote;
  }

  get tls(): TlsInfo {
    if (this.#info === null) throw new Error('the handshake is not complete');
    return this.#info;
  }

  override write(from: Uint8Array, whole?: boolean): Transfer {
    // Until it is known whether a reset hides behind the end: sending would meet the broken pipe that is left of it.
    const told = this.broken !== null || this.cutShort !== null;
    const unconfirmed = this.#cut && this.#socket !== null && !told && !this.isPaused;
    return unconfirmed ? WANT_WRITE : super.write(from, whole);
  }

  handshake(): Transfer {
    // What breaks the connection after that is for the first READ.
    if (this.broken !== null && !this.#secure) throw this.broken;
    return this.#announced ? 0 : WANT_READ;
  }

  override resume(): void {
    super.resume();
    if (this.#seam !== null && this.#plain.ended) this.#plainEnded(this.#seam);
  }

  protected sendingEnded(): TlsError {
    const code = GNUTLS_E.INVALID_SESSION;
    return new TlsError(code, gnutlsErrorText(code));
  }

  destroy(): void {
    this.stream.destroy();
    this.#plain.destroy();
  }
}

function cutError(): TlsError {
  return new TlsError(GNUTLS_E.PREMATURE_TERMINATION, gnutlsErrorText(GNUTLS_E.PREMATURE_TERMINATION));
}

/** The failed system call that node:tls reports on a socket with a handle; null for an error of its own. */
function systemFailure(error: Error): IoError | null {
  return 'syscall' in error ? ioError(error) : null;
}
