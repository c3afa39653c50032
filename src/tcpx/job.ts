/**
 * A job: the owner of sockets, and the XCALL that works on them.
 *
 * A call takes one of three ways. On the native engine it runs in the calling thread, blocking or not. On the Node engine
 * an asynchronous call runs on the caller's event loop, a synchronous one in the worker of the thread; a socket stays
 * where it was opened, and later calls find it there (design §2.3, §2.10).
 */

import { isVariable, type Variable } from '../basic/index.ts';
import type { CancelSignal } from '../core/cancellation.ts';
import { monotonic } from '../core/deadline.ts';
import { UsageError } from '../core/errors.ts';
import { inFairTurn } from '../core/fair-turns.ts';
import { runAsync, runSync, sleeper, type Waiter } from '../core/run.ts';
import { Tracer } from '../core/trace.ts';
import type { Engine, EngineName } from '../net/endpoint.ts';
import { tlsSettings } from '../tls/settings.ts';
import type { Call, CallResult, Outcome } from './call.ts';
import { type Caller, type CallMode, JobCaller } from './caller.ts';
import { chooseEngine } from './engines.ts';
import { socketNumberOf } from './execute.ts';
import { factsOf, type SocketFacts } from './facts.ts';
import { type Argument, detached, type Frame, type ListArgument, withoutLists, writeBack } from './frame.ts';
import { errmsgOutcome } from './handlers/errmsg.ts';
import { type Receiver, runtimeSync, runtimeTask } from './host.ts';
import { type Opcode, opcodeOf } from './opcodes.ts';
import { type JobOptions, type JobSettings, parseJobOptions } from './options.ts';
import { type Program, type ProgramResult, programStatus, writeOutputs } from './program.ts';
import { ResultReceiver, type StartedCall } from './result-receiver.ts';
import { checkPrograms, type FrameContext, programNamed, type Routine, routineNamed } from './routines.ts';
import { closeRuntime, type Runtime } from './runtime.ts';
import { memberNumbers } from './sockary.ts';
import { discardUnsent, MAX_SOCKET_NUMBER, SocketTable } from './sockets.ts';
import { errnoStatus, inFamily, outcomeOf, refused } from './status.ts';
import { callLine } from './trace-line.ts';
import { TransferDump } from './transfer-dump.ts';
import { WorkerSide } from './worker-side.ts';

/** Options of one asynchronous call, as its last argument. */
export interface CallOptions {
  /** Ends the call with STATUS -125; the promise resolves like any other. */
  readonly signal?: AbortSignal;
}

/** Calls routines of A-Shell, such as TCPX, by name: blocking, or awaited by `xcall.async`. */
export interface Xcall {
  /**
   * Calls a routine and blocks until it has finished, like the original. Results are written to the variables.
   *
   * @throws UsageError only when there is no variable for STATUS, or no such routine
   */
  (routine: string, ...args: (Argument | ListArgument)[]): number;
  /** The same call with the same results; the event loop stays free. Resolves to STATUS. */
  async(routine: string, ...args: (Argument | ListArgument | CallOptions)[]): Promise<number>;
}

/** The owner of sockets and options, made by {@link createJob}. Its sockets end with CLOSE, or with it. */
export class Job {
  readonly xcall: Xcall;
  /** Why this engine was taken. */
  readonly engineReason: string;
  readonly #settings: JobSettings;
  readonly #engine: Engine;
  readonly #waiter: (() => Waiter) | null;
  readonly #runtime: Runtime;
  readonly #tracer: Tracer;
  readonly #dump: TransferDump;
  readonly #lastReady = new WeakMap<ArrayBufferLike, number>();
  readonly #policies = new Map<Program, object>();
  readonly #callers: Partial<Record<CallMode, Caller>> = {};
  readonly #contexts: Readonly<Record<CallMode, FrameContext>>;
  #worker: WorkerSide | null = null;
  #last: CallResult | null = null;
  #nextNumber = 1;
  #closed = false;

  /** @throws UsageError, EngineError */
  constructor(options: JobOptions = {}) {
    this.#settings = parseJobOptions(options);
    checkPrograms(this.#settings.programs).forEach((program) => {
      this.#policyOf(program);
    });
    const context = { settings: this.#settings, reserve: this.#reserve, lastReady: this.#lastReady };
    this.#contexts = { sync: { ...context, lent: false }, async: { ...context, lent: true } };
    const { engine, waiter, reason } = chooseEngine(this.#settings.engine);
    this.#engine = engine;
    this.#waiter = waiter;
    this.engineReason = reason;
    const { assumptions, bits, bind, tls, trace, traceFile } = this.#settings;
    this.#tracer = new Tracer({ topics: trace, file: traceFile });
    this.#dump = new TransferDump(this.#tracer);
    this.#runtime = {
      assumptions,
      bits,
      bind,
      engine,
      tls: tlsSettings(tls),
      sockets: new SocketTable(),
      keptListeners: new Map(),
      tasks: [],
      detail: this.#tracer.detail ? (line) => this.#tracer.line(line) : null,
    };
    if (tls.verify === 'none' && this.#tracer.calls)
      this.#tracer.line('TLS certificates are not verified (tls.verify none)');
    const xcall = (routine: string, ...args: (Argument | ListArgument)[]): number => this.#call(routine, args).status;
    xcall.async = (routine: string, ...given: (Argument | ListArgument | CallOptions)[]) => {
      const { args, signal } = splitOptions(given);
      return this.#callAsync(routine, args, signal, statusOf);
    };
    this.xcall = xcall;
  }

  get engine(): EngineName {
    return this.#engine.name;
  }

  /** The job's last STATUS with what happened; null before the first call. */
  get lastStatus(): CallResult | null {
    return this.#last;
  }

  /**
   * What is known of a socket: addresses, state, and the facts of its TLS session.
   *
   * @throws UsageError when the job has no such socket
   */
  socket(number: number): SocketFacts {
    const local = this.#runtime.sockets.peek(number);
    const facts = local === undefined ? this.#worker?.sockets.get(number) : factsOf(local, this.#engine.name);
    if (facts === undefined) throw new UsageError(`this job has no socket ${number}`);
    return facts;
  }

  /** The numbers of the open sockets. */
  get sockets(): number[] {
    return [...this.#runtime.sockets.all().map(({ number }) => number), ...(this.#worker?.sockets.keys() ?? [])];
  }

  /** Closes all sockets at once; pending calls end with -125. Later calls give -9. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeRuntime(this.#runtime);
    this.#worker?.close();
    for (const program of this.#policies.keys()) program.jobClosed?.(this);
    this.#worker = null;
    this.#tracer.close();
  }

  /**
   * Makes calls for an operation: synchronous ones, after which it goes on at once, or asynchronous ones, which it waits
   * for and which therefore need `runAsync`.
   */
  caller(mode: CallMode): Caller {
    this.#callers[mode] ??= new JobCaller(this, mode, {
      call: (routine, args) => this.#call(routine, args, true),
      callAsync: (routine, args, signal) => this.#callAsync(routine, args, signal, (result) => result, true),
      discard: (socket) => this.#discard(socket),
      errnoStatus: (name) => inFamily(errnoStatus(name), 'errno', this.#settings.statusFamily),
    });
    return this.#callers[mode];
  }

  #discard(number: number): void {
    const local = this.#runtime.sockets.peek(number);
    if (local === undefined) this.#worker?.discard(number);
    else discardUnsent(local);
  }

  #call(name: string, args: readonly (Argument | ListArgument)[], inDialogue = false): CallResult {
    const program = programNamed(name);
    if (program !== undefined) return this.#callProgram(program, args);
    const routine = routineNamed(name);
    const started = this.#tracer.calls ? monotonic() : 0;
    const frame = this.#frame(routine, args, this.#contexts.sync);
    if ('origin' in frame) return frame;
    const opcode = opcodeOf(frame.call.opcode);
    return this.#finish(routine, opcode, frame, this.#run(opcode, frame.call), started, true, inDialogue);
  }

  /** Resolves to what the caller wants of the result. There is one promise: each around it would cost a turn. */
  #callAsync<T>(
    name: string,
    args: readonly (Argument | ListArgument)[],
    signal: CancelSignal | undefined,
    wanted: (result: CallResult) => T,
    inDialogue = false,
  ): Promise<T> {
    try {
      const program = programNamed(name);
      if (program !== undefined) return this.#callProgramAsync(program, args, signal).then(wanted);
      const routine = routineNamed(name);
      const started = this.#tracer.calls ? monotonic() : 0;
      const frame = this.#frame(routine, args, this.#contexts.async);
      if ('origin' in frame) return Promise.resolve(wanted(frame));
      const opcode = opcodeOf(frame.call.opcode);
      const receiver = new ResultReceiver(
        { runtime: this.#runtime, routine, opcode, frame, inDialogue, started },
        this.#finishDetached,
        wanted,
      );
      return inFairTurn(this.#runAsync(opcode, frame.call, receiver, signal));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #callProgram(program: Program, args: readonly (Argument | ListArgument)[]): CallResult {
    const started = monotonic();
    const status = programStatus(program, args);
    const result = runSync(program.runOp(this.caller('sync'), args, this.#policyOf(program)), sleeper);
    return this.#finishProgram(program, status, result, started);
  }

  async #callProgramAsync(
    program: Program,
    args: readonly (Argument | ListArgument)[],
    signal: CancelSignal | undefined,
  ): Promise<CallResult> {
    const started = monotonic();
    const status = programStatus(program, args);
    const result = await runAsync(program.runOp(this.caller('async'), args, this.#policyOf(program)), signal);
    return this.#finishProgram(program, status, result, started);
  }

  #policyOf(program: Program): object {
    let policy = this.#policies.get(program);
    if (policy === undefined) {
      policy = program.parseOptions(this.#settings.programs[program.name]);
      this.#policies.set(program, policy);
    }
    return policy;
  }

  #finishProgram(program: Program, status: Variable | null, result: ProgramResult, started: number): CallResult {
    const { outputs, ...last } = result;
    this.#last = last;
    if (this.#tracer.calls) {
      const text = last.text === '' ? '' : ` (${last.text})`;
      this.#tracer.line(`${program.name} = ${last.status}${text} <${(monotonic() - started).toFixed(3)} ms>`);
    }
    writeOutputs(outputs);
    status?.writeNumber(last.status);
    return last;
  }

  #frame(routine: Routine, given: readonly (Argument | ListArgument)[], context: FrameContext): Frame | CallResult {
    try {
      const args = withoutLists(routine.name, given);
      return routine.frame(args, context);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      const status = given[routine.shape.status];
      if (!isVariable(status)) throw error;
      return this.#refuse(routine, error, status);
    }
  }

  /** A call whose arguments make no sense: only STATUS is written. */
  #refuse(routine: Routine, error: UsageError, status: Variable): CallResult {
    const outcome = outcomeOf(error, this.#settings.assumptions);
    const number = inFamily(outcome.status, outcome.origin, this.#settings.statusFamily);
    const last = resultOf(outcome, number);
    this.#last = last;
    if (this.#tracer.calls) this.#tracer.line(`${routine.name} = ${number} (${outcome.text})`);
    status.writeNumber(number);
    return last;
  }

  /** A number for a socket that a call may open; numbers come round again after 16 million. */
  readonly #reserve = (): number => {
    let number = this.#nextNumber;
    while (this.#runtime.sockets.has(number) || this.#worker?.sockets.has(number)) number = following(number);
    this.#nextNumber = following(number);
    return number;
  };

  #run(opcode: Opcode | undefined, call: Call): Outcome {
    if (this.#closed) return refused('EBADF', 'the job is closed');
    if (opcode?.name === 'ERRMSG') return this.#errmsg(call);
    if (opcode === undefined) return runtimeSync(this.#runtime, call, sleeper);
    if (this.#waiter !== null) return runtimeSync(this.#runtime, call, this.#waiter());
    if (this.#livesHere(call)) {
      return refused(
        'EOPNOTSUPP',
        'this socket lives on the event loop, because an asynchronous call opened it: ' +
          "call asynchronously, or create the job with home: 'worker'",
      );
    }
    try {
      return this.#workerSide().call(opcode, call);
    } catch (error) {
      return outcomeOf(error, this.#settings.assumptions);
    }
  }

  #runAsync<T>(
    opcode: Opcode | undefined,
    call: Call,
    receiver: Receiver<T>,
    signal: CancelSignal | undefined,
  ): T | PromiseLike<T> {
    if (this.#closed) return receiver.value(refused('EBADF', 'the job is closed'));
    if (signal?.aborted) return receiver.value(refused('ECANCELED', 'the call was cancelled before it began'));
    if (opcode === undefined) return runtimeTask(this.#runtime, call, receiver);
    if (opcode.name === 'ERRMSG') return receiver.value(this.#errmsg(call));
    if (this.#engine.name === 'gnutls' || !this.#goesToWorker(call)) {
      // READ and WRITE respect lent memory by themselves.
      const own = opcode.flags === 'count' ? call : detached(call, opcode);
      return runtimeTask(this.#runtime, own, receiver, signal);
    }
    if (this.#livesHere(call)) {
      const text = "the array's sockets live in two threads: create the job with home: 'worker'";
      return receiver.value(refused('EOPNOTSUPP', text));
    }
    return this.#runInWorker(opcode, call, signal).then((outcome) => receiver.value(outcome));
  }

  async #runInWorker(opcode: Opcode, call: Call, signal: CancelSignal | undefined): Promise<Outcome> {
    try {
      return await this.#workerSide().callAsync(opcode, call, signal);
    } catch (error) {
      return outcomeOf(error, this.#settings.assumptions);
    }
  }

  /** Whether an asynchronous call of the Node engine is forwarded: its sockets live in the worker, or will. */
  #goesToWorker(call: Call): boolean {
    if (this.#settings.home === 'worker') return true;
    return this.#worker !== null && this.#numbersOf(call).some((number) => this.#worker?.sockets.has(number));
  }

  /** Whether a synchronous call would have to wait for a socket of its own thread's event loop. */
  #livesHere(call: Call): boolean {
    const { sockets } = this.#runtime;
    return sockets.size > 0 && this.#numbersOf(call).some((number) => sockets.has(number));
  }

  /** The sockets that a call is about: the one it names, and all of its array. */
  #numbersOf(call: Call): number[] {
    const number = socketNumberOf(call, this.#settings.bits);
    return call.sockary === null ? [number] : memberNumbers(call.sockary);
  }

  #workerSide(): WorkerSide {
    this.#worker ??= new WorkerSide(this.#settings, this.#tracer);
    return this.#worker;
  }

  #errmsg(call: Call): Outcome {
    return errmsgOutcome(call, this.#settings, this.#last, this.#settings.statusFamily);
  }

  readonly #finishDetached = ({ routine, opcode, frame, started, inDialogue }: StartedCall, outcome: Outcome) =>
    this.#finish(routine, opcode, frame, outcome, started, false, inDialogue);

  /** @param inPlace whether the call worked on the memory of the caller's variables */
  #finish(
    routine: Routine,
    opcode: Opcode | undefined,
    frame: Frame,
    outcome: Outcome,
    started: number,
    inPlace: boolean,
    inDialogue: boolean,
  ): CallResult {
    const { call } = frame;
    const explains = opcode?.name === 'ERRMSG';
    const { statusFamily, assumptions, bits } = this.#settings;
    const status = explains ? outcome.status : inFamily(outcome.status, outcome.origin, statusFamily);
    const result = resultOf(outcome, status);
    if (!explains) this.#last = result;
    if (call.sockary !== null && opcode?.name === 'CHECK' && outcome.sockport !== undefined) {
      this.#lastReady.set(call.sockary.buffer, outcome.sockport);
    }
    if (this.#tracer.calls) {
      this.#dump.note(opcode, call, outcome, inDialogue, socketNumberOf(call, bits), () => this.sockets);
      const elapsed = monotonic() - started;
      this.#tracer.line(callLine(routine.name, opcode, call, bits, outcome, status, elapsed));
    }
    routine.finish?.(frame, opcode, status);
    if (assumptions.answerInFlags && status >= 0 && (opcode?.name === 'CHECK' || opcode?.name === 'CHKQTY')) {
      frame.flags?.writeNumber(status);
    }
    if (explains) frame.buffer?.writeReceived(outcome.received ?? NO_BYTES);
    else writeBack(frame, outcome, status, inPlace);
    return result;
  }
}

const NO_BYTES = new Uint8Array(0);

const statusOf = ({ status }: CallResult): number => status;

function resultOf({ origin, text, stray, refusedPeer }: Outcome, status: number): CallResult {
  return { status, origin, text, stray, refusedPeer };
}

function following(number: number): number {
  return number >= MAX_SOCKET_NUMBER ? 1 : number + 1;
}

function splitOptions(given: readonly (Argument | ListArgument | CallOptions)[]): {
  args: readonly (Argument | ListArgument)[];
  signal: CancelSignal | undefined;
} {
  const last = given.at(-1);
  if (last === undefined || !isOptions(last))
    return { args: given as readonly (Argument | ListArgument)[], signal: undefined };
  return { args: given.slice(0, -1) as readonly (Argument | ListArgument)[], signal: last.signal };
}

function isOptions(argument: Argument | ListArgument | CallOptions): argument is CallOptions {
  return typeof argument === 'object' && !isVariable(argument) && !Array.isArray(argument);
}

/**
 * Makes a job.
 *
 * @throws UsageError that names the option; EngineError when the engine that was asked for is not available
 */
export function createJob(options: JobOptions = {}): Job {
  return new Job(options);
}
