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

/** A segment whose size was found out before. It never ends as if complete with another: `changed` is thrown. */
export function produced(size: number, chunks: () => Iterable<Buffer>, changed: () => EmailxError): Segment {
  return new Produced(size, chunks, changed);
}

class Produced implements Segment {
  readonly size: number;
  readonly bytes = null;
  readonly #chunks: () => Iterable<Buffer>;
  readonly #changed: () => EmailxError;

  constructor(size: number, chunks: () => Iterable<Buffer>, changed: () => EmailxError) {
    this.size = size;
    this.#chunks = chunks;
    this.#changed = changed;
  }

  *chunks(): Iterable<Buffer> {
    let left = this.size;
    for (const chunk of this.#chunks()) {
      left -= chunk.length;
      if (left < 0) throw this.#changed();
      yield chunk;
    }
    if (left > 0) throw this.#changed();
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
