/** TCPOP_READ (4); reference tcpx §3.2, §4, §5.2. */
import { type Deadline, NOW } from '../../core/deadline.ts';
import { UsageError } from '../../core/errors.ts';
import type { Op } from '../../core/op.ts';
import type { Transfer } from '../../net/endpoint.ts';
import { readFurtherOp, readOp } from '../../net/ops.ts';
import { type Call, type Outcome, succeeded } from '../call.ts';
import { type Begun, isOutcome, type Runtime, timerDeadline } from '../runtime.ts';
import type { ConnectingSocket, StreamSocket } from '../sockets.ts';
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
export function readOpcode(runtime: Runtime, call: Call): Begun {
  const socket = streamOf(runtime, call);
  const limit = timerDeadline(call);
  return socket.kind === 'stream'
    ? readFrom(runtime, call, socket, limit)
    : readOnceConnectedOp(runtime, call, socket, limit);
}

function* readOnceConnectedOp(runtime: Runtime, call: Call, found: ConnectingSocket, limit: Deadline): Op<Outcome> {
  const socket = yield* establishedOp(runtime, found, call.timer > 0 ? limit : NOW);
  if (socket === null) return refused('EAGAIN', STILL_CONNECTING);
  const begun = readFrom(runtime, call, socket, limit);
  return isOutcome(begun) ? begun : yield* begun;
}

function readFrom(runtime: Runtime, call: Call, socket: StreamSocket, limit: Deadline): Begun {
  if (socket.reading) return refused('EALREADY', 'another READ waits on this socket');
  const count = countOf(runtime, call, socket);
  const mayWait = socket.blocking || call.timer > 0;
  const whole = mayWait && count > 0;
  const into = target(runtime, call, count, whole);
  const first = socket.endpoint.read(into);
  if (first === 0 || first === into.length || (first > 0 && !whole)) return received(socket, into, first);
  return readOnOp(runtime, socket, into, first, whole, mayWait ? limit : NOW);
}

/** Goes on after a first attempt that was not enough. */
function* readOnOp(
  runtime: Runtime,
  socket: StreamSocket,
  into: Uint8Array,
  first: Transfer,
  whole: boolean,
  until: Deadline,
): Op<Outcome> {
  const { endpoint } = socket;
  socket.reading = true;
  try {
    let count = yield* readFurtherOp(endpoint, into, first, whole, until);
    // What has arrived may lie behind what was for the library alone, such as session tickets, or wait for its event.
    if (count === 'timeout' && until === NOW && ((yield* runtime.engine.settleOp()) || endpoint.probe() !== 'idle')) {
      count = yield* readOp(endpoint, into, NOW);
    }
    return count === 'timeout' ? refused('EAGAIN', nothingReceived(socket)) : received(socket, into, count);
  } finally {
    socket.reading = false;
  }
}

function received(socket: StreamSocket, into: Uint8Array, count: number): Outcome {
  if (count > 0) socket.heard = true;
  socket.connect = 'known';
  return succeeded(count, count === into.length ? into : into.subarray(0, count));
}

/** What a variable that grows can grow to: as much as a 32-bit count can say. */
const LARGEST_VARIABLE = 0x7fffffff;

/**
 * Where the bytes go: the variable itself, or new memory for one that grows, and for one that is lent to a call which may
 * take several attempts; with the only one, the call ends.
 */
function target(runtime: Runtime, call: Call, count: number, whole: boolean): Uint8Array {
  const { bytes, dynamic, size, lent } = call.buffer;
  if (dynamic) {
    if (count <= LARGEST_VARIABLE) return new Uint8Array(count === 0 ? runtime.assumptions.dynamicReadSize : count);
    throw new UsageError(`READ of ${count} bytes into a dynamic variable, which holds at most ${LARGEST_VARIABLE}`);
  }
  const room = Math.min(count === 0 ? size : count, bytes.length);
  if (room === 0) throw new UsageError('the buffer has no room: READ needs a variable of at least one byte');
  if (lent && whole) return new Uint8Array(room);
  return room === bytes.length ? bytes : bytes.subarray(0, room);
}

function nothingReceived(socket: StreamSocket): string {
  if (socket.heard || socket.state === 'tls' || socket.role === 'server') return 'nothing to read';
  return 'nothing received yet; a server that says nothing may expect TLS first: CONNECT with TCPXFLG_TLS';
}
