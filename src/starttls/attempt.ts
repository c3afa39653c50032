/** One attempt to get to TLS, from nothing or from what a program has: the connection, the dialogue, the result. */
import type { Duplex } from 'node:stream';
import type { Deadline } from '../core/deadline.ts';
import { UsageError } from '../core/errors.ts';
import type { Op } from '../core/op.ts';
import type { Address } from '../net/endpoint.ts';
import type { Caller } from '../tcpx/index.ts';
import type { TlsSettings } from '../tls/settings.ts';
import { ChannelError, type StreamingChannel } from './channel.ts';
import type { Dialect, Parties } from './dialect.ts';
import type { InjectionPolicy } from './injections.ts';
import { negotiateOp, unconnected } from './negotiate.ts';
import type { Negotiation, UpgradePolicy } from './negotiation.ts';
import { StreamChannel } from './stream-channel.ts';
import type { Target } from './target.ts';
import { type Exchange, Wire } from './wire.ts';
import { XcallChannel } from './xcall-channel.ts';

/** What is there to begin with: a place to connect to, an open socket of a job, or a stream. */
export type Start =
  | { readonly kind: 'target'; readonly target: Target; readonly caller: Caller }
  | { readonly kind: 'socket'; readonly socket: number; readonly caller: Caller }
  | {
      readonly kind: 'stream';
      readonly stream: Duplex;
      readonly settings: TlsSettings;
      /** TLS from the first byte. */
      readonly direct: boolean;
    };

export interface AttemptSettings {
  readonly dialect: Dialect;
  readonly parties: Parties;
  readonly policy: UpgradePolicy;
  readonly injected: InjectionPolicy;
  readonly renew: boolean;
  readonly until: Deadline;
  readonly observer: ((exchange: Exchange) => void) | null;
  /** Called once there is a connection, before anything is said on it. */
  readonly connected?: (remote: Address) => void;
}

export interface Attempt {
  readonly result: Negotiation;
  /** Open when the outcome is usable, else closed; null when there never was a connection. */
  readonly channel: StreamingChannel | null;
  /** The TCPX socket; -1 for a stream, and when it is closed. */
  readonly socket: number;
  readonly remote: Address;
  /** What was received behind the dialogue. */
  readonly unread: Uint8Array;
  /** Whether the server has said anything in the dialogue, be it nonsense. */
  readonly heard: boolean;
}

const NOWHERE: Address = { host: '', port: 0 };
const NO_BYTES = new Uint8Array(0);

/** @throws CancelledError; UsageError for a socket or a stream that cannot be used */
export function* attemptOp(start: Start, settings: AttemptSettings): Op<Attempt> {
  const { dialect, policy, until } = settings;
  const began = until.clock();
  let channel: XcallChannel | StreamChannel;
  try {
    channel = yield* channelOp(start, settings);
  } catch (error) {
    if (!(error instanceof ChannelError)) throw error;
    const result = unconnected(dialect, policy, error, until.clock() - began);
    return { result, channel: null, socket: -1, remote: NOWHERE, unread: NO_BYTES, heard: false };
  }
  const remote = remoteOf(channel);
  let done = false;
  try {
    settings.connected?.(remote);
    const wire = new Wire(channel, settings);
    const connect = start.kind === 'socket' ? {} : { connect: until.clock() - began };
    const result = yield* negotiateOp(dialect, wire, settings.parties, { ...settings, ...connect });
    done = true;
    const socket = channel instanceof XcallChannel ? channel.socket : -1;
    // A stream may not have been connected before; a socket may have been closed since.
    const known = remote.host === '' ? remoteOf(channel) : remote;
    return { result, channel, socket, remote: known, unread: wire.takeUnread(), heard: wire.head.length > 0 };
  } finally {
    // A bug of an observer, or of ours: the connection is in no state that anybody could use.
    if (!done) yield* channel.closeOp();
  }
}

function* channelOp(start: Start, { policy, parties, until }: AttemptSettings): Op<XcallChannel | StreamChannel> {
  if (start.kind === 'target') {
    const { host, port, mode } = start.target;
    return yield* XcallChannel.connectOp(start.caller, host, port, mode === 'direct' ? 'tls' : 'starttls', until);
  }
  if (start.kind === 'socket') {
    const channel = new XcallChannel(start.caller, start.socket);
    if (channel.facts?.role === 'server')
      throw new UsageError(`socket ${start.socket} is the server of its connection`);
    if (channel.facts?.state === 'plain' && policy !== 'never') {
      throw new UsageError(`socket ${start.socket} cannot be upgraded: CONNECT with TCPXFLG_TLS + TCPXFLG_STARTTLS`);
    }
    return channel;
  }
  const channel = new StreamChannel(start.stream, parties.host, start.settings);
  if (start.direct) yield* channel.upgradeOp('client', until);
  return channel;
}

function remoteOf(channel: XcallChannel | StreamChannel): Address {
  return channel instanceof XcallChannel ? (channel.facts?.remote ?? NOWHERE) : channel.remote;
}
