/** TCPOP_CHECK (7) and TCPOP_CHKQTY (8); reference tcpx §2, §4, §7, §9, §10. */
import { Deadline, NOW } from '../../core/deadline.ts';
import { type Op, READABLE, waitOp } from '../../core/op.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { type Call, type Outcome, succeeded } from '../call.ts';
import type { Begun, Runtime } from '../runtime.ts';
import type { StreamSocket, TcpxSocket } from '../sockets.ts';
import { establishedOp } from './connecting.ts';
import { streamOf } from './stream.ts';

/** How long a CHECK waits: not at all with timer 0. */
export function checkDeadline(call: Call): Deadline {
  return call.timer > 0 ? Deadline.after(call.timer) : NOW;
}

export function checkOpcode(runtime: Runtime, call: Call): Begun {
  const socket = runtime.sockets.find(call.sockport);
  // A single look at a connection needs no operation: half of its cost would be generators.
  if (socket.kind === 'stream' && socket.connect === 'known' && call.timer === 0 && runtime.engine.asksKernel) {
    return lookedAt(runtime, socket.endpoint);
  }
  return checkOp(runtime, call, socket);
}

function* checkOp(runtime: Runtime, call: Call, socket: TcpxSocket): Op<Outcome> {
  const until = checkDeadline(call);
  if (socket.kind === 'connecting') {
    const made = yield* establishedOp(runtime, socket, until);
    return made === null ? succeeded(0) : nowKnown(made);
  }
  if (socket.kind === 'listener') {
    const { listener } = socket;
    while (!listener.pending()) {
      if (until === NOW) return succeeded((yield* runtime.engine.settleOp()) && listener.pending() ? 1 : 0);
      if ((yield* waitOp(listener, READABLE, until)) === 'timeout') return succeeded(0);
    }
    return succeeded(1);
  }
  if (socket.connect !== 'known') return nowKnown(socket);
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

/** The first 1 after an asynchronous CONNECT means "connected", not "data available". */
function nowKnown(socket: StreamSocket): Outcome {
  socket.connect = 'known';
  return succeeded(1);
}

export function* chkqtyOp(runtime: Runtime, call: Call): Op<Outcome> {
  const found = streamOf(runtime, call);
  const socket = found.kind === 'stream' ? found : yield* establishedOp(runtime, found, NOW);
  if (socket === null) return succeeded(0);
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
  if (socket.connect === 'unseen') return true;
  try {
    return socket.endpoint.probe() !== 'idle';
  } catch {
    // The READ that follows meets the same failure and reports it.
    return true;
  }
}
