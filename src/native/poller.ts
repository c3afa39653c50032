/**
 * Synchronous waiting in the calling thread: poll(2), and ppoll(2) with a signal mask where a signal may end the wait.
 *
 * A signal that the program listens to ends the wait (the original's Ctrl+C). poll(2) ends for every signal that has
 * a handler, and Node installs handlers of its own; those that the program does not listen to are blocked while the
 * thread waits, and reach it afterwards or another thread of the process. A program that listens to no signal, as most,
 * needs no mask: an interrupted wait goes on. Signals never arrive in worker threads.
 */
import { constants } from 'node:os';
import type { Deadline } from '../core/deadline.ts';
import { nodeWorkers } from '../core/on-demand.ts';
import type { Wait, Wake } from '../core/op.ts';
import { refuseEndless, type Waiter } from '../core/run.ts';
import { addressOf, lastErrno, loadLibc, systemError } from './libc.ts';

/**
 * Signals that Node or libuv handle without being asked to, and whose default action is not to end the process. The first
 * two never end a wait: a child's exit, and a resized terminal, which Node itself listens to.
 */
const INCIDENTAL = ['SIGCHLD', 'SIGWINCH', 'SIGURG', 'SIGCONT', 'SIGPROF', 'SIGIO', 'SIGUSR1'] as const;

/** sigset_t of the C library: 1024 bits. */
const SIGSET_SIZE = 128;

const masks = new Map<number, Uint8Array>();

const NEVER_ENDING: ReadonlySet<string> = new Set(INCIDENTAL.slice(0, 2));

/** The mask for a wait: every incidental signal that has no listener, the first two always. */
function waitMask(): Uint8Array {
  let blocked = 0b11;
  for (let index = 2; index < INCIDENTAL.length; index += 1) {
    const name = INCIDENTAL[index];
    if (name !== undefined && process.listenerCount(name) === 0) blocked |= 1 << index;
  }
  let mask = masks.get(blocked);
  if (mask === undefined) {
    mask = new Uint8Array(SIGSET_SIZE);
    for (const [index, name] of INCIDENTAL.entries()) {
      if ((blocked & (1 << index)) === 0) continue;
      const bit = constants.signals[name] - 1;
      mask[bit >> 3] = (mask[bit >> 3] ?? 0) | (1 << (bit & 7));
    }
    masks.set(blocked, mask);
  }
  return mask;
}

/** Undefined while it has to be made anew. */
let currentMask: Uint8Array | null | undefined;
let noticesListeners = false;

/** The mask for a wait; null when no signal can end one. */
function signalMask(): Uint8Array | null {
  if (currentMask !== undefined) return currentMask;
  if (!nodeWorkers().isMainThread) {
    currentMask = null;
    return currentMask;
  }
  // Counting listeners before every wait would cost as much as its system call: changes are noticed instead.
  if (!noticesListeners) {
    const forget = () => {
      currentMask = undefined;
    };
    process.on('newListener', forget);
    process.on('removeListener', forget);
    noticesListeners = true;
  }
  currentMask = listensToSignals() ? waitMask() : null;
  return currentMask;
}

/** True when the program listens to a signal that could have ended a wait. */
function listensToSignals(): boolean {
  return (Object.keys(constants.signals) as NodeJS.Signals[]).some(
    (name) => !NEVER_ENDING.has(name) && process.listenerCount(name) > 0,
  );
}

/** What an interrupted system call in this thread means to the call that waits. */
export function wakeOfInterruption(): 'interrupted' | 'ready' {
  return signalMask() === null ? 'ready' : 'interrupted';
}

/** Longest timeout that poll(2) takes, in ms; whoever waits for longer waits again. */
const LONGEST_POLL = 0x7fffffff;

/** Fills a struct timespec, with {@link LONGEST_POLL} at most; null stands for no limit. */
export function timespec(until: Deadline, into: Int32Array): Int32Array | null {
  if (!until.isFinite) return null;
  const left = Math.min(until.remaining(), LONGEST_POLL);
  const seconds = Math.floor(left / 1000);
  into[0] = seconds;
  into[1] = 0;
  into[2] = Math.floor((left - seconds * 1000) * 1e6);
  into[3] = 0;
  return into;
}

/** Room for most waits from the beginning. */
const LEAST_ENTRIES = 16;

export class Poller implements Waiter {
  readonly #libc = loadLibc();
  /** struct pollfd: fd int | events short | revents short. */
  #fds = new Int32Array(LEAST_ENTRIES * 2);
  #fdsAddress = addressOf(this.#fds);
  readonly #timespec = new Int32Array(4);

  wait(wait: Wait): Wake {
    const count = wait.on.length;
    if (count === 0) refuseEndless(wait.until);
    if (this.#fds.length < 2 * count) {
      this.#fds = new Int32Array(2 * count);
      this.#fdsAddress = addressOf(this.#fds);
    }
    const fds = this.#fds;
    for (;;) {
      for (let index = 0; index < count; index += 1) {
        const interest = wait.on[index];
        if (interest?.source.fd === undefined) throw new Error('a source without a descriptor cannot be waited for');
        fds[2 * index] = interest.source.fd;
        fds[2 * index + 1] = interest.events;
      }
      const mask = signalMask();
      const ready =
        mask === null
          ? this.#libc.poll(this.#fdsAddress, count, pollTimeout(wait.until))
          : this.#libc.ppoll(fds, count, timespec(wait.until, this.#timespec), mask);
      if (ready > 0) return 'ready';
      if (ready === 0) {
        if (wait.until.expired) return 'timeout';
        continue;
      }
      if (lastErrno() !== 'EINTR') throw systemError('poll');
      if (wakeOfInterruption() === 'interrupted') return 'interrupted';
    }
  }
}

function pollTimeout(until: Deadline): number {
  return until.isFinite ? Math.min(Math.ceil(until.remaining()), LONGEST_POLL) : -1;
}
