/** How much of a peer's text an error message shows, in characters. */
const LONGEST_QUOTE = 120;

/** Text of a peer for an error message: cut, and harmless to print. */
export function quoted(text: string): string {
  const shown = text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}...` : text;
  return JSON.stringify(shown);
}
