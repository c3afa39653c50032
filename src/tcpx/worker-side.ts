/** The part of a job that lives in the worker: sockets of the Node engine that synchronous calls have opened. */
import type { CancelSignal } from '../core/cancellation.ts';
import { EngineError } from '../core/errors.ts';
import type { Tracer } from '../core/trace.ts';
import { Bridge } from '../sync/bridge.ts';
import type { Call, Outcome } from './call.ts';
import type { SocketFacts } from './facts.ts';
import { posted } from './frame.ts';
import type { Opcode } from './opcodes.ts';
import type { JobSettings } from './options.ts';
import type { CallAnswer, Question } from './worker-protocol.ts';

let bridge: Bridge<Question, CallAnswer> | undefined;
let nextJob = 1;

/** The worker of this thread, started on first use. */
function threadBridge(): Bridge<Question, CallAnswer> {
  bridge ??= startBridge();
  return bridge;
}

function startBridge(): Bridge<Question, CallAnswer> {
  const started = new Bridge<Question, CallAnswer>(new URL('./worker.js', import.meta.url));
  // The worker ends with this thread, and with it all that Node has taken of a WRITE and the kernel has not.
  process.on('exit', () => unlessGone(() => started.request({ kind: 'end' })));
  return started;
}

/** With a worker that is gone its sockets are closed already. */
function unlessGone(ask: () => void): void {
  try {
    ask();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
  }
}

export class WorkerSide {
  /** What is known here of the sockets there. */
  readonly sockets = new Map<number, SocketFacts>();
  readonly #bridge = threadBridge();
  readonly #job = nextJob;
  readonly #tracer: Tracer;

  /** @throws EngineError when the worker cannot be started */
  constructor({ assumptions, bits, bind, tls }: JobSettings, tracer: Tracer) {
    nextJob += 1;
    this.#tracer = tracer;
    this.#bridge.request({
      kind: 'open',
      job: this.#job,
      tls,
      options: { assumptions, bits, bind },
      detail: tracer.detail,
    });
  }

  /** Blocks until the worker has answered. @throws EngineError when it is gone */
  call(opcode: Opcode, call: Call): Outcome {
    return this.#take(call, this.#bridge.request(this.#question(opcode, call)));
  }

  async callAsync(opcode: Opcode, call: Call, signal: CancelSignal | undefined): Promise<Outcome> {
    return this.#take(call, await this.#bridge.requestAsync(this.#question(opcode, call), signal));
  }

  discard(socket: number): void {
    if (!this.sockets.has(socket)) return;
    unlessGone(() => this.#bridge.request({ kind: 'discard', job: this.#job, socket }));
  }

  close(): void {
    unlessGone(() => this.#bridge.request({ kind: 'close', job: this.#job }));
    this.sockets.clear();
  }

  #question(opcode: Opcode, call: Call): Question {
    return { kind: 'call', job: this.#job, call: posted(call, opcode) };
  }

  #take(call: Call, answer: CallAnswer): Outcome {
    for (const facts of answer.sockets) this.sockets.set(facts.number, facts);
    for (const number of answer.gone) this.sockets.delete(number);
    for (const line of answer.lines) this.#tracer.line(line);
    if (call.sockary !== null && answer.sockary !== null) call.sockary.set(answer.sockary);
    return answer.outcome;
  }
}
