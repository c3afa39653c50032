/** Addresses as people write them: `ann@example.com`, `Ann <ann@example.com>, "Bob, Jr." <bob@example.com>` (RFC 5322 §3.4). */
import { createRequire } from 'node:module';
import { domainToASCII } from 'node:url';
import { UsageError } from '../core/errors.ts';
import { textOption } from './option-checks.ts';
import { hasControl, isAscii } from './text.ts';

export interface Mailbox {
  /** Blank for none. */
  readonly name: string;
  readonly address: string;
}

type Parser = typeof import('nodemailer/lib/addressparser');

/** What can only be one address without a name, and needs no parser. */
const BARE = /^[^\s<>()[\],;:\\"@]+@[^\s<>()[\],;:\\"@]+$/;
/** The part of it in front of the `@`. */
const LOCAL = /^[^\s<>()[\],;:\\"@]+$/;
/** What can only be a name of plain words and an address. */
const NAMED = /^([\w'.-]+(?: +[\w'.-]+)*) *<([^<>]*)>$/;

/**
 * The mailboxes of a list, or of several; groups are taken apart. An empty list has none.
 *
 * @param domain completes an address that has none; blank for none
 * @throws UsageError that names the option, for what is no address
 */
export function parseMailboxes(option: string, value: string | readonly string[] | undefined, domain = ''): Mailbox[] {
  const lists = value === undefined ? [] : Array.isArray(value) ? value : [value];
  return lists.flatMap((list: unknown) => parseList(option, textOption(option, list), domain));
}

function parseList(option: string, list: string, domain: string): Mailbox[] {
  const trimmed = list.trim();
  if (trimmed === '') return [];
  if (hasControl(trimmed)) throw new UsageError(`${option} holds a control character such as a line end`);
  return (simpleList(trimmed, domain) ?? parsed(trimmed)).map(({ name, address }) => {
    const complete = domain !== '' && LOCAL.test(address) ? `${address}@${domain}` : address;
    if (BARE.test(complete)) return { name, address: withAsciiDomain(complete) };
    const shown = JSON.stringify((name || address || list).slice(0, LONGEST_SHOWN));
    throw new UsageError(`${option}: ${shown} is no address such as ann@example.com`);
  });
}

/** So that only a local part beyond ASCII asks for SMTPUTF8. A domain that no name can be made of is left to be refused. */
function withAsciiDomain(address: string): string {
  const at = address.lastIndexOf('@');
  if (isAscii(address) || !isAscii(address.slice(0, at))) return address;
  return `${address.slice(0, at)}@${domainToASCII(address.slice(at + 1)) || address.slice(at + 1)}`;
}

const LONGEST_SHOWN = 100;

/** The mailboxes of a list that needs no parser; null for any other. */
function simpleList(list: string, domain: string): Mailbox[] | null {
  if (/["()\\;:[\]]/.test(list)) return null;
  const mailboxes: Mailbox[] = [];
  for (const item of list.split(',')) {
    const text = item.trim();
    const [, name = '', address = text] = NAMED.exec(text) ?? [];
    if (!BARE.test(address) && (domain === '' || !LOCAL.test(address))) return null;
    mailboxes.push({ name, address });
  }
  return mailboxes;
}

function parsed(list: string): Mailbox[] {
  const { default: parse } = createRequire(import.meta.url)('nodemailer/lib/addressparser') as Parser;
  return parse(list, { flatten: true }).map(({ name = '', address = '' }) => ({
    name,
    // A word alone is taken for a name.
    address: address === '' ? name : address,
  }));
}
