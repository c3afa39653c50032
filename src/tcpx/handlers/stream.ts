/** What the opcodes on an open connection share. */
import { IoError, UsageError } from '../../core/errors.ts';
import type { Call } from '../call.ts';
import { countBelowTlsBit } from '../flags.ts';
import type { Runtime } from '../runtime.ts';
import type { ConnectingSocket, StreamSocket } from '../sockets.ts';

/**
 * The connection that a call is about, or the asynchronous CONNECT that is to become one.
 *
 * @throws IoError EBADF for an unknown number, ENOTCONN for a listening socket
 */
export function streamOf(runtime: Runtime, call: Call): StreamSocket | ConnectingSocket {
  const socket = runtime.sockets.find(call.sockport);
  if (socket.kind !== 'listener') return socket;
  throw new IoError('ENOTCONN', `socket ${call.sockport} is listening`);
}

/**
 * The byte count in flags. On a connection that is, or is to become, TLS the bits from the TLS bit up are not part of
 * it; on a plain one the number is a count and nothing else (reference tcpx §3.2, §7).
 */
export function countOf(runtime: Runtime, call: Call, socket: StreamSocket): number {
  const count = socket.state === 'plain' ? call.flags : countBelowTlsBit(call.flags, runtime.bits);
  if (count >= 0) return count;
  throw new UsageError(`flags is a byte count here and cannot be ${count}`);
}
