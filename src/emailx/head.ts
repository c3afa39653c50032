/**
 * The header section of a message. It comes from the parameter `header`, from the beginning of the body, or from both
 * (emailx §8); its lines are looked at to see which fields the program wrote itself, and otherwise left as they are.
 */
import { trimmedEnd } from '../core/trim.ts';
import { EmailxError } from './error.ts';
import { crlfText } from './line-ends.ts';
import type { Source } from './source.ts';
import { quoted } from './text.ts';

/** A body that begins with header lines has its empty line within so many octets. */
export const LONGEST_HEAD = 256 * 1024;

/** An empty line and the line end before it; a CR is a line end of its own only where no LF follows. */
const EMPTY_LINE = /(?:^|\r\n|\r(?!\n)|\n)(?:\r\n|\r(?!\n)|\n)/;
const FIELD = /^([!-9;-~]+)[ \t]*:/;
const CONTINUED = /^[ \t]/;
const LINE_END = /[\r\n]/;

/** What lies behind the header section: the rest of what was written with it, and the body from an offset on. */
export interface Head {
  /** Header lines, each with its CRLF; no empty line. */
  readonly lines: string;
  /** What the parameter `header` holds behind its first empty line, before the body. */
  readonly remainder: string;
  /** How many octets of the body belong to the header section. */
  readonly bodyStart: number;
}

export interface Field {
  /** In lower case; blank for a line that is not `name: value`. */
  readonly name: string;
  /** All of its lines, each with CRLF. */
  readonly text: string;
}

/**
 * @param lineEnds what a CR or LF alone is, ahead of the end: a line end as CRLF is, or a reason to refuse the header
 * @throws EmailxError for a NUL, and for a name that holds a CR or LF: behind a name that is cut there would stand a
 *   field that nobody wrote
 */
export function checkHeader(header: string, lineEnds: 'normalised' | 'refused'): void {
  if (header.includes('\0')) throw new EmailxError('badHeader', 'the header holds a NUL; remove it');
  const [fields = ''] = header.split(/(?:^|\r\n)\r\n/, 1);
  for (const line of trimmedEnd(fields, LINE_END).split('\r\n')) {
    const colon = line.indexOf(':');
    const name = colon < 0 || CONTINUED.test(line) ? '' : line.slice(0, colon);
    if (!/[\r\n]/.test(lineEnds === 'refused' ? line : name)) continue;
    throw new EmailxError('badHeader', `the header line ${quoted(line)} holds a CR or LF alone; lines end in CRLF`);
  }
}

/** The header with exactly one line end at its end; blank for one without contents. */
export function trimmedHeader(header: string): string {
  if (/^[ \t\r\n]*$/.test(header)) return '';
  return `${trimmedEnd(header, LINE_END)}\r\n`;
}

/**
 * Parts header and body at the first empty line of the two together. Without one, all of it is header.
 *
 * @throws EmailxError when a long body has no empty line near its beginning
 */
export function splitHead(header: string, body: Source): Head {
  const inHeader = EMPTY_LINE.exec(header);
  if (inHeader !== null) {
    const { lines, remainder } = cutAt(header, inHeader);
    return { lines, remainder, bodyStart: 0 };
  }
  const joined = header + beginningOf(body);
  const match = EMPTY_LINE.exec(joined);
  if (match !== null) {
    const { lines, remainder } = cutAt(joined, match);
    return { lines, remainder: '', bodyStart: joined.length - remainder.length - header.length };
  }
  if (body.size > LONGEST_HEAD) {
    const reason = `no empty line ends the header within the first ${LONGEST_HEAD} octets`;
    throw new EmailxError('badHeader', `${reason}; put one between header and text`);
  }
  const lines = /[\r\n]$|^$/.test(joined) ? joined : `${joined}\r\n`;
  return { lines: crlfText(lines), remainder: '', bodyStart: body.size };
}

/** True if all lines up to the first empty one are header fields, and there is an empty one. */
export function beginsWithHeader(body: Source): boolean {
  const beginning = beginningOf(body);
  const match = EMPTY_LINE.exec(beginning);
  if (match === null || match.index === 0) return false;
  const [first = '', ...others] = beginning.slice(0, match.index).split(/\r\n|\r|\n/);
  return FIELD.test(first) && others.every((line) => FIELD.test(line) || CONTINUED.test(line));
}

/** Header lines as fields, in their order. Together their texts are the lines. */
export function fieldsOf(lines: string): Field[] {
  const fields: { name: string; text: string }[] = [];
  for (let start = 0, next = 0; start < lines.length; start = next) {
    const end = lines.indexOf('\r\n', start);
    next = end < 0 ? lines.length : end + 2;
    const line = lines.slice(start, next);
    const last = fields.at(-1);
    if (last !== undefined && CONTINUED.test(line)) last.text += line;
    else fields.push({ name: FIELD.exec(line)?.[1]?.toLowerCase() ?? '', text: line });
  }
  return fields;
}

/** The value of the first field of a name, unfolded and trimmed; null if there is none. */
export function fieldValue(fields: readonly Field[], name: string): string | null {
  const text = fields.find((field) => field.name === name)?.text;
  if (text === undefined) return null;
  return text
    .slice(text.indexOf(':') + 1)
    .replaceAll('\r\n', '')
    .trim();
}

function cutAt(text: string, { 0: found, index }: RegExpExecArray): { lines: string; remainder: string } {
  return {
    lines: crlfText(index === 0 ? '' : `${text.slice(0, index)}\r\n`),
    remainder: text.slice(index + found.length),
  };
}

function beginningOf(body: Source): string {
  const length = Math.min(body.size, LONGEST_HEAD);
  const beginning = body.block(0, length, Buffer.allocUnsafe(length)).toString('latin1');
  // A CR at the cut may be half of a line end.
  return length < body.size ? beginning.replace(/\r$/, '') : beginning;
}
