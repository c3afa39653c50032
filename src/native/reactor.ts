/**
 * Readiness of native descriptors: one epoll set per thread, edge-triggered.
 *
 * A descriptor enters the set when it is first waited for asynchronously or first CHECKed, and leaves it before it is
 * closed. Node's loop watches the set itself through one poll handle; `koffi.node.poll` is undocumented and aborts the
 * process on a bad or already watched descriptor, so this file alone calls it, once, on an epoll descriptor that it
 * owns. Where it is missing, and in worker threads, which could not end without taking the process with them, epoll_wait(2)
 * runs on a pool thread instead.
 *
 * Edges are remembered (`Registration.edge`) until somebody has tried the descriptor and found it not ready. CHECK on
 * an idle socket is then one epoll_wait(2), and CHECK on a thousand sockets costs as much as the ready ones.
 */
import type koffiModule from 'koffi';
import { nodeWorkers } from '../core/on-demand.ts';
import { ofThisThread } from './descriptor.ts';
import {
  addressOf,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  loadLibc,
  systemError,
} from './libc.ts';
import { loadKoffi } from './library.ts';

type PollHandle = InstanceType<typeof koffiModule.node.PollHandle>;

/** struct epoll_event is packed on x86-64 only: events u32 | data u64. */
const EVENT_SIZE = process.arch === 'x64' ? 12 : 16;
const DATA_OFFSET = process.arch === 'x64' ? 4 : 8;
const BATCH = 256;

/** How long the fallback's pool thread waits before it looks whether it is still wanted, in ms. */
const FALLBACK_SLICE = 50;

interface Waiter {
  readonly events: number;
  readonly wake: () => void;
}

/** One descriptor in the set. */
export class Registration {
  readonly fd: number;
  /** True from an event until somebody found the descriptor not ready to read. */
  edge = false;
  /** Whom the descriptor belongs to, for an observer of many. */
  tag: object | null = null;
  readonly waiters: Waiter[] = [];

  constructor(fd: number) {
    this.fd = fd;
  }
}

export class Reactor {
  readonly #libc = loadLibc();
  readonly #epoll: number;
  readonly #events = new Uint8Array(EVENT_SIZE * BATCH);
  readonly #eventsAddress = addressOf(this.#events);
  readonly #view = new DataView(this.#events.buffer);
  readonly #registrations: (Registration | undefined)[] = [];
  /** Registrations with an edge that nobody has looked at yet. */
  readonly edges: Set<Registration> = new Set();
  #handle: PollHandle | null = null;
  #fallback: Uint8Array | null = null;
  #fallbackBusy = false;
  #waiting = 0;
  /** Whether the last look at the set found an event. */
  #took = false;
  readonly #anyWaiters = new Set<() => void>();

  constructor() {
    const epoll = this.#libc.epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) throw systemError('epoll_create1');
    this.#epoll = ofThisThread(epoll);
  }

  /** The set's own descriptor: readable when an event waits in it. */
  get fd(): number {
    return this.#epoll;
  }

  /**
   * Adds a descriptor. It counts as having an edge: what has been read from the kernel already, such as the rest of a record,
   * makes no event.
   */
  register(fd: number): Registration {
    const event = new Uint8Array(EVENT_SIZE);
    const view = new DataView(event.buffer);
    view.setUint32(0, (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) >>> 0, true);
    view.setUint32(DATA_OFFSET, fd, true);
    if (this.#libc.epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, event) < 0) throw systemError('epoll_ctl');
    const registration = new Registration(fd);
    this.#registrations[fd] = registration;
    registration.edge = true;
    this.edges.add(registration);
    return registration;
  }

  /** Removes a descriptor that is about to be closed or handed over. */
  unregister(registration: Registration): void {
    if (this.#registrations[registration.fd] !== registration) return;
    this.#registrations[registration.fd] = undefined;
    this.edges.delete(registration);
    this.#waiting -= registration.waiters.length;
    registration.waiters.length = 0;
    this.#libc.epoll_ctl(this.#epoll, EPOLL_CTL_DEL, registration.fd, null);
  }

  /** Calls `wake` once, from the event loop, at the next event that matters to `events`. */
  watch(registration: Registration, events: number, wake: () => void): () => void {
    const waiter: Waiter = { events, wake };
    registration.waiters.push(waiter);
    this.#waiting += 1;
    this.#watchLoop();
    return () => {
      const index = registration.waiters.indexOf(waiter);
      if (index < 0) return;
      registration.waiters.splice(index, 1);
      this.#waiting -= 1;
    };
  }

  /** Calls `wake` once, from the event loop, at the next event of any descriptor. */
  watchAny(wake: () => void): () => void {
    this.#anyWaiters.add(wake);
    this.#watchLoop();
    return () => this.#anyWaiters.delete(wake);
  }

  /** The tags of the descriptors with an edge that nobody has found idle yet. */
  changedTags(): object[] {
    this.drain();
    const tags: object[] = [];
    for (const { tag } of this.edges) if (tag !== null) tags.push(tag);
    return tags;
  }

  /** Takes all waiting events and remembers the edges; asynchronous waiters are woken once the caller has returned. */
  drain(): void {
    const woken = this.#take();
    if (woken.length > 0) queueMicrotask(() => run(woken));
    if (this.#took && this.#anyWaiters.size > 0) queueMicrotask(() => this.#wakeAny());
  }

  /** Events that the loop found: waiters are woken at once. */
  #turn(): void {
    run(this.#take());
    this.#wakeAny();
  }

  #wakeAny(): void {
    if (this.#anyWaiters.size === 0) return;
    const wakes = [...this.#anyWaiters];
    this.#anyWaiters.clear();
    for (const wake of wakes) wake();
  }

  #take(): Waiter[] {
    let woken: Waiter[] = NONE;
    let count: number;
    this.#took = false;
    do {
      count = this.#libc.epoll_wait(this.#epoll, this.#eventsAddress, BATCH, 0);
      if (count > 0) this.#took = true;
      for (let index = 0; index < count; index += 1) woken = this.#dispatch(this.#view, index, woken);
    } while (count === BATCH);
    return woken;
  }

  #dispatch(view: DataView, index: number, woken: Waiter[]): Waiter[] {
    const events = view.getUint32(index * EVENT_SIZE, true);
    const registration = this.#registrations[view.getUint32(index * EVENT_SIZE + DATA_OFFSET, true)];
    if (registration === undefined) return woken;
    if ((events & ~EPOLLOUT) !== 0 && !registration.edge) {
      registration.edge = true;
      this.edges.add(registration);
    }
    if (registration.waiters.length === 0) return woken;
    const ended = (events & (EPOLLERR | EPOLLHUP)) !== 0;
    const wakes = ended ? ~0 : events | ((events & EPOLLRDHUP) !== 0 ? EPOLLIN : 0);
    const list = woken === NONE ? [] : woken;
    for (let at = registration.waiters.length - 1; at >= 0; at -= 1) {
      const waiter = registration.waiters[at];
      if (waiter === undefined || (waiter.events & wakes) === 0) continue;
      registration.waiters.splice(at, 1);
      this.#waiting -= 1;
      list.push(waiter);
    }
    return list;
  }

  #watchLoop(): void {
    if (this.#handle !== null || this.#fallbackBusy) return;
    const { node } = loadKoffi();
    // The handle cannot be closed in time when a worker ends: koffi frees what the loop still has.
    if (node?.poll === undefined || process.env.TCPX_REACTOR === 'thread' || !nodeWorkers().isMainThread) {
      this.#waitOnThread();
      return;
    }
    this.#handle = node.poll(this.#epoll, { readable: true }, () => this.#turn());
    // Pending calls keep the process alive by themselves (core/keep-alive.ts).
    this.#handle.unref();
  }

  #waitOnThread(): void {
    this.#fallback ??= new Uint8Array(EVENT_SIZE * BATCH);
    const events = this.#fallback;
    this.#fallbackBusy = true;
    this.#libc.epoll_wait_async(this.#epoll, addressOf(events), BATCH, FALLBACK_SLICE, (_error, count) => {
      const view = new DataView(events.buffer);
      let woken = NONE;
      for (let index = 0; index < count; index += 1) woken = this.#dispatch(view, index, woken);
      this.#fallbackBusy = false;
      run(woken);
      if (count > 0) this.#wakeAny();
      if (this.#waiting > 0 || this.#anyWaiters.size > 0) this.#watchLoop();
    });
  }
}

const NONE: Waiter[] = [];

function run(woken: readonly Waiter[]): void {
  for (const waiter of woken) waiter.wake();
}

let reactor: Reactor | undefined;

/** The reactor of this thread. */
export function threadReactor(): Reactor {
  reactor ??= new Reactor();
  return reactor;
}
