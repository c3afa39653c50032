/**
 * An SMTP session from the connection to the point where mail can be sent: greeting, EHLO, STARTTLS with a second EHLO,
 * AUTH (reference emailx §12, §13). What is sent on it is in `transaction.ts`.
 */
import { CancelledError } from '../core/errors.ts';
import type { Op } from '../core/op.ts';
import type { Capabilities } from '../starttls/capabilities.ts';
import { mutilated } from '../starttls/capabilities.ts';
import { ChannelError } from '../starttls/channel.ts';
import { DialogueError } from '../starttls/dialogue-error.ts';
import { smtpHelloOp } from '../starttls/smtp-hello.ts';
import { type SmtpReply, smtpReplyOp } from '../starttls/smtp-reply.ts';
import type { Wire } from '../starttls/wire.ts';
import type { TlsInfo } from '../tls/info.ts';
import { EmailxError } from './error.ts';
import { type Credentials, chooseMechanism, MECHANISMS, type MechanismName } from './sasl.ts';

/** The server answered a command with a code that means failure, which becomes the status. */
export class SmtpRefusal extends DialogueError {
  readonly status: number;
  /** The rest of the reply, its lines joined by blanks. */
  readonly replyText: string;
  readonly command: string;

  constructor(command: string, { code, lines }: SmtpReply) {
    const text = lines.join(' ');
    super('refused', `${command}: ${code} ${text}`.trim());
    this.status = code;
    this.replyText = text;
    this.command = command;
  }
}

export interface OpeningOptions {
  /** What EHLO names. */
  readonly host: string;
  /** Upgrade before anything is said that matters. */
  readonly startTls: boolean;
  /** With `startTls`: whether to go on in clear where the server does not offer it, or refuses. */
  readonly startTlsOptional: boolean;
  /** Ask again after the upgrade. */
  readonly secondHello: boolean;
  /** HELO after a refused EHLO, where neither AUTH nor STARTTLS has to be. */
  readonly heloFallback: boolean;
  /** Null for no authentication. */
  readonly auth: { readonly mechanism: MechanismName | 'AUTO'; readonly credentials: Credentials } | null;
  /** PLAIN, LOGIN and XOAUTH2 on a connection in clear. */
  readonly clearAuth: boolean;
  /** Told of everything that is sent and must never be shown: a server may repeat it in its replies. */
  readonly secret: (text: string) => void;
  /** Told of the facts of TLS once it has begun. */
  readonly secured: (tls: TlsInfo) => void;
}

/** What is known of a session that mail can be sent on. */
export interface SmtpSession {
  readonly capabilities: Capabilities;
  readonly authenticated: MechanismName | null;
}

const OK = 250;
const READY = 220;
const SERVICE_CLOSING = 421;
const CHALLENGE = 334;
const AUTHENTICATED = 235;
/** A mechanism has at most three challenges; a server that goes on asking is not worth listening to. */
const MOST_CHALLENGES = 8;

/**
 * Opens a session on a connection that has just been made.
 *
 * @throws SmtpRefusal with the server's code; EmailxError, DialogueError, ChannelError
 */
export function* openSessionOp(wire: Wire, options: OpeningOptions): Op<SmtpSession> {
  wire.awaitReply();
  const greeting = yield* smtpReplyOp(wire);
  if (greeting.code !== READY) throw new SmtpRefusal('connection', greeting);
  let capabilities = yield* helloOp(wire, options);
  if (options.startTls && !wire.encrypted) {
    capabilities = (yield* startTlsOp(wire, capabilities, options)) ?? capabilities;
  }
  const { auth } = options;
  if (auth === null) return { capabilities, authenticated: null };
  const offered = capabilities.parameters('AUTH') ?? [];
  const mechanism = chooseMechanism(auth.mechanism, offered, wire.encrypted, options.clearAuth);
  yield* authenticateOp(wire, mechanism, auth.credentials, options.secret);
  return { capabilities, authenticated: mechanism };
}

function* helloOp(wire: Wire, options: OpeningOptions): Op<Capabilities> {
  const { host, startTls, startTlsOptional, auth, heloFallback } = options;
  const fallBack = heloFallback && (!startTls || startTlsOptional) && auth === null;
  const answer = yield* smtpHelloOp(wire, host, 'EHLO', fallBack);
  if ('command' in answer) return answer.capabilities;
  throw new SmtpRefusal('EHLO', answer);
}

/** The capabilities inside TLS; null where the connection stays in clear, as it may. */
function* startTlsOp(wire: Wire, before: Capabilities, options: OpeningOptions): Op<Capabilities | null> {
  if (!before.has('STARTTLS')) {
    if (options.startTlsOptional) return null;
    const suspicion = mutilated(before.entries, 'STARTTLS');
    throw new EmailxError(
      'startTlsMissing',
      `STARTTLS is wanted and the server does not offer it${suspicion === null ? '' : `, and ${suspicion}`}`,
    );
  }
  yield* wire.commandOp('STARTTLS');
  const reply = yield* smtpReplyOp(wire);
  if (reply.code !== READY) {
    if (options.startTlsOptional && reply.code !== SERVICE_CLOSING) return null;
    throw new SmtpRefusal('STARTTLS', reply);
  }
  options.secured(yield* wire.upgradeOp());
  // A server that cannot cope with a second EHLO has nothing to tell but what it told in clear, which nobody vouches for.
  return options.secondHello ? yield* helloOp(wire, options) : before;
}

/** @throws SmtpRefusal with the server's code. What was sent is never part of an error. */
function* authenticateOp(
  wire: Wire,
  name: MechanismName,
  credentials: Credentials,
  secret: OpeningOptions['secret'],
): Op<void> {
  const exchange = MECHANISMS[name].begin(credentials);
  const encoded = (answer: Buffer) => {
    const text = answer.toString('base64');
    secret(text);
    return text;
  };
  secret(credentials.password);
  const initial = exchange.initial === null ? '' : ` ${encoded(exchange.initial)}`;
  yield* wire.commandOp(`AUTH ${name}${initial}`, { secret: true });
  for (let challenges = 0; ; challenges += 1) {
    const reply = yield* smtpReplyOp(wire);
    if (reply.code === AUTHENTICATED) return exchange.finish();
    if (reply.code !== CHALLENGE) throw new SmtpRefusal(`AUTH ${name}`, reply);
    if (challenges === MOST_CHALLENGES) {
      throw new EmailxError('badResponse', `AUTH ${name}: the server asks for more than the mechanism has to say`);
    }
    const answer = exchange.answer(Buffer.from(reply.lines.join(''), 'base64'));
    yield* wire.commandOp(encoded(answer), { secret: true });
  }
}

/**
 * Ends the session with QUIT, unless that has been `said`, and closes the connection. The reply is waited for and not
 * reported, and nothing that happens here is: what was sent before is sent.
 */
export function* quitOp(wire: Wire, said = false): Op<void> {
  try {
    // A message that went out ahead of it may have left its own limit behind.
    if (said) wire.awaitReply();
    else yield* wire.commandOp('QUIT');
    yield* smtpReplyOp(wire);
  } catch (error) {
    const expected = [DialogueError, ChannelError, CancelledError].some((kind) => error instanceof kind);
    if (!expected) throw error;
  } finally {
    yield* wire.channel.closeOp();
  }
}

/** Brings the session back to where a message can begin. @throws SmtpRefusal */
export function* resetOp(wire: Wire): Op<void> {
  yield* wire.commandOp('RSET');
  const reply = yield* smtpReplyOp(wire);
  if (reply.code !== OK) throw new SmtpRefusal('RSET', reply);
}
