/** Plaintext where only TLS may follow: what becomes of it, and who is told. */
import { channel } from 'node:diagnostics_channel';
import type { Role, Stray } from './channel.ts';

/** What to do with plaintext that waits where TLS should start. Either way none of it reaches the encrypted session. */
export type InjectionPolicy = 'reject' | 'drop';

/** What was injected, for whoever watches: it is published when it is refused and when it is dropped. */
export interface Injection {
  /** Who sent it. */
  readonly from: Role;
  readonly count: number;
  /** The first of the bytes, in hexadecimal. */
  readonly sample: string;
  readonly policy: InjectionPolicy;
}

/** Where injections are published, whatever becomes of them: a channel of node:diagnostics_channel. */
export const INJECTION_CHANNEL = 'tcpx:injection';

const injections = channel(INJECTION_CHANNEL);

export function publishInjection({ count, head }: Stray, from: Role, policy: InjectionPolicy): void {
  if (!injections.hasSubscribers) return;
  const injection: Injection = { from, count, sample: Buffer.from(head).toString('hex'), policy };
  injections.publish(injection);
}
