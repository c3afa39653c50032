// The client or the server of a dialect against a transcript, and every place where its bytes can be cut.
import { Deadline } from '../../src/core/deadline.ts';
import { runSync, sleeper } from '../../src/core/run.ts';
import type { Role } from '../../src/starttls/channel.ts';
import type { Attack, Dialect, Parties } from '../../src/starttls/dialect.ts';
import { DialogueError } from '../../src/starttls/dialogue-error.ts';
import type { InjectionPolicy } from '../../src/starttls/injections.ts';
import { type NegotiateOptions, negotiateOp } from '../../src/starttls/negotiate.ts';
import type { Negotiation } from '../../src/starttls/negotiation.ts';
import { type Service, serveOp } from '../../src/starttls/serve.ts';
import { type Exchange, Wire } from '../../src/starttls/wire.ts';
import { type Cut, lengthOf, parseTranscript, TranscriptChannel, type Turn } from './transcript.ts';

export const PARTIES: Parties = { host: 'mx.example', self: 'client.example' };

export interface Play extends NegotiateOptions {
  readonly cut?: Cut;
  readonly injected?: InjectionPolicy;
  /** Direct TLS. */
  readonly encrypted?: boolean;
  readonly parties?: Parties;
}

export interface Played {
  readonly channel: TranscriptChannel;
  readonly result: Negotiation;
  readonly exchanges: readonly Exchange[];
}

/** The client of a dialect against a transcript. */
export function play(dialect: Dialect, text: string | readonly Turn[], options: Play = {}): Played {
  const { cut = 'whole', injected = 'reject', encrypted = false, parties = PARTIES, ...rest } = options;
  const channel = new TranscriptChannel(turnsOf(text), { cut, encrypted });
  const exchanges: Exchange[] = [];
  const observer = (exchange: Exchange) => exchanges.push(exchange);
  const wire = new Wire(channel, { until: Deadline.after(30_000), injected, observer });
  return { channel, exchanges, result: runSync(negotiateOp(dialect, wire, parties, rest), sleeper) };
}

export interface PlayServer {
  readonly cut?: Cut;
  readonly injected?: InjectionPolicy;
  readonly encrypted?: boolean;
  readonly attack?: Attack | null;
}

export interface PlayedServer {
  readonly channel: TranscriptChannel;
  /** What the server threw in place of a service. */
  readonly service: Service | DialogueError;
  readonly exchanges: readonly Exchange[];
}

/** The server of a dialect against a transcript. */
export function playServer(dialect: Dialect, text: string | readonly Turn[], options: PlayServer = {}): PlayedServer {
  const { cut = 'whole', injected = 'reject', encrypted = false, attack = null } = options;
  const channel = new TranscriptChannel(turnsOf(text), { role: 'server', cut, encrypted });
  const exchanges: Exchange[] = [];
  const observer = (exchange: Exchange) => exchanges.push(exchange);
  const wire = new Wire(channel, { until: Deadline.after(30_000), injected, observer, role: 'server' });
  try {
    const service = runSync(serveOp(dialect, wire, { host: PARTIES.host, attack }), sleeper);
    return { channel, service, exchanges };
  } catch (error) {
    if (error instanceof DialogueError) return { channel, service: error, exchanges };
    throw error;
  }
}

function turnsOf(text: string | readonly Turn[]): readonly Turn[] {
  return typeof text === 'string' ? parseTranscript(text) : text;
}

/** Byte by byte, and in two at every place of what the other side says. */
export function everyCut(turns: readonly Turn[], from: Role): readonly Cut[] {
  return ['bytes', ...Array.from({ length: lengthOf(turns, from) }, (_, place) => place)];
}

/** Bytes as a line of a transcript. */
export function hexLine(from: 'C' | 'S' | 'S!' | 'C!', bytes: Uint8Array): string {
  return `${from.length === 1 ? `${from}:` : from} hex:${Buffer.from(bytes).toString('hex')}\n`;
}
