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
import { capabilitiesOf, mutilated } from './capabilities.ts';
import type { ClientDialogue, Dialect, Opening } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import { quoted } from './quoted.ts';
import { type Hello, type SmtpHello, smtpHelloOp } from './smtp-hello.ts';
import { replyText, type SmtpReply, smtpReplyOp, triggerReply } from './smtp-reply.ts';
import { smtpServer } from './smtp-server.ts';
import type { Wire } from './wire.ts';

const READY = 220;

/** Reads the greeting; any code but 220 is a refusal. */
export function* smtpGreetingOp(wire: Wire): Op<SmtpReply> {
  const greeting = yield* smtpReplyOp(wire);
  if (greeting.code !== READY) {
    throw new DialogueError('refused', `the server greets with ${quoted(replyText(greeting))}`);
  }
  return greeting;
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
  server: smtpServer('EHLO'),
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
  server: smtpServer('LHLO'),
};
