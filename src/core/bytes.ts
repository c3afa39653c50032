/**
 * Bytes and Latin-1 text. A-Shell's characters are bytes, so a string that crosses into a variable or onto the wire
 * holds only U+0000 to U+00FF; anything above has no byte and is refused instead of being cut to its low half.
 */
import { isAscii } from './characters.ts';
import { UsageError } from './errors.ts';

const beyondLatin1 = /[\u0100-\uffff]/;

/** The same memory as a Buffer: no copy, and no cost if it is one already. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whether each character has a byte. */
export function isLatin1(text: string): boolean {
  return isAscii(text) || !beyondLatin1.test(text);
}

/** Throws a UsageError that names the first character above U+00FF, if there is one. */
export function requireLatin1(text: string): void {
  if (isLatin1(text)) return;
  const index = text.search(beyondLatin1);
  const code = text.codePointAt(index) ?? 0;
  const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  // A lone surrogate would not survive being printed.
  const shown = code >= 0xd800 && code <= 0xdfff ? name : `${name} (${String.fromCodePoint(code)})`;
  throw new UsageError(
    `${shown} at index ${index} does not fit in one byte: encode the text first, for example ` +
      `decodeLatin1(Buffer.from(text, 'utf8'))`,
  );
}

/** One byte for each character, in memory of its own. Throws a UsageError for a character above U+00FF. */
export function encodeLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  writeLatin1(bytes, text);
  return bytes;
}

/**
 * Stores as many characters as fit between `start` and `end` and returns how many that were. The whole text is checked,
 * not only what fits: a UsageError for a character above U+00FF comes before the first byte is written.
 */
export function writeLatin1(into: Uint8Array, text: string, start = 0, end: number = into.length): number {
  requireLatin1(text);
  const count = Math.min(text.length, end - start);
  return count > 0 ? asBuffer(into).write(text, start, count, 'latin1') : 0;
}

/** One character for each byte from `start` up to, not including, `end`. Never fails. */
export function decodeLatin1(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  return asBuffer(bytes).toString('latin1', start, end);
}

/** The index of the first NUL from `start` up to, not including, `end`; -1 if there is none. */
export function indexOfNul(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  if (end >= bytes.length) return bytes.indexOf(0, start);
  // Searching the whole array would run on through memory that is not asked about.
  const index = bytes.subarray(start, end).indexOf(0);
  return index < 0 ? -1 : start + index;
}
