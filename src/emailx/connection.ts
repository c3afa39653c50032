/** From the address of a server to a session that mail can be sent on: for XCALL EMAILX and for sendMail. */
import { type Deadline, NEVER } from '../core/deadline.ts';
import type { Op } from '../core/op.ts';
import type { InjectionPolicy } from '../starttls/injections.ts';
import { type Exchange, Wire } from '../starttls/wire.ts';
import { type Security, XcallChannel } from '../starttls/xcall-channel.ts';
import type { Caller } from '../tcpx/index.ts';
import { EmailxError } from './error.ts';
import type { ServerAddress } from './server-address.ts';
import { type OpeningOptions, openSessionOp, quitOp, SmtpRefusal, type SmtpSession } from './smtp-session.ts';
import { atFirst, expectGreetingOp } from './wrong-mode.ts';

export interface ConnectionPlan {
  readonly server: ServerAddress;
  readonly security: Security;
  readonly opening: Omit<OpeningOptions, 'startTls'>;
  /** The end of everything. */
  readonly until: Deadline;
  /** The longest silence of the server, in ms. */
  readonly patience: number;
  readonly injected: InjectionPolicy;
  readonly observer: ((exchange: Exchange) => void) | null;
  /** What may be shown of the server's words. */
  readonly conceal: (latin1: string) => string;
  /** Called once there is a connection, before anything is said on it. */
  readonly connected: (channel: XcallChannel) => void;
}

export interface Connection {
  readonly channel: XcallChannel;
  readonly wire: Wire;
  readonly smtp: SmtpSession;
}

/** How long a server may take to answer the QUIT of a session that came to nothing, in ms. */
const QUIT_PATIENCE = 2_000;

/**
 * Connects and opens a session. When that fails the connection is closed.
 *
 * @throws SmtpRefusal, EmailxError, DialogueError, ChannelError, CancelledError
 */
export function* connectOp(caller: Caller, plan: ConnectionPlan): Op<Connection> {
  const { server, security, opening, until, patience, injected, observer, conceal } = plan;
  const { host, port } = server;
  let channel: XcallChannel;
  try {
    channel = yield* XcallChannel.connectOp(caller, host, port, security, until.atMost(patience));
  } catch (error) {
    throw atFirst(error);
  }
  const wire = new Wire(channel, { until, patience, injected, observer, conceal });
  let open = false;
  try {
    plan.connected(channel);
    if (channel.tls !== null) opening.secured(channel.tls);
    else yield* expectGreetingOp(caller, wire, server, patience);
    const smtp = yield* openSessionOp(wire, { ...opening, startTls: security === 'starttls' });
    open = true;
    return { channel, wire, smtp };
  } catch (error) {
    if (wire.head.length > 0 && isPolite(error)) yield* leaveOp(wire);
    throw error;
  } finally {
    if (!open) yield* channel.closeOp();
  }
}

/** Whether the dialogue is where the server would understand a QUIT: it, or we, have just refused something. */
export function isPolite(error: unknown): boolean {
  return error instanceof SmtpRefusal || error instanceof EmailxError;
}

/** QUIT, briefly, unless it has been `said`, and the end of the connection. Nothing that happens here is reported. */
export function* leaveOp(wire: Wire, said = false): Op<void> {
  const { channel, observer, conceal } = wire;
  // The reply may have come with what was read last.
  const unread = said ? wire.takeUnread() : new Uint8Array(0);
  const showing = { observer, ...(conceal === null ? {} : { conceal }) };
  yield* quitOp(new Wire(channel, { until: NEVER, patience: QUIT_PATIENCE, unread, ...showing }), said);
}
