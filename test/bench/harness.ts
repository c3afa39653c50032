/**
 * Runs clients against servers, each in a process of its own, and compares what they report.
 *
 * The machines that this runs on are shared and noisy. So nothing here is an absolute figure: the contenders take turns,
 * each sample is a fresh process that reports the median of its batches, a ratio is taken between neighbours in time, and
 * the result is the median of the ratios. Where they spread widely the runs are repeated. Client and server are pinned:
 * the same round trip differs several times between one core and two, so only like is compared with like.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Order } from './clients/figures.ts';

/** Where the two ends run. */
export type Cores = 'one core' | 'two cores';
export const CORES: readonly Cores[] = ['one core', 'two cores'];

const CLIENT_CORE = '0';
const serverCore = (cores: Cores) => (cores === 'one core' ? CLIENT_CORE : '1');

export type Figures = Readonly<Record<string, number>>;

export interface Contender {
  readonly command: readonly string[];
}

/** What a row can use. */
export interface Bench {
  readonly quick: boolean;
  /** The compiled C programs, by name; only those that a row's `needs` names are sure to be there. */
  readonly programs: ReadonlyMap<string, string>;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Descriptors that a client or a server may need. */
export const DESCRIPTORS = 10_300;

/** A command on a core, with enough descriptors where the system allows for it. */
function pinned(core: string, command: readonly string[]): [string, string[]] {
  const script = `ulimit -n ${DESCRIPTORS} 2>/dev/null; exec taskset -c "$0" "$@"`;
  return ['sh', ['-c', script, core, ...command]];
}

/** Turns per sample: few with --quick. */
export function scaled(bench: Bench, turns: number): number {
  return bench.quick ? Math.max(1, Math.ceil(turns / 4)) : turns;
}

/** A contender that runs a C program. */
export function inC(bench: Bench, name: string, ...words: (string | number)[]): Contender {
  return { command: [program(bench, name), ...words.map(String)] };
}

function program(bench: Bench, name: string): string {
  const path = bench.programs.get(name);
  if (path === undefined) throw new Error(`${name} was not compiled`);
  return path;
}

const NO_ORDER: Order = {
  work: '',
  engine: 'gnutls',
  mode: 'sync',
  tls: false,
  port: 0,
  ca: '',
  warmup: 0,
  amount: 0,
  size: 0,
  trace: '',
  traceFile: '',
};

/** A contender that runs a Node client. */
export function inNode(
  bench: Bench,
  client: 'xcall' | 'bare' | 'mail',
  order: Partial<Order>,
  flags: string[] = [],
): Contender {
  const file = fileURLToPath(new URL(`./clients/${client}.js`, import.meta.url));
  return {
    get command() {
      const words = JSON.stringify({ ...NO_ORDER, ca: bench.ca, ...order, salt: 'x'.repeat(randomInt(MOST_SALT)) });
      return [process.execPath, ...flags, file, words];
    },
  };
}

/**
 * What V8 compiles when, and so how fast a short call gets, can depend on the length of an argument that nobody looks at,
 * by a sixth. Each sample draws its own, and the median is over all.
 */
const MOST_SALT = 64;

/** The environment without what makes each start of Node 40 ms longer. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _slow, ...environment } = process.env;
  return environment;
}

/** Runs `body` while a server runs on its core; `body` is given the port. */
export async function withServer<T>(
  bench: Bench,
  cores: Cores,
  name: string,
  words: readonly string[],
  body: (port: number) => Promise<T>,
): Promise<T> {
  const [shell, script] = pinned(serverCore(cores), [program(bench, name), ...words]);
  const server = spawn(shell, script, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = (await Promise.race([
      once(createInterface(server.stdout), 'line'),
      once(server, 'exit').then(() => Promise.reject(new Error(`${name} ended before it listened`))),
    ])) as [string];
    return await body(Number(line));
  } finally {
    await ended(server);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill();
  await exit;
}

/** A client that has not finished by then has hung, in ms. */
const LONGEST_SAMPLE = 120_000;

/** Runs one contender once, pinned. */
export async function sample({ command }: Contender): Promise<Figures> {
  const child = spawn(...pinned(CLIENT_CORE, command), { stdio: ['ignore', 'pipe', 'inherit'] });
  const limit = setTimeout(() => child.kill('SIGKILL'), LONGEST_SAMPLE);
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  const [code, signal] = await once(child, 'close');
  clearTimeout(limit);
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${signal ?? code}`);
  return JSON.parse(Buffer.concat(output).toString('utf8')) as Figures;
}

/** The samples of each contender, in the order of the contenders; equal positions are neighbours in time. */
export type Samples = readonly (readonly Figures[])[];

const RUNS = 7;
const QUICK_RUNS = 3;
/** Runs are repeated until the middle half of the ratios lies within this part of their median. */
const STEADY = 0.1;
const MOST_ROUNDS = 3;

/** Lets the contenders take turns. `keys` are the figures that have to be steady between the first and each other one. */
export async function alternate(
  bench: Bench,
  contenders: readonly Contender[],
  keys: readonly string[],
  measure: (contender: Contender) => Promise<Figures> = sample,
  runs: number = RUNS,
): Promise<Samples> {
  const samples: Figures[][] = contenders.map(() => []);
  for (let round = 0; round < (bench.quick ? 1 : MOST_ROUNDS); round += 1) {
    for (let run = 0; run < (bench.quick ? QUICK_RUNS : runs); run += 1) {
      // By chance: a disturbance of regular period must not always meet the same one, and who follows one of its own kind
      // finds caches warm.
      for (const index of shuffled(contenders.length)) {
        const contender = contenders[index];
        if (contender !== undefined) samples[index]?.push(await measure(contender));
      }
    }
    if (keys.every((key) => samples.slice(1).every((_, other) => isSteady(ratios(samples, other + 1, key))))) break;
  }
  return samples;
}

/** The numbers from 0 to below `count`, in any order. */
function shuffled(count: number): readonly number[] {
  const order = Array.from({ length: count }, (_, index) => ({ index, rank: Math.random() }));
  return order.sort((left, right) => left.rank - right.rank).map(({ index }) => index);
}

function isSteady(values: readonly number[]): boolean {
  const sorted = [...values].sort((left, right) => left - right);
  const low = sorted[Math.floor(sorted.length / 4)] ?? 0;
  const high = sorted[Math.floor((sorted.length * 3) / 4)] ?? 0;
  return high - low <= STEADY * median(values);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** The median figure of one contender. */
export function figure(samples: Samples, contender: number, key: string): number {
  return median((samples[contender] ?? []).map((figures) => figures[key] ?? Number.NaN));
}

function ratios(samples: Samples, contender: number, key: string): number[] {
  return (samples[0] ?? []).map(
    (ours, index) => (ours[key] ?? Number.NaN) / (samples[contender]?.[index]?.[key] ?? Number.NaN),
  );
}

/** The first contender's figure over another one's. */
export function ratio(samples: Samples, contender: number, key: string): number {
  return median(ratios(samples, contender, key));
}
