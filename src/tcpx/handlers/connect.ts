/** TCPOP_CONNECT (9) and the old connect (10); reference tcpx §2, §4, §9. */
import { Deadline, NEVER, NOW } from '../../core/deadline.ts';
import { IoError, UsageError } from '../../core/errors.ts';
import { certifiedName, hostOf } from '../../core/host-name.ts';
import type { Op } from '../../core/op.ts';
import { Suspended } from '../../core/run.ts';
import { readOp } from '../../net/ops.ts';
import { type Call, type Outcome, succeeded } from '../call.ts';
import { hasFlag } from '../flags.ts';
import { peerNumber } from '../peer-of.ts';
import { type Runtime, timerDeadline } from '../runtime.ts';
import type { StreamSocket } from '../sockets.ts';
import { openStreamOp, portOf, upgradeStateOf } from './open.ts';

/** The longest greeting that the old connect stores into a dynamic variable. */
const LONGEST_GREETING = 4096;

export function* connectOp(runtime: Runtime, call: Call): Op<Outcome> {
  if (hasFlag(call.flags, runtime.bits.async)) return yield* beginConnectOp(runtime, call);
  const socket = runtime.sockets.add(yield* dialOp(runtime, call, timerDeadline(call)));
  return { ...succeeded(0), sockport: socket.number };
}

/** Resolves, connects and, with TLS from the first byte, shakes hands: all within `until`. */
function* dialOp(runtime: Runtime, call: Call, until: Deadline): Op<StreamSocket> {
  const port = portOf(call, 1);
  const number = peerNumber(call.hostname);
  if (number !== null) {
    const beside = ownConnection(runtime, number);
    const endpoint = yield* runtime.engine.connectOp(beside.endpoint.remote.host, port, until);
    return yield* openStreamOp(runtime, call, endpoint, 'client', beside.host, until, beside);
  }
  if (call.hostname === '') throw new UsageError('hostname is empty: CONNECT needs the name or address of a server');
  const host = hostOf(call.hostname, 'hostname');
  const endpoint = yield* runtime.engine.connectOp(host, port, until);
  return yield* openStreamOp(runtime, call, endpoint, 'client', certifiedName(host), until);
}

/** @throws UsageError for a socket that CONNECT has not opened: of an accepted client there is no name to verify */
function ownConnection(runtime: Runtime, number: number): StreamSocket {
  const socket = runtime.sockets.find(number);
  if (socket.kind === 'stream' && socket.role === 'client') return socket;
  throw new UsageError(`hostname names the peer of socket ${number}, which is not a connection made by CONNECT`);
}

/** CONNECT with ASYNC: 1 connected, 0 on its way. The timer bounds only this call, not the attempt. */
function* beginConnectOp(runtime: Runtime, call: Call): Op<Outcome> {
  const dialing = new Suspended(dialOp(runtime, call, NEVER));
  let done = false;
  try {
    done = yield* dialing.advanceOp(call.timer > 0 ? Deadline.after(call.timer) : NOW);
  } catch (error) {
    dialing.abandon();
    throw error;
  }
  if (done) {
    runtime.sockets.add(dialing.value);
    return { ...succeeded(1), sockport: call.reserved };
  }
  const state = upgradeStateOf(runtime, call);
  runtime.sockets.add({ kind: 'connecting', number: call.reserved, tasks: [], state, dialing });
  return { ...succeeded(0), sockport: call.reserved };
}

/** The old connect also waits for the first message of the server, which the old TCPSRV sends on accepting. */
export function* connectOldOp(runtime: Runtime, call: Call): Op<Outcome> {
  if (hasFlag(call.flags, runtime.bits.async)) return yield* beginConnectOp(runtime, call);
  const until = timerDeadline(call);
  const socket = yield* dialOp(runtime, call, until);
  let greeted = false;
  try {
    const { bytes, dynamic } = call.buffer;
    const into = dynamic ? new Uint8Array(LONGEST_GREETING) : bytes.subarray(0, call.buffer.size);
    if (into.length === 0) throw new UsageError('the buffer has no room for the greeting of the server');
    const count = yield* readOp(socket.endpoint, into, until);
    if (count === 'timeout') throw new IoError('ETIMEDOUT', 'greeting of the server');
    if (count === 0) throw new IoError('ECONNRESET', 'closed by the server before its greeting');
    greeted = true;
    socket.heard = true;
    runtime.sockets.add(socket);
    return { ...succeeded(0), sockport: socket.number, received: into.subarray(0, count) };
  } finally {
    if (!greeted) socket.endpoint.destroy();
  }
}
