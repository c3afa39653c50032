/** What becomes of an asynchronous call once its outcome is there. */
import { nextTurn } from '../core/promise-op.ts';
import type { CallResult, Outcome } from './call.ts';
import { failureOf } from './execute.ts';
import type { Frame } from './frame.ts';
import type { Receiver } from './host.ts';
import type { Opcode } from './opcodes.ts';
import type { Routine } from './routines.ts';
import type { Runtime } from './runtime.ts';

/** A call under way. */
export interface StartedCall {
  readonly runtime: Runtime;
  readonly routine: Routine;
  readonly opcode: Opcode | undefined;
  /** Where the results go. */
  readonly frame: Frame;
  /** Whether EMAILX or another dialogue makes the call, and not the program. */
  readonly inDialogue: boolean;
  /** Milliseconds on the clock `monotonic`, for a trace. */
  readonly started: number;
}

const AGAIN = -11;

/** Opcodes that programs call in a loop until the answer changes: to 1, or to the size of a record. */
const POLLING: ReadonlySet<string> = new Set(['CHECK', 'CHKQTY']);

/** Has the results written at once, without a promise in between, and gives what the caller wants of them. */
export class ResultReceiver<T> implements Receiver<T> {
  readonly #call: StartedCall;
  readonly #finish: (call: StartedCall, outcome: Outcome) => CallResult;
  readonly #wanted: (result: CallResult) => T;

  constructor(
    call: StartedCall,
    finish: (call: StartedCall, outcome: Outcome) => CallResult,
    wanted: (result: CallResult) => T,
  ) {
    this.#call = call;
    this.#finish = finish;
    this.#wanted = wanted;
  }

  value(outcome: Outcome): T | PromiseLike<T> {
    const { opcode } = this.#call;
    // A program that polls must not keep the event loop from everything else.
    const polls = outcome.status === AGAIN || (outcome.status >= 0 && POLLING.has(opcode?.name ?? ''));
    return polls ? nextTurn().then(() => this.#give(outcome)) : this.#give(outcome);
  }

  error(error: unknown): T | PromiseLike<T> {
    const { runtime, frame } = this.#call;
    return this.value(failureOf(runtime, frame.call, error));
  }

  #give(outcome: Outcome): T {
    return this.#wanted(this.#finish(this.#call, outcome));
  }
}
