/** Runs calls of a runtime on the event loop of its thread. */
import type { CancelSignal } from '../core/cancellation.ts';
import { type Ending, runSync, Task, type Waiter } from '../core/run.ts';
import type { Call, Outcome } from './call.ts';
import { begin, failureOf, tasksOf } from './execute.ts';
import { isOutcome, type Runtime } from './runtime.ts';

/** Takes the outcome of an asynchronous call, at the moment of its end, and what its operation has thrown instead. */
export type Receiver<T> = Ending<Outcome, T>;

/**
 * An asynchronous call: what the receiver makes of its outcome if it need not wait, which most do not, else a promise of
 * that. CLOSE on its socket and the signal both end it with -125.
 */
export function runtimeTask<T>(
  runtime: Runtime,
  call: Call,
  receiver: Receiver<T>,
  signal?: CancelSignal,
): T | PromiseLike<T> {
  const begun = begin(runtime, call);
  if (isOutcome(begun)) return receiver.value(begun);
  let first: ReturnType<typeof begun.next>;
  try {
    first = begun.next('ready');
  } catch (error) {
    return receiver.error(error);
  }
  if (first.done) return receiver.value(first.value);
  const task = new Task(begun, receiver, first.value, tasksOf(runtime, call));
  task.cancelOn(signal);
  return task.promise;
}

/** A synchronous call, on an engine that its thread can wait for and whose endpoints ask the kernel themselves. */
export function runtimeSync(runtime: Runtime, call: Call, waiter: Waiter): Outcome {
  const begun = begin(runtime, call);
  if (isOutcome(begun)) return begun;
  try {
    return runSync(begun, waiter);
  } catch (error) {
    return failureOf(runtime, call, error);
  }
}
