/** The words behind an opcode, read by its form. */
import { foldName } from '../basic/constant-expression.ts';
import type { SymbolSet } from '../basic/index.ts';
import { DIRECTIONS, type Form, type Key, type Position, usageOf } from './forms.ts';
import { flagsOf } from './operand.ts';
import { type LineScanner, shown, type Word } from './scanner.ts';
import type { OpcodeCall, Piece } from './statement.ts';
import { wholeNumber } from './whole-number.ts';

type Draft = { -readonly [Name in keyof OpcodeCall]: OpcodeCall[Name] };

const AS_NAME = /^[A-Za-z][A-Za-z0-9_']*$/;
const KEYS: ReadonlySet<string> = new Set<Key>(['timer', 'priority', 'greeting', 'count']);

/** @throws ScriptError that shows the form */
export function parseOpcodeCall(scanner: LineScanner, form: Form, symbols: SymbolSet): OpcodeCall {
  const end = scanner.column;
  const words = scanner.words();
  const draft: Draft = {
    kind: 'call',
    opcode: form.opcode,
    host: '',
    port: null,
    flags: null,
    count: 0,
    data: [],
    direction: 0,
    status: null,
    timer: null,
    priority: null,
    greeting: '',
    as: takeName(scanner, form, words),
  };
  const placed = takeKeys(scanner, form, words, draft);
  let next = 0;
  for (const { position, optional } of form.positions) {
    const word = placed[next];
    if (word === undefined) {
      if (!optional) throw scanner.error(`${missing(position)}: ${usageOf(form)}`, scanner.done ? scanner.column : end);
      continue;
    }
    if (position === 'data') {
      draft.data = placed.map((piece) => pieceOf(scanner, piece));
      next = placed.length;
    } else if (take(scanner, form, position, word, draft, symbols)) next += 1;
  }
  const over = placed[next];
  if (over !== undefined) throw scanner.error(`${shown(over)} is one word too many: ${usageOf(form)}`, over.column);
  return draft;
}

/** Removes `AS name` from the end. */
function takeName(scanner: LineScanner, form: Form, words: Word[]): string | null {
  const at = words.findIndex((word) => !word.quoted && word.text.toUpperCase() === 'AS');
  if (at < 0 || (!form.named && at !== words.length - 2)) return null;
  const [as, name, more] = words.slice(at);
  if (!form.named) throw scanner.error(`AS is for opcodes that open a socket: ${usageOf(form)}`, as?.column);
  if (name === undefined || more !== undefined || name.quoted || !AS_NAME.test(name.text)) {
    throw scanner.error(`AS needs one name, the last word of the line: ${usageOf(form)}`, as?.column);
  }
  words.splice(at);
  return foldName(name.text);
}

/** Takes the `key=value` words, and `greeting "..."`, out of the rest. */
function takeKeys(scanner: LineScanner, form: Form, words: readonly Word[], draft: Draft): Word[] {
  const rest: Word[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (word === undefined) break;
    const split = word.quoted ? -1 : word.data.slice(0, word.bare).indexOf('=');
    const name = (split < 0 ? word.data : word.data.slice(0, split)).toLowerCase();
    const follows = words[at + 1];
    const apart = split < 0 && (name === 'greeting' || name === 'priority') && follows?.quoted === true;
    if (word.quoted || !KEYS.has(name) || (split < 0 && !apart)) {
      rest.push(word);
      continue;
    }
    const key = form.keys.find((candidate) => candidate === name);
    if (key === undefined) throw scanner.error(`${form.opcode.name} has no ${name}: ${usageOf(form)}`, word.column);
    const data = apart ? (follows?.data ?? '') : word.data.slice(split + 1);
    if (apart) at += 1;
    setKey(scanner, key, data, word, draft);
  }
  return rest;
}

function setKey(scanner: LineScanner, key: Key, data: string, word: Word, draft: Draft): void {
  if (key === 'greeting') draft.greeting = data;
  else if (key === 'priority') draft.priority = data;
  else {
    const number = wholeNumber(data);
    if (number === undefined) {
      const unit = key === 'timer' ? 'milliseconds' : 'bytes';
      throw scanner.error(`${key} is a whole number of ${unit}, 0 or more`, word.column);
    }
    draft[key] = number;
  }
}

/** Takes one word; false leaves it for the next, because an optional one was left out. */
function take(
  scanner: LineScanner,
  form: Form,
  position: Exclude<Position, 'data'>,
  word: Word,
  draft: Draft,
  symbols: SymbolSet,
): boolean {
  const number = word.quoted ? undefined : wholeNumber(word.text);
  switch (position) {
    case 'host':
      draft.host = word.text;
      return true;
    case 'flags':
      draft.flags = flagsOf(scanner, word, symbols);
      return true;
    case 'port':
      if (number !== undefined) draft.port = number;
      else if (form.positions.some((other) => other.position === position && !other.optional)) {
        throw scanner.error(`${shown(word)} is not a port number: ${usageOf(form)}`, word.column);
      }
      return number !== undefined;
    case 'status': {
      const status = /^-?\d{1,9}$/.test(word.text) ? Number(word.text) : undefined;
      if (status !== undefined) draft.status = status;
      return status !== undefined;
    }
    case 'count':
      if (number === undefined) {
        throw scanner.error(`${shown(word)} is not a number of bytes: ${usageOf(form)}`, word.column);
      }
      draft.count = number;
      return true;
    case 'direction': {
      const direction = DIRECTIONS.get(word.text.toUpperCase()) ?? number;
      if (direction === undefined) {
        throw scanner.error(`${shown(word)} is not a direction: ${usageOf(form)}`, word.column);
      }
      draft.direction = direction;
      return true;
    }
  }
}

/** What a WRITE sends. Messages never show it. */
function pieceOf(scanner: LineScanner, word: Word): Piece {
  if (word.quoted) {
    if (word.raw.length > 1 && endsInside(word)) {
      throw scanner.error('a space is missing behind the closing quote', word.column);
    }
    return { kind: 'bytes', bytes: Buffer.from(word.data, 'latin1') };
  }
  if (word.data.startsWith('@')) {
    if (word.data.length === 1) throw scanner.error('a file name is missing after @', word.column);
    return { kind: 'file', path: word.text.slice(1) };
  }
  if (/^hex:/i.test(word.data)) {
    const digits = word.data.slice(4);
    if (!/^(?:[0-9A-Fa-f]{2})*$/.test(digits)) {
      throw scanner.error('hex: is followed by pairs of hexadecimal digits, as in hex:0d0a', word.column);
    }
    return { kind: 'bytes', bytes: Buffer.from(digits, 'hex') };
  }
  throw scanner.error('WRITE takes text in quotes, hex:0d0a or @file', word.column);
}

/** A quoted word with something bare glued to it, as in "a"b. */
function endsInside(word: Word): boolean {
  return !word.raw.endsWith('"');
}

function missing(position: Position): string {
  if (position === 'data') return 'nothing to send is given';
  return position === 'host' ? 'the host is missing' : `the ${position} is missing`;
}
