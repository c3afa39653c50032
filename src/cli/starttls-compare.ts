/** `--engine both`: GnuTLS and OpenSSL one after the other, side by side. */
import { harmless, harmlessJson } from '../core/harmless.ts';
import { runAsync } from '../core/run.ts';
import { type CheckReport, checkOp } from '../starttls/check.ts';
import type { Target } from '../starttls/target.ts';
import { VERDICTS, worstOf } from '../starttls/verdict.ts';
import type { EngineName } from '../tcpx/index.ts';
import { escapeText } from './buffer-text.ts';
import type { Output } from './exit.ts';
import { checkSettings, injectionSettings, Jobs } from './starttls-jobs.ts';
import { checkJson, targetJson } from './starttls-json.ts';
import type { StarttlsCommand } from './starttls-options.ts';
import { injectionText, verifyText } from './starttls-report.ts';

const ENGINES: readonly EngineName[] = ['gnutls', 'node'];

/** @throws EngineError when GnuTLS is not there */
export async function compareEngines(command: StarttlsCommand, target: Target, output: Output): Promise<number> {
  const opened: Jobs[] = [];
  const reports: CheckReport[] = [];
  try {
    // Before the first connects, so that what is wrong with the command is not found in between.
    for (const engine of ENGINES) opened.push(await Jobs.open(command, engine));
    for (const jobs of opened) {
      const settings = checkSettings(command, target, jobs, { observer: null });
      const checks = command.action === 'check';
      const injection = checks ? injectionSettings(command, target, jobs) : null;
      // When a certificate expires is part of what is shown; only a check judges it.
      reports.push(await runAsync(checkOp(settings, checks ? command.expiresWithin : 0, injection)));
    }
  } finally {
    for (const jobs of opened) jobs.close();
  }
  output.out(command.format === 'json' ? comparisonJson(target, reports) : comparisonText(target, reports));
  return VERDICTS[worstOf(reports.map(({ verdict }) => verdict))].exit;
}

/** What is compared. Times differ always, and say nothing. */
const FIELDS: readonly (readonly [name: string, of: (report: CheckReport) => string])[] = [
  ['verdict', ({ verdict }) => verdict],
  ['reason', ({ reason }) => reason],
  ['outcome', ({ result }) => result.outcome],
  ['version', ({ result }) => result.tls?.version ?? ''],
  ['suite', ({ result }) => result.tls?.suite ?? ''],
  ['group', ({ result }) => result.tls?.group ?? ''],
  ['ALPN', ({ result }) => (result.tls === null ? '' : (result.tls.alpn ?? 'none'))],
  ['SNI', ({ result }) => (result.tls === null ? '' : (result.tls.servername ?? 'none'))],
  ['verify', ({ result }) => (result.tls === null ? '' : verifyText(result.tls.verify.result))],
  ['why not', ({ result }) => result.verifyReasons.join(', ')],
  ['certificate', ({ result }) => result.chain[0]?.subject ?? ''],
  ['SHA-256', ({ result }) => result.chain[0]?.fingerprint256.replaceAll(':', '').toLowerCase().slice(0, 32) ?? ''],
  [
    'chain',
    ({ result }) =>
      result.chain
        .map(({ subject }) => subject)
        .slice(1)
        .join(', '),
  ],
  ['OCSP', ({ result }) => (result.tls === null ? '' : (result.ocsp?.status ?? 'nothing stapled'))],
  ['status', ({ result }) => (result.status === 0 ? '' : String(result.status))],
  ['after TLS', ({ result }) => result.postTlsCapabilities?.join(', ') ?? ''],
  ['dropped', ({ result }) => discardedText(result.discardedBytes)],
  ['injected', ({ injection }) => (injection === null ? '' : injectionText(injection))],
];

function discardedText(bytes: number | null): string {
  return bytes === 0 ? '' : bytes === null ? 'uncounted bytes' : `${bytes} bytes`;
}

export interface Compared {
  readonly name: string;
  readonly values: readonly string[];
  readonly differs: boolean;
}

export function compared(reports: readonly CheckReport[]): Compared[] {
  return FIELDS.map(([name, of]) => {
    const values = reports.map((report) => harmless(of(report)));
    return { name, values, differs: new Set(values).size > 1 };
  }).filter(({ values }) => values.some((value) => value !== ''));
}

const WIDTH = 12;
/** What does not fit beside the other is put below it. */
const COLUMN = 44;

/** A row per fact; `*` in front of those that differ. */
function comparisonText({ url }: Target, reports: readonly CheckReport[]): string {
  const rows = compared(reports);
  const head = `${' '.repeat(2 + WIDTH + 1)}${ENGINES.map((engine) => engine.padEnd(COLUMN)).join('')}`.trimEnd();
  const lines = rows.flatMap(({ name, values, differs }) => {
    const label = `${differs ? '*' : ' '} ${name.padEnd(WIDTH)} `;
    if (values.every((value) => value.length < COLUMN)) {
      return [`${label}${values.map((value) => value.padEnd(COLUMN)).join('')}`.trimEnd()];
    }
    if (!differs) return [`${label}${values[0] ?? ''}`];
    return values.map((value, index) => `${index === 0 ? label : ' '.repeat(label.length)}${ENGINES[index]}: ${value}`);
  });
  const differing = rows.filter(({ differs }) => differs).length;
  return `${escapeText(url)}\n${[head, ...lines].join('\n')}\n${differing === 0 ? 'no differences' : `${differing === 1 ? '1 difference' : `${differing} differences`}`}\n`;
}

function comparisonJson(target: Target, reports: readonly CheckReport[]): string {
  const engines = Object.fromEntries(
    reports.map((report, index) => [ENGINES[index], checkJson(report, ENGINES[index] ?? '')]),
  );
  const differences = compared(reports)
    .filter(({ differs }) => differs)
    .map(({ name, values }) => ({ field: name, gnutls: values[0], node: values[1] }));
  return `${harmlessJson({ ...targetJson(target), engines, differences })}\n`;
}
