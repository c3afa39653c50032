import type { Bench, Samples } from './harness.ts';
import { figure, ratio } from './harness.ts';

export type Need = 'taskset' | 'cc' | 'gnutls' | 'descriptors';

/** One line of the table. */
export interface Line {
  readonly work: string;
  /** Where the two ends ran. */
  readonly cores: string;
  readonly ours: string;
  readonly theirs: string;
  /** Ours over theirs; null for a line that only states a figure. */
  readonly ratio: number | null;
  /** Null for a ratio that is only stated. */
  readonly goal: Goal | null;
}

export type Goal = { readonly most: number } | { readonly least: number };

export interface Row {
  /** What --only asks for. */
  readonly name: string;
  readonly needs: readonly Need[];
  run(bench: Bench): Promise<Line[]>;
}

export function isMet({ ratio, goal }: Line): boolean {
  if (ratio === null || goal === null) return true;
  return 'most' in goal ? ratio <= goal.most : ratio >= goal.least;
}

/** A line that holds the first contender against another one. */
export function against(
  samples: Samples,
  contender: number,
  key: string,
  unit: (value: number) => string,
  line: Pick<Line, 'work' | 'cores' | 'goal'> & { readonly name: string },
): Line {
  const { name, ...rest } = line;
  return {
    ...rest,
    ours: unit(figure(samples, 0, key)),
    theirs: `${name} ${unit(figure(samples, contender, key))}`,
    ratio: ratio(samples, contender, key),
  };
}

export const microseconds = (ns: number): string => `${(ns / 1e3).toFixed(2)} us`;
export const milliseconds = (ms: number): string => `${ms.toFixed(0)} ms`;
export const perSecond = (rate: number): string => `${rate.toFixed(0)}/s`;
