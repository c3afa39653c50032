/** What the Node clients share: the order they are given, time, CPU time, the middle of a set of batches. */

/** What a client is to do: its only argument, as JSON. */
export interface Order {
  readonly work: string;
  readonly engine: 'gnutls' | 'node';
  readonly mode: 'sync' | 'async';
  readonly tls: boolean;
  readonly port: number;
  /** Path of the certificate to trust. */
  readonly ca: string;
  readonly warmup: number;
  /** Batches, mebibytes, handshakes or connections, as the work has it. */
  readonly amount: number;
  /** Turns per batch. */
  readonly size: number;
  /** A topic to trace to `traceFile`; empty for none. */
  readonly trace: '' | 'socks';
  readonly traceFile: string;
}

export const MESSAGE = 64;
export const MEBIBYTE: number = 1024 * 1024;
export const ROOM = 65_536;
/** A download warms up in parts: what is called for the second time only when it counts is compiled then. */
export const WARMUP_PARTS = 16;

export function order(): Order {
  return JSON.parse(process.argv[2] ?? '{}') as Order;
}

/** Hands the figures to the bench. */
export function report(figures: Readonly<Record<string, number>>): void {
  console.log(JSON.stringify(figures));
}

export function nanoseconds(): number {
  return performance.now() * 1e6;
}

/** User and system time of this process, in ms. */
export function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}

function middle(times: number[]): number {
  return times.sort((left, right) => left - right)[times.length >> 1] ?? Number.NaN;
}

/** Runs a piece of work in batches; the median batch in ns per turn. A disturbed batch does not count. */
export function medianBatch(work: () => void, { warmup, amount, size }: Order): number {
  for (let turn = 0; turn < warmup; turn += 1) work();
  const times: number[] = [];
  for (let batch = 0; batch < amount; batch += 1) {
    const begun = nanoseconds();
    for (let turn = 0; turn < size; turn += 1) work();
    times.push((nanoseconds() - begun) / size);
  }
  return middle(times);
}

/** The same for work that returns to the event loop. */
export async function medianBatchAsync(work: () => Promise<unknown>, { warmup, amount, size }: Order): Promise<number> {
  for (let turn = 0; turn < warmup; turn += 1) await work();
  const times: number[] = [];
  for (let batch = 0; batch < amount; batch += 1) {
    const begun = nanoseconds();
    for (let turn = 0; turn < size; turn += 1) await work();
    times.push((nanoseconds() - begun) / size);
  }
  return middle(times);
}
