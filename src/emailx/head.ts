/**
 * The header section of a message. It comes from the parameter `header`, from the beginning of the body, or from both
 * (emailx §8); its lines are looked at to see which fields the program wrote itself, and otherwise left as they are.
 */
import { hasLineEnd, isBlank, isVisible, trimmedEnd } from '../core/characters.ts';
import { EmailxError } from './error.ts';
import { crlfText } from './line-ends.ts';
import type { Source } from './source.ts';
import { quoted } from './text.ts';

/** A body that begins with header lines has its empty line within so many octets. */
export const LONGEST_HEAD = 256 * 1024;

const LINE_ENDS = '\r\n';

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
  const end = header.startsWith('\r\n') ? 0 : header.indexOf('\r\n\r\n');
  const fields = end < 0 ? header : header.slice(0, end);
  for (const line of trimmedEnd(fields, LINE_ENDS).split('\r\n')) {
    const colon = line.indexOf(':');
    const name = colon < 0 || isBlank(line[0]) ? '' : line.slice(0, colon);
    if (!hasLineEnd(lineEnds === 'refused' ? line : name)) continue;
    throw new EmailxError('badHeader', `the header line ${quoted(line)} holds a CR or LF alone; lines end in CRLF`);
  }
}

/** The header with exactly one line end at its end; blank for one without contents. */
export function trimmedHeader(header: string): string {
  if (trimmedEnd(header, ' \t\r\n') === '') return '';
  return `${trimmedEnd(header, LINE_ENDS)}\r\n`;
}

/**
 * Parts header and body at the first empty line of the two together. Without one, all of it is header.
 *
 * @throws EmailxError when a long body has no empty line near its beginning
 */
export function splitHead(header: string, body: Source): Head {
  const inHeader = emptyLineOf(header);
  if (inHeader !== null) {
    const { lines, remainder } = cutAt(header, inHeader);
    return { lines, remainder, bodyStart: 0 };
  }
  const joined = header + beginningOf(body);
  const found = emptyLineOf(joined);
  if (found !== null) {
    const { lines, remainder } = cutAt(joined, found);
    return { lines, remainder: '', bodyStart: joined.length - remainder.length - header.length };
  }
  if (body.size > LONGEST_HEAD) {
    const reason = `no empty line ends the header within the first ${LONGEST_HEAD} octets`;
    throw new EmailxError('badHeader', `${reason}; put one between header and text`);
  }
  const isEnded = joined === '' || hasLineEnd(joined.slice(-1));
  const lines = isEnded ? joined : `${joined}\r\n`;
  return { lines: crlfText(lines), remainder: '', bodyStart: body.size };
}

/** True if all lines up to the first empty one are header fields, and there is an empty one. */
export function beginsWithHeader(body: Source): boolean {
  const beginning = beginningOf(body);
  const found = emptyLineOf(beginning);
  if (found === null || found.start === 0) return false;
  const [first = '', ...others] = beginning.slice(0, found.start).split(/\r\n|\r|\n/);
  return nameOf(first) !== '' && others.every((line) => nameOf(line) !== '' || isBlank(line[0]));
}

/** Header lines as fields, in their order. Together their texts are the lines. */
export function fieldsOf(lines: string): Field[] {
  const fields: { name: string; text: string }[] = [];
  for (let start = 0, next = 0; start < lines.length; start = next) {
    const end = lines.indexOf('\r\n', start);
    next = end < 0 ? lines.length : end + 2;
    const line = lines.slice(start, next);
    const last = fields.at(-1);
    if (last !== undefined && isBlank(line[0])) last.text += line;
    else fields.push({ name: nameOf(line).toLowerCase(), text: line });
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

/** The name in front of the colon; blank for a line that is not `name: value`. */
function nameOf(line: string): string {
  const name = trimmedEnd(line.slice(0, Math.max(0, line.indexOf(':'))), ' \t');
  return isVisible(name) ? name : '';
}

interface EmptyLine {
  /** Where the line in front of it ends; 0 where there is none. */
  readonly start: number;
  readonly end: number;
}

/** The first empty line; a CR is a line end of its own only where no LF follows. */
function emptyLineOf(text: string): EmptyLine | null {
  let cr = text.indexOf('\r');
  let lf = text.indexOf('\n');
  let start = 0;
  let next = 0;
  for (;;) {
    if (cr >= 0 && cr < next) cr = text.indexOf('\r', next);
    if (lf >= 0 && lf < next) lf = text.indexOf('\n', next);
    if (cr < 0 && lf < 0) return null;
    const lineEnd = lf < 0 || (cr >= 0 && cr < lf) ? cr : lf;
    const behind = lineEnd + (lineEnd === cr && lf === cr + 1 ? 2 : 1);
    if (lineEnd === next) return { start, end: behind };
    start = lineEnd;
    next = behind;
  }
}

function cutAt(text: string, { start, end }: EmptyLine): { lines: string; remainder: string } {
  return { lines: crlfText(start === 0 ? '' : `${text.slice(0, start)}\r\n`), remainder: text.slice(end) };
}

function beginningOf(body: Source): string {
  const length = Math.min(body.size, LONGEST_HEAD);
  const beginning = body.block(0, length, Buffer.allocUnsafe(length)).toString('latin1');
  // A CR at the cut may be half of a line end.
  return length < body.size ? beginning.replace(/\r$/, '') : beginning;
}
