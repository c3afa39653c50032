/**
 * Constant expressions, as they stand behind DEFINE and in initial values (ashell-basic §2.3, §4.1, §8).
 *
 * An expression is compiled to postfix steps and evaluated later, since a symbol that it names may be defined further
 * down: DEFINE replaces text where the symbol is used. Binary operators of one level are taken from left to right; AND, OR
 * and XOR share one level, and NOT is above them. Bitwise operators work on integers of any sign, so NOT 1 is -2.
 */
import { MAX_LOGICAL_LINE } from './source-lines.ts';

/** The value of a symbol. */
export type ConstantValue = number | string;

type Binary = '^' | '*' | '/' | 'MOD' | '+' | '-' | '=' | '<>' | '<' | '<=' | '>' | '>=' | 'AND' | 'OR' | 'XOR';
type Unary = 'negate' | 'plus' | 'NOT';

type Step =
  | { readonly kind: 'value'; readonly value: ConstantValue }
  | { readonly kind: 'symbol'; readonly name: string }
  | { readonly kind: 'unary'; readonly operator: Unary }
  | { readonly kind: 'binary'; readonly operator: Binary };

/** A compiled expression. Immutable; it can be evaluated any number of times. */
export type ConstantExpression = readonly Step[];

/** What was wrong with an expression. The caller knows the line, and reports it. */
export class ExpressionError extends Error {}

/** Brackets and signs deeper than this are refused: the compiler calls itself for each of them. */
const MAX_NESTING = 100;
/** No string can be longer than the line it would be put into. */
const MAX_TEXT = MAX_LOGICAL_LINE;
/** The largest hex or octal literal: 48 bits (ashell-basic §2.3). */
const LARGEST_LITERAL = 2 ** 48 - 1;

type Token =
  | { readonly kind: 'value'; readonly value: ConstantValue }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'operator'; readonly operator: string };

/** Levels of the binary operators, the loosest first. NOT stands between the first and the second (ashell-basic §4.1). */
const LEVELS: readonly (readonly Binary[])[] = [
  ['AND', 'OR', 'XOR'],
  ['=', '<>', '<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/', 'MOD'],
];

const OPERATOR_WORDS: ReadonlySet<string> = new Set(['AND', 'OR', 'XOR', 'NOT', 'MOD']);
const SPELLINGS: Readonly<Record<string, string>> = {
  '#': '<>',
  '><': '<>',
  '=>': '>=',
  '=<': '<=',
  '**': '^',
  '==': '=',
};

const TOKEN =
  /\s*(?:(?<based>&[hH][0-9A-Fa-f]+|&[oO][0-7]+)|(?<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?<long>[lL]?)|"(?<string>(?:[^"]|"")*)"|'(?<ascii>[^'])'|(?<name>[A-Za-z][A-Za-z0-9_'\u2019]*[$%]?)|(?<operator><>|><|<=|=<|>=|=>|\*\*|==|[-+*/^()=<>#]))/y;

/** The spelling by which symbols are compared: upper case, with an underscore for every apostrophe. */
export function foldName(name: string): string {
  return name.toUpperCase().replace(/['\u2019]/g, '_');
}

/** Compiles an expression; an ExpressionError says what cannot be understood. */
export function compileConstant(text: string): ConstantExpression {
  const tokens = tokenize(text);
  const steps: Step[] = [];
  let next = 0;
  let depth = 0;

  const peek = (): string | undefined => {
    const token = tokens[next];
    return token?.kind === 'operator' ? token.operator : undefined;
  };

  const nested = (compile: () => void): void => {
    if (++depth > MAX_NESTING)
      throw new ExpressionError(`more than ${MAX_NESTING} brackets or signs inside one another`);
    compile();
    depth--;
  };

  const level = (index: number): void => {
    const operators = LEVELS[index] ?? [];
    const tighter = (): void => (index === 0 ? not() : index < LEVELS.length - 1 ? level(index + 1) : unary());
    tighter();
    for (;;) {
      const operator = operators.find((candidate) => candidate === peek());
      if (!operator) return;
      next++;
      tighter();
      steps.push({ kind: 'binary', operator });
    }
  };

  const not = (): void => {
    if (peek() === 'NOT') {
      next++;
      nested(not);
      steps.push({ kind: 'unary', operator: 'NOT' });
    } else level(1);
  };

  const unary = (): void => {
    const sign = peek();
    if (sign === '-' || sign === '+') {
      next++;
      nested(unary);
      steps.push({ kind: 'unary', operator: sign === '-' ? 'negate' : 'plus' });
    } else power();
  };

  const power = (): void => {
    operand();
    while (peek() === '^') {
      next++;
      // The exponent may have a sign of its own, as in 2 ^ -1.
      const negative = peek() === '-';
      if (negative) next++;
      operand();
      if (negative) steps.push({ kind: 'unary', operator: 'negate' });
      steps.push({ kind: 'binary', operator: '^' });
    }
  };

  const operand = (): void => {
    const token = tokens[next++];
    if (!token) throw new ExpressionError('a value is missing at the end');
    if (token.kind === 'value') steps.push(token);
    else if (token.kind === 'name') steps.push({ kind: 'symbol', name: token.name });
    else if (token.operator === '(') {
      nested(() => level(0));
      if (peek() !== ')') throw new ExpressionError('a closing bracket is missing');
      next++;
    } else throw new ExpressionError(`a value is missing in front of ${token.operator}`);
  };

  level(0);
  if (next < tokens.length) throw new ExpressionError(`${describe(tokens[next])} is not expected there`);
  return steps;
}

/** Computes a compiled expression. `symbol` gives a symbol's value, and throws if it has none. */
export function evaluateConstant(
  expression: ConstantExpression,
  symbol: (name: string) => ConstantValue,
): ConstantValue {
  const stack: ConstantValue[] = [];
  for (const step of expression) {
    if (step.kind === 'value') stack.push(step.value);
    else if (step.kind === 'symbol') stack.push(symbol(step.name));
    else if (step.kind === 'unary') stack.push(applyUnary(step.operator, pop(stack)));
    else {
      const right = pop(stack);
      stack.push(applyBinary(step.operator, pop(stack), right));
    }
  }
  return pop(stack);
}

function pop(stack: ConstantValue[]): ConstantValue {
  const value = stack.pop();
  if (value === undefined) throw new ExpressionError('a value is missing');
  return value;
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  const source = text.trim();
  let at = 0;
  while (at < source.length) {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(source)?.groups;
    if (!groups) throw new ExpressionError(describeBad(source.slice(at).trimStart()));
    at = TOKEN.lastIndex;
    tokens.push(tokenOf(groups));
  }
  return tokens;
}

function tokenOf(groups: Readonly<Record<string, string | undefined>>): Token {
  const { based, number, string, ascii, name, operator } = groups;
  if (based !== undefined) return { kind: 'value', value: basedNumber(based) };
  if (number !== undefined) return { kind: 'value', value: finite(Number(number)) };
  if (string !== undefined) return { kind: 'value', value: string.replaceAll('""', '"') };
  if (ascii !== undefined) return { kind: 'value', value: ascii.charCodeAt(0) };
  if (name !== undefined) {
    const folded = foldName(name);
    return OPERATOR_WORDS.has(folded) ? { kind: 'operator', operator: folded } : { kind: 'name', name: folded };
  }
  const spelled = operator ?? '';
  return { kind: 'operator', operator: SPELLINGS[spelled] ?? spelled };
}

function basedNumber(literal: string): number {
  const value = Number.parseInt(literal.slice(2), /^&h/i.test(literal) ? 16 : 8);
  if (value > LARGEST_LITERAL) throw new ExpressionError(`${literal} has more than 48 bits`);
  return value;
}

function describeBad(rest: string): string {
  if (rest.startsWith('"')) return 'a string has no closing quote';
  return `${JSON.stringify(rest.slice(0, 20))} is neither a number, a string, a symbol nor an operator`;
}

function describe(token: Token | undefined): string {
  if (!token) return 'the end';
  if (token.kind === 'value') return JSON.stringify(token.value);
  return token.kind === 'name' ? token.name : token.operator;
}

function applyUnary(operator: Unary, value: ConstantValue): ConstantValue {
  const operand = numeric(operator === 'NOT' ? 'NOT' : 'a sign', value);
  if (operator === 'NOT') return Number(~BigInt(Math.trunc(operand)));
  return operator === 'negate' ? 0 - operand : operand;
}

function applyBinary(operator: Binary, left: ConstantValue, right: ConstantValue): ConstantValue {
  if (typeof left === 'string' && typeof right === 'string') {
    if (operator === '+') return joined(left, right);
    const compared = compare(operator, left, right);
    if (compared !== undefined) return compared;
  }
  const a = numeric(operator, left);
  const b = numeric(operator, right);
  return compare(operator, a, b) ?? finite(calculate(operator, a, b));
}

function joined(left: string, right: string): string {
  // A chain of symbols, each twice the one before, would grow without end.
  if (left.length + right.length <= MAX_TEXT) return left + right;
  throw new ExpressionError(`the string has more than ${MAX_TEXT} characters`);
}

/** -1 for true, 0 for false, undefined if the operator does not compare. */
function compare<V extends ConstantValue>(operator: Binary, left: V, right: V): number | undefined {
  switch (operator) {
    case '=':
      return left === right ? -1 : 0;
    case '<>':
      return left !== right ? -1 : 0;
    case '<':
      return left < right ? -1 : 0;
    case '<=':
      return left <= right ? -1 : 0;
    case '>':
      return left > right ? -1 : 0;
    case '>=':
      return left >= right ? -1 : 0;
    default:
      return undefined;
  }
}

function calculate(operator: Binary, a: number, b: number): number {
  switch (operator) {
    case '^':
      return a ** b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case 'MOD':
      return Math.trunc(a) % Math.trunc(b);
    case '+':
      return a + b;
    case '-':
      return a - b;
    case 'AND':
      return Number(BigInt(Math.trunc(a)) & BigInt(Math.trunc(b)));
    case 'OR':
      return Number(BigInt(Math.trunc(a)) | BigInt(Math.trunc(b)));
    case 'XOR':
      return Number(BigInt(Math.trunc(a)) ^ BigInt(Math.trunc(b)));
    default:
      throw new ExpressionError(`${operator} cannot be computed`);
  }
}

function numeric(operator: string, value: ConstantValue): number {
  if (typeof value === 'number') return value;
  throw new ExpressionError(`${operator} needs a number, not the string ${JSON.stringify(value)}`);
}

function finite(value: number): number {
  if (Number.isFinite(value)) return value + 0;
  throw new ExpressionError('the result is not a number: a division by zero, or too large a value');
}
