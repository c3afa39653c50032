/** Addresses as people write them: `ann@example.com`, `Ann <ann@example.com>, "Bob, Jr." <bob@example.com>` (RFC 5322 §3.4). */
import { hasControl, isAscii } from '../core/characters.ts';
import { UsageError } from '../core/errors.ts';
import { asciiName } from '../core/host-name.ts';
import { readAddressList } from './address-list.ts';
import { textOption } from './option-checks.ts';

export interface Mailbox {
  /** Blank for none. */
  readonly name: string;
  readonly address: string;
}

const LONGEST_SHOWN = 100;

/**
 * The mailboxes of a list, or of several; groups are taken apart. An empty list has none.
 *
 * @param domain completes an address that has none; blank for none
 * @throws UsageError that names the option, for what is no address, and for addresses that no comma separates
 */
export function parseMailboxes(option: string, value: string | readonly string[] | undefined, domain = ''): Mailbox[] {
  const lists = value === undefined ? [] : Array.isArray(value) ? value : [value];
  return lists.flatMap((list: unknown) => parseList(option, textOption(option, list), domain));
}

function parseList(option: string, list: string, domain: string): Mailbox[] {
  const trimmed = list.trim();
  if (hasControl(trimmed)) throw new UsageError(`${option} holds a control character such as a line end`);
  const refusal = (text: string, reason: string) =>
    new UsageError(`${option}: ${JSON.stringify(text.slice(0, LONGEST_SHOWN))} ${reason}`);
  const none = 'is no address such as ann@example.com';
  const several = 'is not one address: separate addresses by commas, and put a name with an @ into quotes';
  const listed = readAddressList(trimmed);
  if ('several' in listed) throw refusal(listed.text, listed.several ? several : none);
  return listed.map(({ name, local, domain: own, text }) => {
    if (own === null && domain === '') throw refusal(text, none);
    return { name, address: withAsciiDomain(local, own ?? domain) };
  });
}

/** So that only a local part beyond ASCII asks for SMTPUTF8. A domain that no name can be made of is left to be refused. */
function withAsciiDomain(local: string, domain: string): string {
  const isNamed = isAscii(domain) || !isAscii(local);
  return `${local}@${isNamed ? domain : (asciiName(domain) ?? domain)}`;
}
