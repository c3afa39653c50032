/** The options of a subcommand: one table for the parser of the command line and for the help. */
import { parseArgs } from 'node:util';
import { UsageError } from '../core/errors.ts';
import { nearest } from './suggest.ts';
import { wholeNumber } from './whole-number.ts';

/** As Node's parseArgs takes it, with what the help says. */
export type OptionRow = {
  readonly short?: string;
  readonly multiple?: true;
  readonly help: string;
} & (
  | { readonly type: 'boolean' }
  | {
      readonly type: 'string';
      /** What stands for the value in the help. */
      readonly value: string;
    }
);

export type OptionTable = Readonly<Record<string, OptionRow>>;

/** A parsed command line, by the names of its table. */
export interface CommandLine<Name extends string> {
  /** The value of an option; null when it was not given. */
  one(name: Name): string | null;
  all(name: Name): readonly string[];
  is(name: Name): boolean;
  readonly positionals: readonly string[];
}

/** @throws UsageError that names the option and the remedy, and never shows a value */
export function parseOptions<Table extends OptionTable>(
  table: Table,
  args: readonly string[],
): CommandLine<keyof Table & string> {
  try {
    const parsed = parseArgs({ args: [...args], options: table, allowPositionals: true });
    const values = new Map(Object.entries(parsed.values));
    return {
      one: (name) => {
        const value = values.get(name);
        return typeof value === 'string' ? value : null;
      },
      all: (name) => {
        const value = values.get(name);
        return Array.isArray(value) ? value.map(String) : [];
      },
      is: (name) => values.get(name) === true,
      positionals: parsed.positionals,
    };
  } catch (error) {
    throw error instanceof TypeError ? new UsageError(optionError(error, table), { cause: error }) : error;
  }
}

/** Node's messages, shortened to what helps; the value of an option is never in them. */
function optionError({ message }: TypeError, table: OptionTable): string {
  const unknown = /^Unknown option '([^']*)'/.exec(message)?.[1];
  const dashed = /^Option '([^']*)' argument is ambiguous/.exec(message)?.[1];
  if (dashed !== undefined) return `the value of ${dashed} starts with '-'; write it as ${dashed}=VALUE`;
  if (unknown === undefined) return (message.split(/\.(?:\s|$)/)[0] ?? message).replaceAll('\n', ' ');
  const candidate = nearest(unknown.replace(/^-+/, ''), Object.keys(table));
  return `unknown option '${unknown}'${candidate === undefined ? '' : ` (did you mean --${candidate}?)`}`;
}

/** @throws UsageError that lists what the option may be */
export function chosen<T extends string>(name: string, value: string | null, allowed: readonly T[]): T | null {
  if (value === null) return null;
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new UsageError(`--${name} is one of ${allowed.join(', ')}, not '${value}'`);
  return found;
}

/** @throws UsageError that gives the range */
export function numberOption(name: string, value: string | null, least: number, most: number): number | null {
  if (value === null) return null;
  const found = wholeNumber(value);
  if (found === undefined || found < least || found > most) {
    throw new UsageError(`--${name} is a whole number from ${least} to ${most}, not '${value}'`);
  }
  return found;
}

/** The table as the help shows it. */
export function optionLines(table: OptionTable): string {
  const rows = Object.entries<OptionRow>(table).map(([name, row]) => {
    const value = row.type === 'string' ? ` ${row.value}` : '';
    const option = `${row.short === undefined ? '    ' : `-${row.short}, `}--${name}${value}`;
    return option.length > 31 ? `  ${option}\n${' '.repeat(34)}${row.help}` : `  ${option.padEnd(32)}${row.help}`;
  });
  return `${rows.join('\n')}\n`;
}
