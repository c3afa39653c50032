/**
 * Traces: lines about calls and what happens below them. Where they go is decided here alone: standard error, a file,
 * and the diagnostics channel `tcpx:trace`.
 */

import { channel } from 'node:diagnostics_channel';
import { closeSync, openSync, writeSync } from 'node:fs';
import { UsageError } from './errors.ts';
import { harmless } from './harmless.ts';
import { reasonOf } from './reason.ts';

/**
 * `socks`: a line per call, with counts and never contents. `xdebug`: also handshakes and hex dumps, in which secrets
 * are replaced. `data`: hex dumps show everything.
 */
export type TraceTopic = 'socks' | 'xdebug' | 'data';

export const TRACE_TOPICS: readonly TraceTopic[] = ['socks', 'xdebug', 'data'];

export interface TraceOptions {
  readonly topics: ReadonlySet<TraceTopic>;
  /** Appended to; standard error without it. */
  readonly file: string | null;
}

/** @throws UsageError naming an unknown topic */
export function parseTopics(names: readonly string[]): ReadonlySet<TraceTopic> {
  const topics = new Set<TraceTopic>();
  for (const name of names) {
    const topic = String(name).trim().toLowerCase();
    if (topic === '') continue;
    if (!(TRACE_TOPICS as readonly string[]).includes(topic)) {
      throw new UsageError(`trace option '${name}' is unknown; there are ${TRACE_TOPICS.join(', ')}`);
    }
    topics.add(topic as TraceTopic);
  }
  return topics;
}

const traceChannel = channel('tcpx:trace');

/** Writes lines; silent, and cheap to ask, when nobody listens. */
export class Tracer {
  readonly topics: ReadonlySet<TraceTopic>;
  readonly #file: string | null;
  #fd: number | null = null;
  #failed = false;

  constructor(options: TraceOptions) {
    this.topics = options.topics;
    this.#file = options.file;
  }

  /** Whether a line per call is wanted, by an option or by a subscriber of the channel. */
  get calls(): boolean {
    return this.topics.size > 0 || traceChannel.hasSubscribers;
  }

  /** Whether detail below the calls is wanted. */
  get detail(): boolean {
    return this.topics.has('xdebug') || this.topics.has('data');
  }

  /** @param text may quote a peer, as GnuTLS does with certificates */
  line(text: string): void {
    const line = harmless(text);
    if (traceChannel.hasSubscribers) traceChannel.publish({ line });
    if (this.topics.size === 0) return;
    if (this.#file === null) {
      process.stderr.write(`${line}\n`);
      return;
    }
    if (!this.#failed) this.#append(this.#file, `${line}\n`);
  }

  /** A trace that cannot be written makes no call fail: it ends, with a warning of the process. */
  #append(file: string, text: string): void {
    try {
      this.#fd ??= openSync(file, 'a', 0o600);
      writeSync(this.#fd, text);
    } catch (error) {
      this.#failed = true;
      process.emitWarning(`the trace in '${file}' ends, as it cannot be written: ${reasonOf(error)}`, {
        code: 'TCPX_TRACE',
      });
    }
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}
