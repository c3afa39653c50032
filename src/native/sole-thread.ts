/**
 * Whether this is the only thread of the process that uses GnuTLS: what no thread could ask another that is blocked.
 *
 * A worker thread holds a shared flock(2) on a file that every process has for itself, for as long as it lives. The main
 * thread that gets the exclusive lock knows that there is none, and one that begins meanwhile waits until it lets go.
 */
import { openSync } from 'node:fs';
import { nodeWorkers } from '../core/on-demand.ts';
import { lastErrno, loadLibc, systemError } from './libc.ts';

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

/** An inode of procfs that is this process's own; nothing else locks it. */
const FILE = '/proc/self/comm';

let descriptor: number | null | undefined;

/** The thread's own descriptor, which Node closes with a worker thread; null where there is no procfs. */
function ownDescriptor(): number | null {
  if (descriptor === undefined) {
    try {
      descriptor = openSync(FILE, 'r');
    } catch {
      descriptor = null;
    }
  }
  return descriptor;
}

/** Makes a worker thread known, before its first call into GnuTLS. Waits while {@link asSoleThread} runs a call. */
export function announceThread(): void {
  if (nodeWorkers().isMainThread) return;
  const fd = ownDescriptor();
  if (fd === null) return;
  const libc = loadLibc();
  while (libc.flock(fd, LOCK_SH) < 0) if (lastErrno() !== 'EINTR') throw systemError('flock');
}

/**
 * Runs a call that has to be the only one into GnuTLS, if it is made in the main thread and no other thread can make one.
 * Returns null, and does nothing, otherwise.
 */
export function asSoleThread<T>(call: () => T): { readonly result: T } | null {
  if (!nodeWorkers().isMainThread) return null;
  const fd = ownDescriptor();
  const libc = loadLibc();
  if (fd === null || libc.flock(fd, LOCK_EX + LOCK_NB) < 0) return null;
  try {
    return { result: call() };
  } finally {
    libc.flock(fd, LOCK_UN);
  }
}
