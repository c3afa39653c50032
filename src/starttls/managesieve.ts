/**
 * ManageSieve (RFC 5804 §2.2).
 *
 *   S: "IMPLEMENTATION" "x"          C: STARTTLS
 *   S: "SIEVE" "fileinto"            S: OK "go"
 *   S: "STARTTLS"                    <TLS>
 *   S: "SASL" ""                     S: "IMPLEMENTATION" "x"
 *   S: OK                            S: "SASL" "PLAIN"
 *                                    S: OK
 *
 * The list inside TLS comes unasked, and is read before anything else is said: whoever asks for one gets two.
 */
import type { Op } from '../core/op.ts';
import { capabilitiesOf, mutilated } from './capabilities.ts';
import type { ClientDialogue, Dialect, Opening, Reply, ServerDialogue, Session } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import { quoted } from './quoted.ts';
import { plainUser, showSecrets } from './sasl-plain.ts';
import { CLOSED, SERVED, takesLogin, upgradeWith } from './server-command.ts';
import { type Token, type TokenLimits, tokensOp } from './tokens.ts';
import type { Wire } from './wire.ts';

const LIMITS: TokenLimits = { line: 16_384, literals: 65_536 };
/** More lines than any list of capabilities has. */
const MOST_LINES = 1_000;

function* messageOp(wire: Wire): Op<readonly Token[]> {
  return yield* tokensOp(wire, yield* wire.lineOp(LIMITS.line), LIMITS);
}

/** `OK`, `NO` or `BYE`, with or without a code in parentheses and a text; null for any other line. */
function replyOf(tokens: readonly Token[]): Reply | null {
  const [word, ...rest] = tokens;
  const code = word?.kind === 'atom' ? word.text.toUpperCase() : '';
  if (!/^(?:OK|NO|BYE)$/.test(code)) return null;
  const last = rest.at(-1);
  const text = last?.kind === 'string' ? onOneLine([last]) : '';
  return { accepted: code === 'OK', code, enhanced: null, text, final: code === 'BYE' };
}

function* replyOp(wire: Wire): Op<Reply> {
  const tokens = yield* messageOp(wire);
  const reply = replyOf(tokens);
  if (reply !== null) return reply;
  throw new DialogueError('malformed', `not a reply of a ManageSieve server: ${shown(tokens)}`);
}

function shown(tokens: readonly Token[]): string {
  return quoted(tokens.map(({ text }) => text).join(' '));
}

/** Strings with a blank between them: a literal may hold several lines. */
function onOneLine(tokens: readonly Token[]): string {
  const texts = tokens.map(({ text }) => text.replace(/[\r\n]+/g, ' '));
  return texts.join(' ').trim();
}

/** Reads a list to the OK behind it, one entry for each line: name, and value where there is one. */
function* capabilityListOp(wire: Wire): Op<readonly string[]> {
  const entries: string[] = [];
  for (;;) {
    const tokens = yield* messageOp(wire);
    const reply = replyOf(tokens);
    if (reply?.accepted) return entries;
    if (reply !== null) throw new DialogueError('refused', `the server says ${quoted(`${reply.code} ${reply.text}`)}`);
    if (tokens.length === 0 || tokens.some(({ kind }) => kind !== 'string')) {
      throw new DialogueError('malformed', `not a capability of a ManageSieve server: ${shown(tokens)}`);
    }
    if (entries.length >= MOST_LINES) throw new DialogueError('malformed', `a list of more than ${MOST_LINES} lines`);
    entries.push(onOneLine(tokens));
  }
}

const client: ClientDialogue = {
  trigger: 'STARTTLS',
  *openOp(wire): Op<Opening> {
    const entries = yield* capabilityListOp(wire);
    return {
      greeting: capabilitiesOf(entries).parameters('IMPLEMENTATION')?.join(' ') ?? '',
      capabilities: entries,
      offer: capabilitiesOf(entries).has('STARTTLS') ? 'offered' : 'missing',
      obstacle: null,
      suspicion: mutilated(entries, 'STARTTLS'),
    };
  },
  *requestOp(wire) {
    yield* wire.commandOp('STARTTLS');
    return yield* replyOp(wire);
  },
  renewOp: capabilityListOp,
  *leaveOp(wire) {
    yield* wire.commandOp('LOGOUT');
  },
  credentialsInClear({ capabilities }) {
    return showSecrets(capabilitiesOf(capabilities).parameters('SASL') ?? []);
  },
};

function* listOp(wire: Wire, session: Session): Op<void> {
  const { encrypted, attack } = session;
  const trigger = attack === 'omit' ? [] : [attack === 'rename' ? '"XXXXXXXA"' : '"STARTTLS"'];
  yield* wire.linesOp(
    '"IMPLEMENTATION" "tcpx"',
    '"SIEVE" "fileinto envelope"',
    takesLogin(session) ? '"SASL" "PLAIN"' : '"SASL" ""',
    ...(encrypted ? [] : trigger),
    '"VERSION" "1.0"',
    'OK "ready"',
  );
}

function* authenticateOp(wire: Wire, { memory }: Session, [mechanism, initial]: readonly Token[]): Op<void> {
  if (mechanism?.text.toUpperCase() !== 'PLAIN') return yield* wire.linesOp('NO "only PLAIN is known"');
  if (initial === undefined) yield* wire.linesOp('""');
  const [response] = initial === undefined ? yield* messageOp(wire) : [initial];
  const user = plainUser(response?.text ?? '');
  if (user === null) return yield* wire.linesOp('NO "not a response of PLAIN"');
  memory.set('user', user);
  yield* wire.linesOp('OK "welcome"');
}

/** Commands for which a user has to be logged in, on an account without scripts. */
const SCRIPT_COMMANDS: Readonly<Record<string, string>> = {
  LISTSCRIPTS: 'OK',
  HAVESPACE: 'OK',
  CHECKSCRIPT: 'OK',
  PUTSCRIPT: 'NO (QUOTA) "nothing is kept here"',
  GETSCRIPT: 'NO (NONEXISTENT) "there is no such script"',
  SETACTIVE: 'NO (NONEXISTENT) "there is no such script"',
  DELETESCRIPT: 'NO (NONEXISTENT) "there is no such script"',
  RENAMESCRIPT: 'NO (NONEXISTENT) "there is no such script"',
};

const server: ServerDialogue = {
  attacks: ['inject-line', 'inject-half-line', 'omit', 'rename', 'refuse', 'garbage', 'silence', 'drip'],
  injection: Buffer.from('"IMPLEMENTATION" "injected"\r\n"SASL" "PLAIN"\r\nOK\r\n', 'latin1'),
  *greetOp(wire, session) {
    if (session.attack === 'garbage') yield* wire.linesOp('\x01\x02 what');
    else yield* listOp(wire, session);
  },
  renewedOp: listOp,
  *commandOp(wire, session) {
    const { encrypted, attack, memory } = session;
    const line = yield* wire.lineIfAnyOp(LIMITS.line);
    if (line === null) return CLOSED;
    const [word, ...rest] = yield* tokensOp(wire, line, LIMITS);
    const verb = word?.kind === 'atom' ? word.text.toUpperCase() : '';
    const answer = SCRIPT_COMMANDS[verb];
    switch (verb) {
      case 'CAPABILITY':
        yield* listOp(wire, session);
        break;
      case 'STARTTLS':
        if (rest.length > 0) yield* wire.linesOp('NO "STARTTLS takes no argument"');
        else if (encrypted) yield* wire.linesOp('NO "TLS is active already"');
        else if (attack === 'refuse') yield* wire.linesOp('NO (TRYLATER) "TLS is not available"');
        else return upgradeWith('OK "go"');
        break;
      case 'AUTHENTICATE':
        if (!takesLogin(session)) yield* wire.linesOp('NO (ENCRYPT-NEEDED) "TLS first"');
        else if (memory.has('user')) yield* wire.linesOp('NO "logged in already"');
        else yield* authenticateOp(wire, session, rest);
        break;
      case 'NOOP': {
        const [tag] = rest;
        // RFC 5804 §2.13: a tag comes back as it was.
        const literal = tag === undefined ? [] : [`OK (TAG {${tag.text.length}}`, `${tag.text}) "done"`];
        yield* wire.linesOp(...(tag === undefined ? ['OK "done"'] : literal));
        break;
      }
      case 'LOGOUT':
        yield* wire.linesOp('OK "good bye"');
        return CLOSED;
      default:
        if (answer === undefined) yield* wire.linesOp('NO "unknown command"');
        else if (!memory.has('user')) yield* wire.linesOp('NO "log in first"');
        else yield* wire.linesOp(answer);
    }
    return SERVED;
  },
};

export const MANAGESIEVE: Dialect = {
  name: 'sieve',
  title: 'ManageSieve',
  spec: 'RFC 5804',
  scheme: 'sieve',
  directScheme: null,
  port: 4190,
  directPort: null,
  alpn: 'managesieve',
  alpnOnUpgrade: false,
  redo: 'nothing: the server sends its list unasked',
  client,
  server,
};
