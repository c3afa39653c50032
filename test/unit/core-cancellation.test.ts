// What ends a call before it is done: the signal of our own, and that an AbortSignal is one.
import { describe, expect, it, vi } from 'vitest';
import { Cancellation, type CancelSignal } from '../../src/core/cancellation.ts';
import { NEVER } from '../../src/core/deadline.ts';
import { CancelledError } from '../../src/core/errors.ts';
import { type Op, sleepOp } from '../../src/core/op.ts';
import { runAsync } from '../../src/core/run.ts';

describe('Cancellation', () => {
  it('calls each listener once, and none that was taken back', () => {
    const cancellation = new Cancellation();
    const [heard, forgotten] = [vi.fn(), vi.fn()];
    cancellation.addEventListener('abort', heard);
    cancellation.addEventListener('abort', forgotten);
    cancellation.removeEventListener('abort', forgotten);
    expect(cancellation.aborted).toBe(false);
    cancellation.cancel();
    cancellation.cancel();
    expect(cancellation.aborted).toBe(true);
    expect(heard).toHaveBeenCalledTimes(1);
    expect(forgotten).not.toHaveBeenCalled();
  });

  it('takes no listener once it is over, as an AbortSignal', () => {
    const cancellation = new Cancellation();
    cancellation.cancel();
    const late = vi.fn();
    cancellation.addEventListener('abort', late);
    cancellation.cancel();
    expect(late).not.toHaveBeenCalled();
  });

  it('lets a listener take another back while it is being told', () => {
    const cancellation = new Cancellation();
    const second = vi.fn();
    cancellation.addEventListener('abort', () => cancellation.removeEventListener('abort', second));
    cancellation.addEventListener('abort', second);
    cancellation.cancel();
    expect(second).not.toHaveBeenCalled();
  });
});

function* endlessOp(ended: () => void): Op<void> {
  try {
    yield* sleepOp(NEVER);
  } finally {
    ended();
  }
}

const SIGNALS: readonly (readonly [string, () => { signal: CancelSignal; end: () => void }])[] = [
  [
    'a Cancellation',
    () => {
      const cancellation = new Cancellation();
      return { signal: cancellation, end: () => cancellation.cancel() };
    },
  ],
  [
    'an AbortSignal',
    () => {
      const controller = new AbortController();
      return { signal: controller.signal, end: () => controller.abort() };
    },
  ],
];

describe.each(SIGNALS)('%s', (_name, make) => {
  it('ends an operation that waits', async () => {
    const { signal, end } = make();
    const ended = vi.fn();
    const running = runAsync(endlessOp(ended), signal);
    end();
    await expect(running).rejects.toThrow(CancelledError);
    expect(ended).toHaveBeenCalledTimes(1);
  });

  it('ends one that has not begun to wait', async () => {
    const { signal, end } = make();
    end();
    await expect(
      runAsync(
        endlessOp(() => {}),
        signal,
      ),
    ).rejects.toThrow(CancelledError);
  });
});
