/** Connections beside that of a dialogue, which FTP needs for its data. */
import type { Deadline } from '../core/deadline.ts';
import type { Op } from '../core/op.ts';
import type { Channel } from './channel.ts';

/**
 * Connects to another port of the host that the dialogue is with, in clear first. TLS on the channel that comes of it
 * verifies the same name, and resumes the dialogue's session as far as the server allows it.
 *
 * @throws ChannelError
 */
export type DialOp = (port: number, until: Deadline) => Op<Channel>;

/** Ports on which a server waits for the client that it talks to: one at a time, for one connection each. */
export interface DataPorts {
  /** The address of this end of the dialogue, as the client is told where to connect. */
  readonly address: string;
  /** Listens on a port, in place of the one before, and gives its number. @throws ChannelError */
  openOp(): Op<number>;
  /**
   * Waits for the client on the open port, which is closed by it. A connection from any other host is closed and not
   * counted.
   *
   * @throws ChannelError
   */
  acceptOp(until: Deadline): Op<Channel | 'timeout'>;
  /** Closes what is open; harmless when nothing is. */
  closeOp(): Op<void>;
}
