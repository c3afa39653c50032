/**
 * Conformance: a behaviour is written once and runs in four columns, each engine in each mode.
 *
 * Behaviours import the package by its own name, so they run on what was built (TypeScript does not run in workers on
 * Node 20). A synchronous call blocks this thread: its peer lives in another process (`scripted-peer.ts`), and every call
 * that could wait for ever on a failure passes a timer.
 */
import {
  type Argument,
  createJob,
  type EngineName,
  engineReports,
  F,
  type Job,
  type JobOptions,
  type ListArgument,
  S,
  type Variable,
} from 'tcpx';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Divergence } from './divergences.ts';
import { openDescriptors } from './peer.ts';
import { REQUIREMENTS, type RequirementId } from './requirements.ts';

export type Mode = 'sync' | 'async';

export interface Column {
  readonly engine: EngineName;
  readonly mode: Mode;
}

export const COLUMNS: readonly Column[] = [
  { engine: 'gnutls', mode: 'sync' },
  { engine: 'gnutls', mode: 'async' },
  { engine: 'node', mode: 'sync' },
  { engine: 'node', mode: 'async' },
];

/** How long a call may take that is expected to succeed, in ms. */
export const LIMIT = 5_000;

/** What a behaviour gets to work with. Its jobs are closed after it. */
export interface Bench extends Column {
  /** A job of this column's engine with the behaviour's options. */
  readonly job: Job;
  /** A further job of the same engine. */
  newJob(options?: JobOptions): Job;
  /** XCALL TCPX in this column's mode; resolves to STATUS. */
  x(...args: Argument[]): Promise<number>;
  /** Any routine, in this column's mode. */
  xcall(routine: string, ...args: (Argument | ListArgument)[]): Promise<number>;
  /** The usual variables: `status = F()`, `buffer = S(8192)`. */
  readonly status: Variable & { value: number };
  readonly buffer: Variable & { value: string };
}

export interface Behaviour {
  readonly ids: readonly RequirementId[];
  readonly title: string;
  readonly options?: JobOptions | (() => JobOptions | Promise<JobOptions>);
  /** Columns in which the behaviour is known to fail; it fails once it no longer does. */
  readonly diverges?: readonly Divergence[];
  readonly timeout?: number;
}

const native = engineReports().find(({ name }) => name === 'gnutls');

/** Declares a behaviour; see the head of this file. */
export function behaviour(declared: Behaviour, run: (bench: Bench) => Promise<void>): void {
  for (const id of declared.ids) {
    if (!Object.hasOwn(REQUIREMENTS, id)) throw new Error(`requirement ${id} is not in requirements.ts`);
  }
  describe(`[${declared.ids.join(' ')}] ${declared.title}`, () => {
    for (const column of COLUMNS) declareColumn(declared, column, run);
  });
}

function declareColumn(declared: Behaviour, column: Column, run: (bench: Bench) => Promise<void>): void {
  const title = `${column.engine} ${column.mode}`;
  const timeout = declared.timeout ?? 20_000;
  const known = declared.diverges?.find(
    ({ engine, mode }) => engine === column.engine && (mode === undefined || mode === column.mode),
  );
  if (column.engine === 'gnutls' && native?.available !== true) {
    if (process.env.TCPX_INTEROP === 'required') {
      it(title, () => expect.fail(`the gnutls engine is required here: ${native?.reason}`));
    } else {
      console.warn(`SKIPPED conformance "${declared.title}" ${title}: ${native?.reason}`);
      it.skip(title, () => {});
    }
    return;
  }
  const body = () => inColumn(declared, column, run);
  if (known === undefined) it(title, body, timeout);
  else {
    it(
      `${title} (diverges: ${known.reason})`,
      async () => {
        const failed = await body().then(
          () => false,
          () => true,
        );
        expect(failed, 'this behaviour no longer diverges: take its declaration out').toBe(true);
      },
      timeout,
    );
  }
}

async function inColumn(declared: Behaviour, column: Column, run: (bench: Bench) => Promise<void>): Promise<void> {
  const jobs: Job[] = [];
  const newJob = (options: JobOptions = {}) => {
    const job = createJob({ ...options, engine: column.engine });
    jobs.push(job);
    return job;
  };
  const options = typeof declared.options === 'function' ? await declared.options() : declared.options;
  const job = newJob(options);
  const xcall = async (routine: string, ...args: (Argument | ListArgument)[]) =>
    column.mode === 'sync' ? job.xcall(routine, ...args) : await job.xcall.async(routine, ...args);
  try {
    await run({
      ...column,
      job,
      newJob,
      xcall,
      x: (...args) => xcall('TCPX', ...args),
      status: F(),
      buffer: S(8192),
    });
  } finally {
    for (const each of jobs) each.close();
  }
}

/** Call once per file: no behaviour of the file may leave a descriptor open. */
export function guardDescriptors(): void {
  let before = 0;
  beforeAll(() => {
    before = openDescriptors();
  });
  afterAll(async () => {
    // Node closes its handles a few turns of the loop after they are let go; the worker and its ports stay.
    for (let turn = 0; turn < 100 && openDescriptors() > before + KEPT; turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(openDescriptors()).toBeLessThanOrEqual(before + KEPT);
  });
}

/** Descriptors that stay for the life of the thread: its epoll set, and the event loop of its worker. */
const KEPT = 16;
