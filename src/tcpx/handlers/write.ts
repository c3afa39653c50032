/** TCPOP_WRITE (2); reference tcpx §3.3, §4, §13 (low-water mark). */
import { NOW } from '../../core/deadline.ts';
import { UsageError } from '../../core/errors.ts';
import type { Op } from '../../core/op.ts';
import { writeOp } from '../../net/ops.ts';
import { type Call, type Outcome, succeeded } from '../call.ts';
import { type Runtime, timerDeadline } from '../runtime.ts';
import type { StreamSocket } from '../sockets.ts';
import { refused } from '../status.ts';
import { establishedOp, STILL_CONNECTING } from './connecting.ts';
import { textOf } from './open.ts';
import { countOf, streamOf } from './stream.ts';

export function* writeOpcodeOp(runtime: Runtime, call: Call): Op<Outcome> {
  const found = streamOf(runtime, call);
  const limit = timerDeadline(call);
  const socket = found.kind === 'stream' ? found : yield* establishedOp(runtime, found, call.timer > 0 ? limit : NOW);
  if (socket === null) return refused('EAGAIN', STILL_CONNECTING);
  if (socket.writing) return refused('EALREADY', 'another WRITE waits on this socket');
  const from = data(runtime, call, socket);
  if (from.length === 0) return succeeded(0);
  socket.writing = true;
  try {
    const { endpoint } = socket;
    const mayWait = socket.blocking || call.timer > 0;
    // A write that may not wait is not begun before all of it fits, as the low-water mark of the original has it; more
    // than an empty send buffer can hold goes out in part.
    const begins = mayWait || endpoint.fits(from.length);
    const sent = begins ? yield* writeOp(endpoint, from, mayWait ? limit : NOW) : 0;
    if (sent === 0) return refused('EAGAIN', `no room to send ${from.length} bytes`);
    socket.connect = 'known';
    return succeeded(sent);
  } finally {
    socket.writing = false;
  }
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
