/**
 * Routines that make XCALLs of their own, such as EMAILX: written once as an operation, run by the job in the mode of
 * the call (docs/decisions/005).
 */
import { isVariable, type Variable } from '../basic/index.ts';
import { UsageError } from '../core/errors.ts';
import type { Op } from '../core/op.ts';
import type { CallResult } from './call.ts';
import type { Caller } from './caller.ts';
import type { Argument, ListArgument } from './frame.ts';

/** A value for a by-reference argument. Arguments that are literals receive nothing. */
export interface Output {
  readonly argument: Argument | ListArgument | undefined;
  readonly value: number | string;
}

/** What a program gives back: STATUS with what happened, and its other results. */
export interface ProgramResult extends CallResult {
  /** Written together at the end, STATUS after them. */
  readonly outputs: readonly Output[];
}

/** A routine that makes XCALLs of its own; `registerProgram` makes it known. */
export interface Program<Policy extends object = object> {
  readonly name: string;
  /** The index of the status parameter. A call with fewer arguments has no such variable; STATUS is its result only. */
  readonly status: number;
  /** Checks the job's options for this routine, once per job. @throws UsageError */
  parseOptions(given: unknown): Policy;
  /** Never throws but for a bug; a cancelled one ends with -125. */
  runOp(caller: Caller, args: readonly (Argument | ListArgument)[], policy: Policy): Op<ProgramResult>;
  /**
   * Told once when a job closes that has called the program, or has options for it: what is remembered of the job is let
   * go. Calls in progress then end, and may come back to it. Must not throw.
   *
   * @param job the identity that {@link Caller.job} gave
   */
  jobClosed?(job: object): void;
}

/** Writes the results of a program; a literal receives nothing. */
export function writeOutputs(outputs: readonly Output[]): void {
  for (const { argument, value } of outputs) {
    if (!isVariable(argument)) continue;
    if (typeof value === 'number') argument.writeNumber(value);
    else argument.writeString(value);
  }
}

/**
 * The variable for STATUS; null in a call too short to have one.
 *
 * @throws UsageError when something else stands in its place
 */
export function programStatus(program: Program, args: readonly unknown[]): Variable | null {
  const status = args[program.status];
  if (isVariable(status)) return status;
  if (args.length <= program.status) return null;
  throw new UsageError(
    `XCALL ${program.name}: argument ${program.status + 1} must be a variable for STATUS, such as F(); ` +
      'there is nowhere to report the result',
  );
}
