/** Runs calls of a runtime on the event loop of its thread. */
import { runSync, type Waiter } from '../core/run.ts';
import type { Call, Outcome } from './call.ts';
import { executeOp, socketNumberOf } from './execute.ts';
import { type Runtime, startTask } from './runtime.ts';

/** An asynchronous call. CLOSE on its socket and the signal both end it with -125. */
export function runtimeTask(runtime: Runtime, call: Call, signal?: AbortSignal): Promise<Outcome> {
  const task = startTask(executeOp(runtime, call), runtime.sockets.peek(socketNumberOf(call, runtime.bits)));
  if (signal !== undefined && !task.settled) {
    const abort = () => task.cancel();
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    const forget = () => signal.removeEventListener('abort', abort);
    task.promise.then(forget, forget);
  }
  return task.promise;
}

/** A synchronous call, on an engine that its thread can wait for. */
export function runtimeSync(runtime: Runtime, call: Call, waiter: Waiter): Outcome {
  return runSync(executeOp(runtime, call), waiter);
}
