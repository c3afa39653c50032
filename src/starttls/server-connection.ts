/** One connection of a server: its dialogue up to TLS and inside it, and what came of it. */
import { Deadline } from '../core/deadline.ts';
import { CancelledError } from '../core/errors.ts';
import type { Op } from '../core/op.ts';
import { runAsync } from '../core/run.ts';
import type { Address } from '../net/endpoint.ts';
import type { Caller } from '../tcpx/index.ts';
import type { TlsInfo } from '../tls/info.ts';
import { ChannelError, type Stray } from './channel.ts';
import { ChannelDuplex } from './channel-duplex.ts';
import { DialogueError } from './dialogue-error.ts';
import { channelOutcome } from './negotiate.ts';
import { type ServeOptions, type ServiceStep, serveOp } from './serve.ts';
import type { ConnectionEnd, ServerEvent, ServiceOutcome } from './server-events.ts';
import type { ServerSession, ServerSettings } from './server-options.ts';
import { Wire } from './wire.ts';
import type { XcallChannel } from './xcall-channel.ts';
import { XcallDataPorts } from './xcall-data-ports.ts';

type Ending = Pick<ConnectionEnd, 'outcome' | 'reason' | 'status' | 'error'>;

const NOWHERE: Address = { host: '', port: 0 };

export class Connection {
  readonly number: number;
  readonly remote: Address;
  readonly #local: Address;
  readonly #channel: XcallChannel;
  readonly #caller: Caller;
  readonly #settings: ServerSettings;
  readonly #notify: (event: ServerEvent) => void;
  readonly #until: Deadline;
  readonly #began: number;
  readonly #stop = new AbortController();
  #wire: Wire;
  #stray: Stray | null = null;
  /** Plaintext was refused that nobody could count. */
  #uncounted = false;
  #tls: TlsInfo | null = null;
  #commandsInClear = 0;
  #commandsInTls = 0;
  #loginInClear = false;

  constructor(
    number: number,
    channel: XcallChannel,
    caller: Caller,
    settings: ServerSettings,
    notify: (event: ServerEvent) => void,
  ) {
    const { remote, local } = channel.facts ?? { remote: NOWHERE, local: NOWHERE };
    this.number = number;
    this.remote = remote;
    this.#local = local;
    this.#channel = channel;
    this.#caller = caller;
    this.#settings = settings;
    this.#notify = notify;
    this.#until = Deadline.after(settings.timeout);
    this.#began = this.#until.clock();
    this.#wire = this.#newWire();
  }

  /** Ends it at once; harmless when it has ended. */
  stop(): void {
    this.#stop.abort();
  }

  /** Resolves when the connection is closed. Never rejects. */
  async serve(): Promise<void> {
    this.#notify({ kind: 'connected', connection: this.number, remote: this.remote });
    const ending = await this.#serve().catch((error: unknown) => this.#failure(error));
    await runAsync(this.#channel.closeOp());
    this.#notify({
      kind: 'ended',
      connection: this.number,
      end: {
        ...ending,
        tls: this.#tls,
        commandsInClear: this.#commandsInClear,
        commandsInTls: this.#commandsInTls,
        loginInClear: this.#loginInClear,
        discardedBytes: this.#uncounted ? null : (this.#stray?.count ?? 0),
        discardedSample: sample(this.#stray),
        duration: this.#until.clock() - this.#began,
      },
    });
  }

  async #serve(): Promise<Ending> {
    const { mode, session } = this.#settings;
    await runAsync(mode === 'direct' ? this.#directOp() : this.#dialogueOp(), this.#stop.signal);
    const tls = this.#tls;
    if (tls !== null && session !== null) await this.#session(session, tls);
    const outcome: ServiceOutcome = tls === null ? 'clear' : mode === 'direct' ? 'direct' : 'upgraded';
    return { outcome, reason: '', status: 0 };
  }

  *#dialogueOp(): Op<void> {
    yield* serveOp(this.#settings.dialect, this.#wire, this.#serveOptions());
  }

  *#directOp(): Op<void> {
    const { dialect, attack, name, session } = this.#settings;
    if (attack === 'silence') return yield* this.#dialogueOp();
    if (attack === 'early-greeting') {
      yield* dialect.server.greetOp(this.#wire, {
        host: name,
        encrypted: true,
        attack: null,
        ports: null,
        memory: new Map(),
      });
      yield* this.#wire.sendOp(dialect.server.injection);
    }
    this.#begun(yield* this.#channel.upgradeOp('server', this.#until));
    this.#wire = this.#newWire();
    if (session === null) yield* this.#dialogueOp();
  }

  #serveOptions(): ServeOptions {
    const { name: host, attack, drip, session } = this.#settings;
    return {
      host,
      attack,
      drip,
      ports: new XcallDataPorts(this.#caller, this.#channel.socket),
      handOver: session !== null,
      observer: (step) => this.#step(step),
    };
  }

  #newWire(): Wire {
    const { injected } = this.#settings;
    return new Wire(this.#channel, {
      until: this.#until,
      injected,
      role: 'server',
      observer: (exchange) => this.#notify({ kind: 'exchange', connection: this.number, exchange }),
    });
  }

  #step(step: ServiceStep): void {
    switch (step.kind) {
      case 'command':
        if (step.encrypted) this.#commandsInTls += 1;
        else this.#commandsInClear += 1;
        break;
      case 'login':
        if (!step.encrypted) this.#loginInClear = true;
        this.#notify({ kind: 'login', connection: this.number, encrypted: step.encrypted });
        break;
      case 'trigger':
        this.#notify({ kind: 'trigger', connection: this.number });
        break;
      case 'dropped':
        this.#injected(step.stray, true);
        break;
      case 'tls':
        this.#begun(step.tls);
    }
  }

  #begun(tls: TlsInfo): void {
    this.#tls = tls;
    this.#notify({ kind: 'tls', connection: this.number, tls });
  }

  /** @param stray null for what nobody could count */
  #injected(stray: Stray | null, dropped: boolean): void {
    if (stray === null) this.#uncounted = true;
    else this.#stray = stray;
    const bytes = stray?.count ?? null;
    this.#notify({ kind: 'injected', connection: this.number, bytes, sample: sample(stray), dropped });
  }

  /** Resolves when the program's session has settled and its stream is closed. */
  async #session(session: ServerSession, tls: TlsInfo): Promise<void> {
    const { remote, number: connection } = this;
    const stream = new ChannelDuplex(this.#channel, { unread: this.#wire.takeUnread(), remote, allowHalfOpen: true });
    const destroy = () => stream.destroy();
    const broken: Error[] = [];
    // A stream whose errors nobody listens to would end the process.
    stream.on('error', (error) => broken.push(error));
    const closed = new Promise((resolve) => stream.once('close', resolve));
    const { signal } = this.#stop;
    signal.addEventListener('abort', destroy, { once: true });
    if (signal.aborted) destroy();
    try {
      await session(stream, { connection, remote, local: this.#local, tls });
    } finally {
      signal.removeEventListener('abort', destroy);
      destroy();
      await closed;
    }
    if (signal.aborted) throw new CancelledError('the server was closed');
    const [error] = broken;
    if (error !== undefined) throw error;
  }

  #failure(error: unknown): Ending {
    if (this.#stop.signal.aborted) return { outcome: 'cancelled', reason: 'the server was closed', status: 0 };
    if (error instanceof DialogueError) return this.#dialogueFailure(error);
    if (error instanceof ChannelError) return this.#channelFailure(error);
    return { outcome: 'failed', reason: error instanceof Error ? error.message : String(error), status: 0, error };
  }

  #dialogueFailure({ fault, message, stray }: DialogueError): Ending {
    if (fault === 'injected') this.#injected(stray, false);
    return { outcome: fault === 'refused' ? 'closed' : fault, reason: message, status: 0 };
  }

  #channelFailure(error: ChannelError): Ending {
    const { status, message: reason, stray } = error;
    if (this.#tls !== null) return { outcome: 'closed', reason, status };
    return { outcome: stray === null ? channelOutcome(error) : 'wrongMode', reason, status };
  }
}

function sample(stray: Stray | null): string {
  return Buffer.from(stray?.head ?? []).toString('hex');
}
