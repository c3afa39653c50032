/** How much of a peer's text an error message shows, in characters. */
const LONGEST_QUOTE = 120;

/** Text of a peer for an error message: cut, and harmless to print. */
export function quoted(text: string): string {
  // JSON has escapes for the controls of ASCII, but leaves DEL and those of Latin-1, of which terminals obey some.
  return escaped(JSON.stringify(cut(text)));
}

/** The same without quotation marks, where the text stands by itself. */
export function printable(text: string): string {
  return escaped(cut(text));
}

function cut(text: string): string {
  return text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}...` : text;
}

function escaped(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
