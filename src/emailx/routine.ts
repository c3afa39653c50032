/**
 * XCALL EMAILX: opflags, cfgfile, to, header, body, status {, from, attachments, signature, errmsg, socket, server,
 * host, username, password} (reference emailx §2 to §5, §20). It reaches the network through TCPX opcodes alone.
 */
import {
  EMF_ALREADYOPEN,
  EMF_CLOSEONLY,
  EMF_HDRCAT,
  EMF_HTMLBODY,
  EMF_LEAVEOPEN,
  EMF_MIMEBODY,
  EMF_OPENONLY,
  EMS_OK,
} from '../../ashell.def.ts';
import { Deadline, NEVER } from '../core/deadline.ts';
import { UsageError } from '../core/errors.ts';
import type { Op } from '../core/op.ts';
import { ChannelError } from '../starttls/channel.ts';
import { DialogueError } from '../starttls/dialogue-error.ts';
import { smtpReplyOp } from '../starttls/smtp-reply.ts';
import { type Exchange, Wire } from '../starttls/wire.ts';
import { XcallChannel } from '../starttls/xcall-channel.ts';
import type { Argument, Caller, CallResult, ListArgument, Program, ProgramResult } from '../tcpx/index.ts';
import { type Envelope, envelopeOf } from './addresses.ts';
import { numberOf, textOf } from './arguments.ts';
import { readAttachments } from './attachments.ts';
import { type ConfigFile, NO_CONFIG, readConfig } from './config-file.ts';
import { type ConnectionPlan, connectOp, isPolite } from './connection.ts';
import { type ConnLock, connLockOp, lockDirectory } from './connlock.ts';
import { contentOf } from './content.ts';
import { asBytes, errmsgOf } from './errmsg.ts';
import { EmailxError } from './error.ts';
import { failureOf } from './failure.ts';
import { endSessions, keepSession, takeSession } from './kept-sessions.ts';
import { type MailLog, openLog } from './log.ts';
import { conversationLogger } from './log-exchange.ts';
import { buildMessage, type Message } from './message.ts';
import { type EmailxPolicy, parseEmailxOptions } from './options.ts';
import { messagePayload } from './payload.ts';
import { Redactor } from './redactor.ts';
import { type ConnectionSettings, type EmailxSettings, logSettings, mergeSettings } from './settings.ts';
import { quitOp, resetOp, SmtpRefusal, type SmtpSession } from './smtp-session.ts';
import { newProgress, type Progress, transactOp } from './transaction.ts';

/** Where the parameters stand. */
const AT = {
  opflags: 0,
  cfgfile: 1,
  to: 2,
  header: 3,
  body: 4,
  status: 5,
  from: 6,
  attachments: 7,
  signature: 8,
  errmsg: 9,
  socket: 10,
  server: 11,
  host: 12,
  username: 13,
  password: 14,
} as const;

const LEAST_ARGUMENTS = 6;
const MOST_ARGUMENTS = 15;
/** Flags with which a call looks at `socket`, or writes to it. */
const SESSION_FLAGS = EMF_LEAVEOPEN | EMF_ALREADYOPEN | EMF_OPENONLY | EMF_CLOSEONLY;

type Arguments = readonly (Argument | ListArgument)[];

export const EMAILX: Program<EmailxPolicy> = {
  name: 'EMAILX',
  status: AT.status,
  parseOptions: (given) => parseEmailxOptions(given === undefined ? {} : objectOf(given)),
  *runOp(caller, args, policy) {
    return yield* new EmailxCall(caller, args, policy).runOp();
  },
  jobClosed: endSessions,
};

function objectOf(given: unknown): object {
  if (typeof given === 'object' && given !== null) return given;
  throw new UsageError(`the options of EMAILX are an object, not ${typeof given}`);
}

/** What a call has in hand when it sends a message. */
interface Mail {
  readonly message: Message;
  readonly envelope: Envelope;
}

/** An open session that a call speaks on. */
interface Session {
  readonly smtp: SmtpSession;
  readonly channel: XcallChannel;
  readonly wire: Wire;
  readonly lock: ConnLock | null;
  readonly secrets: readonly string[];
}

class EmailxCall {
  readonly #caller: Caller;
  readonly #args: Arguments;
  readonly #policy: EmailxPolicy;
  readonly #redactor = new Redactor();
  readonly #conceal = (text: string) => this.#redactor.apply(text);
  readonly #progress: Progress = newProgress();
  #log: MailLog | null = null;
  /** The new value of `socket`; null leaves it alone. */
  #socket: number | null = null;
  /** Recipients that were refused although the message was taken. */
  #refused = '';
  /** True from the moment on at which a failure means that a message was not sent. */
  #sends = false;

  constructor(caller: Caller, args: Arguments, policy: EmailxPolicy) {
    this.#caller = caller;
    this.#args = args;
    this.#policy = policy;
  }

  *runOp(): Op<ProgramResult> {
    let result: CallResult = { status: EMS_OK, origin: 'tcpx', text: '' };
    try {
      yield* this.#performOp();
      if (this.#refused !== '') result = { ...result, text: this.#redactor.apply(this.#refused) };
    } catch (error) {
      result = this.#explained(error);
      this.#log?.error(result.status, result.text);
    } finally {
      this.#log?.close();
    }
    const outputs = [
      { argument: this.#args[AT.errmsg], value: asBytes(result.text) },
      ...(this.#socket === null ? [] : [{ argument: this.#args[AT.socket], value: this.#socket }]),
    ];
    const { status, origin, text, stray, refusedPeer } = result;
    return { status, origin, text, stray, refusedPeer, outputs };
  }

  *#performOp(): Op<void> {
    const { length } = this.#args;
    if (length < LEAST_ARGUMENTS || length > MOST_ARGUMENTS) {
      throw new EmailxError(
        'tooFewArguments',
        `XCALL EMAILX takes ${LEAST_ARGUMENTS} to ${MOST_ARGUMENTS} arguments, not ${length}`,
      );
    }
    const opflags = Math.trunc(numberOf(this.#args[AT.opflags]));
    const has = (flag: number) => (opflags & flag) !== 0;
    this.#redactor.add(textOf(this.#args[AT.password]));
    const settings = this.#settings(opflags);
    const opensOnly = has(EMF_OPENONLY);
    const closesOnly = has(EMF_CLOSEONLY) && !opensOnly;
    if (closesOnly) return yield* this.#closeOp(settings);
    const mail = opensOnly ? null : this.#mail(opflags, settings);
    try {
      this.#sends = mail !== null;
      const session = has(EMF_ALREADYOPEN)
        ? yield* this.#resumedOp(settings)
        : yield* this.#openedOp(settings.connection, settings);
      const leavesOpen = has(EMF_LEAVEOPEN) || (opensOnly && !has(EMF_CLOSEONLY));
      if (mail !== null) yield* this.#sendOp(session, mail, settings, leavesOpen);
      yield* leavesOpen ? this.#keepOp(session) : this.#endOp(session);
    } finally {
      mail?.message.close();
    }
  }

  #settings(opflags: number): EmailxSettings {
    const { assume, files } = this.#policy;
    const cfgfile = textOf(this.#args[AT.cfgfile]).trim();
    const config: ConfigFile =
      cfgfile === ''
        ? { items: NO_CONFIG, ignored: [] }
        : readConfig(files.locate(cfgfile, 'configMissing', 'the configuration file'), assume.unknownItem);
    // Opened ahead of everything that may be refused from here on.
    const log = openLog(logSettings(config.items, assume), this.#policy, this.#redactor);
    this.#log = log;
    for (const { line, item } of config.ignored) log.step(`${cfgfile} line ${line}: there is no item ${item}; ignored`);
    const argument = (at: number) => textOf(this.#args[at]);
    const settings = mergeSettings(
      {
        opflags,
        from: argument(AT.from),
        signature: argument(AT.signature),
        server: argument(AT.server),
        host: argument(AT.host),
        username: argument(AT.username),
        password: argument(AT.password),
      },
      config.items,
      assume,
    );
    this.#redactor.add(settings.connection?.credentials?.password.reveal() ?? '');
    return settings;
  }

  /** Opens every file and checks every address: nothing has been sent when this fails. */
  #mail(opflags: number, settings: EmailxSettings): Mail {
    const { assume, files } = this.#policy;
    const envelope = envelopeOf(textOf(this.#args[AT.to]), settings, assume);
    const message = buildMessage(
      {
        header: textOf(this.#args[AT.header]),
        body: contentOf(textOf(this.#args[AT.body])),
        signature: contentOf(settings.signature),
        attachments: readAttachments(this.#args[AT.attachments], assume),
        joinHeader: (opflags & EMF_HDRCAT) !== 0,
        html: (opflags & EMF_HTMLBODY) !== 0,
        mimeBody: (opflags & EMF_MIMEBODY) !== 0,
        replyTo: settings.replyTo,
        host: settings.connection?.helo ?? settings.domain,
        locate: (spec, refusal, what) => files.locate(spec, refusal, what),
      },
      assume,
    );
    for (const { name, size, encoding } of message.attachments) {
      this.#log?.step(`attachment ${name}, ${size} octets, ${encoding}`);
    }
    return { message, envelope };
  }

  *#openedOp(connection: ConnectionSettings | null, settings: EmailxSettings): Op<Session> {
    if (connection === null) throw new Error('a call that opens a session has settings for it');
    const { assume } = this.#policy;
    const { server, security, connLock } = connection;
    const lock = connLock
      ? yield* connLockOp(lockDirectory(assume.lockDirectory), Deadline.after(settings.wait))
      : null;
    const secrets: string[] = [];
    try {
      const { channel, wire, smtp } = yield* connectOp(this.#caller, {
        server,
        security: security === 'none' ? 'plain' : security,
        opening: this.#opening(connection, secrets),
        until: NEVER,
        patience: settings.wait,
        injected: 'reject',
        observer: this.#observer(),
        conceal: this.#conceal,
        connected: ({ socket }) => this.#log?.step(`connected to ${server.host} port ${server.port}, socket ${socket}`),
      });
      if (smtp.authenticated !== null) this.#log?.step(`logged in by AUTH ${smtp.authenticated}`);
      return { smtp, channel, wire, lock, secrets };
    } catch (error) {
      lock?.release();
      if (this.#usesSessions()) this.#socket = this.#policy.assume.closedSocket;
      throw error;
    }
  }

  /** Secrets that were sent are collected in `secrets`, for later calls on the session. */
  #opening({ helo, secureHello, credentials }: ConnectionSettings, secrets: string[]): ConnectionPlan['opening'] {
    const { assume } = this.#policy;
    return {
      host: helo,
      startTlsOptional: !assume.requireStartTls,
      secondHello: secureHello,
      heloFallback: assume.heloFallback,
      auth: credentials && {
        mechanism: credentials.mode,
        credentials: { username: credentials.username, password: credentials.password.reveal() },
      },
      clearAuth: assume.clearAuth,
      secured: ({ version, suite, peer }) => this.#log?.step(`${version} ${suite}, peer ${peer?.subject ?? 'unknown'}`),
      secret: (text) => {
        secrets.push(text);
        this.#redactor.add(text);
      },
    };
  }

  /** The session that `socket` names. */
  *#resumedOp(settings: EmailxSettings): Op<Session> {
    const socket = Math.trunc(numberOf(this.#args[AT.socket]));
    const kept = takeSession(this.#caller.job, socket);
    if (kept === null || !this.#isOpen(socket)) {
      kept?.lock?.release();
      throw new EmailxError('noSocket', `socket ${socket} is no open session of EMAILX; nothing was sent`);
    }
    for (const secret of kept.secrets) this.#redactor.add(secret);
    const channel = kept.channel.caller === this.#caller ? kept.channel : new XcallChannel(this.#caller, socket);
    const { smtp, lock, secrets, unread } = kept;
    const wire = new Wire(channel, {
      until: NEVER,
      patience: settings.wait,
      observer: this.#observer(),
      conceal: this.#conceal,
      unread,
    });
    const session = { smtp, channel, wire, lock, secrets };
    try {
      // A server that has something to say before it is asked ends the session, as a rule.
      if (yield* wire.pendingOp()) throw new SmtpRefusal('the open session', yield* smtpReplyOp(wire));
    } catch (error) {
      yield* this.#abandonOp(session);
      throw error;
    }
    return session;
  }

  #isOpen(socket: number): boolean {
    try {
      return this.#caller.socket(socket).kind === 'stream';
    } catch (error) {
      if (error instanceof UsageError) return false;
      throw error;
    }
  }

  #observer(): ((exchange: Exchange) => void) | null {
    const log = this.#log;
    return log?.wants('conversation') === true ? conversationLogger(log) : null;
  }

  *#sendOp(session: Session, mail: Mail, settings: EmailxSettings, leavesOpen: boolean): Op<void> {
    const { wire, smtp } = session;
    const { envelope } = mail;
    const progress = this.#progress;
    try {
      const payload = messagePayload(mail.message, smtp, this.#caller.mode);
      const { partialDelivery: partial, pipelining } = this.#policy.assume;
      const { dataWait, finalWait } = settings;
      const options = { partial, pipelining, dataWait, finalWait, last: !leavesOpen };
      const { reply, refused } = yield* transactOp(wire, smtp, envelope, payload, options, progress);
      this.#refused = refused.map(({ recipient, code, text }) => `${recipient}: ${code} ${text}`).join('; ');
      this.#log?.message({ ...envelope, status: EMS_OK, text: reply.lines.join(' ') });
    } catch (error) {
      const { status, text } = this.#explained(error);
      this.#log?.message({ ...envelope, status, text });
      const survives = progress.sessionUsable && isPolite(error);
      if (!survives) yield* this.#abandonOp(session);
      else if (leavesOpen && this.#policy.assume.refusedSession === 'kept') yield* this.#restOp(session);
      else yield* this.#endOp(session);
      throw error;
    }
  }

  /** After a refusal: the session goes on with the next message, if the server lets it. */
  *#restOp(session: Session): Op<void> {
    try {
      yield* resetOp(session.wire);
    } catch (error) {
      if (!(error instanceof DialogueError || error instanceof ChannelError)) throw error;
      return yield* this.#abandonOp(session);
    }
    yield* this.#keepOp(session);
  }

  // biome-ignore lint/correctness/useYield: a session is kept without asking the server
  *#keepOp({ smtp, channel, wire, lock, secrets }: Session): Op<void> {
    keepSession(this.#caller.job, { smtp, channel, lock, secrets, unread: wire.takeUnread() });
    this.#socket = channel.socket;
  }

  /** QUIT, and the end of the connection. A message that was taken stays taken, whatever the server says to that. */
  *#endOp({ wire, lock }: Session): Op<void> {
    try {
      yield* quitOp(wire, this.#progress.quitSent);
      this.#log?.step('session closed');
    } finally {
      lock?.release();
      if (this.#usesSessions()) this.#socket = this.#policy.assume.closedSocket;
    }
  }

  *#abandonOp({ channel, lock }: Session): Op<void> {
    try {
      yield* channel.closeOp();
      this.#log?.step('connection given up');
    } finally {
      lock?.release();
      if (this.#usesSessions()) this.#socket = this.#policy.assume.closedSocket;
    }
  }

  *#closeOp(settings: EmailxSettings): Op<void> {
    const session = yield* this.#resumedOp(settings);
    yield* this.#endOp(session);
  }

  #usesSessions(): boolean {
    return (Math.trunc(numberOf(this.#args[AT.opflags])) & SESSION_FLAGS) !== 0;
  }

  /** STATUS and errmsg of a failure. What is not one of ours is a bug and is thrown on. */
  #explained(error: unknown): CallResult {
    const reason = failureOf(error, this.#caller);
    return {
      ...reason,
      text: errmsgOf(error, reason.text, this.#sends ? this.#progress.delivery : null, this.#redactor),
    };
  }
}
