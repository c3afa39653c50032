/** The text of `tcpx exec --help`. */

import { builtInSymbols } from '../basic/index.ts';
import { OPTIONS } from './exec-options.ts';
import { EXIT_HELP } from './exit.ts';
import { helpLines } from './help-lines.ts';
import { optionLines } from './option-table.ts';

export function help(): string {
  return `Usage: tcpx exec [FILE] [-e LINE]... [options]

Runs TCPX opcodes, one a line, from FILE, from -e, from standard input or at a prompt.

${helpLines('', builtInSymbols)}
A line is  [-] [ON name] COMMAND ... [AS name]
  -          in front: the call is allowed to fail
  ON name    works on that socket, for this line
  AS name    CONNECT and ACCEPT: puts the socket into the variable name and makes it the current one
  # or !     a comment
  "text"     UTF-8, sent as it is, with \\r \\n \\t \\0 \\xNN (one byte) \\\\ \\" \\$
  \${NAME}    a variable of the environment, in words and in strings; one that is not set is an error
  FLAGS      BLOCK+TLS+STARTTLS; BLOCK alone when a line gives none, 0 for none at all
The TLS and STARTTLS bits of later calls are added by the state of the socket, but never in XCALL.
A script is checked as a whole before its first call; standard input is carried out line by line.
It ends at the first call with a negative STATUS that was not allowed to fail.

Options:
${optionLines(OPTIONS)}
With --json each call answers {line, opcode, status, sockport, buffer, bytes, text, ms, tls, failed, allowed}: buffer is a
Latin-1 string, one character a byte, null when nothing was received; text says why a call failed.

At the prompt Ctrl+C ends a call that waits (STATUS -125), Ctrl+D or QUIT leaves.

Environment: TCPX_ENGINE, TCPX_TLS_VERIFY, TCPX_TRACE and TCPX_TRACE_FILE as for programs; TCPX_HISTORY names a file that
keeps the lines typed at the prompt.

${EXIT_HELP}
Examples:
  tcpx exec -e 'CONNECT mail.example 587 BLOCK+TLS+STARTTLS timer=5000' -e 'EXPECT /^220 .*\\n/' -e INFO
  tcpx exec --json --ca ca.pem dialogue.tcpx
`;
}
