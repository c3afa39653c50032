/** Sockets over node:net. */
import net from 'node:net';
import type { Deadline } from '../core/deadline.ts';
import { isErrnoName } from '../core/errno.ts';
import { IoError } from '../core/errors.ts';
import { type Op, type WaitResult, WRITABLE, waitOp } from '../core/op.ts';
import type { Address, Listener, PlainEndpoint, TlsRole } from './endpoint.ts';
import { BACKGROUND_LINGER, UNACCEPTED_LIMIT } from './limits.ts';
import { NodeStream } from './node-stream.ts';
import { CLIENT_HELLO_HEAD, strayBytes } from './stray-bytes.ts';
import { Wakes } from './wakes.ts';

const NO_BYTES = new Uint8Array(0);

/** Who gets what a socket receives once it is not the plain endpoint any more. */
export interface Diversion {
  /** Returns false when it wants no more for now. */
  data(chunk: Uint8Array): boolean;
  end(): void;
  failed(error: IoError): void;
}

export class NodeEndpoint extends NodeStream implements PlainEndpoint {
  readonly tls = null;
  readonly socket: net.Socket;
  protected readonly stream: net.Socket;
  #connected: boolean;
  #failure: IoError | null = null;
  #diversion: Diversion | null = null;
  #local: Address = { host: '', port: 0 };
  #remote: Address = { host: '', port: 0 };

  constructor(socket: net.Socket, connected: boolean) {
    super();
    this.socket = socket;
    this.stream = socket;
    this.#connected = connected;
    socket.unref();
    if (connected) this.#learnAddresses();
    socket.on('connect', () => {
      this.#connected = true;
      this.#learnAddresses();
      this.wakes.fireAll();
    });
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('end', () => this.#confirmEnd());
    socket.on('error', (error) => {
      this.#fail(ioError(error));
      this.#diversion?.failed(ioError(error));
      this.wakes.fireAll();
    });
    socket.on('close', () => {
      // Node closes by itself once both directions have ended, which may be while the end is being confirmed.
      if (socket.readableEnded) this.#end();
      else if (this.#failure === null) this.#fail(new IoError('EBADF', 'socket'));
      this.wakes.fireAll();
    });
    this.observeSending();
  }

  #fail(error: IoError): void {
    this.#failure = error;
    this.broken = error;
  }

  #learnAddresses(): void {
    const { localAddress, localPort, remoteAddress, remotePort } = this.socket;
    this.#local = { host: localAddress ?? '', port: localPort ?? 0 };
    this.#remote = { host: remoteAddress ?? '', port: remotePort ?? 0 };
  }

  #received(chunk: Uint8Array): void {
    if (this.#diversion === null) this.deliver(chunk);
    else if (!this.#diversion.data(chunk)) this.pause();
  }

  /**
   * libuv reports data and a reset that it finds together as the data and an ordinary end. Reading once more brings the
   * reset to light; where Node has no handle to do that with, the end is taken as it is.
   */
  #confirmEnd(): void {
    const { _handle: handle } = this.socket as { _handle?: { readStart?(): number } | null };
    if (handle?.readStart === undefined) {
      this.#end();
      return;
    }
    handle.readStart();
    setImmediate(() => setImmediate(() => this.#end()));
  }

  #end(): void {
    if (this.#failure !== null || this.hasEnded) return;
    this.hasEnded = true;
    this.#diversion?.end();
    this.wakes.fireAll();
  }

  get local(): Address {
    return this.#local;
  }

  get remote(): Address {
    return this.#remote;
  }

  /** False while connect is in progress. Throws when it failed. */
  get connected(): boolean {
    if (this.#failure !== null) throw this.#failure;
    return this.#connected;
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

  *flushedOp(until: Deadline): Op<WaitResult> {
    while (!this.isFinished && this.#failure === null) {
      if ((yield* waitOp(this, WRITABLE, until)) === 'timeout') return 'timeout';
    }
    return 'ready';
  }

  lingerInBackground(): void {
    const end = setTimeout(() => this.destroy(), BACKGROUND_LINGER);
    end.unref();
    this.socket.once('finish', () => this.destroy());
    this.socket.once('close', () => clearTimeout(end));
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

function ioError(error: Error): IoError {
  const { code, syscall } = error as NodeJS.ErrnoException;
  const name = code !== undefined && isErrnoName(code) ? code : 'EIO';
  return new IoError(name, syscall ?? 'socket', { cause: error });
}

export class NodeListener implements Listener {
  readonly #server: net.Server;
  readonly #wakes = new Wakes();
  readonly #unaccepted: NodeEndpoint[] = [];
  #failure: IoError | null = null;
  #listening = false;

  constructor(host: string, port: number, backlog: number) {
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const endpoint = new NodeEndpoint(socket, true);
      // Node accepts by itself; the kernel's backlog cannot hold clients back. A flood is cut off here.
      if (this.#unaccepted.length >= UNACCEPTED_LIMIT) endpoint.destroy();
      else this.#unaccepted.push(endpoint);
      this.#wakes.fireAll();
    });
    this.#server.unref();
    this.#server.on('listening', () => {
      this.#listening = true;
      this.#wakes.fireAll();
    });
    this.#server.on('error', (error) => {
      this.#failure = ioError(error);
      this.#wakes.fireAll();
    });
    this.#server.listen({ host: host === '' ? '0.0.0.0' : host, port, backlog });
  }

  /** False while the socket is being bound. Throws when that failed. */
  get listening(): boolean {
    if (this.#failure !== null) throw this.#failure;
    return this.#listening;
  }

  get local(): Address {
    const address = this.#server.address();
    return address === null || typeof address === 'string'
      ? { host: '', port: 0 }
      : { host: address.address, port: address.port };
  }

  watch(events: number, wake: () => void): () => void {
    return this.#wakes.add(events, wake);
  }

  accept(): PlainEndpoint | null {
    if (this.#failure !== null) throw this.#failure;
    return this.#unaccepted.shift() ?? null;
  }

  pending(): boolean {
    return this.#unaccepted.length > 0;
  }

  destroy(): void {
    this.#server.close();
    for (const endpoint of this.#unaccepted.splice(0)) endpoint.destroy();
  }
}

/** Connects to one address. */
export function* connectNodeOp(address: string, family: 4 | 6, port: number, until: Deadline): Op<PlainEndpoint> {
  const socket = new net.Socket({ allowHalfOpen: true });
  const endpoint = new NodeEndpoint(socket, false);
  const what = `${address} port ${port}`;
  socket.setNoDelay(true);
  socket.connect({ host: address, port, family, autoSelectFamily: false });
  let connected = false;
  try {
    while (!endpoint.connected) {
      if ((yield* waitOp(endpoint, WRITABLE, until)) === 'timeout') {
        throw new IoError('ETIMEDOUT', what);
      }
    }
    connected = true;
    return endpoint;
  } catch (error) {
    // Node's own words do not say where to.
    throw error instanceof IoError ? new IoError(error.errnoName, what, { cause: error }) : error;
  } finally {
    if (!connected) endpoint.destroy();
  }
}
