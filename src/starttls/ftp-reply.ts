/**
 * Replies of FTP (RFC 959 §4.2). They look like those of SMTP but for the lines within one, which need no code:
 *
 *   211-Features:
 *    AUTH TLS
 *   211 End
 */
import type { Op } from '../core/op.ts';
import { DialogueError } from './dialogue-error.ts';
import { quoted } from './quoted.ts';
import { replyText, type SmtpReply } from './smtp-reply.ts';
import type { Wire } from './wire.ts';

/** 100 to 599 and text, as in SMTP. The lines between the first and the last are as they came. */
export type FtpReply = SmtpReply;

/*
 * first line  code SP text / code "-" text / code
 * last line   the same code, SP text
 */
const FIRST_LINE = /^([1-5]\d\d)(?:([ -])(.*))?$/s;
/** More lines than any server has reason to send in one reply, and longer ones in bytes. */
const MOST_LINES = 1_000;
const LONGEST_LINE = 4_096;

/**
 * Reads a reply to its last line, and no further.
 *
 * @throws DialogueError malformed for what is not a reply; timeout and closed
 */
export function* ftpReplyOp(wire: Wire): Op<FtpReply> {
  const first = yield* wire.lineOp(LONGEST_LINE);
  const [, code = '', separator = ' ', text = ''] = FIRST_LINE.exec(first) ?? [];
  if (code === '') throw new DialogueError('malformed', `not a reply with a code: ${quoted(first)}`);
  const lines = [text];
  if (separator === ' ') return { code: Number(code), lines };
  for (;;) {
    const line = yield* wire.lineOp(LONGEST_LINE);
    if (line === code || line.startsWith(`${code} `)) return { code: Number(code), lines: [...lines, line.slice(4)] };
    if (lines.length >= MOST_LINES) throw new DialogueError('malformed', `a reply of more than ${MOST_LINES} lines`);
    lines.push(line);
  }
}

/** Sends a command and reads its reply. */
export function* ftpCommandOp(wire: Wire, command: string, options: { readonly secret?: boolean } = {}): Op<FtpReply> {
  yield* wire.commandOp(command, options);
  return yield* ftpReplyOp(wire);
}

/** @throws DialogueError refused, unless the reply has one of the codes */
export function requireCode(reply: FtpReply, what: string, ...codes: readonly number[]): FtpReply {
  if (codes.includes(reply.code)) return reply;
  const meaning = MEANINGS.get(reply.code);
  const explained = meaning === undefined ? '' : ` (${meaning})`;
  throw new DialogueError('refused', `the server answers ${what} with ${quoted(replyText(reply))}${explained}`);
}

/** Codes of RFC 2228 and 4217, which texts seldom explain. */
const MEANINGS: ReadonlyMap<number, string> = new Map([
  [431, 'what is needed is not there now'],
  [503, 'another command has to come first'],
  [504, 'the mechanism or level is not known'],
  [522, 'the data connection has to be TLS, and often to resume the session of the control connection'],
  [533, 'not in clear, by policy'],
  [534, 'refused by policy'],
  [536, 'the level is not for this mechanism'],
]);
