/**
 * The envelope: who sends and who receives (reference emailx §7). Addresses are bytes as Latin-1; what is not ASCII is
 * UTF-8. Everything is checked before the first byte goes out, so that no address can become a second command.
 */
import { isUtf8 } from 'node:buffer';
import { isLatin1 } from '../core/bytes.ts';
import { hasControl, isAscii, trimmed } from '../core/characters.ts';
import { asciiName } from '../core/host-name.ts';
import type { EmailxAssumptions } from './assumptions.ts';
import { EmailxError } from './error.ts';
import { isPlainAddress } from './plain-address.ts';
import type { EmailxSettings } from './settings.ts';
import type { Refusal } from './statuses.ts';
import { quoted, readable } from './text.ts';

export interface Envelope {
  /** The address of MAIL FROM, without brackets; blank is the empty reverse-path. */
  readonly sender: string;
  /** The addresses of RCPT TO, in this order. */
  readonly recipients: readonly string[];
  /** Whom REDIRECT replaced, for the log; empty without it. */
  readonly redirected: readonly string[];
  /** True when an address cannot be sent without SMTPUTF8 (RFC 6531). */
  readonly needsSmtpUtf8: boolean;
}

/** What an envelope is made of: settings, or the same from elsewhere. */
export type EnvelopeSettings = Pick<EmailxSettings, 'sender' | 'domain' | 'redirect' | 'addBcc'>;

/** A path has 256 octets with its brackets (RFC 5321 §4.5.3.1.3). */
const LONGEST_ADDRESS = 254;
/** The documented number of recipients. */
const MOST_RECIPIENTS = 100;

/**
 * The envelope of a call.
 *
 * @param to recipients, separated by CR
 * @throws EmailxError 73 for an argument, 78 for an address of the configuration
 */
export function envelopeOf(to: string, settings: EnvelopeSettings, assume: EmailxAssumptions): Envelope {
  const address = (text: string, what: string, refusal: Refusal) =>
    mailbox(text, settings.domain, assume.angleBrackets, what, refusal);
  const named = recipientsOf(splitAddresses(to), assume).map((item) => address(item, 'the recipient', 'badRecipient'));
  const added = settings.addBcc.map((item) => address(item, 'ADDBCC', 'badConfig'));
  const sender = senderOf(settings.sender, assume, (item) => address(item, 'the sender', 'badSender'));
  const everyone = [...named, ...added];
  const redirect = settings.redirect === '' ? null : address(settings.redirect, 'REDIRECT', 'badConfig');
  const kept = assume.redirectedAddBcc === 'kept' ? added : [];
  const recipients = redirect === null ? everyone : [redirect, ...kept];
  return Object.freeze({
    sender,
    recipients,
    redirected: redirect === null ? [] : everyone,
    needsSmtpUtf8: [sender, ...recipients].some((item) => !isAscii(item)),
  });
}

/**
 * Splits a list at CR, drops the LF of a CRLF, trims blanks, and leaves out what is empty. Commas do not separate.
 *
 * @throws EmailxError 73 for a NUL, or a LF that does not follow a CR
 */
export function splitAddresses(to: string): string[] {
  if (to.includes('\0')) throw new EmailxError('badRecipient', "'to' holds a NUL");
  if (/(?<!\r)\n/.test(to)) {
    throw new EmailxError('badRecipient', "'to' holds a LF without a CR: recipients are separated by chr(13)");
  }
  return to
    .split(/\r\n?/)
    .map(trimmed)
    .filter((item) => item !== '');
}

function recipientsOf(items: readonly string[], assume: EmailxAssumptions): readonly string[] {
  if (items.length === 0) throw new EmailxError('noRecipient', "there is no recipient: 'to' is blank");
  if (items.length <= MOST_RECIPIENTS || assume.recipientsPast100 === 'sent') return items;
  if (assume.recipientsPast100 === 'ignored') return items.slice(0, MOST_RECIPIENTS);
  throw new EmailxError(
    'tooManyRecipients',
    `there are ${items.length} recipients, more than ${MOST_RECIPIENTS}: send in several calls`,
  );
}

function senderOf(text: string, assume: EmailxAssumptions, address: (item: string) => string): string {
  const item = trimmed(text);
  if (item === '<>') return '';
  if (item !== '') return address(item);
  if (assume.noSender === 'empty') return '';
  throw new EmailxError('badSender', "there is no sender: give 'from', or RTNADDR in the configuration file");
}

/**
 * One address as a command may carry it: without brackets, with a domain, each byte where SMTP allows it. A domain of
 * other letters than ASCII is turned into its ASCII form where the local part does not need SMTPUTF8 anyway.
 *
 * @param what what it is, for the message: 'the recipient'
 * @throws EmailxError with the status of `refusal`
 */
export function mailbox(
  text: string,
  domain: string,
  angleBrackets: 'inside' | 'refused',
  what: string,
  refusal: Refusal,
): string {
  const wrong = (reason: string) => new EmailxError(refusal, `${what} ${quoted(text)} ${reason}`);
  const bare = trimmed(text);
  const item = angleBrackets === 'inside' ? inside(bare) : bare;
  if (item === '') throw wrong('is no address');
  const address = item.includes('@') || domain === '' ? item : `${item}@${domain}`;
  const fault = faultOf(address);
  if (fault !== null) throw wrong(fault);
  const result = isAscii(address) ? address : international(address);
  if (result === null) throw wrong('has a domain that no name can be made of');
  if (result.length > LONGEST_ADDRESS) throw wrong(`is longer than ${LONGEST_ADDRESS} octets`);
  return result;
}

/**
 * `Ann <ann@example.com>` is `ann@example.com`. A comma in front, or a second bracket, would be a list: it stays whole,
 * and is refused, as all but the last would be lost.
 */
function inside(text: string): string {
  const [, name = '', address] = /^(.*)<([^<>]*)>$/.exec(text) ?? [];
  if (address === undefined || /[<>,;]/.test(name.replace(QUOTED, (written, end) => (end === '"' ? '' : written)))) {
    return text;
  }
  return trimmed(address);
}

/** A quoted string, or one that does not end: as one, or each of its quotes would be looked at as the first. */
const QUOTED = /"(?:[^"\\]|\\[\s\S])*("|\\?$)/g;

/**
 * Why an address cannot stand in a command; null if it can. This is what RFC 5321 §4.1.2 forbids everywhere; dots and
 * lengths of parts are left to the server, as there are real mailboxes that break those rules.
 */
function faultOf(address: string): string | null {
  if (isPlainAddress(address)) return null;
  if (hasControl(address)) return 'holds a control character';
  if (!isLatin1(address)) return 'holds a character above U+00FF: encode the text as UTF-8 first';
  if (!isAscii(address) && !isUtf8(Buffer.from(address, 'latin1'))) return 'is neither ASCII nor UTF-8';
  const [, local = '', at, domain = ''] = PARTS.exec(address) ?? [];
  if (local === '' && at === undefined) return forbidden(address);
  if (local === '') return 'has nothing in front of the @';
  if (at !== undefined && domain === '') return 'has nothing behind the @';
  const parts = (local.startsWith('"') ? '' : local) + (LITERAL.test(domain) ? '' : domain);
  if (!SPECIAL.test(parts)) return null;
  return domain.startsWith('[') ? 'has no address in its [ ]' : forbidden(parts);
}

/** The local part, which may be a quoted string, and the domain. */
const PARTS = /^("(?:[^"\\]|\\.)*"|[^@"]*)(?:(@)(.*))?$/;
/** What only a quoted string may hold. */
const SPECIAL = /[ <>()[\]:;,@\\"]/;
const LITERAL = /^\[[0-9A-Za-z.:-]{2,}\]$/;

/** The most telling character of those that no address has. */
function forbidden(text: string): string {
  if (/[,;]/.test(text)) return 'holds a comma or semicolon: recipients are separated by chr(13)';
  if (/[<>]/.test(text)) return 'holds < or >: write the address alone';
  if (text.includes(' ')) return 'holds a blank';
  return `holds ${SPECIAL.exec(text)?.[0] ?? '"'} where no address has it`;
}

/** The address with its domain in ASCII, or as it is if the local part needs UTF-8; null for a domain that is none. */
function international(address: string): string | null {
  const at = address.lastIndexOf('@');
  if (at < 0 || !isAscii(address.slice(0, at))) return address;
  const domain = asciiName(readable(address.slice(at + 1)));
  return domain === null ? null : `${address.slice(0, at)}@${domain}`;
}
