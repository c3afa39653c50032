/**
 * Operations, written once and run by any driver.
 *
 * An operation is a generator that always tries first and yields an effect only when it cannot go on: attempt, else
 * yield a wait, else attempt again. A spurious wake is therefore harmless. It never knows whether the driver blocks
 * the thread (`runSync`) or returns to the event loop (`runAsync`).
 *
 * A function that returns an `Op` ends in `Op` and is called with `yield*`; called as a statement it does nothing.
 */
import type { Deadline } from './deadline.ts';
import { CancelledError, IoError } from './errors.ts';

/** Bits of an {@link Interest}, equal to POLLIN and POLLOUT of poll(2). */
export const READABLE = 1;
export const WRITABLE = 4;

/** Something that can become ready: a socket, a listener, a set of sockets. */
export interface Source {
  /**
   * Calls `wake` once, later, when one of `events` may have happened. Returns a function that withdraws the request;
   * withdrawing after the call is harmless.
   */
  watch(events: number, wake: () => void): () => void;
  /** The descriptor that poll(2) can wait on. Absent on the Node engine, which no thread can wait on synchronously. */
  readonly fd?: number;
}

export interface Interest {
  readonly source: Source;
  readonly events: number;
}

/** Until one of the sources may be ready, or the deadline. With no source it is a sleep: see {@link sleepOp}. */
export interface Wait {
  readonly kind: 'wait';
  readonly on: readonly Interest[];
  readonly until: Deadline;
}

/** A C call that blocks whoever makes it and cannot be polled for, such as name resolution. */
export interface BlockingCall {
  readonly finished: boolean;
  /** Waits in this thread; returns at the deadline or on a signal even if the call goes on. */
  waitSync(until: Deadline): Wake;
  /** Calls `wake` once when it has finished. */
  watch(wake: () => void): () => void;
}

export interface Offload {
  readonly kind: 'offload';
  readonly call: BlockingCall;
  readonly until: Deadline;
}

export type Effect = Wait | Offload;

/** Why a driver resumed an operation. */
export type Wake = 'ready' | 'timeout' | 'interrupted' | 'cancelled';

/** An operation: tries, and yields what it has to wait for. Called with `yield*`, or run by a driver (run.ts). */
export type Op<T> = Generator<Effect, T, Wake>;

/** What a wait ends with inside an operation; everything else is thrown. */
export type WaitResult = 'ready' | 'timeout';

/** Turns the two wakes that end a call into the errors that say so. */
export function resumed(wake: Wake): WaitResult {
  if (wake === 'cancelled') throw new CancelledError('the call was cancelled');
  if (wake === 'interrupted') throw new IoError('EINTR', 'wait');
  return wake;
}

/** What {@link waitOp} yields, for loops in which its layer would count: `resumed(yield waitFor(...))`. */
export function waitFor(source: Source, events: number, until: Deadline): Wait {
  return { kind: 'wait', on: [{ source, events }], until };
}

/**
 * Waits for one source.
 *
 * @throws CancelledError when the call was ended by CLOSE or by its AbortSignal
 * @throws IoError EINTR when a signal with a listener ended a synchronous wait
 */
export function* waitOp(source: Source, events: number, until: Deadline): Op<WaitResult> {
  return resumed(yield waitFor(source, events, until));
}

const NOTHING: readonly Interest[] = [];

/**
 * Does nothing until the deadline. One without an end is for the event loop alone, where a cancellation ends it.
 *
 * @throws CancelledError when the call was ended by CLOSE or by its AbortSignal
 * @throws IoError EINTR when a signal with a listener ended a synchronous wait on the native engine
 */
export function* sleepOp(until: Deadline): Op<void> {
  while (!until.expired) {
    if (resumed(yield { kind: 'wait', on: NOTHING, until }) === 'timeout') return;
  }
}

/** Waits for a blocking call that runs elsewhere. It goes on after a timeout and may be waited for again. */
export function* offloadOp(call: BlockingCall, until: Deadline): Op<WaitResult> {
  if (call.finished) return 'ready';
  return resumed(yield { kind: 'offload', call, until });
}
