/**
 * What the handle below a socket of node:net tells and the socket does not. Node does not document handles: where one has
 * no `readStart`, the answer is that nothing is known.
 *
 * uv_read_start(3) is what is called, and says: EALREADY while libuv reads, 0 when it had stopped (it stops by itself at
 * the end of the stream, and reads again from now on), ENOTCONN once reading has failed.
 */
import type net from 'node:net';
import { getSystemErrorName } from 'node:util';

interface Handle {
  /** Whether Node wants to read; false between its own readStop and readStart. */
  readonly reading?: boolean;
  readStart?(): number;
}

function handleOf(socket: net.Socket): Handle | null {
  return (socket as { _handle?: Handle | null })._handle ?? null;
}

/** Whether the functions below can tell anything of this socket. */
export function hasHandle(socket: net.Socket): boolean {
  return typeof handleOf(socket)?.readStart === 'function';
}

/** Reads again after an end: libuv reports data and a reset that it finds together as the data and an ordinary end. */
export function readAgain(socket: net.Socket): void {
  handleOf(socket)?.readStart?.();
}

/**
 * Whether what is above the handle has been told an end that the connection has come to, rather than one of its own
 * making. To be asked while it is being told; if so, {@link readAgain} has been done.
 */
export function endsHere(socket: net.Socket): boolean {
  const handle = handleOf(socket);
  // Node has stopped reading because it has enough: what came is from bytes that it had already.
  if (handle?.reading !== true) return false;
  return handle.readStart?.() === 0;
}

/** Whether reading again has met an error. Two turns of the event loop lie between. */
export function hasFailed(socket: net.Socket): boolean {
  const code = handleOf(socket)?.readStart?.() ?? 0;
  return code < 0 && getSystemErrorName(code) === 'ENOTCONN';
}
