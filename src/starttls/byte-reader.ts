/** Takes a message of a binary protocol apart, from front to back, and never beyond its end. */
import { asBuffer } from '../core/bytes.ts';
import { DialogueError } from './dialogue-error.ts';

export class ByteReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #place = 0;

  /** @param what the message, for errors */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = asBuffer(bytes);
    this.#what = what;
  }

  get left(): number {
    return this.#bytes.length - this.#place;
  }

  /** @throws DialogueError malformed when fewer are left, as every other method here */
  bytes(count: number): Buffer {
    if (count > this.left) throw new DialogueError('malformed', `${this.#what} ends too early`);
    this.#place += count;
    return this.#bytes.subarray(this.#place - count, this.#place);
  }

  rest(): Buffer {
    return this.bytes(this.left);
  }

  byte(): number {
    return this.bytes(1).readUInt8();
  }

  uint16le(): number {
    return this.bytes(2).readUInt16LE();
  }

  uint32le(): number {
    return this.bytes(4).readUInt32LE();
  }

  uint32be(): number {
    return this.bytes(4).readUInt32BE();
  }

  /** Text up to a NUL, which is taken too. */
  textToNul(): string {
    const end = this.#bytes.indexOf(0, this.#place);
    if (end < 0) throw new DialogueError('malformed', `${this.#what} holds a text without end`);
    const text = this.bytes(end - this.#place).toString('latin1');
    this.#place += 1;
    return text;
  }
}
