/** The options of sendMail: as a program writes them, and checked. */

import type { CancelSignal } from '../core/cancellation.ts';
import { hasControl } from '../core/characters.ts';
import { Deadline, NEVER } from '../core/deadline.ts';
import { UsageError } from '../core/errors.ts';
import type { Op } from '../core/op.ts';
import type { InjectionPolicy } from '../starttls/injections.ts';
import type { Exchange } from '../starttls/wire.ts';
import type { EngineName, Job, TlsOptions } from '../tcpx/index.ts';
import type { Letter } from './compose-mail.ts';
import type { ConnLock } from './connlock.ts';
import { EmailxError } from './error.ts';
import type { MailLog } from './log.ts';
import type { MailAttachment } from './mail-attachments.ts';
import { flag, functionOrNone, knownOptions, milliseconds, objectOption, oneOf, textOption } from './option-checks.ts';
import { MECHANISMS, type MechanismName } from './sasl.ts';
import { heloName, parseServer, type ServerAddress } from './server-address.ts';
import type { OpeningOptions } from './smtp-session.ts';

const TLS_USES = ['require', 'prefer', 'implicit', 'never'] as const;
/**
 * `require` (default): STARTTLS, or nothing is sent. `prefer`: STARTTLS where the server offers it. `implicit`: TLS from
 * the first byte. `never`: in clear.
 */
export type TlsUse = (typeof TLS_USES)[number];

/** Who logs in. CR, LF and NUL are refused. */
export interface MailCredentials {
  readonly username: string;
  /** A password, or an OAuth 2 access token for XOAUTH2. */
  readonly password: string;
  /** Default `AUTO`: LOGIN, else PLAIN, else SCRAM-SHA-256, else CRAM-MD5, whatever the server offers. */
  readonly mechanism?: MechanismName | 'AUTO';
}

/** Who sends and who receives, as the server is told. The message itself may say something else. */
export interface MailEnvelope {
  /** Blank for the empty reverse-path of notifications. */
  readonly from?: string;
  readonly to?: string | readonly string[];
}

/** Octets that come bit by bit. They are kept until their number is known: in memory, or in a file where they are many. */
export type MailStream = AsyncIterable<Uint8Array | string>;

/** A message with its header: text and line ends of any kind, or where it is. */
export type CompleteMessage = string | Uint8Array | { readonly file: string | URL } | MailStream;

/** What `sendMail` takes. */
export interface MailOptions extends Letter {
  /** `mx.example.com`, `mx.example.com:587`, `[::1]:25`. The default port is 465 with `implicit`, else 587. */
  readonly server: string;
  readonly tls?: TlsUse;
  /** What EHLO names. Default: this host's name. */
  readonly host?: string;
  readonly auth?: MailCredentials;
  /** Allows a password to cross in clear. Default false. */
  readonly clearAuth?: boolean;
  readonly attachments?: readonly MailAttachment[];
  /**
   * A complete message instead of one made of `subject`, `text` and so on. It goes out as it is but for line ends, which
   * become CRLF, and what the server cannot take, which is encoded.
   */
  readonly message?: CompleteMessage;
  /** Instead of the addresses of `from`, and of `to`, `cc` and `bcc`. */
  readonly envelope?: MailEnvelope;
  /** Whether a refused recipient leaves the others alone. Default false: nobody gets the message. */
  readonly partial?: boolean;
  /** Whether commands go together where the server offers PIPELINING. Default true; false is for servers that cannot do it. */
  readonly pipelining?: boolean;
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
  /** The job to work on, which stays open. Without it one is made, of `engine` and `tlsOptions`, for this call. */
  readonly job?: Job;
  readonly engine?: EngineName | 'auto';
  readonly tlsOptions?: TlsOptions;
}

/** How a message is delivered, complete. */
export interface DeliverySettings {
  readonly server: ServerAddress;
  readonly tls: TlsUse;
  readonly host: string;
  readonly auth: OpeningOptions['auth'];
  readonly clearAuth: boolean;
  readonly partial: boolean;
  readonly pipelining: boolean;
  /** In ms. */
  readonly patience: number;
  /** While the server takes the message, and for its answer to that. */
  readonly dataPatience: number;
  readonly finalPatience: number;
  /** In ms; null for none. */
  readonly timeout: number | null;
  readonly until: Deadline;
  readonly signal: CancelSignal | undefined;
  readonly injected: InjectionPolicy;
  readonly onProgress: ((sent: number, total: number) => void) | null;
  /** EHLO again after STARTTLS. */
  readonly secondHello: boolean;
  /** Waits until no other session is open; null to wait for none. */
  readonly lockOp: ((until: Deadline) => Op<ConnLock>) | null;
  readonly log: MailLog | null;
  readonly observer: ((exchange: Exchange) => void) | null;
}

const KNOWN: Readonly<Record<keyof MailOptions, true>> = {
  server: true,
  tls: true,
  from: true,
  to: true,
  cc: true,
  bcc: true,
  replyTo: true,
  subject: true,
  text: true,
  html: true,
  headers: true,
  host: true,
  auth: true,
  clearAuth: true,
  attachments: true,
  message: true,
  envelope: true,
  partial: true,
  pipelining: true,
  patience: true,
  timeout: true,
  signal: true,
  onProgress: true,
  injected: true,
  job: true,
  engine: true,
  tlsOptions: true,
};

const KNOWN_CREDENTIALS: Readonly<Record<keyof MailCredentials, true>> = {
  username: true,
  password: true,
  mechanism: true,
};

const SUBMISSION_PORT = 587;
const SUBMISSIONS_PORT = 465;
const PATIENCE = 30_000;
/** RFC 5321 §4.5.3.2.5 and §4.5.3.2.6. */
const DATA_PATIENCE = 180_000;
const FINAL_PATIENCE = 600_000;

/**
 * Checks what does not concern the message itself.
 *
 * @throws UsageError that names the option and what it may be
 */
export function parseDelivery(options: MailOptions): DeliverySettings {
  knownOptions('', options, KNOWN);
  const tls = oneOf('tls', options.tls ?? 'require', TLS_USES, '; certificates go into tlsOptions');
  const port = tls === 'implicit' ? SUBMISSIONS_PORT : SUBMISSION_PORT;
  const { signal, job, engine, tlsOptions } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new UsageError('signal is an AbortSignal');
  if (job !== undefined && typeof job?.caller !== 'function') throw new UsageError('job is one that createJob made');
  if (job !== undefined && (engine !== undefined || tlsOptions !== undefined)) {
    throw new UsageError('job has an engine and TLS options of its own: engine and tlsOptions do not go with it');
  }
  if (tlsOptions !== undefined) objectOption('tlsOptions', tlsOptions);
  const timeout = milliseconds('timeout', options.timeout);
  const patience = milliseconds('patience', options.patience) ?? PATIENCE;
  return Object.freeze({
    server: asUsage('server', () => parseServer(textOption('server', options.server ?? '').trim(), port)),
    tls,
    host: asUsage('host', () => heloName(textOption('host', options.host ?? ''))),
    auth: credentialsOf(options.auth),
    clearAuth: flag('clearAuth', options.clearAuth),
    partial: flag('partial', options.partial),
    pipelining: flag('pipelining', options.pipelining ?? true),
    patience,
    dataPatience: Math.max(patience, DATA_PATIENCE),
    finalPatience: Math.max(patience, FINAL_PATIENCE),
    timeout,
    until: timeout === null ? NEVER : Deadline.after(timeout),
    signal,
    injected: oneOf('injected', options.injected ?? 'reject', ['reject', 'drop'] as const),
    onProgress: functionOrNone('onProgress', options.onProgress),
    secondHello: true,
    lockOp: null,
    log: null,
    observer: null,
  });
}

/** Text of new code is Unicode; on the wire it is UTF-8. */
function credentialsOf(auth: MailCredentials | undefined): OpeningOptions['auth'] {
  if (auth === undefined) return null;
  objectOption('auth', auth);
  knownOptions('auth.', auth, KNOWN_CREDENTIALS);
  const { mechanism = 'AUTO' } = auth;
  if (mechanism !== 'AUTO' && !Object.hasOwn(MECHANISMS, mechanism)) {
    const names = ['AUTO', ...Object.keys(MECHANISMS)].join(', ');
    throw new UsageError(`auth.mechanism is one of ${names}, not ${JSON.stringify(mechanism)}`);
  }
  const bytes = (name: 'username' | 'password') => {
    const value = textOption(`auth.${name}`, auth[name]);
    if (value === '') throw new UsageError(`auth.${name} is blank`);
    // NUL separates the parts of PLAIN, Control-A those of XOAUTH2; a line end is a password read with its line.
    const isBad = mechanism === 'XOAUTH2' ? hasControl(value) : /[\0\r\n]/.test(value);
    if (isBad)
      throw new UsageError(`auth.${name} holds a control character; perhaps it was read together with its line end`);
    return Buffer.from(value, 'utf8').toString('latin1');
  };
  return { mechanism, credentials: { username: bytes('username'), password: bytes('password') } };
}

/** Checks of EMAILX on an option: a mistake in it is one of the program. */
export function asUsage<T>(option: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    if (!(cause instanceof EmailxError)) throw cause;
    throw new UsageError(`${option}: ${cause.message}`, { cause });
  }
}
