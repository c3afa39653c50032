/** `tcpx starttls`: a connection up to TLS, shown, checked, or held open to talk on. */
import { harmless, harmlessJson } from '../core/harmless.ts';
import { runAsync } from '../core/run.ts';
import { ChannelError } from '../starttls/channel.ts';
import { ChannelDuplex } from '../starttls/channel-duplex.ts';
import { type CheckReport, checkOp, type Examination, examineOp, leaveOp, reportOf } from '../starttls/check.ts';
import { TLS } from '../starttls/direct.ts';
import { isUsable, type Negotiation } from '../starttls/negotiation.ts';
import { type Target, targetOf } from '../starttls/target.ts';
import { VERDICTS } from '../starttls/verdict.ts';
import type { Exchange } from '../starttls/wire.ts';
import { EXIT, type Output } from './exit.ts';
import { Ladder } from './ladder.ts';
import { checkSettings, injectionSettings, Jobs } from './starttls-jobs.ts';
import { checkJson, exchangeJson } from './starttls-json.ts';
import { parseStarttlsOptions, type StarttlsCommand } from './starttls-options.ts';
import { certificateText, checkLine, headLine, reportText } from './starttls-report.ts';

export { help } from './starttls-help.ts';

/** @throws UsageError, EngineError, which become exit statuses in one place */
export async function run(args: readonly string[], output: Output): Promise<number> {
  if (args.some((arg) => /^--serve(?:=|$)/.test(arg))) {
    const { serve } = await import('./starttls-serve.ts');
    return await serve(args, output);
  }
  const command = parseStarttlsOptions(args);
  if (command.help) {
    const { help } = await import('./starttls-help.ts');
    output.out(help());
    return EXIT.ok;
  }
  const targetOptions = command.proto === null ? {} : { proto: command.proto };
  if (command.target === null) {
    const { checkTargets } = await import('./starttls-targets.ts');
    return await checkTargets(command, targetOptions, output);
  }
  const target = targetOf(command.target, targetOptions);
  if (command.engine === 'both') {
    const { compareEngines } = await import('./starttls-compare.ts');
    return await compareEngines(command, target, output);
  }
  const jobs = await Jobs.open(command, command.engine);
  try {
    if (command.action === 'check') return await check(command, target, jobs, output);
    return await connect(command, target, jobs, output);
  } finally {
    jobs.close();
  }
}

async function check(command: StarttlsCommand, target: Target, jobs: Jobs, output: Output): Promise<number> {
  const dialogue: Exchange[] = [];
  const settings = checkSettings(command, target, jobs, { observer: (exchange) => dialogue.push(exchange) });
  const report = await runAsync(checkOp(settings, command.expiresWithin, injectionSettings(command, target, jobs)));
  if (command.format === 'json') output.out(reportJson(report, jobs.engine(target), dialogue));
  else output.out(`${checkLine(report)}\n`);
  return VERDICTS[report.verdict].exit;
}

/** The dialogue as it happens, what came of it, and a session or a leave. */
async function connect(command: StarttlsCommand, target: Target, jobs: Jobs, output: Output): Promise<number> {
  const withSession = command.action === 'session';
  // Standard output belongs to what the session receives.
  const show = (text: string) => (withSession ? output.err(text) : output.out(text));
  const json = command.format === 'json';
  const ladder = new Ladder(target.dialect, (line) => show(`${line}\n`));
  const dialogue: Exchange[] = [];
  const engine = jobs.engine(target);
  const settings = checkSettings(command, target, jobs, {
    observer: (exchange) => (json ? dialogue.push(exchange) : ladder.note(exchange)),
    connected: (remote) => (json ? undefined : show(`${headLine(target, remote, engine)}\n`)),
  });
  const examination = await runAsync(examineOp(settings));
  const { result } = examination;
  const usable = isUsable(result.outcome);
  if (!json && result.tls !== null) ladder.upgraded();
  else if (!json && result.timings.handshake !== null) ladder.failed();
  if (usable && !withSession) await runAsync(leaveOp(settings, examination));
  // When a certificate expires is part of what is shown; only a check judges it.
  const report = reportOf(target, examination, null, 0);
  if (json) {
    output.out(reportJson(report, engine, dialogue));
    return usable ? EXIT.ok : VERDICTS[report.verdict].exit;
  }
  if (!usable) return failed(report, show, output);
  show(reportText(result));
  return withSession ? await session(command, target, examination, output) : EXIT.ok;
}

function failed(report: CheckReport, show: (text: string) => void, output: Output): number {
  const { verdict, reason, result } = report;
  show(certificateText(result));
  const remedy = verdict === 'unverified' ? `; ${remedyOf(result)}` : '';
  output.err(`tcpx starttls: ${verdict}: ${harmless(reason)}${remedy}\n`);
  return VERDICTS[verdict].exit;
}

function remedyOf({ verifyReasons }: Negotiation): string {
  const remedies: string[] = [];
  if (verifyReasons.some((why) => why === 'self-signed' || why === 'unknown-issuer')) {
    remedies.push('--ca FILE trusts its issuer');
  }
  if (verifyReasons.includes('wrong-name')) remedies.push('--servername NAME asks for another name');
  return [...remedies, '--verify none does without'].join(', ');
}

async function session(
  { timeout }: StarttlsCommand,
  { dialect }: Target,
  { channel, unread, remote }: Examination,
  output: Output,
): Promise<number> {
  if (channel === null) return EXIT.failed;
  const { talk } = await import('./starttls-session.ts');
  const stream = new ChannelDuplex(channel, { unread, remote, allowHalfOpen: true });
  // Where messages are no text, and where nobody knows what is spoken, bytes are bytes.
  const lines = dialect.describe === undefined && dialect !== TLS;
  try {
    await talk(stream, { input: process.stdin, output: output.stream(), lines, patience: timeout, err: output.err });
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof ChannelError)) throw error;
    output.err(`tcpx starttls: failed: ${harmless(error.message)}\n`);
    return VERDICTS.failed.exit;
  }
}

function reportJson(report: CheckReport, engine: string, dialogue: readonly Exchange[]): string {
  return `${harmlessJson({ ...checkJson(report, engine), dialogue: dialogue.map(exchangeJson) })}\n`;
}
