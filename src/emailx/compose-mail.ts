/**
 * A message from named options, for new code: header lines, text and HTML, attachments, encoded where the standards ask
 * for it. XCALL EMAILX does not use this: there the program writes its own header.
 */

import { createRequire } from 'node:module';
import { hasControl, hasLineEnd, isAscii, isBlank } from '../core/characters.ts';
import { UsageError } from '../core/errors.ts';
import { type Mailbox, parseMailboxes } from './mailboxes.ts';
import type { MessageParts } from './message.ts';
import { objectOption, textOption } from './option-checks.ts';

/** A message by its parts. Text is Unicode; CR, LF and NUL are refused in all of it but `text` and `html`. */
export interface Letter {
  /** `ann@example.com` or `Ann <ann@example.com>`. Needed, but for a complete message with an envelope. */
  readonly from?: string;
  /** One address, a list separated by commas, or an array of either. */
  readonly to?: string | readonly string[];
  readonly cc?: string | readonly string[];
  /** Recipients that no header line names. */
  readonly bcc?: string | readonly string[];
  readonly replyTo?: string | readonly string[];
  readonly subject?: string;
  /** The message as plain text. */
  readonly text?: string;
  /** The message as HTML, beside or instead of `text`. */
  readonly html?: string;
  /** Further header lines, by name. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Header and body as the message builder takes them: bytes as Latin-1, Bcc left out. */
export type LetterParts = Pick<MessageParts, 'header' | 'body' | 'html' | 'mimeBody'>;

type MimeFuncs = typeof import('nodemailer/lib/mime-funcs');
type QuotedPrintable = typeof import('nodemailer/lib/qp');

const load = createRequire(import.meta.url);
/** RFC 2047 §2: an encoded word has 75 characters at most, its name and marks among them. */
const ENCODED_WORD = 52;
/** RFC 5322 §2.1.1. */
const LINE = 76;
const LONGEST_LINE = 998;
const FIELD_NAME = /^[!-9;-~]{1,100}$/;
/** What fits into a line with the name of its field in front. */
const LONGEST_WORD = LONGEST_LINE - 102;
/** Written by us, or by the message builder. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  ...['from', 'to', 'cc', 'bcc', 'reply-to', 'subject', 'mime-version', 'content-type', 'content-transfer-encoding'],
]);

/** What goes into a letter beside its options. */
export interface LetterSettings {
  /** With its brackets. */
  readonly messageId: string;
  /** Completes addresses that have none; blank for none. */
  readonly domain: string;
  /** Text that stands below all others; blank for none. */
  readonly signature: string;
}

/**
 * Composes a letter.
 *
 * @throws UsageError that names the option and what is wrong with it
 */
export function composeLetter(letter: Letter, { messageId, domain, signature }: LetterSettings): LetterParts {
  const addresses = (name: string, option: 'from' | 'to' | 'cc' | 'replyTo') => {
    const mailboxes = parseMailboxes(option, letter[option], domain);
    return mailboxes.length === 0 ? [] : [mailboxField(name, mailboxes)];
  };
  const { text: plain, html, headers = {} } = letter;
  objectOption('headers', headers);
  const lines = [
    ...addresses('From', 'from'),
    ...addresses('To', 'to'),
    ...addresses('Cc', 'cc'),
    ...addresses('Reply-To', 'replyTo'),
    ...subjectField(checked('subject', letter.subject ?? '')),
    field('Message-ID', fitting('headers.Message-ID', messageId)),
    ...Object.entries(headers)
      .filter(([name]) => name.toLowerCase() !== 'message-id')
      .map(ownField),
  ];
  if (plain === undefined && html === undefined) throw new UsageError('a message needs text, html, both, or message');
  const signedText = () => signed(textOption('text', plain), signature);
  const signedHtml = () => signedPage(textOption('html', html), signature);
  if (plain !== undefined && html !== undefined) {
    const body = alternatives(signedText(), signedHtml());
    return { header: headerOf(lines), body: { bytes: body }, html: false, mimeBody: true };
  }
  const bytes = Buffer.from(withFinalLineEnd(html === undefined ? signedText() : signedHtml()), 'utf8');
  return { header: headerOf(lines), body: { bytes }, html: html !== undefined, mimeBody: false };
}

/** What is not encoded by now, an address beyond ASCII, is UTF-8 (RFC 6532). */
function headerOf(lines: readonly string[]): string {
  return Buffer.from(lines.join('\r\n'), 'utf8').toString('latin1');
}

/** Text and HTML as parts of multipart/alternative, the better one last (RFC 2046 §5.1.4). */
function alternatives(plain: string, html: string): Uint8Array {
  const boundary = `=_alternative_${Date.now().toString(36)}_${Math.random().toString(36).slice(2)}`;
  const part = (type: string, content: string) => {
    const { encoding, body } = encodedPart(content);
    return `--${boundary}\r\nContent-Type: ${type}; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${body}\r\n`;
  };
  const parts = part('text/plain', plain) + part('text/html', html);
  const head = `Content-Type: multipart/alternative; boundary="${boundary}"\r\n\r\n`;
  return Buffer.from(`${head}${parts}--${boundary}--\r\n`, 'latin1');
}

function encodedPart(content: string): { encoding: string; body: string } {
  const lines = content.replace(/\r\n|\r|\n/g, '\r\n');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII but NUL is sent as it is
  const plain = /^[\x01-\x7f]*$/.test(lines) && lines.split('\r\n').every((line) => line.length <= LONGEST_LINE);
  if (plain) return { encoding: '7bit', body: lines };
  const { encode, wrap } = load('nodemailer/lib/qp') as QuotedPrintable;
  return { encoding: 'quoted-printable', body: wrap(encode(lines), LINE) };
}

function withFinalLineEnd(content: string): string {
  return hasLineEnd(content.slice(-1)) ? content : `${content}\r\n`;
}

function signed(content: string, signature: string): string {
  return signature === '' ? content : withFinalLineEnd(content) + signature;
}

/** With the signature at the end of the page that is seen, as text whatever it holds. */
function signedPage(html: string, signature: string): string {
  if (signature === '') return html;
  const end = [...html.matchAll(/<\/body\s*>/gi)].at(-1)?.index ?? html.length;
  const escaped = signature.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  // A line end behind the tag is not shown.
  const shown = `<pre>\n${withFinalLineEnd(escaped)}</pre>\n`;
  return withFinalLineEnd(html.slice(0, end)) + shown + html.slice(end);
}

function ownField([name, value]: [string, string]): string {
  if (!FIELD_NAME.test(name)) throw new UsageError(`headers: ${JSON.stringify(name)} is no name of a header line`);
  if (OWN_FIELDS.has(name.toLowerCase())) throw new UsageError(`headers: ${name} is set by an option of its own`);
  const option = `headers.${name}`;
  const line = checked(option, value);
  return field(name, isPlain(line) ? fitting(option, line) : encodedWords(line));
}

/** What is sent as it is. In encoded words it would be lost on whoever reads a field of addresses or of names and values. */
function fitting(option: string, given: unknown): string {
  const value = checked(option, given);
  if (hasLines(value)) return value;
  throw new UsageError(`${option} has a word of more than ${LONGEST_WORD} characters, which no line holds`);
}

/** A header line of addresses, folded. What is not ASCII in an address stays as it is. */
export function mailboxField(name: string, mailboxes: readonly Mailbox[]): string {
  return field(name, mailboxes.map(shown).join(', '));
}

function subjectField(subject: string): string[] {
  if (subject === '') return [];
  const line = field('Subject', subject);
  const isTrimmed = !isBlank(subject[0]) && !isBlank(subject.at(-1));
  const keepsBlanks = isTrimmed && !line.split('\r\n').some(isLongForBlanks);
  return [isPlain(subject) && hasLines(subject) && keepsBlanks ? line : field('Subject', encodedWords(subject))];
}

/** A header line, folded. */
function field(name: string, value: string): string {
  const [first = '', ...words] = wordsOf(value);
  const lines: string[] = [];
  let line = `${name}: ${first}`;
  for (const word of words) {
    if (line.length + 1 + word.length <= LINE) line += ` ${word}`;
    else {
      lines.push(line);
      line = ` ${word}`;
    }
  }
  return [...lines, line].join('\r\n');
}

/** Whether there are lines that hold it. */
function hasLines(value: string): boolean {
  return wordsOf(value).every(({ length }) => length <= LONGEST_WORD);
}

/** Cut at blanks that stand alone: of more than one, readers make one where a line is folded, and none at the ends. */
function wordsOf(value: string): string[] {
  const words: string[] = [];
  let start = 0;
  for (let at = value.indexOf(' '); at >= 0; at = value.indexOf(' ', at + 1)) {
    if (isBlank(value[at - 1]) || isBlank(value[at + 1])) continue;
    words.push(value.slice(start, at));
    start = at + 1;
  }
  return [...words, value.slice(start)];
}

/** True for a line that only blanks have made so long. */
function isLongForBlanks(line: string): boolean {
  return line.length > LINE && /[ \t]{2}/.test(line);
}

/** @throws UsageError for CR, LF or NUL: they would end the line and begin another */
function checked(option: string, given: unknown): string {
  const value = textOption(option, given);
  if (hasControl(value.replaceAll('\t', ' ')))
    throw new UsageError(`${option} holds a control character such as a line end`);
  return value;
}

/** False for what is not ASCII, or looks as if it were encoded. */
function isPlain(value: string): boolean {
  return isAscii(value) && !value.includes('=?');
}

function encodedWords(value: string): string {
  const { encodeWord } = load('nodemailer/lib/mime-funcs') as MimeFuncs;
  return encodeWord(value, 'Q', ENCODED_WORD);
}

/** RFC 5322 §3.4: a name is quoted where it is not made of atoms, and encoded where it is not ASCII. */
function shown({ name, address }: Mailbox): string {
  if (name === '') return address;
  return `${isPlain(name) && hasLines(name) ? phrase(name) : encodedWords(name)} <${address}>`;
}

function phrase(name: string): string {
  return /^[\w!#$%&'*+/=?^`{|}~ -]*$/.test(name) ? name : `"${name.replace(/["\\]/g, '\\$&')}"`;
}
