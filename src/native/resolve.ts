/**
 * getaddrinfo(3) for the native engine. glibc's getaddrinfo_a(3) resolves on a thread of its own, so that a timer and a
 * signal can end the wait, and the end of the process does not wait for the answer; with another libc the call blocks until the system answers.
 */
import type { Deadline } from '../core/deadline.ts';
import { NOW } from '../core/deadline.ts';
import { IoError } from '../core/errors.ts';
import type { Wake } from '../core/op.ts';
import { AF_INET, AF_INET6, type Libc, loadLibc, type Pointer, SOCK_STREAM } from './libc.ts';
import { timespec, wakeOfInterruption } from './poller.ts';
import { decodeSockaddr, SOCKADDR_SIZE } from './sockaddr.ts';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** How the synchronous driver resolves: it stays in its thread and may give up before the answer. */
export interface SyncLookup {
  /** Whether it goes on while nobody waits, and a wait until NOW only looks. */
  readonly inBackground: boolean;
  wait(until: Deadline): Wake;
  readonly addresses: readonly ResolvedAddress[] | null;
  readonly failure: IoError | null;
  release(): void;
}

/*
 * struct addrinfo (48): flags i32 | family i32 | socktype i32 | protocol i32 | addrlen u32 | pad | addr ptr | canonname ptr | next ptr
 * struct gaicb    (64): name ptr | service ptr | request ptr | result ptr | return i32 | reserved
 */
const ADDRINFO_SIZE = 48;
const GAICB_SIZE = 64;
const GAICB_RESULT = 24;

const GAI_NOWAIT = 1;
const EAI_INPROGRESS = -100;
const EAI_ALLDONE = -103;
const EAI_INTR = -104;
const EAI_AGAIN = -3;

/** Requests that were given up while their thread was still at work; freed once it is done. */
const abandoned: { block: Pointer; request: bigint; taken: boolean }[] = [];

export function beginLookup(host: string): SyncLookup {
  const libc = loadLibc();
  sweep(libc);
  // A thread costs far more than the answer where that comes from a file.
  return libc.asynchronousLookup === null || isLocalhost(host) ? new BlockingLookup(host) : new ThreadLookup(host);
}

/** RFC 6761 §6.3: localhost names are never looked up in the network. */
function isLocalhost(host: string): boolean {
  const name = host.toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost');
}

/** Where getaddrinfo(3) puts the address of its answer. */
const answer = new BigUint64Array(1);
const HINTS = new Uint8Array(ADDRINFO_SIZE);
HINTS[8] = SOCK_STREAM;

class BlockingLookup implements SyncLookup {
  readonly inBackground = false;
  addresses: readonly ResolvedAddress[] | null = null;
  failure: IoError | null = null;
  readonly #host: string;

  constructor(host: string) {
    this.#host = host;
  }

  wait(): Wake {
    const libc = loadLibc();
    const code = libc.getaddrinfo(this.#host, null, HINTS, answer);
    if (code === 0) this.addresses = takeAddresses(libc, answer[0] ?? 0n);
    else this.failure = lookupError(this.#host, code);
    return 'ready';
  }

  release(): void {}
}

class ThreadLookup implements SyncLookup {
  readonly inBackground = true;
  addresses: readonly ResolvedAddress[] | null = null;
  failure: IoError | null = null;
  readonly #libc = loadLibc();
  readonly #host: string;
  /** One C block: gaicb, hints, then the name. */
  readonly #block: Pointer;
  readonly #request: bigint;
  readonly #list: BigUint64Array;
  #released = false;

  constructor(host: string) {
    this.#host = host;
    const name = Buffer.from(`${host}\0`, 'latin1');
    this.#block = this.#libc.calloc(1, GAICB_SIZE + ADDRINFO_SIZE + name.length);
    const base = BigInt(this.#block);
    const image = new Uint8Array(GAICB_SIZE + ADDRINFO_SIZE + name.length);
    const view = new DataView(image.buffer);
    view.setBigUint64(0, base + BigInt(GAICB_SIZE + ADDRINFO_SIZE), true);
    view.setBigUint64(16, base + BigInt(GAICB_SIZE), true);
    image.set(HINTS, GAICB_SIZE);
    image.set(name, GAICB_SIZE + ADDRINFO_SIZE);
    this.#libc.memcpy(this.#block, image, image.length);
    this.#request = base;
    this.#list = new BigUint64Array([base]);
    const code = this.#libc.asynchronousLookup?.getaddrinfo_a(GAI_NOWAIT, this.#list, 1, null) ?? EAI_AGAIN;
    if (code !== 0) this.failure = lookupError(host, code);
  }

  wait(until: Deadline): Wake {
    const calls = this.#libc.asynchronousLookup;
    if (calls === null || this.failure !== null) return 'ready';
    const limit = new Int32Array(4);
    for (;;) {
      const code = calls.gai_error(this.#request);
      if (code !== EAI_INPROGRESS) {
        this.#finish(code);
        return 'ready';
      }
      if (until === NOW || until.expired) return 'timeout';
      const waited = calls.gai_suspend(this.#list, 1, timespec(until, limit));
      if (waited === EAI_INTR && wakeOfInterruption() === 'interrupted') return 'interrupted';
      if (waited === EAI_ALLDONE) continue;
    }
  }

  #finish(code: number): void {
    if (code !== 0) {
      this.failure = lookupError(this.#host, code);
      return;
    }
    this.addresses = takeAddresses(this.#libc, resultOf(this.#libc, this.#request));
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    abandoned.push({ block: this.#block, request: this.#request, taken: this.addresses !== null });
    this.#libc.asynchronousLookup?.gai_cancel(this.#request);
    sweep(this.#libc);
  }
}

function sweep(libc: Libc): void {
  const calls = libc.asynchronousLookup;
  if (calls === null) return;
  for (let index = abandoned.length - 1; index >= 0; index -= 1) {
    const entry = abandoned[index];
    if (entry === undefined || calls.gai_error(entry.request) === EAI_INPROGRESS) continue;
    abandoned.splice(index, 1);
    if (!entry.taken && calls.gai_error(entry.request) === 0) libc.freeaddrinfo(resultOf(libc, entry.request));
    libc.free(entry.block);
  }
}

function resultOf(libc: Libc, request: bigint): bigint {
  const result = new BigUint64Array(1);
  libc.memcpy(result, request + BigInt(GAICB_RESULT), 8);
  return result[0] ?? 0n;
}

function lookupError(host: string, code: number): IoError {
  return new IoError('ENOENT', `name ${host} (getaddrinfo ${code})`);
}

const info = new Uint8Array(ADDRINFO_SIZE);
const view = new DataView(info.buffer);
const sockaddr = new Uint8Array(SOCKADDR_SIZE);

/** Reads a list of struct addrinfo and frees it. */
function takeAddresses(libc: Libc, list: bigint): ResolvedAddress[] {
  const found: ResolvedAddress[] = [];
  for (let at = list; at !== 0n; at = view.getBigUint64(40, true)) {
    libc.memcpy(info, at, ADDRINFO_SIZE);
    const family = view.getInt32(4, true);
    if (family !== AF_INET && family !== AF_INET6) continue;
    libc.memcpy(sockaddr.fill(0), view.getBigUint64(24, true), Math.min(SOCKADDR_SIZE, view.getUint32(16, true)));
    found.push({ address: decodeSockaddr(sockaddr).host, family: family === AF_INET6 ? 6 : 4 });
  }
  libc.freeaddrinfo(list);
  return found;
}
