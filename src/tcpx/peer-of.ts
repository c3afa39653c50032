/**
 * A name for the host that a socket is connected to, as the hostname of another CONNECT: an equals sign and the number,
 * which no host name begins with. The new connection goes to the same address, whatever a name resolves to by then; the
 * name to verify, the priority string (unless the buffer has one) and the TLS session to resume are those of the socket.
 * FTP's data connections are made so.
 */
import { UsageError } from '../core/errors.ts';
import { MAX_SOCKET_NUMBER } from './sockets.ts';

/**
 * The hostname that stands for the peer of an open socket.
 *
 * @param socket its number, also where the program keeps its sockets in an array
 */
export function peerOf(socket: number): string {
  if (Number.isInteger(socket) && socket > 0 && socket <= MAX_SOCKET_NUMBER) return `=${socket}`;
  throw new UsageError(`peerOf takes the number of an open socket, not ${socket}`);
}

/** The number in a hostname that {@link peerOf} has made; null for any other. */
export function peerNumber(hostname: string): number | null {
  if (!hostname.startsWith('=')) return null;
  const match = /^=(\d{1,8})$/.exec(hostname);
  return match === null ? null : Number(match[1]);
}
