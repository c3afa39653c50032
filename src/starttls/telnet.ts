/**
 * Telnet START_TLS (draft-altman-telnet-starttls-02): an option like others, but the first one.
 *
 *   S: IAC DO START_TLS                      FF FD 2E
 *   C: IAC WILL START_TLS                    FF FB 2E
 *   C: IAC SB START_TLS FOLLOWS IAC SE       FF FA 2E 01 FF F0
 *   S: IAC SB START_TLS FOLLOWS IAC SE
 *   <TLS>
 *
 * All options start anew inside TLS. A server that begins with another option is asked by WILL START_TLS, which it has to
 * answer with DO or DONT; nothing else is answered or kept. One that begins with text has gone on without TLS.
 */
import type { Op } from '../core/op.ts';
import type { ClientDialogue, Dialect, Served, ServerDialogue, Session } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import { CLOSED, SERVED } from './server-command.ts';
import {
  ARE_YOU_THERE,
  DO,
  DONT,
  FOLLOWS,
  IAC,
  peekUnitOp,
  SB,
  SE,
  START_TLS,
  type Unit,
  unitName,
  unitNames,
  unitOp,
  WILL,
  WONT,
} from './telnet-unit.ts';
import type { Wire } from './wire.ts';

const TLS_FOLLOWS: Uint8Array = Buffer.from([IAC, SB, START_TLS, FOLLOWS, IAC, SE]);

function option(command: number, number: number = START_TLS): Uint8Array {
  return Buffer.from([IAC, command, number]);
}

const VERBS = new Map([
  [DO, 'do'],
  [DONT, 'dont'],
  [WILL, 'will'],
  [WONT, 'wont'],
] as const);

type AboutTls = 'do' | 'dont' | 'will' | 'wont' | 'follows';

/** What a unit says about TLS; null when it is about something else. */
function aboutTls(unit: Unit): AboutTls | null {
  if (unit.kind === 'option' && unit.option === START_TLS) {
    for (const [command, verb] of VERBS) if (unit.command === command) return verb;
  }
  if (unit.kind !== 'subnegotiation' || unit.option !== START_TLS) return null;
  if (unit.content.length === 1 && unit.content[0] === FOLLOWS) return 'follows';
  throw new DialogueError('malformed', 'a subnegotiation of START_TLS that is not FOLLOWS');
}

/** The most that is read on the way to TLS, in bytes: negotiation of everything else, and a banner. */
const LONGEST_PREFACE = 16_384;

/** Reads units away until one says what is waited for. */
function* awaitOp(wire: Wire, ...wanted: readonly AboutTls[]): Op<AboutTls> {
  for (let read = 0; read <= LONGEST_PREFACE; ) {
    const { unit, length } = yield* unitOp(wire);
    const found = aboutTls(unit);
    if (found !== null && wanted.includes(found)) return found;
    read += length;
  }
  throw new DialogueError('malformed', `more than ${LONGEST_PREFACE} bytes ahead of the answer to START_TLS`);
}

const client: ClientDialogue = {
  trigger: 'WILL START_TLS',
  *openOp(wire) {
    const opening = { greeting: '', capabilities: [], obstacle: null, suspicion: null };
    if (wire.encrypted) return { ...opening, offer: 'unasked' };
    // What comes first stays unread: under a policy that goes on in clear it belongs to the session.
    const { unit } = yield* peekUnitOp(wire);
    if (unit.kind === 'text') return { ...opening, offer: 'missing', suspicion: 'text comes where options should' };
    return { ...opening, capabilities: [unitName(unit)], offer: aboutTls(unit) === 'do' ? 'offered' : 'unasked' };
  },
  *requestOp(wire) {
    const { unit } = yield* peekUnitOp(wire);
    const refused = { accepted: false, code: 'DONT', enhanced: null, text: 'START_TLS' };
    if (aboutTls(unit) === 'do') {
      yield* unitOp(wire);
      yield* wire.sendOp(Buffer.concat([option(WILL), TLS_FOLLOWS]));
    } else {
      yield* wire.sendOp(option(WILL));
      if ((yield* awaitOp(wire, 'do', 'dont')) === 'dont') return refused;
      yield* wire.sendOp(TLS_FOLLOWS);
    }
    if ((yield* awaitOp(wire, 'follows', 'dont')) === 'dont') return refused;
    return { accepted: true, code: 'FOLLOWS', enhanced: null, text: '' };
  },
  // biome-ignore lint/correctness/useYield: what comes next is the session's own negotiation
  *renewOp() {
    return null;
  },
  *leaveOp() {},
  credentialsInClear: () => null,
};

const NAWS = 31;

/** Everything but START_TLS is refused; what only confirms a refusal needs no answer. */
function* refuseOp(wire: Wire, { command, option: number }: { command: number; option: number }): Op<void> {
  if (command === WILL) yield* wire.sendOp(option(DONT, number));
  if (command === DO) yield* wire.sendOp(option(WONT, number));
}

function* clearUnitOp(wire: Wire, { memory, attack }: Session, unit: Unit): Op<Served> {
  const about = aboutTls(unit);
  if (about === 'will' && attack === 'refuse') yield* wire.sendOp(option(DONT));
  else if (about === 'will') {
    if (!memory.has('offered')) yield* wire.sendOp(option(DO));
    memory.set('offered', '');
    memory.set('agreed', '');
  } else if (about === 'follows' && memory.has('agreed')) {
    if (attack !== 'garbage') return { kind: 'upgrade', goAhead: TLS_FOLLOWS };
    yield* wire.sendOp(Buffer.from([IAC, SB, START_TLS, 0, IAC, SE]));
  } else if (unit.kind === 'text' || about === 'wont') {
    yield* wire.sendOp('this service wants TLS: START_TLS is its first option\r\n');
    return CLOSED;
  } else if (unit.kind === 'option') yield* refuseOp(wire, unit);
  return SERVED;
}

/** Echoes, and has no options. */
function* sessionUnitOp(wire: Wire, unit: Unit): Op<void> {
  if (unit.kind === 'text') yield* wire.sendOp(Buffer.from(unit.byte === IAC ? [IAC, IAC] : [unit.byte]));
  else if (unit.kind === 'option') yield* refuseOp(wire, unit);
  else if (unit.kind === 'command' && unit.command === ARE_YOU_THERE) yield* wire.sendOp('[yes]\r\n');
}

function bannerOp(wire: Wire, { host }: Session): Op<void> {
  return wire.sendOp(`${host}\r\n`);
}

const server: ServerDialogue = {
  attacks: ['inject-line', 'inject-half-line', 'omit', 'refuse', 'tamper', 'garbage', 'silence', 'drip'],
  injection: Buffer.concat([option(WILL, 1), Buffer.from('login: ', 'latin1')]),
  *greetOp(wire, session) {
    const { attack, memory } = session;
    if (session.encrypted) yield* bannerOp(wire, session);
    else if (attack === 'omit') yield* wire.sendOp('login: ');
    else if (attack === 'tamper') yield* wire.sendOp(option(DO, NAWS));
    else {
      memory.set('offered', '');
      yield* wire.sendOp(option(DO));
    }
  },
  *renewedOp(wire, session) {
    yield* bannerOp(wire, session);
  },
  *commandOp(wire, session) {
    if (yield* wire.endOp()) return CLOSED;
    const { unit } = yield* unitOp(wire);
    if (!session.encrypted) return yield* clearUnitOp(wire, session, unit);
    yield* sessionUnitOp(wire, unit);
    return SERVED;
  },
};

export const TELNET: Dialect = {
  name: 'telnet',
  title: 'Telnet',
  spec: 'draft-altman-telnet-starttls-02',
  scheme: 'telnet',
  directScheme: 'telnets',
  port: 23,
  directPort: 992,
  alpn: null,
  alpnOnUpgrade: false,
  redo: 'all negotiation of options',
  describe: (_from, bytes) => unitNames(bytes),
  client,
  server,
};
