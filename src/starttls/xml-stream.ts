/**
 * An XML stream as XMPP has it (RFC 6120 §4, §11): a root element that stays open, and its children one after the other.
 * Tags come from sax, which is loaded with the first stream.
 *
 * A tag ends with `>`, and what follows `<proceed/>` is TLS. So the parser gets the bytes up to one `>` at a time, and none
 * behind the end of what is waited for. A stream ends with the TLS that starts on it: make a new one.
 */
import { createRequire } from 'node:module';
import type * as saxModule from 'sax';
import type { Op } from '../core/op.ts';
import { DialogueError } from './dialogue-error.ts';
import { quoted } from './quoted.ts';
import type { Wire } from './wire.ts';

export interface XmlElement {
  /** Without its prefix. */
  readonly name: string;
  readonly namespace: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

interface OpenElement extends XmlElement {
  readonly children: XmlElement[];
  text: string;
}

const GT = '>'.charCodeAt(0);
/** One child of the root, with what is around it, in bytes: above any list of features, and all that a client sends. */
const LONGEST_ELEMENT = 65_536;
const MOST_LEVELS = 16;
const MOST_ELEMENTS = 512;

/** Pieces end with an ASCII character, so that each is whole in itself. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const OPTIONS = { xmlns: true, position: false, strictEntities: true };

let sax: typeof saxModule | undefined;

function newParser(): saxModule.SAXParser {
  sax ??= createRequire(import.meta.url)('sax') as typeof saxModule;
  return sax.parser(true, OPTIONS);
}

export class XmlStream {
  readonly #wire: Wire;
  readonly #parser: saxModule.SAXParser;
  /** How many of the wire's unread bytes the parser has seen. */
  #fed = 0;
  #root: XmlElement | null = null;
  /** The elements that are open inside the root. */
  readonly #open: OpenElement[] = [];
  /** How many elements the one that is being read has. */
  #count = 0;
  #complete: XmlElement | null = null;
  #ended = false;

  constructor(wire: Wire) {
    this.#wire = wire;
    const parser = newParser();
    parser.onopentag = (tag) => this.#begin(tag);
    parser.onclosetag = () => this.#end();
    parser.ontext = (text) => this.#text(text);
    parser.oncdata = (text) => this.#text(text);
    parser.onprocessinginstruction = ({ name, body }) => this.#instruction(name, body);
    // RFC 6120 §11.1.
    parser.ondoctype = () => refuse('a document type');
    parser.onsgmldeclaration = () => refuse('a declaration');
    parser.oncomment = () => refuse('a comment');
    parser.onerror = ({ message }) => refuse(message.split('\n')[0] ?? '');
    this.#parser = parser;
  }

  /**
   * The start tag of the root.
   *
   * @throws DialogueError malformed for what is not XML, or not as XMPP allows it; timeout and closed
   */
  *rootOp(): Op<XmlElement> {
    while (this.#root === null) yield* this.#feedOp();
    yield* this.#takeOp();
    return this.#root;
  }

  /** The next child of the root, with everything in it; null at the root's end. */
  *elementOp(): Op<XmlElement | null> {
    this.#complete = null;
    this.#count = 0;
    while (this.#complete === null && !this.#ended) yield* this.#feedOp();
    yield* this.#takeOp();
    return this.#complete;
  }

  *#feedOp(): Op<void> {
    const wire = this.#wire;
    const end = yield* wire.findOp(GT, this.#fed, LONGEST_ELEMENT, 'piece of XML');
    if (end < 0) throw new DialogueError('closed', 'the connection was closed in the middle of the stream');
    const piece = (yield* wire.peekOp(end + 1)).subarray(this.#fed);
    this.#fed = end + 1;
    try {
      this.#parser.write(UTF8.decode(piece));
    } catch (error) {
      if (error instanceof DialogueError) throw error;
      throw new DialogueError('malformed', 'not XML in UTF-8');
    }
  }

  /** What was read as one becomes one exchange. */
  *#takeOp(): Op<void> {
    yield* this.#wire.exactOp(this.#fed);
    this.#fed = 0;
  }

  #begin(tag: saxModule.Tag | saxModule.QualifiedTag): void {
    if (!('uri' in tag)) throw new Error('a parser without namespaces');
    const attributes = new Map(Object.values(tag.attributes).map(({ name, value }) => [name, value]));
    const element: OpenElement = { name: tag.local, namespace: tag.uri, attributes, children: [], text: '' };
    if (this.#root === null) {
      this.#root = element;
      return;
    }
    this.#count += 1;
    if (this.#count > MOST_ELEMENTS) refuse(`more than ${MOST_ELEMENTS} elements in one`);
    if (this.#open.length >= MOST_LEVELS) refuse(`more than ${MOST_LEVELS} elements in one another`);
    this.#open.at(-1)?.children.push(element);
    this.#open.push(element);
  }

  #end(): void {
    const element = this.#open.pop();
    if (element === undefined) this.#ended = true;
    else if (this.#open.length === 0) this.#complete = element;
  }

  #text(text: string): void {
    const element = this.#open.at(-1);
    if (element !== undefined) element.text += text;
    // Between the children there may be white space, which keeps connections alive.
    else if (/[^ \t\r\n]/.test(text)) refuse(`text between elements: ${quoted(text)}`);
  }

  #instruction(name: string, body: string): void {
    if (name !== 'xml' || this.#root !== null) refuse('a processing instruction');
    const encoding = /encoding\s*=\s*["']([^"']*)/i.exec(body)?.[1] ?? 'UTF-8';
    if (encoding.toUpperCase() !== 'UTF-8') refuse(`the encoding ${quoted(encoding)}`);
  }
}

function refuse(what: string): never {
  throw new DialogueError('malformed', `the stream cannot be read: ${what}`);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&apos;',
  '"': '&quot;',
};

/** Text for an attribute or between tags. */
export function escaped(text: string): string {
  return text.replace(/[&<>'"]/g, (character) => ENTITIES[character] ?? character);
}
