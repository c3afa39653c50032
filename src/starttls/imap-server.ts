/**
 * IMAP as a server: an empty INBOX behind a login that any name opens, inside TLS only. Enough for clients to upgrade, log
 * in, look around and leave.
 */
import type { Op } from '../core/op.ts';
import type { Served, ServerDialogue, Session } from './dialect.ts';
import { plainUser } from './sasl-plain.ts';
import { CLOSED, SERVED, takesLogin, upgradeWith } from './server-command.ts';
import { type Token, tokensOp } from './tokens.ts';
import type { Wire } from './wire.ts';

/** The longest command line; RFC 9051 §4 advises 8192 at least. */
const LONGEST_LINE = 8_192;
/** The most bytes of literals in one command: names and passwords. */
const MOST_LITERALS = 4_096;

interface Command {
  readonly tag: string;
  readonly verb: string;
  readonly words: readonly string[];
}

/** What an attacker says who wants a client to show it, or to keep it, inside TLS. */
const TAMPERING = [
  '* OK [ALERT] your password has expired, see http://tamper.example/',
  '* 4711 EXISTS',
  '* LIST () "/" {18}\r\ntampered-mailbox/a',
  '* FLAGS (\\Tampered)',
];

function capabilities(session: Session): string {
  const { encrypted, attack } = session;
  if (encrypted) return 'IMAP4rev1 LITERAL+ SASL-IR ID AUTH=PLAIN';
  const trigger = attack === 'omit' ? '' : attack === 'rename' ? ' XXXXXXXA' : ' STARTTLS';
  return `IMAP4rev1 LITERAL+ ID${trigger} ${takesLogin(session) ? 'SASL-IR AUTH=PLAIN' : 'LOGINDISABLED'}`;
}

/** Reads a command. Null for one that was answered here already; 'end' at the end of the stream. */
function* readOp(wire: Wire, session: Session): Op<Command | null | 'end'> {
  const line = yield* wire.lineIfAnyOp(LONGEST_LINE);
  if (line === null) return 'end';
  let refused = false;
  const tokens = yield* tokensOp(wire, line, { line: LONGEST_LINE, literals: MOST_LITERALS }, function* (_, before) {
    // A password is not asked for in clear.
    const verb = before[1]?.text.toUpperCase();
    refused = !takesLogin(session) && (verb === 'LOGIN' || verb === 'AUTHENTICATE');
    if (!refused) yield* wire.linesOp('+ go on');
    return !refused;
  });
  const [tag, verb, ...rest] = tokens;
  if (!isTag(tag) || verb?.kind !== 'atom') {
    yield* wire.linesOp(`${isTag(tag) ? tag.text : '*'} BAD a tag and a command are due`);
    return null;
  }
  if (refused) {
    yield* refuseClearOp(wire, tag.text);
    return null;
  }
  return { tag: tag.text, verb: verb.text.toUpperCase(), words: rest.map(({ text }) => text) };
}

function isTag(token: Token | undefined): token is Token {
  return token?.kind === 'atom' && /^[\w.-]{1,64}$/.test(token.text);
}

function refuseClearOp(wire: Wire, tag: string): Op<void> {
  return wire.linesOp(`${tag} NO [PRIVACYREQUIRED] TLS first`);
}

function* authenticateOp(wire: Wire, { memory }: Session, { tag, words }: Command): Op<void> {
  const [mechanism = '', initial] = words;
  if (mechanism.toUpperCase() !== 'PLAIN') return yield* wire.linesOp(`${tag} NO [CANNOT] only PLAIN is known`);
  if (initial === undefined) yield* wire.linesOp('+ ');
  const response = initial ?? (yield* wire.lineOp(LONGEST_LINE));
  const user = plainUser(response);
  if (response === '*') yield* wire.linesOp(`${tag} BAD given up`);
  else if (user === null) yield* wire.linesOp(`${tag} NO [AUTHENTICATIONFAILED] not a response of PLAIN`);
  else {
    memory.set('user', user);
    yield* wire.linesOp(`${tag} OK [CAPABILITY IMAP4rev1 LITERAL+ ID NAMESPACE] welcome`);
  }
}

function* loginOp(wire: Wire, { memory }: Session, { tag, words }: Command): Op<void> {
  const [user = '', password = ''] = words;
  if (user === '' || password === '') return yield* wire.linesOp(`${tag} BAD a name and a password are due`);
  memory.set('user', user);
  yield* wire.linesOp(`${tag} OK welcome`);
}

const SELECTED = [
  '* FLAGS (\\Seen)',
  '* 0 EXISTS',
  '* 0 RECENT',
  '* OK [UIDVALIDITY 1] first',
  '* OK [UIDNEXT 1] next',
];

/** Commands for which a user has to be logged in, and their untagged data. */
const MAILBOX_COMMANDS: Readonly<Record<string, (words: readonly string[]) => readonly string[]>> = {
  NAMESPACE: () => ['* NAMESPACE (("" "/")) NIL NIL'],
  LIST: ([, pattern = '']) => [pattern === '' ? '* LIST (\\Noselect) "/" ""' : '* LIST () "/" "INBOX"'],
  LSUB: () => ['* LSUB () "/" "INBOX"'],
  STATUS: () => ['* STATUS "INBOX" (MESSAGES 0 RECENT 0 UNSEEN 0 UIDNEXT 1 UIDVALIDITY 1)'],
  SELECT: () => SELECTED,
  EXAMINE: () => SELECTED,
  SEARCH: () => ['* SEARCH'],
  FETCH: () => [],
  UID: ([command = '']) => (command.toUpperCase() === 'SEARCH' ? ['* SEARCH'] : []),
  CLOSE: () => [],
};

function* mailboxOp(wire: Wire, { memory }: Session, { tag, verb, words }: Command): Op<void> {
  const data = MAILBOX_COMMANDS[verb];
  if (data === undefined) return yield* wire.linesOp(`${tag} BAD unknown command`);
  if (!memory.has('user')) return yield* wire.linesOp(`${tag} BAD log in first`);
  const selects = verb === 'SELECT' || verb === 'EXAMINE';
  if (selects && words[0]?.toUpperCase() !== 'INBOX') {
    memory.delete('mailbox');
    return yield* wire.linesOp(`${tag} NO [NONEXISTENT] there is only INBOX`);
  }
  if (selects) memory.set('mailbox', 'INBOX');
  const needs = /^(?:SEARCH|FETCH|UID|CLOSE)$/.test(verb);
  if (needs && !memory.has('mailbox')) return yield* wire.linesOp(`${tag} BAD no mailbox is selected`);
  if (verb === 'CLOSE') memory.delete('mailbox');
  const access = verb === 'SELECT' ? '[READ-WRITE] ' : verb === 'EXAMINE' ? '[READ-ONLY] ' : '';
  yield* wire.linesOp(...data(words), `${tag} OK ${access}done`);
}

function* starttlsOp(wire: Wire, session: Session, { tag, words }: Command): Op<Served> {
  const { encrypted, attack } = session;
  if (words.length > 0) yield* wire.linesOp(`${tag} BAD STARTTLS takes no argument`);
  else if (encrypted) yield* wire.linesOp(`${tag} BAD TLS is active already`);
  else if (attack === 'preauth') yield* wire.linesOp(`${tag} BAD not in this state`);
  else if (attack === 'refuse') yield* wire.linesOp(`${tag} NO [UNAVAILABLE] TLS is not available`);
  else {
    const before = attack === 'tamper' ? [...TAMPERING, '* OK [REFERRAL imap://tamper.example/] go there'] : [];
    return upgradeWith(...before, `${tag} OK ${attack === 'tamper' ? '[ALERT] tampered' : 'go'}`);
  }
  return SERVED;
}

export const imapServer: ServerDialogue = {
  attacks: [
    'inject-line',
    'inject-half-line',
    'omit',
    'rename',
    'refuse',
    'preauth',
    'tamper',
    'garbage',
    'silence',
    'drip',
  ],
  injection: Buffer.from('* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\na3 OK injected\r\n', 'latin1'),
  *greetOp(wire, session) {
    const { attack, host } = session;
    if (attack === 'garbage') yield* wire.linesOp('\x01\x02 what');
    else if (attack === 'tamper') yield* wire.linesOp('* OK [ALERT] tampered greeting');
    else {
      const word = attack === 'preauth' ? 'PREAUTH' : 'OK';
      yield* wire.linesOp(`* ${word} [CAPABILITY ${capabilities(session)}] ${host} ready`);
    }
  },
  *renewedOp() {},
  *commandOp(wire, session) {
    const { encrypted, attack } = session;
    const command = yield* readOp(wire, session);
    if (command === 'end') return CLOSED;
    if (command === null) return SERVED;
    const { tag, verb } = command;
    switch (verb) {
      case 'CAPABILITY': {
        const before = attack === 'tamper' && !encrypted ? TAMPERING : [];
        yield* wire.linesOp(...before, `* CAPABILITY ${capabilities(session)}`, `${tag} OK done`);
        break;
      }
      case 'STARTTLS':
        return yield* starttlsOp(wire, session, command);
      case 'AUTHENTICATE':
      case 'LOGIN':
        if (!takesLogin(session)) yield* refuseClearOp(wire, tag);
        else if (session.memory.has('user')) yield* wire.linesOp(`${tag} BAD logged in already`);
        else if (verb === 'LOGIN') yield* loginOp(wire, session, command);
        else yield* authenticateOp(wire, session, command);
        break;
      case 'ID':
        yield* wire.linesOp('* ID NIL', `${tag} OK done`);
        break;
      case 'NOOP':
        yield* wire.linesOp(`${tag} OK done`);
        break;
      case 'LOGOUT':
        yield* wire.linesOp('* BYE good bye', `${tag} OK done`);
        return CLOSED;
      default:
        yield* mailboxOp(wire, session, command);
    }
    return SERVED;
  },
};
