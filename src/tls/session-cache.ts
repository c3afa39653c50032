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
}
