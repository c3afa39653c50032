/** Text of others where a terminal shows it. */
import { hasControl, isAscii } from './characters.ts';

const NAMED: Readonly<Record<string, string>> = { '\r': '\\r', '\n': '\\n', '\t': '\\t', '\0': '\\0' };

/**
 * Text with escapes for what a terminal might obey, and for what turns the direction of text or hides in it. Backslashes
 * stay as they are, so that text which holds such escapes already does not change.
 */
export function harmless(text: string): string {
  return isPrintable(text) ? text : text.replace(unsafe(), escapeCharacter);
}

/** JSON whose texts are harmless, and read back as they were. @throws as JSON.stringify does */
export function harmlessJson(value: unknown): string {
  const json = JSON.stringify(value);
  return isPrintable(json) ? json : json.replace(unsafe(), escapeUnits);
}

/** Most texts. */
function isPrintable(text: string): boolean {
  return isAscii(text) && !hasControl(text);
}

/** V8 makes such classes slowly, even if nobody asks for them. */
function unsafe(): RegExp {
  return /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\u2028\u2029]/gu;
}

function escapeCharacter(character: string): string {
  const name = NAMED[character];
  if (name !== undefined) return name;
  const code = character.codePointAt(0) ?? 0;
  return code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/** As JSON has it: by the units of UTF-16. */
function escapeUnits(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }).join('');
}
