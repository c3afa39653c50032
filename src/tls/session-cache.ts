import type { VerifyReason } from './verify.ts';

/** What a client needs to resume a session. Only sessions whose peer was accepted are kept. */
export interface KeptSession {
  readonly data: Uint8Array;
  /** What node:tls does not find out again when it resumes; GnuTLS has it in `data`. */
  readonly peer?: {
    readonly chain: readonly Uint8Array[];
    readonly result: 'verified' | 'unchecked';
    readonly reasons: readonly VerifyReason[];
  };
}

/** Where a client finds a session to resume, and leaves the newest that it was given. */
export interface SessionSource {
  /** A session is offered once: see {@link SessionCache.take}. */
  take(): KeptSession | undefined;
  put(session: KeptSession): void;
}

/** Sessions that a client may resume, the newest per peer. Bounded: the oldest peer gives way. */
export class SessionCache {
  readonly #limit: number;
  readonly #sessions = new Map<string, KeptSession>();

  constructor(limit = 256) {
    this.#limit = limit;
  }

  /**
   * Removes and returns a session: a TLS 1.3 ticket is used once (RFC 8446 App. C.4). One of TLS 1.2 is good for many
   * connections and is put back when it has served, because the server does not send another.
   */
  take(peer: string): KeptSession | undefined {
    const session = this.#sessions.get(peer);
    if (session !== undefined) this.#sessions.delete(peer);
    return session;
  }

  put(peer: string, session: KeptSession): void {
    this.#sessions.delete(peer);
    this.#sessions.set(peer, session);
    const oldest = this.#sessions.keys().next();
    if (this.#sessions.size > this.#limit && !oldest.done) this.#sessions.delete(oldest.value);
  }

  /** The sessions of one peer. */
  of(peer: string): SessionSource {
    return { take: () => this.take(peer), put: (session) => this.put(peer, session) };
  }
}

/**
 * Sessions for the connections that are made beside a live one, such as FTP's data connections. They resume the newest
 * session that one of them was given, or else that of the live connection, again if need be: that they belong to it shows
 * anyway, so that a ticket used twice tells nobody anything new. The job's cache would not do. It may hold the session of
 * another connection to the same port, and a server that has a process for each, with keys of its own, knows only its own.
 */
export class BesideSessions implements SessionSource {
  readonly #own: () => KeptSession | undefined;
  #newest: KeptSession | undefined;

  /** @param own the session of the live connection, undefined for as long as its peer has given none */
  constructor(own: () => KeptSession | undefined) {
    this.#own = own;
  }

  take(): KeptSession | undefined {
    const session = this.#newest ?? this.#own();
    this.#newest = undefined;
    return session;
  }

  put(session: KeptSession): void {
    this.#newest = session;
  }
}
