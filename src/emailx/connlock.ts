/**
 * CONNLOCK: one SMTP session at a time on this machine, among all processes and users that share a directory and can
 * see each other (reference emailx §6.2).
 *
 * Node has no flock(2), so the lock is a row of files with rising numbers, of which the highest counts:
 *
 *     lock.7  "4711 1f6b2c90.830422"   held by that process, as long as it lives
 *     lock.7  ""                       released
 *
 * Who finds the highest one released, or its process dead, makes the next one by link(2), which only one can. The
 * highest is never removed, so a number is never used twice; a late one who links a number that had been removed
 * finds a higher one and steps back. A process is known by its number and its start, as numbers are used again.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Deadline } from '../core/deadline.ts';
import { nodeCrypto } from '../core/on-demand.ts';
import { type Op, resumed } from '../core/op.ts';
import { reasonOf } from '../core/reason.ts';
import { EmailxError } from './error.ts';

/** How long a process that waits for the lock sleeps between two looks, in ms: twice as long each time. */
const SHORTEST_SLEEP = 10;
const LONGEST_SLEEP = 250;
const NAME = /^lock\.(\d{1,15})$/;
/** No owner needs more; a foreign file is not read whole. */
const LONGEST_OWNER = 64;

/** A lock that is held. It is freed by the end of the process too. */
export class ConnLock {
  #fd: number | null;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Frees the lock. Harmless twice. */
  release(): void {
    if (this.#fd === null) return;
    const fd = this.#fd;
    this.#fd = null;
    try {
      ftruncateSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}

/** The directory of the assumption `lockDirectory`, or the default. */
export function lockDirectory(given: string): string {
  return given === '' ? join(tmpdir(), 'tcpx-emailx-lock') : given;
}

/**
 * Waits for the lock until the deadline.
 *
 * @throws EmailxError 72 when another session holds it too long, 78 when the directory cannot be used
 */
export function* connLockOp(directory: string, until: Deadline): Op<ConnLock> {
  for (let sleep = SHORTEST_SLEEP; ; sleep = Math.min(2 * sleep, LONGEST_SLEEP)) {
    const lock = tryConnLock(directory);
    if (lock !== null) return lock;
    if (until.expired) {
      throw new EmailxError(
        'lockTimeout',
        `CONNLOCK: another session holds the lock in '${directory}' for longer than WAIT`,
      );
    }
    resumed(yield { kind: 'wait', on: [], until: until.atMost(sleep) });
  }
}

/**
 * Takes the lock if it is free, else returns null. Does not wait.
 *
 * @throws EmailxError 78 when the directory cannot be used
 */
export function tryConnLock(directory: string): ConnLock | null {
  try {
    makeDirectory(directory);
    const highest = Math.max(0, ...numbersIn(directory));
    if (highest > 0 && isHeld(join(directory, `lock.${highest}`))) return null;
    return take(directory, highest + 1);
  } catch (cause) {
    const remedy = 'set emailx.assume.lockDirectory to a directory that all users of the lock can write to';
    throw new EmailxError('lockUnusable', `CONNLOCK: '${directory}' cannot be used (${reasonOf(cause)}): ${remedy}`, {
      cause,
    });
  }
}

/** Open to all users: each of them makes files of its own there. */
function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory);
    chmodSync(directory, 0o777);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

function numbersIn(directory: string): number[] {
  return readdirSync(directory).flatMap((name) => {
    const number = NAME.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}

function take(directory: string, number: number): ConnLock | null {
  const draft = join(directory, `draft.${nodeCrypto().randomUUID()}`);
  // Written before it gets its name, so that nobody sees a lock without its owner.
  const fd = openSync(draft, 'wx');
  let taken = false;
  try {
    fchmodSync(fd, 0o644);
    writeSync(fd, ownIdentity());
    taken = linked(draft, join(directory, `lock.${number}`));
    if (taken && numbersIn(directory).some((other) => other > number)) {
      rmSync(join(directory, `lock.${number}`), { force: true });
      taken = false;
    }
  } finally {
    rmSync(draft, { force: true });
    if (!taken) closeSync(fd);
  }
  if (!taken) return null;
  // The one before stays, so that a directory that changes while it is read still shows one of the two.
  for (const other of numbersIn(directory)) if (other < number - 1) removeOld(join(directory, `lock.${other}`));
  return new ConnLock(fd);
}

/** False when somebody else was faster. */
function linked(draft: string, name: string): boolean {
  try {
    linkSync(draft, name);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function removeOld(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    // In a directory with the sticky bit it is for its owner to remove; a lower number does no harm.
    if (codeOf(error) !== 'EPERM' && codeOf(error) !== 'EACCES') throw error;
  }
}

/** Whether the process that a lock names still lives. */
function isHeld(path: string): boolean {
  const owner = ownerIn(path);
  const [, pid, start] = /^([1-9]\d{0,9}) (\S+)$/.exec(owner) ?? [];
  if (pid === undefined || start === undefined) return false;
  const now = startOf(Number(pid));
  if (now === null) return false;
  return start === '-' || now === '-' || now === start;
}

/** The contents of a lock; nothing for one that was released or removed in this moment. */
function ownerIn(path: string): string {
  let fd: number;
  try {
    // A link or a pipe in a directory of all users must lead nowhere.
    fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
  try {
    const bytes = Buffer.alloc(LONGEST_OWNER);
    return bytes.toString('latin1', 0, readSync(fd, bytes));
  } finally {
    closeSync(fd);
  }
}

function ownIdentity(): string {
  return `${process.pid} ${startOf(process.pid) ?? '-'}`;
}

/**
 * Which start of the system, and when after it, a process comes from (proc(5), field 22); `-` where the system does not
 * tell; null when there is no such process, or only its remains.
 */
function startOf(pid: number): string | null {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Another user's process cannot be signalled, but is there.
    if (codeOf(error) !== 'EPERM') return null;
  }
  let boot: string;
  let stat: string;
  try {
    boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8);
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return '-';
  }
  // The name in parentheses may hold anything; the state is field 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? null : `${boot}.${fields[19]}`;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
