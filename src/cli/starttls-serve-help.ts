/** The texts of `tcpx starttls --serve --help` and `--attack list`. */
import { ATTACKS, attacksOf } from '../starttls/attacks.ts';
import { SCHEMES, type Scheme } from '../starttls/target.ts';
import { optionLines } from './option-table.ts';
import { wrapped } from './starttls-help.ts';
import { SERVE_OPTIONS } from './starttls-serve-options.ts';
import { FACTS } from './starttls-serve-program.ts';

export function serveHelp(): string {
  return `Usage: tcpx starttls --serve PROTOCOL --cert FILE --key FILE [options]

A server to try clients against: honest, or deceiving them in one of the ways that are known. It offers TLS, starts it when
it is asked to, and serves a little inside it to whoever logs in, with any name and password: an empty mailbox, a page, a
row. In clear it takes no credentials, but where it strips the offer: there it tells who has shown a password. It leaves on
SIGINT and SIGTERM, and after --connections.

Protocols: ${wrapped(SCHEMES.map(({ scheme }) => scheme))}

Options:
${optionLines(SERVE_OPTIONS)}
--exec runs the command for each client that has come to TLS, connected to its standard input and output; all that is said
inside TLS is the program's, greeting or answer to the upgrade included. Of the environment it gets PATH, HOME and the like,
and the facts of the connection: ${wrapped(Object.keys(FACTS))}.

Exit status:
  0    the server was ended, or has served --connections
  1    it could not listen, or not go on
  2    the command line is wrong
  3    the engine that was asked for is not available

Examples:
  tcpx starttls --serve smtp --port 2525 --cert cert.pem --key key.pem --echo-commands
  tcpx starttls --serve imap --attack list
  tcpx starttls --serve imap --attack inject-line --connections 1 --json --port-file port --cert cert.pem --key key.pem
  tcpx starttls --serve pop3s --exec ./mailbox --cert cert.pem --key key.pem
`;
}

/** What can be played on the clients of a protocol. */
export function attackList({ dialect, mode }: Pick<Scheme, 'dialect' | 'mode'>): string {
  const rows = attacksOf(dialect, mode).map((name) => {
    const { server, client } = ATTACKS[name];
    return `  ${name}\n      server: ${server}\n      client: ${client}\n`;
  });
  const where = mode === 'direct' ? `${dialect.title}, TLS from the first byte` : dialect.title;
  return `${where}: what the server does, and what a client does that sees through it\n\n${rows.join('')}`;
}
