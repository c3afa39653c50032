/** `--targets FILE`: many checks, so many at a time on one thread, and what came of them in the order of the file. */
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { UsageError } from '../core/errors.ts';
import { harmless, harmlessJson } from '../core/harmless.ts';
import { reasonOf } from '../core/reason.ts';
import { runAsync } from '../core/run.ts';
import { type CheckReport, checkOp } from '../starttls/check.ts';
import { type Target, type TargetOptions, targetOf } from '../starttls/target.ts';
import { firstToExpire, VERDICTS, type Verdict, worstOf } from '../starttls/verdict.ts';
import type { Output } from './exit.ts';
import { type Progress, progressBar } from './progress.ts';
import { checkSettings, injectionSettings, Jobs } from './starttls-jobs.ts';
import { checkJson } from './starttls-json.ts';
import type { Format, StarttlsCommand } from './starttls-options.ts';
import { injectionText, verifyText } from './starttls-report.ts';

/** What is kept of a check until all are done. */
interface Checked {
  readonly verdict: Verdict;
  /** Text for each of {@link COLUMNS}, or a line of JSON: harmless. */
  readonly row: readonly string[];
}

/** @throws UsageError for a file that cannot be read, or a line that is no target, before the first connection */
export async function checkTargets(command: StarttlsCommand, options: TargetOptions, output: Output): Promise<number> {
  const { targets: file, format } = command;
  if (file === null) throw new UsageError('--targets names a file');
  if (command.engine === 'both') throw new UsageError('--engine both is for one target');
  const targets = parseTargets(await readTargets(file), file === '-' ? 'standard input' : file, options);
  const progress = await progressBar('tcpx starttls', targets.length, 'checked');
  const jobs = await Jobs.open(command, command.engine);
  let checked: readonly Checked[];
  try {
    checked = await checkAll(command, targets, jobs, progress);
  } finally {
    progress.stop();
    jobs.close();
  }
  output.out(WRITERS[format ?? 'table'](checked));
  return VERDICTS[worstOf(checked.map(({ verdict }) => verdict))].exit;
}

async function readTargets(file: string): Promise<string> {
  try {
    const bytes = file === '-' ? await buffer(process.stdin) : await readFile(file);
    return bytes.toString('utf8').replace(/^\ufeff/, '');
  } catch (cause) {
    throw new UsageError(`--targets ${file} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

/**
 * One target a line; `#` begins a comment, at the start of a line or behind a blank.
 *
 * @throws UsageError that names the line
 */
export function parseTargets(text: string, source: string, options: TargetOptions): Target[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const written = line.replace(/(?:^|\s)#.*$/, '').trim();
    if (written === '') return [];
    try {
      return [targetOf(written, options)];
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      throw new UsageError(`${source} line ${index + 1}: ${error.message}`, { cause: error });
    }
  });
}

async function checkAll(
  command: StarttlsCommand,
  targets: readonly Target[],
  jobs: Jobs,
  progress: Progress,
): Promise<readonly Checked[]> {
  const checked: Checked[] = new Array(targets.length);
  let next = 0;
  let done = 0;
  let bad = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < targets.length; index = next++) {
      const target = targets[index];
      if (target === undefined) return;
      const one = await checkOne(command, target, jobs);
      checked[index] = one;
      done += 1;
      if (one.verdict !== 'good') bad += 1;
      progress.update(done, bad === 0 ? '' : `, ${bad} not good`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(command.jobs, targets.length) }, work));
  return checked;
}

async function checkOne(command: StarttlsCommand, target: Target, jobs: Jobs): Promise<Checked> {
  const began = performance.now();
  const settings = checkSettings(command, target, jobs, { observer: null });
  const report = await runAsync(checkOp(settings, command.expiresWithin, injectionSettings(command, target, jobs)));
  const ms = performance.now() - began;
  const row =
    command.format === 'json'
      ? [harmlessJson({ ...checkJson(report, jobs.engine(target)), ms: Math.round(ms * 10) / 10 })]
      : COLUMNS.map(({ of }) => harmless(of(report, ms)));
  return { verdict: report.verdict, row };
}

interface Column {
  readonly name: string;
  readonly of: (report: CheckReport, ms: number) => string;
  /** Whether people see it in the table; CSV has all. */
  readonly shown?: true;
  readonly right?: true;
}

const COLUMNS: readonly Column[] = [
  { name: 'target', of: ({ target }) => target.url, shown: true },
  { name: 'verdict', of: ({ verdict }) => verdict, shown: true },
  { name: 'exit', of: ({ verdict }) => String(VERDICTS[verdict].exit), shown: true, right: true },
  { name: 'protocol', of: ({ target }) => target.dialect.name },
  { name: 'mode', of: ({ target }) => target.mode },
  { name: 'address', of: ({ remote }) => remote.host },
  { name: 'version', of: ({ result }) => result.tls?.version ?? '', shown: true },
  { name: 'suite', of: ({ result }) => result.tls?.suite ?? '' },
  { name: 'group', of: ({ result }) => result.tls?.group ?? '' },
  { name: 'alpn', of: ({ result }) => result.tls?.alpn ?? '' },
  { name: 'verify', of: ({ result }) => verifyColumn(result), shown: true },
  { name: 'subject', of: ({ result }) => result.chain[0]?.subject ?? '' },
  { name: 'issuer', of: ({ result }) => result.chain[0]?.issuer ?? '' },
  { name: 'expires', of: ({ result }) => firstToExpire(result)?.validTo ?? '' },
  { name: 'days', of: ({ result }) => daysColumn(result), shown: true, right: true },
  { name: 'credentialsInClear', of: ({ result }) => String(result.credentialsInClear ?? '') },
  { name: 'injection', of: ({ injection }) => (injection === null ? '' : injectionText(injection)) },
  { name: 'ms', of: (_report, ms) => ms.toFixed(0), shown: true, right: true },
  { name: 'reason', of: ({ reason }) => reason, shown: true },
];

function verifyColumn({ tls, verifyReasons }: CheckReport['result']): string {
  if (tls === null) return verifyReasons.join(' ');
  return verifyText(tls.verify.result);
}

function daysColumn(result: CheckReport['result']): string {
  const first = firstToExpire(result);
  return first === null ? '' : String(Math.floor(first.daysLeft));
}

const WRITERS: Readonly<Record<Format, (checked: readonly Checked[]) => string>> = {
  json: (checked) => checked.map(({ row }) => `${row[0]}\n`).join(''),
  csv: (checked) => [COLUMNS.map(({ name }) => name), ...checked.map(({ row }) => row)].map(csvLine).join(''),
  table,
};

/** RFC 4180. A cell that a spreadsheet would take for a formula begins with an apostrophe. */
export function csvLine(cells: readonly string[]): string {
  const written = cells.map((cell) => {
    const safe = /^[=+\-@\t\r]/.test(cell) && !/^-?\d+(?:\.\d+)?$/.test(cell) ? `'${cell}` : cell;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  });
  return `${written.join(',')}\r\n`;
}

function table(checked: readonly Checked[]): string {
  const shown = COLUMNS.map((column, index) => ({ ...column, index })).filter((column) => column.shown === true);
  const rows = [shown.map(({ name }) => name), ...checked.map(({ row }) => shown.map(({ index }) => row[index] ?? ''))];
  const widths = shown.map((_column, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, index) =>
        shown[index]?.right === true ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n\n${tally(checked)}\n`;
}

/** `3 targets: 1 good, 1 unreachable, 1 unverified`, from best to worst. */
function tally(checked: readonly Checked[]): string {
  const counts = new Map<Verdict, number>();
  for (const { verdict } of checked) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const parts = [...counts]
    .sort(([left], [right]) => VERDICTS[left].exit - VERDICTS[right].exit)
    .map(([verdict, count]) => `${count} ${verdict}`);
  const targets = checked.length === 1 ? '1 target' : `${checked.length} targets`;
  return parts.length === 0 ? targets : `${targets}: ${parts.join(', ')}`;
}
