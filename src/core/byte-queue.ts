/**
 * Bytes waiting to be read: chunks in, bytes out. A socket's read-ahead.
 *
 * Chunks are kept as they came; taking bytes moves a view forward. Nothing is copied but into the reader's buffer.
 */
export class ByteQueue {
  readonly #chunks: Uint8Array[] = [];
  /** Index of the first chunk still in use: shifting an array for every chunk would cost more than the copy. */
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** Puts bytes back in front, for a read that was cancelled. */
  unshift(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.splice(0, this.#head, chunk);
    this.#head = 0;
    this.#length += chunk.length;
  }

  /** Moves up to `into.length` bytes into `into`; returns how many. */
  take(into: Uint8Array): number {
    let taken = 0;
    while (taken < into.length) {
      const chunk = this.#chunks[this.#head];
      if (chunk === undefined) break;
      const room = into.length - taken;
      if (chunk.length <= room) {
        into.set(chunk, taken);
        taken += chunk.length;
        this.#head += 1;
      } else {
        into.set(chunk.subarray(0, room), taken);
        this.#chunks[this.#head] = chunk.subarray(room);
        taken += room;
      }
    }
    if (this.#head === this.#chunks.length) this.#empty();
    else if (this.#head > 64) {
      this.#chunks.splice(0, this.#head);
      this.#head = 0;
    }
    this.#length -= taken;
    return taken;
  }

  /** A copy of the first `count` bytes, which stay queued. */
  peek(count: number): Uint8Array {
    const wanted = Math.min(count, this.#length);
    const copy = new Uint8Array(wanted);
    let filled = 0;
    for (let index = this.#head; filled < wanted; index += 1) {
      const chunk = this.#chunks[index];
      if (chunk === undefined) break;
      const part = chunk.subarray(0, wanted - filled);
      copy.set(part, filled);
      filled += part.length;
    }
    return copy;
  }

  /** The first chunk, removed; undefined when the queue is empty. */
  shift(): Uint8Array | undefined {
    const chunk = this.#chunks[this.#head];
    if (chunk === undefined) return undefined;
    this.#head += 1;
    this.#length -= chunk.length;
    if (this.#head === this.#chunks.length) this.#empty();
    return chunk;
  }

  /** Forgets chunks that are used up: mostly one, for which the setter of `length` would be the slow way. */
  #empty(): void {
    if (this.#chunks.length === 1) this.#chunks.pop();
    else this.#chunks.length = 0;
    this.#head = 0;
  }
}
