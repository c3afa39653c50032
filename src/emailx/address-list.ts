/**
 * Lists of addresses by the grammar of RFC 5322 §3.4. A reader that guesses takes an address for the name of the next one
 * where a comma is missing, and nobody learns that it was not sent to. So what is no list is refused, but for forms that
 * lose nobody: `;` between addresses, nothing between commas, dots and `[ ]` in names, a group that does not end.
 */
import { isPlainAddress } from './plain-address.ts';

export interface ListedMailbox {
  /** Blank for none. A comment where there is no other (RFC 5322 §3.4.1, of old). */
  readonly name: string;
  /** Quoted only where it has to be (RFC 5321 §4.1.2). */
  readonly local: string;
  /** Null for none. */
  readonly domain: string | null;
  /** As it was written. */
  readonly text: string;
}

/** What is no list: the part of it that is not one address. */
export interface NoAddress {
  readonly text: string;
  /** More than one `@` is in it. */
  readonly several: boolean;
}

type Kind = 'word' | 'quoted' | 'literal' | 'comment' | 'special';

interface Token {
  readonly kind: Kind;
  /** Without quotes, backslashes and parentheses that belong to the notation. */
  readonly value: string;
}

/** One token, or blanks. Comments, which contain one another, are found by their first character. */
const TOKEN = /[ \t]+|([^ \t<>()[\],;:\\"@]+)|"([^"\\]*(?:\\.[^"\\]*)*)"|(\[[^[\]\\@"(),;<>]*\])|([<>,;:@])/y;
const DOT_ATOM = /^[^\s<>()[\],;:\\".@]+(?:\.[^\s<>()[\],;:\\".@]+)*$/;

/** The mailboxes of a list, groups taken apart. */
export function readAddressList(list: string): readonly ListedMailbox[] | NoAddress {
  if (isPlainAddress(list)) {
    const [local = '', domain = ''] = list.split('@');
    return [{ name: '', local, domain, text: list }];
  }
  return new Reader(list).read();
}

class Reader {
  readonly #list: string;
  #at = 0;
  /** Where what lies between two separators begins, and what it has. */
  #start = 0;
  #tokens: Token[] = [];
  #inGroup = false;
  readonly #mailboxes: ListedMailbox[] = [];

  constructor(list: string) {
    this.#list = list;
  }

  read(): readonly ListedMailbox[] | NoAddress {
    while (this.#at < this.#list.length) {
      const from = this.#at;
      const token = this.#next();
      if (token === 'none') return this.#noAddress(this.#list.length);
      if (token === null) continue;
      const separator = token.kind === 'special' && ',;:'.includes(token.value);
      if (!separator) this.#tokens.push(token);
      else if (!this.#end(from, token.value)) return this.#noAddress(from);
    }
    return this.#end(this.#at, ',') ? this.#mailboxes : this.#noAddress(this.#at);
  }

  /** Null for blanks. */
  #next(): Token | null | 'none' {
    if (this.#list[this.#at] === '(') return this.#comment();
    TOKEN.lastIndex = this.#at;
    const found = TOKEN.exec(this.#list);
    if (found === null) return 'none';
    this.#at = TOKEN.lastIndex;
    const [, word, quoted, literal, special] = found;
    if (word !== undefined) return { kind: 'word', value: word };
    if (quoted !== undefined) return { kind: 'quoted', value: unescaped(quoted) };
    if (literal !== undefined) return { kind: 'literal', value: literal };
    return special === undefined ? null : { kind: 'special', value: special };
  }

  #comment(): Token | 'none' {
    const start = this.#at + 1;
    let depth = 0;
    for (let at = this.#at; at < this.#list.length; at += 1) {
      const character = this.#list[at];
      if (character === '\\') at += 1;
      else if (character === '(') depth += 1;
      else if (character === ')') depth -= 1;
      if (depth > 0) continue;
      this.#at = at + 1;
      return { kind: 'comment', value: unescaped(this.#list.slice(start, at)) };
    }
    return 'none';
  }

  /** Takes what lies in front of a separator. False where that is none of what may stand there. */
  #end(at: number, separator: string): boolean {
    const tokens = this.#tokens.filter(({ kind }) => kind !== 'comment');
    if (separator === ':') {
      if (this.#inGroup || tokens.length === 0 || phraseOf(tokens) === null) return false;
      this.#inGroup = true;
    } else {
      if (separator === ';') this.#inGroup = false;
      if (tokens.length > 0) {
        const mailbox = this.#mailbox(tokens, this.#list.slice(this.#start, at).trim());
        if (mailbox === null) return false;
        this.#mailboxes.push(mailbox);
      }
    }
    this.#tokens = [];
    this.#start = at + 1;
    return true;
  }

  #mailbox(tokens: readonly Token[], text: string): ListedMailbox | null {
    const open = tokens.findIndex((token) => isSpecial(token, '<'));
    if (open < 0) {
      const comments = this.#tokens.filter(({ kind }) => kind === 'comment');
      return addressOf(tokens, comments.map(({ value }) => value.trim()).join(' '), text);
    }
    const name = phraseOf(tokens.slice(0, open));
    return name === null || !isSpecial(tokens.at(-1), '>') ? null : addressOf(tokens.slice(open + 1, -1), name, text);
  }

  #noAddress(at: number): NoAddress {
    return {
      text: this.#list.slice(this.#start, at).trim(),
      several: this.#tokens.filter((token) => isSpecial(token, '@')).length > 1,
    };
  }
}

/** Null for what is not made of words alone. */
function phraseOf(tokens: readonly Token[]): string | null {
  if (tokens.some(({ kind }) => kind === 'special')) return null;
  return tokens
    .map(({ value }) => value)
    .join(' ')
    .trim();
}

function addressOf([of, sign, at, ...more]: readonly Token[], name: string, text: string): ListedMailbox | null {
  if (of === undefined || more.length > 0) return null;
  const local = localOf(of);
  if (local === null) return null;
  if (sign === undefined) return { name, local, domain: null, text };
  const isDomain = at?.kind === 'literal' || (at?.kind === 'word' && !/\s/.test(at.value));
  return isSpecial(sign, '@') && isDomain ? { name, local, domain: at.value, text } : null;
}

function localOf({ kind, value }: Token): string | null {
  if (kind === 'word') return /\s/.test(value) ? null : value;
  if (kind !== 'quoted') return null;
  return DOT_ATOM.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
}

function isSpecial(token: Token | undefined, value: string): boolean {
  return token?.kind === 'special' && token.value === value;
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, '$1');
}
