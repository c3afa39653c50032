/** Lists that end with a dot on a line of its own: POP3 (RFC 1939 §3) and NNTP (RFC 3977 §3.1.1). */
import type { Op } from '../core/op.ts';
import { DialogueError } from './dialogue-error.ts';
import type { Wire } from './wire.ts';

/** More lines, and longer ones in bytes, than any list of capabilities has. */
const MOST_LINES = 1_000;
const LONGEST_LINE = 2_048;

/**
 * Reads the lines up to the dot, without the dots that were stuffed.
 *
 * @throws DialogueError malformed for a list without end; timeout and closed
 */
export function* dotListOp(wire: Wire): Op<string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = yield* wire.lineOp(LONGEST_LINE);
    if (line === '.') return lines;
    if (lines.length >= MOST_LINES) throw new DialogueError('malformed', `a list of more than ${MOST_LINES} lines`);
    lines.push(line.startsWith('.') ? line.slice(1) : line);
  }
}
