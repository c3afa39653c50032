/** SMTP, submission and LMTP as a server: takes mail for anybody, and credentials inside TLS only. Nothing is kept. */
import type { Op } from '../core/op.ts';
import type { ServerDialogue, Session } from './dialect.ts';
import { plainUser } from './sasl-plain.ts';
import { CLOSED, commandLineOp, SERVED, takesLogin, upgradeWith } from './server-command.ts';
import type { Wire } from './wire.ts';

/** RFC 5321 §4.5.3.1.4, with room for the parameters of extensions. */
const LONGEST_COMMAND = 2_048;
/** RFC 5321 §4.5.3.1.6, with the dot that stuffing adds. */
const LONGEST_TEXT_LINE = 1_001;
const MOST_RECIPIENTS = 1_000;
/** RFC 4954 §4.5. */
const LONGEST_ANSWER = 12_288;

/** SASL's two ways to say a name and a password as they are (RFC 4616; LOGIN was never more than a draft). */
function* authOp(wire: Wire, session: Session, argument: string): Op<void> {
  const { memory } = session;
  const [mechanism = '', initial] = argument.split(/[ \t]+/);
  const challengeOp = function* (text: string): Op<string> {
    yield* wire.linesOp(`334 ${Buffer.from(text).toString('base64')}`);
    return yield* wire.lineOp(LONGEST_ANSWER);
  };
  if (!takesLogin(session)) return yield* wire.linesOp('538 5.7.11 TLS first');
  if (memory.has('user')) return yield* wire.linesOp('503 5.5.1 logged in already');
  if (memory.has('sender')) return yield* wire.linesOp('503 5.5.1 a message is under way');
  let user: string | null;
  switch (mechanism.toUpperCase()) {
    case 'PLAIN':
      user = plainUser(initial ?? (yield* challengeOp('')));
      break;
    case 'LOGIN': {
      const name = initial ?? (yield* challengeOp('Username:'));
      user = name === '*' || (yield* challengeOp('Password:')) === '*' ? null : name;
      break;
    }
    default:
      return yield* wire.linesOp('504 5.5.4 only PLAIN and LOGIN are known');
  }
  if (user === null) return yield* wire.linesOp('501 5.5.2 given up, or not a response');
  memory.set('user', user);
  yield* wire.linesOp('235 2.7.0 welcome');
}

function forgetMessage({ memory }: Session): void {
  memory.delete('sender');
  memory.delete('recipients');
}

/** A hello ends the message that was under way, and no login. */
function greeted(session: Session, name: string): void {
  forgetMessage(session);
  session.memory.set('name', name);
}

export function smtpServer(hello: 'EHLO' | 'LHLO'): ServerDialogue {
  const extensions = (session: Session) => {
    const { encrypted, attack, host } = session;
    const trigger = attack === 'omit' ? [] : [attack === 'rename' ? 'XXXXXXXA' : 'STARTTLS'];
    const login = takesLogin(session) ? ['AUTH PLAIN LOGIN'] : [];
    const entries = [host, 'PIPELINING', '8BITMIME', ...(encrypted ? [] : trigger), ...login, 'SMTPUTF8'];
    return entries.map((entry, index) => `250${index === entries.length - 1 ? ' ' : '-'}${entry}`);
  };

  function* dataOp(wire: Wire, session: Session): Op<void> {
    yield* wire.linesOp('354 end with a dot on a line of its own');
    for (;;) {
      const line = yield* wire.lineOp(LONGEST_TEXT_LINE);
      if (line === '.') break;
    }
    // LMTP answers for each recipient (RFC 2033 §4.2).
    const answers = hello === 'LHLO' ? Number(session.memory.get('recipients')) : 1;
    yield* wire.linesOp(...Array.from({ length: answers }, () => '250 2.0.0 taken'));
    forgetMessage(session);
  }

  return {
    attacks: [
      'inject-line',
      'inject-half-line',
      'inject-multiline',
      'omit',
      'rename',
      'refuse',
      'no-hello',
      'garbage',
      'silence',
      'drip',
    ],
    injection: Buffer.from('250-injected.example\r\n250 AUTH PLAIN\r\n', 'latin1'),
    *greetOp(wire, session) {
      yield* wire.linesOp(session.attack === 'garbage' ? '\x01\x02 what' : `220 ${session.host} ESMTP`);
    },
    *renewedOp() {},
    *commandOp(wire, session) {
      const { memory, encrypted, attack } = session;
      const command = yield* commandLineOp(wire, LONGEST_COMMAND);
      if (command === null) return CLOSED;
      const { verb, argument } = command;
      switch (verb) {
        case hello:
          if (attack === 'no-hello') yield* wire.linesOp('502 5.5.1 not implemented');
          else if (argument === '') yield* wire.linesOp('501 5.5.4 a name is missing');
          else {
            greeted(session, argument);
            yield* wire.linesOp(...extensions(session));
          }
          break;
        case 'HELO':
          if (hello === 'LHLO') yield* wire.linesOp('500 5.5.1 LMTP wants LHLO');
          else {
            greeted(session, argument);
            yield* wire.linesOp(`250 ${session.host}`);
          }
          break;
        case 'STARTTLS':
          if (argument !== '') yield* wire.linesOp('501 5.5.4 STARTTLS takes no parameter');
          else if (encrypted) yield* wire.linesOp('503 5.5.1 TLS is active already');
          else if (attack === 'refuse') yield* wire.linesOp('454 4.7.0 TLS not available');
          else if (attack === 'inject-multiline') return upgradeWith('220-2.0.0 go', '220 2.0.0 go');
          else return upgradeWith('220 2.0.0 go');
          break;
        case 'MAIL':
          if (!memory.has('name')) yield* wire.linesOp(`503 5.5.1 ${hello} first`);
          else if (memory.has('sender')) yield* wire.linesOp('503 5.5.1 a message is under way');
          else {
            memory.set('sender', argument);
            memory.set('recipients', '0');
            yield* wire.linesOp('250 2.1.0 ok');
          }
          break;
        case 'RCPT': {
          const recipients = Number(memory.get('recipients') ?? -1);
          if (recipients < 0) yield* wire.linesOp('503 5.5.1 MAIL first');
          else if (recipients >= MOST_RECIPIENTS) yield* wire.linesOp('452 4.5.3 too many recipients');
          else {
            memory.set('recipients', String(recipients + 1));
            yield* wire.linesOp('250 2.1.5 ok');
          }
          break;
        }
        case 'DATA':
          if (Number(memory.get('recipients') ?? 0) < 1) yield* wire.linesOp('503 5.5.1 RCPT first');
          else yield* dataOp(wire, session);
          break;
        case 'AUTH':
          yield* authOp(wire, session, argument);
          break;
        case 'RSET':
          forgetMessage(session);
          yield* wire.linesOp('250 2.0.0 ok');
          break;
        case 'NOOP':
          yield* wire.linesOp('250 2.0.0 ok');
          break;
        case 'QUIT':
          yield* wire.linesOp('221 2.0.0 bye');
          return CLOSED;
        default:
          yield* wire.linesOp('500 5.5.1 unknown command');
      }
      return SERVED;
    },
  };
}
