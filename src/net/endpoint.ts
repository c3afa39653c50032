/**
 * What both engines offer: byte streams and listeners that never block.
 *
 * Every method returns at once. Would-block is {@link WANT_READ} or {@link WANT_WRITE} (which direction TLS needs may
 * differ from the one that was asked for), end of stream is 0, a failure is an IoError or a TlsError. An endpoint
 * belongs to one thread.
 */
import type { ByteQueue } from '../core/byte-queue.ts';
import type { Deadline } from '../core/deadline.ts';
import type { Op, Source } from '../core/op.ts';
import type { TlsInfo } from '../tls/info.ts';
import type { SessionSource } from '../tls/session-cache.ts';
import type { TlsSettings } from '../tls/settings.ts';

export const WANT_READ = -1;
export const WANT_WRITE = -2;

/** A count of bytes, or one of the two WANT values. */
export type Transfer = number;

/** What a look at an endpoint shows without consuming anything. */
export type Probe = 'readable' | 'idle' | 'ended';

export type Direction = 'receive' | 'send' | 'both';

/** One end of a connection: an IP address, blank where it is not known, and a port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Endpoint extends Source {
  readonly local: Address;
  readonly remote: Address;
  /** The facts of the session; null on a plain connection. */
  readonly tls: TlsInfo | null;
  /** Bytes received (and decrypted) but not yet read. A read that was cancelled puts its bytes back here. */
  readonly readAhead: ByteQueue;
  /** Reads 1 to `into.length` bytes; 0 at the end of the stream. `into` is not empty. */
  read(into: Uint8Array): Transfer;
  /**
   * Takes up to `from.length` bytes for sending. `whole` says that nobody waits to send the rest: all that {@link fits}
   * has allowed is taken.
   */
  write(from: Uint8Array, whole?: boolean): Transfer;
  /** Whether a read would return at once. On TLS what has arrived is decrypted first. */
  probe(): Probe;
  /** Bytes that can be read without waiting. On TLS what has arrived is decrypted first. */
  available(): number;
  /** True when all `count` bytes can be taken at once, as far as the engine can tell. */
  fits(count: number): boolean;
  /** Returns 0 when done, else a WANT value. Sending is ended with close_notify on TLS. */
  shutdown(direction: Direction): Transfer;
  /** Sends what is left to send (close_notify on TLS) without waiting for the peer, and releases the descriptor. */
  closeOp(): Op<void>;
  /** Gives it up at once; what was taken for sending still goes out as far as the system sends it. */
  release(): void;
  /**
   * Gives up what was taken for sending and has not left this process: a close then does not wait for a peer that takes
   * nothing, and loses it. Without such bytes nothing happens.
   */
  discard(): void;
  /** Releases the descriptor at once. Harmless when already closed. */
  destroy(): void;
}

export interface PlainEndpoint extends Endpoint {
  /**
   * Bytes that stand in the way of an upgrade, wherever they wait: all that are unread for a client; for a server all
   * but those that can be the start of a ClientHello.
   */
  stray(role: TlsRole): { readonly count: number; readonly head: Uint8Array };
}

export type TlsRole = 'client' | 'server';

/** How TLS is to begin on a connection. */
export interface TlsStart {
  readonly settings: TlsSettings;
  readonly role: TlsRole;
  /** The host of CONNECT; empty on a server. */
  readonly host: string;
  /** GnuTLS priority string; empty for that of the settings. */
  readonly priority: string;
  /** Takes the lines of the library's own log; null when nobody traces. */
  readonly log: ((line: string) => void) | null;
  /** The sessions that a client resumes and leaves; null for those that the job keeps of the host and port. */
  readonly sessions: SessionSource | null;
}

export interface TlsEndpoint extends Endpoint {
  readonly tls: TlsInfo;
  /** For further connections of a client to the same peer, while this one is open. */
  readonly besides: SessionSource;
  /** Goes on with the handshake; 0 when it is complete and the peer is verified. */
  handshake(): Transfer;
}

export function isSecure(endpoint: Endpoint): endpoint is TlsEndpoint {
  return 'besides' in endpoint;
}

export interface Listener extends Source {
  readonly local: Address;
  /** The next connection, or null when nobody waits. */
  accept(): PlainEndpoint | null;
  /** True when a connection waits to be accepted. */
  pending(): boolean;
  destroy(): void;
}

/** Finds the ready ones among many sockets at the cost of the ready ones. */
export interface Observer {
  /** Ready, as a whole, when {@link changed} may have something new. */
  readonly source: Source;
  /** Brings an endpoint or a listener under observation; `tag` is what {@link changed} answers for it. */
  observe(source: Source, tag: object): void;
  /** The tags of those that may have become readable since a probe last found them idle. */
  changed(): Iterable<object>;
}

/** The engines: GnuTLS through koffi, and node:net with node:tls. */
export type EngineName = 'gnutls' | 'node';

export interface Engine {
  readonly name: EngineName;
  /** Absent where every socket has to be looked at. */
  readonly observer: Observer | null;
  /** Whether endpoints ask the kernel themselves, so that a look needs no turn of the event loop. */
  readonly asksKernel: boolean;
  /**
   * Gives the event loop the turns it needs to deliver what the kernel already holds. False where nothing was waited
   * for: see {@link asksKernel}.
   */
  settleOp(): Op<boolean>;
  /** Resolves and connects; addresses are tried in order within the deadline. */
  connectOp(host: string, port: number, until: Deadline): Op<PlainEndpoint>;
  /**
   * Loads what TLS needs, in an engine that does without until somebody asks for it; before {@link startTls},
   * {@link prepareServer} and {@link prepareClient}. What arrives while this waits is plaintext.
   */
  loadTlsOp(): Op<void>;
  /** Begins TLS on a connection of this engine, which may not be used in clear any more. Only `upgradeOp` calls this. */
  startTls(plain: PlainEndpoint, start: TlsStart): TlsEndpoint;
  /**
   * Loads what a TLS server needs, so that a policy that cannot work fails before there is a client.
   *
   * @throws TlsError without a certificate or with a bad priority string, UsageError for a certificate or key that
   * cannot be used
   */
  prepareServer(settings: TlsSettings): void;
  /**
   * The same for a client, ahead of a connection.
   *
   * @throws TlsError with a bad priority string, UsageError for certificates or a key that cannot be used
   */
  prepareClient(settings: TlsSettings): void;
  /** Binds and listens; port 0 lets the system choose. An empty host is every interface. */
  listenOp(host: string, port: number, backlog: number): Op<Listener>;
}
