/**
 * npm run bench [-- --quick] [-- --only NAME]
 *
 * Holds the engines against the same work in C and on bare node:net and node:tls. Ends with 1 when a goal is missed, with
 * 2 on a wrong argument. A row that cannot run here says why and does not count.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writePki } from '../support/pki.ts';
import { type Bench, DESCRIPTORS } from './harness.ts';
import { isMet, type Line, type Need, type Row } from './row.ts';
import { download, handshakes } from './rows/bulk.ts';
import { checkIdle, checkSet } from './rows/check.ts';
import { connections } from './rows/connections.ts';
import { echoNative, echoNativeTls, echoNode, echoNodeTls, echoStated, tracing } from './rows/echo.ts';
import { mailAttachment, mailCold, mailSession, mailSessionTls } from './rows/mail.ts';
import { startUp } from './rows/start-up.ts';
import { starttlsRow } from './rows/starttls.ts';

const ROWS: readonly Row[] = [
  checkIdle,
  checkSet,
  echoNative,
  echoNativeTls,
  echoNode,
  echoNodeTls,
  download,
  handshakes,
  connections,
  echoStated,
  tracing,
  startUp,
  mailSession,
  mailSessionTls,
  mailAttachment,
  mailCold,
  starttlsRow,
];

/** The C programs and what they need beyond a compiler. */
const PROGRAMS: readonly { name: string; need: Need; flags: readonly string[] }[] = [
  { name: 'plain-server', need: 'cc', flags: [] },
  { name: 'plain-client', need: 'cc', flags: [] },
  { name: 'tls-server', need: 'gnutls', flags: ['-lgnutls', '-pthread'] },
  { name: 'tls-client', need: 'gnutls', flags: ['-lgnutls'] },
  { name: 'smtp-server', need: 'gnutls', flags: ['-lgnutls', '-pthread'] },
];

/** Compiles the C programs; what is missing here is noted in `missing`. */
function compile(directory: string, missing: Map<Need, string>): Map<string, string> {
  const programs = new Map<string, string>();
  for (const { name, need, flags } of PROGRAMS) {
    const source = fileURLToPath(new URL(`../../../test/bench/c/${name}.c`, import.meta.url));
    const target = join(directory, name);
    const { status, error, stderr } = spawnSync('cc', ['-O2', '-Wall', '-o', target, source, ...flags]);
    if (status === 0) programs.set(name, target);
    else if (error !== undefined) {
      missing.set('cc', 'there is no C compiler (cc)');
      missing.set('gnutls', 'there is no C compiler (cc)');
    } else {
      const [first] = stderr.toString('utf8').split('\n');
      missing.set(need, `${name}.c does not compile: ${first}`);
    }
  }
  return programs;
}

function lookAround(missing: Map<Need, string>): void {
  if (spawnSync('taskset', ['-c', '0,1', 'true']).status !== 0 || availableParallelism() < 2) {
    missing.set('taskset', 'the two ends cannot be pinned: taskset or a second core is missing');
  }
  const { status } = spawnSync('sh', ['-c', `ulimit -n ${DESCRIPTORS}`]);
  if (status !== 0) missing.set('descriptors', `ulimit -n ${DESCRIPTORS} is refused`);
}

/** The rows asked for; ends the process when there is none of that name. */
function chosen(only: readonly string[]): readonly Row[] {
  if (only.length === 0) return ROWS;
  const rows = ROWS.filter(({ name }) => only.includes(name));
  const unknown = only.filter((name) => !rows.some((row) => row.name === name));
  if (unknown.length === 0) return rows;
  console.error(`there is no row ${unknown.join(', ')}; there are ${ROWS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

function goalText({ goal }: Line): string {
  if (goal === null) return '';
  return 'most' in goal ? `at most ${goal.most}` : `at least ${goal.least}`;
}

function print(lines: readonly Line[]): void {
  const cells = lines.map((line) => [
    line.work,
    line.cores,
    line.ours,
    line.theirs,
    line.ratio === null ? '' : line.ratio.toFixed(2),
    goalText(line),
    line.goal === null ? '' : isMet(line) ? 'met' : 'MISSED',
  ]);
  const head = ['work', 'runs on', 'tcpx', 'against', 'ratio', 'goal', ''];
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const text = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  console.log(`\n${text(head)}\n${widths.map((width) => '-'.repeat(width)).join('  ')}`);
  for (const row of cells) console.log(text(row));
}

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string', multiple: true, default: [] } },
});

const directory = mkdtempSync(join(tmpdir(), 'tcpx-bench-'));
// What the command keeps for its next start is to be that of these runs.
process.env.XDG_CACHE_HOME = directory;
const lines: Line[] = [];
let skipped = 0;
try {
  const missing = new Map<Need, string>();
  const rows = chosen(values.only);
  lookAround(missing);
  const programs = compile(directory, missing);
  const pki = await writePki(join(directory, 'pki'));
  const bench: Bench = { quick: values.quick, programs, ca: pki.ca, cert: pki.good.cert, key: pki.good.key };
  for (const row of rows) {
    const reasons = row.needs.flatMap((need) => missing.get(need) ?? []);
    if (reasons.length > 0) {
      skipped += 1;
      console.error(`SKIPPED ${row.name}: ${reasons.join('; ')}`);
      continue;
    }
    console.error(`${row.name} ...`);
    lines.push(...(await row.run(bench)));
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

print(lines);
const missed = lines.filter((line) => !isMet(line));
console.log(`\ncore 0: client; core 1: server, unless both run on one core. Medians; a ratio is tcpx over the other.`);
if (skipped > 0) console.log(`${skipped} rows SKIPPED`);
if (missed.length > 0) console.log(`${missed.length} goals missed`);
process.exitCode = missed.length > 0 ? 1 : 0;
