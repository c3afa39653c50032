/** The pieces that a message is made of: octets that are there already, and those that are made while they are sent. */
import type { EmailxError } from './error.ts';

export interface Segment {
  /** Octets that `chunks` gives. */
  readonly size: number;
  /** All of them, where they are there already. */
  readonly bytes: Buffer | null;
  /** A chunk is valid until the next one is asked for. */
  chunks(): Iterable<Buffer>;
}

export function constant(bytes: Buffer): Segment {
  return { size: bytes.length, bytes, chunks: () => (bytes.length > 0 ? [bytes] : []) };
}

/** What a segment is read from when it is sent. */
export interface Origin {
  /** False when what was there has been written over, as far as one can tell. */
  isUnchanged(): boolean;
  /** To be thrown for what has changed. */
  changed(): EmailxError;
}

/** A segment whose size was found out before. It never ends as if complete with another, or over a changed origin. */
export function produced(size: number, chunks: () => Iterable<Buffer>, origin: Origin): Segment {
  return new Produced(size, chunks, origin);
}

class Produced implements Segment {
  readonly size: number;
  readonly bytes = null;
  readonly #chunks: () => Iterable<Buffer>;
  readonly #origin: Origin;

  constructor(size: number, chunks: () => Iterable<Buffer>, origin: Origin) {
    this.size = size;
    this.#chunks = chunks;
    this.#origin = origin;
  }

  *chunks(): Iterable<Buffer> {
    let left = this.size;
    for (const chunk of this.#chunks()) {
      left -= chunk.length;
      // Ahead of the last chunk: with that the server may have all it needs.
      if (left < 0 || (left === 0 && !this.#origin.isUnchanged())) throw this.#origin.changed();
      yield chunk;
    }
    if (left > 0) throw this.#origin.changed();
  }
}

/** Segments in a row, neighbouring constants as one, so that a small message is one chunk. */
export class Layout {
  readonly #segments: Segment[] = [];
  #constants: Buffer[] = [];

  add(...octets: readonly Buffer[]): void {
    this.#constants.push(...octets);
  }

  append(segment: Segment): void {
    if (segment.bytes !== null) {
      this.add(segment.bytes);
      return;
    }
    this.#flush();
    this.#segments.push(segment);
  }

  end(): readonly Segment[] {
    this.#flush();
    return this.#segments;
  }

  #flush(): void {
    if (this.#constants.length === 0) return;
    this.#segments.push(constant(Buffer.concat(this.#constants)));
    this.#constants = [];
  }
}
