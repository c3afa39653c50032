/**
 * TLS through GnuTLS on a native socket: handshake and records. GnuTLS owns the descriptor; there are no callbacks.
 */
import { ByteQueue } from '../core/byte-queue.ts';
import { Deadline } from '../core/deadline.ts';
import { TlsError } from '../core/errors.ts';
import { type Op, READABLE, WRITABLE, waitOp } from '../core/op.ts';
import {
  GNUTLS_A_NO_RENEGOTIATION,
  GNUTLS_AL_WARNING,
  GNUTLS_SHUT_WR,
  type Gnutls,
  loadGnutls,
} from '../native/gnutls.ts';
import {
  FIONREAD,
  type Libc,
  loadLibc,
  MSG_DONTWAIT,
  MSG_PEEK,
  POLLERR,
  POLLRDHUP,
  SHUT_RD,
  SHUT_WR,
} from '../native/libc.ts';
import { alertFailureText, plaintextText } from '../tls/failure-texts.ts';
import { GNUTLS_E, gnutlsErrorText } from '../tls/gnutls-errors.ts';
import type { TlsInfo } from '../tls/info.ts';
import { BesideSessions, type SessionSource } from '../tls/session-cache.ts';
import {
  type Address,
  type Direction,
  type Probe,
  type TlsEndpoint,
  type TlsStart,
  type Transfer,
  WANT_READ,
  WANT_WRITE,
} from './endpoint.ts';
import { withGnutlsLog } from './gnutls-log.ts';
import { GnutlsSession } from './gnutls-session.ts';
import { CLOSE_LINGER, READ_AHEAD_LIMIT } from './limits.ts';
import { type NativeEndpoint, nativeFits, type OwnedFd, polled } from './native.ts';

/** One TLS record's worth: GnuTLS gives at most a record per call. */
const RECORD = 16_384;

/** Looked at on every record. */
const E_AGAIN = GNUTLS_E.AGAIN;
const E_INTERRUPTED = GNUTLS_E.INTERRUPTED;

const scratch = new Uint8Array(64 * 1024);
const scratchCount = new Int32Array(1);

export class GnutlsEndpoint implements TlsEndpoint {
  readonly readAhead: ByteQueue = new ByteQueue();
  readonly #gnutls: Gnutls = loadGnutls();
  readonly #libc: Libc = loadLibc();
  readonly #plain: NativeEndpoint;
  /** Takes GnuTLS's own log of what this session does; null when nobody traces. */
  readonly #log: ((line: string) => void) | null;
  readonly #session: GnutlsSession;
  readonly besides: SessionSource = new BesideSessions(() => (this.#isSound() ? this.#session.resumable() : undefined));
  #secure = false;
  #info: TlsInfo | null = null;
  /** A record that GnuTLS holds and the kernel has not taken yet. */
  #unsent = false;
  #ended = false;
  #byeSent = false;
  #destroyed = false;
  #failure: Error | null = null;
  /** The end of the connection without close_notify, seen while GnuTLS has not met it. */
  #cut: TlsError | null = null;
  /** The most bytes of a record that is sent; 0 until the first. */
  #recordSize = 0;

  constructor(plain: NativeEndpoint, start: TlsStart) {
    this.#plain = plain;
    this.#log = start.log;
    this.#session = new GnutlsSession(plain, start);
  }

  get fd(): number {
    return this.#plain.fd;
  }

  get owned(): OwnedFd {
    return this.#plain.owned;
  }

  get local(): Address {
    return this.#plain.local;
  }

  get remote(): Address {
    return this.#plain.remote;
  }

  get tls(): TlsInfo {
    if (!this.#secure) throw new Error('the handshake is not complete');
    if (this.#info === null) {
      if (this.#destroyed) throw new Error('the session is gone');
      this.#info = this.#session.describe();
    }
    return this.#info;
  }

  watch(events: number, wake: () => void): () => void {
    const unwatch = this.#plain.watch(events, wake);
    if ((events & READABLE) === 0 || !this.#moreArrived()) return unwatch;
    unwatch();
    const immediate = setImmediate(wake);
    return () => clearImmediate(immediate);
  }

  handshake(): Transfer {
    for (;;) {
      const code = this.#logged(() => this.#gnutls.gnutls_handshake(this.#session.address));
      if (code === 0) break;
      if (code === E_AGAIN || code === E_INTERRUPTED) return this.#want();
      if (this.#gnutls.gnutls_error_is_fatal(code) !== 0) throw this.#handshakeError(code);
    }
    this.#secure = true;
    // A server decides by the facts about a certificate that it only requested. A client's wait until somebody asks: they
    // cost half as much as the handshake.
    if (this.#session.role === 'server') this.#info = this.#session.describe();
    this.#session.keepOffered();
    return 0;
  }

  /** Runs one call into the library with its log on, where a trace wants it. */
  #logged<T>(call: () => T): T {
    return this.#log === null ? call() : withGnutlsLog(this.#gnutls, this.#log, call);
  }

  #want(): Transfer {
    return this.#gnutls.gnutls_record_get_direction(this.#session.address) === 1 ? WANT_WRITE : WANT_READ;
  }

  #handshakeError(met: number): TlsError {
    const code = this.#isCut(met)
      ? GNUTLS_E.PREMATURE_TERMINATION
      : this.#want() === WANT_WRITE
        ? sendingError(met)
        : met;
    this.#tellPeer(code);
    if (code === GNUTLS_E.CERTIFICATE_VERIFICATION_ERROR) {
      return this.#session.refusal();
    }
    const text = this.#describeError(code);
    if (code !== GNUTLS_E.UNEXPECTED_PACKET) return new TlsError(code, text);
    return new TlsError(code, `${text}: ${plaintextText('handshake', this.#session.role)}`);
  }

  /** The peer learns what is wrong, as OpenSSL has it by itself; of its own alert, and of the end, it knows. */
  #tellPeer(code: number): void {
    if (code === GNUTLS_E.PREMATURE_TERMINATION || code === GNUTLS_E.FATAL_ALERT_RECEIVED) return;
    this.#gnutls.gnutls_alert_send_appropriate(this.#session.address, code);
  }

  #describeError(code: number): string {
    if (code === GNUTLS_E.FATAL_ALERT_RECEIVED || code === GNUTLS_E.WARNING_ALERT_RECEIVED) {
      return alertFailureText(code, this.#gnutls.gnutls_alert_get(this.#session.address));
    }
    return gnutlsErrorText(code);
  }

  read(into: Uint8Array): Transfer {
    if (this.readAhead.length > 0) return this.readAhead.take(into);
    const count = this.#receive(into);
    return count === RECORD && into.length > RECORD ? this.#receiveMore(into, count) : count;
  }

  /** Behind a full record there is usually another: a large buffer takes as many as have arrived. */
  #receiveMore(into: Uint8Array, received: number): number {
    let filled = received;
    try {
      while (filled < into.length && !this.#allArrived()) {
        const count = this.#receive(into.subarray(filled));
        if (count <= 0) break;
        filled += count;
        if (count < RECORD) break;
      }
    } catch {
      // Kept in #failure: it is reported once the bytes before it have been read.
    }
    return filled;
  }

  /** One gnutls_record_recv(3) of application data; 0 at close_notify. */
  #receive(into: Uint8Array): Transfer {
    if (this.#ended) return 0;
    if (this.#failure !== null) throw this.#failure;
    if (this.#cut !== null) throw this.#cut;
    for (;;) {
      const count =
        this.#log === null
          ? this.#gnutls.gnutls_record_recv(this.#session.address, into, into.length)
          : this.#logged(() => this.#gnutls.gnutls_record_recv(this.#session.address, into, into.length));
      if (count > 0) {
        // The rest of the record may be left in the session.
        if (count === into.length) this.owned.foundMore();
        return count;
      }
      if (count === 0) {
        this.#ended = true;
        this.owned.foundMore();
        return 0;
      }
      if (count === E_AGAIN || count === E_INTERRUPTED) return this.#want();
      if (count === GNUTLS_E.REHANDSHAKE) {
        // RFC 5246 §7.2.2: a renegotiation is declined, the session goes on.
        this.#gnutls.gnutls_alert_send(this.#session.address, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
        continue;
      }
      if (this.#gnutls.gnutls_error_is_fatal(count) === 0) continue;
      const code = this.#isCut(count) ? GNUTLS_E.PREMATURE_TERMINATION : count;
      this.#failure = new TlsError(code, this.#describeError(code));
      this.owned.foundMore();
      this.#tellPeer(code);
      throw this.#failure;
    }
  }

  /** Whether the connection has ended inside a record: to GnuTLS that is a record of the wrong length. */
  #isCut(code: number): boolean {
    if (code !== GNUTLS_E.UNEXPECTED_PACKET_LENGTH) return false;
    return this.#libc.recv(this.fd, scratch, 1, MSG_PEEK | MSG_DONTWAIT) === 0;
  }

  /** Whether receiving would find the end of the connection at most. */
  #allArrived(): boolean {
    if (this.#gnutls.gnutls_record_check_pending(this.#session.address) !== 0) return false;
    return this.#libc.ioctl(this.fd, FIONREAD, scratchCount) === 0 && scratchCount[0] === 0;
  }

  /**
   * Whether it is an end, and no reset. A session of GnuTLS that meets one without close_notify can send no more; who has
   * ended may still read, so that it is seen here.
   */
  #endsHere(): boolean {
    const events = polled(this.fd, POLLRDHUP);
    // What came just ahead of the end, an alert above all, came perhaps since anybody has looked.
    return (events & POLLRDHUP) !== 0 && (events & POLLERR) === 0 && this.#allArrived();
  }

  /**
   * GnuTLS says "again" after each session ticket and key update too, however much lies behind it in the kernel, and
   * an edge for that has passed already: whoever goes by edges asks here first. poll(2) sees an end and an error as
   * well, and takes nothing away.
   */
  #moreArrived(): boolean {
    return polled(this.fd, READABLE) !== 0;
  }

  write(from: Uint8Array): Transfer {
    if (this.#failure !== null) throw this.#failure;
    if (this.#flush() !== 0) return WANT_WRITE;
    if (this.#recordSize === 0) this.#recordSize = this.#gnutls.gnutls_record_get_max_size(this.#session.address);
    const length = Math.min(from.length, this.#recordSize);
    const count =
      this.#log === null
        ? this.#gnutls.gnutls_record_send(this.#session.address, from, length)
        : this.#logged(() => this.#gnutls.gnutls_record_send(this.#session.address, from, length));
    if (count >= 0) return count;
    if (count === E_AGAIN || count === E_INTERRUPTED) {
      // GnuTLS has sealed the record and sends the rest of it later: these bytes are taken.
      this.#unsent = true;
      return length;
    }
    throw this.#sendFailed(count);
  }

  /** A peer that closes may have said why: its alert, which waits to be read, tells more than the broken pipe. */
  #sendFailed(met: number): Error {
    this.#fill();
    const said = this.#failure instanceof TlsError && this.#failure.status === GNUTLS_E.FATAL_ALERT_RECEIVED;
    if (this.#failure === null || !said) {
      const code = sendingError(met);
      this.#failure = new TlsError(code, this.#describeError(code));
    }
    return this.#failure;
  }

  /** Sends what is left of the last record. Returns 0 or WANT_WRITE. */
  #flush(): Transfer {
    if (!this.#unsent) return 0;
    const count = this.#gnutls.gnutls_record_send(this.#session.address, null, 0);
    if (count === E_AGAIN || count === E_INTERRUPTED) return WANT_WRITE;
    this.#unsent = false;
    if (count >= 0) return 0;
    throw this.#sendFailed(count);
  }

  /** Decrypts what has arrived, up to the bound, without waiting; with `toEnd` the end as well, where there is nothing else. */
  #fill(toEnd = true): void {
    while (this.readAhead.length < READ_AHEAD_LIMIT && !this.#ended && this.#failure === null && this.#cut === null) {
      if (this.#allArrived()) {
        if (this.readAhead.length > 0 || !toEnd) return;
        if (this.#endsHere()) {
          const code = GNUTLS_E.PREMATURE_TERMINATION;
          this.#cut ??= new TlsError(code, gnutlsErrorText(code));
          this.owned.foundMore();
          return;
        }
      }
      let count: Transfer;
      try {
        count = this.#receive(scratch);
      } catch {
        // Kept in #failure: it is reported once the bytes before it have been read.
        return;
      }
      if (count > 0) {
        this.readAhead.push(scratch.slice(0, count));
        this.owned.foundMore();
      } else if (count !== WANT_READ || !this.#moreArrived()) return;
    }
  }

  probe(): Probe {
    if (this.#unsent && this.#failure === null) this.#flush();
    if (this.readAhead.length === 0 && !this.#ended && this.#failure === null) {
      if (!this.owned.mayBeReadable() && this.#gnutls.gnutls_record_check_pending(this.#session.address) === 0)
        return 'idle';
      this.#fill();
      if (this.readAhead.length === 0 && !this.#ended && this.#failure === null && this.#cut === null)
        this.owned.foundIdle();
    }
    if (this.readAhead.length > 0) return 'readable';
    if (this.#ended) return 'ended';
    if (this.#failure !== null) throw this.#failure;
    if (this.#cut !== null) throw this.#cut;
    return 'idle';
  }

  available(): number {
    this.#fill();
    return this.readAhead.length;
  }

  fits(count: number): boolean {
    const records = Math.ceil(count / RECORD);
    return this.#flush() === 0 && nativeFits(this.#libc, this.fd, count + 64 * records);
  }

  shutdown(direction: Direction): Transfer {
    // Both directions have had their end: what has become of the connection since is nothing to this call.
    if (this.#byeSent && this.#ended) return 0;
    if (this.#failure !== null) throw this.#failure;
    if ((polled(this.fd, READABLE) & POLLERR) !== 0) throw this.#sendFailed(GNUTLS_E.PULL_ERROR);
    if (direction !== 'receive') {
      if (this.#sayBye() !== 0) return WANT_WRITE;
      this.#libc.shutdown(this.fd, SHUT_WR);
    }
    if (direction !== 'send') {
      // What has arrived can still be read, as from a kernel.
      this.#fill(false);
      this.#ended = true;
      this.#libc.shutdown(this.fd, SHUT_RD);
    }
    return 0;
  }

  /** Sends close_notify, once, behind what is left of the last record. Returns 0 or WANT_WRITE. */
  #sayBye(): Transfer {
    if (this.#byeSent) return 0;
    if (this.#flush() !== 0) return WANT_WRITE;
    const code = this.#logged(() => this.#gnutls.gnutls_bye(this.#session.address, GNUTLS_SHUT_WR));
    if (code === E_AGAIN || code === E_INTERRUPTED) return WANT_WRITE;
    this.#byeSent = true;
    return 0;
  }

  /** @throws TlsError GNUTLS_E_TIMEDOUT when the peer has not taken all that was written within {@link CLOSE_LINGER} */
  *closeOp(): Op<void> {
    try {
      const until = Deadline.after(CLOSE_LINGER);
      while (this.#failure === null && this.#sayBye() !== 0) {
        if ((yield* waitOp(this, WRITABLE, until)) === 'timeout') break;
      }
      if (this.#unsent && this.#failure === null) throw unsentError();
      // Session tickets that have arrived are for later connections.
      if (this.#session.awaitsTickets) this.#fill();
    } finally {
      this.destroy();
    }
  }

  release(): void {
    this.destroy();
  }

  discard(): void {
    if (!this.#unsent) return;
    this.#unsent = false;
    // Nothing can follow half a record.
    this.#byeSent = true;
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    if (this.#isSound()) this.#session.keep();
    this.#session.free();
    this.#plain.destroy();
  }

  /** Whether the session can be resumed as far as this side knows. */
  #isSound(): boolean {
    return this.#secure && this.#failure === null;
  }
}

/** GnuTLS calls a reset a premature end where send(2) meets it; it is to be what it is where recv(2) does. */
function sendingError(met: number): number {
  return met === GNUTLS_E.PREMATURE_TERMINATION ? GNUTLS_E.PULL_ERROR : met;
}

function unsentError(): TlsError {
  const lost = `the peer did not take the end of what was written within ${CLOSE_LINGER} ms of CLOSE: it is lost`;
  return new TlsError(GNUTLS_E.TIMEDOUT, lost);
}
