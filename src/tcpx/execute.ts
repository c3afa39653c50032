/**
 * Runs a call against a runtime: finds the opcode, resolves the index of a socket array, turns errors into statuses
 * and closes what cannot be used any more.
 */
import { UsageError } from '../core/errors.ts';
import type { Op } from '../core/op.ts';
import type { Cancellable } from '../core/run.ts';
import type { Call, Outcome } from './call.ts';
import { type FlagBits, hasFlag } from './flags.ts';
import { type Opcode, opcodeOf } from './opcodes.ts';
import { peerNumber } from './peer-of.ts';
import { type Begun, type Handler, isOutcome, type Runtime } from './runtime.ts';
import { checkSetOp, closeSetOp, firstFree, memberAt, numberAt, setMember } from './sockary.ts';
import { destroySocket, type TcpxSocket } from './sockets.ts';
import { CallError, isFatal, outcomeOf } from './status.ts';

/** Begins a call. What its operation throws is for {@link failureOf}; nothing else is thrown but for a bug. */
export function begin(runtime: Runtime, call: Call): Begun {
  try {
    const opcode = opcodeOf(call.opcode);
    if (opcode === undefined) throw new CallError(`there is no TCPX opcode ${call.opcode}`);
    if (call.sockary !== null) return onSetOp(runtime, opcode, call, call.sockary);
    return handlerOf(opcode)(runtime, call);
  } catch (error) {
    return failureOf(runtime, call, error);
  }
}

/** The outcome of a call that has failed. It is for the driver, not for a layer around the operation: each costs. */
export function failureOf(runtime: Runtime, call: Call, error: unknown): Outcome {
  const opcode = opcodeOf(call.opcode);
  if (opcode === undefined || call.sockary !== null) return outcomeOf(error, runtime.assumptions);
  return failed(runtime, opcode, call, error);
}

function handlerOf(opcode: Opcode): Handler {
  if (opcode.handler === null) throw new CallError(`${opcode.name} is not for a socket`);
  return opcode.handler;
}

/** A call on one socket of a set. */
function* onSocketOp(runtime: Runtime, opcode: Opcode, call: Call): Op<Outcome> {
  const handler = handlerOf(opcode);
  try {
    const begun = handler(runtime, call);
    return isOutcome(begun) ? begun : yield* begun;
  } catch (error) {
    return failed(runtime, opcode, call, error);
  }
}

/** A failure that the connection cannot survive closes it and sets sockport to -1. */
function failed(runtime: Runtime, opcode: Opcode, call: Call, error: unknown): Outcome {
  const outcome = outcomeOf(error, runtime.assumptions);
  if (opcode.opens) return opensNothing(runtime, call, error) ? { ...outcome, sockport: -1 } : outcome;
  const socket = runtime.sockets.peek(call.sockport);
  if (socket === undefined || !closesSocket(opcode, socket, error)) return outcome;
  runtime.sockets.remove(socket);
  destroySocket(socket);
  return { ...outcome, sockport: -1 };
}

/**
 * Whether a failed opening leaves sockport at -1. An interrupted or cancelled ACCEPT leaves the port (or the listening
 * socket) in place, so that the program can call again.
 */
function opensNothing(runtime: Runtime, call: Call, error: unknown): boolean {
  const accepts = opcodeOf(call.opcode)?.name === 'ACCEPT';
  const keepsListening = hasFlag(call.flags, runtime.bits.async);
  if (error instanceof CallError) return false;
  if (error instanceof UsageError) return !(accepts && keepsListening);
  return !accepts || isFatal(error);
}

function closesSocket(opcode: Opcode, socket: TcpxSocket, error: unknown): boolean {
  // An upgrade that was cut short has left a connection that speaks neither clear nor TLS.
  if (opcode.name === 'STARTTLS' && !(error instanceof UsageError)) return true;
  if (opcode.name === 'CLOSE') return true;
  if (socket.kind === 'connecting') return socket.dialing.done;
  // A listening socket is not harmed by a READ that was meant for another.
  return socket.kind === 'stream' && isFatal(error);
}

/**
 * The number of the socket that a call is about; 0 for one that opens its own (its sockport is a port) and for a whole
 * set. An index is looked up in its array. A connection beside another is about that one.
 */
export function socketNumberOf(call: Call, bits: FlagBits): number {
  const opcode = opcodeOf(call.opcode);
  if (opcode === undefined || opcode.sockport === 'unused') return 0;
  if (opcode.opens && !(opcode.name === 'ACCEPT' && hasFlag(call.flags, bits.async))) {
    return peerNumber(call.hostname) ?? 0;
  }
  return call.sockary === null ? call.sockport : numberAt(call.sockary, call.sockport);
}

/** The tasks among which a call that waits has a place, for CLOSE, the end of the job and whoever else ends what it waits on. */
export function tasksOf(runtime: Runtime, call: Call): Cancellable[] {
  const socket = runtime.sockets.peek(socketNumberOf(call, runtime.bits)) ?? keptListener(runtime, call);
  return socket?.tasks ?? runtime.tasks;
}

/** The listener that an ACCEPT on a port has kept, or found kept. */
function keptListener(runtime: Runtime, call: Call): TcpxSocket | undefined {
  const onPort = opcodeOf(call.opcode)?.name === 'ACCEPT' && !hasFlag(call.flags, runtime.bits.async);
  return onPort ? runtime.keptListeners.get(call.sockport) : undefined;
}

/** The array form: argument 4 is an index; ACCEPT and CONNECT take a port and answer the index. */
function* onSetOp(runtime: Runtime, opcode: Opcode, call: Call, sockary: Uint8Array): Op<Outcome> {
  const isPort = opcode.opens && !(opcode.name === 'ACCEPT' && hasFlag(call.flags, runtime.bits.async));
  if (isPort) {
    const index = firstFree(sockary);
    const outcome = yield* onSocketOp(runtime, opcode, call);
    if (outcome.sockport === undefined || outcome.sockport < 0) return outcome;
    setMember(sockary, index, outcome.sockport);
    return { ...outcome, sockport: index };
  }
  const index = call.sockport;
  if (index === 0) {
    if (opcode.name === 'CHECK') return yield* checkSetOp(runtime, call, sockary);
    if (opcode.name === 'CLOSE') return yield* closeSetOp(runtime, sockary);
    throw new CallError(`${opcode.name} is not for a whole set: index 0 is for CHECK and CLOSE`);
  }
  const number = memberAt(sockary, index);
  if (opcode.name === 'ACCEPT') {
    const free = firstFree(sockary, hasFlag(call.flags, runtime.bits.keepListen) ? 0 : index);
    const outcome = yield* onSocketOp(runtime, opcode, { ...call, sockport: number });
    if (!runtime.sockets.has(number)) setMember(sockary, index, 0);
    if (outcome.sockport === undefined || outcome.sockport < 0) return withoutSockport(outcome);
    setMember(sockary, free, outcome.sockport);
    return { ...outcome, sockport: free };
  }
  const outcome = yield* onSocketOp(runtime, opcode, { ...call, sockport: number });
  if (outcome.sockport === -1) setMember(sockary, index, 0);
  return withoutSockport(outcome);
}

/** The index stays; the element tells that its socket is gone. */
function withoutSockport(outcome: Outcome): Outcome {
  const { sockport: _gone, ...rest } = outcome;
  return rest;
}
