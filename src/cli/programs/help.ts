/** `tcpx` without a subcommand: help, the version, and what is wrong with a command line that names no subcommand. */
import { createRequire } from 'node:module';
import { EXIT, EXIT_HELP, type Output } from '../exit.ts';
import { runProgram } from '../program.ts';
import { SUBCOMMANDS } from '../subcommands.ts';
import { hint } from '../suggest.ts';

function help(): string {
  const rows = [...SUBCOMMANDS].map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}\n`).join('');
  return `Usage: tcpx SUBCOMMAND [arguments]

XCALL TCPX from a shell: sockets, TLS and STARTTLS by opcode, and mail.

Subcommands:
${rows}  help NAME  what a subcommand can do; also tcpx NAME --help

Options:
  -h, --help     this text
  -V, --version  the version

${EXIT_HELP}`;
}

runProgram(([first, topic], output: Output): number => {
  if (first === undefined) {
    output.err(help());
    return EXIT.usage;
  }
  if (first === '--version' || first === '-V') {
    const { version } = createRequire(import.meta.url)('tcpx/package.json') as { version: string };
    output.out(`${version}\n`);
    return EXIT.ok;
  }
  if (first === '--help' || first === '-h' || (first === 'help' && topic === undefined)) {
    output.out(help());
    return EXIT.ok;
  }
  const name = first === 'help' && topic !== undefined ? topic : first;
  const kind = name.startsWith('-') ? 'option' : 'subcommand';
  output.err(`tcpx: unknown ${kind} '${name}'${hint(name, SUBCOMMANDS.keys())}; see 'tcpx --help'\n`);
  return EXIT.usage;
});
