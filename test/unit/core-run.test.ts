// The drivers of operations with scripted effects and a clock that only the test moves.
import { describe, expect, it, vi } from 'vitest';
import { ByteQueue } from '../../src/core/byte-queue.ts';
import { Deadline, NEVER, NOW } from '../../src/core/deadline.ts';
import { CancelledError, IoError } from '../../src/core/errors.ts';
import {
  type BlockingCall,
  type Op,
  offloadOp,
  READABLE,
  type Source,
  sleepOp,
  type Wake,
  WRITABLE,
  waitOp,
} from '../../src/core/op.ts';
import { asItEnds, runAsync, runSync, Suspended, sleeper, Task, type Waiter } from '../../src/core/run.ts';
import { loadLibc } from '../../src/native/libc.ts';
import { Poller } from '../../src/native/poller.ts';

/** A source that the test wakes. */
class Scripted implements Source {
  readonly fd = 7;
  readonly asked: number[] = [];
  withdrawn = 0;
  #wake: (() => void) | null = null;

  watch(events: number, wake: () => void): () => void {
    this.asked.push(events);
    this.#wake = wake;
    return () => {
      this.withdrawn += 1;
      this.#wake = null;
    };
  }

  get watched(): boolean {
    return this.#wake !== null;
  }

  fire(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

/** Waits so many times, then returns what it was woken by. */
function* waitsOp(source: Source, times: number, until: Deadline = NEVER): Op<string[]> {
  const wakes: string[] = [];
  for (let round = 0; round < times; round += 1) wakes.push(yield* waitOp(source, READABLE, until));
  return wakes;
}

const waiter = (...wakes: Wake[]): Waiter & { calls: number } => {
  const scripted = {
    calls: 0,
    wait(): Wake {
      const wake = wakes[scripted.calls] ?? 'timeout';
      scripted.calls += 1;
      return wake;
    },
  };
  return scripted;
};

describe('runSync', () => {
  it('runs an operation that never waits', () => {
    const scripted = waiter();
    // biome-ignore lint/correctness/useYield: the operation under test never waits
    function* at(): Op<number> {
      return 42;
    }
    expect(runSync(at(), scripted)).toBe(42);
    expect(scripted.calls).toBe(0);
  });

  it('passes on what a wait ended with', () => {
    const scripted = waiter('ready', 'timeout', 'ready');
    expect(runSync(waitsOp(new Scripted(), 3), scripted)).toEqual(['ready', 'timeout', 'ready']);
    expect(scripted.calls).toBe(3);
  });

  it('throws what the operation throws', () => {
    expect(() => runSync(waitsOp(new Scripted(), 1), waiter('interrupted'))).toThrow(IoError);
    expect(() => runSync(waitsOp(new Scripted(), 1), waiter('cancelled'))).toThrow(CancelledError);
  });

  it('lets a blocking call wait for itself', () => {
    const deadlines: Deadline[] = [];
    const call: BlockingCall = {
      finished: false,
      waitSync(until) {
        deadlines.push(until);
        return 'ready';
      },
      watch: () => () => {},
    };
    expect(runSync(offloadOp(call, NOW), waiter())).toBe('ready');
    expect(deadlines).toEqual([NOW]);
    expect(runSync(offloadOp({ ...call, finished: true }, NOW), waiter())).toBe('ready');
    expect(deadlines.length).toBe(1);
  });

  it('runs the finally of an operation that fails', () => {
    const closed = vi.fn();
    function* holdsOp(): Op<void> {
      try {
        yield* waitsOp(new Scripted(), 1);
      } finally {
        closed();
      }
    }
    expect(() => runSync(holdsOp(), waiter('interrupted'))).toThrow();
    expect(closed).toHaveBeenCalledOnce();
  });
});

describe('Task', () => {
  it('begins at once and goes on with each wake', async () => {
    const source = new Scripted();
    const task = new Task(waitsOp(source, 2), asItEnds());
    expect([task.settled, source.asked]).toEqual([false, [READABLE]]);
    source.fire();
    expect(source.asked.length).toBe(2);
    source.fire();
    expect(task.settled).toBe(true);
    expect(await task.promise).toEqual(['ready', 'ready']);
    expect(source.withdrawn).toBe(2);
  });

  it('is settled at once when nothing has to be waited for', async () => {
    const task = new Task(waitsOp(new Scripted(), 0), asItEnds());
    expect(task.settled).toBe(true);
    expect(await task.promise).toEqual([]);
  });

  it('ends a wait at its deadline, by the clock of the deadline', async () => {
    vi.useFakeTimers();
    try {
      let now = 1_000;
      const until = Deadline.after(50, () => now);
      const source = new Scripted();
      const task = new Task(waitsOp(source, 1, until), asItEnds());
      // The timer comes early: the wait is renewed, not ended.
      now += 20;
      vi.advanceTimersByTime(50);
      expect(task.settled).toBe(false);
      now += 30;
      vi.advanceTimersByTime(30);
      expect(task.settled).toBe(true);
      expect(await task.promise).toEqual(['timeout']);
      expect([source.watched, vi.getTimerCount()]).toEqual([false, 0]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('renews a timer that setTimeout could not hold', () => {
    vi.useFakeTimers();
    try {
      let now = 0;
      const year = 365 * 86_400_000;
      const task = new Task(
        waitsOp(
          new Scripted(),
          1,
          Deadline.after(year, () => now),
        ),
        asItEnds(),
      );
      now = 0x7fffffff;
      vi.advanceTimersByTime(0x7fffffff);
      expect([task.settled, vi.getTimerCount()]).toEqual([false, 1]);
      task.cancel();
      task.promise.catch(() => {});
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('ends at its next wait when it is cancelled from within', async () => {
    const source = new Scripted();
    const abort = new AbortController();
    function* abortsOp(): Op<string> {
      yield* waitOp(source, READABLE, NEVER);
      abort.abort();
      return yield* waitOp(source, READABLE, NEVER);
    }
    const promise = runAsync(abortsOp(), abort.signal);
    source.fire();
    await expect(promise).rejects.toThrow(CancelledError);
    expect(source.watched).toBe(false);
  });

  it('can be cancelled, once', async () => {
    const source = new Scripted();
    const task = new Task(waitsOp(source, 1), asItEnds());
    task.cancel();
    task.cancel();
    await expect(task.promise).rejects.toThrow(CancelledError);
    expect(source.watched).toBe(false);
    source.fire();
  });

  it('waits for several sources and withdraws all', async () => {
    const [first, second] = [new Scripted(), new Scripted()];
    function* anyOp(): Op<Wake> {
      return yield {
        kind: 'wait',
        on: [
          { source: first, events: READABLE },
          { source: second, events: WRITABLE },
        ],
        until: NEVER,
      };
    }
    const task = new Task(anyOp(), asItEnds());
    second.fire();
    expect(await task.promise).toBe('ready');
    expect([first.withdrawn, second.withdrawn, second.asked]).toEqual([1, 1, [WRITABLE]]);
  });

  it('rejects with what the operation throws at its first step', async () => {
    // biome-ignore lint/correctness/useYield: it throws before it could wait
    function* throwsOp(): Op<void> {
      throw new IoError('EBADF', 'socket 1');
    }
    await expect(new Task(throwsOp(), asItEnds()).promise).rejects.toThrow('Bad file descriptor');
  });

  it('follows an AbortSignal, before and during', async () => {
    await expect(runAsync(waitsOp(new Scripted(), 1), AbortSignal.abort())).rejects.toThrow(CancelledError);
    const controller = new AbortController();
    const running = runAsync(waitsOp(new Scripted(), 1), controller.signal);
    controller.abort();
    await expect(running).rejects.toThrow(CancelledError);
    expect(await runAsync(waitsOp(new Scripted(), 0), AbortSignal.abort())).toEqual([]);
  });
});

/** The waiters of this machine that can sleep. */
const sleepers: [name: string, waiter: Waiter][] = [['sleeper', sleeper]];
try {
  loadLibc();
  sleepers.push(['poller', new Poller()]);
} catch {
  console.warn('SKIPPED sleeping in poll(2): koffi is not installed');
}

describe('a wait for nothing', () => {
  function* nappingOp(until: Deadline): Op<string> {
    yield* sleepOp(until);
    return 'rested';
  }

  for (const [name, blocking] of sleepers) {
    it(`blocks the thread until its deadline (${name})`, () => {
      const until = Deadline.after(30);
      expect(runSync(nappingOp(until), blocking)).toBe('rested');
      expect(until.expired).toBe(true);
      expect(runSync(nappingOp(NOW), blocking)).toBe('rested');
    });

    it(`is refused without one (${name})`, () => {
      expect(() => runSync(nappingOp(NEVER), blocking)).toThrow('needs a deadline');
    });
  }

  it('cannot be told from a source that nobody here can wait for', () => {
    expect(() => runSync(waitsOp(new Scripted(), 1, Deadline.after(10)), sleeper)).toThrow('only the poller');
  });

  it('lets the event loop turn until its deadline', async () => {
    vi.useFakeTimers();
    try {
      let now = 0;
      const task = new Task(nappingOp(Deadline.after(50, () => now)), asItEnds());
      now = 49;
      vi.advanceTimersByTime(49);
      expect(task.settled).toBe(false);
      now = 50;
      vi.advanceTimersByTime(1);
      expect(await task.promise).toBe('rested');
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('ends when it is cancelled, even without a deadline', async () => {
    const controller = new AbortController();
    const running = runAsync(nappingOp(NEVER), controller.signal);
    controller.abort();
    await expect(running).rejects.toThrow(CancelledError);
  });

  it('does not end early in an operation that is left standing', () => {
    let now = 0;
    const wakes: Wake[] = [];
    function* restsOp(): Op<void> {
      wakes.push(yield { kind: 'wait', on: [], until: new Deadline(100, () => now) });
    }
    const suspended = new Suspended(restsOp());
    expect(runSync(suspended.advanceOp(NOW), waiter('timeout'))).toBe(false);
    now = 100;
    expect(runSync(suspended.advanceOp(NEVER), waiter('timeout'))).toBe(true);
    expect(wakes).toEqual(['timeout']);
  });
});

describe('Suspended', () => {
  it('stands still between calls and tries again in each', () => {
    const source = new Scripted();
    let ready = false;
    let tries = 0;
    function* dialOp(): Op<string> {
      for (;;) {
        tries += 1;
        if (ready) return 'connected';
        yield* waitOp(source, WRITABLE, NEVER);
      }
    }
    const suspended = new Suspended(dialOp());
    expect([suspended.done, tries]).toEqual([false, 1]);
    expect(runSync(suspended.advanceOp(NOW), waiter('timeout'))).toBe(false);
    expect(tries).toBe(2);
    ready = true;
    expect(runSync(suspended.advanceOp(NOW), waiter())).toBe(true);
    expect([suspended.done, suspended.value]).toEqual([true, 'connected']);
    expect(runSync(suspended.advanceOp(NOW), waiter())).toBe(true);
  });

  it('tells its own deadline from the one of the call', () => {
    let now = 0;
    const own = new Deadline(100, () => now);
    function* patientOp(): Op<string> {
      while ((yield* waitOp(new Scripted(), READABLE, own)) !== 'timeout');
      return 'gave up';
    }
    const suspended = new Suspended(patientOp());
    expect(runSync(suspended.advanceOp(new Deadline(10, () => now)), waiter('timeout'))).toBe(false);
    now = 100;
    expect(runSync(suspended.advanceOp(new Deadline(500, () => now)), waiter('timeout'))).toBe(true);
    expect(suspended.value).toBe('gave up');
  });

  it('survives an interruption of the call that waits', () => {
    const suspended = new Suspended(waitsOp(new Scripted(), 5));
    expect(() => runSync(suspended.advanceOp(NEVER), waiter('interrupted'))).toThrow(IoError);
    expect(suspended.done).toBe(false);
    expect(runSync(suspended.advanceOp(NOW), waiter('timeout'))).toBe(false);
  });

  it('is taken further by two calls at once, and each has its value', async () => {
    const source = new Scripted();
    const value = { made: true };
    function* dialOp(): Op<typeof value> {
      for (let tries = 0; tries < 2; tries += 1) yield* waitOp(source, WRITABLE, NEVER);
      return value;
    }
    const suspended = new Suspended(dialOp());
    // Each call tries at once: the second brings it to its end while the first still waits.
    const patient = runAsync(suspended.advanceOp(NEVER));
    expect(runSync(suspended.advanceOp(NOW), waiter())).toBe(true);
    source.fire();
    expect(await patient).toBe(true);
    expect(suspended.value).toBe(value);
  });

  it('fails now and in every later call', () => {
    let fails = false;
    function* failsOp(): Op<void> {
      yield* waitOp(new Scripted(), READABLE, NEVER);
      if (fails) throw new IoError('ECONNREFUSED', 'there');
    }
    const suspended = new Suspended(failsOp());
    fails = true;
    for (let round = 0; round < 2; round += 1) {
      expect(() => runSync(suspended.advanceOp(NOW), waiter('ready'))).toThrow('Connection refused');
    }
    expect(suspended.done).toBe(true);
    expect(() => suspended.value).toThrow('Connection refused');
  });

  it('releases what it holds when it is abandoned', () => {
    const closed = vi.fn();
    function* holdsOp(): Op<void> {
      try {
        yield* waitsOp(new Scripted(), 1);
      } finally {
        closed();
      }
    }
    const suspended = new Suspended(holdsOp());
    suspended.abandon();
    suspended.abandon();
    expect(closed).toHaveBeenCalledOnce();
    expect(suspended.done).toBe(true);
  });
});

describe('Deadline', () => {
  it('counts on its own clock', () => {
    let now = 0;
    const deadline = Deadline.after(100, () => now);
    expect([deadline.remaining(), deadline.expired, deadline.isFinite]).toEqual([100, false, true]);
    now = 99;
    expect([deadline.remaining(), deadline.expired]).toEqual([1, false]);
    now = 250;
    expect([deadline.remaining(), deadline.expired]).toEqual([0, true]);
  });

  it('is never extended', () => {
    const now = () => 1_000;
    const deadline = Deadline.after(100, now);
    expect(deadline.atMost(500)).toBe(deadline);
    expect(deadline.atMost(Number.POSITIVE_INFINITY)).toBe(deadline);
    expect(deadline.atMost(20).at).toBe(1_020);
    expect(NEVER.atMost(20).isFinite).toBe(true);
  });

  it('has two ends', () => {
    expect([NEVER.expired, NEVER.isFinite, NEVER.remaining()]).toEqual([false, false, Number.POSITIVE_INFINITY]);
    expect([NOW.expired, NOW.remaining()]).toEqual([true, 0]);
  });
});

describe('ByteQueue', () => {
  const bytes = (...values: number[]) => Uint8Array.from(values);
  const take = (queue: ByteQueue, count: number) => {
    const into = new Uint8Array(count);
    return Array.from(into.subarray(0, queue.take(into)));
  };

  it('gives bytes in the order in which they came, across chunks', () => {
    const queue = new ByteQueue();
    queue.push(bytes(1, 2, 3));
    queue.push(bytes());
    queue.push(bytes(4));
    queue.push(bytes(5, 6));
    expect(queue.length).toBe(6);
    expect(take(queue, 2)).toEqual([1, 2]);
    expect(take(queue, 3)).toEqual([3, 4, 5]);
    expect(queue.length).toBe(1);
    expect(take(queue, 10)).toEqual([6]);
    expect(take(queue, 10)).toEqual([]);
    expect(queue.length).toBe(0);
  });

  it('takes bytes back in front', () => {
    const queue = new ByteQueue();
    queue.push(bytes(3, 4));
    expect(take(queue, 1)).toEqual([3]);
    queue.unshift(bytes(1, 2, 3));
    queue.unshift(bytes());
    expect(Array.from(queue.peek(10))).toEqual([1, 2, 3, 4]);
    expect(queue.length).toBe(4);
    expect(take(queue, 10)).toEqual([1, 2, 3, 4]);
  });

  it('shows without taking, in memory of its own', () => {
    const queue = new ByteQueue();
    const chunk = bytes(1, 2);
    queue.push(chunk);
    queue.push(bytes(3));
    const peeked = queue.peek(3);
    chunk[0] = 9;
    expect(Array.from(peeked)).toEqual([1, 2, 3]);
    expect(queue.peek(0).length).toBe(0);
    expect(queue.length).toBe(3);
  });

  it('gives whole chunks', () => {
    const queue = new ByteQueue();
    queue.push(bytes(1, 2));
    queue.push(bytes(3));
    expect(take(queue, 1)).toEqual([1]);
    expect(Array.from(queue.shift() ?? [])).toEqual([2]);
    expect(queue.length).toBe(1);
    expect(take(queue, 1)).toEqual([3]);
    expect([queue.length, queue.shift(), take(queue, 1)]).toEqual([0, undefined, []]);
  });

  it('behaves as one long array does', () => {
    const queue = new ByteQueue();
    let model: number[] = [];
    let seed = 12345;
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return seed % below;
    };
    for (let step = 0; step < 20_000; step += 1) {
      const action = random(10);
      const values = Array.from({ length: random(7) }, () => random(256));
      if (action < 5) {
        queue.push(Uint8Array.from(values));
        model.push(...values);
      } else if (action < 9) {
        const count = random(12);
        expect(take(queue, count)).toEqual(model.slice(0, count));
        model = model.slice(count);
      } else {
        queue.unshift(Uint8Array.from(values));
        model = [...values, ...model];
      }
      expect(queue.length).toBe(model.length);
    }
    expect(Array.from(queue.peek(model.length))).toEqual(model);
  });
});
