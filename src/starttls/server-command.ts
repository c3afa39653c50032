/** What the servers of line protocols share: reading a command, and what it led to. */
import type { Op } from '../core/op.ts';
import type { Attack, Served, Session } from './dialect.ts';
import type { Wire } from './wire.ts';

export const SERVED: Served = { kind: 'served' };
export const CLOSED: Served = { kind: 'closed' };

/** The trigger was granted, in these words. */
export function upgradeWith(...lines: readonly string[]): Served {
  return { kind: 'upgrade', goAhead: Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1') };
}

/** Attacks that leave clients in clear, where those shall log in who fall for them. */
const STRIPPING: ReadonlySet<Attack | null> = new Set<Attack>(['omit', 'rename', 'refuse']);

/** Whether a login is offered and taken: inside TLS, and in clear by a server that wants to see who shows it a password. */
export function takesLogin({ encrypted, attack }: Pick<Session, 'encrypted' | 'attack'>): boolean {
  return encrypted || STRIPPING.has(attack);
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
