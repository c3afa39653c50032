/** Commands are lines. */
import { hasAny } from '../core/characters.ts';
import { UsageError } from '../core/errors.ts';

/** @throws UsageError for text with CR, LF or NUL, which would end a command and begin another */
export function requireOneLine(text: string): void {
  if (!hasAny(text, '\r\n\0')) return;
  const index = text.search(/[\r\n\0]/);
  const name = { '\r': 'CR', '\n': 'LF' }[text.charAt(index)] ?? 'NUL';
  throw new UsageError(`a command cannot hold ${name} (at index ${index})`);
}
