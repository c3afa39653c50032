/**
 * Where opcodes run: one engine, one socket table, one TLS policy, in one thread. A job has one in its own thread and,
 * on the Node engine, another in the worker that serves its synchronous calls.
 */
import { type Deadline, Deadline as Deadlines, NEVER } from '../core/deadline.ts';
import type { Op } from '../core/op.ts';
import type { Cancellable } from '../core/run.ts';
import type { Engine } from '../net/endpoint.ts';
import type { TlsSettings } from '../tls/settings.ts';
import type { Assumptions } from './assumptions.ts';
import type { Call, Outcome } from './call.ts';
import type { FlagBits } from './flags.ts';
import { destroySocket, type ListenerSocket, type SocketTable } from './sockets.ts';

/** What is the same for all calls of a job. Plain data but for the engine. */
export interface RuntimeOptions {
  readonly assumptions: Assumptions;
  readonly bits: FlagBits;
  /** The address that ACCEPT binds to; empty for all interfaces. */
  readonly bind: string;
}

export interface Runtime extends RuntimeOptions {
  readonly engine: Engine;
  readonly tls: TlsSettings;
  readonly sockets: SocketTable;
  /** Listening sockets that KEEPLISTEN without ASYNC left open, by port: the program never learns their numbers. */
  readonly keptListeners: Map<number, ListenerSocket>;
  /** Calls that wait and are about no socket, as a CONNECT that makes one. */
  readonly tasks: Cancellable[];
  /** Takes detail of what happens below the opcodes, for the trace option XDEBUG; null when nobody traces. */
  readonly detail: ((line: string) => void) | null;
}

/** A call that has begun: its outcome if the first attempt was enough, else the operation that goes on. */
export type Begun = Outcome | Op<Outcome>;

export function isOutcome(begun: Begun): begun is Outcome {
  return 'status' in begun;
}

/** Begins one opcode. Errors are thrown, here or by the operation, and become statuses in one place. */
export type Handler = (runtime: Runtime, call: Call) => Begun;

/** The limit that a call's own timer sets; none for 0. */
export function timerDeadline(call: Call): Deadline {
  return call.timer > 0 ? Deadlines.after(call.timer) : NEVER;
}

/** Releases everything at once; pending calls end with -125, and what was written goes out. */
export function closeRuntime(runtime: Runtime): void {
  for (const socket of [...runtime.sockets.all(), ...runtime.keptListeners.values()]) {
    runtime.sockets.remove(socket);
    if (socket.kind === 'stream') socket.endpoint.release();
    else destroySocket(socket);
  }
  runtime.keptListeners.clear();
  // The socket that one of them made after this would be nobody's to close.
  for (const task of [...runtime.tasks]) task.cancel();
}
