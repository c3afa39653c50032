/** Name resolution: the one blocking call that sockets need. */
import { type Deadline, NOW } from '../core/deadline.ts';
import { IoError } from '../core/errors.ts';
import { isIP } from '../core/ip.ts';
import { nodeDns } from '../core/on-demand.ts';
import { type BlockingCall, type Op, offloadOp, type Wake } from '../core/op.ts';
import type { ResolvedAddress, SyncLookup } from '../native/resolve.ts';
import type { PlainEndpoint } from './endpoint.ts';

/** Between two looks for an answer, in ms: a quarter longer each time, so that little is added to what it takes. */
const SHORTEST_PAUSE = 1;
const PAUSE_GROWTH = 1.25;
const LONGEST_PAUSE = 25;

class Lookup implements BlockingCall {
  addresses: readonly ResolvedAddress[] | null = null;
  failure: IoError | null = null;
  readonly #host: string;
  readonly #beginSync: ((host: string) => SyncLookup) | undefined;
  #sync: SyncLookup | undefined;
  #wakes: (() => void)[] | undefined;
  #released = false;

  constructor(host: string, beginSync?: (host: string) => SyncLookup) {
    this.#host = host;
    this.#beginSync = beginSync;
  }

  get finished(): boolean {
    const begun = this.#sync;
    if (!this.#isOver && begun?.inBackground === true && !this.#released) this.waitSync(NOW);
    return this.#isOver;
  }

  get #isOver(): boolean {
    return this.addresses !== null || this.failure !== null;
  }

  waitSync(until: Deadline): Wake {
    if (this.#beginSync === undefined) throw new Error('this engine has no synchronous name resolution');
    this.#sync ??= this.#beginSync(this.#host);
    const wake = this.#sync.wait(until);
    this.addresses = this.#sync.addresses;
    this.failure = this.#sync.failure;
    return wake;
  }

  watch(wake: () => void): () => void {
    this.#sync ??= this.#beginSync?.(this.#host);
    // One of Node keeps the process until the system has answered, even against process.exit.
    if (this.#sync?.inBackground === true) return this.#look(wake);
    if (this.#wakes === undefined) {
      this.#wakes = [];
      nodeDns().lookup(this.#host, { all: true, verbatim: true }, (error, found) => {
        if (!this.#isOver) {
          if (error === null)
            this.addresses = found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
          else this.failure = new IoError('ENOENT', `name ${this.#host}`, { cause: error });
        }
        for (const waiting of this.#wakes?.splice(0) ?? []) waiting();
      });
    }
    const wakes = this.#wakes;
    wakes.push(wake);
    return () => {
      const index = wakes.indexOf(wake);
      if (index >= 0) wakes.splice(index, 1);
    };
  }

  /** Looks for the answer, at first often: nothing tells an event loop of it. */
  #look(wake: () => void): () => void {
    let pause = SHORTEST_PAUSE;
    const look = () => {
      if (this.finished || this.#released) {
        wake();
        return;
      }
      timer = setTimeout(look, pause);
      pause = Math.min(pause * PAUSE_GROWTH, LONGEST_PAUSE);
    };
    let timer = setTimeout(look, pause);
    return () => clearTimeout(timer);
  }

  release(): void {
    this.#released = true;
    this.#sync?.release();
  }
}

/**
 * The addresses of a host, in the order to try them: IPv4 first, otherwise as the system sorts them
 * (reference tcpx §15, ASSUMED). A literal is its own answer.
 *
 * @throws IoError ENOENT when the name has no address, ETIMEDOUT at the deadline
 */
export function* resolveOp(
  host: string,
  until: Deadline,
  beginSync?: (host: string) => SyncLookup,
): Op<readonly ResolvedAddress[]> {
  const literal = isIP(host);
  if (literal !== 0) return [{ address: host, family: literal === 6 ? 6 : 4 }];
  const call = new Lookup(host, beginSync);
  try {
    if ((yield* offloadOp(call, until)) === 'timeout') throw new IoError('ETIMEDOUT', `name ${host}`);
  } finally {
    call.release();
  }
  if (call.failure !== null) throw call.failure;
  const found = call.addresses ?? [];
  if (found.length === 1) return found;
  const ordered = [...found.filter(({ family }) => family === 4), ...found.filter(({ family }) => family === 6)];
  if (ordered.length === 0) throw new IoError('ENOENT', `name ${host}`);
  return ordered;
}

type ConnectOneOp = (address: string, family: 4 | 6, port: number, until: Deadline) => Op<PlainEndpoint>;

/**
 * Resolves a host and connects to its addresses in turn. Each gets an equal share of what is left of the deadline, so
 * that one that never answers leaves time for the next.
 *
 * @throws IoError of the last address tried
 */
export function* connectInTurnOp(
  host: string,
  port: number,
  until: Deadline,
  connectOneOp: ConnectOneOp,
  beginSync?: (host: string) => SyncLookup,
): Op<PlainEndpoint> {
  const addresses = yield* resolveOp(host, until, beginSync);
  let failure: IoError | null = null;
  for (const [index, { address, family }] of addresses.entries()) {
    const share = until.isFinite ? until.atMost(until.remaining() / (addresses.length - index)) : until;
    try {
      return yield* connectOneOp(address, family, port, share);
    } catch (error) {
      if (!(error instanceof IoError) || error.errnoName === 'EINTR') throw error;
      failure = error;
    }
  }
  throw failure ?? new IoError('ENOENT', `name ${host}`);
}
