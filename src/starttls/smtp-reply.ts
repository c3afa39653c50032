/** Replies of SMTP and LMTP (RFC 5321 §4.2). */
import type { Op } from '../core/op.ts';
import type { Reply } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import { quoted } from './quoted.ts';
import type { Wire } from './wire.ts';

export interface SmtpReply {
  /** 200 to 599. */
  readonly code: number;
  /** The text of each line, without code and separator. */
  readonly lines: readonly string[];
}

/** The length of a code. */
const CODE = 3;
const LOWEST = 200;
const HIGHEST = 599;
const DIGIT_0 = 48;
/** More lines than any server has reason to send in one reply. */
const MOST_LINES = 1_000;

/**
 * Reads a reply to its last line, and no further.
 *
 * @throws DialogueError malformed for what is not a reply; timeout and closed
 */
export function* smtpReplyOp(wire: Wire): Op<SmtpReply> {
  const lines: string[] = [];
  for (;;) {
    const line = yield* wire.lineOp();
    const code = replyCode(line);
    if (code === null) {
      throw new DialogueError('malformed', `not a reply with a code: ${quoted(wire.conceal?.(line) ?? line)}`);
    }
    lines.push(line.slice(CODE + 1));
    if (line[CODE] !== '-') return { code, lines };
    if (lines.length >= MOST_LINES) {
      throw new DialogueError('malformed', `a reply of more than ${MOST_LINES} lines`);
    }
  }
}

/**
 *     reply-line = code SP text / code      the last
 *                  code "-" text            one before it
 *
 * Null for what is none.
 */
function replyCode(line: string): number | null {
  const separator = line.charAt(CODE);
  if (separator !== '' && separator !== ' ' && separator !== '-') return null;
  let code = 0;
  for (let at = 0; at < CODE; at += 1) {
    const digit = line.charCodeAt(at) - DIGIT_0;
    if (!(digit >= 0 && digit <= 9)) return null;
    code = code * 10 + digit;
  }
  return code >= LOWEST && code <= HIGHEST ? code : null;
}

/** A reply as one line, the code in front. */
export function replyText({ code, lines }: SmtpReply): string {
  return `${code} ${lines.join(' ')}`.trim();
}

/** RFC 3463 §2: class.subject.detail at the beginning of the text. */
const ENHANCED = /^([245]\.\d{1,3}\.\d{1,3})(?: |$)/;

/** Says goodbye, in SMTP and in FTP. */
const CLOSING = 421;

/** The reply to a trigger; accepted with exactly this code. */
export function triggerReply(reply: SmtpReply, accepted: number): Reply {
  const text = reply.lines.join(' ');
  const enhanced = ENHANCED.exec(text)?.[1] ?? null;
  return { accepted: reply.code === accepted, code: String(reply.code), enhanced, text, final: reply.code === CLOSING };
}
