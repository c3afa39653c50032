/**
 * A channel as a Node stream, for when the dialogue is over.
 *
 * One receive and one send at a time, and none that nobody asked for: what the program does not read stays in the
 * connection, where it holds back the peer. `end` says that nothing more is sent and goes on receiving; `destroy` closes.
 */
import { Duplex } from 'node:stream';
import { Cancellation } from '../core/cancellation.ts';
import { NEVER } from '../core/deadline.ts';
import { ERRNO } from '../core/errno.ts';
import { CancelledError } from '../core/errors.ts';
import type { Op } from '../core/op.ts';
import { runAsync } from '../core/run.ts';
import type { Address } from '../net/endpoint.ts';
import type { TlsInfo } from '../tls/info.ts';
import { ChannelError, type StreamingChannel } from './channel.ts';

/** Bytes that wait in either direction before the other end, or the program, has to. */
const HIGH_WATER = 65_536;

export interface ChannelDuplexOptions {
  /** What was received during the dialogue and nobody has read: it comes first. */
  readonly unread: Uint8Array;
  readonly remote: Address;
  /** Whether the program ends its own direction by itself when the peer has ended. */
  readonly allowHalfOpen: boolean;
}

/** The connection as a stream of bytes. `end` ends sending alone; `destroy` closes. */
export class ChannelDuplex extends Duplex {
  /** The facts of the TLS session; null in clear. */
  readonly tls: TlsInfo | null;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #channel: StreamingChannel;
  /** Ends the calls that wait. */
  readonly #calls = new Cancellation();

  constructor(channel: StreamingChannel, { unread, remote, allowHalfOpen }: ChannelDuplexOptions) {
    super({ allowHalfOpen, readableHighWaterMark: HIGH_WATER, writableHighWaterMark: HIGH_WATER });
    this.#channel = channel;
    this.tls = channel.tls;
    this.remoteAddress = remote.host;
    this.remotePort = remote.port;
    if (unread.length > 0) this.push(Buffer.from(unread));
  }

  /** True when what is written is encrypted. */
  get encrypted(): boolean {
    return this.tls !== null;
  }

  override _read(): void {
    this.#run(receivedOp(this.#channel)).then(
      (chunk) => {
        // The channel's memory is good until its next call only.
        if (!this.destroyed) this.push(chunk.length === 0 ? null : Buffer.from(chunk));
      },
      (error) => this.#failed(error),
    );
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.#finish(sentOp(this.#channel, chunk), done);
  }

  override _writev(chunks: { chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    this.#finish(sentOp(this.#channel, Buffer.concat(chunks.map(({ chunk }) => chunk))), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#finish(this.#channel.endOp(), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#calls.cancel();
    runAsync(this.#channel.closeOp()).then(
      () => done(error),
      (failure) => done(error ?? failure),
    );
  }

  #run<T>(op: Op<T>): Promise<T> {
    return runAsync(op, this.#calls);
  }

  #finish(op: Op<unknown>, done: (error?: Error | null) => void): void {
    this.#run(op).then(
      () => done(),
      (error) => this.#whenToldWhy(error, () => done(this.destroyed ? null : error)),
    );
  }

  #failed(error: Error): void {
    this.#whenToldWhy(error, () => {
      if (!this.destroyed) this.destroy(error);
    });
  }

  /**
   * A call that fails closes the socket, which cancels the one in the other direction: of the two errors the first to come
   * may be that of the second, and only the other one says what happened.
   */
  #whenToldWhy(error: Error, then: () => void): void {
    if (error instanceof CancelledError && !this.destroyed) setImmediate(then);
    else then();
  }
}

/** A socket that may not block waits under the longest timer there is, which has an end. */
function* receivedOp(channel: StreamingChannel): Op<Uint8Array> {
  for (;;) {
    const chunk = yield* channel.receiveOp(NEVER, HIGH_WATER);
    if (chunk !== 'timeout') return chunk;
  }
}

function* sentOp(channel: StreamingChannel, bytes: Uint8Array): Op<void> {
  if ((yield* channel.sendOp(bytes, NEVER)) === 'timeout') {
    throw new ChannelError(-ERRNO.ETIMEDOUT.linux, 'errno', `the peer did not take ${bytes.length} bytes`);
  }
}
