/** Tables of what nobody knows of the original: a named value each, which a site that knows better can set. */
import { UsageError } from './errors.ts';

export interface Assumption<T> {
  /** The default. */
  readonly value: T;
  readonly meaning: string;
  /** The section of the reference. */
  readonly source: string;
  readonly accepts: (value: unknown) => boolean;
}

export type AssumptionTable<T> = { readonly [Name in keyof T]: Assumption<T[Name]> };

export const integer =
  (least: number, most: number) =>
  (value: unknown): boolean =>
    Number.isInteger(value) && Number(value) >= least && Number(value) <= most;

export const oneOf =
  (...allowed: unknown[]) =>
  (value: unknown): boolean =>
    allowed.includes(value);

export const boolean = oneOf(true, false);

/**
 * Completes and checks what a caller sets of a table. `prefix` is how the caller writes it: `assume.`.
 *
 * @throws UsageError that names the option and what it may be
 */
export function completeAssumptions<T extends object>(
  table: AssumptionTable<T>,
  given: Partial<T>,
  prefix: string,
): Readonly<T> {
  const rows = new Map(Object.entries<Assumption<unknown>>(table));
  for (const [name, value] of Object.entries(given)) {
    const row = rows.get(name);
    if (row === undefined) {
      throw new UsageError(`${prefix}${name} is unknown; there are ${[...rows.keys()].join(', ')}`);
    }
    if (!row.accepts(value)) {
      throw new UsageError(`${prefix}${name} cannot be ${JSON.stringify(value)}: ${row.meaning}`);
    }
  }
  const defaults = Object.fromEntries([...rows].map(([name, { value }]) => [name, value]));
  return Object.freeze({ ...defaults, ...given }) as Readonly<T>;
}
