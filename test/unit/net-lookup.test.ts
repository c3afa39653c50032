// Name resolution on an event loop, where the system does it in the background.
import { describe, expect, it } from 'vitest';
import { Deadline, NEVER, NOW } from '../../src/core/deadline.ts';
import { IoError } from '../../src/core/errors.ts';
import { runAsync, Suspended } from '../../src/core/run.ts';
import type { SyncLookup } from '../../src/native/resolve.ts';
import { resolveOp } from '../../src/net/lookup.ts';

/** Answers at the look with this number. */
class Slow implements SyncLookup {
  readonly inBackground = true;
  addresses: SyncLookup['addresses'] = null;
  failure: IoError | null = null;
  looks = 0;
  isReleased = false;
  readonly #answersAt: number;

  constructor(answersAt: number) {
    this.#answersAt = answersAt;
  }

  wait(until: Deadline) {
    expect(until).toBe(NOW);
    expect(this.isReleased).toBe(false);
    this.looks += 1;
    if (this.looks < this.#answersAt) return 'timeout';
    this.addresses = [{ address: '192.0.2.1', family: 4 }];
    return 'ready';
  }

  release() {
    this.isReleased = true;
  }
}

/** How many look-ups Node has under way: each of them keeps the process. */
const ofNode = () => process.getActiveResourcesInfo().filter((kind) => kind.startsWith('GetAddrInfo')).length;

describe('a name that is looked up in the background', () => {
  it('is looked for until there is an answer', async () => {
    const lookup = new Slow(4);
    const found = runAsync(resolveOp('mx.example', NEVER, () => lookup));
    expect(ofNode()).toBe(0);
    expect(await found).toEqual([{ address: '192.0.2.1', family: 4 }]);
    expect(lookup).toMatchObject({ looks: 4, isReleased: true });
  });

  it('is left at the deadline, and by a signal', async () => {
    const late = new Slow(Number.POSITIVE_INFINITY);
    await expect(runAsync(resolveOp('mx.example', Deadline.after(20), () => late))).rejects.toThrow(IoError);
    expect(late.isReleased).toBe(true);
    const aborted = new Slow(Number.POSITIVE_INFINITY);
    const abort = new AbortController();
    const resolving = runAsync(
      resolveOp('mx.example', NEVER, () => aborted),
      abort.signal,
    );
    abort.abort();
    await expect(resolving).rejects.toThrow('the call was cancelled');
    expect(aborted.isReleased).toBe(true);
    expect(ofNode()).toBe(0);
  });

  it('is found by whoever only looks now and then', async () => {
    const lookup = new Slow(3);
    const suspended = new Suspended(resolveOp('mx.example', NEVER, () => lookup));
    for (let calls = 0; calls < 9 && !suspended.done; calls += 1) await runAsync(suspended.advanceOp(NOW));
    expect(suspended.value).toHaveLength(1);
  });

  it('may be waited for by two calls', async () => {
    const lookup = new Slow(4);
    const suspended = new Suspended(resolveOp('mx.example', NEVER, () => lookup));
    const both = [runAsync(suspended.advanceOp(Deadline.after(9_000))), runAsync(suspended.advanceOp(NEVER))];
    expect(await Promise.all(both)).toEqual([true, true]);
    expect(lookup.isReleased).toBe(true);
  });
});
