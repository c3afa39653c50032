/** A channel that makes XCALLs on a TCPX socket, in the mode of its caller. */
import {
  TCPOP_CHECK,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_READ,
  TCPOP_SHUTDOWN,
  TCPOP_STARTTLS,
  TCPOP_WRITE,
  TCPXFLG_BLOCK,
  TCPXFLG_STARTTLS,
  TCPXFLG_TLS,
} from '../../ashell.def.ts';
import { F, S, type Variable, X } from '../basic/variables.ts';
import { type Deadline, NOW } from '../core/deadline.ts';
import { CancelledError, UsageError } from '../core/errors.ts';
import type { Op } from '../core/op.ts';
import type { Caller, CallResult, SocketFacts } from '../tcpx/index.ts';
import { peerOf } from '../tcpx/peer-of.ts';
import type { TlsInfo } from '../tls/info.ts';
import { ChannelError, type Role, type StreamingChannel } from './channel.ts';

/** Bytes that one READ takes; a TLS record holds at most as many. */
const RECEIVE_SIZE = 16_384;
/** A blocking call's timer is a positive number of ms; less is rounded up to this. */
const SHORTEST_TIMER = 1;
/** The timer under which a socket that may not block waits as if it might, in ms. */
export const LONGEST_TIMER = 0x7fffffff;

/** How a connection begins: in clear for good, in clear with TLS to follow, or with TLS. */
export type Security = 'plain' | 'starttls' | 'tls';

const SECURITY_FLAGS: Readonly<Record<Security, number>> = {
  plain: 0,
  starttls: TCPXFLG_TLS + TCPXFLG_STARTTLS,
  tls: TCPXFLG_TLS,
};

/** The direction of SHUTDOWN that ends sending. */
const SHUTDOWN_SEND = 1;

const NO_BYTES = new Uint8Array(0);

export class XcallChannel implements StreamingChannel {
  readonly caller: Caller;
  readonly #status = F();
  readonly #sockport = F();
  #received = X(RECEIVE_SIZE);
  readonly #sent = X(0);
  /** A literal: opcodes that use no buffer, and STARTTLS. */
  readonly #none = S(1);
  /** A send, or a wait for the other side, that has not come to its end: what is unsent then is of no use to it. */
  #sendCut = false;
  #receiveCut = false;
  readonly #tlsBit: number;
  readonly #endless: number;

  /** Works on a socket that is open already. @throws UsageError when there is none */
  constructor(caller: Caller, socket: number) {
    const facts = caller.socket(socket);
    if (facts.kind !== 'stream') throw new UsageError(`socket ${socket} is not a connection but ${facts.kind}`);
    this.caller = caller;
    this.#sockport.value = socket;
    this.#tlsBit = facts.state === 'plain' ? 0 : TCPXFLG_TLS;
    this.#endless = facts.blocking ? 0 : LONGEST_TIMER;
  }

  /**
   * Connects and gives the channel of the new socket.
   *
   * @param priority GnuTLS priority string, empty for the job's own
   * @throws ChannelError with the STATUS of CONNECT
   */
  static *connectOp(
    caller: Caller,
    host: string,
    port: number,
    security: Security,
    until: Deadline,
    priority = '',
  ): Op<XcallChannel> {
    const sockport = F(port);
    const flags = TCPXFLG_BLOCK + SECURITY_FLAGS[security];
    const result = yield* caller.xcallOp('TCPX', TCPOP_CONNECT, F(), priority, sockport, flags, timer(until), host);
    if (result.status < 0) throw channelError(result);
    return new XcallChannel(caller, sockport.value);
  }

  /**
   * Connects to another port of the same host, in clear with TLS to follow: see {@link peerOf}.
   *
   * @throws ChannelError with the STATUS of CONNECT
   */
  besideOp(port: number, until: Deadline): Op<XcallChannel> {
    return XcallChannel.connectOp(this.caller, peerOf(this.socket), port, 'starttls', until);
  }

  /** The TCPX socket number; -1 once it is closed. */
  get socket(): number {
    return this.#sockport.value;
  }

  /** Null once the socket is closed. */
  get facts(): SocketFacts | null {
    return this.socket < 0 ? null : this.caller.socket(this.socket);
  }

  get tls(): TlsInfo | null {
    return this.facts?.tls ?? null;
  }

  *receiveOp(until: Deadline, most: number = RECEIVE_SIZE): Op<Uint8Array | 'timeout'> {
    if (most > this.#received.size) this.#received = X(most);
    const into = most < RECEIVE_SIZE ? X(most) : this.#received;
    // READ would wait on a blocking socket: CHECK looks first.
    if (until === NOW && (yield* this.#checkOp(0)) === 0) return 'timeout';
    this.#receiveCut = true;
    const { status, ...read } = yield* this.#callOp(TCPOP_READ, into, until);
    this.#receiveCut = status < 0;
    if (status >= 0) return status === 0 ? NO_BYTES : into.bytes.subarray(0, status);
    if (isWouldBlock({ status, ...read })) return 'timeout';
    throw channelError({ status, ...read });
  }

  *helloOp(until: Deadline): Op<boolean | 'timeout'> {
    const status = yield* this.#checkOp(until.at === Number.POSITIVE_INFINITY ? LONGEST_TIMER : timer(until));
    if (status === 0) return 'timeout';
    return status > 0 && this.facts?.hello === true;
  }

  *sendOp(bytes: Uint8Array, until: Deadline, patience = Number.POSITIVE_INFINITY): Op<'sent' | 'timeout'> {
    this.#sendCut = true;
    for (let rest = bytes; ; ) {
      this.#sent.value = rest;
      const result = yield* this.#callOp(TCPOP_WRITE, this.#sent, until.atMost(patience));
      const { status } = result;
      if (status === rest.length) {
        this.#sendCut = false;
        return 'sent';
      }
      if (status < 0 && !isWouldBlock(result)) throw channelError(result);
      if (status <= 0 || until.expired) return 'timeout';
      rest = rest.subarray(status);
    }
  }

  *upgradeOp(role: Role, until: Deadline): Op<TlsInfo> {
    const { facts } = this;
    if (facts === null) throw new UsageError('the socket is closed');
    if (facts.role !== role) throw new UsageError(`socket ${this.socket} is the ${facts.role} of its connection`);
    const result = yield* this.#callOp(TCPOP_STARTTLS, this.#none, until);
    if (result.status < 0) throw channelError(result);
    const { tls } = this;
    if (tls === null) throw new Error('no session behind a successful upgrade');
    return tls;
  }

  *endOp(): Op<void> {
    const flags = SHUTDOWN_SEND + this.#tlsBit;
    const result = yield* this.caller.xcallOp('TCPX', TCPOP_SHUTDOWN, this.#status, this.#none, this.#sockport, flags);
    if (result.status < 0) throw channelError(result);
  }

  *closeOp(): Op<void> {
    if (this.socket < 0) return;
    if (this.#sendCut || this.#receiveCut) this.caller.discard(this.socket);
    yield* this.caller.xcallOp('TCPX', TCPOP_CLOSE, this.#status, this.#none, this.#sockport, this.#tlsBit);
  }

  /** Whether there is something to READ, be it the end. @throws ChannelError */
  *#checkOp(limit: number): Op<number> {
    const { caller } = this;
    const args = [this.#status, this.#none, this.#sockport, this.#tlsBit, limit] as const;
    const result = yield* caller.xcallOp('TCPX', TCPOP_CHECK, ...args);
    // An end leaves the socket to READ; a failure has closed it, and another call would not find it.
    if (result.status < 0 && this.socket < 0) throw channelError(result);
    return result.status;
  }

  #callOp(opcode: number, buffer: Variable, until: Deadline): Op<CallResult> {
    const limit = until.at === Number.POSITIVE_INFINITY ? this.#endless : timer(until);
    return this.caller.xcallOp('TCPX', opcode, this.#status, buffer, this.#sockport, this.#tlsBit, limit);
  }
}

const WOULD_BLOCK: ReadonlySet<number> = new Set([-11, -10035]);

function isWouldBlock(result: CallResult): boolean {
  return result.origin === 'errno' && WOULD_BLOCK.has(result.status);
}

/** What is left of a deadline as a timer, where 0 is none: one that is over becomes the shortest there is. */
export function timer(until: Deadline): number {
  if (until === NOW || until.at === Number.POSITIVE_INFINITY) return 0;
  return Math.max(SHORTEST_TIMER, Math.ceil(until.remaining()));
}

const CANCELLED = -125;

export function channelError(result: CallResult): ChannelError | CancelledError {
  const { status, origin, text, stray, refusedPeer } = result;
  if (origin === 'errno' && status === CANCELLED) return new CancelledError(text);
  return new ChannelError(status, origin, text, stray ?? null, refusedPeer ?? null);
}
