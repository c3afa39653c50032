/** Tables of what nobody knows of the original: a named value each, which a site that knows better can set. */
import { UsageError } from './errors.ts';

export interface Description {
  readonly meaning: string;
  /** The section of the reference. */
  readonly source: string;
  readonly accepts: (value: unknown) => boolean;
}

export interface Assumption<T> extends Description {
  /** The default. */
  readonly value: T;
}

export type DescriptionTable<T> = { readonly [Name in keyof T]: Description };
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

export function defaultsOf<T extends object>(table: AssumptionTable<T>): Readonly<T> {
  const rows = Object.entries<Assumption<unknown>>(table);
  return Object.freeze(Object.fromEntries(rows.map(([name, { value }]) => [name, value]))) as Readonly<T>;
}

/**
 * Completes and checks what a caller sets of a table. `prefix` is how the caller writes it: `assume.`.
 *
 * @param table is asked for when something is set
 * @throws UsageError that names the option and what it may be
 */
export function completeAssumptions<T extends object>(
  defaults: Readonly<T>,
  table: () => DescriptionTable<T>,
  given: Partial<T>,
  prefix: string,
): Readonly<T> {
  const set = Object.entries(given);
  if (set.length === 0) return defaults;
  const rows = new Map(Object.entries<Description>(table()));
  for (const [name, value] of set) {
    const row = rows.get(name);
    if (row === undefined) {
      throw new UsageError(`${prefix}${name} is unknown; there are ${[...rows.keys()].join(', ')}`);
    }
    if (!row.accepts(value)) {
      throw new UsageError(`${prefix}${name} cannot be ${JSON.stringify(value)}: ${row.meaning}`);
    }
  }
  return Object.freeze({ ...defaults, ...given });
}
