/** Addresses as people write them: `ann@example.com`, `Ann <ann@example.com>, "Bob, Jr." <bob@example.com>` (RFC 5322 §3.4). */
import { createRequire } from 'node:module';
import { UsageError } from '../core/errors.ts';

export interface Mailbox {
  /** Blank for none. */
  readonly name: string;
  readonly address: string;
}

type Parser = typeof import('nodemailer/lib/addressparser');

/** What can only be one address without a name, and needs no parser. */
const BARE = /^[^\s<>()[\],;:\\"@]+@[^\s<>()[\],;:\\"@]+$/;

/**
 * The mailboxes of a list, or of several; groups are taken apart. An empty list has none.
 *
 * @throws UsageError that names the option, for what is no address
 */
export function parseMailboxes(option: string, value: string | readonly string[] | undefined): Mailbox[] {
  const lists = value === undefined ? [] : typeof value === 'string' ? [value] : value;
  return lists.flatMap((list) => parseList(option, list));
}

function parseList(option: string, list: string): Mailbox[] {
  const trimmed = list.trim();
  if (trimmed === '') return [];
  if (BARE.test(trimmed)) return [{ name: '', address: trimmed }];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\0-\x1f\x7f]/.test(trimmed)) throw new UsageError(`${option} holds a control character such as a line end`);
  const loaded = createRequire(import.meta.url)('nodemailer/lib/addressparser') as Parser;
  const parse = loaded.default;
  return parse(trimmed, { flatten: true }).map(({ name = '', address = '' }) => {
    if (!BARE.test(address))
      throw new UsageError(
        `${option}: ${JSON.stringify(name || address || list)} is no address such as ann@example.com`,
      );
    return { name, address };
  });
}
