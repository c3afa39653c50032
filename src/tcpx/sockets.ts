/** A job's sockets. They outlive the program that opened them and end with CLOSE or with the job. */

import { IoError } from '../core/errors.ts';
import type { Op } from '../core/op.ts';
import type { Cancellable, Suspended } from '../core/run.ts';
import type { Endpoint, Listener, PlainEndpoint, TlsRole } from '../net/endpoint.ts';

/** Where an upgrade stands (reference tcpx §8). */
export type UpgradeState = 'plain' | 'starttls-pending' | 'tls';

interface SocketBase {
  readonly number: number;
  /** Calls in progress on it; CLOSE ends them. */
  readonly tasks: Cancellable[];
}

export interface StreamSocket extends SocketBase {
  readonly kind: 'stream';
  readonly role: TlsRole;
  readonly blocking: boolean;
  /** The name that CONNECT was given: what STARTTLS verifies. */
  readonly host: string;
  readonly priority: string;
  /** The connection that this one was made beside, whose TLS session it resumes; null for most. */
  readonly beside: StreamSocket | null;
  endpoint: Endpoint;
  state: UpgradeState;
  /** The connection in clear that STARTTLS may upgrade; null when the socket is in any other state. */
  upgradable: PlainEndpoint | null;
  reading: boolean;
  writing: boolean;
  /** Whether the peer has ever sent a byte. */
  heard: boolean;
  /**
   * What the program knows of an asynchronous CONNECT that has succeeded: nothing yet (`unseen`), that a set has a ready
   * socket (`counted`), or all (`known`, as after any other opening). CHECK answers 1 until it is known.
   */
  connect: 'unseen' | 'counted' | 'known';
}

export interface ListenerSocket extends SocketBase {
  readonly kind: 'listener';
  readonly listener: Listener;
}

/** An asynchronous CONNECT on its way; every call on the socket takes it further. */
export interface ConnectingSocket extends SocketBase {
  readonly kind: 'connecting';
  /** What the connection is to be once it is made. */
  readonly state: UpgradeState;
  readonly dialing: Suspended<StreamSocket>;
}

export type TcpxSocket = StreamSocket | ListenerSocket | ConnectingSocket;

/** Socket numbers fit in the three unsigned bytes of ST_SOCKARY (reference tcpx §11); 0 marks a free element there. */
export const MAX_SOCKET_NUMBER = 0xffffff;

export class SocketTable {
  readonly #sockets = new Map<number, TcpxSocket>();

  get size(): number {
    return this.#sockets.size;
  }

  has(number: number): boolean {
    return this.#sockets.has(number);
  }

  add<T extends TcpxSocket>(socket: T): T {
    this.#sockets.set(socket.number, socket);
    return socket;
  }

  /** @throws IoError EBADF when there is none with this number */
  find(number: number): TcpxSocket {
    const socket = this.#sockets.get(number);
    if (socket === undefined) throw new IoError('EBADF', `socket ${number}`);
    return socket;
  }

  peek(number: number): TcpxSocket | undefined {
    return this.#sockets.get(number);
  }

  all(): TcpxSocket[] {
    return [...this.#sockets.values()];
  }

  /** Takes a socket out of the table and ends the calls that wait on it. Its descriptor stays the caller's to close. */
  remove(socket: TcpxSocket): void {
    if (this.#sockets.get(socket.number) === socket) this.#sockets.delete(socket.number);
    for (const task of [...socket.tasks]) task.cancel();
  }
}

/** Closes in an orderly way: what was written is sent, close_notify included. */
export function* closeSocketOp(socket: TcpxSocket): Op<void> {
  if (socket.kind === 'stream') yield* socket.endpoint.closeOp();
  else destroySocket(socket);
}

/** Gives up what was taken for sending and has not left this process. */
export function discardUnsent(socket: TcpxSocket): void {
  if (socket.kind === 'stream') socket.endpoint.discard();
}

/** Releases the descriptor at once. */
export function destroySocket(socket: TcpxSocket): void {
  if (socket.kind === 'stream') socket.endpoint.destroy();
  else if (socket.kind === 'listener') socket.listener.destroy();
  else socket.dialing.abandon();
}
