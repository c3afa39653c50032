import { Duplex } from 'node:stream';
import type { NodePlainEndpoint } from './node-plain.ts';

/**
 * The seam between TLSSocket and a stream without a handle: ciphertext passes through it. node:tls ends alike with and
 * without close_notify, and only here can the difference be seen.
 */
export class Seam extends Duplex {
  readonly #plain: NodePlainEndpoint;

  constructor(plain: NodePlainEndpoint) {
    super({ allowHalfOpen: true });
    this.#plain = plain;
  }

  override _read(): void {
    this.#plain.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.#plain.socket.write(chunk, done);
  }

  override _writev(chunks: { chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    this.#plain.socket.cork();
    const last = chunks.length - 1;
    for (const [index, { chunk }] of chunks.entries()) {
      if (index === last) this.#plain.socket.write(chunk, done);
      else this.#plain.socket.write(chunk);
    }
    this.#plain.socket.uncork();
  }

  /** TLSSocket has sent close_notify and ends; the connection's own direction ends with it. */
  override _final(done: (error?: Error | null) => void): void {
    this.#plain.socket.end(() => done());
  }
}
