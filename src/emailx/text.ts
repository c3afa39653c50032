/** Text of programs, which is bytes as Latin-1, where people read it. */
import { isUtf8 } from 'node:buffer';

const LONGEST_SHOWN = 120;

/** Bytes above 0x7f are UTF-8 if they can be, else Latin-1. Text that holds more than bytes stays as it is. */
export function readable(text: string): string {
  if (!/[\x80-\xff]/.test(text) || /[\u0100-\uffff]/.test(text)) return text;
  const bytes = Buffer.from(text, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : text;
}

/** In quotes, for a message: one line without control characters, and not endless. */
export function quoted(text: string): string {
  const safe = readable(text).replace(/\p{Cc}/gu, '\ufffd');
  return safe.length > LONGEST_SHOWN ? `'${safe.slice(0, LONGEST_SHOWN)}...'` : `'${safe}'`;
}

export function isAscii(text: string): boolean {
  return !/[\x80-\uffff]/.test(text);
}

/** Control characters of ASCII. Bytes from 0x80 to 0x9f are left alone: in UTF-8 they are parts of letters. */
export function hasControl(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return /[\0-\x1f\x7f]/.test(text);
}
