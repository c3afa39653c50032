/** What an asynchronous CONNECT on its way is to the opcodes on its socket; reference tcpx §9. */
import { type Deadline, NOW } from '../../core/deadline.ts';
import { IoError } from '../../core/errors.ts';
import type { Op } from '../../core/op.ts';
import type { Runtime } from '../runtime.ts';
import type { ConnectingSocket, StreamSocket } from '../sockets.ts';

/** Why a call on it is would-block. */
export const STILL_CONNECTING = 'the connection is still being made';

/**
 * Takes it further, within `until`; null while it is still on its way.
 *
 * @throws what the attempt failed with, now and in every later call
 */
export function* establishedOp(runtime: Runtime, socket: ConnectingSocket, until: Deadline): Op<StreamSocket | null> {
  if (!(yield* socket.dialing.advanceOp(until))) {
    if (until !== NOW || !(yield* runtime.engine.settleOp())) return null;
    if (!(yield* socket.dialing.advanceOp(NOW))) return null;
  }
  return adopt(runtime, socket);
}

/** Puts the connection that was made into the place of the attempt. */
export function adopt(runtime: Runtime, socket: ConnectingSocket): StreamSocket {
  const current = runtime.sockets.peek(socket.number);
  if (current?.kind === 'stream') return current;
  if (current !== socket) throw new IoError('EBADF', `socket ${socket.number}`);
  // The calls in progress on the attempt are now those on the connection: CLOSE ends them.
  return runtime.sockets.add({ ...socket.dialing.value, tasks: socket.tasks, connect: 'unseen' });
}
