/**
 * Streams on their way into a message. How long it is, and what is in it, has to be known before the first command: a
 * stream is kept until it has ended, in memory while it is short, else in a file that nobody else can read.
 */

import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CancelSignal } from '../core/cancellation.ts';
import type { Deadline } from '../core/deadline.ts';
import { CancelledError, UsageError } from '../core/errors.ts';
import { reasonOf } from '../core/reason.ts';
import { EmailxError } from './error.ts';
import { isStream, type MailAttachment } from './mail-attachments.ts';
import type { MailOptions, MailStream } from './mail-options.ts';
import { giveUp, type MailStreams } from './mail-streams.ts';
import type { Refusal } from './statuses.ts';

/** What is kept in memory, in bytes. */
const MOST_IN_MEMORY = 1_048_576;

type Kept = { readonly content: Uint8Array } | { readonly file: string };

export class Spool {
  #directory: string | null = null;
  #files = 0;
  readonly #streams: MailStreams;
  readonly #signal: CancelSignal | undefined;
  readonly #until: Deadline;

  constructor(streams: MailStreams, until: Deadline, signal: CancelSignal | undefined) {
    this.#streams = streams;
    this.#until = until;
    this.#signal = signal;
  }

  /** The same options with everything in place of streams that they brought. @throws EmailxError, CancelledError */
  async take(options: MailOptions): Promise<MailOptions> {
    const { message, attachments = [] } = options;
    const kept: MailAttachment[] = [];
    for (const [index, attachment] of attachments.entries()) {
      const { content, ...rest } = attachment;
      const label = `attachments[${index}].content`;
      kept.push(
        isStream(content) ? { ...rest, ...(await this.keep(content, label, 'attachmentUnreadable')) } : attachment,
      );
    }
    const replaced = isStream(message)
      ? { message: complete(await this.keep(message, 'message', 'bodyUnreadable')) }
      : {};
    return { ...options, ...(attachments.length > 0 ? { attachments: kept } : {}), ...replaced };
  }

  /** Everything that a stream brings. The stream is ended when it cannot be. */
  async keep(stream: MailStream, what: string, refusal: Refusal): Promise<Kept> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    let file: { readonly path: string; readonly handle: FileHandle } | null = null;
    try {
      for await (const chunk of this.#untilEnd(stream, what, refusal)) {
        length += chunk.length;
        // The stream may use its memory again.
        if (file === null && length <= MOST_IN_MEMORY) chunks.push(Uint8Array.prototype.slice.call(chunk));
        else {
          if (file === null) {
            file = await this.#file();
            await file.handle.writeFile(Buffer.concat(chunks));
            chunks.length = 0;
          }
          await file.handle.writeFile(chunk);
        }
      }
    } catch (cause) {
      if (isOurs(cause)) throw cause;
      throw new EmailxError(refusal, `${what} cannot be kept in ${tmpdir()}: ${reasonOf(cause)}`, { cause });
    } finally {
      await file?.handle.close();
    }
    return file === null ? { content: Buffer.concat(chunks, length) } : { file: file.path };
  }

  /** Removes the files. */
  async dispose(): Promise<void> {
    if (this.#directory !== null) await rm(this.#directory, { recursive: true, force: true });
  }

  async #file(): Promise<{ path: string; handle: FileHandle }> {
    this.#directory ??= await mkdtemp(join(tmpdir(), 'tcpx-mail-'));
    this.#files += 1;
    const path = join(this.#directory, `${this.#files}`);
    return { path, handle: await open(path, 'wx', 0o600) };
  }

  /** The chunks of a stream, which may be silent for as long as the call may last. */
  async *#untilEnd(stream: MailStream, what: string, refusal: Refusal): AsyncGenerator<Uint8Array> {
    const chunks = this.#streams.begin(stream);
    const limit = new Limit(this.#until, this.#signal);
    let ended = false;
    try {
      for (;;) {
        const next = await limit.whichever(chunks.next());
        if (next === 'aborted') throw new CancelledError(`the call was aborted while ${what} was read`);
        if (next === 'timeout') throw new EmailxError('responseTimeout', `${what} did not end in time`);
        if (next.done === true) {
          ended = true;
          return;
        }
        yield octets(next.value, what);
      }
    } catch (cause) {
      if (isOurs(cause)) throw cause;
      throw new EmailxError(refusal, `${what} ended with an error: ${reasonOf(cause)}`, { cause });
    } finally {
      limit.withdraw();
      if (!ended) giveUp(stream, chunks);
    }
  }
}

function isOurs(error: unknown): boolean {
  return error instanceof EmailxError || error instanceof CancelledError || error instanceof UsageError;
}

function octets(chunk: unknown, what: string): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk, 'utf8');
  if (chunk instanceof Uint8Array) return chunk;
  throw new UsageError(`${what} brings ${typeof chunk}, where text or octets are due`);
}

function complete(kept: Kept): Uint8Array | { readonly file: string } {
  return 'content' in kept ? kept.content : kept;
}

/** What a timer of Node can be, in ms. */
const LONGEST_TIMER = 2 ** 31 - 1;

type Over = 'aborted' | 'timeout';

/** The end of a call: its deadline or its signal. */
class Limit {
  #over: Over | null = null;
  #tell: ((over: Over) => void) | null = null;
  readonly #until: Deadline;
  readonly #timer: NodeJS.Timeout | null;
  readonly #signal: CancelSignal | undefined;
  readonly #abort = () => this.#end('aborted');

  constructor(until: Deadline, signal: CancelSignal | undefined) {
    this.#until = until;
    const left = Math.min(until.remaining(), LONGEST_TIMER);
    this.#timer = until.isFinite ? setTimeout(() => this.#end('timeout'), left) : null;
    this.#signal = signal;
    if (signal?.aborted === true) this.#end('aborted');
    else signal?.addEventListener('abort', this.#abort, { once: true });
  }

  /** The promise's value, or why it is not waited for any longer. Promise.race would keep every value until the end. */
  whichever<T>(promise: Promise<T>): Promise<T | Over> {
    // Behind a stream that always has something at hand no timer has its turn.
    if (this.#until.expired) this.#end('timeout');
    if (this.#over !== null) {
      promise.catch(() => {});
      return Promise.resolve(this.#over);
    }
    return new Promise((resolve, reject) => {
      this.#tell = resolve;
      promise.then(resolve, reject);
    });
  }

  withdraw(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#abort);
  }

  #end(over: Over): void {
    this.#over ??= over;
    this.#tell?.(this.#over);
  }
}
