/**
 * The client's way from clear text to TLS, the same for every dialect: policy, injection, deadlines and what comes of
 * them. The ten rules of reference starttls-protocols §2 hold here or in the {@link Wire}, so that no dialect can forget one.
 */
import { CancelledError, ProtocolError } from '../core/errors.ts';
import type { Op } from '../core/op.ts';
import { describeChain } from '../tls/certificate.ts';
import { GNUTLS_E } from '../tls/gnutls-errors.ts';
import type { RefusedPeer, TlsInfo } from '../tls/info.ts';
import { describeStaple } from '../tls/ocsp.ts';
import { ChannelError, type Stray } from './channel.ts';
import type { Dialect, Opening, Parties, Reply } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import { isUsable, type Negotiation, type Outcome, type Timings, type UpgradePolicy } from './negotiation.ts';
import { printable } from './quoted.ts';
import type { Wire } from './wire.ts';

export interface NegotiateOptions {
  /** Default `require`. */
  readonly policy?: UpgradePolicy;
  /** How long the connection took to make, in ms, for the timings. */
  readonly connect?: number;
  /** Whether to ask again inside TLS for what was said in clear. Default true. */
  readonly renew?: boolean;
}

/** How long a refused server gets to take leave, in ms. */
const LEAVE_PATIENCE = 500;

/** What grows while the dialogue goes on. */
interface Draft {
  opening: Opening | null;
  reply: Reply | null;
  renewed: readonly string[] | null;
  triggered: boolean;
  stray: Stray | null;
  /** Plaintext was refused that nobody could count. */
  uncounted: boolean;
  refusedPeer: RefusedPeer | null;
  timings: { -readonly [name in keyof Timings]: Timings[name] };
}

/** How it ended; the fields of {@link Negotiation}. */
type Ending = Pick<Negotiation, 'outcome' | 'reason' | 'status'>;

/** Ends a negotiation early, with its outcome. */
class Ended extends ProtocolError {
  readonly outcome: Outcome;
  constructor(outcome: Outcome, reason: string) {
    super(reason);
    this.outcome = outcome;
  }
}

/**
 * Speaks the dialect on a connection that has just been made, in clear or, when it is encrypted already, inside direct
 * TLS. Whatever comes of it is a value; after an outcome that is not usable the connection is closed.
 *
 * @throws CancelledError, and what is a bug
 */
export function* negotiateOp(
  dialect: Dialect,
  wire: Wire,
  parties: Parties,
  { policy = 'require', connect, renew = true }: NegotiateOptions = {},
): Op<Negotiation> {
  const draft = newDraft(connect ?? null);
  let ending: Ending;
  try {
    ending = yield* wire.encrypted
      ? insideOp(dialect, wire, parties, draft)
      : upgradeOp(dialect, wire, parties, policy, renew, draft);
  } catch (error) {
    if (error instanceof CancelledError) {
      yield* wire.channel.closeOp();
      throw error;
    }
    const failure = failureOf(error, wire);
    ending = failure;
    if (error instanceof DialogueError) {
      draft.stray = error.stray;
      draft.uncounted = error.fault === 'injected' && error.stray === null;
    }
    if (error instanceof ChannelError) draft.refusedPeer = error.refusedPeer;
    if (failure.polite) yield* leaveOp(dialect, wire);
    yield* wire.channel.closeOp();
  }
  draft.stray ??= wire.dropped;
  const tls = isUsable(ending.outcome) ? wire.channel.tls : null;
  return { ...negotiation(dialect, policy, draft, ending, tls), roundTrips: wire.roundTrips };
}

/** What comes of a connection that could not be made: nothing was said on it, or nothing but a handshake that failed. */
export function unconnected(
  dialect: Dialect,
  policy: UpgradePolicy,
  error: ChannelError,
  connect: number,
): Negotiation {
  const { status, origin, message: reason, refusedPeer } = error;
  const outcome = channelOutcome(error);
  const ending = {
    outcome: outcome === 'closed' && origin !== 'tls' ? 'unreachable' : outcome,
    reason,
    status,
  } as const;
  return negotiation(dialect, policy, { ...newDraft(connect), refusedPeer }, ending, null);
}

function newDraft(connect: number | null): Draft {
  return {
    opening: null,
    reply: null,
    renewed: null,
    triggered: false,
    stray: null,
    uncounted: false,
    refusedPeer: null,
    timings: { connect, open: null, request: null, handshake: null, renew: null },
  };
}

function negotiation(
  dialect: Dialect,
  policy: UpgradePolicy,
  draft: Draft,
  { outcome, reason, status }: Ending,
  tls: TlsInfo | null,
): Negotiation {
  const { opening, stray, uncounted, refusedPeer } = draft;
  const inside = outcome === 'direct';
  return {
    dialect: dialect.name,
    outcome,
    policy,
    reason,
    status,
    greeting: opening?.greeting ?? '',
    preTlsCapabilities: inside ? [] : (opening?.capabilities ?? []),
    postTlsCapabilities: inside ? (opening?.capabilities ?? null) : draft.renewed,
    trigger: draft.triggered ? dialect.client.trigger : null,
    reply: draft.reply,
    discardedBytes: uncounted ? null : (stray?.count ?? 0),
    discardedSample: Buffer.from(stray?.head ?? []).toString('hex'),
    stateReset: outcome === 'upgraded' ? forgotten(opening) : [],
    credentialsInClear: opening === null || inside ? null : dialect.client.credentialsInClear(opening),
    roundTrips: 0,
    timings: draft.timings,
    tls,
    chain: describeChain((tls?.peer ?? refusedPeer)?.chain ?? []),
    ocsp: tls?.ocsp ? describeStaple(tls.ocsp) : null,
    verifyReasons: refusedPeer?.reasons ?? tls?.verify.reasons ?? [],
  };
}

function* insideOp(dialect: Dialect, wire: Wire, parties: Parties, draft: Draft): Op<Ending> {
  draft.opening = yield* timedOp(wire, draft, 'open', dialect.client.openOp(wire, parties));
  return well('direct');
}

function* upgradeOp(
  dialect: Dialect,
  wire: Wire,
  parties: Parties,
  policy: UpgradePolicy,
  renew: boolean,
  draft: Draft,
): Op<Ending> {
  const { client, title } = dialect;
  wire.awaitReply();
  const opening = yield* timedOp(wire, draft, 'open', client.openOp(wire, parties));
  draft.opening = opening;
  // Where the client begins with the trigger there was no opening.
  if (wire.head.length === 0) draft.timings.open = null;
  if (policy === 'never') return well('clear');
  const obstacle = obstacleOf(opening, client.trigger, title);
  if (obstacle !== null) return withoutTls(obstacle, policy);
  draft.triggered = true;
  const reply = yield* timedOp(wire, draft, 'request', client.requestOp(wire, parties));
  draft.reply = reply;
  if (!reply.accepted) {
    const said = printable(`${reply.code} ${reply.text}`.trim());
    const ended = new Ended('refused', `the server refuses ${client.trigger}: ${said}`);
    return withoutTls(ended, reply.final === true ? 'require' : policy);
  }
  yield* timedOp(wire, draft, 'handshake', wire.upgradeOp());
  if (renew) draft.renewed = yield* timedOp(wire, draft, 'renew', client.renewOp(wire, parties));
  if (draft.renewed === null) draft.timings.renew = null;
  return well('upgraded');
}

/** Why the trigger need not be tried; null when it is worth it. */
function obstacleOf({ obstacle, offer, suspicion, instead }: Opening, trigger: string, title: string): Ended | null {
  if (obstacle !== null) {
    return new Ended(obstacle, 'the server says that the user is logged in already, which forbids an upgrade');
  }
  if (offer !== 'missing') return null;
  const reason = `${title}: the server does not offer ${trigger}${instead === undefined ? '' : `; ${instead}`}`;
  return suspicion === null
    ? new Ended('notOffered', reason)
    : new Ended('strippedSuspected', `${reason}, and ${suspicion}`);
}

/** The connection stays in clear, where the policy allows it. */
function withoutTls(ended: Ended, policy: UpgradePolicy): Ending {
  if (policy === 'require') throw ended;
  return { outcome: 'clear', reason: ended.message, status: 0 };
}

function well(outcome: Outcome): Ending {
  return { outcome, reason: '', status: 0 };
}

function* timedOp<T>(wire: Wire, draft: Draft, phase: keyof Timings, op: Op<T>): Op<T> {
  const { clock } = wire.until;
  const began = clock();
  try {
    return yield* op;
  } finally {
    draft.timings[phase] = clock() - began;
  }
}

interface Failure extends Ending {
  /** Whether the connection is still in a state in which leave can be taken. */
  readonly polite: boolean;
}

function failureOf(error: unknown, wire: Wire): Failure {
  if (error instanceof Ended) {
    const { outcome, message: reason } = error;
    // Nothing more is said to somebody who may be anybody.
    return { outcome, reason, status: 0, polite: outcome !== 'unverified' };
  }
  if (error instanceof DialogueError) {
    const { fault, message: reason } = error;
    if (fault !== 'injected' && !wire.encrypted && startsRecord(wire.head)) {
      return { outcome: 'wrongMode', reason: 'this port expects TLS from the first byte', status: 0, polite: false };
    }
    return { outcome: fault, reason, status: 0, polite: fault === 'refused' };
  }
  if (error instanceof ChannelError) {
    const { status, message: reason } = error;
    const outcome = channelOutcome(error);
    // Inside TLS there is no wrong mode any more: somebody has broken the session.
    return { outcome: wire.encrypted && outcome === 'wrongMode' ? 'closed' : outcome, reason, status, polite: false };
  }
  throw error;
}

/** What becomes of a connection whose channel fails. */
export type ChannelOutcome = Extract<Outcome, 'unverified' | 'handshake' | 'wrongMode' | 'timeout' | 'closed'>;

const TLS_OUTCOMES: ReadonlyMap<number, ChannelOutcome> = new Map([
  [GNUTLS_E.CERTIFICATE_VERIFICATION_ERROR, 'unverified'],
  [GNUTLS_E.CERTIFICATE_ERROR, 'unverified'],
  [GNUTLS_E.TIMEDOUT, 'timeout'],
  [GNUTLS_E.PREMATURE_TERMINATION, 'closed'],
]);
/** EAGAIN, ETIMEDOUT: Linux and Windows numbers. */
const TIMEOUTS: ReadonlySet<number> = new Set([-11, -110, -10035, -10060]);

/** The outcome that a channel's failure stands for, on a connection on which nothing was said before. */
export function channelOutcome({ status, origin, metPlaintext }: ChannelError): ChannelOutcome {
  if (metPlaintext) return 'wrongMode';
  if (origin === 'tls') return TLS_OUTCOMES.get(status) ?? 'handshake';
  return TIMEOUTS.has(status) ? 'timeout' : 'closed';
}

/** TLS records begin with their type: 21 is an alert, 22 a handshake message; then comes version 3, if it was read. */
function startsRecord(head: Uint8Array): boolean {
  return (head[0] === 21 || head[0] === 22) && (head.length === 1 || head[1] === 3);
}

function* leaveOp(dialect: Dialect, wire: Wire): Op<void> {
  try {
    wire.awaitReply(LEAVE_PATIENCE);
    yield* dialect.client.leaveOp(wire);
  } catch (error) {
    // The connection is closed either way.
    if (!(error instanceof DialogueError || error instanceof ChannelError)) throw error;
  }
}

function forgotten(opening: Opening | null): readonly string[] {
  if (opening === null) return [];
  const names: string[] = [];
  if (opening.greeting !== '') names.push('greeting');
  if (opening.capabilities.length > 0) names.push('capabilities');
  return names;
}
