/** `tcpx mail`: one message, from options, from a configuration file or from standard input. */
import { once } from 'node:events';
import { Cancellation } from '../core/cancellation.ts';
import { MailError } from '../emailx/mail-error.ts';
import type { MailOptions } from '../emailx/mail-options.ts';
import { type Adjustments, type ComposedMail, composeAdjusted, sendAdjusted } from '../emailx/send-mail.ts';
import type { Exchange } from '../starttls/wire.ts';
import type { Job } from '../tcpx/index.ts';
import { openJob } from '../tcpx/open-job.ts';
import { requestedEngine } from '../tcpx/options.ts';
import { escapeText } from './buffer-text.ts';
import { EXIT, type Output } from './exit.ts';
import { type MailCommand, parseMailOptions } from './mail-options.ts';
import { exitOf, failureText } from './mail-outcome.ts';
import { failureJson, sentJson, sentText, unusableJson } from './mail-report.ts';
import { readsInput, requestOf } from './mail-request.ts';
import type { Progress } from './progress.ts';

/** From this size on a message has a progress bar, in octets. */
const LARGE = 1_048_576;
const KIB = 1024;
const INTERRUPTIONS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export async function help(): Promise<string> {
  return (await import('./mail-help.ts')).help();
}

/** @throws UsageError, EngineError, which become exit statuses in one place */
export async function run(args: readonly string[], output: Output): Promise<number> {
  try {
    return await perform(parseMailOptions(args), output);
  } catch (error) {
    // A command line that cannot be understood may still say who reads the result.
    const line = args.includes('--json') ? unusableJson(error) : null;
    if (line !== null) output.report(line);
    throw error;
  }
}

async function perform(command: MailCommand, output: Output): Promise<number> {
  if (command.help) {
    output.out(await help());
    return EXIT.ok;
  }
  try {
    const request = await requestOf(command);
    for (const remark of request.remarks) output.err(`tcpx mail: ${remark}\n`);
    try {
      return await carryOut(request.options, request.adjustments, command, output);
    } finally {
      request.close();
    }
  } finally {
    // A message that was refused before its end would keep the process.
    if (readsInput(command)) process.stdin.destroy();
  }
}

async function carryOut(
  options: MailOptions,
  adjustments: Adjustments,
  command: MailCommand,
  output: Output,
): Promise<number> {
  // Files of certificates may be pipes, whose opening blocks the thread: only a signal that nobody listens to ends that.
  const job = command.dryRun ? null : await jobOf(command, options);
  try {
    return await interruptible(async (signal, letGo) => {
      const interrupted = { ...adjustments, delivery: { ...adjustments.delivery, signal } };
      if (job !== null) return await send(options, interrupted, command, output, job);
      return await composeAdjusted(options, interrupted, (composed) => {
        letGo();
        return show(composed, command, output);
      });
    });
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    if (command.json) output.report(failureJson(error));
    output.err(`tcpx mail: ${escapeText(failureText(error))}\n`);
    return exitOf(error);
  } finally {
    job?.close();
  }
}

/**
 * Work that the first signal ends in order: what became of the mail is told, and nothing is left behind. The second, and
 * every one after `letGo`, is a signal like any other.
 */
async function interruptible<T>(work: (signal: Cancellation, letGo: () => void) => Promise<T>): Promise<T> {
  const interruption = new Cancellation();
  const interrupt = () => interruption.cancel();
  const letGo = () => {
    for (const signal of INTERRUPTIONS) process.off(signal, interrupt);
  };
  for (const signal of INTERRUPTIONS) process.once(signal, interrupt);
  try {
    return await work(interruption, letGo);
  } finally {
    letGo();
  }
}

async function send(
  options: MailOptions,
  adjustments: Adjustments,
  command: MailCommand,
  output: Output,
  job: Job,
): Promise<number> {
  const bar = new Bar();
  try {
    const observer = command.verbose ? await ladder(output, adjustments) : (adjustments.delivery.observer ?? null);
    const delivery = { ...adjustments.delivery, observer };
    const progress = { onProgress: (sent: number, total: number) => bar.update(sent, total) };
    const all = { ...options, job, ...(command.verbose ? {} : progress) };
    const sent = await sendAdjusted(all, { ...adjustments, delivery });
    await bar.stop();
    output.report(command.json ? sentJson(sent) : sentText(sent));
    return exitOf(sent);
  } finally {
    await bar.stop();
  }
}

/** `auto` in clear, where no TLS library is wanted, is Node's own sockets, which are there sooner. */
async function jobOf({ engine, tls, trace }: MailCommand, { tls: use }: MailOptions): Promise<Job> {
  const asked = requestedEngine(engine === null ? {} : { engine }, process.env);
  const taken = asked === 'auto' && use === 'never' ? 'node' : asked;
  return await openJob({ engine: taken, tls, ...(trace === null ? {} : { trace }) });
}

/** The conversation on standard error, beside a log of it. */
async function ladder(output: Output, { delivery }: Adjustments): Promise<(exchange: Exchange) => void> {
  const { Ladder } = await import('./ladder.ts');
  const lines = new Ladder({}, (line) => output.err(`${line}\n`));
  return (exchange) => {
    lines.note(exchange);
    delivery.observer?.(exchange);
  };
}

/** Begins to draw when a message turns out to be large. */
class Bar {
  #starting: Promise<void> | null = null;
  #progress: Progress | null = null;

  update(sent: number, total: number): void {
    if (total < LARGE) return;
    this.#starting ??= this.#start(total);
    this.#progress?.update(Math.floor(sent / KIB), '');
  }

  async stop(): Promise<void> {
    await this.#starting;
    this.#progress?.stop();
    this.#progress = null;
  }

  async #start(total: number): Promise<void> {
    const { progressBar } = await import('./progress.ts');
    this.#progress = await progressBar('sending', Math.floor(total / KIB), 'KiB');
  }
}

/** The envelope as commands, an empty line, and the message as it would be sent. */
async function show({ message, envelope }: ComposedMail, { json }: MailCommand, output: Output): Promise<number> {
  if (json) {
    const { size, attachments } = message;
    output.out(`${JSON.stringify({ outcome: 'dry-run', exit: EXIT.ok, envelope, size, attachments })}\n`);
    return EXIT.ok;
  }
  const commands = [`MAIL FROM:<${envelope.from}>`, ...envelope.to.map((recipient) => `RCPT TO:<${recipient}>`)];
  output.out(`${commands.join('\n')}\n\n`);
  const stream = output.stream();
  for (const chunk of message.chunks()) {
    // The chunk is the message's own memory, good until the next one.
    if (!stream.write(Buffer.from(chunk))) await once(stream, 'drain');
  }
  return EXIT.ok;
}
