/**
 * One line of a script, cut into words.
 *
 * A word is made of bare and quoted pieces, as in a shell: `priority="NORMAL:+ANON-ECDH"`, `@"my file"`. `${NAME}` stands for
 * a variable of the environment in both; its value is taken as it is and is never cut up again. Scripts are UTF-8, and
 * so is what they send: a word's `data` are its bytes, one character each (U+0000 to U+00FF).
 *
 * Messages show what was typed, never what `${NAME}` stands for, and no quoted text: either may be a secret.
 */
import { UsageError } from '../core/errors.ts';

/** Where a line comes from: `greet.tcpx`, `-e`, `standard input`; empty at the prompt. */
export interface Origin {
  readonly source: string;
  readonly line: number;
}

export function describeOrigin({ source, line }: Origin): string {
  return source === '' ? '' : `${source} line ${line}`;
}

/** A line that cannot be understood or carried out. The message names source, line and column. */
export class ScriptError extends UsageError {
  readonly origin: Origin;
  /** From 1; 0 when it is about the line as a whole. */
  readonly column: number;

  constructor(origin: Origin, column: number, message: string, options?: ErrorOptions) {
    const where = [describeOrigin(origin), column === 0 ? '' : `column ${column}`].filter((part) => part !== '');
    super(`${where.length === 0 ? '' : `${where.join(', ')}: `}${message}`, options);
    this.origin = origin;
    this.column = column;
  }
}

export interface Word {
  /** As typed. */
  readonly raw: string;
  /** Of the first character, from 1. */
  readonly column: number;
  /** The bytes, one character each. */
  readonly data: string;
  /** The same as text. */
  readonly text: string;
  /** True for a word that starts with a quote. */
  readonly quoted: boolean;
  /** How many characters of `data` come before the first quote. */
  readonly bare: number;
}

/** Longer words are not shown in messages. */
const LONGEST_SHOWN = 40;
const ESCAPES: Readonly<Record<string, string>> = {
  r: '\r',
  n: '\n',
  t: '\t',
  '0': '\0',
  '\\': '\\',
  '"': '"',
  $: '$',
};
const REGEX_FLAGS = 'ims';

export class LineScanner {
  readonly #line: string;
  readonly #origin: Origin;
  readonly #environment: NodeJS.ProcessEnv;
  #at = 0;

  constructor(line: string, origin: Origin, environment: NodeJS.ProcessEnv) {
    this.#line = line;
    this.#origin = origin;
    this.#environment = environment;
    this.#skipSpace();
  }

  get column(): number {
    return this.#at + 1;
  }

  /** Whether nothing but a comment is left. */
  get done(): boolean {
    const next = this.peek;
    return next === '' || next === '#' || next === '!';
  }

  /** The next character; empty at the end. */
  get peek(): string {
    return this.#line.charAt(this.#at);
  }

  error(message: string, column = this.column): ScriptError {
    return new ScriptError(this.#origin, column, message);
  }

  /** Takes a character if it is the next one. */
  take(character: string): boolean {
    if (this.peek !== character) return false;
    this.#at += 1;
    this.#skipSpace();
    return true;
  }

  /** The next word; undefined at the end of the line. `stops` end a word, beside space. */
  word(stops = ''): Word | undefined {
    if (this.done || stops.includes(this.peek)) return undefined;
    return this.#scan((next) => /\s/.test(next) || stops.includes(next));
  }

  /** The words up to the end of the line. */
  words(): Word[] {
    const words: Word[] = [];
    for (let word = this.word(); word !== undefined; word = this.word()) words.push(word);
    return words;
  }

  /**
   * What stands before a comma or the end: either one string, or everything up to there. When the list is bracketed, its
   * closing bracket ends it too.
   */
  argument(bracketed: boolean): Word {
    if (this.peek === '"') return this.#scan((_next, closed) => closed);
    let depth = 0;
    return this.#scan((next) => {
      if (next === '(') depth += 1;
      if (next === ')') depth -= 1;
      return (bracketed && depth < 0) || next === ',' || next === '!' || next === '"';
    });
  }

  /** `/source/flags`. The bytes that arrive are matched one character each, so the source becomes UTF-8 as well. */
  regex(): RegExp {
    const column = this.column;
    const literal = /^\/((?:[^\\/]|\\.)+)\/([A-Za-z]*)/.exec(this.#line.slice(this.#at));
    if (literal === null) throw this.error('a regular expression has no closing /', column);
    const [whole, source = '', flags = ''] = literal;
    const unknown = [...flags].find((flag) => !REGEX_FLAGS.includes(flag));
    if (unknown !== undefined) {
      throw this.error(`'${unknown}' is not a flag of a regular expression here; there are i, m and s`, column);
    }
    this.#at += whole.length;
    this.#skipSpace();
    try {
      return new RegExp(Buffer.from(source, 'utf8').toString('latin1'), flags);
    } catch {
      throw this.error('this is not a regular expression that JavaScript understands', column);
    }
  }

  /** @throws ScriptError unless the line ends here */
  end(after: string): void {
    if (!this.done) throw this.error(`the line should end after ${after}`);
  }

  #scan(ends: (next: string, closed: boolean) => boolean): Word {
    const start = this.#at;
    const quoted = this.peek === '"';
    let data = '';
    let bare = quoted ? 0 : -1;
    let closed = false;
    while (this.#at < this.#line.length && !ends(this.peek, closed)) {
      if (this.peek === '"') {
        if (bare < 0) bare = data.length;
        data += this.#string();
        closed = true;
      } else if (this.#line.startsWith('${', this.#at)) data += this.#variable();
      else data += this.#character();
    }
    const raw = this.#line.slice(start, this.#at).trimEnd();
    // An argument may end in spaces, which are no part of it.
    if (bare < 0) data = data.trimEnd();
    this.#skipSpace();
    const text = Buffer.from(data, 'latin1').toString('utf8');
    return { raw, column: start + 1, data, text, quoted, bare: bare < 0 ? data.length : bare };
  }

  #string(): string {
    const column = this.column;
    this.#at += 1;
    let data = '';
    for (;;) {
      const next = this.peek;
      if (next === '') throw this.error('a string has no closing quote', column);
      if (next === '"') break;
      if (next === '\\') data += this.#escape();
      else if (this.#line.startsWith('${', this.#at)) data += this.#variable();
      else data += this.#character();
    }
    this.#at += 1;
    return data;
  }

  #escape(): string {
    const column = this.column;
    const hex = /^\\x([0-9A-Fa-f]{2})/.exec(this.#line.slice(this.#at, this.#at + 4));
    if (hex !== null) {
      this.#at += 4;
      return String.fromCharCode(Number.parseInt(hex[1] ?? '', 16));
    }
    const meant = ESCAPES[this.#line.charAt(this.#at + 1)];
    if (meant === undefined) {
      throw this.error('unknown escape; there are \\r \\n \\t \\0 \\xNN (two hex digits) \\\\ \\" and \\$', column);
    }
    this.#at += 2;
    return meant;
  }

  #variable(): string {
    const match = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}/.exec(this.#line.slice(this.#at, this.#at + 260));
    if (match === null) throw this.error(`\${ is not followed by a name and }; in a string \\$ is a dollar sign`);
    const name = match[1] ?? '';
    const value = this.#environment[name];
    if (value === undefined) {
      throw this.error(`\${${name}} is not set in the environment; run with ${name}=... in front of tcpx`);
    }
    this.#at += match[0].length;
    return utf8(value);
  }

  #character(): string {
    const character = String.fromCodePoint(this.#line.codePointAt(this.#at) ?? 0);
    this.#at += character.length;
    return utf8(character);
  }

  #skipSpace(): void {
    while (/\s/.test(this.peek)) this.#at += 1;
  }
}

/** A word as messages show it: not when it is quoted, and not when it is long. */
export function shown(word: Word): string {
  const { raw } = word;
  if (raw.includes('"')) return 'a string';
  return raw.length > LONGEST_SHOWN ? 'this word' : `'${raw}'`;
}

function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
