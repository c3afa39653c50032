/** The arguments of EMAILX as values. A list where text or a number is due is a mistake of the caller. */
import { UsageError } from '../core/errors.ts';
import { type Argument, type ListArgument, numberArgument, stringArgument } from '../tcpx/frame.ts';

/** A missing argument is blank. @throws UsageError for a list */
export function textOf(argument: Argument | ListArgument | undefined): string {
  return stringArgument(plain(argument));
}

/** A missing argument is 0. @throws UsageError for a list */
export function numberOf(argument: Argument | ListArgument | undefined): number {
  return numberArgument(plain(argument));
}

function plain(argument: Argument | ListArgument | undefined): Argument | undefined {
  if (argument === undefined || typeof argument !== 'object' || 'type' in argument) return argument;
  throw new UsageError('a list is given where a variable or a literal is due: only attachments is a list');
}
