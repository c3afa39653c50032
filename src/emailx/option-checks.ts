/** Checks of single options, which name the option in what they throw and never show a value that could be secret. */
import { UsageError } from '../core/errors.ts';

/** What a timer of Node can be, in ms. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** @throws UsageError for a name that does not exist; `prefix` stands in front of it */
export function knownOptions(prefix: string, given: object, known: Readonly<Record<string, true>>): void {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return;
  throw new UsageError(`option '${prefix}${unknown}' is unknown; there are ${Object.keys(known).join(', ')}`);
}

export function objectOption(name: string, value: unknown): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw new UsageError(`${name} is an object, not ${kindOf(value)}`);
}

export function textOption(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new UsageError(`${name} is a string, not ${kindOf(value)}`);
}

export function flag(name: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (typeof value === 'boolean') return value;
  throw new UsageError(`${name} is true or false, not ${kindOf(value)}`);
}

/** A positive number of ms; null where there is none. */
export function milliseconds(name: string, value: unknown): number | null {
  if (value === undefined) return null;
  if (typeof value === 'number' && value >= 1 && value <= LONGEST_TIMER) return value;
  throw new UsageError(`${name} is a number of milliseconds from 1 to ${LONGEST_TIMER}, not ${String(value)}`);
}

export function oneOf<T extends string>(name: string, value: string, allowed: readonly T[], remark = ''): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : kindOf(value);
  throw new UsageError(`${name} is one of ${allowed.join(', ')}, not ${shown}${remark}`);
}

export function functionOrNone<T>(name: string, value: T | undefined): T | null {
  if (value === undefined) return null;
  if (typeof value === 'function') return value;
  throw new UsageError(`${name} is a function, not ${kindOf(value)}`);
}

export function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value;
}
