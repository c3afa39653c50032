/** Trimming in one pass: a pattern such as `/[ \t]+$/` takes time with the square of a run of blanks inside of the text. */

const BLANK = /[ \t]/;

/** The text without those at its end that are such a `character`. */
export function trimmedEnd(text: string, character: RegExp): string {
  let end = text.length;
  while (end > 0 && character.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

/** Only blanks and tabs are trimmed: byte 0xa0 is a character of an address, not a space. */
export function trimmed(text: string): string {
  let start = 0;
  while (start < text.length && BLANK.test(text.charAt(start))) start += 1;
  return trimmedEnd(text.slice(start), BLANK);
}
