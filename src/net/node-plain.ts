/** A connection in clear on the Node engine, whatever carries it: a socket of node:net, or any other Duplex. */
import type net from 'node:net';
import type { Duplex } from 'node:stream';
import { isErrnoName } from '../core/errno.ts';
import { IoError } from '../core/errors.ts';
import type { Address, Direction, PlainEndpoint, TlsRole, Transfer } from './endpoint.ts';
import { NodeStream } from './node-stream.ts';
import { CLIENT_HELLO_HEAD, strayBytes } from './stray-bytes.ts';

const NO_BYTES = new Uint8Array(0);

/** Who gets what a socket receives once it is not the plain endpoint any more. */
export interface Diversion {
  /** Returns false when it wants no more for now. */
  data(chunk: Uint8Array): boolean;
  end(): void;
  failed(error: IoError): void;
}

export abstract class NodePlainEndpoint extends NodeStream implements PlainEndpoint {
  readonly tls = null;
  readonly socket: Duplex;
  protected readonly stream: Duplex;
  #failure: IoError | null = null;
  #diversion: Diversion | null = null;

  abstract override readonly local: Address;
  abstract override readonly remote: Address;

  protected constructor(socket: Duplex) {
    super();
    this.socket = socket;
    this.stream = socket;
    socket.on('data', (chunk: Buffer) => this.received(chunk));
    socket.on('end', () => this.inputEnded());
    socket.on('error', (error) => {
      this.fail(ioError(error));
      this.#diversion?.failed(ioError(error));
      this.wakes.fireAll();
    });
    socket.on('close', () => {
      // Node closes by itself once both directions have ended, which may be while the end is being confirmed.
      if (socket.readableEnded) this.#end();
      else if (this.#failure === null) {
        const gone = new IoError('EBADF', 'socket');
        this.fail(gone);
        this.#diversion?.failed(gone);
      }
      this.wakes.fireAll();
    });
    this.observeSending();
  }

  protected fail(error: IoError): void {
    this.#failure ??= error;
    this.broken = this.#failure;
  }

  /** Takes what has arrived, in memory that stays as it is. */
  protected received(chunk: Uint8Array): void {
    if (this.#diversion === null) this.deliver(chunk);
    else if (!this.#diversion.data(chunk)) this.pause();
  }

  /** Nothing more comes. */
  protected inputEnded(): void {
    this.#end();
  }

  #end(): void {
    if (this.#failure !== null || this.hasEnded) return;
    this.hasEnded = true;
    this.#diversion?.end();
    this.wakes.fireAll();
  }

  get failure(): IoError | null {
    return this.#failure;
  }

  get ended(): boolean {
    return this.hasEnded;
  }

  protected sendingEnded(): IoError {
    return new IoError('EPIPE', 'send');
  }

  /** The socket of node:net on whose handle TLSSocket can sit; null where it needs a stream in between. */
  get handleSocket(): net.Socket | null {
    return null;
  }

  override write(from: Uint8Array, whole?: boolean): Transfer {
    const count = super.write(from, whole);
    // What the system refuses at once Node tells by an event, which comes after the call.
    const { errored } = this.socket;
    if (errored !== null) throw ioError(errored);
    return count;
  }

  override shutdown(direction: Direction): Transfer {
    // After a reset, and once both directions have ended, a kernel has no connection any more.
    if (this.socket.destroyed) throw new IoError('ENOTCONN', 'shutdown');
    return super.shutdown(direction);
  }

  destroy(): void {
    this.socket.destroy();
  }

  stray(role: TlsRole): { count: number; head: Uint8Array } {
    const count = this.readAhead.length;
    return count === 0 ? { count, head: NO_BYTES } : strayBytes(role, count, this.readAhead.peek(CLIENT_HELLO_HEAD));
  }

  /** From now on everything received goes to `diversion`. */
  divert(diversion: Diversion): void {
    this.#diversion = diversion;
  }
}

export function ioError(error: Error): IoError {
  const { code, syscall } = error as NodeJS.ErrnoException;
  const name = code !== undefined && isErrnoName(code) ? code : 'EIO';
  return new IoError(name, syscall ?? 'socket', { cause: error });
}
