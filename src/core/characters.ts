/**
 * What short texts consist of: lines, addresses, names. A process compiles a regular expression when it is first used, and
 * into machine code when it is used again, which takes many times as long as looking at such a text; and a pattern such as
 * `/[ \t]+$/` takes time with the square of a run of blanks inside of it.
 */

const SPACE = 0x20;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const DELETE = 0x7f;

export function isAscii(text: string): boolean {
  return Buffer.byteLength(text, 'utf8') === text.length;
}

/** Control characters of ASCII. Bytes from 0x80 to 0x9f are left alone: in UTF-8 they are parts of letters. */
export function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < SPACE || code === DELETE) return true;
  }
  return false;
}

/** Printable ASCII without blanks, and at least one character of it. */
export function isVisible(text: string): boolean {
  return text !== '' && isAscii(text) && !text.includes(' ') && !hasControl(text);
}

/** Digits of ASCII, and at least one. */
export function isDigits(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < DIGIT_0 || code > DIGIT_9) return false;
  }
  return text !== '';
}

/** Whether any of the `characters` occurs. */
export function hasAny(text: string, characters: string): boolean {
  for (const character of characters) if (text.includes(character)) return true;
  return false;
}

export function hasLineEnd(text: string): boolean {
  return text.includes('\n') || text.includes('\r');
}

/** A blank or a tab. */
export function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

/** The text without those of the `characters` that are at its end. */
export function trimmedEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

/** Only blanks and tabs are trimmed: byte 0xa0 is a character of an address, not a space. */
export function trimmed(text: string): string {
  let start = 0;
  while (isBlank(text[start])) start += 1;
  return trimmedEnd(text.slice(start), ' \t');
}
