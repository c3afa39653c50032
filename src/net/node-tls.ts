/**
 * TLS through node:tls. A thin Duplex of our own stands between TLSSocket and net.Socket: node:tls ends alike with and
 * without close_notify, and only there can the difference be seen.
 */
import { appendFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { ByteQueue } from '../core/byte-queue.ts';
import { Deadline } from '../core/deadline.ts';
import { IoError, TlsError } from '../core/errors.ts';
import { type Op, READABLE, WRITABLE } from '../core/op.ts';
import { statusOfTlsFailure } from '../tls/codes.ts';
import { GNUTLS_E, gnutlsErrorText } from '../tls/gnutls-errors.ts';
import { describePeer, groupName, type TlsInfo, type VerifyResult } from '../tls/info.ts';
import type { KeptSession } from '../tls/session-cache.ts';
import type { TlsSettings } from '../tls/settings.ts';
import { describeVerifyFailure, reasonsOfNodeError, type VerifyReason } from '../tls/verify.ts';
import {
  type Address,
  type Direction,
  type Probe,
  type TlsEndpoint,
  type TlsRole,
  type TlsStart,
  type Transfer,
  WANT_READ,
  WANT_WRITE,
} from './endpoint.ts';
import { CLOSE_LINGER, READ_AHEAD_LIMIT, WRITE_BEHIND_LIMIT } from './limits.ts';
import type { NodeEndpoint } from './node.ts';
import { keepsTickets, secureContextOf } from './node-secure-context.ts';
import { Wakes } from './wakes.ts';

/** The seam: ciphertext between TLSSocket and net.Socket. */
class Seam extends Duplex {
  readonly #plain: NodeEndpoint;

  constructor(plain: NodeEndpoint) {
    super({ allowHalfOpen: true });
    this.#plain = plain;
  }

  override _read(): void {
    this.#plain.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.#plain.socket.write(chunk, done);
  }

  override _writev(chunks: { chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    this.#plain.socket.cork();
    const last = chunks.length - 1;
    for (const [index, { chunk }] of chunks.entries()) {
      if (index === last) this.#plain.socket.write(chunk, done);
      else this.#plain.socket.write(chunk);
    }
    this.#plain.socket.uncork();
  }

  /** TLSSocket has sent close_notify and ends; the connection's own direction ends with it. */
  override _final(done: (error?: Error | null) => void): void {
    this.#plain.socket.end();
    done();
  }
}

export class NodeTlsEndpoint implements TlsEndpoint {
  readonly readAhead: ByteQueue = new ByteQueue();
  readonly #plain: NodeEndpoint;
  readonly #settings: TlsSettings;
  readonly #role: TlsRole;
  readonly #host: string;
  readonly #seam: Seam;
  readonly #socket: tls.TLSSocket;
  readonly #wakes = new Wakes();
  #secure = false;
  #info: TlsInfo | null = null;
  readonly #sessionKey: string;
  /** The session that this client asks to resume. */
  #offered: KeptSession | undefined;
  /** The newest ticket, for as long as it is open whether the peer is accepted. */
  #ticket: Uint8Array | undefined;
  #peer: KeptSession['peer'];
  #paused = false;
  #ended = false;
  #cut = false;
  #finished = false;
  #failure: Error | null = null;

  constructor(plain: NodeEndpoint, { settings, role, host, priority }: TlsStart) {
    this.#plain = plain;
    this.#settings = settings;
    this.#role = role;
    this.#host = role === 'client' ? (settings.servername ?? host) : '';
    const effective = priority === '' ? settings.priority : priority;
    this.#sessionKey = `${host}:${plain.remote.port} ${this.#host} ${effective}`;
    const context = secureContextOf(settings, role, effective);
    this.#seam = new Seam(plain);
    this.#socket = role === 'client' ? this.#connect(context) : this.#serve(context);
    this.#listen();
    plain.divert({
      data: (chunk) => this.#seam.push(chunk),
      end: () => this.#plainEnded(),
      failed: (error) => this.#fail(error),
    });
    // A ClientHello that is already here belongs to the handshake; upgradeOp has let nothing else through.
    for (let chunk = plain.readAhead.shift(); chunk !== undefined; chunk = plain.readAhead.shift())
      this.#seam.push(chunk);
    if (plain.ended) this.#plainEnded();
  }

  #connect(context: tls.SecureContext): tls.TLSSocket {
    this.#offered = this.#settings.resume ? this.#settings.sessions.take(this.#sessionKey) : undefined;
    const options: tls.ConnectionOptions & { allowHalfOpen: boolean } = {
      socket: this.#seam,
      secureContext: context,
      host: this.#host,
      servername: isIP(this.#host) === 0 ? this.#host : '',
      // The result is looked at before the handshake counts as complete, so that both policies share one path.
      rejectUnauthorized: false,
      allowHalfOpen: true,
      ...(this.#settings.alpn.length > 0 ? { ALPNProtocols: [...this.#settings.alpn] } : {}),
      ...(this.#offered === undefined ? {} : { session: Buffer.from(this.#offered.data) }),
    };
    const socket = tls.connect(options);
    socket.on('secureConnect', () => this.#handshakeDone());
    // OpenSSL still takes the tickets of TLS 1.3 where it is told not to ask for any.
    if (this.#settings.resume && keepsTickets(context)) {
      socket.on('session', (ticket: Buffer) => {
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
    this.#settings.sessions.put(this.#sessionKey, { data: this.#ticket, peer: this.#peer });
    this.#ticket = undefined;
  }

  #serve(context: tls.SecureContext): tls.TLSSocket {
    const options: tls.TLSSocketOptions & { allowHalfOpen: boolean } = {
      isServer: true,
      secureContext: context,
      requestCert: this.#settings.clientAuth !== 'none',
      // Has OpenSSL refuse a missing certificate, with the alert that says so. It accepts any other: see #verify.
      rejectUnauthorized: this.#settings.clientAuth === 'require',
      allowHalfOpen: true,
      ...(this.#settings.alpn.length > 0 ? { ALPNProtocols: [...this.#settings.alpn] } : {}),
    };
    const socket = new tls.TLSSocket(this.#seam, options);
    socket.on('secure', () => this.#handshakeDone());
    return socket;
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => {
      // After SHUTDOWN for receiving, what still comes is dropped, as the kernel would.
      if (this.#ended) return;
      this.readAhead.push(chunk);
      if (this.readAhead.length >= READ_AHEAD_LIMIT) {
        this.#paused = true;
        socket.pause();
      }
      this.#wakes.fire(READABLE);
    });
    socket.on('end', () => {
      // close_notify ahead of the end of the handshake: a server would not hear of it in any other way.
      if (this.#cut || !this.#secure) {
        const { code } = this.#cut ? GNUTLS_E.PREMATURE_TERMINATION : GNUTLS_E.SESSION_EOF;
        this.#failure ??= new TlsError(code, gnutlsErrorText(code));
      } else this.#ended = true;
      this.#wakes.fireAll();
    });
    socket.on('drain', () => this.#wakes.fire(WRITABLE));
    socket.on('finish', () => {
      this.#finished = true;
      this.#wakes.fireAll();
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => {
      if (!this.#ended) this.#fail(new IoError('EBADF', 'socket'));
      this.#wakes.fireAll();
    });
    const keylog = process.env.SSLKEYLOGFILE;
    if (keylog !== undefined && keylog !== '') {
      socket.on('keylog', (line: Buffer) => appendFileSync(keylog, line, { mode: 0o600 }));
    }
  }

  /** The connection ended. Whether close_notify came first shows once TLSSocket has read all that came before. */
  #plainEnded(): void {
    if (this.#ended || this.#failure !== null) return;
    if (this.#paused) return;
    setImmediate(() => {
      if (this.#ended || this.#failure !== null || this.#paused) return;
      this.#cut = true;
      this.#seam.push(null);
    });
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = this.#tlsError(error);
    this.#wakes.fireAll();
  }

  #tlsError(error: Error): TlsError {
    const broken = error instanceof IoError ? error : this.#plain.failure;
    if (broken !== null && broken.errnoName !== 'EBADF') {
      const status = broken.errnoName === 'EPIPE' ? GNUTLS_E.PUSH_ERROR.code : GNUTLS_E.PULL_ERROR.code;
      return new TlsError(status, `${gnutlsErrorText(status)}: ${broken.message}`, { cause: error });
    }
    if (this.#cut || (!this.#secure && this.#plain.ended)) {
      const status = GNUTLS_E.PREMATURE_TERMINATION.code;
      return new TlsError(status, gnutlsErrorText(status), { cause: error });
    }
    const { status, text } = statusOfTlsFailure(error, this.#secure ? 'record' : 'handshake', {
      role: this.#role,
      protocol: this.#socket.getProtocol(),
    });
    return new TlsError(status, text, { cause: error });
  }

  #handshakeDone(): void {
    if (this.#failure !== null) return;
    const verify = this.#verify();
    if (verify.result === 'failed') {
      const message = describeVerifyFailure(verify.reasons, this.#host);
      this.#failure = new TlsError(GNUTLS_E.CERTIFICATE_VERIFICATION_ERROR.code, message);
    } else {
      const chain = this.#resumed()?.chain ?? this.#peerChain();
      this.#secure = true;
      this.#info = this.#describe(verify, chain);
      if (this.#role === 'client') {
        this.#peer = { chain, result: verify.result, reasons: verify.reasons };
        if (this.#info.resumed && this.#info.version === 'TLSv1.2') this.#ticket ??= this.#offered?.data;
        this.#keepSession();
      }
    }
    this.#wakes.fireAll();
  }

  /** What was found out of the peer when the session began that this one resumes. */
  #resumed(): KeptSession['peer'] {
    return this.#socket.isSessionReused() ? this.#offered?.peer : undefined;
  }

  #verify(): { result: 'verified' | 'failed' | 'unchecked'; reasons: readonly VerifyReason[] } {
    const earlier = this.#resumed();
    if (earlier !== undefined) return earlier;
    const error = this.#role === 'client' ? this.#clientVerifyError() : this.#serverVerifyError();
    if (error === null) return { result: 'verified', reasons: [] };
    if (error === undefined) return { result: 'unchecked', reasons: [] };
    return { result: this.#settings.verify === 'full' ? 'failed' : 'unchecked', reasons: reasonsOfNodeError(error) };
  }

  #clientVerifyError(): string | null {
    return this.#socket.authorized ? null : String(this.#socket.authorizationError ?? 'ERR_TLS_CERT_UNVERIFIED');
  }

  /** null when the client's certificate verified, undefined when none was asked for or none was sent. */
  #serverVerifyError(): string | null | undefined {
    const { clientAuth } = this.#settings;
    if (clientAuth === 'none') return undefined;
    if (Object.keys(this.#socket.getPeerCertificate()).length === 0) {
      if (clientAuth === 'request') return undefined;
      this.#failure = new TlsError(
        GNUTLS_E.CERTIFICATE_REQUIRED.code,
        gnutlsErrorText(GNUTLS_E.CERTIFICATE_REQUIRED.code),
      );
      return undefined;
    }
    // Node offers the result to tls.Server only; a handle without it counts as unverified.
    const { ssl } = this.#socket as { ssl?: { verifyError?: () => (Error & { code?: string }) | null } };
    if (ssl?.verifyError === undefined) return 'ERR_TLS_CERT_UNVERIFIED';
    const error = ssl.verifyError();
    return error ? (error.code ?? error.message) : null;
  }

  #describe({ result, reasons }: VerifyResult, chain: readonly Uint8Array[]): TlsInfo {
    const socket = this.#socket;
    const key = this.#role === 'client' ? (socket.getEphemeralKeyInfo() as { name?: string } | null) : null;
    const asked = (socket as { servername?: string | false }).servername;
    return {
      engine: 'node',
      role: this.#role,
      version: socket.getProtocol() ?? 'unknown',
      suite: socket.getCipher().standardName,
      group: key?.name === undefined ? null : groupName(key.name),
      alpn: socket.alpnProtocol || null,
      servername: this.#role === 'server' ? asked || null : isIP(this.#host) === 0 ? this.#host : null,
      resumed: socket.isSessionReused(),
      verify: { result, reasons },
      peer: describePeer(chain),
    };
  }

  #peerChain(): Uint8Array[] {
    const chain: Uint8Array[] = [];
    const seen = new Set<string>();
    let certificate: tls.DetailedPeerCertificate | undefined = this.#socket.getPeerCertificate(true);
    while (certificate?.raw !== undefined && !seen.has(certificate.fingerprint256)) {
      seen.add(certificate.fingerprint256);
      chain.push(new Uint8Array(certificate.raw));
      certificate = certificate.issuerCertificate;
    }
    return chain;
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

  watch(events: number, wake: () => void): () => void {
    return this.#wakes.add(events, wake);
  }

  handshake(): Transfer {
    if (this.#failure !== null) throw this.#failure;
    return this.#secure ? 0 : WANT_READ;
  }

  read(into: Uint8Array): Transfer {
    if (this.readAhead.length > 0) {
      const count = this.readAhead.take(into);
      if (this.#paused && this.readAhead.length < READ_AHEAD_LIMIT) this.#resume();
      return count;
    }
    if (this.#ended) return 0;
    if (this.#failure !== null) throw this.#failure;
    return WANT_READ;
  }

  #resume(): void {
    this.#paused = false;
    this.#socket.resume();
    if (this.#plain.ended) this.#plainEnded();
  }

  write(from: Uint8Array): Transfer {
    if (this.#failure !== null) throw this.#failure;
    if (this.#socket.writableEnded)
      throw new TlsError(GNUTLS_E.INVALID_SESSION.code, gnutlsErrorText(GNUTLS_E.INVALID_SESSION.code));
    const room = WRITE_BEHIND_LIMIT - this.#socket.writableLength;
    if (room <= 0) return WANT_WRITE;
    const chunk = Buffer.from(from.length <= room ? from : from.subarray(0, room));
    this.#socket.write(chunk);
    return chunk.length;
  }

  probe(): Probe {
    if (this.readAhead.length > 0) return 'readable';
    if (this.#ended) return 'ended';
    if (this.#failure !== null) throw this.#failure;
    return 'idle';
  }

  available(): number {
    return this.readAhead.length;
  }

  fits(count: number): boolean {
    const queued = this.#socket.writableLength;
    return queued === 0 || queued + count <= WRITE_BEHIND_LIMIT;
  }

  shutdown(direction: Direction): Transfer {
    if (this.#failure !== null) throw this.#failure;
    if (direction !== 'send') {
      this.#ended = true;
      this.readAhead.clear();
    }
    if (direction !== 'receive') {
      if (!this.#socket.writableEnded) this.#socket.end();
      if (!this.#finished) return WANT_WRITE;
    }
    return 0;
  }

  *closeOp(): Op<void> {
    let inBackground = false;
    try {
      if (this.#failure !== null) return;
      if (!this.#socket.writableEnded) this.#socket.end();
      inBackground = (yield* this.#plain.flushedOp(Deadline.after(CLOSE_LINGER))) === 'timeout';
    } finally {
      if (inBackground) this.#plain.lingerInBackground();
      else this.destroy();
    }
  }

  destroy(): void {
    this.#socket.destroy();
    this.#plain.destroy();
  }
}
