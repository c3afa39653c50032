/** TCPOP_WRITE (2); reference tcpx §3.3, §4, §13 (low-water mark). */
import { type Deadline, NOW } from '../../core/deadline.ts';
import { UsageError } from '../../core/errors.ts';
import type { Op } from '../../core/op.ts';
import type { Transfer } from '../../net/endpoint.ts';
import { writeFurtherOp } from '../../net/ops.ts';
import { type Call, type Outcome, succeeded, unlent } from '../call.ts';
import { type Begun, isOutcome, type Runtime, timerDeadline } from '../runtime.ts';
import type { ConnectingSocket, StreamSocket } from '../sockets.ts';
import { refused } from '../status.ts';
import { establishedOp, STILL_CONNECTING } from './connecting.ts';
import { textOf } from './open.ts';
import { countOf, streamOf } from './stream.ts';

export function writeOpcode(runtime: Runtime, call: Call): Begun {
  const socket = streamOf(runtime, call);
  const limit = timerDeadline(call);
  return socket.kind === 'stream'
    ? writeTo(runtime, call, socket, limit)
    : writeOnceConnectedOp(runtime, call, socket, limit);
}

function* writeOnceConnectedOp(runtime: Runtime, given: Call, found: ConnectingSocket, limit: Deadline): Op<Outcome> {
  const call = unlent(given);
  const socket = yield* establishedOp(runtime, found, call.timer > 0 ? limit : NOW);
  if (socket === null) return refused('EAGAIN', STILL_CONNECTING);
  const begun = writeTo(runtime, call, socket, limit);
  return isOutcome(begun) ? begun : yield* begun;
}

function writeTo(runtime: Runtime, call: Call, socket: StreamSocket, limit: Deadline): Begun {
  if (socket.writing) return refused('EALREADY', 'another WRITE waits on this socket');
  const from = data(runtime, call, socket);
  if (from.length === 0) return succeeded(0);
  const { endpoint } = socket;
  const mayWait = socket.blocking || call.timer > 0;
  // A write that may not wait is not begun before all of it fits, as the low-water mark of the original has it; more
  // than an empty send buffer can hold goes out in part.
  if (!mayWait && !endpoint.fits(from.length)) return nothingSent(from);
  const first = endpoint.write(from, !mayWait);
  if (first === from.length) return sent(socket, first);
  const kept = call.buffer.lent ? from.slice() : from;
  return writeOnOp(socket, kept, first, mayWait ? limit : NOW);
}

/** Goes on after a first attempt that was not enough. */
function* writeOnOp(socket: StreamSocket, from: Uint8Array, first: Transfer, until: Deadline): Op<Outcome> {
  socket.writing = true;
  try {
    const count = yield* writeFurtherOp(socket.endpoint, from, first, until);
    return count === 0 ? nothingSent(from) : sent(socket, count);
  } finally {
    socket.writing = false;
  }
}

function sent(socket: StreamSocket, count: number): Outcome {
  socket.connect = 'known';
  return succeeded(count);
}

function nothingSent(from: Uint8Array): Outcome {
  return refused('EAGAIN', `no room to send ${from.length} bytes`);
}

function data(runtime: Runtime, call: Call, socket: StreamSocket): Uint8Array {
  const { bytes, size, isString } = call.buffer;
  const count = countOf(runtime, call, socket);
  if (count > bytes.length) {
    throw new UsageError(`flags asks for ${count} bytes, the buffer has ${bytes.length}; nothing was sent`);
  }
  if (count > 0) return count === bytes.length ? bytes : bytes.subarray(0, count);
  if (isString && runtime.assumptions.fixedStringWrite === 'current') return textOf(call);
  return bytes.subarray(0, size);
}
