/** From a place, a TCPX socket or a stream to an encrypted connection: the function that programs call. */
import { TcpxError, UsageError } from '../core/errors.ts';
import { runAsync, runSync, sleeper } from '../core/run.ts';
import type { CallMode, EngineRequest, Job, TlsOptions } from '../tcpx/index.ts';
import { parseTlsOptions } from '../tls/settings.ts';
import { type AttemptSettings, attemptOp, type Start } from './attempt.ts';
import { ChannelDuplex } from './channel-duplex.ts';
import { isUsable, type Negotiation } from './negotiation.ts';
import {
  attemptSettings,
  partiesOf,
  requirePlace,
  type SocketOptions,
  type StarttlsOptions,
  type StreamOptions,
  type SyncOptions,
  targetOfOptions,
  tlsOptionsOf,
} from './options.ts';
import { schemeNamed } from './target.ts';
import { homeOf, ownJob } from './tls-home.ts';

/** No connection that the policy allows came of it; `result` says why, and how far it went. */
export class NegotiationError extends TcpxError {
  readonly code = 'TCPX_NEGOTIATION';
  readonly result: Negotiation;

  constructor(result: Negotiation, where: string) {
    super(`${where}: ${result.reason}`);
    this.result = result;
  }
}

/** What `starttls` gives: the connection, encrypted unless the policy allows clear text, and how it came about. */
export interface Upgraded {
  /** What the peer sent behind the dialogue comes first. `destroy` closes the connection, and the stream it came from. */
  readonly stream: ChannelDuplex;
  readonly result: Negotiation;
}

/** The same of `starttls.sync`, as a socket of a job. */
export interface UpgradedSync {
  /** A blocking TCPX socket of `job`, or the socket that was given. */
  readonly socket: number;
  /** The job that was given, else one of this socket's own: closing it closes the socket. */
  readonly job: Job;
  readonly result: Negotiation;
  /** What the peer sent behind the dialogue: it comes before what READ gives. Nearly always empty. */
  readonly unread: Uint8Array;
}

/** What {@link starttls} is. */
export interface Starttls {
  /**
   * Connects if need be, speaks the protocol up to TLS, and gives the encrypted connection as a Node stream.
   *
   * @throws NegotiationError when the policy was not met; the connection is closed then
   * @throws CancelledError when the signal ended it
   * @throws UsageError for options that make no sense; EngineError for an engine that is not there
   */
  (options: StarttlsOptions): Promise<Upgraded>;
  /**
   * The same, blocking the thread like XCALL. It gives a TCPX socket in place of a stream.
   *
   * @throws as the other, but nothing cancels it
   */
  sync(options: SyncOptions): UpgradedSync;
}

async function upgrade(options: StarttlsOptions): Promise<Upgraded> {
  const { start, settings, where } = planOf(options, 'async', (tls, engine) => homeOf(tls, engine).job);
  const { result, channel, remote, unread } = await runAsync(attemptOp(start, settings), options.signal);
  if (channel === null || !isUsable(result.outcome)) throw new NegotiationError(result, where);
  const { allowHalfOpen = false } = options;
  return { stream: new ChannelDuplex(channel, { unread, remote, allowHalfOpen }), result };
}

function upgradeSync(options: SyncOptions): UpgradedSync {
  let own: Job | null = null;
  let usable = false;
  try {
    const { start, settings, where } = planOf(options, 'sync', (tls, engine) => {
      own = ownJob(parseTlsOptions(tls), engine);
      return own;
    });
    const { result, socket, unread } = runSync(attemptOp(start, settings), sleeper);
    usable = isUsable(result.outcome);
    const job = options.job ?? own;
    if (!usable || job === null) throw new NegotiationError(result, where);
    return { socket, job, result, unread };
  } finally {
    if (!usable) closeJob(own);
  }
}

/** TypeScript does not see that a callback has set it. */
function closeJob(job: Job | null): void {
  job?.close();
}

export interface Plan {
  readonly start: Start;
  readonly settings: AttemptSettings;
  /** For messages. */
  readonly where: string;
}

/** Gives the job for a connection that was not told one. */
export type JobMaker = (tls: TlsOptions, engine: EngineRequest | undefined) => Job;

/** What options come down to. @throws UsageError for those that make no sense */
export function planOf(options: SyncOptions | StreamOptions, mode: CallMode, makeJob: JobMaker): Plan {
  requirePlace(options);
  if ('stream' in options) {
    if (mode === 'sync') throw new UsageError('a stream needs the event loop: await starttls');
    return streamPlan(options);
  }
  if ('socket' in options) return socketPlan(options, mode);
  const target = targetOfOptions(options);
  const settings = attemptSettings(options, target);
  const { job, tls, engine } = options;
  if (job !== undefined && (tls !== undefined || engine !== undefined)) {
    throw new UsageError('give either a job, whose engine and TLS options hold, or engine and tls');
  }
  const caller = (job ?? makeJob(tlsOptionsOf(tls, target), engine)).caller(mode);
  return { start: { kind: 'target', target, caller }, settings, where: target.url };
}

function socketPlan(options: SocketOptions, mode: CallMode): Plan {
  const { job, socket, protocol } = options;
  const { dialect } = schemeNamed(protocol);
  const parties = partiesOf(options.host ?? job.socket(socket).remote.host, options.self);
  const settings = attemptSettings(options, { dialect, parties });
  return { start: { kind: 'socket', socket, caller: job.caller(mode) }, settings, where: `socket ${socket}` };
}

function streamPlan(options: StreamOptions): Plan {
  const { stream, host, protocol } = options;
  const scheme = schemeNamed(protocol);
  const parties = partiesOf(host, options.self);
  const settings = attemptSettings(options, { dialect: scheme.dialect, parties });
  const tls = homeOf(tlsOptionsOf(options.tls, { ...scheme, parties, host }), 'node').settings;
  const start: Start = { kind: 'stream', stream, settings: tls, direct: scheme.mode === 'direct' };
  return { start, settings, where: `${protocol} on a stream to ${host}` };
}

const call = (options: StarttlsOptions): Promise<Upgraded> => upgrade(options);
call.sync = upgradeSync;

/** See {@link Starttls}. */
export const starttls: Starttls = call;
