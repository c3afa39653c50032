/** Most addresses: nothing in them has a meaning of its own, in a list or in a command. */

const PLUS = 0x2b;
const HYPHEN = 0x2d;
const DOT = 0x2e;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const UNDERSCORE = 0x5f;
const LETTER_A = 0x61;
const LETTER_Z = 0x7a;
/** Makes a capital letter small. */
const SMALL = 0x20;

/**
 * `ann.lee+list@mail.example.com`: letters and digits of ASCII, `.`, `-`, `_` and `+` around one `@`. Of others, which are
 * rare, it takes longer to say what they are.
 */
export function isPlainAddress(text: string): boolean {
  const at = text.indexOf('@');
  if (at < 1 || at === text.length - 1) return false;
  for (let index = 0; index < text.length; index += 1) {
    if (index !== at && !isPlain(text.charCodeAt(index))) return false;
  }
  return true;
}

function isPlain(code: number): boolean {
  const letter = code | SMALL;
  if ((letter >= LETTER_A && letter <= LETTER_Z) || (code >= DIGIT_0 && code <= DIGIT_9)) return true;
  return code === DOT || code === HYPHEN || code === UNDERSCORE || code === PLUS;
}
