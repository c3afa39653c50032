/** Writes docs/starttls-bench.md from a fresh measurement: `npm run docs:bench`. Takes two minutes, and a quiet machine. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { engineReports } from '../src/tcpx/index.ts';
import {
  COLUMNS,
  measureStarttls,
  type ProtocolFigures,
  type StarttlsFigures,
} from '../test/bench/starttls-figures.ts';
import { writePki } from '../test/support/pki.ts';

const ms = (value: number | null) => (value === null ? '-' : value.toFixed(1));

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function page({ protocols, start }: StarttlsFigures): string {
  const versions = engineReports().map(({ name, versions }) => `${name}: ${versions}`);
  const without = (whole: number | null, started: number | null) =>
    whole === null || started === null ? '-' : ms(whole - started);
  const perTool = ({ title, upgrade, command, sClient, gnutlsCli }: ProtocolFigures) => [
    title,
    ms(upgrade['gnutls sync']),
    without(sClient, start.sClient),
    without(gnutlsCli, start.gnutlsCli),
    ms(command),
    ms(sClient),
    ms(gnutlsCli),
  ];
  const perMode = ({ title, upgrade, direct }: ProtocolFigures) => [
    title,
    ...COLUMNS.map((column) =>
      direct === null ? ms(upgrade[column]) : `${ms(upgrade[column])} / ${ms(direct[column])}`,
    ),
  ];
  return `# STARTTLS: time to an encrypted connection

<!-- written by npm run docs:bench -->

In ms, on loopback: from nothing to the end of the handshake. The machine has other work as well, so that fast ones count: of a tool
the fastest of nine runs, of the library the fastest tenth of sixty connections, in the fastest of three processes. Client on one core, server on another (the dialects of this
package, for all clients alike), certificate verified, full handshakes. ${cpus()[0]?.model.trim() ?? 'an unknown processor'}, ${versions.join('; ')}.

## Beside the usual tools

On the left the way to TLS alone: the library, called synchronously on GnuTLS in a process that runs already, and the tools without
what they take to start (\`openssl version\` ${ms(start.sClient)}, \`gnutls-cli --version\` ${ms(start.gnutlsCli)}). On the right whole
processes: \`tcpx starttls --quit\`, with the code that its first run has kept, of which ${ms(start.command)} are what Node takes for
\`tcpx --version\`; what is asked inside TLS is part of it. \`gnutls-cli\` reads the system's trusted certificates each time.

${table(
  ['protocol', 'tcpx/starttls', 's_client', 'gnutls-cli', '`tcpx starttls`', '`openssl s_client`', '`gnutls-cli`'],
  protocols.map(perTool),
)}

## Upgrade and TLS at once

Each cell: upgrade / TLS from the first byte with the same protocol, where it has that.

${table(['protocol', ...COLUMNS], protocols.map(perMode))}
`;
}

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const directory = mkdtempSync(join(tmpdir(), 'tcpx-bench-'));
// What the command keeps for its next start is to be that of these runs.
process.env.XDG_CACHE_HOME = directory;
try {
  const pki = await writePki(directory);
  const bench = { quick: values.quick, programs: new Map(), ca: pki.ca, cert: pki.good.cert, key: pki.good.key };
  writeFileSync('docs/starttls-bench.md', page(await measureStarttls(bench)));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
