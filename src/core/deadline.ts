/** A source of monotonic milliseconds. Tests replace it. */
export type Clock = () => number;

const { hrtime } = process;

/** Unlike performance.now(), which takes as long, it loads no module of Node: that would be 2 ms of a program's start. */
export const monotonic: Clock = () => {
  const now = hrtime();
  return now[0] * 1e3 + now[1] / 1e6;
};

/**
 * The one moment at which a whole call gives up. Made at the edge of the API and passed down; an inner phase may take
 * an earlier one ({@link Deadline.atMost}), but never restarts it.
 */
export class Deadline {
  /** Milliseconds on `clock`; Infinity for a call without a limit. */
  readonly at: number;
  readonly clock: Clock;

  constructor(at: number, clock: Clock = monotonic) {
    this.at = at;
    this.clock = clock;
  }

  static after(milliseconds: number, clock: Clock = monotonic): Deadline {
    return new Deadline(clock() + milliseconds, clock);
  }

  get isFinite(): boolean {
    return this.at !== Number.POSITIVE_INFINITY;
  }

  get expired(): boolean {
    return this.isFinite && this.clock() >= this.at;
  }

  /** Milliseconds left, never negative; Infinity without a limit. */
  remaining(): number {
    return this.isFinite ? Math.max(0, this.at - this.clock()) : Number.POSITIVE_INFINITY;
  }

  /** The earlier of this deadline and `milliseconds` from now. */
  atMost(milliseconds: number): Deadline {
    if (milliseconds === Number.POSITIVE_INFINITY) return this;
    const at = this.clock() + milliseconds;
    return at < this.at ? new Deadline(at, this.clock) : this;
  }
}

export const NEVER: Deadline = new Deadline(Number.POSITIVE_INFINITY);

/** Already over: an operation with this deadline tries once and does not wait. */
export const NOW: Deadline = new Deadline(Number.NEGATIVE_INFINITY);
