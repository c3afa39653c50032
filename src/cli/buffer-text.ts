/** Bytes as people read them. Nothing that a peer sends reaches the terminal as a control character. */
import { harmless } from '../core/harmless.ts';

/** What is shown of a long buffer: lines of text, characters altogether, rows of a dump. */
const MOST_LINES = 24;
const MOST_CHARACTERS = 2000;
const MOST_ROWS = 16;
const ROW = 16;
/** One character in so many may be another control character in what still counts as text. */
const CONTROLS = 10;
/** What texts hold; ESC because some are for terminals. */
const TEXTUAL = '\r\n\t\x1b';

/**
 * Text as it came, with escapes for what a terminal might take for a command. A backslash is escaped too, so that nobody can
 * feign an escape; for sentences that quote a peer, see {@link harmless}.
 */
export function escapeText(text: string): string {
  return harmless(text.replaceAll('\\', '\\\\'));
}

/** Lines for a buffer: text with escapes where it is text in UTF-8, else a dump in hexadecimal. */
export function bufferLines(bytes: Uint8Array, full: boolean): string[] {
  const text = textOf(bytes);
  return text === null ? dump(bytes, full) : textLines(text, bytes.length, full);
}

function textLines(text: string, length: number, full: boolean): string[] {
  const lines: string[] = [];
  let characters = 0;
  for (const line of text.split(/(?<=\n)/)) {
    const room = MOST_CHARACTERS - characters;
    if (!full && (lines.length >= MOST_LINES || line.length > room)) {
      const part = lines.length < MOST_LINES ? escapeText(line.slice(0, room)) : '';
      if (part !== '') lines.push(part);
      return [...lines, `(${length} bytes altogether; --full shows them)`];
    }
    characters += line.length;
    if (line !== '') lines.push(escapeText(line));
  }
  return lines;
}

/** The text of bytes; null when they are none. */
function textOf(bytes: Uint8Array): string | null {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // A character may have been cut in two by the size of the buffer.
    return latin1Text(bytes);
  }
  return mostlyPrintable(text) ? text : null;
}

function latin1Text(bytes: Uint8Array): string | null {
  const ascii = bytes.reduce((count, byte) => count + (byte < 0x80 ? 1 : 0), 0);
  // Some letters beyond ASCII in a text are Latin-1; half of them and more are no text.
  if (ascii * 4 < bytes.length * 3) return null;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return mostlyPrintable(text) ? text : null;
}

function mostlyPrintable(text: string): boolean {
  const controls = text.match(/\p{Cc}/gu)?.filter((character) => !TEXTUAL.includes(character)) ?? [];
  return controls.length * CONTROLS <= text.length;
}

function dump(bytes: Uint8Array, full: boolean): string[] {
  const most = full ? bytes.length : Math.min(bytes.length, MOST_ROWS * ROW);
  const lines: string[] = [];
  for (let at = 0; at < most; at += ROW) {
    const row = bytes.subarray(at, Math.min(at + ROW, most));
    const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = Array.from(row, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${hex.padEnd(3 * ROW - 1)}  ${text}`);
  }
  if (most < bytes.length) lines.push(`(${bytes.length} bytes altogether; --full shows them)`);
  return lines;
}
