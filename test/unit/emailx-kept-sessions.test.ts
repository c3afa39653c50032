// Sessions of EMAILX between two calls.
import { expect, it, vi } from 'vitest';
import type { ConnLock } from '../../src/emailx/connlock.ts';
import { endSessions, type KeptSession, keepSession, takeSession } from '../../src/emailx/kept-sessions.ts';

const session = (socket: number) => ({ channel: { socket } }) as KeptSession;

it('a session is taken once, by the job that kept it, and can be kept again', () => {
  const [job, other] = [{}, {}];
  const [first, second] = [session(7), session(8)];
  keepSession(job, first);
  keepSession(job, second);
  expect(takeSession(other, 7)).toBe(null);
  expect(takeSession(job, 9)).toBe(null);
  expect(takeSession(job, 7)).toBe(first);
  expect(takeSession(job, 7)).toBe(null);
  const again = session(7);
  keepSession(job, again);
  expect(takeSession(job, 8)).toBe(second);
  expect(takeSession(job, 7)).toBe(again);
});

it('one that another session makes room for was taken before; those that are kept stay', () => {
  const job = {};
  const kept = session(1);
  keepSession(job, kept);
  for (let socket = 2; socket < 50; socket += 1) {
    keepSession(job, session(socket));
    expect(takeSession(job, socket)?.channel.socket).toBe(socket);
  }
  expect(takeSession(job, 1)).toBe(kept);
});

it('a job that closes ends its sessions, also one that a call comes back with', () => {
  const job = {};
  const locked = (socket: number) => ({ ...session(socket), lock: { release: vi.fn() } as unknown as ConnLock });
  const [kept, taken, late] = [locked(1), locked(2), locked(3)];
  keepSession(job, kept);
  keepSession(job, taken);
  takeSession(job, 2);
  endSessions(job);
  expect(kept.lock.release).toHaveBeenCalledOnce();
  expect(taken.lock.release).not.toHaveBeenCalled();
  keepSession(job, late);
  expect(late.lock.release).toHaveBeenCalledOnce();
  expect(takeSession(job, 3)).toBe(null);
});
