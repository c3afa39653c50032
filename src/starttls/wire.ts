/**
 * A dialogue's end of a connection: lines and counted bytes on top of a {@link Channel}, with bounds and deadlines, and
 * the one way to TLS. What was received but not yet read is never carried across an upgrade.
 */
import { asBuffer } from '../core/bytes.ts';
import { type Deadline, NOW } from '../core/deadline.ts';
import { type Op, sleepOp } from '../core/op.ts';
import { startsClientHello } from '../net/stray-bytes.ts';
import type { TlsInfo } from '../tls/info.ts';
import { type Channel, ChannelError, type Role, type Stray } from './channel.ts';
import { DialogueError } from './dialogue-error.ts';
import { type InjectionPolicy, publishInjection } from './injections.ts';
import { requireOneLine } from './one-line.ts';

/** What passed, as the dialogue took it apart: a line without its end, or bytes. */
export interface Exchange {
  readonly from: Role;
  readonly bytes: Uint8Array;
  readonly encrypted: boolean;
  /** True for credentials, which whoever shows the exchange replaces. */
  readonly secret: boolean;
  /** True for the contents that a dialogue carries, such as a message, as opposed to what it says. */
  readonly bulk: boolean;
}

/** What is sent or received, beyond its bytes. Both are false by default. */
export interface ExchangeOptions {
  readonly secret?: boolean;
  readonly bulk?: boolean;
}

export interface SendOptions extends ExchangeOptions {
  /** How long the other side may take nothing of it, in ms. Default: the wire's patience. */
  readonly patience?: number;
}

export interface WireOptions {
  /** The end of the whole dialogue. */
  readonly until: Deadline;
  /** The longest silence: until a reply, until TLS is there, while nothing more is taken; in ms. Default: none but `until`. */
  readonly patience?: number;
  /** Default `reject`. */
  readonly injected?: InjectionPolicy;
  /** Sees everything that passes. */
  readonly observer?: ((exchange: Exchange) => void) | null;
  /** Which end of the connection this is. Default `client`. */
  readonly role?: Role;
  /** What may be shown of the other side's words, to the observer and in errors: it can repeat what is secret. */
  readonly conceal?: (latin1: string) => string;
  /** What an earlier wire on the same channel had received and nobody read. */
  readonly unread?: Uint8Array;
}

/** The longest line that a peer may send, in bytes: far above RFC 5321's 512 and RFC 9051's advice of 8192. */
const LONGEST_LINE = 16_384;
/** How many of the bytes in the way of an upgrade are shown. */
const STRAY_HEAD = 32;
/** Enough bytes of a TLS record to tell it from text. */
const RECORD_HEAD = 3;
/** In how many pieces a reply may be received that was there in time and is read late, as by a process that was stopped. */
const MOST_LATE = 32;
/** The most that is read away under the policy `drop`. */
const MOST_DROPPED = 1_048_576;

const LF = 10;
const CR = 13;
const EMPTY = Buffer.alloc(0);

export class Wire {
  readonly channel: Channel;
  readonly role: Role;
  readonly until: Deadline;
  /** Sees everything that passes; null when nobody looks. */
  readonly observer: ((exchange: Exchange) => void) | null;
  /** See {@link WireOptions.conceal}; null where everything may be shown. */
  readonly conceal: ((latin1: string) => string) | null;
  readonly #patience: number;
  readonly #injected: InjectionPolicy;
  #unread: Buffer = EMPTY;
  #ended = false;
  #limit: Deadline;
  /** Reads behind `#limit`. */
  #late = 0;
  /** Replies waited for so far: what a dialogue costs beyond its bytes. */
  #turns = 0;
  #sending = true;
  #dropped: Stray | null = null;
  #encrypted: boolean;
  #head: Uint8Array = EMPTY;
  #segment = Number.POSITIVE_INFINITY;
  #pause = 0;

  constructor(channel: Channel, options: WireOptions) {
    this.channel = channel;
    this.#encrypted = channel.tls !== null;
    this.role = options.role ?? 'client';
    this.until = options.until;
    this.#patience = options.patience ?? Number.POSITIVE_INFINITY;
    this.#injected = options.injected ?? 'reject';
    this.observer = options.observer ?? null;
    this.conceal = options.conceal ?? null;
    this.#limit = this.until.atMost(this.#patience);
    if (options.unread !== undefined && options.unread.length > 0) this.#unread = Buffer.from(options.unread);
  }

  get encrypted(): boolean {
    return this.#encrypted;
  }

  /** How many times the dialogue had to wait for the other side after having said something. */
  get roundTrips(): number {
    return this.#turns;
  }

  /** The first bytes that were ever received, for telling what kind of peer this is. */
  get head(): Uint8Array {
    return this.#head;
  }

  /** What the policy `drop` has kept out of the session; null when there was nothing. */
  get dropped(): Stray | null {
    return this.#dropped;
  }

  /** Bytes received and not yet read by the dialogue. */
  get unread(): number {
    return this.#unread.length;
  }

  /** What was received and not read, for whoever goes on with the channel. */
  takeUnread(): Uint8Array {
    const bytes = this.#unread;
    this.#unread = EMPTY;
    return bytes;
  }

  /** Whether the other side has said something, or closed, that was not read yet. Waits for so many ms, by default not. */
  *pendingOp(milliseconds = 0): Op<boolean> {
    if (this.#unread.length > 0 || this.#ended) return true;
    const until = milliseconds === 0 ? NOW : this.until.atMost(milliseconds);
    return (yield* this.#receiveOp(until)) !== 'timeout';
  }

  /** The longest wait for one reply, in ms. */
  get patience(): number {
    return this.#patience;
  }

  /** From now on the other side has the wire's patience, or `milliseconds`, for what is read next. */
  awaitReply(milliseconds: number = this.#patience): void {
    this.#limit = this.until.atMost(milliseconds);
    this.#late = 0;
  }

  /**
   * A line as Latin-1 text, without its end. LF alone ends a line too, as all servers accept it.
   *
   * @throws DialogueError timeout, closed, or malformed when it is longer than `longest` bytes
   */
  *lineOp(longest: number = LONGEST_LINE): Op<string> {
    const line = yield* this.#lineOrEndOp(longest);
    if (line !== null) return line;
    const what = this.#unread.length === 0 ? '' : ` after ${this.#unread.length} bytes of a line`;
    throw new DialogueError('closed', `the ${this.#peer} closed the connection${what}`);
  }

  /** As {@link lineOp}; null when the other side has closed and nothing is left. */
  *lineIfAnyOp(longest: number = LONGEST_LINE): Op<string | null> {
    const line = yield* this.#lineOrEndOp(longest);
    if (line === null && this.#unread.length > 0) return yield* this.lineOp(longest);
    return line;
  }

  *#lineOrEndOp(longest: number): Op<string | null> {
    const end = yield* this.findOp(LF, 0, longest, 'line');
    if (end < 0) return null;
    const last = end > 0 && this.#unread[end - 1] === CR ? end - 1 : end;
    const line = this.#unread.subarray(0, last);
    this.#unread = this.#unread.subarray(end + 1);
    this.#heard(line);
    return line.toString('latin1');
  }

  /**
   * The place of the next `byte` among what is unread, from `from` on; everything stays unread. -1 when the other side
   * closes before it.
   *
   * @throws DialogueError timeout, or malformed when it is not among the first `longest` bytes of `what`
   */
  *findOp(byte: number, from: number, longest: number, what: string): Op<number> {
    let searched = from;
    for (;;) {
      const place = this.#unread.indexOf(byte, searched);
      if (place > longest || (place < 0 && this.#unread.length > longest)) {
        throw new DialogueError('malformed', `the ${this.#peer} sent a ${what} of more than ${longest} bytes`);
      }
      if (place >= 0) return place;
      searched = this.#unread.length;
      if (!(yield* this.#readOp())) return -1;
    }
  }

  /** Exactly `count` bytes, in memory of their own. */
  *exactOp(count: number, { secret = false, bulk = false }: ExchangeOptions = {}): Op<Uint8Array> {
    yield* this.peekOp(count);
    const bytes = Uint8Array.prototype.slice.call(this.#unread, 0, count);
    this.#unread = this.#unread.subarray(count);
    this.#heard(bytes, { secret, bulk });
    return bytes;
  }

  /**
   * The next `count` bytes, which stay unread. Good until the next call. No more than these are taken from the channel, so
   * that a ClientHello may follow them at once.
   */
  *peekOp(count: number): Op<Uint8Array> {
    while (this.#unread.length < count) {
      if (yield* this.#readOp(count - this.#unread.length)) continue;
      throw new DialogueError(
        'closed',
        `the ${this.#peer} closed the connection after ${this.#unread.length} of ${count} bytes`,
      );
    }
    return this.#unread.subarray(0, count);
  }

  /** Waits for the other side. True when it has closed and nothing is left, false when there is something to read. */
  *endOp(): Op<boolean> {
    return this.#unread.length === 0 && !(yield* this.#readOp(1));
  }

  /**
   * Waits, as a server, for the client to say something. Whether that is a ClientHello, which then is for
   * {@link upgradeOp}: nothing is taken.
   */
  *helloOp(): Op<boolean> {
    if (this.#unread.length > 0) return false;
    const found = yield* this.channel.helloOp(this.#limit);
    if (found === 'timeout') throw new DialogueError('timeout', `the ${this.#peer} did not say anything in time`);
    return found;
  }

  /** One chunk of whatever comes next, at least one byte; null at the end of the stream. In memory of its own. */
  *anyOp(): Op<Uint8Array | null> {
    if (this.#unread.length === 0 && !(yield* this.#readOp())) return null;
    const bytes = Uint8Array.prototype.slice.call(this.#unread);
    this.#unread = EMPTY;
    this.#heard(bytes);
    return bytes;
  }

  /** Takes whatever comes and makes nothing of it, until the other side closes. */
  *ignoreOp(): Op<void> {
    while (yield* this.#moreOp()) {
      this.#heard(this.#unread);
      this.#unread = EMPTY;
    }
  }

  /** Gives bytes back that {@link anyOp} took: those behind the end of what was looked for. */
  giveBack(bytes: Uint8Array): void {
    this.#unread = Buffer.concat([bytes, this.#unread]);
  }

  /** Sends all of it. @throws DialogueError timeout when it did not go out in time */
  *sendOp(
    data: string | Uint8Array,
    { secret = false, bulk = false, patience = this.#patience }: SendOptions = {},
  ): Op<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    if (bytes.length === 0) return;
    this.observer?.({ from: this.role, bytes, encrypted: this.#encrypted, secret, bulk });
    this.#sending = true;
    for (let sent = 0; sent < bytes.length; sent += this.#segment) {
      const part = this.#segment < bytes.length ? bytes.subarray(sent, sent + this.#segment) : bytes;
      const late = sent > 0 && this.until.expired;
      if (late || (yield* this.channel.sendOp(part, this.until, patience)) === 'timeout') {
        throw new DialogueError('timeout', `the ${this.#peer} did not take ${bytes.length} bytes in time`);
      }
      if (this.#pause > 0) yield* sleepOp(this.until.atMost(this.#pause));
    }
    this.awaitReply();
  }

  /** From now on sends at most so many bytes at a time and rests for `pause` ms behind each, to try the peer's patience. */
  sendInSegments(bytes: number, pause = 0): void {
    this.#segment = bytes;
    this.#pause = pause;
  }

  /** A command line: text that may come from a caller, so that CR, LF and NUL in it are refused. */
  *commandOp(text: string, options: ExchangeOptions = {}): Op<void> {
    requireOneLine(text);
    yield* this.sendOp(`${text}\r\n`, options);
  }

  /** Command lines that go out together, for protocols that allow it. */
  *commandsOp(lines: readonly string[]): Op<void> {
    for (const line of lines) requireOneLine(line);
    yield* this.sendOp(lines.map((line) => `${line}\r\n`).join(''));
  }

  /** Lines in one piece. For text of our own only: {@link commandOp} is for what a caller may have written. */
  linesOp(...lines: readonly string[]): Op<void> {
    return this.sendOp(lines.map((line) => `${line}\r\n`).join(''));
  }

  /**
   * Starts TLS. As a client every byte behind the go-ahead is an injection; as a server those before it are, for which
   * {@link clearOp} looks, since behind it a ClientHello may follow.
   *
   * @throws DialogueError injected; ChannelError when the handshake failed. The connection is closed then
   */
  *upgradeOp(): Op<TlsInfo> {
    if (this.role === 'client') yield* this.clearOp();
    try {
      const info = yield* this.channel.upgradeOp(this.role, this.until.atMost(this.#patience));
      this.#encrypted = true;
      this.awaitReply();
      return info;
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error;
      if (error.stray !== null) throw injected(error.stray, this.#peer);
      // Behind a dialogue this is no wrong port: it only came too late for anybody but the TLS library to see it.
      if (error.metPlaintext && this.#head.length > 0) throw injected(null, this.#peer);
      throw error;
    }
  }

  /** Refuses, or drops, what the other side has sent and the dialogue has not read. */
  *clearOp(): Op<void> {
    let found = yield* this.#takeWaitingOp();
    if (found === null) return;
    if (this.#injected === 'reject') {
      yield* this.channel.closeOp();
      throw injected(found, this.#peer);
    }
    for (;;) {
      const more = yield* this.#takeWaitingOp();
      if (more === null) break;
      found = { count: found.count + more.count, head: found.head };
      if (found.count > MOST_DROPPED) throw injected(found, this.#peer);
    }
    publishInjection(found, this.#peer, 'drop');
    const before = this.#dropped;
    this.#dropped = before === null ? found : { count: before.count + found.count, head: before.head };
  }

  *#takeWaitingOp(): Op<Stray | null> {
    if (!this.#ended && !(yield* this.#moreOp(NOW)) && this.#unread.length === 0) return null;
    if (this.#unread.length === 0) return null;
    const stray: Stray = {
      count: this.#unread.length,
      head: Uint8Array.prototype.slice.call(this.#unread, 0, STRAY_HEAD),
    };
    this.#unread = EMPTY;
    return stray;
  }

  /**
   * Receives once, for the dialogue; false at the end of the stream. A server in clear takes no ClientHello: its bytes hold
   * the ends of lines by chance, and would be answered like commands.
   */
  *#readOp(most?: number): Op<boolean> {
    const more = yield* this.#moreOp(this.#limit, most);
    const unread = this.#unread;
    if (this.role === 'server' && !this.#encrypted && unread.length >= RECORD_HEAD && startsClientHello(unread)) {
      throw new DialogueError('wrongMode', 'the client begins with TLS where clear text is due');
    }
    return more;
  }

  /** Receives once. False at the end of the stream, and when there is nothing and `until` is NOW. */
  *#moreOp(until: Deadline = this.#limit, most?: number): Op<boolean> {
    const received = until !== NOW && this.#isOver(until) ? 'timeout' : yield* this.#receiveOp(until, most);
    if (received !== 'timeout' || until === NOW) return received === 'more';
    throw new DialogueError('timeout', `the ${this.#peer} did not answer in time`);
  }

  /** A peer that never stops talking would never be waited for. */
  #isOver(until: Deadline): boolean {
    if (this.until.expired) return true;
    if (!until.expired) return false;
    this.#late += 1;
    return this.#late > MOST_LATE;
  }

  *#receiveOp(until: Deadline, most?: number): Op<'more' | 'end' | 'timeout'> {
    if (this.#ended) return 'end';
    if (this.#sending && until !== NOW) {
      this.#sending = false;
      this.#turns += 1;
    }
    const chunk = yield* this.channel.receiveOp(until, most);
    if (chunk === 'timeout') return 'timeout';
    if (chunk.length === 0) {
      this.#ended = true;
      return 'end';
    }
    // The channel's memory is good until its next call only.
    this.#unread = this.#unread.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#unread, asBuffer(chunk)]);
    if (this.#head.length === 0) this.#head = Uint8Array.prototype.slice.call(this.#unread, 0, STRAY_HEAD);
    return 'more';
  }

  get #peer(): Role {
    return this.role === 'client' ? 'server' : 'client';
  }

  #heard(bytes: Uint8Array, { secret = false, bulk = false }: ExchangeOptions = {}): void {
    if (this.observer === null) return;
    const shown =
      this.conceal === null ? bytes : Buffer.from(this.conceal(asBuffer(bytes).toString('latin1')), 'latin1');
    this.observer({ from: this.#peer, bytes: shown, encrypted: this.#encrypted, secret, bulk });
  }
}

/** The error of plaintext that is refused. */
function injected(stray: Stray | null, peer: Role): DialogueError {
  publishInjection(stray, peer, 'reject');
  const bytes = stray === null ? '' : stray.count === 1 ? '1 byte of ' : `${stray.count} bytes of `;
  return new DialogueError(
    'injected',
    `the ${peer} sent ${bytes}plaintext where only TLS may follow; nothing of it was used`,
    stray,
  );
}
