/** XCALLs made by an operation, in the mode that its own caller chose. */
import { Cancellation, type CancelSignal } from '../core/cancellation.ts';
import { NEVER } from '../core/deadline.ts';
import type { ErrnoName } from '../core/errno.ts';
import type { Op } from '../core/op.ts';
import { promiseOp } from '../core/promise-op.ts';
import type { CallResult } from './call.ts';
import type { SocketFacts } from './facts.ts';
import type { Argument, ListArgument } from './frame.ts';

/** Whether a call blocks its thread or is awaited. */
export type CallMode = 'sync' | 'async';

/** Makes XCALLs on a job for an operation. Blocking or not is the business of whoever runs the operation. */
export interface Caller {
  /**
   * The job's identity: what is remembered of its sockets may be kept in a WeakMap under it, and is let go when
   * {@link Program.jobClosed} tells.
   */
  readonly job: object;
  readonly mode: CallMode;
  /**
   * Calls a routine; results are written to the variables. A cancelled operation ends the call with it.
   *
   * @throws UsageError only when there is no variable for STATUS, or no such routine
   */
  xcallOp(routine: string, ...args: Argument[]): Op<CallResult>;
  /** What is known of a socket. Throws a UsageError when the job has no such socket. */
  socket(number: number): SocketFacts;
  /**
   * Gives up what WRITE on a socket has taken and the system has not: the CLOSE that follows neither waits for it nor sends
   * it. For a dialogue that was broken off, where half a message is of no use to anybody.
   */
  discard(socket: number): void;
  /** The STATUS of a system error, in the job's number family. */
  errnoStatus(name: ErrnoName): number;
}

/** What a job lets its callers do. */
interface Access {
  call(routine: string, args: readonly (Argument | ListArgument)[]): CallResult;
  callAsync(
    routine: string,
    args: readonly (Argument | ListArgument)[],
    signal: CancelSignal | undefined,
  ): Promise<CallResult>;
  discard(socket: number): void;
  errnoStatus(name: ErrnoName): number;
}

export class JobCaller implements Caller {
  readonly job: { socket(number: number): SocketFacts };
  readonly mode: CallMode;
  readonly #access: Access;

  constructor(job: { socket(number: number): SocketFacts }, mode: CallMode, access: Access) {
    this.job = job;
    this.mode = mode;
    this.#access = access;
  }

  *xcallOp(routine: string, ...args: Argument[]): Op<CallResult> {
    if (this.mode === 'sync') return this.#access.call(routine, args);
    const cancellation = new Cancellation();
    const pending = this.#access.callAsync(routine, args, cancellation);
    const result = yield* promiseOp(pending, NEVER, () => cancellation.cancel());
    if (result === 'timeout') throw new Error('a wait without a deadline has ended');
    return result;
  }

  socket(number: number): SocketFacts {
    return this.job.socket(number);
  }

  discard(socket: number): void {
    this.#access.discard(socket);
  }

  errnoStatus(name: ErrnoName): number {
    return this.#access.errnoStatus(name);
  }
}
