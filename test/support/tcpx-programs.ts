/**
 * Random programs of TCPX calls, with what their peers do between and during the calls, and the journal of what came of
 * them: STATUS and its origin, by-reference results, and what the peer has seen.
 *
 * A journal is to be the same in all columns, so nothing is left to chance: before a peer does something it has received
 * all that was written, and before the next call it has said that it is done. What a peer does during a call happens
 * while the call waits for it, and nothing was there to read when the call began.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { type Argument, createJob, F, type Job, S, sockary, type Variable, X } from 'tcpx';
import {
  TCPOP_ACCEPT,
  TCPOP_CHECK,
  TCPOP_CHKQTY,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_CONNECT_OLD,
  TCPOP_READ,
  TCPOP_SHUTDOWN,
  TCPOP_STARTTLS,
  TCPOP_WRITE,
  TCPXFLG_ASYNC,
  TCPXFLG_BLOCK,
  TCPXFLG_KEEPLISTEN,
  TCPXFLG_LISTEN,
  TCPXFLG_STARTTLS,
  TCPXFLG_TLS,
} from 'tcpx/ashell.def';
import type { Column } from './conformance.ts';
import { type Action, LedPeer, type LedTls, type Welcome } from './led-peer.ts';
import { makePki } from './pki.ts';

const pki = await makePki();

/** A timer that only a fault lets expire, in ms. */
const AMPLE = 4_000;
/** A timer of a call for which nothing will come. */
const SHORT = 25;
/** When a peer does what it does during a call. */
const DURING = 15;
/** What a call may take beyond its timer before it counts as late. */
const LATE = 1_500;

const SLOTS = 2;

export type Security = 'plain' | 'TLSv1.2' | 'TLSv1.3';

export interface Opening {
  readonly step: 'open';
  readonly slot: number;
  readonly how: 'connect' | 'connect-old' | 'accept' | 'accept-keep';
  readonly security: Security;
  /** Clear first. */
  readonly startTls: boolean;
  readonly welcome: Welcome;
  readonly block: boolean;
  readonly async: boolean;
  readonly greeting: string;
  readonly inArray: boolean;
}

export interface PeerStep {
  readonly step: 'peer';
  readonly slot: number;
  readonly actions: readonly Action[];
}

type Target = 'slot' | 'minus-one' | 'closed' | 'listener' | 'array';
type Place = 'S' | 'X' | 'S0' | 'X0' | 'literal' | 'F';

export interface CallStep {
  readonly step: 'call';
  readonly slot: number;
  readonly op:
    | 'read'
    | 'write'
    | 'check'
    | 'chkqty'
    | 'shutdown'
    | 'close'
    | 'starttls'
    | 'check-set'
    | 'close-set'
    | 'odd';
  readonly target: Target;
  readonly count: number;
  readonly place: Place;
  readonly size: number;
  readonly timed: boolean;
  readonly tlsBit: boolean;
  /** What the peer does while the call waits. */
  readonly during: readonly Action[];
}

export type Step = Opening | PeerStep | CallStep;
export type Program = readonly Step[];

const slot = fc.integer({ min: 0, max: SLOTS - 1 });
const send = fc
  .oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 40 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 9_000 }) },
  )
  .map((bytes): Action => ({ act: 'send', bytes }));
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: send },
  {
    weight: 1,
    arbitrary: fc.constantFrom('hello\r\n', '\x17\x03\x03\x00\x20zz').map((text): Action => ({ act: 'raw', text })),
  },
  { weight: 2, arbitrary: fc.constantFrom<Action>({ act: 'notify' }) },
  { weight: 2, arbitrary: fc.constantFrom<Action>({ act: 'fin' }) },
  { weight: 1, arbitrary: fc.constantFrom<Action>({ act: 'close' }) },
  { weight: 1, arbitrary: fc.constantFrom<Action>({ act: 'reset' }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 30 }).map((bytes): Action => ({ act: 'hold', bytes })) },
);
const actions = fc.array(action, { minLength: 1, maxLength: 3 });

const opening = fc.record({
  step: fc.constant('open' as const),
  slot,
  how: fc.constantFrom<Opening['how']>('connect', 'connect', 'connect', 'connect-old', 'accept', 'accept-keep'),
  security: fc.constantFrom<Security>('plain', 'TLSv1.2', 'TLSv1.3'),
  startTls: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  welcome: fc.oneof(
    { weight: 10, arbitrary: fc.constant<Welcome>('handshake') },
    { weight: 1, arbitrary: fc.constantFrom<Welcome>('later', 'text', 'end', 'reset') },
  ),
  block: fc.boolean(),
  async: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  greeting: fc.constantFrom('', '', 'HELLO', 'a greeting of more than thirty-two bytes'),
  inArray: fc.boolean(),
});

const peerStep = fc.record({ step: fc.constant('peer' as const), slot, actions });

const count = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 60 }) },
  { weight: 1, arbitrary: fc.constantFrom(-1, 8_000, 20_000, 1_048_577, 3_145_733) },
);
const call = fc.record({
  step: fc.constant('call' as const),
  slot,
  op: fc.constantFrom<CallStep['op']>(
    'read',
    'read',
    'read',
    'read',
    'write',
    'write',
    'write',
    'check',
    'check',
    'chkqty',
    'chkqty',
    'shutdown',
    'close',
    'starttls',
    'check-set',
    'check-set',
    'close-set',
    'odd',
  ),
  target: fc.oneof(
    { weight: 12, arbitrary: fc.constant<Target>('slot') },
    { weight: 1, arbitrary: fc.constantFrom<Target>('minus-one', 'closed', 'listener', 'array', 'array') },
  ),
  count,
  place: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom<Place>('S', 'X', 'S0', 'X0') },
    { weight: 1, arbitrary: fc.constantFrom<Place>('literal', 'F') },
  ),
  size: fc.constantFrom(1, 10, 64, 300, 10_000),
  timed: fc.boolean(),
  tlsBit: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  during: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: actions }),
});

export const programs: fc.Arbitrary<Program> = fc
  .tuple(
    opening,
    fc.array(
      fc.oneof({ weight: 1, arbitrary: opening }, { weight: 4, arbitrary: peerStep }, { weight: 9, arbitrary: call }),
      { minLength: 2, maxLength: 14 },
    ),
  )
  .map(([first, rest]) => [first, ...rest]);

interface Open {
  readonly opening: Opening;
  readonly peer: LedPeer;
  readonly sock: ReturnType<typeof F>;
  /** Bytes that WRITE has reported as sent. */
  written: number;
  /** Whether the end of sending was asked for. */
  ended: boolean;
  /** The peer has spoken TLS that this side does not: what it receives then is no text. */
  garbled: boolean;
  /** SHUTDOWN for receiving was called. */
  deaf: boolean;
  /** The peer has ended sending. */
  finished: boolean;
  /** The peer has sent what is no TLS. */
  poisoned: boolean;
  /** The peer has ended, or broken, the connection. */
  over: boolean;
  index: number;
}

/** One program in one column. */
class Run {
  readonly journal: string[] = [];
  readonly #job: Job;
  readonly #mode: Column['mode'];
  readonly #slots: (Open | null)[] = Array.from({ length: SLOTS }, () => null);
  readonly #peers: LedPeer[] = [];
  readonly #listener = F(0);
  readonly #array = sockary(4);

  constructor({ engine, mode }: Column) {
    this.#mode = mode;
    this.#job = createJob({
      engine,
      bind: '127.0.0.1',
      tls: { ca: pki.ca, ...pki.good },
      assume: { acceptTimer: 'waits' },
    });
  }

  async run(program: Program): Promise<string[]> {
    try {
      await this.#x('listen', 0, TCPOP_ACCEPT, F(), '', this.#listener, TCPXFLG_LISTEN);
      for (const step of program) {
        if (step.step === 'open') await this.#open(step);
        else if (step.step === 'peer') await this.#peerActs(step.slot, step.actions);
        else await this.#call(step);
        await this.#settle();
      }
      for (const open of this.#slots) await this.#finish(open);
      return this.journal;
    } finally {
      this.#job.close();
      await Promise.all(this.#peers.map((peer) => peer.stop()));
    }
  }

  /** Lets what the kernel holds arrive: a CHECK of a listening socket turns the loop on which the sockets live. */
  async #settle(): Promise<void> {
    for (let round = 0; round < 3; round += 1) {
      await sleep(1);
      const args: Argument[] = [TCPOP_CHECK, F(), '', F(this.#listener.value), 0, 0];
      if (this.#mode === 'sync') this.#job.xcall('TCPX', ...args);
      else await this.#job.xcall.async('TCPX', ...args);
    }
  }

  /** Makes a call and writes down what came of it. */
  async #x(what: string, timer: number, ...args: Argument[]): Promise<number> {
    const begun = performance.now();
    const status =
      this.#mode === 'sync' ? this.#job.xcall('TCPX', ...args) : await this.#job.xcall.async('TCPX', ...args);
    const elapsed = performance.now() - begun;
    const late = elapsed > timer + LATE ? ` late by ${Math.round(elapsed - timer)} ms` : '';
    const early = status === -11 && timer > 0 && elapsed < timer - 2 ? ` early after ${Math.round(elapsed)} ms` : '';
    const [, , buffer, sock] = args;
    const origin = status < 0 ? ` ${this.#job.lastStatus?.origin}` : '';
    this.journal.push(`${what} = ${status}${origin} sock ${shown(sock)} buffer ${shown(buffer)}${late}${early}`);
    return status;
  }

  async #open(opening: Opening): Promise<void> {
    const { slot, how, block, async, security, welcome, inArray } = opening;
    if (this.#slots[slot] !== null && this.#slots[slot] !== undefined) return;
    const secure = security !== 'plain';
    const pending = secure && opening.startTls;
    const handshakes = secure && !pending;
    const accepts = how === 'accept' || how === 'accept-keep';
    const peer = new LedPeer();
    this.#peers.push(peer);
    const role = accepts ? 'client' : 'server';
    const config: LedTls | null = secure
      ? { role, version: security, cert: pki.good.cert, key: pki.good.key, ca: pki.ca }
      : null;
    const met: Welcome = pending ? 'later' : welcome;
    const shakes = handshakes && met === 'handshake';
    const bits = (block ? TCPXFLG_BLOCK : 0) + (secure ? TCPXFLG_TLS : 0) + (pending ? TCPXFLG_STARTTLS : 0);
    // A handshake for which nothing comes is waited for no longer than it takes to see that.
    const timer = handshakes && met === 'later' ? 150 : AMPLE;
    const sock = F();
    const status = F();
    let result: number;
    const array: Argument[] = inArray ? [this.#array] : [];
    if (accepts) {
      const listener = F(0);
      await this.#x('listen', 0, TCPOP_ACCEPT, F(), '', listener, TCPXFLG_LISTEN);
      const { port } = this.#job.socket(listener.value).local;
      await peer.connect(port, config, met);
      await this.#settle();
      sock.value = listener.value;
      const keep = how === 'accept-keep' ? TCPXFLG_KEEPLISTEN : 0;
      result = await this.#x(
        `accept ${slot}`,
        timer,
        TCPOP_ACCEPT,
        status,
        S(40, opening.greeting),
        sock,
        bits + TCPXFLG_ASYNC + keep,
        timer,
      );
      if (how === 'accept-keep') await this.#x('close listener', 0, TCPOP_CLOSE, F(), '', listener);
    } else {
      const port = await peer.listen(config, met);
      sock.value = port;
      const old = how === 'connect-old' && !handshakes;
      if (old) await peer.actLater(DURING, [{ act: 'send', bytes: 12 }]);
      const flags = bits + (async && !old ? TCPXFLG_ASYNC : 0);
      result = await this.#x(
        `connect ${slot}`,
        timer,
        old ? TCPOP_CONNECT_OLD : TCPOP_CONNECT,
        status,
        S(20),
        sock,
        flags,
        timer,
        '127.0.0.1',
        ...array,
      );
      if (old) await peer.acted();
    }
    const open: Open = {
      opening,
      peer,
      sock,
      written: Math.max(0, accepts ? result : 0),
      ended: false,
      garbled: pending || (handshakes && !shakes),
      deaf: false,
      finished: false,
      poisoned: false,
      over: false,
      index: 0,
    };
    if (result < 0) {
      await this.#leave(open);
      return;
    }
    if (inArray && !accepts) {
      open.index = sock.value;
      sock.value = this.#array.socket(open.index);
    } else if (inArray) {
      if (this.#array.count < 3) open.index = addTo(this.#array, sock.value);
    }
    this.journal.push(`ready ${await peer.ready(shakes)}`);
    this.#slots[slot] = open;
  }

  async #caughtUp(open: Open): Promise<void> {
    if (open.garbled || open.over) return;
    this.journal.push(`peer caught up: ${await open.peer.caughtUp(open.written, open.ended)}`);
  }

  async #peerActs(slot: number, wanted: readonly Action[]): Promise<void> {
    const open = this.#slots[slot];
    if (open === null || open === undefined) return;
    // After SHUTDOWN for receiving GnuTLS never learns what breaks the session, and Node does.
    const spared = open.deaf && open.opening.security !== 'plain';
    const given = spared ? wanted.filter(({ act }) => act !== 'raw') : wanted;
    await this.#caughtUp(open);
    await open.peer.act(given);
    if (given.some(({ act }) => act === 'close' || act === 'reset')) open.over = true;
    open.finished ||= given.some(({ act }) => act !== 'send' && act !== 'hold');
    open.poisoned ||= open.opening.security !== 'plain' && given.some(({ act }) => act === 'raw' || act === 'reset');
    if (!open.poisoned) return;
    // GnuTLS learns that a session is broken when it reads, Node by itself: here both read.
    await this.#settle();
    const look = await this.#x('chkqty', 0, TCPOP_CHKQTY, F(), '', open.sock);
    if (look < 0) await this.#lost(slot, open);
  }

  /** A call has closed the socket. */
  async #lost(slot: number, open: Open): Promise<void> {
    if (open.sock.value !== -1) return;
    this.#slots[slot] = null;
    if (open.index > 0) this.#array.remove(open.index);
    await this.#leave(open);
  }

  async #call(step: CallStep): Promise<void> {
    const open = this.#slots[step.slot] ?? null;
    if (step.op === 'check-set') return this.#checkSet(step);
    if (step.op === 'close-set') {
      await this.#x('close set', 2_000, TCPOP_CLOSE, F(), '', F(0), 0, 0, '', this.#array);
      for (const [index, each] of this.#slots.entries()) {
        if (each === null || each === undefined || each.index === 0) continue;
        each.ended = true;
        await this.#leave(each);
        this.#slots[index] = null;
      }
      return;
    }
    if (step.op === 'odd') {
      await this.#x('odd', 0, [0, 3, 13, -1, 2.5][step.size % 5] ?? 0, F(7), S(5, 'abc'), F(step.count), step.count);
      return;
    }
    const target = open === null && step.target === 'slot' ? 'minus-one' : step.target;
    const viaArray = target === 'array' && open !== null && open.index > 0;
    const sock = viaArray ? F(open.index) : this.#sockFor(target, open);
    const array: Argument[] = target === 'array' ? ['', this.#array] : [];
    const about = target === 'slot' || viaArray ? open : null;
    await this.#onSocket(step, about, sock, array);
    if (about === null) return;
    if (viaArray ? this.#array.socket(open?.index ?? 1) === 0 : sock.value === -1) {
      this.#slots[step.slot] = null;
      about.sock.value = -1;
      if (about.index > 0) this.#array.remove(about.index);
      await this.#leave(about);
    }
  }

  #sockFor(target: Target, open: Open | null): ReturnType<typeof F> {
    if (target === 'slot' && open !== null) return open.sock;
    if (target === 'closed') return F(9_999);
    if (target === 'listener') return F(this.#listener.value);
    if (target === 'array') return F(2);
    return F(-1);
  }

  async #onSocket(step: CallStep, open: Open | null, sock: Variable, array: readonly Argument[]): Promise<void> {
    const { op, count } = step;
    const status = F();
    const bit = step.tlsBit && open?.opening.security !== 'plain' ? TCPXFLG_TLS : 0;
    if (op === 'read') return this.#read(step, open, sock, array, bit);
    if (op === 'write') {
      // How many bytes the system takes in vain differs, see docs/parity.md.
      if (open?.over === true && open.opening.security !== 'plain') return;
      const buffer = variable(step.place, step.size, 'w');
      const written = await this.#x(
        `write ${count}`,
        AMPLE,
        TCPOP_WRITE,
        status,
        buffer,
        sock,
        count > 0 ? count + bit : count,
        AMPLE,
        ...array,
      );
      if (open !== null && written > 0) open.written += written;
      return;
    }
    if (op === 'check') {
      const during = open === null ? [] : await this.#prepared(step, open);
      const timer = during.length > 0 ? AMPLE : step.timed ? SHORT : 0;
      await this.#whileActing(open, during, () =>
        this.#x('check', timer, TCPOP_CHECK, status, '', sock, bit, timer, ...array),
      );
      return;
    }
    if (op === 'chkqty') await this.#x('chkqty', 0, TCPOP_CHKQTY, status, '', sock, bit, 0, ...array);
    // A reset behind an end is not seen by Node, see docs/parity.md.
    if (op === 'shutdown' && !open?.over) {
      const how = Math.abs(count) % 5;
      const done = await this.#x(`shutdown ${how}`, 0, TCPOP_SHUTDOWN, status, '', sock, how, 0, ...array);
      if (open !== null && done === 0 && how >= 1) open.ended = true;
      if (open !== null && done === 0 && how !== 1) open.deaf = true;
    }
    if (op === 'close') {
      if (open !== null) open.ended = true;
      await this.#x('close', 2_000, TCPOP_CLOSE, status, '', sock, bit, 0, ...array);
    }
    if (op === 'starttls') await this.#starttls(step, open, sock, array);
  }

  async #starttls(step: CallStep, open: Open | null, sock: Variable, array: readonly Argument[]): Promise<void> {
    const answers = step.timed || step.size < 300;
    if (open !== null) {
      await this.#caughtUp(open);
      if (answers) await open.peer.act([{ act: 'startTls' }]);
      await this.#settle();
    }
    const timer = answers ? AMPLE : 100;
    const flags = step.tlsBit ? TCPXFLG_TLS : 0;
    const done = await this.#x('starttls', timer, TCPOP_STARTTLS, F(), '', sock, flags, timer, ...array);
    if (open !== null && done === 0) await open.peer.ready(true);
  }

  async #read(
    step: CallStep,
    open: Open | null,
    sock: Variable,
    array: readonly Argument[],
    bit: number,
  ): Promise<void> {
    const buffer = variable(step.place, step.size, 'r');
    let { count } = step;
    const during = open === null ? [] : await this.#prepared(step, open);
    if (during.length > 0 && count > 0) count = Math.min(count, Math.max(1, bytesIn(during)));
    // TLS gives one record or as many as there are: looked at before, they are one and the same.
    if (open !== null && during.length === 0) {
      const there = await this.#x('chkqty', 0, TCPOP_CHKQTY, F(), '', F(open.sock.value), bit);
      // GnuTLS ends its session where it meets the end behind bytes that it gives, see docs/parity.md.
      if (open.finished && there > 0) count = Math.min(count, there);
    }
    const timer = during.length > 0 ? AMPLE : open?.opening.block || step.timed ? SHORT : 0;
    const flags = count > 0 ? count + bit : count;
    await this.#whileActing(open, during, () =>
      this.#x(
        `read ${count} of ${step.place}${step.size}`,
        timer,
        TCPOP_READ,
        F(),
        buffer,
        sock,
        flags,
        timer,
        ...array,
      ),
    );
  }

  /** What is left to do during a call: what would not wake it, or is met by bytes already there, is done before. */
  async #prepared(step: CallStep, open: Open): Promise<readonly Action[]> {
    if (step.during.length === 0) return [];
    const sends = step.during.filter(({ act }) => act === 'send');
    const holds = step.during.some(({ act }) => act === 'hold' || act === 'raw');
    const ends = step.during.some(({ act }) => act === 'fin' || act === 'close' || act === 'reset');
    const there = await this.#x('chkqty', 0, TCPOP_CHKQTY, F(), '', F(open.sock.value));
    if (there === 0 && !holds && (sends.length === 1 || (sends.length === 0 && ends)) && !open.over) return step.during;
    await this.#peerActs(step.slot, step.during);
    await this.#settle();
    return [];
  }

  async #whileActing(open: Open | null, during: readonly Action[], run: () => Promise<number>): Promise<void> {
    if (open === null || during.length === 0) {
      await run();
      return;
    }
    await this.#caughtUp(open);
    await open.peer.actLater(DURING, during);
    await run();
    await open.peer.acted();
    open.finished ||= during.some(({ act }) => act !== 'send');
    if (during.some(({ act }) => act === 'close' || act === 'reset')) open.over = true;
  }

  async #checkSet(step: CallStep): Promise<void> {
    const timer = step.timed ? SHORT : 0;
    const index = F(0);
    await this.#x('check set', timer, TCPOP_CHECK, F(), '', index, 0, timer, '', this.#array);
    this.journal.push(`array ${Buffer.from(this.#array.bytes).toString('hex')}`);
  }

  async #finish(open: Open | null | undefined): Promise<void> {
    if (open === null || open === undefined) return;
    if (open.sock.value !== -1) await this.#x('last close', 2_000, TCPOP_CLOSE, F(), '', open.sock);
    open.ended = true;
    await this.#leave(open);
  }

  /** What the peer of a socket that is gone has seen. */
  async #leave(open: Open): Promise<void> {
    const { peer } = open;
    if (!open.over) await peer.caughtUp(open.garbled ? 0 : open.written, true);
    const { received, handshaken, notified, end, alerted } = await peer.seen();
    // Bytes that come between the last look and the close make a reset of it: test/conformance/ends.test.ts looks at each.
    const ended = end === 'open' ? end : 'ended';
    const what = open.garbled && !handshaken ? `${received.length > open.written}` : shownBytes(received);
    this.journal.push(
      `peer saw ${open.over ? '' : `${notified ? 'close_notify ' : ''}${alerted ? 'alert ' : ''}${ended} `}${what}`,
    );
  }
}

function addTo(array: ReturnType<typeof sockary>, socket: number): number {
  array.add(socket);
  return [...array].find((entry) => entry.socket === socket)?.index ?? 0;
}

function bytesIn(list: readonly Action[]): number {
  let total = 0;
  for (const each of list) if (each.act === 'send') total += each.bytes;
  return total;
}

function variable(place: Place, size: number, mark: string): Argument {
  const text = mark.repeat(Math.min(size, 20));
  if (place === 'S') return S(size, text);
  if (place === 'X') return X(size, Buffer.from(text));
  if (place === 'S0') return S(0, text);
  if (place === 'X0') return X(0, Buffer.from(text));
  return place === 'F' ? F(5) : text;
}

function shown(argument: Argument | undefined): string {
  if (argument === undefined || typeof argument !== 'object') return '-';
  if (argument.type === 'F') return String(argument.readNumber());
  return shownBytes(argument.bytes);
}

function shownBytes(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('latin1');
  return bytes.length > 90 ? `${bytes.length}:${hash(bytes)}` : JSON.stringify(text);
}

function hash(bytes: Uint8Array): string {
  let value = 7;
  for (const byte of bytes) value = (value * 31 + byte) | 0;
  return (value >>> 0).toString(16);
}

/** What comes of a program in a column. */
export function journalOf(program: Program, column: Column): Promise<string[]> {
  return new Run(column).run(program);
}
