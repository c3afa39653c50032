/** The text of `tcpx starttls --help`. */
import { SCHEMES } from '../starttls/target.ts';
import { VERDICTS } from '../starttls/verdict.ts';
import { optionLines } from './option-table.ts';
import { OPTIONS } from './starttls-options.ts';
import { QUIET } from './starttls-session.ts';

export function help(): string {
  return `Usage: tcpx starttls PROTOCOL://HOST[:PORT] [options]
       tcpx starttls --check PROTOCOL://HOST[:PORT] [options]
       tcpx starttls --targets FILE [options]
       tcpx starttls --serve PROTOCOL --cert FILE --key FILE [options]

Connects in clear, says what the protocol needs, and goes on with TLS; or begins with TLS where the protocol is written
with it. Shows the dialogue (C: client, S: server, <TLS> where TLS begins), what was negotiated, and then connects standard
input and output to the server: lines are sent with CR LF. The end of the input ends only the sending; that of a pipe or
file does so when the server has been quiet for ${QUIET / 1000} s. The dialogue then goes to standard error, with --quit to
standard output.

Protocols: ${wrapped(SCHEMES.map(({ scheme, port }) => (port === null ? scheme : `${scheme} (${port})`)))}

Options:
${optionLines(OPTIONS)}
--check prints one line and sends no credentials. On an upgrade it also tries whether the server executes commands that are
injected in clear ahead of TLS, but only against this machine and hosts named with --attack-ok.

Exit status:
${exitLines()}  1    anything else went wrong
  2    the command line is wrong
  3    the engine that was asked for is not available
Of many targets, and of both engines, the highest counts.

Examples:
  tcpx starttls smtp://mail.example:587
  tcpx starttls --quit --engine both imap://mail.example
  tcpx starttls --check --expires-within 21 ldap://directory.example || alert
  tcpx starttls --targets hosts.txt --format csv > report.csv
  printf 'EHLO me\\nQUIT\\n' | tcpx starttls smtp://mail.example 2>/dev/null
`;
}

function exitLines(): string {
  return Object.entries(VERDICTS)
    .map(([name, { exit, meaning }]) => `  ${String(exit).padEnd(4)} ${name}: ${meaning}\n`)
    .join('');
}

/** A list that breaks at blanks, so that the help fits a terminal. */
export function wrapped(words: readonly string[]): string {
  const lines = [''];
  for (const word of words) {
    const line = lines.at(-1) ?? '';
    if (line.length + word.length > 100) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line}, ${word}`;
  }
  return lines.join(',\n  ');
}
