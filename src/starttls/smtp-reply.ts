/** Replies of SMTP and LMTP (RFC 5321 §4.2). */
import type { Op } from '../core/op.ts';
import type { Reply } from './dialect.ts';
import { quoted } from './quoted.ts';
import { DialogueError, type Wire } from './wire.ts';

export interface SmtpReply {
  /** 200 to 599. */
  readonly code: number;
  /** The text of each line, without code and separator. */
  readonly lines: readonly string[];
}

/*
 * reply-line = code SP text / code      the last
 *              code "-" text            one before it
 */
const REPLY_LINE = /^([2-5]\d\d)(?:([ -])(.*))?$/s;
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
    const match = REPLY_LINE.exec(line);
    if (match === null) {
      throw new DialogueError('malformed', `not a reply with a code: ${quoted(wire.conceal?.(line) ?? line)}`);
    }
    const [, code = '', separator = ' ', text = ''] = match;
    lines.push(text);
    if (separator === ' ') return { code: Number(code), lines };
    if (lines.length >= MOST_LINES) {
      throw new DialogueError('malformed', `a reply of more than ${MOST_LINES} lines`);
    }
  }
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
