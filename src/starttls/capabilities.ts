/** Lists of capabilities, whose entries begin with a keyword that is matched whole and in any case. */
import { quoted } from './quoted.ts';

export interface Capabilities {
  /** As the server listed them. */
  readonly entries: readonly string[];
  has(keyword: string): boolean;
  /** What follows the keyword, in the words of the server; null when it is not listed. */
  parameters(keyword: string): readonly string[] | null;
}

/** How some old servers repeat `AUTH LOGIN`: `AUTH=LOGIN`. */
const OLD_AUTH = 'AUTH=';

export function capabilitiesOf(entries: readonly string[]): Capabilities {
  const byKeyword = new Map<string, string[]>();
  for (const entry of entries) {
    const [first = '', ...others] = wordsOf(entry);
    const word = first.toUpperCase();
    const [name, parameters]: [string, string[]] = word.startsWith(OLD_AUTH)
      ? ['AUTH', [first.slice(OLD_AUTH.length), ...others]]
      : [word, others];
    const known = byKeyword.get(name);
    if (known === undefined) byKeyword.set(name, parameters);
    else known.push(...parameters);
  }
  return {
    entries,
    has: (keyword) => byKeyword.has(keyword.toUpperCase()),
    parameters: (keyword) => byKeyword.get(keyword.toUpperCase()) ?? null,
  };
}

function wordsOf(entry: string): string[] {
  return entry
    .trim()
    .replaceAll('\t', ' ')
    .split(' ')
    .filter((word) => word !== '');
}

/** Keywords that middle boxes and attackers leave behind where they have overwritten one. */
const OVERWRITTEN = /^(?:X{4,}[A-Z]?|\*{4,}|_{4,})$/i;
/** The same, of fewer letters: such a word may be a keyword of its own, unless it is as long as the one that is missing. */
const OVERWRITTEN_BRIEFLY = /^(?:X+|\*+|_+)$/i;

/** Why a list without `keyword` looks as if it had been there; null when it does not, or is there. */
export function mutilated(entries: readonly string[], keyword: string): string | null {
  const names = entries.map((entry) => wordsOf(entry)[0] ?? '');
  if (names.some((name) => name.toUpperCase() === keyword)) return null;
  const found = names.find(
    (name) =>
      OVERWRITTEN.test(name) ||
      (name.length === keyword.length && OVERWRITTEN_BRIEFLY.test(name)) ||
      name.toUpperCase().includes(keyword),
  );
  return found === undefined ? null : `${quoted(found)} stands where ${keyword} could have been`;
}
