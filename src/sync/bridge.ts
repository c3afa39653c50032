/**
 * Blocking calls into a worker thread: one message, one Atomics.wait, one reply.
 *
 * The Node engine's sockets live on an event loop, which the calling thread cannot turn while it blocks. Each thread
 * that makes synchronous calls has one worker, started on first use and unref'd, whose loop they live on. Replies to
 * blocking calls come on a port of their own, because the port of asynchronous replies is read by the event loop.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { MessagePort, Transferable } from 'node:worker_threads';
import type { CancelSignal } from '../core/cancellation.ts';
import { EngineError } from '../core/errors.ts';
import { holdProcess, releaseProcess } from '../core/keep-alive.ts';
import { nodeWorkers } from '../core/on-demand.ts';

/**
 * What the two sides share: a counter that the worker raises with every blocking reply, its state, and a counter that it
 * raises when it is asked whether it is there.
 */
export const REPLIES = 0;
export const STATE = 1;
export const BEATS = 2;
export const STATE_DEAD = 1;

export interface WorkerSetup {
  readonly flags: Int32Array;
  readonly requests: MessagePort;
  readonly blockingReplies: MessagePort;
  readonly replies: MessagePort;
}

export interface Request<T> {
  readonly id: number;
  readonly blocking: boolean;
  /** Cancels an earlier request instead of making a new one. */
  readonly cancels?: number;
  /** Null for a request that cancels, and for one that only asks for a beat. */
  readonly payload: T | null;
}

export interface Reply<T> {
  readonly id: number;
  readonly payload: T | null;
  /** Message of an error that no handler expected. */
  readonly bug: string | null;
}

/** How long a blocked caller waits before it asks whether the worker is still there, in ms. */
const ALIVE_CHECK = 1_000;

/**
 * How many of these in a row may be without an answer. A worker that loads from a slow disk has this long, and one that
 * ended without a last word (out of memory) is missed after it: its events wait for the thread that is blocked. Counted,
 * not timed: a process that was stopped meanwhile is not a silent worker.
 */
const MOST_SILENT_CHECKS = 30;

export interface BridgeOptions {
  /** Replaces {@link ALIVE_CHECK}. */
  readonly aliveCheck?: number;
  /** Replaces {@link MOST_SILENT_CHECKS}. */
  readonly mostSilentChecks?: number;
}

export class Bridge<Q, A> {
  readonly #flags = new Int32Array(new SharedArrayBuffer(12));
  readonly #receive = nodeWorkers().receiveMessageOnPort;
  readonly #requests: MessagePort;
  readonly #blockingReplies: MessagePort;
  readonly #replies: MessagePort;
  readonly #aliveCheck: number;
  readonly #mostSilentChecks: number;
  readonly #waiting = new Map<number, { resolve: (answer: A) => void; reject: (error: Error) => void }>();
  #nextId = 1;
  #dead: string | null = null;

  /** @throws EngineError when the worker's file is not there, as in a program bundled into one file */
  constructor(workerFile: URL, options: BridgeOptions = {}) {
    this.#aliveCheck = options.aliveCheck ?? ALIVE_CHECK;
    this.#mostSilentChecks = options.mostSilentChecks ?? MOST_SILENT_CHECKS;
    if (!existsSync(workerFile)) {
      throw new EngineError(
        `${fileURLToPath(workerFile)} is missing, which serves synchronous calls of the Node engine: ` +
          'a program that is bundled keeps the package tcpx outside of its bundle',
      );
    }
    const { MessageChannel, Worker } = nodeWorkers();
    const requests = new MessageChannel();
    const blockingReplies = new MessageChannel();
    const replies = new MessageChannel();
    this.#requests = requests.port1;
    this.#blockingReplies = blockingReplies.port1;
    this.#replies = replies.port1;
    const setup: WorkerSetup = {
      flags: this.#flags,
      requests: requests.port2,
      blockingReplies: blockingReplies.port2,
      replies: replies.port2,
    };
    const worker = new Worker(workerFile, {
      workerData: setup,
      transferList: [setup.requests, setup.blockingReplies, setup.replies],
      execArgv: [],
    });
    worker.unref();
    worker.on('error', (error) => this.#die(error.message));
    worker.on('exit', () => this.#die('it ended'));
    this.#replies.on('message', (reply: Reply<A>) => this.#settle(reply));
    this.#requests.unref();
    this.#blockingReplies.unref();
    this.#replies.unref();
  }

  /** Blocks the thread until the worker has answered. */
  request(payload: Q, transfer: readonly Transferable[] = []): A {
    const id = this.#send(payload, true, transfer);
    let beats = Atomics.load(this.#flags, BEATS);
    let silent = 0;
    for (;;) {
      const seen = Atomics.load(this.#flags, REPLIES);
      for (;;) {
        const received = this.#receive(this.#blockingReplies);
        if (received === undefined) break;
        const reply = received.message as Reply<A>;
        if (reply.id === id) return answerOf(reply);
      }
      if (this.#dead !== null || Atomics.load(this.#flags, STATE) === STATE_DEAD) throw this.#deadError();
      if (Atomics.wait(this.#flags, REPLIES, seen, this.#aliveCheck) !== 'timed-out') continue;
      const heard = Atomics.load(this.#flags, BEATS);
      silent = heard === beats ? silent + 1 : 0;
      beats = heard;
      if (silent > this.#mostSilentChecks) this.#die('it does not answer');
      this.#requests.postMessage({ id: 0, blocking: false, payload: null } satisfies Request<Q>);
    }
  }

  /** Resolves when the worker has answered; the event loop stays free. An aborted signal cancels the request. */
  requestAsync(payload: Q, signal?: CancelSignal): Promise<A> {
    const id = this.#send(payload, false, []);
    const cancel = () => this.#requests.postMessage({ id: 0, blocking: false, cancels: id, payload: null });
    signal?.addEventListener('abort', cancel, { once: true });
    holdProcess();
    return new Promise<A>((resolve, reject) => this.#waiting.set(id, { resolve, reject })).finally(() => {
      releaseProcess();
      signal?.removeEventListener('abort', cancel);
    });
  }

  #send(payload: Q, blocking: boolean, transfer: readonly Transferable[]): number {
    if (this.#dead !== null) throw this.#deadError();
    const id = this.#nextId;
    this.#nextId += 1;
    const request: Request<Q> = { id, blocking, payload };
    this.#requests.postMessage(request, transfer);
    return id;
  }

  #settle(reply: Reply<A>): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    try {
      waiting?.resolve(answerOf(reply));
    } catch (error) {
      waiting?.reject(error as Error);
    }
    // A port that has once been read by the loop would keep the process alive.
    this.#replies.unref();
  }

  #die(reason: string): void {
    this.#dead ??= reason;
    for (const { reject } of this.#waiting.values()) reject(this.#deadError());
    this.#waiting.clear();
  }

  #deadError(): EngineError {
    return new EngineError(`the worker thread of the Node engine is gone: ${this.#dead ?? 'it failed'}`);
  }
}

function answerOf<A>(reply: Reply<A>): A {
  if (reply.payload === null) throw new Error(reply.bug ?? 'no answer');
  return reply.payload;
}
