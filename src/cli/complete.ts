/** What the tabulator key offers at the prompt. Pure, but for the names of files, which the caller provides. */
import type { SymbolSet } from '../basic/index.ts';
import { COMMANDS, commandNamed } from './commands.ts';
import { DIRECTIONS, FORMS, formNamed } from './forms.ts';
import { flagNames } from './operand.ts';
import { callableNames } from './programs.ts';

export interface CompletionContext {
  readonly symbols: SymbolSet;
  /** Declared variables, in upper case. */
  readonly names: Iterable<string>;
  /** The paths that a beginning of a path can become; directories with a slash at the end. */
  readonly files: (prefix: string) => string[];
}

/** The candidates for the last word of a line, and the part of it that they replace: the form of node:readline. */
export function complete(line: string, context: CompletionContext): [candidates: string[], fragment: string] {
  const before = line.replace(/\S*$/, '');
  const fragment = line.slice(before.length);
  const words = before
    .replace(/^\s*-/, '')
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words[0]?.toUpperCase() === 'ON') {
    if (words.length === 1) return offer(fragment, variables(context));
    words.splice(0, 2);
  }
  const [first] = words;
  if (first === undefined) return offerFirst(fragment);
  if (fragment.startsWith('@')) return [context.files(fragment.slice(1)).map((path) => `@${path}`), fragment];
  const form = formNamed(first);
  if (form !== undefined) {
    if (form.positions.some(({ position }) => position === 'direction')) return offer(fragment, [...DIRECTIONS.keys()]);
    const joined = /[+|](?=[^+|]*$)/.exec(fragment);
    const flags = form.positions.some(({ position }) => position === 'flags') ? flagNames(context.symbols) : [];
    if (joined !== null) return offer(fragment.slice(joined.index + 1), flags);
    return offer(fragment, [...flags, ...form.keys.map((key) => `${key}=`), ...(form.named ? ['AS'] : [])]);
  }
  return offerArguments(commandNamed(first)?.name, words.length, fragment, context);
}

function offerFirst(fragment: string): [string[], string] {
  const word = fragment.replace(/^-/, '');
  const names = ['ON', ...FORMS.map(({ opcode }) => opcode.name), ...COMMANDS.map(({ name }) => name)];
  const [found, replaced] = offer(word, names);
  return [found.length === 1 ? found.map((name) => `${name} `) : found, replaced];
}

function offerArguments(
  command: string | undefined,
  words: number,
  fragment: string,
  context: CompletionContext,
): [string[], string] {
  switch (command) {
    case 'XCALL': {
      // The last argument begins behind a comma, with or without a space.
      const last = /[^,(+]*$/.exec(fragment)?.[0] ?? '';
      const routine = words === 1 && !fragment.includes(',');
      return offer(last, routine ? callableNames() : [...variables(context), ...callSymbols(context)]);
    }
    case 'EXPECT':
      return offer(fragment, ['timer=']);
    case 'HELP':
      return offer(fragment, [...FORMS.map(({ opcode }) => opcode.name), ...COMMANDS.map(({ name }) => name)]);
    case 'USE':
    case 'INFO':
    case 'SET':
    case 'PRINT':
      return offer(/[^,]*$/.exec(fragment)?.[0] ?? '', variables(context));
    default:
      return [[], fragment];
  }
}

function variables({ names }: CompletionContext): string[] {
  return [...names].map((name) => name.toLowerCase());
}

function callSymbols({ symbols }: CompletionContext): string[] {
  return [...symbols.names()].filter((name) => /^(?:TCP|EMF_|EMS_)/.test(name));
}

/** Those that start with the fragment, in the case that it is typed in. */
function offer(fragment: string, names: readonly string[]): [string[], string] {
  const wanted = fragment.toUpperCase();
  const lower = /^[a-z]/.test(fragment);
  const found = names.filter((name) => name.toUpperCase().startsWith(wanted));
  return [found.map((name) => (lower ? name.toLowerCase() : name)), fragment];
}
