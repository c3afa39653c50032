/**
 * One message on an open SMTP session: MAIL, RCPT, then DATA or BDAT (RFC 5321, 1870, 2920, 3030, 6152, 6531).
 *
 * Commands go out together where the server offers PIPELINING, and every reply is matched to its command. Until the
 * last octet of the message has been handed to the connection the server cannot have taken it; from then on until its
 * reply nobody knows.
 */
import { asBuffer } from '../core/bytes.ts';
import type { Op } from '../core/op.ts';
import { ChannelError } from '../starttls/channel.ts';
import { DialogueError } from '../starttls/dialogue-error.ts';
import { quoted } from '../starttls/quoted.ts';
import { replyText, type SmtpReply, smtpReplyOp } from '../starttls/smtp-reply.ts';
import type { SendOptions, Wire } from '../starttls/wire.ts';
import { DotStuffer } from './dot-stuffing.ts';
import { EmailxError } from './error.ts';
import { SmtpRefusal, type SmtpSession } from './smtp-session.ts';

export interface Envelope {
  /** The reverse-path without brackets; blank for the empty one. */
  readonly sender: string;
  readonly recipients: readonly string[];
  /** Whether an address is not ASCII. */
  readonly needsSmtpUtf8: boolean;
}

/** The octets of a message before dot-stuffing. */
export interface Payload {
  /** Null when it is not known before all has been read. */
  readonly size: number | null;
  /** Whether any octet is above 127. */
  readonly eightBit: boolean;
  /** Whether header lines are UTF-8 beyond ASCII. */
  readonly utf8Headers: boolean;
  /** Whether there are NULs or lone CR or LF, which only BDAT carries unharmed. */
  readonly binary: boolean;
  /** The next octets, good until the next call; null at the end. Throws when the rest cannot be had. */
  nextOp(): Op<Uint8Array | null>;
}

/** What is certain when a transaction fails: the server cannot have taken the message, or may have. */
export type Delivery = 'impossible' | 'unknown';

/** How far a transaction got; kept by whoever has to explain its failure. */
export interface Progress {
  delivery: Delivery;
  /** False once the session cannot be used for another message: the connection is to be closed without ceremony. */
  sessionUsable: boolean;
  /** Whether QUIT has gone out, so that only its reply is to come. */
  quitSent: boolean;
  /** Recipients that the server refused so far. */
  readonly refused: RefusedRecipient[];
}

export function newProgress(): Progress {
  return { delivery: 'impossible', sessionUsable: true, quitSent: false, refused: [] };
}

/** A recipient that the server refused, with the server's words. */
export interface RefusedRecipient {
  readonly recipient: string;
  readonly code: number;
  readonly text: string;
}

export interface TransactionOptions {
  /** Whether a refused recipient leaves the others alone. */
  readonly partial: boolean;
  /** Whether commands go together where the server offers PIPELINING. */
  readonly pipelining: boolean;
  /**
   * How long the server may take nothing of the message, in ms. It shows what it takes in steps as large as the buffers
   * on the way: a slow one seems to rest in between.
   */
  readonly dataWait: number;
  /** Longest wait for the reply to the end of the message, in ms. */
  readonly finalWait: number;
  /**
   * Whether the session ends with this message: where the server pipelines, QUIT goes out behind it (RFC 2920 §3.1) and
   * costs no round trip.
   */
  readonly last: boolean;
  /** Told of every part of the message that went out, in octets of {@link Payload}. */
  readonly sent?: ((octets: number) => void) | undefined;
}

export interface TransactionResult {
  readonly accepted: readonly string[];
  readonly refused: readonly RefusedRecipient[];
  /** The server's reply that took responsibility. */
  readonly reply: SmtpReply;
}

const CONTINUE = 354;
const CLOSED = 221;
/** From here on a reply refuses. */
const REFUSED = 400;
const SERVICE_CLOSING = 421;
/** Commands that are under way before replies are read: both sides' buffers hold them and their replies. */
const MOST_PIPELINED = 100;
/** From this size on a message goes out in BDAT chunks where the server takes them, in octets. */
const LARGE = 1_048_576;
/** What is sent in one WRITE, in bytes. */
const WRITE_SIZE = 65_536;
/** What dots and the end add to a short message, as a rule. */
const STUFFING_ROOM = 64;
/** One BDAT chunk, in octets. */
const CHUNK_SIZE = 262_144;
/** How long to look for the reason why a server hung up in the middle of a message, in ms. */
const LAST_WORDS = 200;

/**
 * Sends a message.
 *
 * @throws SmtpRefusal with the code of the command that failed first; EmailxError, DialogueError, ChannelError; `progress`
 *   tells what that means for the message and the session
 */
export function* transactOp(
  wire: Wire,
  session: SmtpSession,
  envelope: Envelope,
  payload: Payload,
  options: TransactionOptions,
  progress: Progress,
): Op<TransactionResult> {
  const { capabilities } = session;
  const chunked = capabilities.has('CHUNKING') && (carriesBinary(session, payload) || (payload.size ?? LARGE) >= LARGE);
  const mail = mailCommand(session, envelope, payload, chunked);
  const pipelining = options.pipelining && capabilities.has('PIPELINING');
  const { recipients } = envelope;
  // DATA is sent along only where a refused recipient leaves nobody whom an empty message could reach.
  const dataToo = pipelining && !chunked && recipients.length === 1;
  const commands = [mail, ...recipients.map((recipient) => `RCPT TO:<${recipient}>`), ...(dataToo ? ['DATA'] : [])];
  const replies = yield* exchangeOp(wire, commands, pipelining ? MOST_PIPELINED : 1, progress);
  const [mailReply, ...others] = replies;
  if (mailReply !== undefined && !isPositive(mailReply)) {
    yield* abandonDataOp(wire, dataToo ? others.at(-1) : undefined, progress);
    throw refusal('MAIL FROM', mailReply, progress);
  }
  recipients.forEach((recipient, index) => {
    const reply = others[index];
    if (reply === undefined || isPositive(reply)) return;
    progress.refused.push({ recipient, code: reply.code, text: reply.lines.join(' ') });
  });
  const [first] = progress.refused;
  if (first !== undefined && (!options.partial || progress.refused.length === recipients.length)) {
    yield* abandonDataOp(wire, dataToo ? others.at(-1) : undefined, progress);
    const reply = { code: first.code, lines: [first.text] };
    throw refusal(`RCPT TO:<${first.recipient}>`, reply, progress);
  }
  if (chunked) yield* sendChunkedOp(wire, payload, pipelining, options, progress);
  else yield* sendDataOp(wire, payload, dataToo ? others.at(-1) : undefined, options, progress);
  if (options.last && pipelining) yield* quitEarlyOp(wire, progress);
  const reply = yield* finalReplyOp(wire, options.finalWait, progress);
  return { accepted: withoutRefused(recipients, progress), refused: progress.refused, reply };
}

function withoutRefused(recipients: readonly string[], { refused }: Progress): readonly string[] {
  if (refused.length === 0) return recipients;
  const names = new Set(refused.map(({ recipient }) => recipient));
  return recipients.filter((recipient) => !names.has(recipient));
}

function carriesBinary({ capabilities }: SmtpSession, payload: Payload): boolean {
  return payload.binary && capabilities.has('BINARYMIME');
}

/** @throws EmailxError for an address that only a server with SMTPUTF8 understands */
function mailCommand(session: SmtpSession, envelope: Envelope, payload: Payload, chunked: boolean): string {
  const { capabilities } = session;
  const parameters: string[] = [];
  if (payload.size !== null && capabilities.has('SIZE')) parameters.push(`SIZE=${payload.size}`);
  if (chunked && carriesBinary(session, payload)) parameters.push('BODY=BINARYMIME');
  else if (payload.eightBit && capabilities.has('8BITMIME')) parameters.push('BODY=8BITMIME');
  if (envelope.needsSmtpUtf8 && !capabilities.has('SMTPUTF8')) {
    throw new EmailxError('smtpUtf8Missing', 'an address is not ASCII, and the server does not offer SMTPUTF8');
  }
  if (envelope.needsSmtpUtf8 || (payload.utf8Headers && capabilities.has('SMTPUTF8'))) parameters.push('SMTPUTF8');
  return [`MAIL FROM:<${envelope.sender}>`, ...parameters].join(' ');
}

function isPositive({ code }: SmtpReply): boolean {
  return code >= 200 && code < 300;
}

function refusal(command: string, reply: SmtpReply, progress: Progress): SmtpRefusal {
  if (reply.code === SERVICE_CLOSING) progress.sessionUsable = false;
  return new SmtpRefusal(command, reply);
}

/**
 * Sends commands, `atOnce` of them together, and reads their replies. Commands behind one that the server answered with
 * 421 are not sent, and have no reply; behind a refused MAIL neither is anything sent that was not under way.
 */
function* exchangeOp(
  wire: Wire,
  commands: readonly string[],
  atOnce: number,
  progress: Progress,
): Op<readonly SmtpReply[]> {
  const replies: SmtpReply[] = [];
  for (let at = 0; at < commands.length; at += atOnce) {
    const group = commands.slice(at, at + atOnce);
    if (group.length === 1) yield* wire.commandOp(group[0] ?? '');
    else yield* wire.commandsOp(group);
    for (const command of group) {
      try {
        const reply = yield* smtpReplyOp(wire);
        wire.awaitReply();
        replies.push(reply);
        if (reply.code === SERVICE_CLOSING) {
          progress.sessionUsable = false;
          throw new SmtpRefusal(commandName(command), reply);
        }
      } catch (error) {
        progress.sessionUsable = false;
        throw error;
      }
    }
    const [mail] = replies;
    if (mail !== undefined && !isPositive(mail)) break;
  }
  return replies;
}

/** A command as errors name it: without its parameters. */
function commandName(command: string): string {
  return /^(?:MAIL FROM|RCPT TO:<.*>|\S+)/.exec(command)?.[0] ?? command;
}

/** A server that is ready for data that must not come: to end the data would send an empty message, so nothing ends it. */
// biome-ignore lint/correctness/useYield: the connection is given up, not waited for
function* abandonDataOp(_wire: Wire, data: SmtpReply | undefined, progress: Progress): Op<void> {
  if (data?.code === CONTINUE) progress.sessionUsable = false;
}

function* sendDataOp(
  wire: Wire,
  payload: Payload,
  early: SmtpReply | undefined,
  { sent, dataWait }: TransactionOptions,
  progress: Progress,
): Op<void> {
  let go = early;
  if (go === undefined) [go] = yield* exchangeOp(wire, ['DATA'], 1, progress);
  if (go?.code !== CONTINUE) throw refusal('DATA', go ?? { code: SERVICE_CLOSING, lines: [] }, progress);
  progress.sessionUsable = false;
  const stuffer = new DotStuffer();
  const writer = new Writer(wire, payload.size ?? WRITE_SIZE, dataWait);
  try {
    for (;;) {
      const chunk = yield* payload.nextOp();
      if (chunk === null) break;
      yield* writer.writeOp(stuffer.stuff(asBuffer(chunk)));
      sent?.(chunk.length);
    }
    yield* unansweredOp(wire, 'DATA', writer.began, progress);
    progress.delivery = 'unknown';
    yield* writer.endOp(stuffer.end());
  } catch (error) {
    throw yield* explainedOp(wire, error, 'DATA', progress);
  }
}

/** A server that has hung up in the meantime may have said before what became of the message: its reply is looked for. */
function* quitEarlyOp(wire: Wire, progress: Progress): Op<void> {
  progress.quitSent = true;
  try {
    yield* wire.commandOp('QUIT');
  } catch (error) {
    if (!(error instanceof ChannelError) && !(error instanceof DialogueError)) throw error;
  }
}

function* finalReplyOp(wire: Wire, finalWait: number, progress: Progress): Op<SmtpReply> {
  wire.awaitReply(finalWait);
  const reply = yield* smtpReplyOp(wire);
  if (progress.quitSent && reply.code === CLOSED) {
    const text = quoted(replyText(reply));
    throw new DialogueError('malformed', `the server answers QUIT and not the message ahead of it: ${text}`);
  }
  // What asks for more, such as a second 354, does not say what became of the message.
  if (!isPositive(reply) && reply.code < REFUSED) throw refusal('end of data', reply, progress);
  progress.delivery = 'impossible';
  progress.sessionUsable = true;
  if (!isPositive(reply)) throw refusal('end of data', reply, progress);
  return reply;
}

/** Chunks of the message with their sizes; while one is answered the next is on its way, where the server pipelines. */
function* sendChunkedOp(
  wire: Wire,
  payload: Payload,
  pipelining: boolean,
  { sent, dataWait }: TransactionOptions,
  progress: Progress,
): Op<void> {
  const asData = { bulk: true, patience: dataWait };
  const gathered = Buffer.allocUnsafe(CHUNK_SIZE);
  let filled = 0;
  let unanswered = 0;
  progress.sessionUsable = false;

  function* sendOp(last: boolean): Op<void> {
    if (unanswered === 0) yield* unansweredOp(wire, 'BDAT', last, progress);
    yield* wire.sendOp(`BDAT ${filled}${last ? ' LAST' : ''}\r\n`, { patience: dataWait });
    if (last) progress.delivery = 'unknown';
    if (filled > 0) yield* wire.sendOp(gathered.subarray(0, filled), asData);
    filled = 0;
    unanswered += 1;
  }

  function* answeredOp(): Op<void> {
    // The server answers when it has taken all of a chunk.
    wire.awaitReply(dataWait);
    const reply = yield* smtpReplyOp(wire);
    unanswered -= 1;
    if (isPositive(reply)) return;
    // The chunks behind the refused one are refused as well; their answers must not be taken for others'.
    for (; unanswered > 0; unanswered -= 1) yield* smtpReplyOp(wire);
    progress.delivery = 'impossible';
    progress.sessionUsable = true;
    throw refusal('BDAT', reply, progress);
  }

  try {
    for (;;) {
      const chunk = yield* payload.nextOp();
      if (chunk === null) break;
      let taken = 0;
      while (taken < chunk.length) {
        const part = Math.min(chunk.length - taken, CHUNK_SIZE - filled);
        gathered.set(chunk.subarray(taken, taken + part), filled);
        filled += part;
        taken += part;
        if (filled < CHUNK_SIZE) continue;
        yield* sendOp(false);
        if (unanswered > (pipelining ? 1 : 0)) yield* answeredOp();
      }
      sent?.(chunk.length);
    }
    while (unanswered > 0) yield* answeredOp();
    yield* sendOp(true);
  } catch (error) {
    if (error instanceof SmtpRefusal) throw error;
    throw yield* explainedOp(wire, error, 'BDAT', progress);
  }
}

/**
 * What a server says before it has all of a message is no answer to it: a reply too many, taken for that, would be a message
 * that is lost and counts as sent.
 *
 * @param looks whether also what has not been received yet counts: the server has had time for it
 */
function* unansweredOp(wire: Wire, command: string, looks: boolean, progress: Progress): Op<void> {
  if (wire.unread === 0 && !(looks && (yield* wire.pendingOp()))) return;
  const reply = yield* smtpReplyOp(wire);
  if (reply.code >= REFUSED) throw refusal(command, reply, progress);
  const text = quoted(replyText(reply));
  throw new DialogueError('malformed', `the server answers the message before it has all of it: ${text}`);
}

/** A server that hangs up in the middle of a message often says why; its reply explains more than a broken connection. */
function* explainedOp(wire: Wire, error: unknown, command: string, progress: Progress): Op<unknown> {
  if (!(error instanceof ChannelError) && !(error instanceof DialogueError)) return error;
  try {
    wire.awaitReply(LAST_WORDS);
    const reply = yield* smtpReplyOp(wire);
    if (reply.code < REFUSED) return error;
    progress.delivery = 'impossible';
    return new SmtpRefusal(command, reply);
  } catch (second) {
    if (second instanceof ChannelError || second instanceof DialogueError) return error;
    throw second;
  }
}

/** Gathers small parts of a message into large writes; large parts go out as they are. */
class Writer {
  readonly #wire: Wire;
  readonly #gathered: Buffer;
  readonly #asData: SendOptions;
  #filled = 0;
  #began = false;

  /**
   * @param size what is to be written in all, more or less: a short message needs little room
   * @param patience how long the server may take nothing, in ms
   */
  constructor(wire: Wire, size: number, patience: number) {
    this.#wire = wire;
    this.#asData = { bulk: true, patience };
    this.#gathered = Buffer.allocUnsafe(Math.min(WRITE_SIZE, size + STUFFING_ROOM));
  }

  /** Whether any of it has gone out. */
  get began(): boolean {
    return this.#began;
  }

  *writeOp(bytes: Buffer): Op<void> {
    const room = this.#gathered.length;
    if (this.#filled + bytes.length > room) yield* this.#flushOp();
    if (bytes.length >= room) {
      this.#began = true;
      yield* this.#wire.sendOp(bytes, this.#asData);
      return;
    }
    bytes.copy(this.#gathered, this.#filled);
    this.#filled += bytes.length;
  }

  *endOp(bytes: Buffer): Op<void> {
    yield* this.writeOp(bytes);
    yield* this.#flushOp();
  }

  *#flushOp(): Op<void> {
    if (this.#filled === 0) return;
    this.#began = true;
    yield* this.#wire.sendOp(this.#gathered.subarray(0, this.#filled), this.#asData);
    this.#filled = 0;
  }
}
