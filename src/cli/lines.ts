/** The lines of a script: UTF-8, of a bounded length, as they come. */
import { UsageError } from '../core/errors.ts';
import { reasonOf } from '../core/reason.ts';
import { type Origin, ScriptError } from './scanner.ts';

/** Bytes of the longest line; longer data comes from a file, with WRITE @file. */
export const LONGEST_LINE = 2 ** 20;
const LINE_FEED = 10;

export interface SourceLine {
  readonly text: string;
  readonly origin: Origin;
}

/**
 * Cuts a stream of bytes into lines; the last one needs no line feed. A byte order mark at the start is dropped.
 *
 * @throws ScriptError for a line that is too long, is not UTF-8 or holds NUL
 */
export async function* linesOf(source: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SourceLine> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let line = 1;
  const finish = (): SourceLine => {
    const text = decoded(Buffer.concat(parts), { source, line });
    const result = { text, origin: { source, line } };
    parts = [];
    length = 0;
    line += 1;
    return result;
  };
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length; ) {
      const end = chunk.indexOf(LINE_FEED, from);
      const part = chunk.subarray(from, end < 0 ? chunk.length : end);
      parts.push(part);
      length += part.length;
      if (length > LONGEST_LINE) {
        throw new ScriptError({ source, line }, 0, `the line is longer than ${LONGEST_LINE} bytes; use WRITE @file`);
      }
      if (end < 0) break;
      yield finish();
      from = end + 1;
    }
  }
  if (length > 0) yield finish();
}

function decoded(bytes: Uint8Array, origin: Origin): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: origin.line > 1 }).decode(bytes);
  } catch {
    throw new ScriptError(origin, 0, 'this is not text in UTF-8; bytes are written as \\xNN, hex:... or @file');
  }
  if (text.includes('\0')) throw new ScriptError(origin, 0, 'the line holds a NUL; it is written as \\0');
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}

/** The lines of `-e` options: each may be several. */
export function* linesOfOptions(options: readonly string[]): Generator<SourceLine> {
  let line = 0;
  for (const option of options) {
    for (const text of option.split(/\r?\n/)) {
      line += 1;
      yield { text, origin: { source: '-e', line } };
    }
  }
}

/** An error of reading the script itself, as a usage error that names it. */
export function unreadable(source: string, error: unknown): UsageError {
  return new UsageError(`${source} cannot be read: ${reasonOf(error)}`, { cause: error });
}
