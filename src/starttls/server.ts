/**
 * A server of any dialect, to try clients against: honest, or with one of the deceptions of `attacks.ts`. Connections are
 * accepted by XCALL on a job of its own, whichever the engine, and served side by side on the event loop.
 */
import { Deadline, NEVER } from '../core/deadline.ts';
import { ERRNO } from '../core/errno.ts';
import { CancelledError } from '../core/errors.ts';
import { sleepOp } from '../core/op.ts';
import { runAsync } from '../core/run.ts';
import type { EngineName } from '../net/endpoint.ts';
import type { Caller } from '../tcpx/index.ts';
import { createJob, type Job } from '../tcpx/job.ts';
import { ChannelError } from './channel.ts';
import { Connection } from './server-connection.ts';
import type { ServerEvent } from './server-events.ts';
import { type ServerOptions, type ServerSettings, serverSettings } from './server-options.ts';
import type { XcallChannel } from './xcall-channel.ts';
import { XcallListener } from './xcall-listener.ts';

/** A server of one protocol, with the address and the port that it listens on. */
export interface StarttlsServer {
  readonly host: string;
  readonly port: number;
  readonly engine: EngineName;
  /**
   * Resolves when the server has ended: closed, or after so many connections as it was to serve. Rejects when it cannot
   * go on accepting, and with what its observer has thrown.
   */
  readonly ended: Promise<void>;
  /** Ends every connection; resolves, or rejects, as `ended`. Sessions are waited for: their streams are destroyed. */
  close(): Promise<void>;
}

/**
 * Listens, and serves until it is closed.
 *
 * @throws UsageError for options that make no sense, or a certificate that cannot be read; EngineError; a TcpxError with the
 * code `TCPX_CHANNEL` when the port is in use or the certificate cannot be a server's
 */
export async function serveStarttls(options: ServerOptions): Promise<StarttlsServer> {
  const settings = serverSettings(options);
  const { bind, tls, engine, port } = settings;
  const job = createJob({ bind, tls, assume: { backlog: BACKLOG }, ...(engine === null ? {} : { engine }) });
  try {
    const caller = job.caller('async');
    const listener = await runAsync(XcallListener.listenOp(caller, port));
    return new Server(job, caller, listener, settings);
  } catch (error) {
    job.close();
    throw error;
  }
}

/** Clients that may wait to be accepted: the most that most systems allow. */
const BACKLOG = 4_096;
/** How long the server rests when it could not get a connection, in ms: the system may lack descriptors or memory. */
const REST = 100;
/** Nobody listens any more. Everything else passes, or was the client's doing. */
const FATAL: ReadonlySet<number> = new Set([ERRNO.EBADF, ERRNO.EINVAL].map(({ linux }) => -linux));

class Server implements StarttlsServer {
  readonly host: string;
  readonly port: number;
  readonly engine: EngineName;
  readonly ended: Promise<void>;
  readonly #job: Job;
  readonly #caller: Caller;
  readonly #listener: XcallListener;
  readonly #settings: ServerSettings;
  readonly #accepting = new AbortController();
  readonly #connections = new Map<Connection, Promise<void>>();
  #roomMade: (() => void) | null = null;
  #failure: { readonly error: unknown } | null = null;

  constructor(job: Job, caller: Caller, listener: XcallListener, settings: ServerSettings) {
    ({ host: this.host, port: this.port } = listener.local);
    this.engine = job.engine;
    this.#job = job;
    this.#caller = caller;
    this.#listener = listener;
    this.#settings = settings;
    this.ended = this.#run();
  }

  close(): Promise<void> {
    this.#stop();
    return this.ended;
  }

  #stop(): void {
    this.#accepting.abort();
    this.#roomMade?.();
    for (const connection of this.#connections.keys()) connection.stop();
  }

  async #run(): Promise<void> {
    try {
      await this.#acceptAll();
    } catch (error) {
      if (!(error instanceof CancelledError)) this.#fail(error);
    }
    await runAsync(this.#listener.closeOp());
    await Promise.all(this.#connections.values());
    this.#job.close();
    if (this.#failure !== null) throw this.#failure.error;
  }

  async #acceptAll(): Promise<void> {
    const { concurrency, connections } = this.#settings;
    const { signal } = this.#accepting;
    for (let number = 1; number <= connections; ) {
      while (this.#connections.size >= concurrency && !signal.aborted) await this.#room();
      const channel = await this.#accept();
      if (channel === null) continue;
      this.#serve(new Connection(number, channel, this.#caller, this.#settings, (event) => this.#notify(event)));
      number += 1;
    }
  }

  /** Null where there is none now, but may be later. */
  async #accept(): Promise<XcallChannel | null> {
    const { signal } = this.#accepting;
    try {
      const channel = await runAsync(this.#listener.acceptOp(NEVER), signal);
      return channel === 'timeout' ? null : channel;
    } catch (error) {
      if (!(error instanceof ChannelError) || error.origin !== 'errno' || FATAL.has(error.status)) throw error;
      this.#notify({ kind: 'delayed', reason: error.message, status: error.status });
      await runAsync(sleepOp(Deadline.after(REST)), signal);
      return null;
    }
  }

  #serve(connection: Connection): void {
    const served = connection.serve().then(() => {
      this.#connections.delete(connection);
      this.#roomMade?.();
    });
    this.#connections.set(connection, served);
    // The observer may have ended the server when it was told of the connection.
    if (this.#accepting.signal.aborted) connection.stop();
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#roomMade = resolve;
    });
  }

  #notify(event: ServerEvent): void {
    try {
      this.#settings.observer(event);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#stop();
  }
}
