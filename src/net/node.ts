/** Sockets over node:net. */
import type { Server, Socket } from 'node:net';
import type { Deadline } from '../core/deadline.ts';
import { IoError } from '../core/errors.ts';
import { nodeNet } from '../core/on-demand.ts';
import { type Op, WRITABLE, waitOp } from '../core/op.ts';
import type { Address, Listener, PlainEndpoint } from './endpoint.ts';
import { UNACCEPTED_LIMIT } from './limits.ts';
import { hasHandle, readAgain } from './node-handle.ts';
import { ioError, NodePlainEndpoint } from './node-plain.ts';
import { withKnownZone } from './node-zone.ts';
import { Wakes } from './wakes.ts';

const arrivals = new Uint8Array(64 * 1024);

export class NodeEndpoint extends NodePlainEndpoint {
  readonly #socket: Socket;
  #connected: boolean;
  #local: Address = { host: '', port: 0 };
  #remote: Address = { host: '', port: 0 };

  constructor(socket: Socket, connected: boolean) {
    super(socket);
    this.#socket = socket;
    this.#connected = connected;
    socket.unref();
    if (connected) this.#learnAddresses();
    socket.on('connect', () => {
      this.#connected = true;
      this.#learnAddresses();
      this.wakes.fireAll();
    });
  }

  /**
   * Begins a connection. Its socket receives into memory that all sockets of the thread share, and makes no 'data': a
   * buffer and an event for every arrival would be a fifth of a short round trip.
   */
  static dial(host: string, family: 4 | 6, port: number): NodeEndpoint {
    const socket = nodeNet().connect({
      host,
      port,
      family,
      autoSelectFamily: false,
      allowHalfOpen: true,
      noDelay: true,
      onread: {
        buffer: arrivals,
        callback(count) {
          endpoint.received(Buffer.from(arrivals.subarray(0, count)));
          return true;
        },
      },
    });
    const endpoint = new NodeEndpoint(socket, false);
    return endpoint;
  }

  #learnAddresses(): void {
    const { localAddress, localPort, remoteAddress, remotePort } = this.#socket;
    this.#local = { host: localAddress ?? '', port: localPort ?? 0 };
    this.#remote = { host: remoteAddress ?? '', port: remotePort ?? 0 };
  }

  /** What comes once both directions were shut down is answered with a reset, as Linux does. */
  protected override received(chunk: Uint8Array): void {
    if (!this.hasEnded || !this.#socket.writableEnded) {
      super.received(chunk);
      return;
    }
    this.fail(new IoError('ECONNRESET', 'read'));
    this.hasEnded = false;
    this.#socket.resetAndDestroy();
    this.wakes.fireAll();
  }

  /** A reset may hide behind the end: reading once more brings it to light. */
  protected override inputEnded(): void {
    if (!hasHandle(this.#socket)) {
      super.inputEnded();
      return;
    }
    readAgain(this.#socket);
    setImmediate(() => setImmediate(() => super.inputEnded()));
  }

  override get handleSocket(): Socket | null {
    return hasHandle(this.#socket) ? this.#socket : null;
  }

  /** Once the kernel has everything, closing tells the peer the end as a shutdown would. */
  override *closeOp(): Op<void> {
    if (this.#socket.writableLength === 0) this.destroy();
    else yield* super.closeOp();
  }

  get local(): Address {
    return this.#local;
  }

  get remote(): Address {
    return this.#remote;
  }

  /** False while connect is in progress. Throws when it failed. */
  get connected(): boolean {
    if (this.failure !== null) throw this.failure;
    return this.#connected;
  }
}

export class NodeListener implements Listener {
  readonly #server: Server;
  readonly #wakes = new Wakes();
  readonly #unaccepted: NodeEndpoint[] = [];
  #failure: IoError | null = null;
  #listening = false;

  constructor(host: string, port: number, backlog: number) {
    this.#server = nodeNet().createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
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
    this.#server.listen({ host: host === '' ? '0.0.0.0' : withKnownZone(host), port, backlog });
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
  const endpoint = NodeEndpoint.dial(withKnownZone(address), family, port);
  const what = `${address} port ${port}`;
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
