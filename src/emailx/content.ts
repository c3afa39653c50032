/** Text or the name of a file with it: the rule of `body` and `signature` (emailx §9, §10). */
import { encodeLatin1 } from '../core/bytes.ts';
import { trimmed } from '../core/characters.ts';

export type Content = { readonly bytes: Uint8Array } | { readonly file: string };

/** A filespec is shorter than this and holds no CR; anything else is text. */
const SHORTEST_TEXT = 128;

/**
 * What a parameter stands for, by its shape alone; null for a blank one.
 *
 * @throws UsageError for text with a character above U+00FF
 */
export function contentOf(parameter: string): Content | null {
  if (parameter.length >= SHORTEST_TEXT || parameter.includes('\r')) return { bytes: encodeLatin1(parameter) };
  const file = trimmed(parameter);
  return file === '' ? null : { file };
}
