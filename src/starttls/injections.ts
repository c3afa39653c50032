/** Plaintext where only TLS may follow: what becomes of it, and who is told. */
import { channel } from 'node:diagnostics_channel';
import { once } from '../core/once.ts';
import type { Role, Stray } from './channel.ts';

/**
 * What to do with plaintext that waits where TLS should start. Either way none of it reaches the encrypted session. What
 * comes once the handshake has begun is refused under both.
 */
export type InjectionPolicy = 'reject' | 'drop';

/** What was injected, for whoever watches: it is published when it is refused and when it is dropped. */
export interface Injection {
  /** Who sent it. */
  readonly from: Role;
  /** Null when it came once the handshake had begun: the TLS library has taken it, and does not tell how much. */
  readonly count: number | null;
  /** The first of the bytes, in hexadecimal; null with `count`. */
  readonly sample: string | null;
  readonly policy: InjectionPolicy;
}

/** Where injections are published, whatever becomes of them: a channel of node:diagnostics_channel. */
export const INJECTION_CHANNEL = 'tcpx:injection';

const injections = once(() => channel(INJECTION_CHANNEL));

/** @param stray null for what nobody could count */
export function publishInjection(stray: Stray | null, from: Role, policy: InjectionPolicy): void {
  if (!injections().hasSubscribers) return;
  const sample = stray === null ? null : Buffer.from(stray.head).toString('hex');
  const injection: Injection = { from, count: stray?.count ?? null, sample, policy };
  injections().publish(injection);
}
