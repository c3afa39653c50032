/**
 * NNTP (RFC 4642, RFC 3977).
 *
 *   S: 200 posting ok                (201: no posting)
 *   C: CAPABILITIES
 *   S: 101 list
 *   S: VERSION 2
 *   S: READER
 *   S: STARTTLS
 *   S: .
 *   C: STARTTLS
 *   S: 382 go
 *   <TLS>
 *   C: CAPABILITIES
 *
 * A server for transit that hands readers over to another (innd to nnrpd) lists MODE-READER, and STARTTLS often only once
 * the client has asked for that mode. What MODE READER did is not undone by TLS (RFC 4642 §2.2.2).
 */
import type { Op } from '../core/op.ts';
import { type Capabilities, capabilitiesOf, mutilated } from './capabilities.ts';
import type { ClientDialogue, Dialect, Opening, ServerDialogue, Session } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import { dotListOp } from './dot-list.ts';
import { quoted } from './quoted.ts';
import { showSecrets } from './sasl-plain.ts';
import { CLOSED, commandLineOp, SERVED, takesLogin, upgradeWith } from './server-command.ts';
import type { Wire } from './wire.ts';

interface NntpReply {
  readonly code: number;
  readonly text: string;
}

const REPLY = /^([1-5]\d\d)(?: (.*))?$/s;

const LIST_FOLLOWS = 101;
const POSTING = 200;
const NO_POSTING = 201;
const GO_AHEAD = 382;
const CLOSING = 400;

function* replyOp(wire: Wire): Op<NntpReply> {
  const line = yield* wire.lineOp();
  const [, code, text = ''] = REPLY.exec(line) ?? [];
  if (code === undefined) throw new DialogueError('malformed', `not a reply of an NNTP server: ${quoted(line)}`);
  return { code: Number(code), text };
}

/** The greeting, also of the reader's server behind MODE READER. */
function* welcomeOp(wire: Wire, what: string): Op<string> {
  const { code, text } = yield* replyOp(wire);
  if (code === POSTING || code === NO_POSTING) return text;
  throw new DialogueError('refused', `the server ${what} with ${quoted(`${code} ${text}`)}`);
}

/** Null where the server does not know the command, which is younger than the protocol. */
function* capabilitiesOp(wire: Wire): Op<Capabilities | null> {
  yield* wire.commandOp('CAPABILITIES');
  const { code } = yield* replyOp(wire);
  return code === LIST_FOLLOWS ? capabilitiesOf(yield* dotListOp(wire)) : null;
}

const client: ClientDialogue = {
  trigger: 'STARTTLS',
  *openOp(wire): Op<Opening> {
    const greeting = yield* welcomeOp(wire, 'greets');
    let known = yield* capabilitiesOp(wire);
    if (known?.has('MODE-READER') && !known.has('STARTTLS')) {
      yield* wire.commandOp('MODE READER');
      yield* welcomeOp(wire, 'answers MODE READER');
      known = yield* capabilitiesOp(wire);
    }
    const entries = known?.entries ?? [];
    return {
      greeting,
      capabilities: entries,
      offer: known === null ? 'unasked' : known.has('STARTTLS') ? 'offered' : 'missing',
      obstacle: null,
      suspicion: mutilated(entries, 'STARTTLS'),
    };
  },
  *requestOp(wire) {
    yield* wire.commandOp('STARTTLS');
    const { code, text } = yield* replyOp(wire);
    return { accepted: code === GO_AHEAD, code: String(code), enhanced: null, text, final: code === CLOSING };
  },
  *renewOp(wire) {
    return (yield* capabilitiesOp(wire))?.entries ?? null;
  },
  *leaveOp(wire) {
    yield* wire.commandOp('QUIT');
  },
  credentialsInClear({ offer, capabilities }) {
    if (offer === 'unasked') return null;
    const known = capabilitiesOf(capabilities);
    // RFC 4643 §2.1: the arguments of AUTHINFO are the ways that are open now.
    const ways = known.parameters('AUTHINFO') ?? [];
    return ways.some((way) => way.toUpperCase() === 'USER') || showSecrets(known.parameters('SASL') ?? []);
  },
};

/** RFC 3977 §3.1. */
const LONGEST_COMMAND = 512;

function capabilityLines(session: Session): readonly string[] {
  const { encrypted, attack } = session;
  const trigger = attack === 'omit' ? [] : [attack === 'rename' ? 'XXXXXXXA' : 'STARTTLS'];
  const login = takesLogin(session) ? ['AUTHINFO USER'] : [];
  return ['VERSION 2', 'IMPLEMENTATION tcpx', 'READER', 'LIST ACTIVE', ...(encrypted ? [] : trigger), ...login];
}

function* authinfoOp(wire: Wire, { memory }: Session, argument: string): Op<void> {
  const [kind = '', value = ''] = argument.split(/[ \t]+/);
  if (memory.has('user')) return yield* wire.linesOp('502 logged in already');
  switch (kind.toUpperCase()) {
    case 'USER':
      if (value === '') return yield* wire.linesOp('501 a name is missing');
      memory.set('name', value);
      return yield* wire.linesOp('381 password');
    case 'PASS': {
      const name = memory.get('name');
      if (name === undefined) return yield* wire.linesOp('482 AUTHINFO USER first');
      memory.delete('name');
      memory.set('user', name);
      return yield* wire.linesOp('281 welcome');
    }
    default:
      return yield* wire.linesOp('501 unknown way to log in');
  }
}

/** What a reader may ask of a server without groups. */
const READER_COMMANDS: Readonly<Record<string, readonly string[]>> = {
  GROUP: ['411 no such group'],
  LISTGROUP: ['411 no such group'],
  ARTICLE: ['412 no group selected'],
  HEAD: ['412 no group selected'],
  BODY: ['412 no group selected'],
  STAT: ['412 no group selected'],
  NEXT: ['412 no group selected'],
  LAST: ['412 no group selected'],
  POST: ['440 no posting'],
  LIST: ['215 list', '.'],
};

const server: ServerDialogue = {
  attacks: ['inject-line', 'inject-half-line', 'omit', 'rename', 'refuse', 'garbage', 'silence', 'drip'],
  injection: Buffer.from('101 injected\r\nVERSION 2\r\nAUTHINFO USER\r\n.\r\n', 'latin1'),
  *greetOp(wire, { host, attack }) {
    yield* wire.linesOp(attack === 'garbage' ? '\x01\x02 what' : `200 ${host} ready, no posting all the same`);
  },
  *renewedOp() {},
  *commandOp(wire, session) {
    const { encrypted, attack, memory } = session;
    const command = yield* commandLineOp(wire, LONGEST_COMMAND);
    if (command === null) return CLOSED;
    const { verb, argument } = command;
    const answer = READER_COMMANDS[verb];
    switch (verb) {
      case 'CAPABILITIES':
        yield* wire.linesOp('101 list', ...capabilityLines(session), '.');
        break;
      case 'STARTTLS':
        if (argument !== '') yield* wire.linesOp('501 STARTTLS takes no argument');
        else if (encrypted) yield* wire.linesOp('502 TLS is active already');
        else if (attack === 'refuse') yield* wire.linesOp('580 cannot start TLS');
        else return upgradeWith('382 go');
        break;
      case 'AUTHINFO':
        if (takesLogin(session)) yield* authinfoOp(wire, session, argument);
        else yield* wire.linesOp('483 TLS first');
        break;
      case 'MODE':
        if (argument.toUpperCase() === 'READER') yield* wire.linesOp('201 no posting');
        else yield* wire.linesOp('501 unknown mode');
        break;
      case 'DATE':
        yield* wire.linesOp(`111 ${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}`);
        break;
      case 'HELP':
        yield* wire.linesOp('100 help', 'RFC 3977', '.');
        break;
      case 'QUIT':
        yield* wire.linesOp('205 good bye');
        return CLOSED;
      default:
        if (answer === undefined) yield* wire.linesOp('500 unknown command');
        else if (!takesLogin(session)) yield* wire.linesOp('483 TLS first');
        else if (!memory.has('user')) yield* wire.linesOp('480 log in first');
        else yield* wire.linesOp(...answer);
    }
    return SERVED;
  },
};

export const NNTP: Dialect = {
  name: 'nntp',
  title: 'NNTP',
  spec: 'RFC 4642, 3977, 8143',
  scheme: 'nntp',
  directScheme: 'nntps',
  port: 119,
  directPort: 563,
  alpn: 'nntp',
  alpnOnUpgrade: false,
  redo: 'CAPABILITIES; the group and the article that were current are lost',
  client,
  server,
};
