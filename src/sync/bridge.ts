/**
 * Blocking calls into a worker thread: one message, one Atomics.wait, one reply.
 *
 * The Node engine's sockets live on an event loop, which the calling thread cannot turn while it blocks. Each thread
 * that makes synchronous calls has one worker, started on first use and unref'd, whose loop they live on. Replies to
 * blocking calls come on a port of their own, because the port of asynchronous replies is read by the event loop.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, type Transferable, Worker } from 'node:worker_threads';
import { EngineError } from '../core/errors.ts';
import { holdProcess, releaseProcess } from '../core/keep-alive.ts';

/** What the two sides share: a counter that the worker raises with every blocking reply, and its state. */
export const REPLIES = 0;
export const STATE = 1;
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
  readonly payload: T | null;
}

export interface Reply<T> {
  readonly id: number;
  readonly payload: T | null;
  /** Message of an error that no handler expected. */
  readonly bug: string | null;
}

/** How long a blocked caller waits before it looks whether the worker is still alive, in ms. */
const ALIVE_CHECK = 1_000;

export class Bridge<Q, A> {
  readonly #flags = new Int32Array(new SharedArrayBuffer(8));
  readonly #requests: MessagePort;
  readonly #blockingReplies: MessagePort;
  readonly #replies: MessagePort;
  readonly #waiting = new Map<number, { resolve: (answer: A) => void; reject: (error: Error) => void }>();
  #nextId = 1;
  #dead: string | null = null;

  constructor(workerFile: URL) {
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
    for (;;) {
      const seen = Atomics.load(this.#flags, REPLIES);
      for (;;) {
        const received = receiveMessageOnPort(this.#blockingReplies);
        if (received === undefined) break;
        const reply = received.message as Reply<A>;
        if (reply.id === id) return answerOf(reply);
      }
      if (this.#dead !== null || Atomics.load(this.#flags, STATE) === STATE_DEAD) throw this.#deadError();
      Atomics.wait(this.#flags, REPLIES, seen, ALIVE_CHECK);
    }
  }

  /** Resolves when the worker has answered; the event loop stays free. An aborted signal cancels the request. */
  requestAsync(payload: Q, signal?: AbortSignal): Promise<A> {
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
