/** What a peer says, in sentences of ours. They are harmless as they stand: whoever shows one does not escape it again. */
import { harmless } from '../core/harmless.ts';

/** How much of a peer's text an error message shows, in characters. */
const LONGEST_QUOTE = 120;

/** Text of a peer for an error message: cut, and harmless to print. */
export function quoted(text: string): string {
  // JSON has escapes for the controls of ASCII only; terminals obey others too.
  return harmless(JSON.stringify(cut(text)));
}

/** The same without quotation marks, where the text stands by itself. */
export function printable(text: string): string {
  return harmless(cut(text));
}

function cut(text: string): string {
  return text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}...` : text;
}
