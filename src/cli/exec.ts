/** `tcpx exec`: opcodes from a file, from the command line, from standard input or at a prompt. */
import { closeSync, createReadStream, openSync } from 'node:fs';
import { builtInSymbols, loadAshellDef } from '../basic/index.ts';
import { UsageError } from '../core/errors.ts';
import { reasonOf } from '../core/reason.ts';
import { openJob } from '../tcpx/open-job.ts';
import { parseExecOptions } from './exec-options.ts';
import { execute } from './execute.ts';
import { EXIT, type Output } from './exit.ts';
import { emailxAssumptions, jobOptionsOf } from './job-options.ts';
import { renderJson } from './json.ts';
import { linesOf, linesOfOptions, type SourceLine, unreadable } from './lines.ts';
import { programRow } from './programs.ts';
import { renderText } from './render.ts';
import type { CallReport, Report } from './report.ts';
import { describeOrigin } from './scanner.ts';
import { ScriptParser } from './script.ts';
import { Session } from './session.ts';
import type { Statement } from './statement.ts';

export { help } from './exec-help.ts';

/** @throws UsageError, EngineError, which become exit statuses in one place */
export async function run(args: readonly string[], output: Output): Promise<number> {
  const options = parseExecOptions(args);
  if (options.help) {
    const { help } = await import('./exec-help.ts');
    output.out(help());
    return EXIT.ok;
  }
  const symbols = options.symbols === null ? builtInSymbols : loadAshellDef(options.symbols);
  const parser = new ScriptParser({ symbols, environment: process.env });
  const fromInput = options.file === '-' || (options.file === null && options.lines.length === 0);
  const atPrompt = fromInput && options.file === null && process.stdin.isTTY;
  // Lines that are all there are checked before the first call; those of standard input as they come.
  const ready = [...parsed(parser, linesOfOptions(options.lines))];
  if (options.file !== null && options.file !== '-') {
    const source = options.file;
    for await (const line of fileLines(source)) ready.push(...parsed(parser, [line]));
  }
  if (options.traceFile !== null) checkTraceFile(options.traceFile);
  const asynchronous = options.asynchronous || atPrompt;
  // Options of a program are its own to check.
  if (Object.keys(emailxAssumptions(options)).length > 0) await programRow('EMAILX')?.load();
  const job = await openJob(jobOptionsOf(options, symbols));
  try {
    const { bufferSize, timer, statusFamily } = options;
    const session = new Session({ job, symbols, asynchronous, bufferSize, timer, statusFamily });
    const render = (report: Report) =>
      options.json ? renderJson(report) : renderText(report, { full: options.full, echo: !atPrompt });
    if (atPrompt) {
      const { interact } = await import('./interactive.ts');
      await interact({ session, parser, output, render, historyFile: process.env.TCPX_HISTORY || null });
      return EXIT.ok;
    }
    const batch = new Batch(session, output, render, options.keepGoing);
    for (const statement of ready) if (!(await batch.carryOut(statement))) return batch.exitStatus;
    if (fromInput) {
      for await (const line of linesOf('standard input', process.stdin)) {
        for (const statement of parsed(parser, [line])) {
          if (!(await batch.carryOut(statement))) return batch.exitStatus;
        }
      }
    }
    return batch.exitStatus;
  } finally {
    job.close();
    // Left before its end, as by QUIT, it would keep the process.
    if (fromInput) process.stdin.destroy();
  }
}

/** Carries out lines one after another, and knows when to stop. */
class Batch {
  exitStatus: number = EXIT.ok;
  readonly #session: Session;
  readonly #output: Output;
  readonly #render: (report: Report) => string;
  readonly #keepGoing: boolean;

  constructor(session: Session, output: Output, render: (report: Report) => string, keepGoing: boolean) {
    this.#session = session;
    this.#output = output;
    this.#render = render;
    this.#keepGoing = keepGoing;
  }

  /** False when the script ends here. */
  async carryOut(statement: Statement): Promise<boolean> {
    const report = await execute(this.#session, statement);
    if (report === 'quit') return false;
    if (report === null) return true;
    this.#output.out(this.#render(report));
    if (report.kind !== 'call' || !report.failed || statement.mayFail) return true;
    this.exitStatus = EXIT.failed;
    this.#output.err(failureLine(report));
    return this.#keepGoing;
  }
}

/** What was sent or received is never part of it. */
function failureLine({ statement, routine, opcode, status, text }: CallReport): string {
  const name = /^\d/.test(opcode) ? `${routine} ${opcode}` : opcode;
  return `tcpx exec: ${describeOrigin(statement.origin)}: ${name} failed, STATUS ${status}: ${text}\n`;
}

function* parsed(parser: ScriptParser, lines: Iterable<SourceLine>): Generator<Statement> {
  for (const { text, origin } of lines) {
    const statement = parser.parse(text, origin);
    if (statement !== null) yield statement;
  }
}

async function* fileLines(path: string): AsyncGenerator<SourceLine> {
  try {
    yield* linesOf(path, createReadStream(path));
  } catch (error) {
    throw error instanceof UsageError ? error : unreadable(path, error);
  }
}

/** A trace that cannot be written should be known before the first call. */
function checkTraceFile(path: string): void {
  try {
    closeSync(openSync(path, 'a', 0o600));
  } catch (cause) {
    throw new UsageError(`--trace-file ${path} cannot be written: ${reasonOf(cause)}`, { cause });
  }
}
