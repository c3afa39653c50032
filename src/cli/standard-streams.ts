/** Where the command writes: at once, and as long as that will do without Node's streams, which take long to load. */
import { writeSync } from 'node:fs';
import { EXIT, type Output } from './exit.ts';

const STDOUT = 1;
const STDERR = 2;

/** Standard output and standard error. A reader of the former that has seen enough ends the process. */
export function standardStreams(): Output {
  const out = new StandardStream(STDOUT, () => process.stdout, outputFailed);
  // Whoever cannot be told of an error is not told.
  const err = new StandardStream(
    STDERR,
    () => process.stderr,
    () => {},
  );
  return {
    out: (text) => out.write(text),
    report: (text) => {
      out.failsBy(outputLost);
      out.write(text);
    },
    err: (text) => err.write(text),
    stream: () => out.stream(),
  };
}

type Failed = (error: NodeJS.ErrnoException) => void;

class StandardStream {
  readonly #descriptor: number;
  readonly #open: () => NodeJS.WriteStream;
  #failed: Failed;
  #stream: NodeJS.WriteStream | null = null;

  constructor(descriptor: number, open: () => NodeJS.WriteStream, failed: Failed) {
    this.#descriptor = descriptor;
    this.#open = open;
    this.#failed = failed;
  }

  /** What is to become of an output that fails from now on. */
  failsBy(failed: Failed): void {
    this.#failed = failed;
  }

  write(text: string): void {
    let rest: Uint8Array = Buffer.from(text);
    try {
      while (this.#stream === null && rest.length > 0) rest = rest.subarray(writeSync(this.#descriptor, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EAGAIN') {
        this.#failed(error as NodeJS.ErrnoException);
        return;
      }
      // Somebody has made it non-blocking, and its reader is slow: Node waits for it from here on.
      this.stream();
    }
    if (rest.length > 0) this.#stream?.write(rest);
  }

  stream(): NodeJS.WriteStream {
    this.#stream ??= this.#open().on('error', (error) => this.#failed(error));
    return this.#stream;
  }
}

function outputFailed(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(EXIT.outputClosed);
  outputLost(error);
  process.exit(EXIT.failed);
}

function outputLost({ message }: Error): void {
  try {
    writeSync(STDERR, `tcpx: standard output: ${message}\n`);
  } catch {}
}
