/** The operations on endpoints that everything above is made of. */
import { type Deadline, NOW } from '../core/deadline.ts';
import { IoError, TcpxError, TlsError } from '../core/errors.ts';
import { type Op, READABLE, resumed, WRITABLE, waitFor, waitOp } from '../core/op.ts';
import { plaintextText } from '../tls/failure-texts.ts';
import { GNUTLS_E, gnutlsErrorText } from '../tls/gnutls-errors.ts';
import {
  type Direction,
  type Endpoint,
  type Engine,
  type Listener,
  type PlainEndpoint,
  type TlsEndpoint,
  type TlsRole,
  type TlsStart,
  type Transfer,
  WANT_WRITE,
} from './endpoint.ts';
import { StrayBytesError } from './stray-bytes.ts';

/** The poll events that a WANT value asks for. */
export function eventsOf(want: Transfer): number {
  return want === WANT_WRITE ? WRITABLE : READABLE;
}

/**
 * Reads at least one byte, up to the whole of `into`. Returns the count, 0 at the end of the stream, or 'timeout'.
 */
export function* readOp(endpoint: Endpoint, into: Uint8Array, until: Deadline): Op<number | 'timeout'> {
  return yield* readFurtherOp(endpoint, into, endpoint.read(into), false, until);
}

/**
 * Goes on with a read whose first attempt gave `first`, until there is a byte, or with `whole` until `into` is full.
 * Returns the bytes read: fewer only at the end of the stream, at the deadline, or when the connection broke behind
 * bytes that had arrived; the failure then stays for the next call. A cancelled read puts back what it took.
 */
export function* readFurtherOp(
  endpoint: Endpoint,
  into: Uint8Array,
  first: Transfer,
  whole: boolean,
  until: Deadline,
): Op<number | 'timeout'> {
  let filled = 0;
  try {
    for (let count = first; ; count = endpoint.read(filled === 0 ? into : into.subarray(filled))) {
      if (count === 0) return filled;
      if (count > 0) {
        filled += count;
        if (!whole || filled === into.length) return filled;
      } else if (until === NOW || resumed(yield waitFor(endpoint, eventsOf(count), until)) === 'timeout') {
        return filled === 0 ? 'timeout' : filled;
      }
    }
  } catch (error) {
    if (filled === 0) throw error;
    if (error instanceof TlsError || (error instanceof IoError && error.errnoName !== 'EINTR')) return filled;
    endpoint.readAhead.unshift(into.slice(0, filled));
    throw error;
  }
}

/** Writes all of `from`, or what goes out before the deadline. Returns the count. */
export function* writeOp(endpoint: Endpoint, from: Uint8Array, until: Deadline): Op<number> {
  return from.length === 0 ? 0 : yield* writeFurtherOp(endpoint, from, endpoint.write(from, until === NOW), until);
}

/** Goes on with a write whose first attempt gave `first`. Returns the count, the first bytes included. */
export function* writeFurtherOp(endpoint: Endpoint, from: Uint8Array, first: Transfer, until: Deadline): Op<number> {
  let sent = 0;
  try {
    for (let count = first; ; count = endpoint.write(sent === 0 ? from : from.subarray(sent), until === NOW)) {
      if (count > 0) sent += count;
      else if (until === NOW || resumed(yield waitFor(endpoint, eventsOf(count), until)) === 'timeout') return sent;
      if (sent === from.length) return sent;
    }
  } catch (error) {
    // Bytes already taken are reported, as send(2) has it; a broken connection shows in the next call.
    if (sent > 0 && error instanceof TcpxError && error.code !== 'TCPX_CANCELLED') return sent;
    throw error;
  }
}

/** Ends one direction or both; close_notify goes out first on TLS. */
export function* shutdownOp(endpoint: Endpoint, direction: Direction, until: Deadline): Op<'done' | 'timeout'> {
  for (;;) {
    const want = endpoint.shutdown(direction);
    if (want === 0) return 'done';
    if ((yield* waitOp(endpoint, eventsOf(want), until)) === 'timeout') return 'timeout';
  }
}

/** Waits for a connection. */
export function* acceptOp(listener: Listener, until: Deadline): Op<PlainEndpoint | 'timeout'> {
  for (;;) {
    const endpoint = listener.accept();
    if (endpoint !== null) return endpoint;
    if ((yield* waitOp(listener, READABLE, until)) === 'timeout') return 'timeout';
  }
}

/**
 * The one step that starts TLS on a connection, whether from the first byte or after a dialogue in clear.
 *
 * Plaintext is never carried over: while even one byte of it is unread the upgrade fails. On any failure the
 * connection is closed.
 *
 * @param after what came before on the connection: where it was nothing, plaintext is a wrong port, not an injection
 * @throws StrayBytesError when plaintext was waiting behind a dialogue
 * @throws TlsError when the handshake failed, GNUTLS_E_TIMEDOUT at the deadline
 */
export function* upgradeOp(
  engine: Engine,
  plain: PlainEndpoint,
  start: TlsStart,
  until: Deadline,
  after: 'nothing' | 'dialogue',
): Op<TlsEndpoint> {
  let owner: Endpoint = plain;
  let upgraded = false;
  try {
    yield* engine.loadTlsOp();
    yield* engine.settleOp();
    const stray = plain.stray(start.role);
    // The TLS library would say the same of a new connection, had the bytes come a little later.
    if (stray.count > 0 && after === 'nothing') throw notTlsError(start.role);
    if (stray.count > 0) throw new StrayBytesError(stray.count, stray.head);
    const secure = engine.startTls(plain, start);
    owner = secure;
    const limit = until.atMost(start.settings.handshakeTimeout);
    for (;;) {
      const want = secure.handshake();
      if (want === 0) {
        upgraded = true;
        return secure;
      }
      if ((yield* waitOp(secure, eventsOf(want), limit)) === 'timeout') {
        throw new TlsError(GNUTLS_E.TIMEDOUT, 'the TLS handshake did not finish in time');
      }
    }
  } finally {
    // Not a catch: an attempt that is given up ends here too.
    if (!upgraded) owner.destroy();
  }
}

function notTlsError(role: TlsRole): TlsError {
  const code = GNUTLS_E.UNEXPECTED_PACKET;
  return new TlsError(code, `${gnutlsErrorText(code)}: ${plaintextText('handshake', role)}`);
}
