/**
 * IMAP4rev1 and rev2 (RFC 3501 and 9051 §6.2.1).
 *
 *   S: * OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready
 *   C: a1 CAPABILITY                 (only when the greeting did not tell)
 *   S: * CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED
 *   S: a1 OK done
 *   C: a2 STARTTLS
 *   S: a2 OK go
 *   <TLS>
 *   C: a3 CAPABILITY                 (there is no second greeting)
 *
 * Untagged data may come at any time. Before TLS it is read, because the line is lost otherwise, and forgotten, because
 * anybody may have written it.
 */
import type { Op } from '../core/op.ts';
import { capabilitiesOf, mutilated } from './capabilities.ts';
import type { ClientDialogue, Dialect, Opening } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import { type ImapResponse, imapCommandOp, imapResponseOp, imapStatus } from './imap-response.ts';
import { imapServer } from './imap-server.ts';
import { quoted } from './quoted.ts';
import { showSecrets } from './sasl-plain.ts';
import type { Wire } from './wire.ts';

/** Asks for the capabilities. The last list counts, as RFC 9051 §7.2.2 has it. */
function* capabilityOp(wire: Wire, tag: string): Op<readonly string[]> {
  let entries: readonly string[] = [];
  const completion = yield* imapCommandOp(wire, tag, 'CAPABILITY', ({ word, text }) => {
    if (word === 'CAPABILITY') entries = text.split(' ').filter((entry) => entry !== '');
  });
  if (completion.word === 'OK') return entries;
  throw new DialogueError('refused', `the server answers CAPABILITY with ${quoted(shown(completion))}`);
}

function shown({ word, text }: ImapResponse): string {
  return `${word} ${imapStatus(text).text}`.trim();
}

function* greetingOp(wire: Wire): Op<ImapResponse> {
  const greeting = yield* imapResponseOp(wire);
  if (greeting.tag === '*' && (greeting.word === 'OK' || greeting.word === 'PREAUTH')) return greeting;
  if (greeting.tag === '*' && greeting.word === 'BYE') {
    throw new DialogueError('refused', `the server greets with ${quoted(shown(greeting))}`);
  }
  throw new DialogueError(
    'malformed',
    `not the greeting of an IMAP server: ${quoted(`${greeting.tag} ${greeting.word}`)}`,
  );
}

const client: ClientDialogue = {
  trigger: 'STARTTLS',
  *openOp(wire): Op<Opening> {
    const { word, text } = yield* greetingOp(wire);
    const status = imapStatus(text);
    const told = status.code === 'CAPABILITY' ? status.arguments : null;
    // Of a session that is logged in already nothing else matters.
    const preauth = word === 'PREAUTH';
    const entries = told ?? (preauth ? [] : yield* capabilityOp(wire, 'a1'));
    return {
      greeting: status.text,
      capabilities: entries,
      offer: capabilitiesOf(entries).has('STARTTLS') ? 'offered' : 'missing',
      obstacle: preauth ? 'preauth' : null,
      suspicion: mutilated(entries, 'STARTTLS'),
    };
  },
  *requestOp(wire) {
    const { word, text } = yield* imapCommandOp(wire, 'a2', 'STARTTLS');
    return { accepted: word === 'OK', code: word, enhanced: null, text: imapStatus(text).text };
  },
  renewOp: (wire) => capabilityOp(wire, 'a3'),
  *leaveOp(wire) {
    yield* wire.commandOp('a4 LOGOUT');
  },
  credentialsInClear({ obstacle, capabilities }) {
    if (obstacle === 'preauth') return true;
    const known = capabilitiesOf(capabilities);
    return !known.has('LOGINDISABLED') || showSecrets(known.parameters('AUTH') ?? []);
  },
};

export const IMAP: Dialect = {
  name: 'imap',
  title: 'IMAP',
  spec: 'RFC 3501, 9051, 8314',
  scheme: 'imap',
  directScheme: 'imaps',
  port: 143,
  directPort: 993,
  alpn: 'imap',
  alpnOnUpgrade: false,
  redo: 'CAPABILITY; there is no second greeting',
  client,
  server: imapServer,
};
