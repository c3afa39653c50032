/** One message over a connection of its own: from the lock to QUIT, and what came of it. */
import { CancelledError } from '../core/errors.ts';
import type { Op } from '../core/op.ts';
import { DialogueError } from '../starttls/dialogue-error.ts';
import type { Caller, CallMode, EngineName, TlsInfo } from '../tcpx/index.ts';
import { type Connection, type ConnectionPlan, connectOp, isPolite, leaveOp } from './connection.ts';
import type { ConnLock } from './connlock.ts';
import { EmailxError } from './error.ts';
import { failureOf, isSilence } from './failure.ts';
import type { MailContent } from './mail-content.ts';
import { MailError, type MailFailure, mailErrorMessage, type ServerReply } from './mail-error.ts';
import type { DeliverySettings } from './mail-options.ts';
import { messagePayload } from './payload.ts';
import { Redactor } from './redactor.ts';
import type { MechanismName } from './sasl.ts';
import { SmtpRefusal } from './smtp-session.ts';
import { readable } from './text.ts';
import { newProgress, type Progress, type RefusedRecipient, transactOp } from './transaction.ts';
import { portSpeech } from './wrong-mode.ts';

/** What came of a message that the server has taken responsibility for. */
export interface SentMail {
  readonly accepted: readonly string[];
  /** Recipients that the server refused while it took the message for the others, with the option `partial`. */
  readonly rejected: readonly RefusedRecipient[];
  /** The reply with which the server took responsibility. */
  readonly reply: ServerReply;
  /** Octets of the message. */
  readonly size: number;
  /** The Message-ID, with its brackets; null for a complete message. */
  readonly messageId: string | null;
  /** The facts of the session; null in clear. */
  readonly tls: TlsInfo | null;
  readonly engine: EngineName;
  readonly authenticated: MechanismName | null;
}

/** How far a delivery got, for whoever has to explain its end. */
interface Course {
  readonly progress: Progress;
  readonly redactor: Redactor;
  tls: TlsInfo | null;
}

/** @throws MailError; UsageError and what `onProgress` throws */
export function* deliverOp(
  settings: DeliverySettings,
  content: MailContent,
  caller: Caller,
  engine: EngineName,
): Op<SentMail> {
  const course: Course = { progress: newProgress(), redactor: new Redactor(), tls: null };
  const { log, lockOp, until, patience } = settings;
  let lock: ConnLock | null = null;
  let connection: Connection | null = null;
  try {
    if (lockOp !== null) lock = yield* lockOp(until.atMost(patience));
    connection = yield* connectOp(caller, planOf(settings, course));
    const sent = yield* sendOp(connection, settings, content, caller.mode, course);
    yield* leaveOp(connection.wire, course.progress.quitSent);
    log?.message({ ...content.envelope, status: 0, text: sent.reply.text });
    return { ...sent, tls: course.tls, engine, messageId: content.messageId };
  } catch (error) {
    const failure = failureFacts(error, settings, caller, course);
    log?.message({ ...content.envelope, status: failure.status, text: failure.reason });
    log?.error(failure.status, failure.reason);
    const { sessionUsable, quitSent } = course.progress;
    if (connection !== null && sessionUsable && isPolite(error)) yield* leaveOp(connection.wire, quitSent);
    throw new MailError(mailErrorMessage(failure), failure, { cause: causeOf(error, course.redactor) });
  } finally {
    if (connection !== null) yield* connection.channel.closeOp();
    lock?.release();
  }
}

function planOf(settings: DeliverySettings, course: Course): ConnectionPlan {
  const { server, tls, host, auth, clearAuth, secondHello, until, patience, injected, log, observer } = settings;
  return {
    server,
    security: tls === 'implicit' ? 'tls' : tls === 'never' ? 'plain' : 'starttls',
    opening: {
      host,
      startTlsOptional: tls === 'prefer',
      secondHello,
      heloFallback: true,
      auth,
      clearAuth,
      secret: (text) => course.redactor.add(text),
      secured: (facts) => {
        course.tls = facts;
        log?.step(`${facts.version} ${facts.suite}, peer ${facts.peer?.subject ?? 'unknown'}`);
      },
    },
    until,
    patience,
    injected,
    observer,
    conceal: (text) => course.redactor.apply(text),
    connected: () => log?.step(`connected to ${server.host} port ${server.port}`),
  };
}

function* sendOp(
  { wire, smtp }: Connection,
  { partial, pipelining, dataPatience, finalPatience, onProgress }: DeliverySettings,
  { message, envelope }: MailContent,
  mode: CallMode,
  { progress, redactor }: Course,
): Op<Pick<SentMail, 'accepted' | 'rejected' | 'reply' | 'size' | 'authenticated'>> {
  const payload = messagePayload(message, smtp, mode);
  const total = payload.size ?? message.size;
  let octets = 0;
  const sent = (count: number) => {
    octets += count;
    onProgress?.(octets, total);
  };
  const progressing = onProgress === null ? {} : { sent };
  const waits = { dataWait: dataPatience, finalWait: finalPatience };
  const options = { partial, pipelining, ...waits, last: true, ...progressing };
  const { accepted, refused, reply } = yield* transactOp(wire, smtp, envelope, payload, options, progress);
  return {
    accepted: accepted.map(readable),
    rejected: refused.map((recipient) => shownRecipient(recipient, redactor)),
    reply: { code: reply.code, text: readable(redactor.apply(reply.lines.join(' '))) },
    size: total,
    authenticated: smtp.authenticated,
  };
}

/** Throws what is neither the server's, the network's nor a file's. */
function failureFacts(
  error: unknown,
  { until, timeout }: DeliverySettings,
  caller: Caller,
  { progress, redactor, tls }: Course,
): MailFailure {
  const { status, text } = failureOf(error, caller);
  const isRefusal = error instanceof SmtpRefusal;
  const late = timeout !== null && until.expired && !isRefusal && !(error instanceof CancelledError);
  const why = isRefusal ? error.message : text;
  return {
    status,
    reason: readable(redactor.apply(late ? `the ${timeout} ms of timeout are over: ${why}` : why)),
    refusal: refusalOf(error),
    delivery: progress.delivery,
    reply: isRefusal ? { code: error.status, text: readable(redactor.apply(error.replyText)) } : null,
    rejected: progress.refused.map((recipient) => shownRecipient(recipient, redactor)),
    tls,
    portSpeaks: portSpeech(error),
  };
}

function refusalOf(error: unknown): MailFailure['refusal'] {
  if (error instanceof EmailxError) return error.refusal;
  if (isSilence(error)) return 'responseTimeout';
  return error instanceof DialogueError && error.fault === 'malformed' ? 'badResponse' : null;
}

function shownRecipient({ recipient, code, text }: RefusedRecipient, redactor: Redactor): RefusedRecipient {
  return { recipient: readable(recipient), code, text: readable(redactor.apply(text)) };
}

/** The error as anybody may see it: what prints a MailError prints its cause as well. */
function causeOf(error: unknown, redactor: Redactor): unknown {
  if (!(error instanceof Error) || redactor.apply(error.message) === error.message) return error;
  if (error instanceof SmtpRefusal) {
    return new SmtpRefusal(error.command, { code: error.status, lines: [redactor.apply(error.replyText)] });
  }
  if (error instanceof EmailxError) return new EmailxError(error.refusal, redactor.apply(error.message));
  // Of anything else nobody knows what more it holds.
  return new Error(redactor.apply(error.message));
}

/** The error for what goes wrong before there is a connection. */
export function refusedMail(cause: EmailxError | CancelledError, status: number): MailError {
  const facts: MailFailure = {
    status,
    reason: cause.message,
    refusal: refusalOf(cause),
    delivery: 'impossible',
    reply: null,
    rejected: [],
    tls: null,
    portSpeaks: null,
  };
  return new MailError(mailErrorMessage(facts), facts, { cause });
}
