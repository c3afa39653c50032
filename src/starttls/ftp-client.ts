/**
 * FTP for programs, over TLS alone: a connection upgraded like any other, a login, and data connections that are protected
 * and resume its session.
 *
 *   const server = await ftp({ url: 'ftp://ftp.example' });
 *   await server.login('ann', 'secret');
 *   await server.retrieve('report.pdf', (part) => file.write(part));
 *   await server.close();
 */
import { NEVER } from '../core/deadline.ts';
import { UsageError } from '../core/errors.ts';
import type { Op } from '../core/op.ts';
import { runAsync, runSync, sleeper } from '../core/run.ts';
import type { CallMode } from '../tcpx/index.ts';
import { type Attempt, attemptOp } from './attempt.ts';
import type { DialOp } from './beside.ts';
import { ChannelError } from './channel.ts';
import { DialogueError } from './dialogue-error.ts';
import { FTP } from './ftp.ts';
import { type FtpTransfer, ftpListOp, ftpLoginOp, ftpProtectOp, ftpRetrieveOp, type TakePart } from './ftp-transfer.ts';
import type { Negotiation } from './negotiation.ts';
import type { HostOptions, UrlOptions } from './options.ts';
import { NegotiationError, planOf } from './starttls.ts';
import { homeOf } from './tls-home.ts';
import { type Exchange, Wire } from './wire.ts';
import { XcallChannel } from './xcall-channel.ts';

interface CallsOptions {
  /** The longest silence of the server once connected, in ms. Default 30 000. */
  readonly patience?: number;
}

/** Those of `starttls`, but TLS is not a matter of policy. `ftps` is TLS from the first byte. */
export type FtpOptions = (
  | Omit<UrlOptions, 'policy'>
  | (Omit<HostOptions, 'policy' | 'protocol'> & { readonly protocol?: 'ftp' | 'ftps' })
) &
  CallsOptions;

/** A connection to an FTP server, encrypted. One call at a time. */
export interface FtpClient {
  /** How the connection came about. */
  readonly result: Negotiation;
  /** Logs in, and has data connections protected. @throws as {@link retrieve} */
  login(user: string, password: string): Promise<void>;
  /** What the server says of a directory, for people to read. @throws as {@link retrieve} */
  list(path?: string): Promise<string>;
  /**
   * Gives a file to `take`, byte by byte as it is, part by part as it comes. A part is good until the next.
   *
   * @throws DialogueError with the fault `refused` when the server refuses; it may be asked again
   * @throws DialogueError, ChannelError when the server or the connection fails, or data may be missing: it is closed then
   * @throws UsageError for CR, LF or NUL in an argument, while another call is pending, and when the connection is closed
   */
  retrieve(path: string, take: TakePart): Promise<FtpTransfer>;
  /** Takes leave and closes; ends a call that is pending. Harmless when closed already. */
  close(): Promise<void>;
}

/** The same, blocking the thread like XCALL. */
export interface FtpClientSync {
  readonly result: Negotiation;
  login(user: string, password: string): void;
  list(path?: string): string;
  retrieve(path: string, take: TakePart): FtpTransfer;
  close(): void;
}

/** What {@link ftp} is. */
export interface Ftp {
  /** Connects and upgrades. @throws NegotiationError, UsageError, EngineError as `starttls` */
  (options: FtpOptions): Promise<FtpClient>;
  sync(options: FtpOptions): FtpClientSync;
}

const DEFAULT_PATIENCE = 30_000;
/** The most that a listing may have, in bytes. */
const LONGEST_LISTING = 16_777_216;
/** How long a server may take to hear that it is left, in ms. */
const LEAVE_PATIENCE = 500;

/** An encrypted control connection between calls. */
class Control {
  readonly result: Negotiation;
  readonly #channel: XcallChannel;
  readonly #patience: number;
  readonly #observer: ((exchange: Exchange) => void) | null;
  readonly #dialOp: DialOp;
  /** What a call has received and not read is for the next. */
  #unread: Uint8Array;
  #pending = false;

  constructor(channel: XcallChannel, { result, unread }: Attempt, { patience, observer }: FtpOptions) {
    this.#channel = channel;
    this.result = result;
    this.#unread = unread;
    this.#patience = patience ?? DEFAULT_PATIENCE;
    this.#observer = observer ?? null;
    this.#dialOp = (port, until) => channel.besideOp(port, until);
  }

  loginOp(user: string, password: string): Op<void> {
    return this.#callOp(function* (wire) {
      yield* ftpLoginOp(wire, user, password);
      yield* ftpProtectOp(wire);
    });
  }

  *listOp(path: string): Op<string> {
    const parts: Buffer[] = [];
    let length = 0;
    yield* this.#callOp((wire) =>
      ftpListOp(wire, this.#dialOp, path, (part) => {
        length += part.length;
        if (length > LONGEST_LISTING)
          throw new DialogueError('malformed', `a listing of more than ${LONGEST_LISTING} bytes`);
        parts.push(Buffer.from(part));
      }),
    );
    return Buffer.concat(parts).toString('utf8');
  }

  retrieveOp(path: string, take: TakePart): Op<FtpTransfer> {
    return this.#callOp((wire) => ftpRetrieveOp(wire, this.#dialOp, path, take));
  }

  *closeOp(): Op<void> {
    if (this.#channel.socket < 0) return;
    try {
      if (!this.#pending) yield* FTP.client.leaveOp(this.#wire(LEAVE_PATIENCE));
    } catch (error) {
      // It is closed either way.
      if (!(error instanceof DialogueError || error instanceof ChannelError)) throw error;
    } finally {
      yield* this.#channel.closeOp();
    }
  }

  *#callOp<T>(use: (wire: Wire) => Op<T>): Op<T> {
    if (this.#pending) throw new UsageError('another call on this FTP connection is pending: wait for it');
    if (this.#channel.socket < 0) throw new UsageError('this FTP connection is closed');
    const wire = this.#wire(this.#patience);
    this.#pending = true;
    let usable = false;
    try {
      const value = yield* use(wire);
      usable = true;
      return value;
    } catch (error) {
      usable = error instanceof UsageError || (error instanceof DialogueError && error.fault === 'refused');
      throw error;
    } finally {
      this.#pending = false;
      this.#unread = wire.takeUnread();
      if (!usable) yield* this.#channel.closeOp();
    }
  }

  #wire(patience: number): Wire {
    return new Wire(this.#channel, { until: NEVER, patience, observer: this.#observer, unread: this.#unread });
  }
}

function* connectOp(options: FtpOptions, mode: CallMode): Op<Control> {
  const place = 'url' in options ? options : { protocol: 'ftp', ...options };
  const { start, settings, where } = planOf(
    { ...place, policy: 'require' },
    mode,
    (tls, engine) => homeOf(tls, engine).job,
  );
  if (settings.dialect !== FTP) throw new UsageError(`${where} is no place for FTP: write ftp:// or ftps://`);
  const attempt = yield* attemptOp(start, settings);
  if (attempt.result.tls !== null && attempt.channel instanceof XcallChannel) {
    return new Control(attempt.channel, attempt, options);
  }
  throw new NegotiationError(attempt.result, where);
}

async function connect(options: FtpOptions): Promise<FtpClient> {
  const control = await runAsync(connectOp(options, 'async'));
  return {
    result: control.result,
    login: (user, password) => runAsync(control.loginOp(user, password)),
    list: (path = '') => runAsync(control.listOp(path)),
    retrieve: (path, take) => runAsync(control.retrieveOp(path, take)),
    close: () => runAsync(control.closeOp()),
  };
}

function connectSync(options: FtpOptions): FtpClientSync {
  const control = runSync(connectOp(options, 'sync'), sleeper);
  return {
    result: control.result,
    login: (user, password) => runSync(control.loginOp(user, password), sleeper),
    list: (path = '') => runSync(control.listOp(path), sleeper),
    retrieve: (path, take) => runSync(control.retrieveOp(path, take), sleeper),
    close: () => runSync(control.closeOp(), sleeper),
  };
}

const call = (options: FtpOptions): Promise<FtpClient> => connect(options);
call.sync = connectSync;

/** See {@link Ftp}. */
export const ftp: Ftp = call;
