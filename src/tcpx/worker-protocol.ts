/** What a job and the worker of its thread say to each other. Plain data. */
import type { TlsPolicy } from '../tls/settings.ts';
import type { Call, Outcome } from './call.ts';
import type { SocketFacts } from './facts.ts';
import type { RuntimeOptions } from './runtime.ts';

export interface OpenJob {
  readonly kind: 'open';
  readonly job: number;
  readonly tls: TlsPolicy;
  readonly options: RuntimeOptions;
  readonly detail: boolean;
}

export interface RunCall {
  readonly kind: 'call';
  readonly job: number;
  readonly call: Call;
}

/** See {@link Caller.discard}. */
export interface DiscardUnsent {
  readonly kind: 'discard';
  readonly job: number;
  readonly socket: number;
}

export interface CloseJob {
  readonly kind: 'close';
  readonly job: number;
}

/** The thread ends: answered once the kernel has what WRITE has reported as sent. */
export interface EndThread {
  readonly kind: 'end';
}

export type Question = OpenJob | RunCall | DiscardUnsent | CloseJob | EndThread;

export interface CallAnswer {
  readonly outcome: Outcome;
  /** The socket array after the call; null in the plain form. */
  readonly sockary: Uint8Array | null;
  /** Sockets that are there now or have changed, and the numbers of those that are gone. */
  readonly sockets: readonly SocketFacts[];
  readonly gone: readonly number[];
  /** Trace lines since the last answer. */
  readonly lines: readonly string[];
}
