// CONNLOCK in one process, with a clock of the test (reference emailx §6.2).
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Deadline } from '../../src/core/deadline.ts';
import { CancelledError } from '../../src/core/errors.ts';
import { runAsync } from '../../src/core/run.ts';
import { ConnLock, connLockOp, lockDirectory, tryConnLock } from '../../src/emailx/connlock.ts';
import { cleanUpAfterAll, openDescriptors, tempDir } from '../support/peer.ts';
import { refusal } from '../support/refusal.ts';

cleanUpAfterAll();

const locked = (directory: string): ConnLock => {
  const lock = tryConnLock(directory);
  if (lock === null) throw new Error('the lock is not free');
  return lock;
};

describe('the lock', () => {
  it('is held once, and free again after its release', () => {
    const directory = join(tempDir(), 'lock');
    const before = openDescriptors();
    const lock = locked(directory);
    expect(tryConnLock(directory)).toBeNull();
    lock.release();
    lock.release();
    const second = locked(directory);
    lock.release();
    expect(tryConnLock(directory)).toBeNull();
    second.release();
    expect(openDescriptors()).toBe(before);
  });

  it('leaves two files at most, and nothing to read that others could not', () => {
    const directory = join(tempDir(), 'lock');
    for (let round = 0; round < 20; round++) locked(directory).release();
    expect(readdirSync(directory).sort()).toEqual(['lock.19', 'lock.20']);
    expect(statSync(directory).mode & 0o777).toBe(0o777);
    expect(statSync(join(directory, 'lock.20')).mode & 0o777).toBe(0o644);
  });

  it('names its owner and when that was started', () => {
    const directory = join(tempDir(), 'lock');
    const lock = locked(directory);
    expect(readFileSync(join(directory, 'lock.1'), 'latin1')).toMatch(
      existsSync('/proc/self/stat')
        ? new RegExp(`^${process.pid} [0-9a-f]{8}\\.\\d+$`)
        : new RegExp(`^${process.pid} -$`),
    );
    lock.release();
    expect(readFileSync(join(directory, 'lock.1'), 'latin1')).toBe('');
  });

  const own = `${process.pid} -`;
  it.each<[string, Readonly<Record<string, string>>, boolean]>([
    ['a process that is there', { 'lock.7': own }, false],
    ['one that is not', { 'lock.7': '4194305 -' }, true],
    ['one with the number of another', { 'lock.7': `${process.pid} 00000000.1` }, true],
    ['nobody', { 'lock.7': '' }, true],
    ['something else', { 'lock.7': 'hello' }, true],
    ['a number that is none', { 'lock.7': '0 -' }, true],
    ['a lower one that counts no more', { 'lock.6': own, 'lock.7': '' }, true],
    ['a higher one that counts', { 'lock.6': '', 'lock.10': own }, false],
    ['files of other names', { 'lock.x': own, draft: own, 'lock.7.bak': own }, true],
  ])('with %s', (_what, files, free) => {
    const directory = tempDir();
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    const lock = tryConnLock(directory);
    expect(lock !== null).toBe(free);
    lock?.release();
  });

  it.each<[string, (directory: string) => string, string]>([
    ['that is a file', (directory) => join(directory, 'file'), 'not a directory'],
    ['whose own is missing', (directory) => join(directory, 'a', 'b'), 'no such file or directory'],
    ['with a link in place of the lock', (directory) => join(directory, 'linked'), 'too many symbolic links'],
  ])('in a directory %s is refused with 78', (_what, make, reason) => {
    const base = tempDir();
    writeFileSync(join(base, 'file'), '');
    mkdirSync(join(base, 'linked'));
    chmodSync(join(base, 'linked'), 0o777);
    symlinkSync('/dev/zero', join(base, 'linked', 'lock.1'));
    const directory = make(base);
    const error = refusal(() => tryConnLock(directory));
    expect(error).toMatchObject({ status: 78, refusal: 'lockUnusable' });
    expect(error.message).toContain(`CONNLOCK: '${directory}' cannot be used (${reason}`);
    expect(error.message).toContain('set emailx.assume.lockDirectory');
  });

  it('is in the temporary directory, or where the site says', () => {
    expect(lockDirectory('')).toBe(join(tmpdir(), 'tcpx-emailx-lock'));
    expect(lockDirectory('/run/lock/mail')).toBe('/run/lock/mail');
  });
});

describe('waiting for it', () => {
  it('takes a free one without a wait', () => {
    const { value, done } = connLockOp(
      join(tempDir(), 'lock'),
      Deadline.after(0, () => 0),
    ).next();
    expect(done).toBe(true);
    expect(value).toBeInstanceOf(ConnLock);
    if (value instanceof ConnLock) value.release();
  });

  it('sleeps longer each time, and ends with 72 at the deadline', () => {
    const directory = join(tempDir(), 'lock');
    const lock = locked(directory);
    let now = 0;
    const op = connLockOp(
      directory,
      Deadline.after(1000, () => now),
    );
    const sleeps: number[] = [];
    const error = refusal(() => {
      for (let step = op.next('ready'); !step.done; step = op.next('timeout')) {
        expect(step.value).toMatchObject({ kind: 'wait', on: [] });
        sleeps.push(step.value.until.at - now);
        now = step.value.until.at;
      }
    });
    expect(sleeps).toEqual([10, 20, 40, 80, 160, 250, 250, 190]);
    expect(error).toMatchObject({ status: 72, refusal: 'lockTimeout' });
    lock.release();
  });

  it('gets it as soon as it looks after the release', () => {
    const directory = join(tempDir(), 'lock');
    const lock = locked(directory);
    const op = connLockOp(
      directory,
      Deadline.after(1000, () => 0),
    );
    expect(op.next('ready').done).toBe(false);
    expect(op.next('timeout').done).toBe(false);
    lock.release();
    const step = op.next('timeout');
    expect(step.done).toBe(true);
    if (step.done) step.value.release();
  });

  it('is a wait like any other to the event loop', async () => {
    const directory = join(tempDir(), 'lock');
    const lock = locked(directory);
    const waiting = runAsync(connLockOp(directory, Deadline.after(20_000)));
    lock.release();
    const next = await waiting;
    expect(tryConnLock(directory)).toBeNull();
    next.release();
  });

  it('ends when the call is cancelled', () => {
    const directory = join(tempDir(), 'lock');
    const lock = locked(directory);
    const op = connLockOp(
      directory,
      Deadline.after(1000, () => 0),
    );
    op.next('ready');
    expect(() => op.next('cancelled')).toThrow(CancelledError);
    lock.release();
    expect(tryConnLock(directory)).not.toBeNull();
  });
});
