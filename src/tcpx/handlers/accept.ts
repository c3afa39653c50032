/** TCPOP_ACCEPT (1); reference tcpx §5.2 (greeting), §10. */
import { NEVER } from '../../core/deadline.ts';
import { IoError } from '../../core/errors.ts';
import type { Op } from '../../core/op.ts';
import { acceptOp, writeOp } from '../../net/ops.ts';
import { type Call, type Outcome, succeeded } from '../call.ts';
import { hasFlag } from '../flags.ts';
import { type Runtime, timerDeadline } from '../runtime.ts';
import { destroySocket, type ListenerSocket, type StreamSocket } from '../sockets.ts';
import { refused } from '../status.ts';
import { openStreamOp, portOf, textOf, upgradeStateOf } from './open.ts';

/** The most that is sent to a client on accepting it (reference tcpx §5.2). */
const LONGEST_GREETING = 32;

export function* acceptOpcodeOp(runtime: Runtime, call: Call): Op<Outcome> {
  const { bits } = runtime;
  const listens = hasFlag(call.flags, bits.listen);
  const given = !listens && hasFlag(call.flags, bits.async);
  // A server whose certificate cannot be used is told so before it listens, and not by its first client.
  if (!given && upgradeStateOf(runtime, call) !== 'plain') {
    yield* runtime.engine.loadTlsOp();
    runtime.engine.prepareServer(runtime.tls);
  }
  if (listens) {
    const listener = runtime.sockets.add(yield* listenOp(runtime, call, portOf(call, 0)));
    return { ...succeeded(0), sockport: listener.number };
  }
  const keep = hasFlag(call.flags, bits.keepListen);
  const listener = given ? givenListener(runtime, call) : yield* ownListenerOp(runtime, call, keep);
  let accepted: StreamSocket | 'timeout';
  try {
    accepted = yield* acceptOneOp(runtime, call, listener);
  } finally {
    if (!keep) {
      runtime.sockets.remove(listener);
      destroySocket(listener);
    }
  }
  if (accepted === 'timeout') return refused('EAGAIN', 'no client within the timer');
  const sent = yield* greetOp(call, accepted);
  runtime.sockets.add(accepted);
  return { ...succeeded(sent), sockport: accepted.number };
}

function* listenOp(runtime: Runtime, call: Call, port: number): Op<ListenerSocket> {
  const listener = yield* runtime.engine.listenOp(runtime.bind, port, runtime.assumptions.backlog);
  return { kind: 'listener', number: call.reserved, tasks: [], listener };
}

function givenListener(runtime: Runtime, call: Call): ListenerSocket {
  const socket = runtime.sockets.find(call.sockport);
  if (socket.kind !== 'listener') throw new IoError('EINVAL', `socket ${call.sockport} is not listening`);
  return socket;
}

function* ownListenerOp(runtime: Runtime, call: Call, keep: boolean): Op<ListenerSocket> {
  const port = portOf(call, 1);
  const kept = runtime.keptListeners.get(port);
  if (kept !== undefined) {
    if (!keep) runtime.keptListeners.delete(port);
    return kept;
  }
  const listener = yield* listenOp(runtime, call, port);
  if (keep) runtime.keptListeners.set(port, listener);
  return listener;
}

function* acceptOneOp(runtime: Runtime, call: Call, listener: ListenerSocket): Op<StreamSocket | 'timeout'> {
  const waits = runtime.assumptions.acceptTimer === 'waits';
  const endpoint = yield* acceptOp(listener.listener, waits ? timerDeadline(call) : NEVER);
  if (endpoint === 'timeout') return 'timeout';
  // The timer always bounds the handshake: a client that says nothing would hold the server for ever.
  return yield* openStreamOp(runtime, call, endpoint, 'server', '', timerDeadline(call));
}

/**
 * Sends what the buffer held; programs clear it when they want no greeting. None on a TLS connection. A client that cannot
 * be greeted is closed: the program never learns its number.
 */
function* greetOp(call: Call, socket: StreamSocket): Op<number> {
  if (socket.state !== 'plain') return 0;
  const greeting = textOf(call).subarray(0, LONGEST_GREETING);
  if (greeting.length === 0) return 0;
  let greeted = false;
  try {
    const sent = yield* writeOp(socket.endpoint, greeting, NEVER);
    greeted = true;
    return sent;
  } finally {
    if (!greeted) destroySocket(socket);
  }
}
