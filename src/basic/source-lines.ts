/**
 * Source text to logical lines (ashell-basic §2.1): `&` joins lines, `!` starts a comment, a number in front is dropped.
 *
 * A line is joined to the next if `&` ends its code, comment or not, or if `&` ends its comment; in the latter case the
 * next line belongs to the comment.
 */

/** The longest logical line, without its comment (ashell-basic §2.1). */
export const MAX_LOGICAL_LINE = 3070;

export interface SourceLine {
  /** Number of the first physical line, from 1. */
  readonly number: number;
  /** The code, without comment and blanks at either end. Empty if there is none. */
  readonly code: string;
}

/** Splits a source into its logical lines. `fail` is called for a line that is too long and must throw. */
export function* sourceLines(text: string, fail: (line: number, what: string) => never): Generator<SourceLine> {
  let code = '';
  let first = 0;
  let quoted = false;
  let swallow = false;
  let joined = false;
  let number = 0;
  for (const physical of text.split(/\r\n|\r|\n/)) {
    number++;
    if (first === 0) first = number;
    const line = physical.trimEnd();
    const ampersand = line.endsWith('&');
    if (swallow) {
      swallow = ampersand;
      if (ampersand || joined) continue;
    } else {
      const body = ampersand ? line.slice(0, -1) : line;
      const found = findComment(body, quoted);
      const part = body.slice(0, found.end);
      const commented = found.end < body.length;
      joined = commented ? part.trimEnd().endsWith('&') : ampersand;
      code += commented && joined ? part.trimEnd().slice(0, -1) : part;
      if (code.length > MAX_LOGICAL_LINE) fail(first, `the line has more than ${MAX_LOGICAL_LINE} characters`);
      quoted = joined && found.quoted;
      swallow = commented && ampersand;
      if (joined || swallow) continue;
    }
    yield { number: first, code: withoutNumber(code) };
    code = '';
    first = 0;
    joined = false;
  }
  if (first !== 0) yield { number: first, code: withoutNumber(code) };
}

/**
 * The index of the first of `stops` in code that is not inside a string or an ASCII literal such as `'!'`, or -1.
 * An apostrophe straight after a character of a name belongs to the name.
 */
export function indexInCode(code: string, stops: string, from = 0): number {
  const { end } = scan(code, stops, false, from);
  return end < code.length ? end : -1;
}

/** Splits code at a separator outside strings, ASCII literals and brackets; the parts are trimmed. */
export function splitCode(code: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let depth = 0;
  for (let at = indexInCode(code, `${separator}()`); at >= 0; at = indexInCode(code, `${separator}()`, at + 1)) {
    if (code[at] === '(') depth++;
    else if (code[at] === ')') depth--;
    else if (depth <= 0) {
      parts.push(code.slice(start, at).trim());
      start = at + 1;
    }
  }
  parts.push(code.slice(start).trim());
  return parts;
}

function findComment(body: string, quoted: boolean): { end: number; quoted: boolean } {
  return scan(body, '!', quoted, 0);
}

function scan(code: string, stops: string, quoted: boolean, from: number): { end: number; quoted: boolean } {
  let inside = quoted;
  for (let at = from; at < code.length; at++) {
    const character = code.charAt(at);
    if (character === '"') inside = !inside;
    else if (inside) continue;
    else if (stops.includes(character)) return { end: at, quoted: false };
    else if (character === "'" && code[at + 2] === "'" && !/[A-Za-z0-9_']/.test(code.charAt(at - 1))) at += 2;
  }
  return { end: code.length, quoted: inside };
}

function withoutNumber(code: string): string {
  return code.replace(/^\s*\d+(?=\s|$)/, '').trim();
}
