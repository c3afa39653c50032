/**
 * Transparency of DATA (RFC 5321 §4.5.2): a line that begins with a dot gets another one, and a line with a dot alone
 * ends the message.
 */
import { CR, LF } from './line-ends.ts';

const DOT = 46;
const DOT_LINE = Buffer.from('\n.', 'latin1');
const LAST_LINE = Buffer.from('.\r\n', 'latin1');
const LINE_END_AND_LAST_LINE = Buffer.from('\r\n.\r\n', 'latin1');
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * The encoder of one message; chunks may be cut anywhere. A line begins after every LF, also one without CR: servers do
 * not agree on whether that ends a line, and in doubt a dot too many is harmless where an end of the message is not.
 */
export class DotStuffer {
  /** The last two octets; before the first chunk the line end of the DATA command. */
  #beforeLast: number = CR;
  #last: number = LF;
  #scratch = NOTHING;

  /** The chunk itself where it has no such line, else a copy that is valid until the next call. */
  stuff(chunk: Buffer): Buffer {
    const { length } = chunk;
    if (length === 0) return chunk;
    const stuffed = this.#last === LF && chunk[0] === DOT ? this.#copied(chunk, 0) : this.#stuffedAfterLf(chunk);
    this.#beforeLast = length > 1 ? (chunk[length - 2] ?? 0) : this.#last;
    this.#last = chunk[length - 1] ?? 0;
    return stuffed;
  }

  /** What ends the message: its last line end if it lacks one, and the line with the dot. Begins anew. */
  end(): Buffer {
    const complete = this.#beforeLast === CR && this.#last === LF;
    this.#beforeLast = CR;
    this.#last = LF;
    return complete ? LAST_LINE : LINE_END_AND_LAST_LINE;
  }

  #stuffedAfterLf(chunk: Buffer): Buffer {
    const first = chunk.indexOf(DOT_LINE);
    return first < 0 ? chunk : this.#copied(chunk, first + 1);
  }

  /** `dot` is where the first line with a dot begins. */
  #copied(chunk: Buffer, dot: number): Buffer {
    // Two octets at least for each further dot.
    const most = chunk.length + Math.ceil((chunk.length - dot) / 2) + 1;
    if (this.#scratch.length < most) this.#scratch = Buffer.allocUnsafe(most);
    const into = this.#scratch;
    let written = 0;
    let read = 0;
    for (let at = dot; at > 0 || read === 0; at = chunk.indexOf(DOT_LINE, read) + 1) {
      written += chunk.copy(into, written, read, at);
      into[written] = DOT;
      into[written + 1] = DOT;
      written += 2;
      read = at + 1;
    }
    written += chunk.copy(into, written, read);
    return into.subarray(0, written);
  }
}
