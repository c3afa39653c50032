/**
 * What is injected into which protocol to find out whether a server executes it, and how its answers inside TLS are told
 * apart.
 *
 * What is asked inside TLS has to be understood by every server, whatever it can do and whoever has logged in, or an answer
 * to it would look like one to half a line with the question behind it. It is asked once, and where the protocol has a
 * leave it is that, so that the end of the connection shows that no further answer is on its way.
 */
import type { Parties } from './dialect.ts';
import { rootSearch } from './ldap.ts';
import { type Content, header, STREAM_END } from './xmpp-stream.ts';

export interface InjectionProbe {
  /** A harmless message that a server answers before anybody has logged in, whole. */
  command(parties: Parties): Uint8Array;
  /**
   * What is left of it for the half line: all but its end, so that it would swallow what is asked inside TLS. Null where
   * a half is nothing that could be completed.
   */
  half(parties: Parties): Uint8Array | null;
  /** What is asked inside TLS; empty where nothing can be. */
  question(parties: Parties): Uint8Array;
  /**
   * The answers among what a server has said inside TLS, Latin-1: a word for each that is whole, the same on every
   * connection. What servers say unasked, at a time of their own, is left out.
   */
  answers(said: string): readonly string[];
  /** The answers, with blanks between them, of a server that understood the question; null where none is due. */
  readonly understood: RegExp | null;
  /** The first answer of a server that complains inside TLS that somebody has injected something. */
  readonly complaint?: RegExp;
}

/** For answers that one line each tells, if only their last: what `pattern` captures of it, in upper case. */
function perLine(pattern: RegExp): InjectionProbe['answers'] {
  return (said) =>
    said
      .split('\n')
      .slice(0, -1)
      .flatMap((line) => pattern.exec(line.trimEnd())?.[1]?.toUpperCase() ?? []);
}

/** For answers wherever `pattern` finds them: what it captures. */
function throughout(pattern: RegExp): InjectionProbe['answers'] {
  return (said) => Array.from(said.matchAll(pattern), ([, ...parts]) => parts.join(''));
}

const CODES = perLine(/^(\d{3})(?: |$)/);

function lines(
  injected: string,
  question: string,
  answers: InjectionProbe['answers'],
  understood: RegExp,
): InjectionProbe {
  return {
    command: () => Buffer.from(`${injected}\r\n`, 'latin1'),
    half: () => Buffer.from(injected, 'latin1'),
    question: () => Buffer.from(`${question}\r\n`, 'latin1'),
    answers,
    understood,
  };
}

function stream(content: Content): InjectionProbe {
  const opening = ({ host }: Parties) => header(content, { to: host, version: '1.0' });
  return {
    command: opening,
    half: (parties) => opening(parties).subarray(0, -1),
    question(parties) {
      // A server that another one does not tell its name may not answer it.
      const from: Readonly<Record<string, string>> = content === 'jabber:server' ? { from: parties.self } : {};
      const own = header(content, { to: parties.host, ...from, version: '1.0' });
      return Buffer.concat([own, Buffer.from(STREAM_END, 'latin1')]);
    },
    answers: throughout(/<(\/?)(?:[\w-]+:)?(stream|features|error)(?=[\s/>])[^<>]*>/g),
    understood: /\/stream$/,
  };
}

const NOTHING = new Uint8Array(0);

const INJECTED_ID = 99;
const QUESTION_ID = 3;

/** A search of the root DSE for no attribute at all (RFC 4511 §4.5.1.8). */
const searchForNothing = (): Buffer => rootSearch(QUESTION_ID, ['1.1']);

/**
 * A search for an attribute whose name is as long as the question inside TLS: half of it ends where the name begins, so
 * that the question completes it.
 */
function searchForName(): Buffer {
  return rootSearch(INJECTED_ID, ['x'.repeat(searchForNothing().length)]);
}

const LDAP: InjectionProbe = {
  command: searchForName,
  half: () => searchForName().subarray(0, -searchForNothing().length),
  question: searchForNothing,
  // The head of a message, its number, and the tag of an entry, of the end of a search or of a notice.
  answers: (said) =>
    Array.from(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: BER is no text
      said.matchAll(/0(?:[\0-\x7f]|\x81.|\x82..|\x83...|\x84....)\x02\x01(.)([dex])/gs),
      ([, id = '', tag = '']) => `${id.charCodeAt(0)}${tag}`,
    ),
  understood: new RegExp(`${QUESTION_ID}e$`),
};

/** StartupMessage 3.0 of the user `tcpx`. */
const STARTUP = Buffer.concat([Buffer.from([0, 0, 0, 19, 0, 3, 0, 0]), Buffer.from('user\0tcpx\0\0', 'latin1')]);

const POSTGRES: InjectionProbe = {
  command: () => STARTUP,
  half: () => null,
  // Whatever is said first begins a session, be it the injected message or ours.
  question: () => NOTHING,
  answers: postgresAnswers,
  understood: null,
  // ErrorResponse with SQLSTATE 08P01, protocol_violation.
  complaint: /^E08P01$/,
};

/*
 * message = type:1 length:4 (itself included) body
 */
function postgresAnswers(said: string): readonly string[] {
  const bytes = Buffer.from(said, 'latin1');
  const answers: string[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 1 + Math.max(bytes.readUInt32BE(at + 1), 4);
    if (end > bytes.length) break;
    const type = said.charAt(at);
    const state = type === 'E' ? /\0C([0-9A-Z]{5})\0/.exec(said.slice(at + 5, end))?.[1] : undefined;
    answers.push(`${type}${state ?? ''}`);
    at = end;
  }
  return answers;
}

const REQUEST = Buffer.from('OPTIONS * HTTP/1.1\r\nHost: tcpx.invalid\r\n\r\n', 'latin1');

const HTTP: InjectionProbe = {
  command: () => REQUEST,
  half: () => null,
  // The request that upgrades is answered inside TLS, and another one might be answered like the injected one.
  question: () => NOTHING,
  answers: perLine(/^HTTP\/1\.[01] ([2-5]\d\d)(?: |$)/),
  understood: /./,
};

const SMTP = lines('NOOP', 'QUIT', CODES, /221$/);

/**
 * By name of the dialect. Null where nothing harmless can be injected: MySQL's next message is a login, Telnet answers
 * nothing that could be told apart, and plain TLS has no clear part.
 */
export const INJECTION_PROBES: Readonly<Record<string, InjectionProbe | null>> = {
  smtp: SMTP,
  submission: SMTP,
  lmtp: SMTP,
  // Completions, and complaints about what has no tag.
  imap: lines('tcpx1 NOOP', 'tcpx2 LOGOUT', perLine(/^(?!\* (?!BAD))(\S+ [A-Z]+)(?: |$)/i), /TCPX2 OK$/),
  pop3: lines('NOOP', 'QUIT', perLine(/^(\+OK|-ERR)(?: |$)/i), /\+OK$/),
  // The first OK ends the capabilities, which come unasked.
  sieve: lines('NOOP', 'LOGOUT', perLine(/^(OK|NO|BYE)(?:[ (]|$)/i), /OK OK$/),
  nntp: lines('DATE', 'QUIT', CODES, /205$/),
  ftp: lines('NOOP', 'QUIT', CODES, /221$/),
  irc: lines('PING tcpx1', 'QUIT', perLine(/^(?:@\S+ +)?(?::\S+ +)?(PONG|ERROR|4\d\d)(?: |$)/i), /ERROR$/),
  xmpp: stream('jabber:client'),
  'xmpp-server': stream('jabber:server'),
  ldap: LDAP,
  postgres: POSTGRES,
  http: HTTP,
  ipp: HTTP,
  mysql: null,
  telnet: null,
  tls: null,
};
