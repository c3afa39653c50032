/**
 * The language of `tcpx exec`: one call a line.
 *
 *     [-] [ON name] COMMAND ... [AS name]
 *
 * A line is an opcode in its short form (forms.ts) or a command (commands.ts). The parser remembers which variables a
 * script has declared, so that a script is checked as a whole before its first call; beyond that it is pure.
 */
import { foldName } from '../basic/constant-expression.ts';
import type { SymbolSet } from '../basic/index.ts';
import { UsageError } from '../core/errors.ts';
import { plainName } from '../tcpx/routines.ts';
import { COMMANDS, type CommandRow, commandNamed } from './commands.ts';
import { FORMS, formNamed } from './forms.ts';
import { parseOpcodeCall } from './opcode-line.ts';
import { operandOf, type Vocabulary } from './operand.ts';
import { callableNames } from './programs.ts';
import { LineScanner, type Origin, shown, type Word } from './scanner.ts';
import type { Command, DimType, Expect, Labelled, Operand, Statement } from './statement.ts';
import { hint } from './suggest.ts';
import { checkedSize } from './variables.ts';
import { wholeNumber } from './whole-number.ts';

export interface ParserOptions {
  readonly symbols: SymbolSet;
  /** What `${NAME}` stands for. */
  readonly environment: NodeJS.ProcessEnv;
}

/** The variables that are there from the start. */
export const SESSION_NAMES: readonly string[] = ['STATUS', 'BUFFER', 'SOCKPORT'];
const NAME = /^[A-Za-z][A-Za-z0-9_'\u2019]*[$%]?$/;
/** The longest SLEEP, in ms: what a timer of Node can be. */
const LONGEST_SLEEP = 2 ** 31 - 1;

export class ScriptParser {
  readonly symbols: SymbolSet;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #names = new Set<string>(SESSION_NAMES);

  constructor(options: ParserOptions) {
    this.symbols = options.symbols;
    this.#environment = options.environment;
  }

  /** Declared variables, in upper case. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /**
   * What a line says; null for a blank line or a comment.
   *
   * @throws ScriptError that names line, column and what was expected
   */
  parse(line: string, origin: Origin): Statement | null {
    const scanner = new LineScanner(line, origin, this.#environment);
    if (scanner.done) return null;
    const mayFail = scanner.take('-');
    let first = scanner.word('(,');
    let on: string | null = null;
    if (first !== undefined && isWord(first, 'ON')) {
      on = this.#socketName(scanner, 'ON');
      first = scanner.word('(,');
    }
    if (first === undefined) throw scanner.error('an opcode or a command is missing');
    const command = this.#command(scanner, first);
    if (on !== null && command.kind !== 'call' && command.kind !== 'expect' && command.kind !== 'info') {
      throw scanner.error(`ON is for opcodes in their short form, EXPECT and INFO, not for ${shown(first)}`, 1);
    }
    if (command.kind === 'dim') this.#names.add(command.name);
    if (command.kind === 'call' && command.as !== null) this.#names.add(command.as);
    return { origin, text: line.trim(), mayFail, on, command };
  }

  #command(scanner: LineScanner, first: Word): Command {
    const form = first.quoted ? undefined : formNamed(first.text);
    if (form !== undefined) return parseOpcodeCall(scanner, form, this.symbols);
    const row = first.quoted ? undefined : commandNamed(first.text);
    if (row === undefined) {
      const known = [...FORMS.map(({ opcode }) => opcode.name), ...COMMANDS.map(({ name }) => name)];
      const likely = first.quoted ? '' : hint(first.text.replace(/^TCPOP_/i, ''), known);
      throw scanner.error(`${shown(first)} is no opcode or command${likely}; HELP lists them`, first.column);
    }
    const command = this.#rowCommand(scanner, row);
    scanner.end(row.name);
    return command;
  }

  #rowCommand(scanner: LineScanner, row: CommandRow): Command {
    switch (row.name) {
      case 'XCALL':
        return this.#xcall(scanner, row);
      case 'EXPECT':
        return expectOf(scanner, row);
      case 'DIM':
        return this.#dim(scanner, row);
      case 'SET':
        return this.#set(scanner, row);
      case 'PRINT':
        return { kind: 'print', values: this.#printed(scanner) };
      case 'USE':
        return { kind: 'use', socket: this.#socketName(scanner, row.name) };
      case 'INFO':
        return { kind: 'info', socket: scanner.done ? null : this.#socketName(scanner, row.name) };
      case 'SLEEP': {
        const column = scanner.column;
        const ms = wholeNumber(scanner.word()?.text ?? '');
        if (ms === undefined || ms > LONGEST_SLEEP) {
          throw scanner.error(`SLEEP needs a whole number of milliseconds up to ${LONGEST_SLEEP}`, column);
        }
        return { kind: 'sleep', ms };
      }
      case 'HELP':
        return { kind: 'help', topic: scanner.word()?.text ?? '' };
      case 'SOCKETS':
        return { kind: 'sockets' };
      case 'QUIT':
        return { kind: 'quit' };
    }
  }

  /** `XCALL TCPX, ...` and `XCALL TCPX(...)`. */
  #xcall(scanner: LineScanner, row: CommandRow): Command {
    const column = scanner.column;
    const word = scanner.word('(,');
    if (word === undefined || word.quoted) throw scanner.error(`a routine is missing: ${row.usage}`, column);
    const routine = plainName(word.text);
    if (!callableNames().includes(routine)) {
      const known = callableNames().join(', ');
      throw scanner.error(`XCALL ${word.text}: there is no such routine; there are ${known}`, column);
    }
    const bracketed = scanner.take('(');
    if (!bracketed && !scanner.take(',')) throw scanner.error(`a comma is missing after ${routine}: ${row.usage}`);
    const args: Operand[] = [];
    do args.push(this.#operand(scanner, bracketed));
    while (scanner.take(','));
    if (bracketed && !scanner.take(')')) throw scanner.error('a closing bracket is missing');
    return { kind: 'xcall', routine, args };
  }

  #operand(scanner: LineScanner, bracketed = false): Operand {
    return operandOf(scanner, this.#vocabulary, bracketed);
  }

  get #vocabulary(): Vocabulary {
    return { symbols: this.symbols, names: this.#names };
  }

  /** `DIM name,S,100`; spaces or commas between. */
  #dim(scanner: LineScanner, row: CommandRow): Command {
    const part = () => {
      const word = scanner.word(',');
      scanner.take(',');
      return word;
    };
    const column = scanner.column;
    const [name, type, size] = [part(), part(), part()];
    if (name === undefined || name.quoted || !NAME.test(name.text)) {
      throw scanner.error(`a name is missing: ${row.usage}`, column);
    }
    const letter = type?.text.toUpperCase();
    if (type === undefined || letter === undefined || !isDimType(letter)) {
      throw scanner.error(`a type is missing (F, B, I, S, X or SOCKARY): ${row.usage}`, type?.column ?? scanner.column);
    }
    const bytes = size === undefined ? undefined : wholeNumber(size.text);
    if (size !== undefined && bytes === undefined) {
      throw scanner.error(`${shown(size)} is not a size in bytes: ${row.usage}`, size.column);
    }
    try {
      return { kind: 'dim', name: foldName(name.text), type: letter, size: checkedSize(letter, bytes) };
    } catch (error) {
      if (error instanceof UsageError) throw scanner.error(error.message, size?.column ?? type.column);
      throw error;
    }
  }

  #set(scanner: LineScanner, row: CommandRow): Command {
    const column = scanner.column;
    const word = scanner.word('=');
    const name = foldName(word?.text ?? '');
    if (word === undefined || !this.#names.has(name)) {
      const known = hint(name, this.#names);
      throw scanner.error(
        `there is no variable ${word === undefined ? 'here' : shown(word)}${known}; DIM makes one`,
        column,
      );
    }
    if (!scanner.take('=')) throw scanner.error(`'=' is missing: ${row.usage}`);
    return { kind: 'set', name, value: this.#operand(scanner) };
  }

  #printed(scanner: LineScanner): Labelled[] {
    const values: Labelled[] = [];
    if (scanner.done) {
      return [...this.#names].map((name) => ({ label: name, operand: { kind: 'name', name, subscript: null } }));
    }
    do {
      const operand = this.#operand(scanner);
      const label = operand.kind === 'name' ? operand.name : `value ${values.length + 1}`;
      values.push({ label, operand });
    } while (scanner.take(','));
    return values;
  }

  /** A declared variable, or the number of a socket. */
  #socketName(scanner: LineScanner, after: string): string {
    const column = scanner.column;
    const word = scanner.word();
    if (word === undefined) throw scanner.error(`${after} needs a socket: a name given with AS, or a number`, column);
    if (/^\d{1,8}$/.test(word.text)) return word.text;
    const folded = foldName(word.text);
    if (word.quoted || !this.#names.has(folded)) {
      const known = hint(folded, this.#names);
      throw scanner.error(`there is no socket ${shown(word)}${known}; CONNECT and ACCEPT name one with AS`, column);
    }
    return folded;
  }
}

function expectOf(scanner: LineScanner, row: CommandRow): Expect {
  let pattern: Expect['pattern'];
  if (scanner.peek === '/') pattern = { kind: 'regex', regex: scanner.regex() };
  else {
    const column = scanner.column;
    const word = scanner.word();
    if (word === undefined || !word.quoted || word.data === '') {
      throw scanner.error(`a text in quotes or a regular expression is missing: ${row.usage}`, column);
    }
    pattern = { kind: 'text', data: word.data };
  }
  const last = scanner.word();
  if (last === undefined) return { kind: 'expect', pattern, timer: null };
  const timer = /^timer=(.*)$/i.exec(last.text)?.[1];
  const ms = timer === undefined ? undefined : wholeNumber(timer);
  if (ms === undefined) throw scanner.error(`${shown(last)}: only timer=MS may follow`, last.column);
  return { kind: 'expect', pattern, timer: ms };
}

function isWord(word: Word, text: string): boolean {
  return !word.quoted && word.text.toUpperCase() === text;
}

function isDimType(letter: string): letter is DimType {
  return ['F', 'B', 'I', 'S', 'X', 'SOCKARY'].includes(letter);
}
