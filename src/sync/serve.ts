/** The worker's side of the bridge: answers each request, blocking ones with a raised flag. */
import { type Transferable, workerData } from 'node:worker_threads';
import { Cancellation, type CancelSignal } from '../core/cancellation.ts';
import { BEATS, REPLIES, type Reply, type Request, STATE, STATE_DEAD, type WorkerSetup } from './bridge.ts';

export interface Answer<A> {
  readonly payload: A;
  readonly transfer: readonly Transferable[];
}

/** Serves requests until the owning thread ends. `answer` never rejects but for a bug. */
export function serve<Q, A>(answer: (question: Q, signal: CancelSignal) => Promise<Answer<A>>): void {
  const { flags, requests, blockingReplies, replies } = workerData as WorkerSetup;
  const running = new Map<number, Cancellation>();

  const reply = (request: Request<Q>, message: Reply<A>, transfer: readonly Transferable[]) => {
    if (request.blocking) {
      blockingReplies.postMessage(message, transfer);
      Atomics.add(flags, REPLIES, 1);
      Atomics.notify(flags, REPLIES);
    } else {
      replies.postMessage(message, transfer);
    }
  };

  const handle = async (request: Request<Q>) => {
    if (request.cancels !== undefined) {
      running.get(request.cancels)?.cancel();
      return;
    }
    if (request.payload === null) {
      Atomics.add(flags, BEATS, 1);
      return;
    }
    const cancellation = new Cancellation();
    running.set(request.id, cancellation);
    try {
      const { payload, transfer } = await answer(request.payload, cancellation);
      reply(request, { id: request.id, payload, bug: null }, transfer);
    } catch (error) {
      const bug = error instanceof Error ? (error.stack ?? error.message) : String(error);
      reply(request, { id: request.id, payload: null, bug }, []);
    } finally {
      running.delete(request.id);
    }
  };

  requests.on('message', (request: Request<Q>) => void handle(request));
  process.on('exit', () => {
    Atomics.store(flags, STATE, STATE_DEAD);
    Atomics.add(flags, REPLIES, 1);
    Atomics.notify(flags, REPLIES);
  });
}
