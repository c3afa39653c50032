/**
 * The tokens of which IMAP commands (RFC 9051 §4.3) and all of ManageSieve (RFC 5804 §4) are made: atoms, quoted strings,
 * and literals, whose bytes follow behind the end of the line and are no lines.
 *
 *   "SIEVE" "fileinto"            AUTHENTICATE "PLAIN" {12+}
 *                                 AGFubgBzZWNy
 */
import type { Op } from '../core/op.ts';
import { DialogueError } from './dialogue-error.ts';
import type { Wire } from './wire.ts';

export interface Token {
  /** A parenthesis is a token of its own. */
  readonly kind: 'atom' | 'string' | 'parenthesis';
  readonly text: string;
}

export interface Literal {
  /** In bytes. */
  readonly size: number;
  /** `{12}`: as a client's, it is sent only when the server has asked for it. `{12+}` follows at once (RFC 7888). */
  readonly waits: boolean;
}

/** `{12}`, `{12+}` and, of RFC 3516, `~{12}`. */
const LITERAL = /~?\{(\d{1,10})(\+?)\}$/;
const TOKEN = /[ \t]*(?:"((?:[^"\\]|\\.)*)"|([()])|([^\s"(){]+))/y;

/** The literal that a line announces at its end; null where the line is whole. */
export function literalOf(line: string): Literal | null {
  const match = LITERAL.exec(line);
  return match === null ? null : { size: Number(match[1]), waits: match[2] === '' };
}

/** The tokens of one line without its literal; null for what has none, such as a quote that is not closed. */
export function tokensOf(line: string): Token[] | null {
  const text = line.replace(LITERAL, '').trimEnd();
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text);
    if (match === null) return null;
    const [, quoted, parenthesis, atom] = match;
    if (quoted !== undefined) tokens.push({ kind: 'string', text: quoted.replace(/\\(.)/gs, '$1') });
    else if (parenthesis !== undefined) tokens.push({ kind: 'parenthesis', text: parenthesis });
    else if (atom !== undefined) tokens.push({ kind: 'atom', text: atom });
  }
  return tokens;
}

/** More than any message has: with one for each literal, lines between empty literals would make as many as fit into memory. */
const MOST_TOKENS = 5_000;

export interface TokenLimits {
  /** The most bytes of literals in one message. */
  readonly literals: number;
  /** The longest line. */
  readonly line: number;
}

/**
 * The tokens of a message that begins with a line already read, and goes on behind its literals.
 *
 * @param inviteOp says to send a literal that waits to be asked for; false leaves it unread, and the message ends before it
 * @throws DialogueError malformed for what are no tokens, and for more of them, or of literals, than the limit; timeout, closed
 */
export function* tokensOp(
  wire: Wire,
  first: string,
  limits: TokenLimits,
  inviteOp?: (literal: Literal, before: readonly Token[]) => Op<boolean>,
): Op<readonly Token[]> {
  const tokens: Token[] = [];
  let left = limits.literals;
  for (let line = first; ; line = yield* wire.lineOp(limits.line)) {
    const found = tokensOf(line);
    if (found === null) throw new DialogueError('malformed', 'a quoted string without an end');
    tokens.push(...found);
    if (tokens.length > MOST_TOKENS)
      throw new DialogueError('malformed', `a message of more than ${MOST_TOKENS} tokens`);
    const literal = literalOf(line);
    if (literal === null) return tokens;
    if (literal.size > left) {
      throw new DialogueError('malformed', `a literal of ${literal.size} bytes, where ${left} would be many`);
    }
    if (literal.waits && inviteOp !== undefined && !(yield* inviteOp(literal, tokens))) return tokens;
    // An empty one takes from the limit as well: a message is not to go on for ever.
    left -= Math.max(literal.size, 1);
    const bytes = yield* wire.exactOp(literal.size);
    tokens.push({ kind: 'string', text: Buffer.from(bytes).toString('latin1') });
  }
}
