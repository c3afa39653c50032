// CONNLOCK among processes: never two in it, and never one that a crash leaves locked.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { tryConnLock } from '../../src/emailx/connlock.ts';
import { cleanUpAfterAll, startProcess, tempDir } from '../support/peer.ts';

const contender = fileURLToPath(new URL('../../dist/test/support/lock-contender.js', import.meta.url));

cleanUpAfterAll();

const contend = (...args: (string | number)[]) =>
  startProcess({ command: process.execPath, args: [contender, ...args.map(String)] });

describe.concurrent('the lock', () => {
  it('is held by one process at a time, whoever of them dies', async () => {
    const directory = tempDir();
    const journal = join(tempDir(), 'journal');
    writeFileSync(journal, '');
    const rounds = 300;
    const processes = await Promise.all([
      contend(directory, journal, rounds),
      contend(directory, journal, rounds, 'die'),
      contend(directory, journal, rounds),
      contend(directory, journal, 100, 'die'),
      contend(directory, journal, 150, 'die'),
    ]);
    const exits = await Promise.all(processes.map((child) => child.finished(60_000)));
    expect(exits.map(({ code, signal }) => signal ?? code)).toEqual([0, 'SIGKILL', 0, 'SIGKILL', 'SIGKILL']);

    let holder: string | null = null;
    const left: string[] = [];
    const lines = readFileSync(journal, 'latin1').trimEnd().split('\n');
    for (const line of lines) {
      const pid = line.slice(1);
      if (line.startsWith('+')) {
        if (holder !== null) left.push(holder);
        holder = pid;
      } else {
        expect(pid).toBe(holder);
        holder = null;
      }
    }
    if (holder !== null) left.push(holder);
    const dead = [processes[1], processes[3], processes[4]].map((child) => String(child?.pid));
    expect(left.sort()).toEqual(dead.sort());
    expect(lines).toHaveLength(2 * (3 * rounds + 100 + 150) - 3);

    tryConnLock(directory)?.release();
    expect(readdirSync(directory).every((name) => /^lock\.\d+$/.test(name))).toBe(true);
    expect(readdirSync(directory).length).toBeLessThanOrEqual(2);
  });

  it('of another process is waited for until that one ends, killed or not', async () => {
    const directory = tempDir();
    const holder = await contend(directory, '', 0, 'hold');
    await holder.waitFor(/^held$/m);
    expect(tryConnLock(directory)).toBeNull();
    process.kill(holder.pid, 'SIGKILL');
    await holder.exited;
    const lock = tryConnLock(directory);
    expect(lock).not.toBeNull();

    const other = await contend(directory, '', 0, 'hold');
    await other.waitFor(/^not free$/m);
    other.endInput();
    await other.finished();
    lock?.release();

    const third = await contend(directory, '', 0, 'hold');
    await third.waitFor(/^held$/m);
    expect(tryConnLock(directory)).toBeNull();
    third.endInput();
    await third.finished();
    expect(tryConnLock(directory)).not.toBeNull();
  });

  it('of a process that has died and was not buried is free', async ({ expect }) => {
    const directory = tempDir();
    // It dies when the shell, which would bury it, is a sleep.
    const args = ['-c', 'sleep 1 & echo $!; exec sleep 60'];
    const shell = await startProcess({ command: 'sh', args, ready: /^\d+$/m });
    const pid = Number(shell.stdout());
    const state = () => readFileSync(`/proc/${pid}/stat`, 'latin1').split(' ')[2];
    await expect.poll(state).toBe('Z');
    writeFileSync(join(directory, 'lock.4'), `${pid} -`);
    expect(tryConnLock(directory)).not.toBeNull();
    await shell.stop();
  });
});
