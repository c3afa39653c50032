/** 64 bytes there and back: what one turn of a dialogue costs. */
import {
  alternate,
  type Bench,
  CORES,
  type Contender,
  type Cores,
  inC,
  inNode,
  scaled,
  withServer,
} from '../harness.ts';
import { against, type Goal, type Line, microseconds, type Row } from '../row.ts';

/** Enough for the compiler threads of a Node process to come to rest: on one core they compete with both ends. */
const WARMUP = 20_000;
const BATCHES = 30;
const SIZE = 400;

/** Runs `contenders` against the plain or the TLS echo server. */
async function echoes(
  bench: Bench,
  tls: boolean,
  cores: Cores,
  contenders: (port: number, turns: { warmup: number; amount: number; size: number; tls: boolean }) => Contender[],
) {
  const server = tls ? 'tls-server' : 'plain-server';
  const words = tls ? ['echo', bench.cert, bench.key] : [];
  return await withServer(bench, cores, server, words, (port) =>
    alternate(bench, contenders(port, { warmup: WARMUP, amount: scaled(bench, BATCHES), size: SIZE, tls }), ['ns']),
  );
}

function echoRow(
  name: string,
  tls: boolean,
  what: string,
  reference: string,
  goal: Goal,
  contenders: (
    bench: Bench,
    port: number,
    turns: { warmup: number; amount: number; size: number; tls: boolean },
  ) => Contender[],
): Row {
  return {
    name,
    needs: tls ? ['taskset', 'cc', 'gnutls'] : ['taskset', 'cc'],
    async run(bench) {
      const lines: Line[] = [];
      for (const cores of CORES) {
        const samples = await echoes(bench, tls, cores, (port, turns) => contenders(bench, port, turns));
        lines.push(
          against(samples, 1, 'ns', microseconds, {
            work: `echo 64 B, ${tls ? 'TLS' : 'plain'}, ${what}`,
            cores,
            name: reference,
            goal,
          }),
        );
      }
      return lines;
    },
  };
}

const MOST_NATIVE = 1.15;
const MOST_NODE = 1.2;

function nativeRow(tls: boolean): Row {
  const program = tls ? 'tls-client' : 'plain-client';
  return echoRow(
    tls ? 'echo-tls' : 'echo',
    tls,
    'native, sync',
    tls ? 'C, GnuTLS' : 'C',
    { most: MOST_NATIVE },
    (bench, port, turns) => [
      inNode(bench, 'xcall', { ...turns, port, work: 'echo' }),
      inC(bench, program, 'echo', port, ...(tls ? [bench.ca] : []), turns.warmup, turns.amount, turns.size),
    ],
  );
}

function nodeRow(tls: boolean): Row {
  return echoRow(
    tls ? 'echo-node-tls' : 'echo-node',
    tls,
    'node, async',
    tls ? 'node:tls' : 'node:net',
    { most: MOST_NODE },
    (bench, port, turns) => [
      inNode(bench, 'xcall', { ...turns, port, work: 'echo', engine: 'node', mode: 'async' }),
      inNode(bench, 'bare', { ...turns, port, work: 'echo' }),
    ],
  );
}

export const echoNative: Row = nativeRow(false);
export const echoNativeTls: Row = nativeRow(true);
export const echoNode: Row = nodeRow(false);
export const echoNodeTls: Row = nodeRow(true);

/** Figures without a goal: the same round trip asynchronous on the native engine, and through the worker. */
export const echoStated: Row = {
  name: 'echo-stated',
  needs: ['taskset', 'cc'],
  async run(bench) {
    const lines: Line[] = [];
    for (const cores of CORES) {
      const samples = await echoes(bench, false, cores, (port, turns) => [
        inNode(bench, 'xcall', { ...turns, port, work: 'echo', mode: 'async' }),
        inNode(bench, 'bare', { ...turns, port, work: 'echo' }),
      ]);
      lines.push(
        against(samples, 1, 'ns', microseconds, {
          work: 'echo 64 B, plain, native, async',
          cores,
          name: 'node:net',
          goal: null,
        }),
      );
    }
    const worker = await echoes(bench, false, 'two cores', (port, { warmup, amount, size, tls }) => [
      inNode(bench, 'xcall', { warmup: warmup / 4, amount, size: size / 4, tls, port, work: 'echo', engine: 'node' }),
      inNode(bench, 'bare', { warmup, amount, size, tls, port, work: 'echo' }),
    ]);
    lines.push(
      against(worker, 1, 'ns', microseconds, {
        work: 'echo 64 B, plain, node, sync (two calls through the worker)',
        cores: 'client and worker 0, server 1',
        name: 'node:net',
        goal: null,
      }),
    );
    return lines;
  },
};

/** What traces cost on the shortest work, a CHECK, and how little they cost when they are off. */
export const tracing: Row = {
  name: 'tracing',
  needs: ['taskset', 'cc'],
  async run(bench) {
    return await withServer(bench, 'two cores', 'plain-server', [], async (port) => {
      const order = { port, work: 'check', warmup: 20_000, amount: scaled(bench, BATCHES), size: 2500 };
      const samples = await alternate(
        bench,
        [inNode(bench, 'xcall', { ...order, trace: 'socks', traceFile: '/dev/null' }), inNode(bench, 'xcall', order)],
        ['ns'],
      );
      return [
        against(samples, 1, 'ns', microseconds, {
          work: 'CHECK idle, native, sync, a trace line per call to a file',
          cores: 'client 0',
          name: 'no trace',
          goal: null,
        }),
      ];
    });
  },
};
