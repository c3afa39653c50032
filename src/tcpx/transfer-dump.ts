/**
 * The bytes that READ and WRITE moved, in a trace. Secrets are replaced, but where the topic `data` asks for all that a
 * program itself moves: what a dialogue of ours says is not its own.
 */
import type { Tracer } from '../core/trace.ts';
import type { Call, Outcome } from './call.ts';
import type { Opcode } from './opcodes.ts';
import { SecretFilter } from './secrets.ts';
import { hexDump } from './trace-line.ts';

export class TransferDump {
  readonly #tracer: Tracer;
  /** What is known of the dialogue on each socket. */
  readonly #filters = new Map<number, SecretFilter>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  /**
   * @param inDialogue whether EMAILX or another dialogue makes the call
   * @param number the socket of the call
   * @param open the sockets of the job; what is known of others is forgotten
   */
  note(
    opcode: Opcode | undefined,
    call: Call,
    outcome: Outcome,
    inDialogue: boolean,
    number: number,
    open: () => readonly number[],
  ): void {
    if (!this.#tracer.detail || outcome.status <= 0) return;
    const isAll = this.#tracer.topics.has('data') && !inDialogue;
    if (opcode?.buffer === 'sent') {
      const bytes = call.buffer.bytes.subarray(0, outcome.status);
      const shown = this.#filterOf(number, open).sent(bytes);
      this.#dump('>', isAll ? bytes : shown);
    } else if (opcode?.buffer === 'received' && outcome.received !== undefined) {
      const shown = this.#filterOf(number, open).received(outcome.received);
      this.#dump('<', isAll ? outcome.received : shown);
    }
  }

  #dump(direction: '<' | '>', bytes: Uint8Array): void {
    for (const line of hexDump(direction, bytes)) this.#tracer.line(line);
  }

  #filterOf(number: number, open: () => readonly number[]): SecretFilter {
    let filter = this.#filters.get(number);
    if (filter === undefined) {
      const numbers = new Set(open());
      for (const known of this.#filters.keys()) if (!numbers.has(known)) this.#filters.delete(known);
      filter = new SecretFilter();
      this.#filters.set(number, filter);
    }
    return filter;
  }
}
