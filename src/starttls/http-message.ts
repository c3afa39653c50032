/**
 * Messages of HTTP/1.1 (RFC 9110, 9112), read strictly: what two readers could take differently is refused,
 * since whatever lies behind a message decides whether TLS can start.
 */
import { asBuffer } from '../core/bytes.ts';
import { trimmed } from '../core/characters.ts';
import type { Op } from '../core/op.ts';
import { DialogueError } from './dialogue-error.ts';
import { quoted } from './quoted.ts';
import type { Wire } from './wire.ts';

export interface Fields {
  /** As they came, for people. */
  readonly lines: readonly (readonly [name: string, value: string])[];
  /** The values of a field, one for each time that it is there. */
  all(name: string): readonly string[];
  /** The elements of a field that is a list, in lower case. */
  list(name: string): readonly string[];
}

const LF = 10;
const LONGEST_LINE = 8_192;
const MOST_FIELDS = 100;
/** The most of a body that is read away, in bytes, and how much of it at a time. */
const LONGEST_BODY = 1_048_576;
const BODY_PART = 16_384;
/** Chunks of a single byte would cost many times what they carry. */
const MOST_CHUNKS = 1_000;

/**
 * A line that ends with CR LF and has no other control character but tab in it: the first of a message, for example, which
 * is worth a look before the others are waited for.
 *
 * @throws DialogueError malformed, timeout, closed
 */
export function* lineOp(wire: Wire): Op<string> {
  const end = yield* wire.findOp(LF, 0, LONGEST_LINE, 'line');
  if (end < 0) throw new DialogueError('closed', 'the connection was closed in the middle of a message');
  const line = asBuffer(yield* wire.exactOp(end + 1)).toString('latin1');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  if (line.endsWith('\r\n') && !/[\0-\x08\x0a-\x1f\x7f]/.test(line.slice(0, -2))) return line.slice(0, -2);
  throw new DialogueError('malformed', `not a line of HTTP: ${quoted(line)}`);
}

/*
 * message    = first-line CRLF *( field-line CRLF ) CRLF [body]
 * field-line = token ":" OWS value OWS
 */
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):(.*)$/s;

/** The fields up to the empty line. @throws DialogueError malformed, for folded lines too; timeout, closed */
export function* fieldsOp(wire: Wire): Op<Fields> {
  const lines: (readonly [string, string])[] = [];
  for (;;) {
    const line = yield* lineOp(wire);
    if (line === '') return fieldsOf(lines);
    const [, name, value = ''] = FIELD.exec(line) ?? [];
    if (name === undefined) throw new DialogueError('malformed', `not a field of HTTP: ${quoted(line)}`);
    lines.push([name, trimmed(value)]);
    if (lines.length > MOST_FIELDS)
      throw new DialogueError('malformed', `a message of more than ${MOST_FIELDS} fields`);
  }
}

function fieldsOf(lines: Fields['lines']): Fields {
  const all = (name: string) => lines.filter(([found]) => found.toLowerCase() === name).map(([, value]) => value);
  const list = (name: string) =>
    all(name)
      .flatMap((value) => value.split(','))
      .map((element) => element.trim().toLowerCase())
      .filter((element) => element !== '');
  return { lines, all, list };
}

/** How the body behind a head ends: after so many bytes, with its last chunk, or with the connection. */
export type Framing = number | 'chunked' | 'close';

/**
 * @param without what it is without any field about it: a request has no body then, a response has one to the end
 * @throws DialogueError malformed for contradictions
 */
export function framingOf(fields: Fields, without: 0 | 'close'): Framing {
  const codings = fields.list('transfer-encoding');
  const lengths = fields.list('content-length');
  if (codings.length > 0) {
    if (lengths.length === 0 && codings.length === 1 && codings[0] === 'chunked') return 'chunked';
    throw new DialogueError('malformed', 'a message whose fields do not agree on how its body ends');
  }
  const [length, ...more] = lengths;
  if (length === undefined) return without;
  if (more.length > 0 || !/^\d{1,15}$/.test(length)) {
    throw new DialogueError('malformed', `not a length of a body: ${quoted(lengths.join(', '))}`);
  }
  return Number(length);
}

/** Whether {@link skipBodyOp} would reach the end of a body, as far as its head tells. */
export function isReadable(framing: Framing): boolean {
  return framing === 'chunked' || (framing !== 'close' && framing <= LONGEST_BODY);
}

/** Reads a body away. False when its end cannot be reached: it is too long, has too many chunks, or is the connection's end. */
export function* skipBodyOp(wire: Wire, framing: Framing): Op<boolean> {
  if (framing === 'chunked') return yield* skipChunksOp(wire);
  if (framing === 'close' || !isReadable(framing)) return false;
  yield* skipOp(wire, framing);
  return true;
}

function* skipOp(wire: Wire, length: number): Op<void> {
  for (let left = length; left > 0; left -= BODY_PART) yield* wire.exactOp(Math.min(left, BODY_PART), { bulk: true });
}

/*
 * chunk = size [";" extensions] CRLF data CRLF;  the last has size 0 and fields in place of data
 */
function* skipChunksOp(wire: Wire): Op<boolean> {
  let total = 0;
  for (let chunks = 0; chunks <= MOST_CHUNKS; chunks += 1) {
    const line = yield* lineOp(wire);
    const [, digits] = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;.*)?$/s.exec(line) ?? [];
    if (digits === undefined) throw new DialogueError('malformed', `not the size of a chunk: ${quoted(line)}`);
    const size = Number.parseInt(digits, 16);
    if (size === 0) {
      yield* fieldsOp(wire);
      return true;
    }
    total += size;
    if (total > LONGEST_BODY) return false;
    yield* skipOp(wire, size);
    if ((yield* lineOp(wire)) !== '') throw new DialogueError('malformed', 'a chunk that is longer than its size');
  }
  return false;
}
