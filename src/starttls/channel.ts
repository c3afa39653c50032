/**
 * What a dialogue speaks over: bytes in, bytes out, and the one step that starts TLS.
 *
 * Channels stand on XCALLs (`xcall-channel.ts`), on a Node stream (`stream-channel.ts`) and, in tests, on a script.
 */
import type { Deadline } from '../core/deadline.ts';
import { TcpxError } from '../core/errors.ts';
import type { Op } from '../core/op.ts';
import type { RefusedPeer, TlsInfo } from '../tls/info.ts';

/** Which end of a connection. */
export type Role = 'client' | 'server';

export interface Channel {
  /** The facts of the session; null while the connection is in clear. */
  readonly tls: TlsInfo | null;
  /**
   * What has arrived, at least one byte and at most `most`; an empty array at the end of the stream. With the deadline
   * NOW it only looks. What lies behind `most` bytes stays in the connection, where an upgrade finds it: a ClientHello
   * may be among it. The bytes are good until the next call.
   *
   * @throws ChannelError
   */
  receiveOp(until: Deadline, most?: number): Op<Uint8Array | 'timeout'>;
  /**
   * Waits, as a server, for something to receive, and takes nothing. Whether it begins like a ClientHello, so that this
   * client wants TLS without having asked; false at the end of the stream.
   */
  helloOp(until: Deadline): Op<boolean | 'timeout'>;
  /**
   * Sends all of it; 'timeout' when it did not all go out before the deadline, or the other side took nothing more for
   * `patience` ms: a slow one that goes on taking has all the time there is.
   */
  sendOp(bytes: Uint8Array, until: Deadline, patience?: number): Op<'sent' | 'timeout'>;
  /**
   * Starts TLS. Refuses, and closes the connection, when plaintext is waiting that the dialogue has not read.
   *
   * @throws ChannelError, with what was waiting in `stray`
   */
  upgradeOp(role: Role, until: Deadline): Op<TlsInfo>;
  /**
   * Closes; harmless when closed already. Behind a send or a receive that did not come to its end it waits for nobody: what
   * the other side has not taken is given up.
   */
  closeOp(): Op<void>;
}

/** A channel that goes on when the dialogue is over, as a stream. */
export interface StreamingChannel extends Channel {
  /** Says that nothing more is sent: close_notify on TLS, then the end of the stream. Receiving goes on. */
  endOp(): Op<void>;
}

/** Plaintext that was waiting when TLS should have started: how many bytes, and the first of them. */
export interface Stray {
  readonly count: number;
  readonly head: Uint8Array;
}

/** What failed: the system, the TLS library, or the order of calls. */
export type Origin = 'errno' | 'tls' | 'tcpx';

/** GNUTLS_E_UNEXPECTED_PACKET_LENGTH and GNUTLS_E_UNEXPECTED_PACKET: an answer that is no TLS record. */
const NO_RECORD: ReadonlySet<number> = new Set([-9, -15]);

/** A transfer or an upgrade failed. `status` is what TCPX reports for it. */
export class ChannelError extends TcpxError {
  readonly code = 'TCPX_CHANNEL';
  readonly status: number;
  readonly origin: Origin;
  readonly stray: Stray | null;
  /** The peer whose certificate was not accepted. */
  readonly refusedPeer: RefusedPeer | null;

  constructor(
    status: number,
    origin: Origin,
    message: string,
    stray: Stray | null = null,
    refusedPeer: RefusedPeer | null = null,
  ) {
    super(message);
    this.status = status;
    this.origin = origin;
    this.stray = stray;
    this.refusedPeer = refusedPeer;
  }

  /** Whether the TLS library met plaintext of the peer. It does not tell how much, nor what. */
  get metPlaintext(): boolean {
    return this.origin === 'tls' && NO_RECORD.has(this.status);
  }
}
