import { describe, expect, it } from 'vitest';
import { Deadline, NEVER } from '../../src/core/deadline.ts';
import { timespec } from '../../src/native/poller.ts';

const stopped = (milliseconds: number) => new Deadline(milliseconds, () => 0);

describe('struct timespec', () => {
  it.each([
    [0, 0, 0],
    [1.5, 0, 1_500_000],
    [1999, 1, 999_000_000],
    [2 ** 31 - 1, 2_147_483, 647_000_000],
    // ppoll(2) refuses a negative number of seconds: a wait as long as poll(2) takes is renewed instead.
    [2 ** 32 * 1000, 2_147_483, 647_000_000],
    [1e22, 2_147_483, 647_000_000],
  ])('of %d ms is %d s and %d ns', (milliseconds, seconds, nanoseconds) => {
    expect([...(timespec(stopped(milliseconds), new Int32Array(4)) ?? [])]).toEqual([seconds, 0, nanoseconds, 0]);
  });

  it('of no limit is none', () => {
    expect(timespec(NEVER, new Int32Array(4))).toBeNull();
  });
});
