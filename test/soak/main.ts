/**
 * Soak: many opens and closes, with memory and descriptors counted on the way. Not part of `npm test`.
 *
 *     node dist/test/soak/main.js [plain opens, default 100000] [TLS opens, default 2000]
 *
 * Each engine opens and closes that often, half of it blocking and half awaited. Ends with 1 when descriptors, or memory
 * beyond what a garbage collector leaves lying about, have grown.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createJob, engineReports, F, type Job, type JobOptions, S } from 'tcpx';
import { TCPOP_CLOSE, TCPOP_CONNECT, TCPOP_READ, TCPOP_WRITE, TCPXFLG_BLOCK, TCPXFLG_TLS } from 'tcpx/ashell.def';
import { makePki } from '../support/pki.ts';

export interface Ports {
  readonly plain: number;
  readonly tls: number;
}

/** Loopback addresses to spread over: a port that was closed by us cannot be used again to the same one for a minute. */
const ADDRESSES = 8;
const LIMIT = 10_000;
/** Descriptors that may come and stay: an epoll set, the event loop of the worker, handles on their way out. */
const MORE_DESCRIPTORS = 40;
/** Memory that may be added between the first tenth and the end, in MiB. */
const MORE_MEMORY = 96;

const descriptors = () => readdirSync('/proc/self/fd').length;
const memory = () => Math.round(process.memoryUsage().rss / 1024 / 1024);
const turn = () => new Promise((resolve) => setImmediate(resolve));

interface Run {
  readonly name: string;
  readonly job: Job;
  readonly count: number;
  /** Opens, talks and closes once; throws when a status is not what it should be. */
  readonly once: (job: Job, index: number) => number | Promise<number>;
}

const must = (status: number, expected: number, job: Job): number => {
  if (status !== expected) throw new Error(`status ${status}, not ${expected}: ${job.lastStatus?.text}`);
  return status;
};

const host = (index: number) => `127.0.0.${(index % ADDRESSES) + 1}`;

function blocking(port: number): Run['once'] {
  const [status, buffer] = [F(), S(0)];
  return (job, index) => {
    const sock = F(port);
    must(job.xcall('TCPX', TCPOP_CONNECT, status, buffer, sock, TCPXFLG_BLOCK, LIMIT, host(index)), 0, job);
    return must(job.xcall('TCPX', TCPOP_CLOSE, status, buffer, sock), 0, job);
  };
}

function awaited(port: number): Run['once'] {
  const [status, buffer] = [F(), S(0)];
  return async (job, index) => {
    const sock = F(port);
    must(await job.xcall.async('TCPX', TCPOP_CONNECT, status, buffer, sock, TCPXFLG_BLOCK, LIMIT, host(index)), 0, job);
    return must(await job.xcall.async('TCPX', TCPOP_CLOSE, status, buffer, sock), 0, job);
  };
}

/** TLS: a handshake, a word there and back, close_notify. */
function secure(port: number, mode: 'sync' | 'async'): Run['once'] {
  const [status, buffer] = [F(), S(16)];
  const flags = TCPXFLG_BLOCK + TCPXFLG_TLS;
  return async (job) => {
    const x = async (...args: Parameters<Job['xcall']> extends [string, ...infer Rest] ? Rest : never) =>
      mode === 'sync' ? job.xcall('TCPX', ...args) : await job.xcall.async('TCPX', ...args);
    const sock = F(port);
    must(await x(TCPOP_CONNECT, status, '', sock, flags, LIMIT, 'localhost'), 0, job);
    must(await x(TCPOP_WRITE, status, 'word', sock, 4 + TCPXFLG_TLS, LIMIT), 4, job);
    must(await x(TCPOP_READ, status, buffer, sock, 4 + TCPXFLG_TLS, LIMIT), 4, job);
    return must(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS), 0, job);
  };
}

async function soak({ name, job, count, once: open }: Run): Promise<boolean> {
  const tenth = Math.max(1, Math.floor(count / 10));
  let first: { descriptors: number; memory: number } | null = null;
  const started = performance.now();
  for (let index = 0; index < count; index += 1) {
    await open(job, index);
    // Blocking calls leave the loop no turns in which Node could let go of what was closed.
    if (index % 100 === 0) await turn();
    if (index % tenth === tenth - 1) {
      await turn();
      const now = { descriptors: descriptors(), memory: memory() };
      first ??= now;
      console.log(`${name}: ${index + 1} opens, ${now.descriptors} descriptors, ${now.memory} MiB`);
    }
  }
  const seconds = (performance.now() - started) / 1000;
  const end = { descriptors: descriptors(), memory: memory() };
  const from = first ?? end;
  const good =
    job.sockets.length === 0 &&
    end.descriptors - from.descriptors <= MORE_DESCRIPTORS &&
    end.memory - from.memory <= MORE_MEMORY;
  console.log(
    `${good ? 'ok  ' : 'FAIL'} ${name}: ${count} in ${seconds.toFixed(1)} s (${Math.round(count / seconds)}/s), ` +
      `descriptors ${from.descriptors} -> ${end.descriptors}, memory ${from.memory} -> ${end.memory} MiB`,
  );
  return good;
}

async function startServer(): Promise<{ server: ChildProcess; ports: Ports }> {
  const { good } = await makePki();
  const server = fork(fileURLToPath(new URL('./server.js', import.meta.url)), { execArgv: [] });
  server.send(good);
  const [ports] = (await once(server, 'message')) as [Ports];
  return { server, ports };
}

const [plainCount = 100_000, tlsCount = 2_000] = process.argv.slice(2).map(Number);
const { server, ports } = await startServer();
const { ca } = await makePki();
let failed = false;
for (const { name, available, ...report } of engineReports()) {
  if (!available) {
    console.log(`SKIPPED ${name}: ${'reason' in report ? report.reason : ''}`);
    continue;
  }
  const options: JobOptions = { engine: name, tls: { ca } };
  const runs: [string, number, Run['once']][] = [
    ['plain blocking', plainCount / 2, blocking(ports.plain)],
    ['plain awaited', plainCount / 2, awaited(ports.plain)],
    ['TLS blocking', tlsCount / 2, secure(ports.tls, 'sync')],
    ['TLS awaited', tlsCount / 2, secure(ports.tls, 'async')],
  ];
  for (const [title, count, open] of runs) {
    const job = createJob(options);
    if (!(await soak({ name: `${name} ${title}`, job, count, once: open }))) failed = true;
    job.close();
  }
}
server.kill();
process.exitCode = failed ? 1 : 0;
