/** TCPOP_READ (4); reference tcpx §3.2, §4, §5.2. */
import { NOW } from '../../core/deadline.ts';
import { UsageError } from '../../core/errors.ts';
import type { Op } from '../../core/op.ts';
import { readFullyOp, readOp } from '../../net/ops.ts';
import { type Call, type Outcome, succeeded } from '../call.ts';
import { type Runtime, timerDeadline } from '../runtime.ts';
import type { StreamSocket } from '../sockets.ts';
import { refused } from '../status.ts';
import { establishedOp, STILL_CONNECTING } from './connecting.ts';
import { countOf, streamOf } from './stream.ts';

/*
 *                      timer 0                               timer > 0
 * count 0, blocking    at least one byte, however long       at least one byte, within the timer
 * count 0, non-bl.     what is there, else would-block       the same
 * count n, blocking    all n, however long                   all n, or what came within the timer
 * count n, non-bl.     up to n of what is there              the same
 */
export function* readOpcodeOp(runtime: Runtime, call: Call): Op<Outcome> {
  const found = streamOf(runtime, call);
  const limit = timerDeadline(call);
  const socket = found.kind === 'stream' ? found : yield* establishedOp(runtime, found, call.timer > 0 ? limit : NOW);
  if (socket === null) return refused('EAGAIN', STILL_CONNECTING);
  if (socket.reading) return refused('EALREADY', 'another READ waits on this socket');
  const count = countOf(runtime, call, socket);
  const into = target(runtime, call, count);
  socket.reading = true;
  try {
    const { endpoint } = socket;
    const mayWait = socket.blocking || call.timer > 0;
    const until = mayWait ? limit : NOW;
    let received = yield* mayWait && count > 0 ? readFullyOp(endpoint, into, until) : readOp(endpoint, into, until);
    if (received === 'timeout' && until === NOW && (yield* runtime.engine.settleOp())) {
      received = yield* readOp(endpoint, into, NOW);
    }
    if (received === 'timeout') return refused('EAGAIN', nothingReceived(socket));
    if (received > 0) socket.heard = true;
    socket.connect = 'known';
    return succeeded(received, received === into.length ? into : into.subarray(0, received));
  } finally {
    socket.reading = false;
  }
}

/** Where the bytes go: the variable itself, or new memory for one that grows. */
function target(runtime: Runtime, call: Call, count: number): Uint8Array {
  const { bytes, dynamic, size } = call.buffer;
  if (dynamic) return new Uint8Array(count === 0 ? runtime.assumptions.dynamicReadSize : count);
  const room = Math.min(count === 0 ? size : count, bytes.length);
  const into = room === bytes.length ? bytes : bytes.subarray(0, room);
  if (into.length === 0) throw new UsageError('the buffer has no room: READ needs a variable of at least one byte');
  return into;
}

function nothingReceived(socket: StreamSocket): string {
  if (socket.heard || socket.state === 'tls' || socket.role === 'server') return 'nothing to read';
  return 'nothing received yet; a server that says nothing may expect TLS first: CONNECT with TCPXFLG_TLS';
}
