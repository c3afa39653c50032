/**
 * The drivers of operations. `runSync` blocks the calling thread, `runAsync` returns to the event loop between waits,
 * `advance` takes an operation as far as it goes without waiting (an asynchronous CONNECT between two CHECKs).
 */
import type { CancelSignal } from './cancellation.ts';
import type { Deadline } from './deadline.ts';
import { holdProcess, releaseProcess } from './keep-alive.ts';
import { type Effect, type Op, resumed, type Wait, type Wake } from './op.ts';

/** Blocks the thread until a wait is over. */
export interface Waiter {
  wait(wait: Wait): Wake;
}

/** Never changes: waiting on it lasts as long as it may. */
const unchanging = new Int32Array(new SharedArrayBuffer(4));

/**
 * Blocks the thread without poll(2), for operations that sleep and wait for no source: dialogues whose every step is a
 * synchronous call of its own. No signal ends such a wait; its listener runs afterwards.
 */
export const sleeper: Waiter = {
  wait({ on, until }) {
    if (on.length > 0) throw new Error('only the poller can wait for a source in this thread');
    refuseEndless(until);
    while (!until.expired) Atomics.wait(unchanging, 0, 0, until.remaining());
    return 'timeout';
  },
};

/** A thread that waits for nothing, and for ever, would never come back: a bug of the operation. */
export function refuseEndless(until: Deadline): void {
  if (!until.isFinite) throw new Error('a wait for nothing needs a deadline');
}

/** Runs an operation to its end in this thread. Throws what the operation throws. */
export function runSync<T>(op: Op<T>, waiter: Waiter): T {
  let step = op.next('ready');
  while (!step.done) {
    const effect = step.value;
    step = op.next(effect.kind === 'wait' ? waiter.wait(effect) : effect.call.waitSync(effect.until));
  }
  return step.value;
}

/** setTimeout takes 32 bits; a longer wait is renewed. */
const LONGEST_TIMER = 0x7fffffff;

/** What becomes of an operation's result, at the moment of its end: a promise more would cost a turn. */
export interface Ending<T, R> {
  /** What the task's promise resolves to. Throws for a rejection, as the other. */
  value(result: T): R | PromiseLike<R>;
  error(error: unknown): R | PromiseLike<R>;
}

/** The operation's own result, or its error. */
export function asItEnds<T>(): Ending<T, T> {
  return {
    value: (result) => result,
    error: (error) => {
      throw error;
    },
  };
}

export interface Cancellable {
  cancel(): void;
}

/** The lists are short, and a Set would shrink its table with every task. */
function remove(tasks: Cancellable[], task: Cancellable): void {
  const index = tasks.lastIndexOf(task);
  if (index === tasks.length - 1) tasks.pop();
  else tasks.splice(index, 1);
}

/** One operation on its way through the event loop. */
export class Task<T, R = T> implements Cancellable {
  readonly promise: Promise<R>;
  readonly #op: Op<T>;
  readonly #ending: Ending<T, R>;
  #resolve!: (value: R | PromiseLike<R>) => void;
  #reject!: (reason: unknown) => void;
  #effect: Effect | null = null;
  #unwatch: (() => void) | null = null;
  #timer: NodeJS.Timeout | null = null;
  readonly #among: Cancellable[] | undefined;
  #settled = false;
  /** Cancelled while it ran, not while it waited. */
  #cancelled = false;

  /**
   * Goes on with an operation that stopped at `effect`, or begins it if there is none. The task is in the list `among`
   * for as long as it runs.
   */
  constructor(op: Op<T>, ending: Ending<T, R>, effect?: Effect, among?: Cancellable[]) {
    this.#op = op;
    this.#ending = ending;
    this.#among = among;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    holdProcess();
    among?.push(this);
    if (effect === undefined) this.#advance('ready');
    else this.#begin(effect);
  }

  get settled(): boolean {
    return this.#settled;
  }

  /**
   * Ends the operation: its wait returns 'cancelled' at once; called from within the operation, its next wait does.
   * Harmless after the end.
   */
  cancel(): void {
    if (this.#effect !== null) this.#wake('cancelled');
    else this.#cancelled = true;
  }

  /** Has an aborted signal cancel the operation, for as long as it runs. */
  cancelOn(signal: CancelSignal | undefined): void {
    if (signal === undefined || this.#settled) return;
    if (signal.aborted) {
      this.cancel();
      return;
    }
    const cancel = () => this.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    const forget = () => signal.removeEventListener('abort', cancel);
    this.promise.then(forget, forget);
  }

  #advance(wake: Wake): void {
    let step: IteratorResult<Effect, T>;
    try {
      step = this.#op.next(wake);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (step.done) {
      this.#finish(step.value);
      return;
    }
    this.#begin(step.value);
    if (!this.#cancelled) return;
    this.#cancelled = false;
    this.#wake('cancelled');
  }

  #finish(result: T): void {
    this.#end();
    try {
      this.#resolve(this.#ending.value(result));
    } catch (error) {
      this.#reject(error);
    }
  }

  #fail(error: unknown): void {
    this.#end();
    try {
      this.#resolve(this.#ending.error(error));
    } catch (unexpected) {
      this.#reject(unexpected);
    }
  }

  #end(): void {
    this.#settled = true;
    if (this.#among !== undefined) remove(this.#among, this);
    releaseProcess();
  }

  #begin(effect: Effect): void {
    this.#effect = effect;
    const ready = () => this.#wake('ready');
    if (effect.kind === 'offload') {
      this.#unwatch = effect.call.watch(ready);
    } else if (effect.on.length === 1) {
      const interest = effect.on[0];
      if (interest !== undefined) this.#unwatch = interest.source.watch(interest.events, ready);
    } else {
      const unwatch = effect.on.map(({ source, events }) => source.watch(events, ready));
      this.#unwatch = () => {
        for (const withdraw of unwatch) withdraw();
      };
    }
    if (effect.until.isFinite) this.#startTimer(effect);
  }

  #startTimer(effect: Effect): void {
    const left = Math.min(Math.ceil(effect.until.remaining()), LONGEST_TIMER);
    this.#timer = setTimeout(() => {
      if (effect.until.expired) this.#wake('timeout');
      else this.#startTimer(effect);
    }, left);
  }

  #wake(wake: Wake): void {
    if (this.#effect === null) return;
    this.#effect = null;
    this.#unwatch?.();
    this.#unwatch = null;
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    this.#advance(wake);
  }
}

/** Runs an operation on the event loop. An aborted signal cancels it. */
export function runAsync<T>(op: Op<T>, signal?: CancelSignal): Promise<T> {
  const task = new Task(op, asItEnds<T>());
  task.cancelOn(signal);
  return task.promise;
}

/** An operation that is left standing between calls and taken further by each of them. */
export class Suspended<T> {
  readonly #op: Op<T>;
  #result: IteratorResult<Effect, T>;
  #failure: { readonly error: unknown } | null = null;

  constructor(op: Op<T>) {
    this.#op = op;
    this.#result = op.next('ready');
  }

  /** True when it has finished, well or with an error. */
  get done(): boolean {
    return this.#failure !== null || this.#result.done === true;
  }

  /** The operation's result; throws what the operation has thrown. */
  get value(): T {
    if (this.#failure !== null) throw this.#failure.error;
    if (!this.#result.done) throw new Error('the operation is not done');
    return this.#result.value;
  }

  /**
   * Goes on for at most `until`, which is the caller's own limit; the operation's own deadlines hold beside it.
   * Returns true when it has finished. Throws what the operation throws, now and in every later call.
   */
  *advanceOp(until: Deadline): Op<boolean> {
    if (this.#failure !== null) throw this.#failure.error;
    // What it waited for may have happened while nobody watched: it tries again before it waits again.
    if (!this.#result.done && this.#result.value.kind === 'wait' && this.#result.value.on.length > 0) {
      this.#resume('ready');
    }
    while (!this.#result.done) {
      const effect: Effect = this.#result.value;
      if (effect.kind === 'offload' && effect.call.finished) {
        this.#resume('ready');
        continue;
      }
      const capped = until.at < effect.until.at;
      // An interruption or a cancellation ends the call that waits, not the operation that is left standing.
      const wake = resumed(yield capped ? { ...effect, until } : effect);
      if (this.#movedOn(effect)) {
        // Another call has taken it further meanwhile: what this one waited for is over.
        if (wake === 'timeout' && until.expired) return this.done;
        continue;
      }
      if (wake === 'timeout' && capped && !effect.until.expired) return false;
      this.#resume(wake);
    }
    return true;
  }

  /** Whether it waits for something else than `effect` by now. Throws what it has thrown. */
  #movedOn(effect: Effect): boolean {
    if (this.#failure !== null) throw this.#failure.error;
    return this.#result.done === true || this.#result.value !== effect;
  }

  #resume(wake: Wake): void {
    try {
      this.#result = this.#op.next(wake);
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  /** Ends the operation; what it holds is released by its own `finally`. */
  abandon(): void {
    if (!this.done) this.#result = this.#op.return(undefined as never);
  }
}
