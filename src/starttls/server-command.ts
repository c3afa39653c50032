/** What the servers of line protocols share: reading a command, and what it led to. */
import type { Op } from '../core/op.ts';
import type { Served } from './dialect.ts';
import type { Wire } from './wire.ts';

export const SERVED: Served = { kind: 'served' };
export const CLOSED: Served = { kind: 'closed' };

/** The trigger was granted, in these words. */
export function upgradeWith(...lines: readonly string[]): Served {
  return { kind: 'upgrade', goAhead: Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1') };
}

export interface CommandLine {
  /** In upper case. */
  readonly verb: string;
  /** The rest, without the blanks before it. */
  readonly argument: string;
}

/** Reads a command; null at the end of the stream. @throws DialogueError malformed, timeout */
export function* commandLineOp(wire: Wire, longest: number): Op<CommandLine | null> {
  const line = yield* wire.lineIfAnyOp(longest);
  if (line === null) return null;
  const [, verb = '', argument = ''] = /^(\S*)[ \t]*(.*)$/s.exec(line) ?? [];
  return { verb: verb.toUpperCase(), argument };
}
