/**
 * IRC (IRCv3 `tls`, which is deprecated in favour of `sts`; RFC 1459, RFC 7194).
 *
 *   S: :irc.example NOTICE * :*** Looking up your hostname
 *   C: CAP LS 302
 *   S: :irc.example CAP * LS :multi-prefix tls sts=port=6697,duration=300
 *   C: STARTTLS
 *   S: :irc.example 670 * :go
 *   <TLS>
 *   C: CAP LS 302, then NICK and USER
 *
 * Servers do not greet, and notices may come at any time. They are read over and not kept. A server from before CAP answers
 * it with a numeric, or with silence until the client has registered; it is then asked for TLS without having offered it.
 */
import type { Op } from '../core/op.ts';
import { capabilitiesOf, mutilated } from './capabilities.ts';
import type { ClientDialogue, Dialect, Opening, Reply, ServerDialogue, Session } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import { quoted } from './quoted.ts';
import { plainUser, showSecrets } from './sasl-plain.ts';
import { CLOSED, SERVED, takesLogin, upgradeWith } from './server-command.ts';
import type { Wire } from './wire.ts';

export interface IrcMessage {
  /** In upper case; three digits for a numeric. */
  readonly command: string;
  readonly parameters: readonly string[];
}

/*
 * message = ["@" tags SP] [":" prefix SP] command *(SP parameter) [SP ":" trailing]
 */
const MESSAGE = /^(?:@\S+ +)?(?::\S+ +)?([A-Za-z]+|\d{3})((?: +[^: \r\0][^ \r\0]*)*)(?: +:([^\r\0]*))? *$/;

/** Null for what is no message. */
export function ircMessage(line: string): IrcMessage | null {
  const [, command, middle = '', trailing] = MESSAGE.exec(line) ?? [];
  if (command === undefined) return null;
  const parameters = middle.split(/ +/).filter((word) => word !== '');
  if (trailing !== undefined) parameters.push(trailing);
  return { command: command.toUpperCase(), parameters };
}

/** What `sts` asks for (ircv3.net, strict transport security). */
export interface StsPolicy {
  /** Where the server has TLS from the first byte; null inside TLS, where it does not matter. */
  readonly port: number | null;
  /** How long the policy holds, in seconds; 0 ends it. Null in clear, where nobody may set it. */
  readonly duration: number | null;
}

/** The policy in a list of capabilities; null where there is none, or none that can be read. */
export function ircSts(capabilities: readonly string[]): StsPolicy | null {
  const entry = capabilities.find((name) => /^sts=/i.test(name));
  if (entry === undefined) return null;
  const port = numberIn(entry, 'port');
  const duration = numberIn(entry, 'duration');
  const usable = port !== null && port >= 1 && port <= 65_535 ? port : null;
  return usable === null && duration === null ? null : { port: usable, duration };
}

function numberIn(entry: string, key: string): number | null {
  const found = new RegExp(`[=,]${key}=(\\d{1,15})(?=,|$)`, 'i').exec(entry)?.[1];
  return found === undefined ? null : Number(found);
}

/** How long a server may take to answer CAP before it counts as one that does not know it, in ms. */
const CAP_PATIENCE = 5_000;
/** RFC 1459 §2.3 allows 512 bytes, IRCv3 8191 more for tags. */
const LONGEST_MESSAGE = 8_704;
/** More messages than any server sends between a question and its answer, and more capabilities than it has. */
const MOST_MESSAGES = 1_000;
const MOST_CAPABILITIES = 500;

/**
 * Reads on until `look` makes something of a message. What it passes over is not kept.
 *
 * @param answers whether PING is answered: between the trigger and its answer the client says nothing
 */
function* untilOp<T>(wire: Wire, answers: boolean, look: (message: IrcMessage) => T | undefined): Op<T> {
  for (let count = 0; count < MOST_MESSAGES; count += 1) {
    const line = yield* wire.lineOp(LONGEST_MESSAGE);
    const message = ircMessage(line);
    if (message === null) throw new DialogueError('malformed', `not a message of an IRC server: ${quoted(line)}`);
    const { command, parameters } = message;
    if (command === 'ERROR')
      throw new DialogueError('refused', `the server says ERROR ${quoted(parameters.join(' '))}`);
    const found = look(message);
    if (found !== undefined) return found;
    if (answers && command === 'PING') yield* wire.commandOp(`PONG :${parameters.at(-1) ?? ''}`);
  }
  throw new DialogueError('malformed', `more than ${MOST_MESSAGES} messages without an answer`);
}

/** Asks for the capabilities; null where the server does not know CAP. */
function* capabilitiesOp(wire: Wire): Op<readonly string[] | null> {
  const entries: string[] = [];
  yield* wire.commandOp('CAP LS 302');
  wire.awaitReply(Math.min(CAP_PATIENCE, wire.patience));
  try {
    return yield* untilOp(wire, true, ({ command, parameters }) => {
      // Old servers say that the command is unknown, or that the client is to register first.
      if (command === '421' || command === '451') return null;
      const [, subcommand, ...list] = parameters;
      if (command !== 'CAP' || subcommand?.toUpperCase() !== 'LS') return undefined;
      entries.push(...(list.at(-1) ?? '').split(' ').filter((name) => name !== ''));
      if (entries.length > MOST_CAPABILITIES) throw new DialogueError('malformed', 'an endless list of capabilities');
      // An asterisk ahead of the list: it goes on in another message.
      return list.length > 1 && list[0] === '*' ? undefined : entries;
    });
  } catch (error) {
    if (error instanceof DialogueError && error.fault === 'timeout') return null;
    throw error;
  }
}

/** The numerics that answer the trigger. One of those that refuse may still be the answer to CAP. */
function answerTo({ command, parameters }: IrcMessage): Reply | undefined {
  const refusal = command === '691' || command === '451' || command === '462' || command === '421';
  if (command !== '670' && !refusal) return undefined;
  if (command === '421' && parameters.some((word) => word.toUpperCase() === 'CAP')) return undefined;
  return { accepted: command === '670', code: command, enhanced: null, text: parameters.at(-1) ?? '' };
}

const client: ClientDialogue = {
  trigger: 'STARTTLS',
  *openOp(wire): Op<Opening> {
    const known = yield* capabilitiesOp(wire);
    const entries = known ?? [];
    const port = ircSts(entries)?.port ?? null;
    return {
      greeting: '',
      capabilities: entries,
      offer: known === null ? 'unasked' : capabilitiesOf(entries).has('tls') ? 'offered' : 'missing',
      obstacle: null,
      suspicion: mutilated(entries, 'TLS'),
      ...(port === null ? {} : { instead: `its policy (sts) is TLS from the first byte on port ${port}` }),
    };
  },
  *requestOp(wire) {
    yield* wire.commandOp('STARTTLS');
    return yield* untilOp(wire, false, answerTo);
  },
  renewOp: capabilitiesOp,
  *leaveOp(wire) {
    yield* wire.commandOp('QUIT');
  },
  credentialsInClear({ capabilities }) {
    const entry = capabilities.find((name) => /^sasl(?:=|$)/i.test(name));
    // PASS, and a message to a service, are not announced.
    if (entry === undefined) return null;
    const [, mechanisms = 'PLAIN'] = entry.split('=');
    return showSecrets(mechanisms.split(','));
  },
};

/** RFC 1459 §2.3; a client has no reason to send tags. */
const LONGEST_COMMAND = 512;
const NICKNAME = /^[A-Za-z[\]\\`_^{|}][\w[\]\\`^{|}-]{0,30}$/;

/** A message of the server to its client, by whatever name that has so far. */
function numericOp(wire: Wire, { host, memory }: Session, code: string, ...rest: readonly string[]): Op<void> {
  return wire.linesOp([`:${host}`, code, memory.get('nick') ?? '*', ...rest].join(' '));
}

function capabilityNames(session: Session, values: boolean): string {
  const { encrypted, attack } = session;
  const sasl = takesLogin(session) ? ` sasl${values ? '=PLAIN' : ''}` : '';
  if (encrypted) return `multi-prefix${sasl}`;
  const trigger = attack === 'omit' ? '' : attack === 'rename' ? ' XXX' : ' tls';
  return `multi-prefix${trigger}${sasl}`;
}

function* capOp(wire: Wire, session: Session, [given = '', ...rest]: readonly string[]): Op<void> {
  const { host, memory } = session;
  const nick = memory.get('nick') ?? '*';
  const subcommand = given.toUpperCase();
  // Registration waits for END once the client has shown that it knows CAP.
  if ((subcommand === 'LS' || subcommand === 'REQ') && !memory.has('registered')) memory.set('capping', '');
  switch (subcommand) {
    case 'LS':
      return yield* wire.linesOp(`:${host} CAP ${nick} LS :${capabilityNames(session, Number(rest[0]) >= 302)}`);
    case 'LIST':
      return yield* wire.linesOp(`:${host} CAP ${nick} LIST :${memory.get('capabilities') ?? ''}`);
    case 'REQ': {
      const wanted = (rest.at(-1) ?? '').split(' ').filter((name) => name !== '');
      const known = new Set(capabilityNames(session, false).split(' '));
      const all = wanted.every((name) => known.has(name));
      if (all) memory.set('capabilities', wanted.join(' '));
      return yield* wire.linesOp(`:${host} CAP ${nick} ${all ? 'ACK' : 'NAK'} :${wanted.join(' ')}`);
    }
    case 'END':
      memory.delete('capping');
      return;
    default:
      yield* numericOp(wire, session, '410', subcommand === '' ? '*' : 'CAP', ':unknown subcommand');
  }
}

function* authenticateOp(wire: Wire, session: Session, [given = '']: readonly string[]): Op<void> {
  const { memory } = session;
  const begun = memory.delete('authenticating');
  if (!takesLogin(session)) return yield* numericOp(wire, session, '904', ':TLS first');
  if (!begun) {
    if (given.toUpperCase() !== 'PLAIN') return yield* numericOp(wire, session, '908', 'PLAIN', ':is what is known');
    memory.set('authenticating', '');
    return yield* wire.linesOp('AUTHENTICATE +');
  }
  if (given === '*') return yield* numericOp(wire, session, '906', ':given up');
  const user = plainUser(given);
  if (user === null) return yield* numericOp(wire, session, '904', ':not a response of PLAIN');
  memory.set('user', user);
  yield* numericOp(wire, session, '903', ':welcome');
}

function* registerOp(wire: Wire, session: Session): Op<void> {
  const { host, memory } = session;
  if (!memory.has('nick') || !memory.has('name') || memory.has('capping') || memory.has('registered')) return;
  memory.set('registered', '');
  yield* numericOp(wire, session, '001', `:welcome to ${host}`);
  yield* numericOp(wire, session, '422', ':there is no message of the day');
}

const TAMPERING = 'NOTICE * :*** tampered, see http://tamper.example/';

const server: ServerDialogue = {
  attacks: ['inject-line', 'inject-half-line', 'omit', 'rename', 'refuse', 'tamper', 'garbage', 'silence', 'drip'],
  injection: Buffer.from(':injected.example CAP * LS :sasl=PLAIN\r\n', 'latin1'),
  *greetOp(wire, { host, attack }) {
    if (attack === 'garbage') yield* wire.linesOp('\x01\x02 what');
    // An honest server says nothing here: some clients take a notice for a refusal of their trigger.
    else if (attack === 'tamper') yield* wire.linesOp(`:${host} ${TAMPERING}`, 'PING :tampered');
  },
  *renewedOp() {},
  *commandOp(wire, session) {
    const { host, encrypted, attack, memory } = session;
    const line = yield* wire.lineIfAnyOp(LONGEST_COMMAND);
    if (line === null) return CLOSED;
    const message = ircMessage(line);
    if (message === null) return SERVED;
    const { command, parameters } = message;
    switch (command) {
      case 'CAP':
        yield* capOp(wire, session, parameters);
        yield* registerOp(wire, session);
        break;
      case 'STARTTLS':
        if (encrypted) yield* numericOp(wire, session, '691', ':TLS is active already');
        else if (memory.has('registered')) yield* numericOp(wire, session, '691', ':too late, you have registered');
        else if (attack === 'refuse') yield* numericOp(wire, session, '691', ':TLS is not available');
        else {
          const before = attack === 'tamper' ? [`:${host} ${TAMPERING}`, 'PING :tampered'] : [];
          return upgradeWith(...before, `:${host} 670 ${memory.get('nick') ?? '*'} :go`);
        }
        break;
      case 'PASS':
        if (!takesLogin(session)) yield* numericOp(wire, session, '464', ':TLS first');
        else memory.set('user', '');
        break;
      case 'AUTHENTICATE':
        yield* authenticateOp(wire, session, parameters);
        break;
      case 'NICK': {
        const [nick = ''] = parameters;
        if (!NICKNAME.test(nick)) yield* numericOp(wire, session, '432', ':not a nickname');
        else {
          memory.set('nick', nick);
          yield* registerOp(wire, session);
        }
        break;
      }
      case 'USER':
        if (parameters.length < 4) yield* numericOp(wire, session, '461', 'USER', ':four parameters are due');
        else if (memory.has('registered')) yield* numericOp(wire, session, '462', ':you have registered');
        else {
          memory.set('name', parameters.at(-1) ?? '');
          yield* registerOp(wire, session);
        }
        break;
      case 'PING':
        yield* wire.linesOp(`:${host} PONG ${host} :${parameters.at(-1) ?? ''}`);
        break;
      case 'PONG':
        break;
      case 'QUIT':
        yield* wire.linesOp('ERROR :good bye');
        return CLOSED;
      default:
        if (memory.has('registered')) yield* numericOp(wire, session, '421', command, ':unknown command');
        else yield* numericOp(wire, session, '451', ':register first');
    }
    return SERVED;
  },
};

export const IRC: Dialect = {
  name: 'irc',
  title: 'IRC',
  spec: 'IRCv3 tls (deprecated in favour of sts), RFC 7194',
  scheme: 'irc',
  directScheme: 'ircs',
  port: 6667,
  directPort: 6697,
  alpn: 'irc',
  alpnOnUpgrade: false,
  redo: 'CAP, NICK and USER',
  client,
  server,
};
