/** A session with a server: standard input to it, what it says to standard output, until it has closed. */
import { once } from 'node:events';
import { type Duplex, type Readable, Transform, type Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { escapeText } from './buffer-text.ts';

export interface SessionOptions {
  readonly input: Readable;
  readonly output: Writable & { readonly isTTY?: boolean };
  /** Lines of text: each is sent with CR LF at its end. Otherwise bytes go as they come. */
  readonly lines: boolean;
  /** Once the input has ended: how long the server may say nothing before the session is given up, in ms. */
  readonly patience: number;
  /** Remarks: standard error. */
  readonly err: (text: string) => void;
}

/**
 * Resolves when the server has closed, or says nothing more although the input has ended. The end of the input is a
 * half-close: what the server still has to say is shown.
 *
 * @throws ChannelError when the connection breaks
 */
export async function talk(stream: Duplex, options: SessionOptions): Promise<void> {
  const { input, output, lines, patience, err } = options;
  const atTerminal = output.isTTY === true;
  const silence = new Silence(patience, () => stream.destroy());
  const typed = lines ? input.pipe(new LineEnds()) : input;
  typed.on('end', () => silence.watch());
  typed.pipe(stream);
  const decoder = new StringDecoder('utf8');
  try {
    for await (const chunk of stream) {
      silence.watchOn();
      const shown = atTerminal ? harmless(decoder.write(chunk)) : chunk;
      if (!output.write(shown)) await once(output, 'drain');
    }
    if (atTerminal) err('(the server has closed the connection)\n');
  } catch (error) {
    if (!silence.expired) throw error;
    err(`(the server says nothing more, and does not close)\n`);
  } finally {
    silence.stop();
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

/** Notices when nothing has been heard for a while, once that matters. */
class Silence {
  expired = false;
  readonly #patience: number;
  readonly #ended: () => void;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(patience: number, ended: () => void) {
    this.#patience = patience;
    this.#ended = ended;
  }

  watch(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.expired = true;
      this.#ended();
    }, this.#patience);
  }

  /** Something was heard: begins anew, if it matters yet. */
  watchOn(): void {
    if (this.#timer !== undefined) this.watch();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
