/** TCPOP_CHECK (7) and TCPOP_CHKQTY (8); reference tcpx §2, §4, §7, §9, §10. */
import { Deadline, NOW } from '../../core/deadline.ts';
import { IoError } from '../../core/errors.ts';
import { type Op, READABLE, waitOp } from '../../core/op.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { type Call, type Outcome, succeeded } from '../call.ts';
import type { Runtime } from '../runtime.ts';
import type { ConnectingSocket, TcpxSocket } from '../sockets.ts';

/** How long a CHECK waits: not at all with timer 0. */
export function checkDeadline(call: Call): Deadline {
  return call.timer > 0 ? Deadline.after(call.timer) : NOW;
}

/**
 * A single look at a connection, without an operation: half of what a CHECK costs would be its generators. For engines
 * whose endpoints ask the kernel themselves. Null for whatever else CHECK does.
 */
export function lookAtOnce(runtime: Runtime, call: Call): Outcome | null {
  const socket = runtime.sockets.peek(call.sockport);
  if (socket?.kind !== 'stream' || call.timer > 0) return null;
  return lookedAt(runtime, socket.endpoint);
}

export function* checkOpcodeOp(runtime: Runtime, call: Call): Op<Outcome> {
  const socket = runtime.sockets.find(call.sockport);
  const until = checkDeadline(call);
  if (socket.kind === 'connecting') return yield* checkConnectingOp(runtime, socket, until);
  if (socket.kind === 'listener') {
    const { listener } = socket;
    while (!listener.pending()) {
      if (until === NOW) return succeeded((yield* runtime.engine.settleOp()) && listener.pending() ? 1 : 0);
      if ((yield* waitOp(listener, READABLE, until)) === 'timeout') return succeeded(0);
    }
    return succeeded(1);
  }
  const { endpoint } = socket;
  for (;;) {
    const state = endpoint.probe();
    if (state === 'readable') return succeeded(1);
    if (state === 'ended') return closedByPeer(runtime);
    if (until === NOW) {
      if (!(yield* runtime.engine.settleOp())) return succeeded(0);
      return lookedAt(runtime, endpoint);
    }
    if ((yield* waitOp(endpoint, READABLE, until)) === 'timeout') return succeeded(0);
  }
}

function lookedAt(runtime: Runtime, endpoint: Endpoint): Outcome {
  const state = endpoint.probe();
  return state === 'ended' ? closedByPeer(runtime) : succeeded(state === 'readable' ? 1 : 0);
}

/** The socket stays open: a WRITE may still work on a connection that the peer has half closed. */
function closedByPeer(runtime: Runtime): Outcome {
  return {
    status: runtime.assumptions.closedCheck,
    origin: 'tcpx',
    text: 'the peer has closed and everything was read',
  };
}

/** Takes an asynchronous CONNECT further: the first 1 means "connected", not "data available". */
function* checkConnectingOp(runtime: Runtime, socket: ConnectingSocket, until: Deadline): Op<Outcome> {
  if (!(yield* socket.dialing.advanceOp(until))) {
    if (until !== NOW || !(yield* runtime.engine.settleOp())) return succeeded(0);
    if (!(yield* socket.dialing.advanceOp(NOW))) return succeeded(0);
  }
  runtime.sockets.add(socket.dialing.value);
  return succeeded(1);
}

export function* chkqtyOp(runtime: Runtime, call: Call): Op<Outcome> {
  const socket = runtime.sockets.find(call.sockport);
  if (socket.kind === 'connecting') return succeeded(0);
  if (socket.kind === 'listener') throw new IoError('ENOTCONN', `socket ${call.sockport} is listening`);
  const { endpoint } = socket;
  // Also with bytes at hand: a program that asks until a whole record is there would never see more arrive.
  yield* runtime.engine.settleOp();
  const count = endpoint.available();
  if (count > 0) return succeeded(count);
  return endpoint.probe() === 'ended' ? closedByPeer(runtime) : succeeded(0);
}

/** Whether a socket of a set counts as ready: one that has ended does, so that the program reads the end. */
export function isReady(socket: TcpxSocket): boolean {
  if (socket.kind === 'listener') return socket.listener.pending();
  if (socket.kind === 'connecting') return socket.dialing.done;
  try {
    return socket.endpoint.probe() !== 'idle';
  } catch {
    // The READ that follows meets the same failure and reports it.
    return true;
  }
}
