/** A session with a server: standard input to it, what it says to standard output, until it has closed. */
import { once } from 'node:events';
import { type Duplex, type Readable, Transform, type Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { escapeText } from './buffer-text.ts';

export interface SessionOptions {
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable & { readonly isTTY?: boolean };
  /** Lines of text: each is sent with CR LF at its end. Otherwise bytes go as they come. */
  readonly lines: boolean;
  /** Once sending has ended: how long the server may say nothing before the session is given up, in ms. */
  readonly patience: number;
  /** Remarks: standard error. */
  readonly err: (text: string) => void;
}

/**
 * Many servers take the end of what they receive for the client's leave and drop what they were about to answer. Piped
 * input is over long before that: its end is passed on when the server has been quiet for so long, in ms.
 */
export const QUIET = 2_000;

/**
 * Resolves when the server has closed, or says nothing more although sending has ended. The end of the input is a
 * half-close: what the server still has to say is shown.
 *
 * @throws ChannelError when the connection breaks
 */
export async function talk(stream: Duplex, options: SessionOptions): Promise<void> {
  const { input, output, lines, patience, err } = options;
  const atTerminal = output.isTTY === true;
  const silence = new Silence();
  let givenUp = false;
  const endSending = () => {
    stream.end();
    silence.after(patience, () => {
      givenUp = true;
      stream.destroy();
    });
  };
  const typed = lines ? input.pipe(new LineEnds()) : input;
  typed.on('end', () => (input.isTTY === true ? endSending() : silence.after(QUIET, endSending)));
  typed.pipe(stream, { end: false });
  const decoder = new StringDecoder('utf8');
  try {
    for await (const chunk of stream) {
      silence.broken();
      const shown = atTerminal ? harmless(decoder.write(chunk)) : chunk;
      if (!output.write(shown)) await once(output, 'drain');
    }
    if (atTerminal) err('(the server has closed the connection)\n');
  } catch (error) {
    if (!givenUp) throw error;
    err('(the server says nothing more, and does not close)\n');
  } finally {
    silence.end();
    input.destroy();
    stream.destroy();
  }
}

/** Text of a peer that does nothing to the terminal but write. */
function harmless(text: string): string {
  return text
    .split(/(\r?\n)/)
    .map((part) => (/^\r?\n$/.test(part) ? '\n' : escapeText(part)))
    .join('');
}

const CR = 13;
const LF = 10;

/** LF becomes CR LF, unless it is that already. */
export class LineEnds extends Transform {
  #last = 0;

  override _transform(chunk: Buffer, _encoding: string, done: (error: Error | null, data: Buffer) => void): void {
    const parts: Buffer[] = [];
    let from = 0;
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) {
      const before = at === 0 ? this.#last : chunk[at - 1];
      if (before === CR) continue;
      parts.push(chunk.subarray(from, at), Buffer.from('\r'));
      from = at;
    }
    this.#last = chunk.at(-1) ?? this.#last;
    done(null, Buffer.concat([...parts, chunk.subarray(from)]));
  }
}

/** Notices when nothing has been heard for a while. */
class Silence {
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  /** From now on: calls `then` once nothing has been heard for so long. */
  after(milliseconds: number, then: () => void): void {
    clearTimeout(this.#timer);
    if (!this.#over) this.#timer = setTimeout(then, milliseconds);
  }

  /** Something was heard: the wait begins anew. */
  broken(): void {
    this.#timer?.refresh();
  }

  end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }
}
