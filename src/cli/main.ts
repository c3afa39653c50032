/** The command `tcpx`. A subcommand is a file of its own, loaded when it is asked for. */
import { createRequire } from 'node:module';
import { EngineError, UsageError } from '../core/errors.ts';
import { EXIT, EXIT_HELP, type Output, type Subcommand } from './exit.ts';
import { standardStreams } from './standard-streams.ts';
import { hint } from './suggest.ts';

interface Row {
  readonly summary: string;
  readonly load: () => Promise<Subcommand>;
}

const SUBCOMMANDS: ReadonlyMap<string, Row> = new Map([
  [
    'exec',
    { summary: 'run TCPX opcodes from a file, a pipe, the command line or a prompt', load: () => import('./exec.ts') },
  ],
  ['mail', { summary: 'send a message, as sendMail and XCALL EMAILX do', load: () => import('./mail.ts') }],
  ['pwcrypt', { summary: 'encrypt a password for the configuration of EMAILX', load: () => import('./pwcrypt.ts') }],
  [
    'starttls',
    { summary: 'get to TLS in any protocol: show, check, compare, talk, serve', load: () => import('./starttls.ts') },
  ],
  ['engines', { summary: 'show which engines are available here', load: () => import('./engines.ts') }],
]);

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

async function main(args: readonly string[], output: Output): Promise<number> {
  const [first, ...rest] = args;
  if (first === undefined) {
    output.err(help());
    return EXIT.usage;
  }
  if (first === '--version' || first === '-V') {
    const { version } = createRequire(import.meta.url)('tcpx/package.json') as { version: string };
    output.out(`${version}\n`);
    return EXIT.ok;
  }
  const [topic] = rest;
  if (first === '--help' || first === '-h' || (first === 'help' && topic === undefined)) {
    output.out(help());
    return EXIT.ok;
  }
  const name = first === 'help' && topic !== undefined ? topic : first;
  const row = SUBCOMMANDS.get(name);
  if (row === undefined) {
    const kind = name.startsWith('-') ? 'option' : 'subcommand';
    output.err(`tcpx: unknown ${kind} '${name}'${hint(name, SUBCOMMANDS.keys())}; see 'tcpx --help'\n`);
    return EXIT.usage;
  }
  const subcommand = await row.load();
  if (first === 'help') {
    output.out(await subcommand.help());
    return EXIT.ok;
  }
  try {
    return await subcommand.run(rest, output);
  } catch (error) {
    if (error instanceof UsageError) {
      output.err(`tcpx ${name}: ${error.message}\nSee 'tcpx ${name} --help'.\n`);
      return EXIT.usage;
    }
    if (error instanceof EngineError) {
      output.err(`tcpx ${name}: ${error.message}\nSee 'tcpx engines'.\n`);
      return EXIT.noEngine;
    }
    throw error;
  }
}

// For a process that ends before the subcommand has said how.
process.exitCode = EXIT.failed;
main(process.argv.slice(2), standardStreams()).then((status) => {
  process.exitCode = status;
});
