/**
 * Whether a server executes commands that somebody injects in clear ahead of TLS (reference starttls-protocols §4).
 *
 * Each vector takes a connection of its own. What is injected is harmless; what gives it away is its answer, which then
 * comes inside TLS: ahead of, or in place of, the answer to what is asked there.
 *
 *   whole line     STARTTLS⏎NOOP⏎      <TLS> EHLO⏎     executed: one answer too many
 *   half line      STARTTLS⏎NOOP␠      <TLS> EHLO⏎     glued together: the answer to NOOP EHLO
 *   next segment   STARTTLS⏎ 220 NOOP⏎ <TLS>           TLS has to fail on it
 */
import { asBuffer } from '../core/bytes.ts';
import { Deadline } from '../core/deadline.ts';
import type { Op } from '../core/op.ts';
import type { Caller } from '../tcpx/index.ts';
import type { TlsInfo } from '../tls/info.ts';
import { type Channel, ChannelError, type Role } from './channel.ts';
import { INJECTION_PROBES, type InjectionProbe } from './injection-probes.ts';
import type { Target } from './target.ts';
import { DialogueError, type DialogueFault, type Exchange, Wire } from './wire.ts';
import { XcallChannel } from './xcall-channel.ts';

export type InjectionVector = 'whole line' | 'half line' | 'next segment';

export const INJECTION_VECTORS: readonly InjectionVector[] = ['whole line', 'half line', 'next segment'];

/**
 * `executed`: it was answered inside TLS. `dropped`: it left no trace. `refused`: there was no way to TLS with it, because
 * the server ended the connection, said no, or said in clear what does not belong there: a complaint, or an answer that
 * nobody takes for one inside TLS. `unclear`: the server behaved in none of these ways.
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
  /** What the server told inside TLS when nothing was injected. */
  readonly control: readonly string[] | null;
  /** For each connection, in ms. */
  readonly timeout: number;
}

/** How long an answer that should not come is waited for, in ms: it is on its way already when ours has come. */
const STRAGGLER = 300;

/** Tries every vector; null for a protocol in which nothing harmless can be injected. */
export function* injectionOp(test: InjectionTest): Op<readonly InjectionReport[] | null> {
  const probe = INJECTION_PROBES[test.target.dialect.name] ?? null;
  if (probe === null) return null;
  const reports: InjectionReport[] = [];
  for (const vector of INJECTION_VECTORS) {
    const { parties } = test.target;
    const payload = vector === 'half line' ? probe.half(parties) : probe.command(parties);
    if (payload !== null) reports.push({ vector, result: yield* vectorOp(test, probe, vector, payload) });
  }
  return reports;
}

function* vectorOp(
  test: InjectionTest,
  probe: InjectionProbe,
  vector: InjectionVector,
  payload: Uint8Array,
): Op<InjectionResult> {
  const until = Deadline.after(test.timeout);
  let channel: XcallChannel;
  try {
    channel = yield* XcallChannel.connectOp(test.caller, test.address, test.target.port, 'starttls', until);
  } catch (error) {
    if (error instanceof ChannelError) return 'unclear';
    throw error;
  }
  const listener = new Listener(probe);
  const injecting = new InjectingChannel(channel, payload);
  const wire = new Wire(injecting, { until, observer: (exchange) => listener.note(exchange) });
  try {
    return yield* outcomeOp(test, probe, vector, wire, injecting, listener);
  } catch (error) {
    if (error instanceof DialogueError) return FAULT_RESULTS[error.fault];
    if (error instanceof ChannelError) return 'refused';
    throw error;
  } finally {
    yield* channel.closeOp();
  }
}

/** What a dialogue says that breaks off ahead of TLS. */
const FAULT_RESULTS: Readonly<Record<DialogueFault, InjectionResult>> = {
  injected: 'refused',
  closed: 'refused',
  refused: 'refused',
  malformed: 'refused',
  wrongMode: 'refused',
  timeout: 'unclear',
};

function* outcomeOp(
  { target, control }: InjectionTest,
  probe: InjectionProbe,
  vector: InjectionVector,
  wire: Wire,
  injecting: InjectingChannel,
  listener: Listener,
): Op<InjectionResult> {
  const { dialect, parties } = target;
  const { client } = dialect;
  wire.awaitReply();
  yield* client.openOp(wire, parties);
  injecting.arm(vector === 'next segment' ? 'ahead of TLS' : 'behind the next command');
  const reply = yield* client.requestOp(wire, parties);
  if (!reply.accepted) return 'refused';
  yield* wire.upgradeOp();
  const expected = control !== null && control.length > 0;
  const answer = yield* answerOp(probe, wire, client.renewOp(wire, parties), expected);
  const more = yield* stragglerOp(wire);
  if (more !== null && probe.complaint?.test(more) === true) return 'refused';
  if (listener.heard || more !== null) return 'executed';
  if (answer === 'as usual') return 'dropped';
  return answer === 'otherwise' && vector === 'half line' ? 'executed' : 'unclear';
}

/** How the server answers what is asked inside TLS. */
type Answer = 'as usual' | 'otherwise' | 'closed';

function* answerOp(
  { ask }: InjectionProbe,
  wire: Wire,
  renewOp: Op<readonly string[] | null>,
  expected: boolean,
): Op<Answer> {
  try {
    const capabilities = yield* renewOp;
    if (expected && (capabilities === null || capabilities.length === 0)) return 'otherwise';
    if (ask === undefined) return 'as usual';
    yield* wire.commandOp(ask.command);
    return ask.answer.test(yield* wire.lineOp()) ? 'as usual' : 'otherwise';
  } catch (error) {
    if (!(error instanceof DialogueError)) throw error;
    if (error.fault === 'closed') return 'closed';
    if (error.fault === 'refused' || error.fault === 'malformed') return 'otherwise';
    throw error;
  }
}

/** What comes beyond what was asked for, Latin-1; null for nothing. */
function* stragglerOp(wire: Wire): Op<string | null> {
  wire.awaitReply(STRAGGLER);
  try {
    const bytes = yield* wire.anyOp();
    return bytes === null ? null : asBuffer(bytes).toString('latin1');
  } catch (error) {
    if (error instanceof DialogueError && error.fault === 'timeout') return null;
    throw error;
  }
}

/** Watches for an answer that names what was injected. */
class Listener {
  heard = false;
  readonly #marker: string | undefined;

  constructor({ marker }: InjectionProbe) {
    this.#marker = marker;
  }

  note({ from, encrypted, bytes }: Exchange): void {
    if (this.#marker === undefined || from !== 'server' || !encrypted) return;
    if (Buffer.from(bytes).includes(this.#marker, 0, 'latin1')) this.heard = true;
  }
}

/** Says more than the dialogue does. */
class InjectingChannel implements Channel {
  readonly #channel: Channel;
  readonly #payload: Uint8Array;
  #armed: 'behind the next command' | 'ahead of TLS' | null = null;

  constructor(channel: Channel, payload: Uint8Array) {
    this.#channel = channel;
    this.#payload = payload;
  }

  arm(place: 'behind the next command' | 'ahead of TLS'): void {
    this.#armed = place;
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
    if (this.#armed !== 'behind the next command') return this.#channel.sendOp(bytes, until);
    this.#armed = null;
    return this.#channel.sendOp(Buffer.concat([bytes, this.#payload]), until);
  }

  *upgradeOp(role: Role, until: Deadline): Op<TlsInfo> {
    if (this.#armed === 'ahead of TLS') yield* this.#channel.sendOp(this.#payload, until);
    this.#armed = null;
    return yield* this.#channel.upgradeOp(role, until);
  }

  closeOp(): Op<void> {
    return this.#channel.closeOp();
  }
}
