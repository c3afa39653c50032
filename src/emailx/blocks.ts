/** Sources a block at a time, in memory that is used again for the next message. */
import type { Source } from './source.ts';

/** Octets that are read at a time: whole rows of base64, so that no row is left over between two blocks. */
export const BLOCK_SIZE: number = 57 * 1024;

/**
 * Memory that one user at a time writes to. It goes back when the user has come to the end; whoever breaks off keeps
 * it, because what was made last may still be on its way.
 */
export class Spare<T> {
  readonly #make: () => T;
  readonly #unused: T[] = [];

  constructor(make: () => T) {
    this.#make = make;
  }

  take(): T {
    return this.#unused.pop() ?? this.#make();
  }

  giveBack(memory: T): void {
    // Two messages at a time are common, more would only hold memory.
    if (this.#unused.length < 2) this.#unused.push(memory);
  }
}

const spareBlocks = new Spare(() => Buffer.allocUnsafeSlow(BLOCK_SIZE));

/** A source in blocks. A block is valid until the next one is asked for. */
export function* blocksOf(source: Source, from = 0): Generator<Buffer, void, void> {
  const scratch = spareBlocks.take();
  for (let position = from; position < source.size; position += BLOCK_SIZE) {
    yield source.block(position, Math.min(BLOCK_SIZE, source.size - position), scratch);
  }
  spareBlocks.giveBack(scratch);
}
