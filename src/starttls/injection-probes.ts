/** What is injected into which protocol to find out whether a server executes it. */
import type { Parties } from './dialect.ts';

export interface InjectionProbe {
  /** A harmless message that a server answers before anybody has logged in, whole. */
  command(parties: Parties): Uint8Array;
  /**
   * What is left of it for the half line: all but its end, so that it would swallow what is asked inside TLS. Null where
   * nothing is asked there, and nobody could tell.
   */
  half(parties: Parties): Uint8Array | null;
  /** What its answer repeats, Latin-1; absent where an answer can only be told by being one too many. */
  readonly marker?: string;
  /** How a server complains inside TLS that somebody has injected something, Latin-1. */
  readonly complaint?: RegExp;
  /** What is asked inside TLS where the protocol itself asks nothing there. */
  readonly ask?: { readonly command: string; readonly answer: RegExp };
}

function line(text: string, more: Pick<InjectionProbe, 'marker' | 'ask'> = {}): InjectionProbe {
  return {
    command: () => Buffer.from(`${text}\r\n`, 'latin1'),
    half: () => Buffer.from(text, 'latin1'),
    ...more,
  };
}

function whole(bytes: Uint8Array, more: Pick<InjectionProbe, 'complaint'> = {}): InjectionProbe {
  return { command: () => bytes, half: () => null, ...more };
}

/** A search of the root DSE with message id 99, for no attribute but objectClass (RFC 4511 §4.5). */
const ROOT_DSE = Buffer.concat([
  Buffer.from('302502016363200400' + '0a0100' + '0a0100' + '020100' + '020100' + '010100' + '870b', 'hex'),
  Buffer.from('objectClass', 'latin1'),
  Buffer.from('3000', 'hex'),
]);

/** StartupMessage 3.0 of the user `tcpx`. */
const STARTUP = Buffer.concat([Buffer.from([0, 0, 0, 19, 0, 3, 0, 0]), Buffer.from('user\0tcpx\0\0', 'latin1')]);

function streamHeader(namespace: string): InjectionProbe {
  const header = ({ host }: Parties) =>
    `<?xml version='1.0'?><stream:stream to='${host.replace(/[<&']/g, '')}' version='1.0' xmlns='${namespace}' ` +
    "xmlns:stream='http://etherx.jabber.org/streams'>";
  return {
    command: (parties) => Buffer.from(header(parties), 'utf8'),
    half: (parties) => Buffer.from(header(parties).slice(0, -1), 'utf8'),
  };
}

const REQUEST = Buffer.from('OPTIONS * HTTP/1.1\r\nHost: tcpx.invalid\r\n\r\n', 'latin1');

/**
 * By name of the dialect. Null where nothing harmless can be injected: MySQL's next message is a login, Telnet answers
 * nothing that could be told apart, and plain TLS has no clear part.
 */
export const INJECTION_PROBES: Readonly<Record<string, InjectionProbe | null>> = {
  smtp: line('NOOP'),
  submission: line('NOOP'),
  lmtp: line('NOOP'),
  imap: line('tcpx1 NOOP', { marker: 'tcpx1' }),
  pop3: line('NOOP'),
  // The server lists its capabilities unasked.
  sieve: line('NOOP', { ask: { command: 'NOOP', answer: /^OK/i } }),
  nntp: line('DATE'),
  ftp: line('NOOP'),
  irc: line('PING tcpx1', { marker: 'tcpx1' }),
  xmpp: streamHeader('jabber:client'),
  'xmpp-server': streamHeader('jabber:server'),
  ldap: { command: () => ROOT_DSE, half: () => ROOT_DSE.subarray(0, 20), marker: '\x02\x01\x63' },
  // ErrorResponse with SQLSTATE 08P01, protocol_violation.
  postgres: whole(STARTUP, { complaint: /^E.*C08P01/s }),
  http: whole(REQUEST),
  ipp: whole(REQUEST),
  mysql: null,
  telnet: null,
  tls: null,
};
