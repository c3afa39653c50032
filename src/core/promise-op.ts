/** Promises inside operations, for drivers that have an event loop. */
import type { Deadline } from './deadline.ts';
import { CancelledError } from './errors.ts';
import { type BlockingCall, type Op, offloadOp } from './op.ts';

/** A promise as a call that goes on elsewhere. */
class Pending<T> implements BlockingCall {
  #outcome: { readonly value: T } | { readonly error: unknown } | null = null;
  #wake: (() => void) | null = null;

  constructor(promise: Promise<T>) {
    const settle = (outcome: { readonly value: T } | { readonly error: unknown }) => {
      this.#outcome = outcome;
      this.#wake?.();
    };
    promise.then(
      (value) => settle({ value }),
      (error) => settle({ error }),
    );
  }

  get finished(): boolean {
    return this.#outcome !== null;
  }

  waitSync(): never {
    throw new Error('a promise cannot be waited for synchronously');
  }

  watch(wake: () => void): () => void {
    this.#wake = wake;
    return () => {
      this.#wake = null;
    };
  }

  get value(): T {
    if (this.#outcome === null) throw new Error('the promise is still pending');
    if ('error' in this.#outcome) throw this.#outcome.error;
    return this.#outcome.value;
  }
}

/** Resolves after the event loop has had a turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/**
 * Waits for a promise; throws what it rejects with. Only for operations that `runAsync` drives.
 *
 * @param abandon called once when the operation is cancelled or gives up at the deadline, to end what the promise stands for
 */
export function* promiseOp<T>(promise: Promise<T>, until: Deadline, abandon?: () => void): Op<T | 'timeout'> {
  const pending = new Pending(promise);
  try {
    if ((yield* offloadOp(pending, until)) === 'timeout') {
      abandon?.();
      return 'timeout';
    }
  } catch (error) {
    if (error instanceof CancelledError) abandon?.();
    throw error;
  }
  return pending.value;
}
