/** The prompt: lines from a terminal, with history, completion and Ctrl+C that ends a call instead of the program. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { UsageError } from '../core/errors.ts';
import { reasonOf } from '../core/reason.ts';
import { complete } from './complete.ts';
import { execute } from './execute.ts';
import type { Output } from './exit.ts';
import type { Report } from './report.ts';
import type { ScriptParser } from './script.ts';
import type { Session } from './session.ts';

const HISTORY_SIZE = 1000;

export interface InteractiveOptions {
  readonly session: Session;
  readonly parser: ScriptParser;
  readonly output: Output;
  readonly render: (report: Report) => string;
  /** Where the history is kept between runs; null for memory only. */
  readonly historyFile: string | null;
}

/** Resolves when the user leaves. */
export async function interact(options: InteractiveOptions): Promise<void> {
  const { session, parser, output } = options;
  const history = readHistory(options.historyFile, output);
  const screen = output.stream();
  const readline = createInterface({
    input: process.stdin,
    output: screen.isTTY ? screen : process.stderr,
    history: [...history],
    historySize: HISTORY_SIZE,
    removeHistoryDuplicates: true,
    completer: (line: string) => complete(line, { symbols: parser.symbols, names: parser.names, files: filesFrom }),
  });
  output.out(`engine ${session.job.engine}: ${session.job.engineReason}\nHELP lists what can be typed.\n`);
  let latest = history;
  readline.on('history', (lines: string[]) => {
    latest = lines;
  });
  await new Prompt(options, readline).finished;
  writeHistory(options.historyFile, latest, output);
}

class Prompt {
  readonly finished: Promise<void>;
  readonly #options: InteractiveOptions;
  readonly #readline: Interface;
  /** Lines that were typed while a call was waiting. */
  #queue: string[] = [];
  #running: AbortController | null = null;
  #closed = false;
  /** QUIT was typed. */
  #left = false;
  #line = 1;

  constructor(options: InteractiveOptions, readline: Interface) {
    this.#options = options;
    this.#readline = readline;
    this.finished = new Promise((resolve, reject) => {
      readline.on('line', (line) => {
        this.#queue.push(line);
        if (this.#running === null) this.#drain().catch(reject);
      });
      readline.on('SIGINT', () => this.#interrupt());
      readline.on('close', () => {
        this.#closed = true;
        this.#running?.abort();
        // After Ctrl+D the cursor still stands behind the prompt.
        if (!this.#left) options.output.out('\n');
        resolve();
      });
    });
    this.#prompt();
  }

  async #drain(): Promise<void> {
    for (let line = this.#queue.shift(); line !== undefined && !this.#closed; line = this.#queue.shift()) {
      await this.#carryOut(line);
    }
    if (!this.#closed) this.#prompt();
  }

  async #carryOut(line: string): Promise<void> {
    const { session, parser, output, render } = this.#options;
    this.#running = new AbortController();
    try {
      const statement = parser.parse(line, { source: '', line: this.#line });
      this.#line += 1;
      if (statement === null) return;
      const report = await execute(session, statement, this.#running.signal);
      if (report === 'quit') {
        this.#left = true;
        this.#readline.close();
      }
      if (report !== null && report !== 'quit' && !this.#closed) output.out(render(report));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      output.err(`${error.message}\n`);
    } finally {
      this.#running = null;
    }
  }

  /** Ctrl+C: ends the call that waits, or drops what is typed. */
  #interrupt(): void {
    this.#queue = [];
    if (this.#running !== null) {
      this.#running.abort();
      return;
    }
    const typed = this.#readline.line !== '';
    this.#readline.write(null, { ctrl: true, name: 'e' });
    this.#readline.write(null, { ctrl: true, name: 'u' });
    this.#options.output.out(typed ? '^C\n' : '\nQUIT or Ctrl+D leaves\n');
    this.#prompt();
  }

  #prompt(): void {
    const { session } = this.#options;
    const { name, facts } = session.current;
    const socket =
      facts === null ? '' : ` ${name} ${facts.number} ${facts.kind === 'stream' ? facts.state : facts.kind}`;
    this.#readline.setPrompt(`tcpx ${session.job.engine}${socket}> `);
    this.#readline.prompt();
  }
}

/** The newest first, as node:readline has it. */
function readHistory(file: string | null, output: Output): string[] {
  if (file === null) return [];
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .reverse()
      .slice(0, HISTORY_SIZE);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
      output.err(`TCPX_HISTORY: ${reasonOf(error)}\n`);
    }
    return [];
  }
}

/** For the owner's eyes only: lines may hold secrets. */
function writeHistory(file: string | null, history: readonly string[], output: Output): void {
  if (file === null) return;
  try {
    writeFileSync(
      file,
      [...history]
        .reverse()
        .map((line) => `${line}\n`)
        .join(''),
      { mode: 0o600 },
    );
  } catch (error) {
    output.err(`TCPX_HISTORY: ${reasonOf(error)}\n`);
  }
}

function filesFrom(prefix: string): string[] {
  const directory = prefix.endsWith('/') ? prefix : dirname(prefix);
  const start = prefix.endsWith('/') ? '' : basename(prefix);
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter(({ name }) => name.startsWith(start))
      .map((entry) => {
        const path = prefix.includes('/') ? join(directory, entry.name) : entry.name;
        return entry.isDirectory() ? `${path}/` : path;
      });
  } catch {
    // No such directory: nothing to offer.
    return [];
  }
}
