/**
 * SMTP relay and submission (RFC 3207, RFC 5321, RFC 6409) and LMTP (RFC 2033): one dialogue, which differs in the word
 * for hello.
 *
 *   S: 220 mx.example ESMTP          C: STARTTLS
 *   C: EHLO client.example           S: 220 2.0.0 ready
 *   S: 250-mx.example                <TLS>
 *   S: 250 STARTTLS                  C: EHLO client.example
 */
import type { Op } from '../core/op.ts';
import { type Capabilities, capabilitiesOf, mutilated } from './capabilities.ts';
import type { ClientDialogue, Dialect, Opening, ServerDialogue, Session } from './dialect.ts';
import { quoted } from './quoted.ts';
import { CLOSED, commandLineOp, SERVED, upgradeWith } from './server-command.ts';
import { replyText, type SmtpReply, smtpReplyOp, triggerReply } from './smtp-reply.ts';
import { DialogueError, type Wire } from './wire.ts';

type Hello = 'EHLO' | 'LHLO';

const READY = 220;
const OK = 250;

/** What a server answered to its client's introduction. */
export interface SmtpHello {
  /** The command that it took. HELO brings no capabilities. */
  readonly command: Hello | 'HELO';
  readonly capabilities: Capabilities;
}

/** Reads the greeting; any code but 220 is a refusal. */
export function* smtpGreetingOp(wire: Wire): Op<SmtpReply> {
  const greeting = yield* smtpReplyOp(wire);
  if (greeting.code !== READY) {
    throw new DialogueError('refused', `the server greets with ${quoted(replyText(greeting))}`);
  }
  return greeting;
}

/**
 * Introduces the client. Returns the reply where the server refused it.
 *
 * @param fallBack whether HELO may follow a refused EHLO
 */
export function* smtpHelloOp(wire: Wire, self: string, hello: Hello, fallBack: boolean): Op<SmtpHello | SmtpReply> {
  yield* wire.commandOp(`${hello} ${self}`);
  const reply = yield* smtpReplyOp(wire);
  if (reply.code === OK) return { command: hello, capabilities: capabilitiesOf(reply.lines.slice(1)) };
  if (!fallBack || hello !== 'EHLO' || reply.code < 500) return reply;
  yield* wire.commandOp(`HELO ${self}`);
  const second = yield* smtpReplyOp(wire);
  return second.code === OK ? { command: 'HELO', capabilities: capabilitiesOf([]) } : second;
}

function client(hello: Hello): ClientDialogue {
  return {
    trigger: 'STARTTLS',
    *openOp(wire, parties): Op<Opening> {
      const greeting = yield* smtpGreetingOp(wire);
      const answer = yield* helloOp(wire, parties.self, hello, true);
      const { entries } = answer.capabilities;
      const refused = answer.command === 'HELO' ? `${hello} was refused, HELO was not` : null;
      return {
        greeting: greeting.lines.join(' '),
        capabilities: entries,
        offer: answer.capabilities.has('STARTTLS') ? 'offered' : 'missing',
        obstacle: null,
        suspicion: refused ?? mutilated(entries, 'STARTTLS'),
      };
    },
    *requestOp(wire) {
      yield* wire.commandOp('STARTTLS');
      return triggerReply(yield* smtpReplyOp(wire), READY);
    },
    *renewOp(wire, parties) {
      return (yield* helloOp(wire, parties.self, hello, false)).capabilities.entries;
    },
    *leaveOp(wire) {
      yield* wire.commandOp('QUIT');
    },
    credentialsInClear(opening) {
      return capabilitiesOf(opening.capabilities).has('AUTH');
    },
  };
}

function* helloOp(wire: Wire, self: string, hello: Hello, fallBack: boolean): Op<SmtpHello> {
  const answer = yield* smtpHelloOp(wire, self, hello, fallBack);
  if ('command' in answer) return answer;
  throw new DialogueError('refused', `the server answers ${hello} with ${quoted(replyText(answer))}`);
}

/** RFC 5321 §4.5.3.1.4, with room for the parameters of extensions. */
const LONGEST_COMMAND = 2_048;
/** RFC 5321 §4.5.3.1.6, with the dot that stuffing adds. */
const LONGEST_TEXT_LINE = 1_001;
const MOST_RECIPIENTS = 1_000;

function server(hello: Hello): ServerDialogue {
  const extensions = (session: Session) => {
    const { encrypted, attack, host } = session;
    const trigger = attack === 'omit' ? [] : [attack === 'rename' ? 'XXXXXXXA' : 'STARTTLS'];
    const entries = [host, 'PIPELINING', '8BITMIME', ...(encrypted ? ['AUTH PLAIN LOGIN'] : trigger), 'SMTPUTF8'];
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
    session.memory.delete('sender');
    session.memory.delete('recipients');
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
            memory.clear();
            memory.set('name', argument);
            yield* wire.linesOp(...extensions(session));
          }
          break;
        case 'HELO':
          if (hello === 'LHLO') yield* wire.linesOp('500 5.5.1 LMTP wants LHLO');
          else {
            memory.clear();
            memory.set('name', argument);
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
          yield* wire.linesOp(encrypted ? '235 2.7.0 welcome' : '538 5.7.11 TLS first');
          break;
        case 'RSET':
          memory.delete('sender');
          memory.delete('recipients');
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

export const SMTP: Dialect = {
  name: 'smtp',
  title: 'SMTP relay',
  spec: 'RFC 3207, 5321',
  scheme: 'smtp',
  directScheme: null,
  port: 25,
  directPort: null,
  alpn: null,
  alpnOnUpgrade: false,
  redo: 'EHLO; there is no second greeting',
  client: client('EHLO'),
  server: server('EHLO'),
};

export const SUBMISSION: Dialect = {
  ...SMTP,
  name: 'submission',
  title: 'Mail submission',
  spec: 'RFC 6409, 3207, 8314',
  scheme: 'submission',
  directScheme: 'submissions',
  port: 587,
  directPort: 465,
  redo: 'EHLO, then AUTH',
};

export const LMTP: Dialect = {
  ...SMTP,
  name: 'lmtp',
  title: 'LMTP',
  spec: 'RFC 2033, 3207',
  scheme: 'lmtp',
  port: 24,
  redo: 'LHLO',
  client: client('LHLO'),
  server: server('LHLO'),
};
