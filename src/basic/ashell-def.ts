/**
 * The symbols that A-Shell programs include: our own numbers (`ashell.def.ts`) and a site's `ashell.def`, whose numbers win.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { symbols } from '../../ashell.def.ts';
import { decodeLatin1 } from '../core/bytes.ts';
import { UsageError } from '../core/errors.ts';
import { once } from '../core/once.ts';
import { type ConstantValue, foldName } from './constant-expression.ts';
import { DefinitionReader, type Included, MAX_DEFINITION_FILE } from './definition-reader.ts';

/** A symbol's value and where it comes from: `built-in`, or file and line. */
export interface SymbolEntry {
  readonly value: ConstantValue;
  readonly origin: string;
}

const BUILT_IN = 'built-in';

/** An immutable set of symbols. Names are found in any case, and with `'` or `_` (`EMF'NORMAL`, `emf_normal`). */
export class SymbolSet {
  /** What was passed over while the set was read, one sentence each with file and line. */
  readonly notes: readonly string[];
  private readonly entries: () => ReadonlyMap<string, SymbolEntry>;

  constructor(entries: () => ReadonlyMap<string, SymbolEntry>, notes: readonly string[] = []) {
    this.entries = entries;
    this.notes = Object.freeze([...notes]);
    Object.freeze(this);
  }

  get size(): number {
    return this.entries().size;
  }

  has(name: string): boolean {
    return this.entries().has(foldName(name));
  }

  get(name: string): ConstantValue | undefined {
    return this.entries().get(foldName(name))?.value;
  }

  /** The symbol's number; a UsageError if there is no such symbol, or if it is a string. */
  number(name: string): number {
    const entry = this.entries().get(foldName(name));
    if (!entry) throw new UsageError(`${name} is not a symbol of ashell.def`);
    if (typeof entry.value === 'number') return entry.value;
    throw new UsageError(`${name} is a string, not a number (${entry.origin})`);
  }

  /** Where the value comes from: `built-in`, or `file:line` of a site's file. */
  origin(name: string): string | undefined {
    return this.entries().get(foldName(name))?.origin;
  }

  /** The names in upper case with underscores. */
  names(): IterableIterator<string> {
    return this.entries().keys();
  }

  /** All symbols as name, value and origin. */
  *[Symbol.iterator](): IterableIterator<readonly [name: string, entry: SymbolEntry]> {
    yield* this.entries();
  }
}

/** Our own numbers. */
export const builtInSymbols: SymbolSet = /* @__PURE__ */ new SymbolSet(
  /* @__PURE__ */ once(() => new Map(Array.from(symbols, ([name, value]) => [name, { value, origin: BUILT_IN }]))),
);

/** The number of a symbol of ours, spelled with `_` or `'` and in any case; undefined if there is none. */
export function resolveSymbol(name: string): number | undefined {
  return symbols.get(foldName(name));
}

/** How the text of an ashell.def is read. */
export interface AshellDefOptions {
  /** The name of the text in messages; `ashell.def` if it is not given. */
  readonly file?: string;
  /** Finds an ++INCLUDE. `from` names the file that has it. Undefined: there is no such file, which becomes a note. */
  readonly include?: (specification: string, from: string) => Included | undefined;
}

/**
 * Reads the text of a site's `ashell.def`: DEFINE, MAP with an initial value, and `++` directives (ashell-basic §3.2, §8).
 * Its symbols are added to those of `base` and win over them. In the text itself the last definition wins.
 *
 * `++IFDEF` sees what sites have defined, not our own numbers: a file that defines a symbol only where it is missing must
 * still win. A UsageError names file, line and reason for a line that cannot be understood, for more than 40 includes
 * inside one another, and for more than 4 MiB in one file.
 */
export function parseAshellDef(
  text: string,
  base: SymbolSet = builtInSymbols,
  options: AshellDefOptions = {},
): SymbolSet {
  const reader = new DefinitionReader(
    {
      value: (name) => base.get(name),
      definedBySite: (name) => base.has(name) && base.origin(name) !== BUILT_IN,
    },
    options.include ?? (() => undefined),
  );
  reader.read(text, options.file ?? 'ashell.def');
  const { defined, removed, notes } = reader.finish();
  const entries = new Map(base);
  for (const name of removed) entries.delete(name);
  for (const [name, entry] of defined) entries.set(name, entry);
  return new SymbolSet(() => entries, [...base.notes, ...notes]);
}

/**
 * {@link parseAshellDef} for a file, read as Latin-1. An ++INCLUDE is looked for in the file's own directory, in any case and
 * without its device and account, unless `options.include` says otherwise. A UsageError if the file cannot be read.
 */
export function loadAshellDef(
  path: string,
  base: SymbolSet = builtInSymbols,
  options: AshellDefOptions = {},
): SymbolSet {
  const include = options.include ?? ((specification: string) => includeFrom(dirname(path), specification));
  return parseAshellDef(readDefinitions(path), base, { file: options.file ?? path, include });
}

function readDefinitions(path: string): string {
  try {
    const found = statSync(path);
    // A device or a pipe has no size, and might never end.
    if (!found.isFile()) throw new UsageError(`${path} is not a file`);
    if (found.size > MAX_DEFINITION_FILE) throw new UsageError(`${path} is larger than ${MAX_DEFINITION_FILE} bytes`);
    return decodeLatin1(readFileSync(path));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${path} cannot be read: ${reason}`, { cause: error });
  }
}

/** Only the plain file name counts, so that a specification never leads out of the directory. */
function includeFrom(directory: string, specification: string): Included | undefined {
  const plain = basename(specification.replace(/\[[^\]]*\]$/, '').replace(/^.*[:\\]/, '')).toUpperCase();
  const name = readdirSync(directory).find((candidate) => candidate.toUpperCase() === plain);
  if (name === undefined) return undefined;
  const path = join(directory, name);
  return { name: path, text: readDefinitions(path) };
}
