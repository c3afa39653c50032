/**
 * TLS where the server speaks in clear, and silence where it waits for TLS. The first shows in the handshake. The second
 * looks like a slow server: a second connection, on which TLS begins and nothing else is said, tells the two apart.
 */
import { NEVER } from '../core/deadline.ts';
import type { Op } from '../core/op.ts';
import { ChannelError } from '../starttls/channel.ts';
import type { Wire } from '../starttls/wire.ts';
import { XcallChannel } from '../starttls/xcall-channel.ts';
import type { Caller } from '../tcpx/index.ts';
import { EmailxError } from './error.ts';
import type { ServerAddress } from './server-address.ts';

/** What a port speaks first, as far as it showed. */
export type PortSpeech = 'tls' | 'clear';

/** GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR and GNUTLS_E_FATAL_ALERT_RECEIVED: an answer that only TLS has. */
const TLS_ANSWERS: ReadonlySet<number> = new Set([-348, -12]);

/** Mail between servers: nobody expects TLS first there, and some servers shut out whoever speaks before they do. */
const RELAY_PORT = 25;
/** How long a server may take to greet before it is looked at again, and for how long then, in ms. */
const SILENCE = 2_000;
const SECOND_LOOK = 3_000;
/** Less patience than this leaves no time for a second look, in ms. */
const LEAST_PATIENCE = 1_000;

/** TLS met clear text where a connection was to begin with it. Within a session the same is damage. */
export class ClearPortError extends ChannelError {}

/** The error as one that tells of the port, if that is what it shows. */
export function atFirst(error: unknown): unknown {
  if (!(error instanceof ChannelError) || !error.metPlaintext) return error;
  return new ClearPortError(error.status, error.origin, error.message, error.stray, error.refusedPeer);
}

/** What the port seems to speak, where an error shows that it is not what was tried; else null. */
export function portSpeech(error: unknown): PortSpeech | null {
  if (error instanceof EmailxError && error.refusal === 'tlsExpected') return 'tls';
  return error instanceof ClearPortError ? 'clear' : null;
}

/**
 * Waits a moment for the greeting on a connection in clear, and where none comes finds out whether the port expects TLS.
 * Nothing is read from `wire`; a server that is only slow has the rest of its time afterwards.
 *
 * @param patience how long the server may be silent, in ms
 * @throws EmailxError when the port expects TLS
 */
export function* expectGreetingOp(caller: Caller, wire: Wire, server: ServerAddress, patience: number): Op<void> {
  const left = Math.min(patience, wire.until.remaining());
  if (server.port === RELAY_PORT || left < LEAST_PATIENCE) return;
  if (yield* wire.pendingOp(Math.min(SILENCE, left / 2))) return;
  if (!(yield* answersTlsOp(caller, server, Math.min(SECOND_LOOK, left / 2)))) return;
  throw new EmailxError('tlsExpected', 'the server says nothing in clear: this port expects TLS first');
}

/** Whether TLS is answered, whatever comes of it. */
function* answersTlsOp(caller: Caller, { host, port }: ServerAddress, milliseconds: number): Op<boolean> {
  let channel: XcallChannel;
  try {
    channel = yield* XcallChannel.connectOp(caller, host, port, 'tls', NEVER.atMost(milliseconds));
  } catch (error) {
    if (!(error instanceof ChannelError)) throw error;
    return error.origin === 'tls' && TLS_ANSWERS.has(error.status);
  }
  yield* channel.closeOp();
  return true;
}
