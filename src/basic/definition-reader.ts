/**
 * Reads DEF files: the compiler's part of BASIC that defines constants (ashell-basic §3.2, §8, §8.1).
 *
 * Reading only records each definition as a compiled expression. Values are computed at the end, because DEFINE replaces
 * text where a symbol is used, and so may name symbols that are defined further down.
 */
import { UsageError } from '../core/errors.ts';
import {
  type ConstantExpression,
  type ConstantValue,
  compileConstant,
  ExpressionError,
  evaluateConstant,
  foldName,
} from './constant-expression.ts';
import { formatNumber, leadingNumber, type NumberType, numberFormat } from './number-format.ts';
import { indexInCode, sourceLines, splitCode } from './source-lines.ts';
import type { TypeLetter } from './variables.ts';

/** The largest file in bytes, and the most that a file and all its includes may have together. */
export const MAX_DEFINITION_FILE = 4 * 2 ** 20;
const MAX_TOTAL = 4 * MAX_DEFINITION_FILE;
/** ashell-basic §8. */
const MAX_INCLUDE_DEPTH = 40;
const MAX_SYMBOL_DEPTH = 200;
/** Symbols computed while one file is read: far beyond any real file, and still seconds at most. */
const MAX_LOOKUPS = 5_000_000;

/** An included file: the name that messages show, and its text, one character for each byte. */
export interface Included {
  readonly name: string;
  readonly text: string;
}

/** The symbols that were there before. */
export interface EarlierSymbols {
  value(name: string): ConstantValue | undefined;
  definedBySite(name: string): boolean;
}

export interface Definitions {
  readonly defined: ReadonlyMap<string, { readonly value: ConstantValue; readonly origin: string }>;
  /** Names that UNDEF took away. */
  readonly removed: ReadonlySet<string>;
  readonly notes: readonly string[];
}

interface Definition {
  readonly expression: ConstantExpression;
  /** The variable that an initial value is stored in; what is stored is the value. */
  readonly mapped?: { readonly type: TypeLetter; readonly size: ConstantExpression };
  readonly origin: string;
}

/** One ++IF that is open. */
interface Condition {
  readonly line: number;
  /** Whether the lines around it count. */
  readonly outer: boolean;
  /** Whether a branch has been chosen. */
  taken: boolean;
  current: boolean;
  otherwise: boolean;
}

const NAME = /^[A-Za-z][A-Za-z0-9_'\u2019]*[$%]?$/;
const DEFINE = /^DEFINE\s+([^\s=]+)\s*=(.*)$/i;
const MAP = /^(?:(?:STATIC|PRIVATE|PUBLIC|GLOBAL|LOCAL)\s+)*MAP([1-9])\s+(.*)$/i;
const INCLUDE = /^INCLUDE(?<once>_ONCE)?(?<optional>_IF_EXISTS)?$/;
const BRANCH = /^(?:IF|ELIF|ELSEIF)(?<kind>DEF|NDEF|MAP|NMAP|LBL|NLBL|)$/;

/** Statements of the compiler that define no constant. */
const IGNORED: ReadonlySet<string> = new Set(['DEFTYPE', 'DEFALIAS', 'STRSIZ', 'SCALE', 'SIGNIFICANCE', 'PROGRAM']);
const IGNORED_DIRECTIVES: ReadonlySet<string> = new Set(['PRAGMA', 'EXTERN', 'MESSAGE']);

/** ASSUMED sizes of a MAP that gives none (ashell-basic §3.1). */
const DEFAULT_SIZES: Readonly<Record<TypeLetter, string>> = { F: '6', B: '2', I: '2', S: '10', X: '1' };

/** Reads one text and its includes. Use it once: `read`, then `finish`. */
export class DefinitionReader {
  private readonly earlier: EarlierSymbols;
  private readonly include: (specification: string, from: string) => Included | undefined;
  private readonly definitions = new Map<string, Definition>();
  private readonly removed = new Set<string>();
  /** Every MAP name, with a value or without: what ++IFMAP asks for. */
  private readonly mapped = new Set<string>();
  private readonly included = new Set<string>();
  private readonly notes: string[] = [];
  private file = '';
  private line = 0;
  private depth = 0;
  private total = 0;
  private lookups = 0;
  private conditions: Condition[] = [];
  private structure = 0;

  constructor(earlier: EarlierSymbols, include: (specification: string, from: string) => Included | undefined) {
    this.earlier = earlier;
    this.include = include;
  }

  /** Reads a text to its end. A UsageError names the file and the line that is wrong. */
  read(text: string, file: string): void {
    if (text.length > MAX_DEFINITION_FILE) throw new UsageError(`${file} is larger than ${MAX_DEFINITION_FILE} bytes`);
    this.total += text.length;
    if (this.total > MAX_TOTAL) this.fail(`the files have more than ${MAX_TOTAL} bytes together`);

    const { file: outerFile, line: outerLine, conditions: outerConditions } = this;
    this.file = file;
    this.conditions = [];
    for (const { number, code } of sourceLines(withoutPadding(text), (line, what) => this.fail(what, line))) {
      this.line = number;
      this.readLine(code);
    }
    const open = this.conditions.at(-1);
    if (open) this.fail('the ++IF has no ++ENDIF', open.line);
    if (this.structure > 0) this.fail('the DEFSTRUCT has no ENDSTRUCT', this.structure);
    this.file = outerFile;
    this.line = outerLine;
    this.conditions = outerConditions;
  }

  /** Computes all values. A UsageError names the line of a definition that has none. */
  finish(): Definitions {
    const known = new Map<string, ConstantValue>();
    const missing = (name: string): never => {
      throw new ExpressionError(`${name} is not defined`);
    };
    const defined = new Map<string, { value: ConstantValue; origin: string }>();
    for (const [name, { origin }] of this.definitions) {
      defined.set(name, { value: this.resolve(name, known, [], missing), origin });
    }
    return { defined, removed: this.removed, notes: this.notes };
  }

  private readLine(code: string): void {
    let rest = code;
    while (rest !== '') {
      if (rest.startsWith('++')) {
        rest = this.directive(rest);
        continue;
      }
      const { head, tail } = cutStatement(rest);
      if (this.active && head !== '') this.statement(head);
      rest = tail;
    }
  }

  private get active(): boolean {
    return this.conditions.at(-1)?.current ?? true;
  }

  private statement(statement: string): void {
    const word = /^\S+/.exec(statement)?.[0].toUpperCase() ?? '';
    if (word === 'ENDSTRUCT') {
      if (this.structure === 0) this.fail('ENDSTRUCT without DEFSTRUCT');
      this.structure = 0;
    } else if (this.structure > 0 || IGNORED.has(word)) return;
    else if (word === 'DEFSTRUCT') this.structure = this.line;
    else if (word === 'DEFINE') this.define(statement);
    else if (word === 'UNDEF') this.undefine(statement.slice(word.length).trim());
    else {
      const map = MAP.exec(statement)?.[2];
      if (map === undefined) this.fail(`${shown(statement)} is not a definition: use DEFINE name = value`);
      this.map(map);
    }
  }

  private define(statement: string): void {
    const [, name, value = ''] = DEFINE.exec(statement) ?? [];
    if (name === undefined) this.fail(`${shown(statement)} has no name and value: use DEFINE name = value`);
    this.add(this.name(name), { expression: this.compile(value), origin: this.origin });
  }

  private undefine(argument: string): void {
    const name = this.name(argument);
    this.definitions.delete(name);
    this.removed.add(name);
  }

  /** `name{(dims)} {,type {,size {,value}}}` or with `@origin` at the end; only a scalar with a value is a constant. */
  private map(text: string): void {
    const [declared = '', type = '', size = '', value = '', ...more] = splitCode(text, ',');
    if (more.length > 0) this.fail(`the MAP has more parts than name, type, size and value`);
    const subscript = declared.indexOf('(');
    const name = this.name(subscript < 0 ? declared : declared.slice(0, subscript).trimEnd());
    this.mapped.add(name);
    if (value === '' || value.startsWith('@') || subscript >= 0) return;
    const letter = type.toUpperCase();
    if (!isTypeLetter(letter)) this.fail(`${shown(type)} is not a type that can have a value: use F, B, I, S or X`);
    this.add(name, {
      expression: this.compile(value),
      mapped: { type: letter, size: this.compile(size === '' ? DEFAULT_SIZES[letter] : size) },
      origin: this.origin,
    });
  }

  private add(name: string, definition: Definition): void {
    // Set anew, so that the order is that of the definitions which count.
    this.definitions.delete(name);
    this.definitions.set(name, definition);
  }

  /** Carries out one directive and returns the code behind it. */
  private directive(code: string): string {
    const [spelled = '', word = ''] = /^\+\+\s*([A-Za-z][A-Za-z0-9_'\u2019]*)?/.exec(code) ?? [];
    const name = foldName(word);
    const behind = code.slice(spelled.length).trim();
    const { head, tail } = cutStatement(behind);

    if (name === 'ERROR' || name === 'MESSAGE') {
      if (name === 'ERROR' && this.active) this.fail(`++ERROR ${behind}`);
      return '';
    }
    if (INCLUDE.test(name)) return this.includeDirective(name, behind);

    const kind = BRANCH.exec(name)?.groups?.kind;
    if (kind !== undefined && name.startsWith('IF')) this.openCondition(kind, head);
    else if (kind !== undefined) this.nextBranch(kind, head);
    else if (name === 'ELSE') this.otherwise();
    else if (name === 'ENDIF') this.closeCondition();
    else if (this.active && !IGNORED_DIRECTIVES.has(name)) this.note(`++${word} is not known and was ignored`);
    return tail;
  }

  private openCondition(kind: string, argument: string): void {
    const outer = this.active;
    const current = outer && this.condition(kind, argument);
    this.conditions.push({ line: this.line, outer, taken: current, current, otherwise: false });
  }

  private nextBranch(kind: string, argument: string): void {
    const condition = this.branching('++ELIF');
    condition.current = condition.outer && !condition.taken && this.condition(kind, argument);
    condition.taken ||= condition.current;
  }

  private otherwise(): void {
    const condition = this.branching('++ELSE');
    condition.current = condition.outer && !condition.taken;
    condition.otherwise = true;
  }

  private closeCondition(): void {
    if (!this.conditions.pop()) this.fail('++ENDIF without ++IF');
  }

  private branching(directive: string): Condition {
    const condition = this.conditions.at(-1);
    if (!condition) this.fail(`${directive} without ++IF`);
    if (condition.otherwise) this.fail(`${directive} behind ++ELSE`);
    return condition;
  }

  private condition(kind: string, argument: string): boolean {
    if (kind === '') {
      // ASSUMED: a symbol that is not defined counts as 0.
      const lookUp = this.lookUp(new Map(), [], () => 0);
      const value = this.located(this.origin, () => evaluateConstant(compileConstant(argument), lookUp));
      return value !== 0 && value !== '';
    }
    const name = this.name(argument);
    const negated = kind.startsWith('N');
    if (kind.endsWith('DEF')) return this.isDefined(name) !== negated;
    if (kind.endsWith('MAP')) return this.mapped.has(name) !== negated;
    // A file of definitions has no labels.
    return negated;
  }

  private isDefined(name: string): boolean {
    return this.definitions.has(name) || (this.earlier.definedBySite(name) && !this.removed.has(name));
  }

  private includeDirective(name: string, behind: string): string {
    const specification = /^\S+/.exec(behind)?.[0] ?? '';
    const rest = behind.slice(specification.length).trim().replace(/^:\s*/, '');
    if (!this.active) return rest;
    const plain = specification.replace(/^"(.*)"$/, '$1');
    if (plain === '') this.fail('++INCLUDE without a file');
    const groups = INCLUDE.exec(name)?.groups;
    // ONCE compares name and extension only (ashell-basic §8).
    const identity = plain
      .replace(/\[[^\]]*\]$/, '')
      .replace(/^.*[:\\/]/, '')
      .toUpperCase();
    if (groups?.once !== undefined && this.included.has(identity)) return rest;
    if (this.depth >= MAX_INCLUDE_DEPTH) this.fail(`more than ${MAX_INCLUDE_DEPTH} includes inside one another`);

    const found = this.include(plain, this.file);
    if (found) {
      this.included.add(identity);
      this.depth++;
      this.read(found.text, found.name);
      this.depth--;
    } else if (groups?.optional === undefined) this.note(`${plain} was not found and is left out`);
    return rest;
  }

  /** The value of a symbol, computed through `known`; `path` holds the symbols that are being computed. */
  private resolve(
    name: string,
    known: Map<string, ConstantValue>,
    path: readonly string[],
    missing: (name: string) => ConstantValue,
  ): ConstantValue {
    const ready = known.get(name);
    if (ready !== undefined) return ready;
    const definition = this.definitions.get(name);
    if (++this.lookups > MAX_LOOKUPS) {
      throw new UsageError(`${definition?.origin ?? this.origin}: the symbols refer to each other too often`);
    }
    if (!definition) {
      const value = this.removed.has(name) ? undefined : this.earlier.value(name);
      return value ?? missing(name);
    }
    const value = this.located(definition.origin, () => {
      if (path.includes(name)) throw new ExpressionError(`${name} is defined by itself`);
      if (path.length >= MAX_SYMBOL_DEPTH) throw new ExpressionError(`${name} is defined through too many symbols`);
      return compute(definition, this.lookUp(known, [...path, name], missing));
    });
    known.set(name, value);
    return value;
  }

  private lookUp(
    known: Map<string, ConstantValue>,
    path: readonly string[],
    missing: (name: string) => ConstantValue,
  ): (name: string) => ConstantValue {
    return (name) => this.resolve(name, known, path, missing);
  }

  private compile(text: string): ConstantExpression {
    return this.located(this.origin, () => compileConstant(text));
  }

  /** Runs something that may find an expression wrong, and puts file and line in front of what it says. */
  private located<T>(origin: string, run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      throw new UsageError(`${origin}: ${error.message}`, { cause: error });
    }
  }

  private name(text: string): string {
    if (!NAME.test(text)) this.fail(`${shown(text)} is not a name`);
    return foldName(text);
  }

  private get origin(): string {
    return `${this.file}:${this.line}`;
  }

  private note(what: string): void {
    this.notes.push(`${this.origin}: ${what}`);
  }

  private fail(what: string, line: number = this.line): never {
    throw new UsageError(`${this.file}:${line}: ${what}`);
  }
}

/** The definition's value; that of a MAP is what its variable holds. */
function compute({ expression, mapped }: Definition, symbol: (name: string) => ConstantValue): ConstantValue {
  const value = evaluateConstant(expression, symbol);
  if (!mapped) return value;
  const size = evaluateConstant(mapped.size, symbol);
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 0) {
    throw new ExpressionError(`${size} is not a size in bytes`);
  }
  if (mapped.type === 'S' || mapped.type === 'X') {
    const text = typeof value === 'string' ? value : formatNumber(value);
    return size === 0 ? text : text.slice(0, size);
  }
  return stored(mapped.type, size, typeof value === 'number' ? value : leadingNumber(value));
}

function stored(type: NumberType, size: number, value: number): number {
  try {
    return numberFormat(type, size).fit(value);
  } catch (error) {
    throw error instanceof UsageError ? new ExpressionError(error.message, { cause: error }) : error;
  }
}

/** The first statement of a line, and what stands behind its `:`. */
function cutStatement(code: string): { head: string; tail: string } {
  const colon = indexInCode(code, ':');
  if (colon < 0) return { head: code.trim(), tail: '' };
  return { head: code.slice(0, colon).trim(), tail: code.slice(colon + 1).trim() };
}

/** AMOS fills the last block of a file with NUL or Control-Z; a byte order mark read as Latin-1 is three characters. */
function withoutPadding(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === '\0' || text[end - 1] === '\x1a')) end--;
  const start = text.startsWith('\u00ef\u00bb\u00bf') ? 3 : text.startsWith('\ufeff') ? 1 : 0;
  return text.slice(start, end);
}

function isTypeLetter(text: string): text is TypeLetter {
  return Object.hasOwn(DEFAULT_SIZES, text);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}
