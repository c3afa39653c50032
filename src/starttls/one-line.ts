/** Commands are lines. */
import { UsageError } from '../core/errors.ts';

const LINE_BREAKERS = [
  ['CR', '\r'],
  ['LF', '\n'],
  ['NUL', '\0'],
] as const;

/** @throws UsageError for text with CR, LF or NUL, which would end a command and begin another */
export function requireOneLine(text: string): void {
  for (const [name, character] of LINE_BREAKERS) {
    const index = text.indexOf(character);
    if (index >= 0) throw new UsageError(`a command cannot hold ${name} (at index ${index})`);
  }
}
