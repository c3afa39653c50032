/** One measurement through XCALL TCPX, in a process of its own: what is to be measured. */
import { readFileSync } from 'node:fs';
import { createJob, F, type JobOptions, type Sockary, sockary, X } from 'tcpx';
import {
  TCPOP_CHECK,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_READ,
  TCPOP_WRITE,
  TCPXFLG_BLOCK,
  TCPXFLG_TLS,
} from 'tcpx/ashell.def';
import {
  cpuMilliseconds,
  MEBIBYTE,
  MESSAGE,
  medianBatch,
  medianBatchAsync,
  nanoseconds,
  order,
  ROOM,
  report,
  WARMUP_PARTS,
} from './figures.ts';

type NumberVariable = ReturnType<typeof F>;

const given = order();
const { work, engine, mode, tls, port, warmup, amount } = given;

const trace: JobOptions = given.trace === '' ? {} : { trace: [given.trace], traceFile: given.traceFile };
const security: JobOptions = tls ? { tls: { ca: readFileSync(given.ca), resume: false } } : {};
const job = createJob({ engine, ...security, ...trace });
const { xcall } = job;

const TLS = tls ? TCPXFLG_TLS : 0;
const status = F();
const nothing = X(1);

/** A STATUS that the measurement cannot go on with ends the process. */
function expect(wanted: number, from = status): void {
  if (from.value !== wanted) throw new Error(`STATUS ${from.value}, expected ${wanted}: ${job.lastStatus?.text}`);
}

function connect(host = 'localhost'): NumberVariable {
  const sock = F(port);
  xcall('TCPX', TCPOP_CONNECT, status, nothing, sock, TCPXFLG_BLOCK + TLS, 0, host);
  expect(0);
  return sock;
}

async function connectAsync(host = 'localhost'): Promise<NumberVariable> {
  const sock = F(port);
  await xcall.async('TCPX', TCPOP_CONNECT, status, nothing, sock, TCPXFLG_BLOCK + TLS, 0, host);
  expect(0);
  return sock;
}

function check(): void {
  const sock = connect();
  const look = () => {
    xcall('TCPX', TCPOP_CHECK, status, nothing, sock, 0, 0);
    expect(0);
  };
  report({ ns: medianBatch(look, given) });
}

async function checkAsync(): Promise<void> {
  const sock = await connectAsync();
  const look = async () => {
    await xcall.async('TCPX', TCPOP_CHECK, status, nothing, sock, 0, 0);
    expect(0);
  };
  report({ ns: await medianBatchAsync(look, given) });
}

function echo(): void {
  const sock = connect();
  const message = X(MESSAGE);
  const reply = X(MESSAGE);
  const turn = () => {
    xcall('TCPX', TCPOP_WRITE, status, message, sock, MESSAGE + TLS, 0);
    expect(MESSAGE);
    xcall('TCPX', TCPOP_READ, status, reply, sock, MESSAGE + TLS, 0);
    expect(MESSAGE);
  };
  report({ ns: medianBatch(turn, given) });
}

/** One turn of 64 bytes on a socket; a status variable of its own, as many may be on their way. */
function echoTurn(sock: NumberVariable): () => Promise<void> {
  const own = F();
  const message = X(MESSAGE);
  const reply = X(MESSAGE);
  return async () => {
    await xcall.async('TCPX', TCPOP_WRITE, own, message, sock, MESSAGE + TLS, 0);
    expect(MESSAGE, own);
    await xcall.async('TCPX', TCPOP_READ, own, reply, sock, MESSAGE + TLS, 0);
    expect(MESSAGE, own);
  };
}

async function echoAsync(): Promise<void> {
  report({ ns: await medianBatchAsync(echoTurn(await connectAsync()), given) });
}

function download(): void {
  const sock = connect();
  const buffer = X(ROOM);
  const take = (mebibytes: number) => {
    xcall('TCPX', TCPOP_WRITE, status, X(mebibytes), sock, mebibytes + TLS, 0);
    expect(mebibytes);
    for (let left = mebibytes * MEBIBYTE; left > 0; left -= status.value) {
      xcall('TCPX', TCPOP_READ, status, buffer, sock, TLS, 0);
      if (status.value <= 0) expect(1);
    }
  };
  for (let part = 0; part < WARMUP_PARTS; part += 1) take(warmup / WARMUP_PARTS);
  const begun = nanoseconds();
  const used = cpuMilliseconds();
  take(amount);
  report({ wall: (nanoseconds() - begun) / 1e6, cpu: cpuMilliseconds() - used });
}

function handshake(): void {
  const turn = () => {
    const sock = connect();
    xcall('TCPX', TCPOP_CLOSE, status, nothing, sock, TLS, 0);
    expect(0);
  };
  for (let count = 0; count < warmup; count += 1) turn();
  const begun = nanoseconds();
  const used = cpuMilliseconds();
  for (let count = 0; count < amount; count += 1) turn();
  report({ rate: amount / ((nanoseconds() - begun) / 1e9), cpu: cpuMilliseconds() - used });
}

/** How many of the open connections talk. */
const ACTIVE = 100;
/** How many are opened at the same time: the server's backlog is not what is measured. */
const OPENING = 100;
/** Rounds of all active connections per batch. */
const ROUNDS = 20;

async function connections(): Promise<void> {
  const open: NumberVariable[] = [await connectAsync('127.0.0.1')];
  await echoTurn(open[0] ?? F())();
  const before = memory();
  while (open.length < amount) {
    const some = Math.min(OPENING, amount - open.length);
    const fresh = await Promise.all(
      Array.from({ length: some }, async () => {
        const own = F();
        const sock = F(port);
        await xcall.async('TCPX', TCPOP_CONNECT, own, nothing, sock, TCPXFLG_BLOCK, 0, '127.0.0.1');
        expect(0, own);
        return sock;
      }),
    );
    open.push(...fresh);
  }
  const bytes = (memory() - before) / (amount - 1);
  // Those that talk lie between those that do not.
  const apart = Math.max(1, Math.floor(amount / ACTIVE));
  const turns = open
    .filter((_, index) => index % apart === 0)
    .slice(0, ACTIVE)
    .map(echoTurn);
  const round = () => Promise.all(turns.map((turn) => turn()));
  const ns = await medianBatchAsync(round, { ...given, amount: given.size, size: ROUNDS });
  report({ rate: (1e9 * turns.length) / ns, bytes });
}

function memory(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

const SET_BATCHES = 25;

/** A set of `amount` sockets of which one has something to read. */
function set(): void {
  const members: Sockary = sockary(amount + 1);
  let last = F();
  for (let count = 0; count < amount; count += 1) {
    last = connect('127.0.0.1');
    members.add(last.value);
  }
  xcall('TCPX', TCPOP_WRITE, status, nothing, last, 1, 0);
  xcall('TCPX', TCPOP_CHECK, status, nothing, last, 0, 5000);
  expect(1);
  const index = F();
  const look = () => {
    index.value = 0;
    xcall('TCPX', TCPOP_CHECK, status, nothing, index, 0, 0, '', members);
    expect(1);
  };
  report({ ns: medianBatch(look, { ...given, amount: SET_BATCHES }) });
}

const WORKS: Readonly<Record<string, () => void | Promise<void>>> = {
  'check sync': check,
  'check async': checkAsync,
  'echo sync': echo,
  'echo async': echoAsync,
  'download sync': download,
  'handshake sync': handshake,
  'connections async': connections,
  'set sync': set,
};

const measure = WORKS[`${work} ${mode}`];
if (measure === undefined) throw new Error(`no work '${work}' ${mode}`);
await measure();
job.close();
process.exit(0);
