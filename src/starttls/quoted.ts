/** How much of a peer's text an error message shows, in characters. */
const LONGEST_QUOTE = 120;

/** Text of a peer for an error message: cut, and harmless to print. */
export function quoted(text: string): string {
  const shown = text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}...` : text;
  // JSON leaves DEL and the controls of Latin-1 as they are; terminals obey some of them.
  return JSON.stringify(shown).replace(/[\x7f-\x9f]/g, (character) => `\\x${character.charCodeAt(0).toString(16)}`);
}
