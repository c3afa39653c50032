/** Runs calls of a runtime on the event loop of its thread. */
import { runSync, Task, type Waiter } from '../core/run.ts';
import type { Call, Outcome } from './call.ts';
import { begin, failureOf, socketNumberOf } from './execute.ts';
import { isOutcome, type Runtime } from './runtime.ts';

/**
 * An asynchronous call: its outcome if it need not wait, which most do not, else a promise. CLOSE on its socket and the
 * signal both end it with -125.
 */
export function runtimeTask(runtime: Runtime, call: Call, signal?: AbortSignal): Outcome | Promise<Outcome> {
  const begun = begin(runtime, call);
  if (isOutcome(begun)) return begun;
  const socket = runtime.sockets.peek(socketNumberOf(call, runtime.bits));
  const recover = (error: unknown) => failureOf(runtime, call, error);
  let first: ReturnType<typeof begun.next>;
  try {
    first = begun.next('ready');
  } catch (error) {
    return recover(error);
  }
  if (first.done) return first.value;
  const task = new Task(begun, first.value, socket?.tasks, recover);
  if (signal !== undefined && !task.settled) {
    const abort = () => task.cancel();
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    const forget = () => signal.removeEventListener('abort', abort);
    task.promise.then(forget, forget);
  }
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
