/**
 * Which real programs each dialect is tested against, by role. The README's table is made of this; a test looks whether
 * the named suites are there and speak of the protocol.
 */

/** A suite of `test/interop` that puts a dialect before a program that is not ours. */
export interface Proof {
  /** As people call it. */
  readonly program: string;
  /** Its suite: the first argument of `interop`, or the name in a table of servers. */
  readonly suite: string;
  /** Files of `test/interop`, without `.test.ts`. */
  readonly file: string;
}

export interface DialectCoverage {
  /** Servers that our client has upgraded with. */
  readonly client: readonly Proof[];
  /** Clients that our server has upgraded with. */
  readonly server: readonly Proof[];
}

const lines = (program: string, suite = program.toLowerCase()): Proof => ({
  program,
  suite,
  file: 'starttls-lines-servers',
});
const command = (program: string, suite = program.toLowerCase()): Proof => ({
  program,
  suite,
  file: 'starttls-command',
});
const client = (program: string): Proof => ({ program, suite: program, file: 'starttls-lines-clients' });

const S_CLIENT = client('openssl s_client');
const GNUTLS_CLI = client('gnutls-cli');
const CURL = client('curl');

export const COVERAGE: Readonly<Record<string, DialectCoverage>> = {
  smtp: { client: [command('Postfix')], server: [] },
  submission: { client: [command('Postfix')], server: [] },
  lmtp: { client: [command('Dovecot')], server: [] },
  imap: { client: [lines('Dovecot')], server: [S_CLIENT, GNUTLS_CLI, CURL] },
  pop3: { client: [lines('Dovecot')], server: [S_CLIENT, GNUTLS_CLI, CURL] },
  sieve: { client: [lines('Dovecot')], server: [S_CLIENT, GNUTLS_CLI] },
  nntp: { client: [lines('INN nnrpd', 'nnrpd')], server: [S_CLIENT, GNUTLS_CLI] },
  ftp: { client: [lines('vsftpd')], server: [S_CLIENT, GNUTLS_CLI, CURL] },
  irc: { client: [lines('InspIRCd')], server: [S_CLIENT] },
  xmpp: { client: [command('Prosody')], server: [] },
  'xmpp-server': { client: [command('Prosody')], server: [] },
  postgres: { client: [command('PostgreSQL', 'postgres')], server: [] },
  mysql: { client: [command('MariaDB')], server: [] },
  ldap: { client: [command('OpenLDAP slapd', 'slapd')], server: [] },
  http: { client: [], server: [] },
  ipp: { client: [command('CUPS')], server: [] },
  telnet: { client: [], server: [] },
  tls: {
    client: [{ program: 'openssl s_server', suite: 'a stapled OCSP response', file: 'starttls-ocsp' }],
    server: [],
  },
};
