/**
 * Mail for new code: one call, typed options, and a result that says what the server took, in which words, and over which
 * TLS session. It speaks through the same session and transaction as XCALL EMAILX.
 */
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { Deadline, NEVER } from '../core/deadline.ts';
import { CancelledError, TcpxError, UsageError } from '../core/errors.ts';
import type { Op } from '../core/op.ts';
import { runAsync, runSync, sleeper } from '../core/run.ts';
import type { InjectionPolicy } from '../starttls/wire.ts';
import { DialogueError, Wire } from '../starttls/wire.ts';
import { XcallChannel } from '../starttls/xcall-channel.ts';
import { type Caller, createJob, type EngineName, type Job, type TlsInfo, type TlsOptions } from '../tcpx/index.ts';
import { mailbox } from './addresses.ts';
import { type Attachment, type AttachmentOptions, readAttachments } from './attachments.ts';
import { composeLetter, type Letter } from './compose-mail.ts';
import { EmailxError } from './error.ts';
import { failureOf } from './failure.ts';
import { HostFiles } from './filespec.ts';
import { parseMailboxes } from './mailboxes.ts';
import { buildMessage, MESSAGE_RULES, type Message } from './message.ts';
import { messagePayload } from './payload.ts';
import { Redactor } from './redactor.ts';
import type { MechanismName } from './sasl.ts';
import { parseServer, type ServerAddress } from './settings.ts';
import { type OpeningOptions, openSessionOp, quitOp, SmtpRefusal } from './smtp-session.ts';
import {
  type Delivery,
  type Envelope,
  newProgress,
  type Progress,
  type RefusedRecipient,
  transactOp,
} from './transaction.ts';

type MimeFuncs = typeof import('nodemailer/lib/mime-funcs');

/**
 * `require` (default): STARTTLS, or nothing is sent. `prefer`: STARTTLS where the server offers it. `implicit`: TLS from
 * the first byte. `never`: in clear.
 */
export type TlsUse = 'require' | 'prefer' | 'implicit' | 'never';

export interface MailCredentials {
  readonly username: string;
  /** A password, or an OAuth 2 access token for XOAUTH2. */
  readonly password: string;
  /** Default `AUTO`: LOGIN, else PLAIN, else SCRAM-SHA-256, else CRAM-MD5, whatever the server offers. */
  readonly mechanism?: MechanismName | 'AUTO';
}

export interface MailOptions extends Letter {
  /** `mx.example.com`, `mx.example.com:587`, `[::1]:25`. The default port is 465 with `implicit`, else 587. */
  readonly server: string;
  readonly tls?: TlsUse;
  /** What EHLO names. Default: this host's name. */
  readonly host?: string;
  readonly auth?: MailCredentials;
  /** Allows a password to cross in clear. Default false. */
  readonly clearAuth?: boolean;
  readonly attachments?: readonly AttachmentOptions[];
  /** A complete message, header and all, instead of one made of `subject`, `text` and so on. Its bytes stay as they are. */
  readonly message?: string | Uint8Array | { readonly file: string };
  /** Who gets the message, instead of `to`, `cc` and `bcc`; and the sender, instead of `from`. */
  readonly envelope?: { readonly from?: string; readonly to?: string | readonly string[] };
  /** Whether a refused recipient leaves the others alone. Default false: nobody gets the message. */
  readonly partial?: boolean;
  /** The longest silence of the server in ms. Default 30 000; for the reply to the message itself 10 minutes at least. */
  readonly patience?: number;
  /** The end of the whole call, in ms from now. Default: none. */
  readonly timeout?: number;
  /** Ends the call; the error says whether the message may have been delivered. */
  readonly signal?: AbortSignal;
  /** Told how many octets of the message are sent, and how many there are. */
  readonly onProgress?: (sent: number, total: number) => void;
  /** Plaintext behind the server's go-ahead for TLS: `reject` (default), or `drop` and go on. */
  readonly injected?: InjectionPolicy;
  /** The job to work on. Without it one is made, with `engine` and `tlsOptions`, for this call. */
  readonly job?: Job;
  readonly engine?: EngineName | 'auto';
  readonly tlsOptions?: TlsOptions;
}

export interface ServerReply {
  readonly code: number;
  /** The lines of the reply, joined by blanks. */
  readonly text: string;
}

export interface SentMail {
  readonly accepted: readonly string[];
  readonly refused: readonly RefusedRecipient[];
  /** The reply with which the server took responsibility. */
  readonly reply: ServerReply;
  /** Octets of the message. */
  readonly size: number;
  /** The facts of the session; null in clear. */
  readonly tls: TlsInfo | null;
  readonly engine: EngineName;
  readonly authenticated: MechanismName | null;
}

/** Why a message was not sent, or may not have been. */
export class MailError extends TcpxError {
  readonly code = 'TCPX_MAIL';
  /** As XCALL EMAILX has it: 71 to 81, a code of the server, or negative. */
  readonly status: number;
  /** `unknown`: the whole message was sent, and the server did not say that it has it. Sending again may double it. */
  readonly delivery: Delivery;
  /** What the server said; null when it is not the server who refused. */
  readonly reply: ServerReply | null;
  readonly refused: readonly RefusedRecipient[];
  readonly tls: TlsInfo | null;

  constructor(message: string, facts: Omit<MailError, keyof Error | 'code'>, options: ErrorOptions) {
    super(message, options);
    this.status = facts.status;
    this.delivery = facts.delivery;
    this.reply = facts.reply;
    this.refused = facts.refused;
    this.tls = facts.tls;
  }
}

const SUBMISSION_PORT = 587;
const SUBMISSIONS_PORT = 465;
const PATIENCE = 30_000;
/** RFC 5321 §4.5.3.2.6. */
const FINAL_PATIENCE = 600_000;
/** How long a server may take to answer QUIT, in ms. */
const QUIT_PATIENCE = 2_000;

/**
 * Sends a message, in full, or reports why not.
 *
 * @throws MailError when it could not be sent; UsageError for options that make no sense
 */
export async function sendMail(options: MailOptions): Promise<SentMail> {
  const mail = prepare(options);
  try {
    return await runAsync(sendOp(mail, mail.job.caller('async')), options.signal);
  } finally {
    release(mail, options);
  }
}

/** As {@link sendMail}, blocking the thread until the server has answered. It cannot be aborted. */
export function sendMailSync(options: Omit<MailOptions, 'signal'>): SentMail {
  const mail = prepare(options);
  try {
    return runSync(sendOp(mail, mail.job.caller('sync')), sleeper);
  } finally {
    release(mail, options);
  }
}

/** The message and envelope that {@link sendMail} would send. To be closed. @throws as sendMail */
export function composeMail(options: MailOptions): { readonly message: Message; readonly envelope: Envelope } {
  const { message, envelope } = prepareMail(options);
  return { message, envelope };
}

interface Prepared {
  readonly job: Job;
  readonly message: Message;
  readonly envelope: Envelope;
  readonly server: ServerAddress;
  readonly options: MailOptions;
  readonly until: Deadline;
}

function prepare(options: MailOptions): Prepared {
  try {
    return prepared(options);
  } catch (cause) {
    if (!(cause instanceof EmailxError)) throw cause;
    const facts = { status: cause.status, delivery: 'impossible', reply: null, refused: [], tls: null } as const;
    throw new MailError(cause.message, facts, { cause });
  }
}

function prepared(options: MailOptions): Prepared {
  const use = options.tls ?? 'require';
  if (!['require', 'prefer', 'implicit', 'never'].includes(use)) {
    throw new UsageError(
      `tls is one of require, prefer, implicit, never, not '${use}'; certificates go into tlsOptions`,
    );
  }
  const server = parseServer(options.server, use === 'implicit' ? SUBMISSIONS_PORT : SUBMISSION_PORT);
  const mail = prepareMail(options);
  try {
    const { engine, tlsOptions } = options;
    const job =
      options.job ??
      createJob({
        ...(engine === undefined ? {} : { engine }),
        ...(tlsOptions === undefined ? {} : { tls: tlsOptions }),
      });
    const until = options.timeout === undefined ? NEVER : Deadline.after(options.timeout);
    return { ...mail, job, server, options, until };
  } catch (error) {
    mail.message.close();
    throw error;
  }
}

function release({ message, job }: Prepared, options: MailOptions): void {
  message.close();
  if (options.job === undefined) job.close();
}

function prepareMail(options: MailOptions): Pick<Prepared, 'message' | 'envelope'> {
  const envelope = envelopeOf(options);
  const files = new HostFiles({}, { fspecNative: true, filespecCase: 'exact' });
  const attachments: readonly Attachment[] = readAttachments((options.attachments ?? []).map(withType), {
    attachmentsPast10: 'sent',
    quotedPrintable: 4,
  });
  const whole = options.message;
  if (whole !== undefined && (options.text !== undefined || options.html !== undefined || attachments.length > 0)) {
    throw new UsageError('message is complete already: text, html and attachments do not go with it');
  }
  const parts =
    whole === undefined
      ? composeLetter(options)
      : { header: '', body: wholeMessage(whole), html: false, mimeBody: false };
  const rules = { ...MESSAGE_RULES, xMailer: '', dateAndMessageId: whole === undefined, charset: 'utf-8' };
  const message = buildMessage(
    {
      ...parts,
      signature: null,
      attachments,
      joinHeader: false,
      replyTo: '',
      host: envelope.sender.split('@').at(-1) ?? '',
      locate: (spec, refusal, what) => files.locate(spec, refusal, what),
    },
    rules,
  );
  return { message, envelope };
}

/** The type of an attachment by its name, where none is given; a program that knows better says so. */
function withType(attachment: AttachmentOptions): AttachmentOptions {
  const name = attachment.name ?? attachment.file;
  if ((attachment.contentType ?? '') !== '' || name === undefined) return attachment;
  const { detectMimeType } = createRequire(import.meta.url)('nodemailer/lib/mime-funcs') as MimeFuncs;
  return { ...attachment, contentType: detectMimeType(name) };
}

function wholeMessage(message: string | Uint8Array | { readonly file: string }) {
  if (typeof message === 'string') return { bytes: Buffer.from(message, 'utf8') };
  return message instanceof Uint8Array ? { bytes: message } : { file: message.file };
}

function envelopeOf({ from, to, cc, bcc, envelope }: MailOptions): Envelope {
  const [sender, ...more] = parseMailboxes('from', envelope?.from ?? from);
  if (sender === undefined && envelope?.from !== '') throw new UsageError('from is missing: who sends this?');
  if (more.length > 0) throw new UsageError('from names more than one sender');
  const lists = envelope?.to === undefined ? { to, cc, bcc } : { 'envelope.to': envelope.to };
  const everyone = Object.entries(lists).flatMap(([name, value]) => parseMailboxes(name, value));
  // Once each: a recipient of To and Bcc gets one copy.
  const addresses = [...new Set(everyone.map(({ address }) => address))];
  if (addresses.length === 0) throw new UsageError('there is no recipient: give to, cc or bcc');
  const bytes = (address: string, what: string) =>
    mailbox(Buffer.from(address, 'utf8').toString('latin1'), '', 'refused', what, 'badRecipient');
  const recipients = addresses.map((address) => bytes(address, 'the recipient'));
  const from2 = sender === undefined ? '' : bytes(sender.address, 'the sender');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: everything beyond ASCII is what is looked for
  const needsSmtpUtf8 = [from2, ...recipients].some((address) => /[^\x00-\x7f]/.test(address));
  return { sender: from2, recipients, needsSmtpUtf8 };
}

function* sendOp(mail: Prepared, caller: Caller): Op<SentMail> {
  const { message, envelope, server, options, until, job } = mail;
  const { tls: use = 'require', patience = PATIENCE } = options;
  const progress = newProgress();
  let channel: XcallChannel | null = null;
  let tls: TlsInfo | null = null;
  try {
    const security = use === 'implicit' ? 'tls' : use === 'never' ? 'plain' : 'starttls';
    channel = yield* XcallChannel.connectOp(caller, server.host, server.port, security, until.atMost(patience));
    const { injected } = options;
    const wire = new Wire(channel, { until, patience, ...(injected === undefined ? {} : { injected }) });
    const session = yield* openSessionOp(wire, openingOf(options, security === 'starttls'));
    tls = channel.tls;
    const payload = messagePayload(message, session);
    const total = payload.size ?? message.size;
    let sent = 0;
    const { onProgress } = options;
    const result = yield* transactOp(
      wire,
      session,
      envelope,
      payload,
      {
        partial: options.partial ?? false,
        finalWait: Math.max(patience, FINAL_PATIENCE),
        sent:
          onProgress &&
          ((octets) => {
            sent += octets;
            onProgress(sent, total);
          }),
      },
      progress,
    );
    yield* quitOp(new Wire(channel, { until, patience: QUIT_PATIENCE }));
    const { accepted, refused, reply } = result;
    return {
      accepted,
      refused,
      reply: { code: reply.code, text: reply.lines.join(' ') },
      size: total,
      tls,
      engine: job.engine,
      authenticated: session.authenticated,
    };
  } catch (error) {
    if (error instanceof UsageError && !(error instanceof EmailxError)) throw error;
    const failure = mailError(error, mail, caller, progress, tls ?? channel?.tls ?? null);
    if (channel !== null) yield* leaveOp(channel, error, progress);
    throw failure;
  }
}

function openingOf(options: MailOptions, startTls: boolean): OpeningOptions {
  const { tls, host, auth, clearAuth } = options;
  return {
    host: host ?? ownName(),
    startTls,
    startTlsOptional: tls === 'prefer',
    secondHello: true,
    heloFallback: true,
    auth: auth === undefined ? null : { mechanism: auth.mechanism ?? 'AUTO', credentials: inBytes(auth) },
    clearAuth: clearAuth ?? false,
  };
}

/** Text of new code is Unicode; on the wire it is UTF-8. */
function inBytes({ username, password }: MailCredentials): { username: string; password: string } {
  const bytes = (value: string) => Buffer.from(value, 'utf8').toString('latin1');
  return { username: bytes(username), password: bytes(password) };
}

function* leaveOp(channel: XcallChannel, error: unknown, { sessionUsable }: Progress): Op<void> {
  const polite = sessionUsable && (error instanceof SmtpRefusal || error instanceof EmailxError);
  if (polite && channel.socket >= 0) yield* quitOp(new Wire(channel, { until: NEVER, patience: QUIT_PATIENCE }));
  else yield* channel.closeOp();
}

function mailError(
  error: unknown,
  { options, server }: Prepared,
  caller: Caller,
  progress: Progress,
  tls: TlsInfo | null,
): MailError {
  const redactor = new Redactor();
  redactor.add(options.auth?.password ?? '');
  const { status, text } = failureOf(error, caller);
  const reply = error instanceof SmtpRefusal ? { code: error.status, text: redactor.apply(error.replyText) } : null;
  const what = error instanceof SmtpRefusal ? error.message : text;
  const hint = modeHint(error, status, options.tls ?? 'require', server.port);
  const fate = progress.delivery === 'unknown' ? '; whether the message was delivered is unknown' : '';
  return new MailError(
    redactor.apply(`${what}${hint}${fate}`),
    { status, delivery: progress.delivery, reply, refused: progress.refused, tls },
    { cause: error instanceof CancelledError ? options.signal?.reason : error },
  );
}

/** GNUTLS_E_UNEXPECTED_PACKET and its kin: the server speaks clear text where TLS was begun. */
const NOT_TLS: ReadonlySet<number> = new Set([-15, -9]);

/** A remark for whoever has the wrong port or the wrong mode. */
function modeHint(error: unknown, status: number, use: TlsUse, port: number): string {
  if (use === 'implicit' && NOT_TLS.has(status)) {
    return `; use tls: 'require' for STARTTLS, usually on port ${SUBMISSION_PORT}`;
  }
  const silent = error instanceof DialogueError && error.fault === 'timeout' && use !== 'implicit';
  if (silent && (port === SUBMISSIONS_PORT || /did not answer/.test(error.message))) {
    return `; a server that says nothing may expect TLS first (tls: 'implicit'), usually on port ${SUBMISSIONS_PORT}`;
  }
  return '';
}

function ownName(): string {
  const own = hostname();
  return /^[\x21-\x7e]{1,255}$/.test(own) ? own : 'localhost';
}
