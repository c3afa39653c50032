/** Sessions that a client may resume, the newest per peer. Bounded: the oldest peer gives way. */
export class SessionCache {
  readonly #limit: number;
  readonly #sessions = new Map<string, Uint8Array>();

  constructor(limit = 256) {
    this.#limit = limit;
  }

  /** Removes and returns a session: a TLS 1.3 ticket is used once (RFC 8446 §C.4). */
  take(peer: string): Uint8Array | undefined {
    const session = this.#sessions.get(peer);
    if (session !== undefined) this.#sessions.delete(peer);
    return session;
  }

  put(peer: string, session: Uint8Array): void {
    this.#sessions.delete(peer);
    this.#sessions.set(peer, session);
    const oldest = this.#sessions.keys().next();
    if (this.#sessions.size > this.#limit && !oldest.done) this.#sessions.delete(oldest.value);
  }
}
