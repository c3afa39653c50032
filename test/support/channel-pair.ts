/** Two channels joined in memory: a client and a server of the same dialect talk in one thread, each driven by runAsync. */
import { ByteQueue } from '../../src/core/byte-queue.ts';
import { type Deadline, NOW } from '../../src/core/deadline.ts';
import { type Op, READABLE, type Source, waitOp } from '../../src/core/op.ts';
import { Wakes } from '../../src/net/wakes.ts';
import { type Channel, ChannelError, type Role } from '../../src/starttls/channel.ts';
import type { TlsInfo } from '../../src/tls/info.ts';
import { TLS_INFO } from './transcript.ts';

class PairedChannel implements Channel {
  tls: TlsInfo | null;
  closed = false;
  readonly role: Role;
  peer: PairedChannel | null = null;
  readonly #arrived = new ByteQueue();
  #ended = false;
  upgrading = false;
  readonly #wakes = new Wakes();
  readonly #source: Source = { watch: (events, wake) => this.#wakes.add(events, wake) };

  constructor(role: Role, encrypted: boolean) {
    this.role = role;
    this.tls = encrypted ? { ...TLS_INFO, role } : null;
  }

  *receiveOp(until: Deadline, most: number = Number.POSITIVE_INFINITY): Op<Uint8Array | 'timeout'> {
    for (;;) {
      const chunk = this.#arrived.shift();
      if (chunk !== undefined) {
        this.#arrived.unshift(chunk.subarray(most));
        return chunk.subarray(0, most);
      }
      if (this.#ended || this.closed) return new Uint8Array(0);
      if (until === NOW || (yield* waitOp(this.#source, READABLE, until)) === 'timeout') return 'timeout';
    }
  }

  /** The client that upgrades without having said anything stands for a ClientHello. */
  *helloOp(until: Deadline): Op<boolean | 'timeout'> {
    while (this.#arrived.length === 0 && !this.#ended && this.peer?.upgrading !== true) {
      if ((yield* waitOp(this.#source, READABLE, until)) === 'timeout') return 'timeout';
    }
    return this.#arrived.length === 0 && !this.#ended;
  }

  // biome-ignore lint/correctness/useYield: memory takes everything at once
  *sendOp(bytes: Uint8Array): Op<'sent' | 'timeout'> {
    if (this.closed) throw new ChannelError(-9, 'errno', 'closed');
    this.peer?.take(bytes.slice());
    return 'sent';
  }

  *upgradeOp(role: Role, until: Deadline): Op<TlsInfo> {
    if (this.#arrived.length > 0) {
      const head = this.#arrived.peek(32);
      const count = this.#arrived.length;
      yield* this.closeOp();
      throw new ChannelError(-74, 'errno', 'plaintext ahead of the handshake', { count, head });
    }
    this.upgrading = true;
    this.peer?.wake();
    while (this.peer !== null && !this.peer.upgrading) {
      if (this.#ended) throw new ChannelError(-110, 'tls', 'the peer left during the handshake');
      if ((yield* waitOp(this.#source, READABLE, until)) === 'timeout') {
        throw new ChannelError(-319, 'tls', 'the handshake did not finish in time');
      }
    }
    this.tls = { ...TLS_INFO, role };
    return this.tls;
  }

  // biome-ignore lint/correctness/useYield: memory closes at once
  *closeOp(): Op<void> {
    this.closed = true;
    this.peer?.end();
    this.wake();
  }

  take(bytes: Uint8Array): void {
    this.#arrived.push(bytes);
    this.wake();
  }

  end(): void {
    this.#ended = true;
    this.wake();
  }

  wake(): void {
    this.#wakes.fireAll();
  }
}

/** What one side sends in one call arrives at the other as one chunk. */
export function channelPair({ encrypted = false }: { encrypted?: boolean } = {}): {
  readonly client: Channel & { readonly closed: boolean };
  readonly server: Channel & { readonly closed: boolean };
} {
  const client = new PairedChannel('client', encrypted);
  const server = new PairedChannel('server', encrypted);
  client.peer = server;
  server.peer = client;
  return { client, server };
}
