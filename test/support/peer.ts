// Programs as peers: started by argument list, ready before the test goes on, ended by process group.
//
// A synchronous XCALL blocks its thread, so whatever it talks to lives in another process.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chmodSync, closeSync, mkdtempSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { toolPath } from './tools.ts';

export { interop, interopRequired, requireTool, type Tool, toolPath, tools } from './tools.ts';

export interface ProcessOptions {
  readonly command: string;
  readonly args?: readonly string[];
  /**
   * What must happen before `startProcess` resolves: a text in the output, or a TCP port that accepts.
   * Without it the process is ready once it is spawned.
   */
  readonly ready?: RegExp | TcpPort;
  /** Runs it as this user, with that user's groups; only root can. */
  readonly user?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Written to standard input, which is then closed. Without it the input stays open for `write`. */
  readonly input?: string | Uint8Array;
  /** Milliseconds until it must be ready (default 15 000). */
  readonly deadline?: number;
  /**
   * Has standard output and error go to one file instead of pipes: a pipe that nobody reads while a synchronous call
   * blocks this thread would stop a talkative program in its turn.
   */
  readonly outputToFile?: boolean;
}

export interface TcpPort {
  /** Of several ports, all have to accept. */
  readonly tcpPort: number | readonly number[];
  /** Default 127.0.0.1. */
  readonly host?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningProcess {
  readonly pid: number;
  /** Resolves when the process has ended and its output is complete; never rejects. */
  readonly exited: Promise<Exit>;
  stdout(): string;
  stderr(): string;
  /** Both streams in order of arrival. */
  output(): string;
  write(data: string | Uint8Array): void;
  endInput(): void;
  /** Waits until the output matches; rejects with that output after `deadline` ms (default 15 000) or at exit. */
  waitFor(pattern: RegExp, deadline?: number): Promise<RegExpMatchArray>;
  /** Waits for the end; kills the process and rejects when that takes more than `deadline` ms (default 15 000). */
  finished(deadline?: number): Promise<Exit>;
  /** SIGTERM to the process group, SIGKILL two seconds later. Harmless when it has ended. */
  stop(): Promise<void>;
}

const defaultDeadline = 15_000;

const running = new Set<Child>();
process.once('exit', () => {
  for (const child of running) child.signal('SIGKILL');
});

/** Starts a program and waits until it is ready. Rejects with its output when it ends or dawdles before that. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const child = new Child(options);
  try {
    await child.spawned;
    const deadline = options.deadline ?? defaultDeadline;
    if (options.ready instanceof RegExp) await child.waitFor(options.ready, deadline);
    else if (options.ready !== undefined) await child.accepts(options.ready, deadline);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return child;
}

/** Runs a program to its end and returns what it said. Rejects only if it cannot start or misses the deadline. */
export async function runProcess(
  options: Omit<ProcessOptions, 'ready'>,
): Promise<Exit & { stdout: string; stderr: string; output: string }> {
  const child = await startProcess({ input: '', ...options });
  const exit = await child.finished(options.deadline);
  return { ...exit, stdout: child.stdout(), stderr: child.stderr(), output: child.output() };
}

class Child implements RunningProcess {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** Settles once the system has started the program, or could not. */
  readonly spawned: Promise<void>;
  readonly #name: string;
  readonly #process: ChildProcess;
  #out = '';
  #err = '';
  #both = '';
  #ended = false;
  readonly #watchers = new Set<() => void>();
  /** The file that the output goes to, and how much of it was read; null for pipes. */
  readonly #file: { readonly fd: number; position: number } | null;

  constructor({ command, args = [], user, env = {}, cwd, input, outputToFile = false }: ProcessOptions) {
    this.#file = outputToFile ? { fd: openSync(join(tempDir('tcpx-output-'), 'output'), 'a+'), position: 0 } : null;
    this.#name = [command, ...args].join(' ');
    const path = toolPath(command);
    // Test runners may end this process without its exit handlers: the kernel then ends the child.
    const tether = path === undefined ? undefined : toolPath('setpriv');
    if (user !== undefined && tether === undefined) throw new Error(`cannot run ${command} as ${user} without setpriv`);
    const identity = user === undefined ? [] : ['--reuid', user, '--regid', primaryGroup(user), '--init-groups'];
    const argv = tether === undefined ? args : ['--pdeathsig', 'TERM', ...identity, '--', path ?? command, ...args];
    const child = spawn(tether ?? path ?? command, argv, {
      env: { ...process.env, LC_ALL: 'C', ...env },
      detached: true,
      stdio: this.#file === null ? ['pipe', 'pipe', 'pipe'] : ['pipe', this.#file.fd, this.#file.fd],
      ...(cwd === undefined ? {} : { cwd }),
    });
    this.#process = child;
    this.pid = child.pid ?? -1;
    running.add(this);
    if (this.#file !== null) this.#followFile(this.#file.fd);
    child.stdout?.setEncoding('latin1').on('data', (text: string) => this.#collect(text, 'out'));
    child.stderr?.setEncoding('latin1').on('data', (text: string) => this.#collect(text, 'err'));
    // A program that ends without reading its input is no concern of the writer.
    child.stdin?.on('error', () => {});
    if (input !== undefined) child.stdin?.end(input);
    this.spawned = new Promise((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) => reject(new Error(`cannot start ${this.#name}: ${cause.message}`, { cause })));
    });
    this.exited = new Promise((resolve) => {
      const end = (exit: Exit) => {
        this.#ended = true;
        running.delete(this);
        this.#wake();
        resolve(exit);
      };
      child.once('close', (code, signal) => end({ code, signal }));
      child.once('error', () => end({ code: null, signal: null }));
    });
  }

  #followFile(fd: number): void {
    const timer = setInterval(() => this.#readFile(), 10);
    timer.unref();
    this.#process.once('close', () => {
      clearInterval(timer);
      this.#readFile();
      closeSync(fd);
    });
  }

  #readFile(): void {
    if (this.#file === null || this.#ended) return;
    const chunk = Buffer.alloc(65_536);
    for (;;) {
      const count = readSync(this.#file.fd, chunk, 0, chunk.length, this.#file.position);
      if (count === 0) return;
      this.#file.position += count;
      this.#collect(chunk.toString('latin1', 0, count), 'out');
    }
  }

  stdout(): string {
    this.#readFile();
    return this.#out;
  }

  stderr(): string {
    return this.#err;
  }

  output(): string {
    this.#readFile();
    return this.#both;
  }

  write(data: string | Uint8Array): void {
    this.#process.stdin?.write(data);
  }

  endInput(): void {
    this.#process.stdin?.end();
  }

  waitFor(pattern: RegExp, deadline = defaultDeadline): Promise<RegExpMatchArray> {
    return this.#until(`print ${pattern}`, deadline, () => this.#both.match(pattern));
  }

  async finished(deadline = defaultDeadline): Promise<Exit> {
    const timer = new AbortController();
    const late = after(deadline, timer.signal).then(() => undefined);
    const exit = await Promise.race([this.exited, late]);
    timer.abort();
    if (exit !== undefined) return exit;
    await this.stop();
    throw this.#failure(`did not end within ${deadline} ms`);
  }

  async accepts({ tcpPort, host = '127.0.0.1' }: TcpPort, deadline: number): Promise<void> {
    const end = performance.now() + deadline;
    for (const port of [tcpPort].flat()) {
      while (!(await canConnect(port, host))) {
        if (this.#ended) throw this.#failure(`ended before port ${port} accepted`);
        if (performance.now() > end) throw this.#failure(`port ${port} did not accept within ${deadline} ms`);
        await after(10);
      }
    }
  }

  async stop(): Promise<void> {
    // The group outlives its leader where a daemon's helpers are slower than the daemon.
    this.signal('SIGTERM');
    const timer = new AbortController();
    const late = after(2000, timer.signal).then(() => this.signal('SIGKILL'));
    if (this.pid > 0) await this.exited;
    timer.abort();
    await late;
    this.signal('SIGKILL');
  }

  signal(signal: NodeJS.Signals): void {
    if (this.pid <= 0) return;
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      if (!hasCode(error, 'ESRCH')) throw error;
    }
  }

  #collect(text: string, from: 'out' | 'err'): void {
    if (from === 'out') this.#out += text;
    else this.#err += text;
    this.#both += text;
    this.#wake();
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  #until<T>(what: string, deadline: number, look: () => T | null): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer);
        this.#watchers.delete(check);
        act();
      };
      const check = () => {
        const found = look();
        if (found !== null) settle(() => resolve(found));
        else if (this.#ended) settle(() => reject(this.#failure(`ended before it could ${what}`)));
      };
      const late = () => settle(() => reject(this.#failure(`did not ${what} within ${deadline} ms`)));
      const timer = setTimeout(late, deadline);
      this.#watchers.add(check);
      check();
    });
  }

  #failure(what: string): Error {
    const { exitCode, signalCode } = this.#process;
    const end = this.#ended ? ` (exit code ${exitCode}, signal ${signalCode})` : '';
    return new Error(`${this.#name}\n${what}${end}; its output:\n${this.#both.trimEnd() || '(none)'}`);
  }
}

function primaryGroup(user: string): string {
  return execFileSync('id', ['-g', user], { encoding: 'latin1' }).trim();
}

/** Resolves after `ms`, or at once when `signal` fires. Does not keep the process alive. */
function after(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    timer.unref();
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function canConnect(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const settle = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', () => settle(true)).once('error', () => settle(false));
  });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

const handedOut = new Set<number>();

/** Below those that systems give to outgoing connections and to whoever listens on port 0: such a one is gone at once. */
const PORTS = { first: 10_240, last: 32_767 };

/** A port of `host` that was free a moment ago, never the same twice in one process. See `withFreePort`. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.first, PORTS.last + 1);
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if (await isFree(host, port)) return port;
  }
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => (hasCode(error, 'EADDRINUSE') ? resolve(false) : reject(error)));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Calls `start` with free ports, again with others when somebody was quicker to take one. */
export async function withFreePorts<T>(count: number, start: (...ports: number[]) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const ports: number[] = [];
    while (ports.length < count) ports.push(await freePort());
    try {
      return await start(...ports);
    } catch (error) {
      const taken = error instanceof Error && /EADDRINUSE|address already in use|\bbind\b/i.test(error.message);
      if (!taken || attempt === 5) throw error;
    }
  }
}

/** As `withFreePorts`, for one. */
export function withFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  return withFreePorts(1, (port = 0) => start(port));
}

/** Number of open descriptors of this process. Linux only; elsewhere always 0, so that differences are 0 too. */
export function openDescriptors(): number {
  try {
    // Reading the directory takes one descriptor of its own.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return 0;
  }
}

const directories = new Set<string>();
process.once('exit', removeDirectories);

/** A new directory, removed after the last test of the file, or when this process ends. */
export function tempDir(prefix = 'tcpx-'): string {
  const directory = mkdtempSync(join(tmpdir(), prefix));
  directories.add(directory);
  return directory;
}

/** As `tempDir`, for servers whose unprivileged parts enter it as other users. */
export function publicDirectory(prefix: string): string {
  const directory = tempDir(prefix);
  chmodSync(directory, 0o755);
  return directory;
}

function removeDirectories(): void {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  directories.clear();
}

/** To be called where test files register hooks: ends what is still running and removes temporary directories. */
export function cleanUpAfterAll(): void {
  afterAll(async () => {
    await Promise.all([...running].map((child) => child.stop()));
    removeDirectories();
  });
}
