/**
 * Whether a server executes commands that somebody injects in clear ahead of TLS (reference starttls-protocols §4).
 *
 * Each vector takes a connection of its own, and so does the control, on which nothing is injected. What is injected is
 * harmless; what gives it away are the answers inside TLS, compared with those of the control: one too many, or another
 * one in place of the answer to what is asked there. What the answers mean, and what the server can do, does not matter.
 *
 *   control                            <TLS> QUIT⏎     221
 *   whole line     STARTTLS⏎NOOP⏎      <TLS> QUIT⏎     executed: 250, 221
 *   half line      STARTTLS⏎NOOP       <TLS> QUIT⏎     executed: glued together, the answer to NOOPQUIT
 *   next segment   STARTTLS⏎ 220 NOOP⏎ <TLS>           TLS has to fail on it
 */
import { asBuffer } from '../core/bytes.ts';
import { Deadline } from '../core/deadline.ts';
import type { Op } from '../core/op.ts';
import type { Caller } from '../tcpx/index.ts';
import type { TlsInfo } from '../tls/info.ts';
import { type Channel, ChannelError, type Role } from './channel.ts';
import { DialogueError } from './dialogue-error.ts';
import { INJECTION_PROBES, type InjectionProbe } from './injection-probes.ts';
import type { Target } from './target.ts';
import { Wire } from './wire.ts';
import { XcallChannel } from './xcall-channel.ts';

export type InjectionVector = 'whole line' | 'half line' | 'next segment';

export const INJECTION_VECTORS: readonly InjectionVector[] = ['whole line', 'half line', 'next segment'];

/**
 * `executed`: it was answered inside TLS. `dropped`: the answers are those of a connection without it, and would not be if
 * it had been executed. `refused`: there was no way to TLS with it, because the server ended the connection, said no, or
 * said in clear what does not belong there: a complaint, or an answer that nobody takes for one inside TLS. `unclear`: the
 * server behaved in none of these ways, or in one that proves nothing.
 */
export type InjectionResult = 'executed' | 'dropped' | 'refused' | 'unclear';

export interface InjectionReport {
  readonly vector: InjectionVector;
  readonly result: InjectionResult;
}

export interface InjectionTest {
  readonly target: Target;
  /** Of a job whose TLS options name the server: connections go to the address. */
  readonly caller: Caller;
  /** The address that was found to be loopback, or to belong to a host that may be attacked. */
  readonly address: string;
  /** For each connection, in ms. */
  readonly timeout: number;
}

/** How long the first answer inside TLS may take, and how long what follows an answer, in ms. */
const FIRST_ANSWER = 5_000;
const NEXT_ANSWER = 1_000;
/** More characters than any server has to say here. */
const MOST_SAID = 65_536;

/** Tries every vector; null for a protocol in which nothing harmless can be injected. */
export function* injectionOp(test: InjectionTest): Op<readonly InjectionReport[] | null> {
  const probe = INJECTION_PROBES[test.target.dialect.name] ?? null;
  if (probe === null) return null;
  const control = yield* connectionOp(test, probe, null);
  const reports: InjectionReport[] = [];
  for (const vector of INJECTION_VECTORS) {
    const { parties } = test.target;
    const payload = vector === 'half line' ? probe.half(parties) : probe.command(parties);
    if (payload === null) continue;
    const place = vector === 'next segment' ? 'ahead of TLS' : 'behind the next command';
    const heard = yield* connectionOp(test, probe, { payload, place });
    const result = typeof heard === 'string' ? heard : compared(vector, probe, heard, control);
    reports.push({ vector, result });
  }
  return reports;
}

/** What a server said inside TLS. */
interface Heard {
  readonly answers: readonly string[];
  /** Whether it has ended the connection behind them. */
  readonly ended: boolean;
}

/** What is injected, and where. */
interface Payload {
  readonly payload: Uint8Array;
  readonly place: 'behind the next command' | 'ahead of TLS';
}

/** How a connection went that did not come to TLS. */
type Failure = Extract<InjectionResult, 'refused' | 'unclear'>;

function compared(
  vector: InjectionVector,
  probe: InjectionProbe,
  { answers, ended }: Heard,
  control: Heard | Failure,
): InjectionResult {
  if (typeof control === 'string') return 'unclear';
  const { answers: usual } = control;
  if (answers.length <= usual.length && answers.every((answer, index) => answer === usual[index])) {
    const all = answers.length === usual.length && (ended || !control.ended);
    // A question that is not understood is answered like what is glued together.
    const telling = probe.understood === null || probe.understood.test(usual.join(' '));
    return all && telling ? 'dropped' : 'unclear';
  }
  if (probe.complaint?.test(answers[0] ?? '') === true) return 'refused';
  // Half a line swallows the question; behind a whole one it is answered still, or something else is the matter.
  return vector === 'half line' || answers.length > usual.length ? 'executed' : 'unclear';
}

function* connectionOp(
  { target, caller, address, timeout }: InjectionTest,
  probe: InjectionProbe,
  injected: Payload | null,
): Op<Heard | Failure> {
  const until = Deadline.after(timeout);
  let channel: XcallChannel;
  try {
    channel = yield* XcallChannel.connectOp(caller, address, target.port, 'starttls', until);
  } catch (error) {
    if (error instanceof ChannelError) return 'unclear';
    throw error;
  }
  const injecting = new InjectingChannel(channel);
  const wire = new Wire(injecting, { until });
  try {
    const accepted = yield* upgradeOp(target, wire, injecting, injected);
    return accepted ? yield* hearOp(wire, probe, target) : failureOf(injecting);
  } catch (error) {
    if (error instanceof DialogueError) return error.fault === 'timeout' ? 'unclear' : failureOf(injecting);
    if (error instanceof ChannelError) return failureOf(injecting);
    throw error;
  } finally {
    yield* channel.closeOp();
  }
}

/** A server that has not been told anything it should refuse has other reasons. */
function failureOf({ injected }: InjectingChannel): Failure {
  return injected ? 'refused' : 'unclear';
}

/** False when the server refuses to. */
function* upgradeOp(
  { dialect, parties }: Target,
  wire: Wire,
  injecting: InjectingChannel,
  injected: Payload | null,
): Op<boolean> {
  const { client } = dialect;
  wire.awaitReply();
  yield* client.openOp(wire, parties);
  if (injected !== null) injecting.arm(injected);
  const reply = yield* client.requestOp(wire, parties);
  if (reply.accepted) yield* wire.upgradeOp();
  return reply.accepted;
}

/** Asks, and listens until the server has ended the connection or has no more to say. */
function* hearOp(wire: Wire, probe: InjectionProbe, { parties }: Target): Op<Heard> {
  let said = '';
  let answers: readonly string[] = [];
  try {
    yield* wire.sendOp(probe.question(parties));
    while (said.length < MOST_SAID) {
      wire.awaitReply(answers.length === 0 && probe.understood !== null ? FIRST_ANSWER : NEXT_ANSWER);
      const bytes = yield* wire.anyOp();
      if (bytes === null) return { answers, ended: true };
      said += asBuffer(bytes).toString('latin1');
      answers = probe.answers(said);
    }
  } catch (error) {
    // However rudely it ends: what counts was said before.
    if (error instanceof ChannelError) return { answers, ended: true };
    if (!(error instanceof DialogueError && error.fault === 'timeout')) throw error;
  }
  return { answers, ended: false };
}

/** Says more than the dialogue does. */
class InjectingChannel implements Channel {
  readonly #channel: Channel;
  #armed: Payload | null = null;
  #injected = false;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  arm(payload: Payload): void {
    this.#armed = payload;
  }

  /** Whether it has. */
  get injected(): boolean {
    return this.#injected;
  }

  get tls(): TlsInfo | null {
    return this.#channel.tls;
  }

  receiveOp(until: Deadline, most?: number): Op<Uint8Array | 'timeout'> {
    return this.#channel.receiveOp(until, most);
  }

  helloOp(until: Deadline): Op<boolean | 'timeout'> {
    return this.#channel.helloOp(until);
  }

  sendOp(bytes: Uint8Array, until: Deadline): Op<'sent' | 'timeout'> {
    const payload = this.#take('behind the next command');
    return this.#channel.sendOp(payload === null ? bytes : Buffer.concat([bytes, payload]), until);
  }

  *upgradeOp(role: Role, until: Deadline): Op<TlsInfo> {
    const payload = this.#take('ahead of TLS');
    if (payload !== null) yield* this.#channel.sendOp(payload, until);
    return yield* this.#channel.upgradeOp(role, until);
  }

  closeOp(): Op<void> {
    return this.#channel.closeOp();
  }

  /** What is to be injected at this place, once. */
  #take(place: Payload['place']): Uint8Array | null {
    if (this.#armed?.place !== place) return null;
    const { payload } = this.#armed;
    this.#armed = null;
    this.#injected = true;
    return payload;
  }
}
