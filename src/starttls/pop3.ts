/**
 * POP3 (RFC 2595 §4).
 *
 *   S: +OK POP3 <1896.697@example>
 *   C: CAPA                          (RFC 2449; servers older than that refuse it)
 *   S: +OK
 *   S: STLS
 *   S: .
 *   C: STLS
 *   S: +OK go
 *   <TLS>
 *   C: CAPA                          (there is no second greeting)
 *
 * The time stamp of the greeting, which APOP signs with the password, stays in force after the upgrade although it came in
 * clear: who has written another into the greeting can make a client sign it. APOP is for direct TLS alone.
 */
import { randomBytes } from 'node:crypto';
import type { Op } from '../core/op.ts';
import { capabilitiesOf, mutilated } from './capabilities.ts';
import type { ClientDialogue, Dialect, Opening, ServerDialogue, Session } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import { dotListOp } from './dot-list.ts';
import { quoted } from './quoted.ts';
import { plainUser, showSecrets } from './sasl-plain.ts';
import { CLOSED, commandLineOp, SERVED, takesLogin, upgradeWith } from './server-command.ts';
import type { Wire } from './wire.ts';

interface Pop3Reply {
  readonly ok: boolean;
  readonly text: string;
}

const REPLY = /^(\+OK|-ERR)(?: (.*))?$/s;

function* replyOp(wire: Wire): Op<Pop3Reply> {
  const line = yield* wire.lineOp();
  const [, word, text = ''] = REPLY.exec(line) ?? [];
  if (word === undefined) throw new DialogueError('malformed', `not a reply of a POP3 server: ${quoted(line)}`);
  return { ok: word === '+OK', text };
}

/** Null where the server does not know the command. */
function* capabilityOp(wire: Wire): Op<readonly string[] | null> {
  yield* wire.commandOp('CAPA');
  return (yield* replyOp(wire)).ok ? yield* dotListOp(wire) : null;
}

/**
 * The time stamp of a greeting that came inside TLS, with its angle brackets: what APOP signs. Null where the server does
 * not do APOP.
 */
export function pop3Timestamp(greeting: string): string | null {
  return /<[^<>\s]+@[^<>\s]+>/.exec(greeting)?.[0] ?? null;
}

const client: ClientDialogue = {
  trigger: 'STLS',
  *openOp(wire): Op<Opening> {
    const greeting = yield* replyOp(wire);
    if (!greeting.ok) throw new DialogueError('refused', `the server greets with ${quoted(`-ERR ${greeting.text}`)}`);
    const entries = yield* capabilityOp(wire);
    const offered = entries === null ? 'unasked' : capabilitiesOf(entries).has('STLS') ? 'offered' : 'missing';
    return {
      greeting: greeting.text,
      capabilities: entries ?? [],
      offer: offered,
      obstacle: null,
      suspicion: mutilated(entries ?? [], 'STLS'),
    };
  },
  *requestOp(wire) {
    yield* wire.commandOp('STLS');
    const { ok, text } = yield* replyOp(wire);
    return { accepted: ok, code: ok ? '+OK' : '-ERR', enhanced: null, text };
  },
  renewOp: capabilityOp,
  *leaveOp(wire) {
    yield* wire.commandOp('QUIT');
  },
  credentialsInClear({ offer, capabilities }) {
    if (offer === 'unasked') return null;
    const known = capabilitiesOf(capabilities);
    return known.has('USER') || showSecrets(known.parameters('SASL') ?? []);
  },
};

/** RFC 2449 §4 says 255; responses of SASL are longer. */
const LONGEST_COMMAND = 4_096;

/** The commands of the transaction state, of an empty mailbox. */
const TRANSACTION: Readonly<Record<string, readonly string[]>> = {
  STAT: ['+OK 0 0'],
  LIST: ['+OK', '.'],
  UIDL: ['+OK', '.'],
  RETR: ['-ERR no such message'],
  TOP: ['-ERR no such message'],
  DELE: ['-ERR no such message'],
  RSET: ['+OK'],
  NOOP: ['+OK'],
};

function* passwordOp(wire: Wire, { memory }: Session, verb: string, argument: string): Op<void> {
  const [name = '', proof = ''] = argument.split(' ');
  if (verb === 'USER') {
    if (name === '') return yield* wire.linesOp('-ERR a name is missing');
    memory.set('name', name);
    return yield* wire.linesOp('+OK');
  }
  if (verb === 'PASS') {
    const given = memory.get('name');
    memory.delete('name');
    if (given === undefined || argument === '') return yield* wire.linesOp('-ERR USER first');
    memory.set('user', given);
  } else {
    if (!memory.has('timestamp')) return yield* wire.linesOp('-ERR the time stamp came in clear');
    if (name === '' || !/^[0-9a-f]{32}$/i.test(proof)) return yield* wire.linesOp('-ERR not a digest');
    memory.set('user', name);
  }
  yield* wire.linesOp('+OK welcome');
}

function* authOp(wire: Wire, { memory }: Session, argument: string): Op<void> {
  const [mechanism = '', initial] = argument.split(' ');
  if (mechanism.toUpperCase() !== 'PLAIN') return yield* wire.linesOp('-ERR only PLAIN is known');
  if (initial === undefined) yield* wire.linesOp('+ ');
  const user = plainUser(initial ?? (yield* wire.lineOp(LONGEST_COMMAND)));
  if (user === null) return yield* wire.linesOp('-ERR [AUTH] not a response of PLAIN');
  memory.set('user', user);
  yield* wire.linesOp('+OK welcome');
}

function capabilities(session: Session): readonly string[] {
  const { encrypted, attack } = session;
  const trigger = attack === 'omit' ? [] : [attack === 'rename' ? 'XXXX' : 'STLS'];
  const login = takesLogin(session) ? ['USER', 'SASL PLAIN'] : [];
  return ['TOP', 'UIDL', 'RESP-CODES', ...(encrypted ? [] : trigger), ...login];
}

const server: ServerDialogue = {
  attacks: ['inject-line', 'inject-half-line', 'omit', 'rename', 'refuse', 'garbage', 'silence', 'drip'],
  injection: Buffer.from('+OK\r\nUSER\r\n.\r\n', 'latin1'),
  *greetOp(wire, { host, encrypted, attack, memory }) {
    if (attack === 'garbage') return yield* wire.linesOp('\x01\x02 what');
    if (!encrypted) return yield* wire.linesOp(`+OK ${host} ready`);
    const timestamp = `<${randomBytes(8).toString('hex')}@${host}>`;
    memory.set('timestamp', timestamp);
    yield* wire.linesOp(`+OK ${host} ready ${timestamp}`);
  },
  *renewedOp() {},
  *commandOp(wire, session) {
    const { encrypted, attack, memory } = session;
    const command = yield* commandLineOp(wire, LONGEST_COMMAND);
    if (command === null) return CLOSED;
    const { verb, argument } = command;
    const transaction = TRANSACTION[verb];
    switch (verb) {
      case 'CAPA':
        yield* wire.linesOp('+OK', ...capabilities(session), '.');
        break;
      case 'STLS':
        if (argument !== '') yield* wire.linesOp('-ERR STLS takes no argument');
        else if (encrypted) yield* wire.linesOp('-ERR TLS is active already');
        else if (attack === 'refuse') yield* wire.linesOp('-ERR TLS is not available');
        else return upgradeWith('+OK go');
        break;
      case 'USER':
      case 'PASS':
      case 'APOP':
      case 'AUTH':
        if (!takesLogin(session)) yield* wire.linesOp('-ERR [AUTH] TLS first');
        else if (memory.has('user')) yield* wire.linesOp('-ERR logged in already');
        else if (verb === 'AUTH') yield* authOp(wire, session, argument);
        else yield* passwordOp(wire, session, verb, argument);
        break;
      case 'QUIT':
        yield* wire.linesOp('+OK good bye');
        return CLOSED;
      default:
        if (transaction === undefined) yield* wire.linesOp('-ERR unknown command');
        else if (!memory.has('user')) yield* wire.linesOp('-ERR log in first');
        else if (argument !== '' && transaction.length > 1) yield* wire.linesOp('-ERR no such message');
        else yield* wire.linesOp(...transaction);
    }
    return SERVED;
  },
};

export const POP3: Dialect = {
  name: 'pop3',
  title: 'POP3',
  spec: 'RFC 2595, 2449, 8314',
  scheme: 'pop3',
  directScheme: 'pop3s',
  port: 110,
  directPort: 995,
  alpn: 'pop3',
  alpnOnUpgrade: false,
  redo: 'CAPA; there is no second greeting',
  client,
  server,
};
