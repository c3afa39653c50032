/** How a server stands: one attempt, what a second one in the other mode shows, and whether it can be injected into. */
import { Deadline } from '../core/deadline.ts';
import type { Op } from '../core/op.ts';
import type { Address } from '../net/endpoint.ts';
import type { Caller } from '../tcpx/index.ts';
import { GNUTLS_E } from '../tls/gnutls-errors.ts';
import { VERIFY_REASONS } from '../tls/verify.ts';
import { type Attempt, type AttemptSettings, attemptOp } from './attempt.ts';
import { ChannelError } from './channel.ts';
import { type InjectionReport, injectionOp } from './command-injection.ts';
import { DialogueError } from './dialogue-error.ts';
import { TLS } from './direct.ts';
import type { InjectionPolicy } from './injections.ts';
import { isUsable, type Outcome, type UpgradePolicy } from './negotiation.ts';
import { type Mode, type Target, targetOf } from './target.ts';
import { type Verdict, verdictOf } from './verdict.ts';
import { Wire } from './wire.ts';

export interface CheckSettings {
  readonly target: Target;
  readonly caller: Caller;
  readonly policy: UpgradePolicy;
  readonly injected: InjectionPolicy;
  /** For each connection, in ms. */
  readonly timeout: number;
  readonly observer: AttemptSettings['observer'];
  readonly connected?: (remote: Address) => void;
}

export interface InjectionSettings {
  /** Makes calls of a job whose TLS options name the server, since connections go to its address. */
  readonly caller: () => Caller;
  /** Hosts that may be attacked beside those of this machine. */
  readonly hosts: readonly string[];
}

export interface Examination extends Attempt {
  /** The target for which the port is meant, as a URL, where that is another mode. */
  readonly otherMode: string | null;
}

export interface CheckReport extends Omit<Examination, 'channel' | 'socket' | 'unread' | 'heard'> {
  readonly target: Target;
  readonly verdict: Verdict;
  /** What is wrong, in a sentence; empty when nothing is. */
  readonly reason: string;
  /** Null when it was not tried: the host was not named, the protocol has nothing to inject, or there was no upgrade. */
  readonly injection: readonly InjectionReport[] | null;
}

/** How long a second try and a leave may take, in ms. */
const SECOND_TRY = 5_000;
const LEAVE = 500;

/** One attempt; where it fails in a way that the wrong mode explains, a second one in the other mode. */
export function* examineOp(settings: CheckSettings): Op<Examination> {
  const { target, timeout } = settings;
  const attempt = yield* attemptOp({ kind: 'target', target, caller: settings.caller }, attemptSettings(settings));
  const other = otherModeOf(target);
  if (attempt.result.outcome === 'wrongMode') return { ...attempt, otherMode: other.url };
  if (!mayBeWrongMode(target.mode, attempt)) return { ...attempt, otherMode: null };
  const answers = yield* answersOp({ ...settings, target: other, timeout: Math.min(timeout, SECOND_TRY) });
  return { ...attempt, otherMode: answers ? other.url : null };
}

/** An examination, a leave, and the injection test where it is allowed. */
export function* checkOp(
  settings: CheckSettings,
  expiresWithin: number,
  injection: InjectionSettings | null,
): Op<CheckReport> {
  const examination = yield* examineOp(settings);
  yield* leaveOp(settings, examination);
  const reports = injection === null ? null : yield* testedOp(settings, examination, injection);
  return reportOf(settings.target, examination, reports, expiresWithin);
}

/** What an examination, and the injection test, come down to. */
export function reportOf(
  target: Target,
  examination: Examination,
  injection: readonly InjectionReport[] | null,
  expiresWithin: number,
): CheckReport {
  const { result, remote, otherMode } = examination;
  const injections = injection?.map((report) => report.result) ?? [];
  const verdict = verdictOf({ result, wrongMode: otherMode !== null, injections }, expiresWithin);
  const reason = reasonOf(verdict, examination, target);
  return { target, verdict, reason, result, remote, otherMode, injection };
}

/** Takes leave of an open connection, as far as the protocol has a way to, and closes it. */
export function* leaveOp(settings: CheckSettings, { channel, unread, result }: Attempt): Op<void> {
  if (channel === null) return;
  try {
    if (!isUsable(result.outcome)) return;
    const wire = new Wire(channel, { until: Deadline.after(LEAVE), unread, observer: settings.observer });
    yield* settings.target.dialect.client.leaveOp(wire);
  } catch (error) {
    // It was good until here; how it ends is of no interest.
    if (!(error instanceof DialogueError || error instanceof ChannelError)) throw error;
  } finally {
    yield* channel.closeOp();
  }
}

function attemptSettings({ target, timeout, ...settings }: CheckSettings): AttemptSettings {
  const { dialect, parties } = target;
  return { ...settings, dialect, parties, renew: true, until: Deadline.after(timeout) };
}

/** Failures before anything was understood, each of which the other mode may explain. */
const UNCLEAR: Readonly<Record<Mode, ReadonlySet<Outcome>>> = {
  upgrade: new Set(['timeout', 'closed', 'malformed']),
  direct: new Set(['timeout', 'closed']),
};
/** A handshake that a broken connection ended; any other that fails was with somebody who speaks TLS. */
const BROKEN: ReadonlySet<number> = new Set([GNUTLS_E.PULL_ERROR, GNUTLS_E.PUSH_ERROR]);

function mayBeWrongMode(mode: Mode, { result, heard }: Attempt): boolean {
  const { outcome, status, timings } = result;
  // A server that has answered the opening, or the trigger, speaks the protocol: it fails for reasons of its own.
  const early = !heard || (mode === 'upgrade' && timings.request === null);
  const broken = mode === 'direct' && outcome === 'handshake' && BROKEN.has(status);
  return early && (broken || UNCLEAR[mode].has(outcome));
}

/** The same port, the other way. A protocol that knows only one is tried with plain TLS. */
function otherModeOf(target: Target): Target {
  if (target.mode === 'direct') {
    // A query that asks for TLS at once would win over the mode.
    const url = target.url.replace(/\?.*$/s, '');
    return target.dialect.scheme === null ? target : targetOf(url, { mode: 'upgrade' });
  }
  const direct = targetOf(target.url, { mode: 'direct' });
  return direct.dialect.directScheme === null && direct.url === target.url
    ? { ...targetOf(`${hostText(target)}:${target.port}`, { proto: 'tls' }), alpn: target.dialect.alpn }
    : direct;
}

function hostText({ host }: Target): string {
  return host.includes(':') ? `[${host}]` : host;
}

/**
 * Whether the other mode is understood, whatever comes of it: a certificate that does not verify is TLS too. A protocol in
 * which servers say nothing of their own accord is asked for TLS, because only an answer shows that somebody speaks it.
 */
function* answersOp(settings: CheckSettings): Op<boolean> {
  const { target, timeout, caller } = settings;
  const { mode, parties } = target;
  if (mode === 'upgrade' && target.dialect.scheme === null) return false;
  const dialect = mode === 'direct' ? TLS : target.dialect;
  const attempt = yield* attemptOp(
    { kind: 'target', target, caller },
    {
      ...attemptSettings(settings),
      policy: 'prefer',
      renew: false,
      observer: null,
      dialect,
      parties,
      until: Deadline.after(timeout),
    },
  );
  if (attempt.channel !== null) yield* attempt.channel.closeOp();
  const { outcome, status, reply } = attempt.result;
  // Whoever sends an alert speaks TLS.
  return mode === 'upgrade'
    ? attempt.heard && (outcome === 'clear' || reply !== null)
    : outcome === 'direct' || outcome === 'unverified' || status === GNUTLS_E.FATAL_ALERT_RECEIVED;
}

function* testedOp(
  settings: CheckSettings,
  { result, remote }: Examination,
  { caller, hosts }: InjectionSettings,
): Op<readonly InjectionReport[] | null> {
  const { target, timeout } = settings;
  if (result.outcome !== 'upgraded') return null;
  if (!mayInject(remote.host, target.host, hosts)) return null;
  return yield* injectionOp({ target, caller: caller(), address: remote.host, timeout });
}

/** Only this machine, and hosts that somebody has named, are sent commands that they should not execute. */
export function mayInject(address: string, host: string, named: readonly string[]): boolean {
  return isLoopback(address) || named.some((name) => name.toLowerCase() === host.toLowerCase());
}

/** RFC 1122 §3.2.1.3, RFC 4291 §2.5.3. */
function isLoopback(address: string): boolean {
  return /^(?:::ffff:)?127\./.test(address) || address === '::1';
}

function reasonOf(verdict: Verdict, { result, otherMode }: Examination, target: Target): string {
  if (verdict === 'wrong-mode') {
    return target.mode === 'direct'
      ? `this port speaks plaintext, use STARTTLS${otherMode === target.url ? '' : `: ${otherMode}`}`
      : `this port expects TLS first: ${otherMode}`;
  }
  if (verdict !== 'unverified') return result.reason;
  const [own] = result.chain;
  const why = result.verifyReasons.map((reason) => VERIFY_REASONS[reason]).join('; ');
  return own === undefined ? why : `${why} (${own.subject}, valid to ${own.validTo.slice(0, 10)})`;
}
