/** What a caller of `serveStarttls` may say, and the complete settings that come of it. */
import { hostname } from 'node:os';
import { UsageError } from '../core/errors.ts';
import { isIP } from '../core/ip.ts';
import type { EngineRequest, TlsOptions } from '../tcpx/index.ts';
import { attacksOf } from './attacks.ts';
import type { ChannelDuplex } from './channel-duplex.ts';
import type { Attack, Dialect } from './dialect.ts';
import type { InjectionPolicy } from './injections.ts';
import { requireOneLine } from './one-line.ts';
import type { ConnectionFacts, ServerEvent } from './server-events.ts';
import { type Mode, schemeNamed, withMode } from './target.ts';

/** What `serveStarttls` takes. */
export interface ServerOptions {
  /** A scheme: `smtp`, `imap`, `postgres`; those of direct TLS too, `imaps`. */
  readonly protocol: string;
  /** `cert` and `key` are needed. ALPN is that of the protocol where this gives none. */
  readonly tls: TlsOptions;
  /** Default 0: the system chooses. */
  readonly port?: number;
  /** The IP address to listen on. Default 127.0.0.1. */
  readonly bind?: string;
  /** Default `auto`. */
  readonly engine?: EngineRequest;
  /** TLS from the first byte, also where the protocol's scheme has it otherwise. */
  readonly direct?: boolean;
  /** What the server calls itself. Default: the name of this host. */
  readonly name?: string;
  /** How to deceive clients, one way at a time; `drip` goes with any other. Default: not at all. */
  readonly attack?: Attack | readonly Attack[];
  /** The pause behind each byte, in ms: implies `drip`. */
  readonly drip?: number;
  /** Plaintext behind the trigger: `reject` (default) ends the connection, `drop` throws it away and goes on. */
  readonly injected?: InjectionPolicy;
  /** The longest that a connection may last, in ms; with `session` up to its beginning. Default 300 000. */
  readonly timeout?: number;
  /** How many connections are served at a time; others wait. Default 256. */
  readonly concurrency?: number;
  /** Ends the server once it has served so many. Default: no end. */
  readonly connections?: number;
  /** Told of everything that happens. What it throws ends the server, and `ended` rejects with it. */
  readonly observer?: (event: ServerEvent) => void;
  /**
   * Goes on inside TLS, in place of the protocol's own service. The stream is destroyed when the promise settles; what it
   * rejects with ends the connection alone.
   */
  readonly session?: ServerSession;
}

/** What a program does with a client that has come to TLS. */
export type ServerSession = (stream: ChannelDuplex, facts: ConnectionFacts) => Promise<void>;

export interface ServerSettings {
  readonly dialect: Dialect;
  readonly mode: Mode;
  readonly tls: TlsOptions;
  readonly port: number;
  readonly bind: string;
  readonly engine: EngineRequest | null;
  readonly name: string;
  readonly attack: Attack | null;
  /** The pause behind each byte, in ms; null where nothing is cut. */
  readonly drip: number | null;
  readonly injected: InjectionPolicy;
  readonly timeout: number;
  readonly concurrency: number;
  readonly connections: number;
  readonly observer: (event: ServerEvent) => void;
  readonly session: ServerSession | null;
}

const DEFAULTS = { bind: '127.0.0.1', timeout: 300_000, concurrency: 256 } as const;
/** What a timer of Node can be. */
const LONGEST = 2 ** 31 - 1;

/** @throws UsageError that names the option */
export function serverSettings(options: ServerOptions): ServerSettings {
  const scheme = withMode(schemeNamed(options.protocol), options.direct === true ? 'direct' : undefined);
  const { bind = DEFAULTS.bind, injected = 'reject', name = hostname() } = options;
  if (isIP(bind) === 0) throw new UsageError(`bind is an IP address such as 127.0.0.1 or ::1, not '${bind}'`);
  if (injected !== 'reject' && injected !== 'drop') {
    throw new UsageError(`injected is one of reject, drop, not '${injected}'`);
  }
  requireOneLine(name);
  if (options.tls.cert === undefined || options.tls.key === undefined) {
    throw new UsageError('a server needs a certificate and its key: tls.cert and tls.key');
  }
  return Object.freeze({
    dialect: scheme.dialect,
    mode: scheme.mode,
    tls: { ...(scheme.alpn === null ? {} : { alpn: [scheme.alpn] }), ...options.tls },
    port: whole('port', options.port ?? 0, 0, 65_535),
    bind,
    engine: options.engine ?? null,
    name,
    ...deception(options, scheme),
    injected,
    timeout: whole('timeout', options.timeout ?? DEFAULTS.timeout, 1, LONGEST),
    concurrency: whole('concurrency', options.concurrency ?? DEFAULTS.concurrency, 1, LONGEST),
    connections:
      options.connections === undefined
        ? Number.POSITIVE_INFINITY
        : whole('connections', options.connections, 1, LONGEST),
    observer: options.observer ?? (() => {}),
    session: options.session ?? null,
  });
}

function deception(
  { attack = [], drip }: ServerOptions,
  { dialect, mode }: { dialect: Dialect; mode: Mode },
): Pick<ServerSettings, 'attack' | 'drip'> {
  const asked = typeof attack === 'string' ? [attack] : attack;
  const known = attacksOf(dialect, mode);
  for (const name of asked) {
    if (known.includes(name)) continue;
    const where = mode === 'direct' ? `${dialect.title} with TLS from the first byte` : dialect.title;
    throw new UsageError(`${where} has no attack '${name}'; there are ${known.join(', ')}`);
  }
  const [only = null, second] = asked.filter((name) => name !== 'drip');
  if (second !== undefined) {
    throw new UsageError(`attacks '${only}' and '${second}' do not go together; drip goes with any other`);
  }
  const drips = drip !== undefined || asked.includes('drip');
  return { attack: only, drip: drips ? whole('drip', drip ?? 0, 0, LONGEST) : null };
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new UsageError(`${name} is a whole number from ${least} to ${most}, not ${value}`);
}
