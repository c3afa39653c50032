/**
 * What the plain and the TLS endpoint of the Node engine share: bytes that Node has delivered and nobody has read yet,
 * bytes that Node has taken and not sent yet, and who waits for either.
 */
import type { Duplex } from 'node:stream';
import { ByteQueue } from '../core/byte-queue.ts';
import { Deadline } from '../core/deadline.ts';
import { type Op, READABLE, type WaitResult, WRITABLE, waitOp } from '../core/op.ts';
import type { TlsInfo } from '../tls/info.ts';
import {
  type Address,
  type Direction,
  type Endpoint,
  type Probe,
  type Transfer,
  WANT_READ,
  WANT_WRITE,
} from './endpoint.ts';
import {
  BACKGROUND_LINGER,
  CLOSE_LINGER,
  DISCARD_LINGER,
  READ_AHEAD_LIMIT,
  WRITE_BEHIND_LIMIT,
  WRITE_WHOLE_LIMIT,
} from './limits.ts';
import { Wakes } from './wakes.ts';

/** Closed by their programs, and still sending. */
const lingering = new Set<NodeStream>();

/** Bytes that WRITE has reported as sent and the kernel has not taken: of these endpoints, and of all that were closed. */
export function unsentBytes(open: readonly Endpoint[]): number {
  let unsent = 0;
  for (const endpoint of [...open, ...lingering]) if (endpoint instanceof NodeStream) unsent += endpoint.unsent;
  return unsent;
}

export abstract class NodeStream implements Endpoint {
  readonly readAhead: ByteQueue = new ByteQueue();
  protected readonly wakes: Wakes = new Wakes();
  /** The end of the stream came, or READ was shut down. */
  protected hasEnded = false;
  /** Nothing comes any more, and what was read ahead has to be asked for again by {@link resume}. */
  protected isPaused = false;
  protected isFinished = false;
  #discarded = false;
  protected broken: Error | null = null;
  /** Why nothing more can be received, where sending still works. */
  protected cutShort: Error | null = null;

  abstract readonly local: Address;
  abstract readonly remote: Address;
  abstract readonly tls: TlsInfo | null;
  /** The socket of node:net or node:tls. */
  protected abstract readonly stream: Duplex;
  /** What a WRITE after the end of sending fails with. */
  protected abstract sendingEnded(): Error;
  abstract destroy(): void;

  /** Has the stream's progress wake whoever waits. Call once, when `stream` is there. */
  protected observeSending(): void {
    this.stream.on('finish', () => {
      this.isFinished = true;
      this.wakes.fireAll();
    });
  }

  /** Takes what was received; past the bound of the read-ahead the stream is paused. */
  protected deliver(chunk: Uint8Array): void {
    // After SHUTDOWN for receiving a session is at its end; a kernel gives what still comes, as Linux does.
    if (this.hasEnded && this.tls !== null) return;
    this.readAhead.push(chunk);
    if (this.readAhead.length >= READ_AHEAD_LIMIT) this.pause();
    this.wakes.fire(READABLE);
  }

  /** Bytes that Node has taken and the kernel has not. */
  get unsent(): number {
    return this.stream.destroyed ? 0 : this.stream.writableLength;
  }

  watch(events: number, wake: () => void): () => void {
    return this.wakes.add(events, wake);
  }

  pause(): void {
    this.isPaused = true;
    this.stream.pause();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.stream.resume();
  }

  read(into: Uint8Array): Transfer {
    if (this.readAhead.length > 0) {
      const count = this.readAhead.take(into);
      if (this.isPaused && this.readAhead.length < READ_AHEAD_LIMIT) this.resume();
      return count;
    }
    if (this.hasEnded) return 0;
    this.#checkInput();
    return WANT_READ;
  }

  write(from: Uint8Array, whole = false): Transfer {
    if (this.broken !== null) throw this.broken;
    if (this.stream.writableEnded || this.stream.destroyed) throw this.sendingEnded();
    const queued = this.stream.writableLength;
    const room = (whole && queued === 0 ? WRITE_WHOLE_LIMIT : WRITE_BEHIND_LIMIT) - queued;
    if (room <= 0) return WANT_WRITE;
    // Node keeps the bytes until the kernel has taken them; the caller's variable may change before that.
    const chunk = Buffer.from(from.length <= room ? from : from.subarray(0, room));
    // Whoever waits for room is woken by the chunk that took the last of it: 'drain' goes by the stream's own mark, which a
    // program may have raised above this bound.
    if (queued + chunk.length < WRITE_BEHIND_LIMIT) this.stream.write(chunk);
    else this.stream.write(chunk, () => this.wakes.fire(WRITABLE));
    return chunk.length;
  }

  probe(): Probe {
    if (this.readAhead.length > 0) return 'readable';
    if (this.hasEnded) return 'ended';
    this.#checkInput();
    return 'idle';
  }

  #checkInput(): void {
    if (this.cutShort !== null) throw this.cutShort;
    if (this.broken !== null) throw this.broken;
  }

  available(): number {
    return this.readAhead.length;
  }

  fits(count: number): boolean {
    const queued = this.stream.writableLength;
    return queued === 0 || queued + count <= WRITE_BEHIND_LIMIT;
  }

  shutdown(direction: Direction): Transfer {
    // Both directions have had their end: what has become of the connection since is nothing to this call.
    if (this.hasEnded && this.isFinished) return 0;
    if (this.broken !== null) throw this.broken;
    if (direction !== 'send') {
      this.hasEnded = true;
    }
    if (direction !== 'receive') {
      if (!this.stream.writableEnded) this.stream.end();
      if (!this.isFinished) return WANT_WRITE;
    }
    return 0;
  }

  *closeOp(): Op<void> {
    let inBackground = false;
    try {
      if (this.broken !== null) return;
      if (!this.stream.writableEnded) this.stream.end();
      const linger = Deadline.after(this.#discarded ? DISCARD_LINGER : CLOSE_LINGER);
      inBackground = (yield* this.#flushedOp(linger)) === 'timeout' && !this.#discarded;
    } finally {
      if (inBackground) this.#lingerInBackground();
      else this.destroy();
    }
  }

  release(): void {
    if (this.broken !== null || this.#discarded || this.unsent === 0) {
      this.destroy();
      return;
    }
    if (!this.stream.writableEnded) this.stream.end();
    this.#lingerInBackground();
  }

  discard(): void {
    this.#discarded ||= this.unsent > 0;
  }

  /** Until the kernel has taken everything, the end of the stream included, or the connection broke. */
  *#flushedOp(until: Deadline): Op<WaitResult> {
    while (!this.isFinished && this.broken === null) {
      if ((yield* waitOp(this, WRITABLE, until)) === 'timeout') return 'timeout';
    }
    return 'ready';
  }

  /** Goes on sending what WRITE has reported as sent, as the kernel does for a closed socket. */
  #lingerInBackground(): void {
    const end = setTimeout(() => this.destroy(), BACKGROUND_LINGER);
    end.unref();
    lingering.add(this);
    this.stream.once('finish', () => this.destroy());
    this.stream.once('close', () => {
      lingering.delete(this);
      clearTimeout(end);
    });
  }
}
