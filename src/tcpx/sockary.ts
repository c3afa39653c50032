/**
 * Socket arrays (reference tcpx §11): elements of 4 bytes, socket B,3 little-endian and ready B,1; the last is zero.
 *
 * CHECK on the whole set costs as much as the ready ones where the engine can observe many sockets: which members there
 * are is remembered and found unchanged by one comparison of the array's bytes.
 */
import { type Deadline, NOW } from '../core/deadline.ts';
import { IoError, TcpxError } from '../core/errors.ts';
import type { Source } from '../core/op.ts';
import { type Interest, type Op, READABLE, resumed } from '../core/op.ts';
import { type Call, type Outcome, succeeded } from './call.ts';
import { checkDeadline, isReady } from './handlers/check.ts';
import { adopt } from './handlers/connecting.ts';
import type { Runtime } from './runtime.ts';
import { closeSocketOp, type TcpxSocket } from './sockets.ts';
import { CallError, outcomeOf } from './status.ts';

const ELEMENT = 4;
const READY = 255;
const READY_OFFSET = 3;
/** Up to 1025 elements, the last of which is always zero. */
const MOST_MEMBERS = 1024;

/** How many elements can hold a socket: all but the last. */
function capacity(sockary: Uint8Array): number {
  return Math.min(MOST_MEMBERS, Math.floor(sockary.length / ELEMENT) - 1);
}

/** The socket number in an element; 0 for a free one and for an index outside. */
export function numberAt(sockary: Uint8Array, index: number): number {
  const at = (index - 1) * ELEMENT;
  return (sockary[at] ?? 0) | ((sockary[at + 1] ?? 0) << 8) | ((sockary[at + 2] ?? 0) << 16);
}

/** All socket numbers in an array. */
export function memberNumbers(sockary: Uint8Array): number[] {
  const numbers: number[] = [];
  for (let index = 1; index <= capacity(sockary); index += 1) {
    const number = numberAt(sockary, index);
    if (number !== 0) numbers.push(number);
  }
  return numbers;
}

/** @throws CallError for an index outside the array, IoError EBADF for a free element */
export function memberAt(sockary: Uint8Array, index: number): number {
  if (!Number.isInteger(index) || index < 1 || index > capacity(sockary)) {
    throw new CallError(`sockidx ${index} is outside the array of ${capacity(sockary)} sockets`);
  }
  const number = numberAt(sockary, index);
  if (number === 0) throw new IoError('EBADF', `element ${index} of the socket array is free`);
  return number;
}

export function setMember(sockary: Uint8Array, index: number, number: number): void {
  const at = (index - 1) * ELEMENT;
  sockary[at] = number & 0xff;
  sockary[at + 1] = (number >> 8) & 0xff;
  sockary[at + 2] = (number >> 16) & 0xff;
  sockary[at + READY_OFFSET] = 0;
}

/**
 * The first element that is free, or that `becomesFree` by the call.
 *
 * @throws IoError EMFILE when the array is full
 */
export function firstFree(sockary: Uint8Array, becomesFree = 0): number {
  for (let index = 1; index <= capacity(sockary); index += 1) {
    if (numberAt(sockary, index) === 0) return index;
  }
  if (becomesFree > 0) return becomesFree;
  throw new IoError('EMFILE', `the socket array is full (${capacity(sockary)})`);
}

/** What is remembered of an array between two CHECKs of the whole set. */
interface Members {
  /** The array as it was, without ready flags. */
  readonly snapshot: Uint8Array;
  readonly indexes: ReadonlyMap<object, number>;
  /** Members that the engine cannot observe: asynchronous CONNECTs, and all of them without an observer. */
  readonly unobserved: readonly TcpxSocket[];
  /** Elements whose ready flag was set by the last CHECK. */
  ready: readonly number[];
}

const remembered = new WeakMap<Runtime, WeakMap<ArrayBufferLike, Members>>();

function membersOf(runtime: Runtime, sockary: Uint8Array): Members {
  let ofRuntime = remembered.get(runtime);
  if (ofRuntime === undefined) {
    ofRuntime = new WeakMap();
    remembered.set(runtime, ofRuntime);
  }
  const known = ofRuntime.get(sockary.buffer);
  if (known !== undefined) {
    for (const index of known.ready) sockary[(index - 1) * ELEMENT + READY_OFFSET] = 0;
    if (known.unobserved.length === 0 && Buffer.compare(known.snapshot, sockary) === 0) return known;
  }
  const members = scan(runtime, sockary);
  ofRuntime.set(sockary.buffer, members);
  return members;
}

function scan(runtime: Runtime, sockary: Uint8Array): Members {
  const indexes = new Map<object, number>();
  const unobserved: TcpxSocket[] = [];
  const { observer } = runtime.engine;
  for (let index = 1; index <= capacity(sockary); index += 1) {
    sockary[(index - 1) * ELEMENT + READY_OFFSET] = 0;
    const socket = runtime.sockets.peek(numberAt(sockary, index));
    if (socket === undefined) continue;
    indexes.set(socket, index);
    if (observer === null || !isObservable(socket)) unobserved.push(socket);
    else observer.observe(sourceOf(socket), socket);
  }
  return { snapshot: sockary.slice(), indexes, unobserved, ready: [] };
}

/** An attempt on its way has nothing to observe; one that has succeeded unseen is ready although nothing will happen. */
function isObservable(socket: TcpxSocket): socket is Exclude<TcpxSocket, { kind: 'connecting' }> {
  return socket.kind === 'listener' || (socket.kind === 'stream' && socket.connect !== 'unseen');
}

function sourceOf(socket: Exclude<TcpxSocket, { kind: 'connecting' }>): Source {
  return socket.kind === 'stream' ? socket.endpoint : socket.listener;
}

/** Waits until a socket of the set is ready; STATUS is how many are, sockidx one of them, in turn. */
export function* checkSetOp(runtime: Runtime, call: Call, sockary: Uint8Array): Op<Outcome> {
  const until = checkDeadline(call);
  const members = membersOf(runtime, sockary);
  let ready = yield* readyOnesOp(runtime, members);
  if (ready.length === 0 && until === NOW && (yield* runtime.engine.settleOp())) {
    ready = yield* readyOnesOp(runtime, members);
  }
  while (ready.length === 0 && until !== NOW) {
    if ((yield* waitForAnyOp(runtime, members, until)) === 'timeout') break;
    ready = yield* readyOnesOp(runtime, members);
  }
  members.ready = ready;
  if (ready.length === 0) return succeeded(0);
  for (const index of ready) {
    sockary[(index - 1) * ELEMENT + READY_OFFSET] = READY;
    const socket = runtime.sockets.peek(numberAt(sockary, index));
    if (socket?.kind === 'stream' && socket.connect === 'unseen') socket.connect = 'counted';
  }
  return { ...succeeded(ready.length), sockport: nextInTurn(ready, call.lastReady) };
}

function* readyOnesOp(runtime: Runtime, members: Members): Op<number[]> {
  const ready: number[] = [];
  for (const socket of runtime.engine.observer?.changed() ?? []) {
    const index = members.indexes.get(socket);
    if (index !== undefined && isReady(socket as TcpxSocket)) ready.push(index);
  }
  for (const socket of members.unobserved) {
    if (socket.kind === 'connecting') yield* advanceConnectingOp(runtime, socket.number);
    const current = runtime.sockets.peek(socket.number);
    const index = members.indexes.get(socket);
    if (current !== undefined && index !== undefined && (current !== socket || isReady(current))) ready.push(index);
  }
  return ready;
}

/** A connection that is made, or has failed, counts as ready: the CHECK on its own index then tells which. */
function* advanceConnectingOp(runtime: Runtime, number: number): Op<void> {
  const socket = runtime.sockets.peek(number);
  if (socket?.kind !== 'connecting') return;
  try {
    if (yield* socket.dialing.advanceOp(NOW)) adopt(runtime, socket);
  } catch (error) {
    if (!(error instanceof TcpxError)) throw error;
  }
}

function* waitForAnyOp(runtime: Runtime, members: Members, until: Deadline): Op<'ready' | 'timeout'> {
  const { observer } = runtime.engine;
  const on: Interest[] = observer === null ? [] : [{ source: observer.source, events: READABLE }];
  for (const socket of members.unobserved) {
    const current = runtime.sockets.peek(socket.number);
    if (current !== undefined && current.kind !== 'connecting')
      on.push({ source: sourceOf(current), events: READABLE });
  }
  const connecting = members.unobserved.some(({ kind }) => kind === 'connecting');
  // An attempt in progress can only be taken further by trying: it is looked at from time to time.
  const step = connecting ? until.atMost(CONNECTING_STEP) : until;
  const wake = resumed(yield { kind: 'wait', on, until: step });
  return wake === 'timeout' && !until.expired ? 'ready' : wake;
}

/** How often a set with an asynchronous CONNECT in it is looked at, in ms. */
const CONNECTING_STEP = 20;

/** The first ready index above the last one answered, else the lowest: low indexes are not favoured. */
function nextInTurn(ready: readonly number[], last: number): number {
  let lowest = Number.POSITIVE_INFINITY;
  let next = Number.POSITIVE_INFINITY;
  for (const index of ready) {
    if (index < lowest) lowest = index;
    if (index > last && index < next) next = index;
  }
  return next === Number.POSITIVE_INFINITY ? lowest : next;
}

/** Closes every socket of the set and clears its elements; the outcome is that of the first which could not send all. */
export function* closeSetOp(runtime: Runtime, sockary: Uint8Array): Op<Outcome> {
  let failure: Outcome | null = null;
  for (let index = 1; index <= capacity(sockary); index += 1) {
    const socket = runtime.sockets.peek(numberAt(sockary, index));
    setMember(sockary, index, 0);
    if (socket === undefined) continue;
    runtime.sockets.remove(socket);
    try {
      yield* closeSocketOp(socket);
    } catch (error) {
      failure ??= outcomeOf(error, runtime.assumptions);
    }
  }
  return failure ?? succeeded(0);
}
