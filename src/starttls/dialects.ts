/** The table of dialects. */
import { UsageError } from '../core/errors.ts';
import type { Dialect } from './dialect.ts';
import { LMTP, SMTP, SUBMISSION } from './smtp.ts';

export const DIALECTS: readonly Dialect[] = [SMTP, SUBMISSION, LMTP];

const byName = new Map(DIALECTS.map((dialect) => [dialect.name, dialect]));

/** @throws UsageError that lists the names there are */
export function dialectNamed(name: string): Dialect {
  const dialect = byName.get(name.toLowerCase());
  if (dialect === undefined) {
    throw new UsageError(`there is no dialect '${name}'; there are ${[...byName.keys()].join(', ')}`);
  }
  return dialect;
}
