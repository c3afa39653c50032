/**
 * Servers with the flaw of CVE-2011-0411: what was received in clear behind the trigger stays in their buffer, whole or in
 * part, and is read as if it had come inside TLS.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket } from 'node:tls';
import { makePki } from './pki.ts';

/** What a server keeps of what was said in clear. */
export type Kept = 'everything' | 'whole lines' | 'half a line' | 'nothing';

/** What a server says, and whether it closes behind it. */
export type Said = string | { readonly last: string };

export interface VulnerableScript {
  /** The end of a message from the client; default CR LF. */
  readonly end?: string;
  readonly greeting: string;
  /** The command that asks for TLS. */
  readonly trigger: string;
  readonly goAhead: string;
  /** What is said unasked inside TLS. */
  readonly unasked?: string;
  /** Answers of one connection's clear or encrypted part to messages without their end. */
  answers(encrypted: boolean): (message: string) => Said;
}

export interface VulnerableServer {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startVulnerableServer(script: VulnerableScript, kept: Kept): Promise<VulnerableServer> {
  const { unasked = '', end = '\r\n' } = script;
  const { cert, key } = (await makePki()).good;
  const secureContext = createSecureContext({ cert, key });
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.write(script.greeting);
    converse(socket, script, false, '', (rest) => {
      const secure = new TLSSocket(socket, { isServer: true, secureContext });
      secure.on('error', () => socket.destroy());
      secure.once('secure', () => {
        if (unasked !== '') secure.write(unasked);
        converse(secure, script, true, partOf(rest, kept, end), () => {});
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function partOf(rest: string, kept: Kept, end: string): string {
  const last = rest.lastIndexOf(end);
  const whole = last < 0 ? '' : rest.slice(0, last + end.length);
  return { everything: rest, 'whole lines': whole, 'half a line': rest.slice(whole.length), nothing: '' }[kept];
}

function converse(
  stream: Duplex,
  { trigger, goAhead, answers, end = '\r\n' }: VulnerableScript,
  encrypted: boolean,
  received: string,
  upgrade: (rest: string) => void,
): void {
  const answer = answers(encrypted);
  let buffer = received;
  const carryOut = () => {
    for (let found = buffer.indexOf(end); found >= 0; found = buffer.indexOf(end)) {
      const message = buffer.slice(0, found);
      buffer = buffer.slice(found + end.length);
      if (message === trigger && !encrypted) {
        stream.off('data', take);
        stream.write(goAhead);
        upgrade(buffer);
        return;
      }
      const said = answer(message);
      if (typeof said !== 'string') {
        stream.off('data', take);
        stream.end(said.last);
        return;
      }
      if (said !== '') stream.write(said);
    }
  };
  const take = (chunk: Buffer) => {
    buffer += chunk.toString('latin1');
    carryOut();
  };
  stream.on('data', take);
  carryOut();
}

type Words = Readonly<Record<string, Said>>;

/** Answers by the first word of a command. */
function byWord(words: Words, unknown: string): VulnerableScript['answers'] {
  return () => (command) => words[command.split(' ')[0] ?? ''] ?? unknown;
}

const POP3_WORDS = { NOOP: '+OK\r\n', QUIT: { last: '+OK good bye\r\n' } };
export const POP3_LIST = '+OK\r\nTOP\r\nUSER\r\nSTLS\r\n.\r\n';
export const POP3_SCRIPT: VulnerableScript = {
  greeting: '+OK ready\r\n',
  trigger: 'STLS',
  goAhead: '+OK go\r\n',
  answers: byWord({ ...POP3_WORDS, CAPA: POP3_LIST }, '-ERR what?\r\n'),
};

const SMTP_WORDS: Words = {
  NOOP: '250 ok\r\n',
  EHLO: '250-mx.example\r\n250 STARTTLS\r\n',
  LHLO: '250-mx.example\r\n250 STARTTLS\r\n',
  QUIT: { last: '221 good bye\r\n' },
};
export const SMTP_SCRIPT: VulnerableScript = {
  greeting: '220 mx.example ESMTP\r\n',
  trigger: 'STARTTLS',
  goAhead: '220 go\r\n',
  answers: byWord(SMTP_WORDS, '500 what?\r\n'),
};

const NNTP_WORDS = { DATE: '111 20260101000000\r\n', QUIT: { last: '205 good bye\r\n' } };
const NNTP_LIST = '101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n';
const NNTP = { greeting: '200 ready\r\n', trigger: 'STARTTLS', goAhead: '382 go\r\n' };

const FTP_WORDS = { NOOP: '200 ok\r\n', QUIT: { last: '221-You have sent nothing.\r\n221 good bye\r\n' } };
const FTP_LIST = '211-Features:\r\n AUTH TLS\r\n211 End\r\n';
const FTP = { greeting: '220 ready\r\n', trigger: 'AUTH TLS', goAhead: '234 go\r\n' };

const SIEVE_LIST = '"IMPLEMENTATION" "x"\r\n"STARTTLS"\r\nOK\r\n';

const IRC_WORDS = { QUIT: { last: 'ERROR :Closing link\r\n' } };
const IRC_LIST = ':irc CAP * LS :multi-prefix tls\r\n';
const IRC = {
  greeting: '',
  trigger: 'STARTTLS',
  goAhead: ':irc 670 * :go\r\n',
  unasked: ':irc NOTICE * :*** Looking up your hostname\r\n',
};

const imapAnswers: VulnerableScript['answers'] = () => (command) => {
  const [tag = '', word = ''] = command.split(' ');
  if (word === 'CAPABILITY') return `* CAPABILITY IMAP4rev1 STARTTLS\r\n${tag} OK done\r\n`;
  if (word === 'LOGOUT') return { last: `* BYE\r\n${tag} OK done\r\n` };
  return word === 'NOOP' ? `${tag} OK done\r\n` : `${tag} BAD unknown\r\n`;
};

const STARTTLS_FEATURE = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const STREAM = "<stream:stream version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const STREAM_ERROR =
  "<stream:error><bad-format xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";

/** Of messages that end at `>`. */
const xmppAnswers: VulnerableScript['answers'] = (encrypted) => {
  let open = false;
  return (tag) => {
    if (tag === '</stream:stream') return { last: '</stream:stream>' };
    if (tag === "<?xml version='1.0'?" && !open) return '';
    if (!/^<stream:stream [^<]*$/.test(tag) || open) return { last: STREAM_ERROR };
    open = true;
    return `${STREAM}<stream:features>${encrypted ? '' : STARTTLS_FEATURE}</stream:features>`;
  };
};

/** Servers of the protocols whose messages are text, also such as cannot tell what they can do. */
export const VULNERABLE_SCRIPTS: readonly (VulnerableScript & { readonly scheme: string; readonly what: string })[] = [
  { scheme: 'smtp', what: '', ...SMTP_SCRIPT },
  {
    scheme: 'smtp',
    what: 'that looks at four letters of a command',
    ...SMTP_SCRIPT,
    answers: () => (line) => SMTP_WORDS[line.slice(0, 4)] ?? '500 what?\r\n',
  },
  { scheme: 'lmtp', what: '', ...SMTP_SCRIPT },
  {
    scheme: 'imap',
    what: '',
    greeting: '* OK ready\r\n',
    trigger: 'a2 STARTTLS',
    goAhead: 'a2 OK go\r\n',
    answers: imapAnswers,
  },
  { scheme: 'pop3', what: '', ...POP3_SCRIPT },
  { scheme: 'pop3', what: 'without CAPA', ...POP3_SCRIPT, answers: byWord(POP3_WORDS, '-ERR what?\r\n') },
  { scheme: 'pop3', what: 'that greets inside TLS', ...POP3_SCRIPT, unasked: '+OK again\r\n' },
  {
    scheme: 'sieve',
    what: '',
    greeting: SIEVE_LIST,
    trigger: 'STARTTLS',
    goAhead: 'OK "go"\r\n',
    unasked: SIEVE_LIST,
    answers: byWord({ NOOP: 'OK "done"\r\n', LOGOUT: { last: 'OK "good bye"\r\n' } }, 'NO "what?"\r\n'),
  },
  { scheme: 'nntp', what: '', ...NNTP, answers: byWord({ ...NNTP_WORDS, CAPABILITIES: NNTP_LIST }, '500 what?\r\n') },
  { scheme: 'nntp', what: 'without CAPABILITIES', ...NNTP, answers: byWord(NNTP_WORDS, '500 what?\r\n') },
  { scheme: 'ftp', what: '', ...FTP, answers: byWord({ ...FTP_WORDS, FEAT: FTP_LIST }, '500 what?\r\n') },
  { scheme: 'ftp', what: 'without FEAT', ...FTP, answers: byWord(FTP_WORDS, '500 what?\r\n') },
  {
    scheme: 'ftp',
    what: 'that wants a login first',
    ...FTP,
    answers: byWord({ QUIT: FTP_WORDS.QUIT }, '530 log in\r\n'),
  },
  {
    scheme: 'irc',
    what: '',
    ...IRC,
    answers: byWord({ ...IRC_WORDS, PING: ':irc PONG irc :tcpx1\r\n', CAP: IRC_LIST }, ':irc 421 * :what?\r\n'),
  },
  { scheme: 'irc', what: 'without CAP', ...IRC, answers: byWord(IRC_WORDS, ':irc 451 * :register first\r\n') },
  {
    scheme: 'xmpp',
    what: '',
    end: '>',
    greeting: '',
    trigger: STARTTLS_FEATURE.slice(0, -1),
    goAhead: "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    answers: xmppAnswers,
  },
];
