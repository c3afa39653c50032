/** The worker that serves a thread's synchronous calls on the Node engine: its event loop is where the sockets live. */
import { setTimeout } from 'node:timers/promises';
import { Deadline } from '../core/deadline.ts';
import { BACKGROUND_LINGER } from '../net/limits.ts';
import { nodeEngine } from '../net/node-engine.ts';
import { unsentBytes } from '../net/node-stream.ts';
import { serve } from '../sync/serve.ts';
import { tlsSettings } from '../tls/settings.ts';
import { failureOf } from './execute.ts';
import { factsOf, hello, type SocketFacts } from './facts.ts';
import { runtimeTask } from './host.ts';
import { closeRuntime, type Runtime } from './runtime.ts';
import { discardUnsent, SocketTable } from './sockets.ts';
import type { CallAnswer, Question } from './worker-protocol.ts';

interface Hosted {
  readonly runtime: Runtime;
  readonly lines: string[];
  /** What the job was last told of each socket. */
  readonly told: Map<number, string>;
}

const jobs = new Map<number, Hosted>();

serve<Question, CallAnswer | null>(async (question, signal) => {
  if (question.kind === 'end') {
    await sendAll();
    return { payload: EMPTY, transfer: [] };
  }
  if (question.kind === 'open') {
    const lines: string[] = [];
    const runtime: Runtime = {
      ...question.options,
      engine: nodeEngine,
      tls: tlsSettings(question.tls),
      sockets: new SocketTable(),
      keptListeners: new Map(),
      tasks: [],
      detail: question.detail ? (line) => lines.push(line) : null,
    };
    jobs.set(question.job, { runtime, lines, told: new Map() });
    return { payload: EMPTY, transfer: [] };
  }
  const hosted = jobs.get(question.job);
  if (hosted === undefined) throw new Error(`no job ${question.job} in this worker`);
  if (question.kind === 'close') {
    closeRuntime(hosted.runtime);
    jobs.delete(question.job);
    return { payload: EMPTY, transfer: [] };
  }
  if (question.kind === 'discard') {
    const socket = hosted.runtime.sockets.peek(question.socket);
    if (socket !== undefined) discardUnsent(socket);
    return { payload: EMPTY, transfer: [] };
  }
  const { call } = question;
  const outcome = await runtimeTask(
    hosted.runtime,
    call,
    { value: (result) => result, error: (error) => failureOf(hosted.runtime, call, error) },
    signal,
  );
  // A view would drag the whole memory behind it along.
  const received = outcome.received?.slice();
  const payload: CallAnswer = {
    outcome: received === undefined ? outcome : { ...outcome, received },
    sockary: question.call.sockary,
    ...changes(hosted),
    lines: hosted.lines.splice(0),
  };
  return { payload, transfer: received === undefined ? [] : [received.buffer] };
});

const EMPTY: CallAnswer = {
  outcome: { status: 0, origin: 'errno', text: '' },
  sockary: null,
  sockets: [],
  gone: [],
  lines: [],
};

/** How often it is looked whether all has been sent, in ms. */
const SENT_CHECK = 10;

/** As long as a closed socket would go on sending. */
async function sendAll(): Promise<void> {
  const end = Deadline.after(BACKGROUND_LINGER);
  while (unsent() > 0 && !end.expired) await setTimeout(SENT_CHECK);
}

function unsent(): number {
  const sockets = [...jobs.values()].flatMap(({ runtime }) => runtime.sockets.all());
  return unsentBytes(sockets.flatMap((socket) => (socket.kind === 'stream' ? socket.endpoint : [])));
}

/** What has changed about the job's sockets since it was last told. */
function changes({ runtime, told }: Hosted): { sockets: SocketFacts[]; gone: number[] } {
  const sockets: SocketFacts[] = [];
  for (const socket of runtime.sockets.all()) {
    const mark = socket.kind === 'stream' ? `${socket.state} ${hello(socket)}` : socket.kind;
    if (told.get(socket.number) === mark) continue;
    told.set(socket.number, mark);
    sockets.push(factsOf(socket, 'node'));
  }
  const gone = [...told.keys()].filter((number) => !runtime.sockets.has(number));
  for (const number of gone) told.delete(number);
  return { sockets, gone };
}
