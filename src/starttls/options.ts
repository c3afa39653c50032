/** What a caller of `starttls` may say, and the complete settings that come of it. */
import { hostname } from 'node:os';
import type { Duplex } from 'node:stream';
import { Deadline } from '../core/deadline.ts';
import { UsageError } from '../core/errors.ts';
import type { EngineRequest, Job, TlsOptions } from '../tcpx/index.ts';
import type { AttemptSettings } from './attempt.ts';
import type { InjectionPolicy } from './injections.ts';
import type { UpgradePolicy } from './negotiation.ts';
import { requireOneLine } from './one-line.ts';
import { type Target, targetAt, targetOf } from './target.ts';
import type { Exchange } from './wire.ts';

interface DialogueOptions {
  /** `require` (default): TLS or an error. `prefer`: goes on in clear when TLS is not to be had. `never`: does not ask. */
  readonly policy?: UpgradePolicy;
  /** Plaintext where only TLS may follow: `reject` (default) ends the connection, `drop` throws it away and goes on. */
  readonly injected?: InjectionPolicy;
  /** The end of everything, from name resolution to the last answer inside TLS, in ms. Default 30 000. */
  readonly deadline?: number;
  /** What the client calls itself: EHLO, `from` of a server's XMPP stream. Default: the name of this host. */
  readonly self?: string;
  /** Whether to ask again inside TLS for what was said in clear. Default true. */
  readonly renew?: boolean;
  /** Sees everything that passes. What it throws ends the connection. */
  readonly observer?: (exchange: Exchange) => void;
}

interface ConnectionOptions extends DialogueOptions {
  /** Default `auto`. */
  readonly engine?: EngineRequest;
  /** Certificates are verified by default. ALPN is that of the protocol where this gives none. */
  readonly tls?: TlsOptions;
  /** A job of the program's own, in place of `engine` and `tls`, whose TLS options then hold: ALPN and name included. */
  readonly job?: Job;
}

/** A place as a URL: `smtp://mx.example`, `imaps://mail.example:1993`, `xmpp://example.org@chat.example`. */
export interface UrlOptions extends ConnectionOptions {
  readonly url: string;
}

/** A place by its parts. */
export interface HostOptions extends ConnectionOptions {
  /** Connected to, sent by SNI, and verified. */
  readonly host: string;
  /** Default: the protocol's own. */
  readonly port?: number;
  /** A scheme: `smtp`, `imap`; those of direct TLS too, `imaps`. */
  readonly protocol: string;
}

/** A socket that the program has opened by CONNECT with TLS + STARTTLS, blocking or not, and has said nothing on. */
export interface SocketOptions extends DialogueOptions {
  readonly job: Job;
  readonly socket: number;
  readonly protocol: string;
  /** What the protocol calls the service, where it does: XMPP's domain, HTTP's host. Default: the peer's address. */
  readonly host?: string;
}

/** Any Node stream that carries bytes. Its TLS is that of the Node engine. */
export interface StreamOptions extends DialogueOptions {
  readonly stream: Duplex;
  readonly protocol: string;
  /** Sent by SNI and verified. */
  readonly host: string;
  readonly tls?: TlsOptions;
}

/** What `starttls.sync` takes. */
export type SyncOptions = UrlOptions | HostOptions | SocketOptions;

export interface AsyncOptions {
  /** Ends the attempt with a CancelledError. It means nothing to the stream that comes of it. */
  readonly signal?: AbortSignal;
  /** False (default) ends the stream's writable side when the peer has ended. */
  readonly allowHalfOpen?: boolean;
}

/** What `starttls` takes: where to begin, and how. */
export type StarttlsOptions = (SyncOptions | StreamOptions) & AsyncOptions;

const DEFAULT_DEADLINE = 30_000;
const POLICIES: readonly string[] = ['require', 'prefer', 'never'];
const INJECTED: readonly string[] = ['reject', 'drop'];

const PLACES = 'a url; a host and a protocol; a socket, its job and a protocol; or a stream, its protocol and a host';

/** What the types say of where to begin, for programs that nobody has checked them in. @throws UsageError */
export function requirePlace(options: unknown): void {
  if (typeof options !== 'object' || options === null) throw new UsageError(`options are an object with ${PLACES}`);
  const given = (name: string): unknown => Reflect.get(options, name);
  const requireAll = (type: 'string' | 'number', ...names: readonly string[]): void => {
    const wrong = names.find((name) => typeof given(name) !== type);
    if (wrong === undefined) return;
    throw new UsageError(`${wrong} is a ${type}, not ${typeName(given(wrong))}: options have ${PLACES}`);
  };
  if ('stream' in options) {
    if (!isMadeFor(given('stream'), 'on', 'read', 'write', 'destroy')) {
      throw new UsageError('stream is a Duplex of Node, such as a Socket of node:net');
    }
    requireAll('string', 'protocol', 'host');
  } else if ('socket' in options) {
    requireAll('number', 'socket');
    requireAll('string', 'protocol');
    if (!isMadeFor(given('job'), 'caller', 'socket')) throw new UsageError('job is the Job that has opened the socket');
  } else requireAll('string', ...('url' in options ? ['url'] : ['host', 'protocol']));
}

function typeName(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

/** Whether an object has these methods: its class may be that of another copy of the module. */
function isMadeFor(value: unknown, ...methods: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return methods.every((name) => typeof Reflect.get(value, name) === 'function');
}

/** @throws UsageError */
export function targetOfOptions(options: UrlOptions | HostOptions): Target {
  const { self } = options;
  if ('url' in options) return targetOf(options.url, self === undefined ? {} : { self });
  const { host, port, protocol } = options;
  return targetAt(host, port, protocol, self);
}

/** For a connection that is there already. @throws UsageError */
export function partiesOf(host: string, self: string | undefined): Target['parties'] {
  return { host, self: self ?? hostname() };
}

/** @throws UsageError that names the option */
export function attemptSettings(
  options: DialogueOptions,
  { dialect, parties }: Pick<Target, 'dialect' | 'parties'>,
): AttemptSettings {
  const { policy = 'require', injected = 'reject', deadline = DEFAULT_DEADLINE, renew = true, observer } = options;
  if (!POLICIES.includes(policy)) throw new UsageError(`policy is one of ${POLICIES.join(', ')}, not '${policy}'`);
  if (!INJECTED.includes(injected))
    throw new UsageError(`injected is one of ${INJECTED.join(', ')}, not '${injected}'`);
  if (!(deadline > 0)) throw new UsageError('deadline is a number of ms above 0');
  requireOneLine(parties.host);
  requireOneLine(parties.self);
  return { dialect, parties, policy, injected, renew, until: Deadline.after(deadline), observer: observer ?? null };
}

/** The TLS options of a connection: what the caller gives, then what the protocol asks for. */
export function tlsOptionsOf(
  tls: TlsOptions | undefined,
  { alpn, parties, host }: Pick<Target, 'alpn' | 'parties' | 'host'>,
): TlsOptions {
  return {
    ...(alpn === null ? {} : { alpn: [alpn] }),
    ...(parties.host === host ? {} : { servername: parties.host }),
    ...tls,
  };
}
