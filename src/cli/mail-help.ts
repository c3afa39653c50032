/** The text of `tcpx mail --help`. */
import { OPTIONS } from './mail-options.ts';
import { outcomeLines } from './mail-outcome.ts';
import { optionLines } from './option-table.ts';

export function help(): string {
  return `Usage: tcpx mail --server HOST --from ADDRESS --to ADDRESS [options] < text
       tcpx mail --config emailx.cfg --to ADDRESS [options] < text
       tcpx mail --server HOST -t [options] < message

Sends a message and prints one line on what the server said, and one on TLS.

Options:
${optionLines(OPTIONS)}
The password is the one line of --password-file, or in the variable of --password-env, else it is read from standard
input: at a terminal without echo. It is never an argument, as everybody on the machine can read those. Where standard
input is the message, the password has to come from elsewhere.

A message of -t may be of any size: what does not fit into a megabyte waits in a temporary file that only this user can
read. Date and Message-ID are added where they are missing. A line with a dot alone does not end it. With -t, --from is
whom the server tells of failures, and the From line of a message that has none.

A configuration file is one of XCALL EMAILX, with all of its directives; REPLYTO and SIGNATURE are not for -t. Without
SECURE in it STARTTLS is required; a SERVER without a port means 25.

Exit status:
${outcomeLines()}  1    anything else went wrong
  3    the engine that was asked for is not available
  141  standard output was closed, as by 'tcpx mail --dry-run ... | head'

What became of a mail rules the exit status, even where standard output does not take the result: that is told on standard
error, as sending it again would double it. With --json, what ends with 2 or 3 has its line too, with the outcome unusable
or no-engine and the reason.

Examples:
  tcpx mail -s smtp.example.com -u me@example.com --password-file ~/.smtp -f me@example.com --to ann@example.com \\
    --subject 'The figures' --text 'Here they are.' -a figures.pdf
  tcpx mail -s 127.0.0.1:25 --no-tls -t < letter.eml
  df -h | tcpx mail --config emailx.cfg --to ops@example.com --subject "disks of $(hostname)"
`;
}
