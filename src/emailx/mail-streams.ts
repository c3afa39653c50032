/** The streams among the options of a call, which are the call's from its first moment: they end with it, however it ends. */
import { isStream } from './mail-attachments.ts';
import type { MailOptions, MailStream } from './mail-options.ts';

export class MailStreams {
  /** Those that nobody has begun to read. */
  readonly #waiting: Set<MailStream>;

  /** The options need not make sense. */
  constructor({ message, attachments }: MailOptions) {
    const contents: unknown[] = Array.isArray(attachments) ? attachments.map((item) => item?.content) : [];
    this.#waiting = new Set([message, ...contents].filter(isStream));
    for (const stream of this.#waiting) awaitErrors(stream);
  }

  get any(): boolean {
    return this.#waiting.size > 0;
  }

  /** What a stream brings, for somebody who ends it. */
  begin(stream: MailStream): AsyncIterator<unknown> {
    this.#waiting.delete(stream);
    return stream[Symbol.asyncIterator]();
  }

  /** Ends those that have not been begun. */
  end(): void {
    for (const stream of this.#waiting) {
      if (!destroyed(stream)) returned(() => stream[Symbol.asyncIterator]());
    }
    this.#waiting.clear();
  }
}

/** A stream of Node ends at once when it is destroyed; any other when it next gets to it, which is not waited for. */
export function giveUp(stream: MailStream, chunks: AsyncIterator<unknown>): void {
  if (!destroyed(stream)) returned(() => chunks);
}

/**
 * A stream of Node may fail before its turn, or once it has been given up. Its reader is told when it comes to it; an
 * error that nobody listens to would end the process.
 */
function awaitErrors(stream: MailStream): void {
  if ('on' in stream && typeof stream.on === 'function') stream.on('error', () => {});
}

function destroyed(stream: MailStream): boolean {
  if (!('destroy' in stream) || typeof stream.destroy !== 'function') return false;
  stream.destroy();
  return true;
}

/** What it says to that, such as that the program reads it itself, is no concern of a call that is over. */
function returned(chunks: () => AsyncIterator<unknown>): void {
  (async () => chunks().return?.())().catch(() => {});
}
