/** Arguments, numbers and flags as a script writes them. */
import { compileConstant, ExpressionError, evaluateConstant, foldName } from '../basic/constant-expression.ts';
import type { SymbolSet } from '../basic/index.ts';
import { type LineScanner, shown, type Word } from './scanner.ts';
import type { Operand } from './statement.ts';
import { hint } from './suggest.ts';
import { wholeNumber } from './whole-number.ts';

/** What names mean to the parser. */
export interface Vocabulary {
  readonly symbols: SymbolSet;
  /** Declared variables, in upper case. */
  readonly names: ReadonlySet<string>;
}

const NAME = /^([A-Za-z][A-Za-z0-9_'\u2019]*[$%]?)(?:\(\s*(\d{1,5})\s*\))?$/;
/** Parts of a flags word: BLOCK, TCPXFLG_TLS, 5000, &h200000, 0x10. */
const FLAG_PREFIX = 'TCPXFLG_';

/** One argument, up to a comma or the end of the line. */
export function operandOf(scanner: LineScanner, vocabulary: Vocabulary, bracketed: boolean): Operand {
  const column = scanner.column;
  const word = scanner.argument(bracketed);
  if (word.quoted) return { kind: 'text', data: word.data };
  if (word.text === '') throw scanner.error('an argument is missing', column);
  const name = NAME.exec(word.text);
  if (name !== null) {
    const folded = foldName(name[1] ?? '');
    if (vocabulary.names.has(folded)) {
      return { kind: 'name', name: folded, subscript: name[2] === undefined ? null : Number(name[2]) };
    }
  }
  try {
    const expression = compileConstant(word.text);
    // Evaluated here with the numbers of now, only to find names that do not exist.
    evaluateConstant(expression, (symbol) => {
      if (vocabulary.names.has(symbol)) return 1;
      const value = vocabulary.symbols.get(symbol);
      if (value !== undefined) return value;
      const known = hint(symbol, [...vocabulary.names, ...vocabulary.symbols.names()]);
      throw scanner.error(
        `${symbol} is neither a variable nor a symbol of ashell.def${known}; text goes in quotes, DIM makes a variable`,
        column,
      );
    });
    return { kind: 'expression', expression };
  } catch (error) {
    if (error instanceof ExpressionError) throw scanner.error(`${shown(word)}: ${error.message}`, column);
    throw error;
  }
}

/** `BLOCK+TLS+STARTTLS`, also with `|`, numbers and whole symbols. */
export function flagsOf(scanner: LineScanner, word: Word, symbols: SymbolSet): number {
  const parts = word.quoted ? [''] : word.text.split(/[+|]/);
  const seen = new Set<string>();
  let sum = 0;
  for (const part of parts) {
    const number = wholeNumber(part);
    if (number !== undefined) {
      sum += number;
      continue;
    }
    const folded = foldName(part);
    const symbol = folded.startsWith(FLAG_PREFIX) ? folded : FLAG_PREFIX + folded;
    const value = symbols.get(symbol);
    if (typeof value !== 'number') {
      const known = flagNames(symbols);
      const what = part === '' ? 'flags are' : `'${part.slice(0, 40)}' is not a flag${hint(part, known)}; flags are`;
      throw scanner.error(`${what} ${known.join(', ')} and numbers, joined by +`, word.column);
    }
    // A sum with the same bit twice would be another bit.
    if (!seen.has(symbol)) sum += value;
    seen.add(symbol);
  }
  return sum;
}

/** The flags without their prefix, in the order of their bits. */
export function flagNames(symbols: SymbolSet): string[] {
  return [...symbols.names()]
    .filter((name) => name.startsWith(FLAG_PREFIX))
    .sort((a, b) => symbols.number(a) - symbols.number(b))
    .map((name) => name.slice(FLAG_PREFIX.length));
}
