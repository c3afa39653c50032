/** The table of dialects. */
import { UsageError } from '../core/errors.ts';
import type { Dialect } from './dialect.ts';
import { TLS } from './direct.ts';
import { FTP } from './ftp.ts';
import { HTTP, IPP } from './http.ts';
import { IMAP } from './imap.ts';
import { IRC } from './irc.ts';
import { LDAP } from './ldap.ts';
import { MANAGESIEVE } from './managesieve.ts';
import { MYSQL } from './mysql.ts';
import { NNTP } from './nntp.ts';
import { POP3 } from './pop3.ts';
import { POSTGRES } from './postgres.ts';
import { LMTP, SMTP, SUBMISSION } from './smtp.ts';
import { TELNET } from './telnet.ts';
import { XMPP, XMPP_SERVER } from './xmpp.ts';

export const DIALECTS: readonly Dialect[] = [
  SMTP,
  SUBMISSION,
  LMTP,
  IMAP,
  POP3,
  MANAGESIEVE,
  NNTP,
  FTP,
  IRC,
  XMPP,
  XMPP_SERVER,
  POSTGRES,
  MYSQL,
  LDAP,
  HTTP,
  IPP,
  TELNET,
  TLS,
];

/** Other spellings of names and schemes, as people and other tools have them. */
export const ALIASES: ReadonlyMap<string, string> = new Map([
  ['smtps', 'submissions'],
  ['managesieve', 'sieve'],
  ['postgresql', 'postgres'],
  ['mariadb', 'mysql'],
  ['xmpp-client', 'xmpp'],
  ['xmpps-client', 'xmpps'],
]);

const byName = new Map(DIALECTS.map((dialect) => [dialect.name, dialect]));

/** @throws UsageError that lists the names there are */
export function dialectNamed(name: string): Dialect {
  const lower = name.toLowerCase();
  const dialect = byName.get(ALIASES.get(lower) ?? lower);
  if (dialect === undefined) {
    throw new UsageError(`there is no dialect '${name}'; there are ${[...byName.keys()].join(', ')}`);
  }
  return dialect;
}
