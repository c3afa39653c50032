/**
 * The array of sockets that TCPX takes as its last argument (tcpx §11), structure ST_SOCKARY:
 *
 *     byte   0        1        2        3
 *          | socket, B,3 little-endian | ready, B,1 |
 *
 * At most 1025 elements; the last is always zero, because it is how TCPX finds the end. A zero socket further in front is
 * a free element and is skipped.
 */
import { UsageError } from '../core/errors.ts';
import { ArrayVariable } from './arrays.ts';
import { RawVariable, type Variable } from './variables.ts';

const ELEMENT_SIZE = 4;
/** The largest array: 1024 sockets and the zero behind them. */
export const MAX_SOCKARY_LENGTH = 1025;
const LARGEST_SOCKET = 0xffffff;
const READY = 255;

/** One element of a socket array. */
export interface SockaryEntry {
  /** The subscript, from 1. */
  readonly index: number;
  readonly socket: number;
  readonly ready: boolean;
}

/** An array of sockets: type X, `length` elements of which the last stays zero. Iterates over the elements in use. */
export class Sockary extends ArrayVariable<RawVariable> implements Iterable<SockaryEntry> {
  constructor(length: number, storage?: Uint8Array) {
    if (!Number.isInteger(length) || length < 2 || length > MAX_SOCKARY_LENGTH) {
      throw new UsageError(
        `a socket array cannot have ${length} elements: use 2 to ${MAX_SOCKARY_LENGTH}, the last is its end`,
      );
    }
    super(length, 'X', ELEMENT_SIZE, (place) => new RawVariable(ELEMENT_SIZE, place), storage);
  }

  /** The number of sockets in the array. Counts anew each time, as a program may write to the bytes. */
  get count(): number {
    let count = 0;
    for (let index = 1; index < this.length; index++) if (this.socket(index) !== 0) count++;
    return count;
  }

  /** The socket at a subscript, 0 for a free element. */
  socket(index: number): number {
    const at = this.offset(index);
    const { bytes } = this;
    return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
  }

  /** True if the last CHECK found the socket ready. */
  ready(index: number): boolean {
    return this.bytes[this.offset(index) + 3] !== 0;
  }

  setReady(index: number, ready: boolean): void {
    this.bytes[this.offset(index) + 3] = ready ? READY : 0;
  }

  /** Puts a socket into an element and clears its ready byte. A UsageError for the last element. */
  set(index: number, socket: number): void {
    if (!Number.isInteger(socket) || socket < 1 || socket > LARGEST_SOCKET) {
      throw new UsageError(`${socket} is not a socket number: it must be from 1 to ${LARGEST_SOCKET}`);
    }
    const at = this.offset(index);
    if (index === this.length)
      throw new UsageError(`element ${index} is the last of the socket array and must stay zero`);
    this.bytes[at] = socket;
    this.bytes[at + 1] = socket >>> 8;
    this.bytes[at + 2] = socket >>> 16;
    this.bytes[at + 3] = 0;
  }

  /** Puts a socket into the first free element and returns its subscript. A UsageError if there is none. */
  add(socket: number): number {
    for (let index = 1; index < this.length; index++) {
      if (this.socket(index) !== 0) continue;
      this.set(index, socket);
      return index;
    }
    throw new UsageError(`the socket array is full: it holds ${this.length - 1} sockets`);
  }

  /** Frees an element; nothing happens if it is free. */
  remove(index: number): void {
    const at = this.offset(index);
    this.bytes.fill(0, at, at + ELEMENT_SIZE);
  }

  *[Symbol.iterator](): IterableIterator<SockaryEntry> {
    for (let index = 1; index < this.length; index++) {
      const socket = this.socket(index);
      if (socket !== 0) yield { index, socket, ready: this.ready(index) };
    }
  }

  private offset(index: number): number {
    this.checkSubscript(index);
    return (index - 1) * ELEMENT_SIZE;
  }
}

/** An empty socket array of `length` elements, at most 1025; one fewer can hold a socket. */
export function sockary(length: number = MAX_SOCKARY_LENGTH): Sockary {
  return new Sockary(length);
}

/**
 * The argument `sockary(1)` as a socket array: a {@link Sockary} itself, or whatever lies from the variable's address to
 * the end of its array, at most 1025 elements of it. Same memory, no copy. A UsageError if less than 8 bytes are there.
 */
export function sockaryOf(variable: Variable): Sockary {
  if (variable instanceof Sockary) return variable;
  const { extent } = variable;
  return new Sockary(Math.min(MAX_SOCKARY_LENGTH, Math.floor(extent.length / ELEMENT_SIZE)), extent);
}
