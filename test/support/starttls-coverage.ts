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

/** A program by its name, or its name and that of its suite. */
type Named = string | readonly [program: string, suite: string];

function proofs(file: string, ...programs: readonly Named[]): Proof[] {
  return programs.map((named) => {
    const [program, suite] = typeof named === 'string' ? [named, named] : named;
    return { program, suite, file };
  });
}

const lineServers = (...programs: readonly Named[]) => proofs('starttls-lines-servers', ...programs);
const lineClients = (...programs: readonly Named[]) => proofs('starttls-lines-clients', ...programs);
const binaryServers = (...programs: readonly Named[]) => proofs('starttls-binary-servers', ...programs);
const binaryClients = (...programs: readonly Named[]) => proofs('starttls-binary-clients', ...programs);
const clients = (...programs: readonly Named[]) => proofs('starttls-clients', ...programs);
const command = (...programs: readonly Named[]) => proofs('starttls-command', ...programs);

const S_CLIENT = 'openssl s_client';
const GNUTLS_CLI = 'gnutls-cli';
const POSTFIX = ['Postfix', 'postfix'] as const;
const DOVECOT = ['Dovecot', 'dovecot'] as const;

export const COVERAGE: Readonly<Record<string, DialectCoverage>> = {
  smtp: { client: command(POSTFIX), server: clients(S_CLIENT, GNUTLS_CLI, 'curl', 'swaks') },
  submission: { client: command(POSTFIX), server: clients(GNUTLS_CLI, 'curl', 'swaks') },
  lmtp: { client: command(DOVECOT), server: clients(S_CLIENT, GNUTLS_CLI, 'swaks') },
  imap: { client: lineServers(DOVECOT), server: lineClients(S_CLIENT, GNUTLS_CLI, 'curl') },
  pop3: { client: lineServers(DOVECOT), server: lineClients(S_CLIENT, GNUTLS_CLI, 'curl') },
  sieve: { client: lineServers(DOVECOT), server: lineClients(S_CLIENT, GNUTLS_CLI) },
  nntp: { client: lineServers(['INN nnrpd', 'nnrpd']), server: lineClients(S_CLIENT, GNUTLS_CLI) },
  ftp: { client: lineServers('vsftpd'), server: lineClients(S_CLIENT, GNUTLS_CLI, 'curl') },
  irc: { client: lineServers(['InspIRCd', 'inspircd']), server: lineClients(S_CLIENT) },
  xmpp: { client: binaryServers('Prosody'), server: binaryClients(S_CLIENT, GNUTLS_CLI) },
  'xmpp-server': { client: binaryServers('Prosody'), server: binaryClients(S_CLIENT) },
  postgres: { client: binaryServers('PostgreSQL'), server: binaryClients(S_CLIENT, GNUTLS_CLI, 'psql') },
  mysql: { client: binaryServers('MariaDB'), server: binaryClients(S_CLIENT, 'mariadb') },
  ldap: { client: binaryServers(['OpenLDAP', 'slapd']), server: binaryClients(S_CLIENT, GNUTLS_CLI, 'ldapsearch') },
  http: { client: [], server: binaryClients(['curl (https)', 'curl']) },
  ipp: { client: binaryServers('CUPS'), server: binaryClients('ipptool') },
  telnet: { client: binaryServers('C-Kermit'), server: binaryClients(S_CLIENT, ['C-Kermit', 'kermit']) },
  tls: {
    client: proofs('starttls-ocsp', ['openssl s_server', 'a stapled OCSP response']),
    server: clients(S_CLIENT, GNUTLS_CLI),
  },
};
