/** Text of programs, which is bytes as Latin-1, where people read it. */
import { isUtf8 } from 'node:buffer';
import { isLatin1 } from '../core/bytes.ts';
import { isAscii } from '../core/characters.ts';

const LONGEST_SHOWN = 120;

/** Bytes above 0x7f are UTF-8 if they can be, else Latin-1. Text that holds more than bytes stays as it is. */
export function readable(text: string): string {
  if (isAscii(text) || !isLatin1(text)) return text;
  const bytes = Buffer.from(text, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : text;
}

/** In quotes, for a message: one line without control characters, and not endless. */
export function quoted(text: string): string {
  const safe = readable(text).replace(/\p{Cc}/gu, '?');
  return safe.length > LONGEST_SHOWN ? `'${safe.slice(0, LONGEST_SHOWN)}...'` : `'${safe}'`;
}
