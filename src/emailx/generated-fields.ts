/** The header lines that are added to those of the program (emailx §8), and what must be unique in them. */
import { hasAny } from '../core/characters.ts';
import { EmailxError } from './error.ts';
import { isPlainAddress } from './plain-address.ts';
import { quoted } from './text.ts';

export interface GeneratedFieldRules {
  /** Blank for no X-Mailer. */
  readonly xMailer: string;
  /** Reply-To beside one of the program. */
  readonly replyTo: 'once' | 'always';
  readonly dateAndMessageId: boolean;
}

/** What differs from message to message. */
export interface Uniques {
  /** ASCII without blanks, up to 68 characters; one that occurs in a part is replaced by the next. */
  boundary(): string;
  date(): Date;
  /** The part of a Message-ID before the `@`. */
  messageId(): string;
}

/**
 * Not secret, and need not be: a boundary is searched for in every part that could hold it. `=_` occurs neither in
 * base64 nor in quoted-printable.
 */
export const UNIQUES: Uniques = {
  boundary: () => `=_tcpx_${random()}${random()}`,
  date: () => new Date(),
  messageId: () => `${Date.now().toString(36)}.${process.pid.toString(36)}.${random()}`,
};

function random(): string {
  return Math.random().toString(36).slice(2).padEnd(11, '0');
}

export interface GeneratedFieldValues {
  /** Blank for none. */
  readonly replyTo: string;
  /** The right side of a Message-ID. */
  readonly host: string;
  /** MIME-Version is needed. */
  readonly isMime: boolean;
  /** What follows MIME-Version, without CRLF. */
  readonly mime: readonly string[];
}

/**
 * The generated lines, each with CRLF. `has` tells whether the program wrote a field, by its name in lower case.
 *
 * @throws EmailxError for a Reply-To that would not stay one line
 */
export function generatedFields(
  { replyTo, host, isMime, mime }: GeneratedFieldValues,
  has: (name: string) => boolean,
  rules: GeneratedFieldRules,
  uniques: Uniques,
): string {
  const lines: string[] = [];
  if (rules.xMailer !== '' && !has('x-mailer')) lines.push(`X-Mailer: ${rules.xMailer}`);
  if (replyTo !== '' && (rules.replyTo === 'always' || !has('reply-to'))) lines.push(`Reply-To: ${oneLine(replyTo)}`);
  if (rules.dateAndMessageId && !has('date')) lines.push(`Date: ${rfc5322Date(uniques.date())}`);
  if (rules.dateAndMessageId && !has('message-id')) {
    lines.push(`Message-ID: ${newMessageId(host, uniques)}`);
  }
  if (isMime && !has('mime-version')) lines.push('MIME-Version: 1.0');
  return [...lines, ...mime].map((line) => `${line}\r\n`).join('');
}

/** A Message-ID that nobody else has, in its brackets (RFC 5322 §3.6.4). */
export function newMessageId(host: string, uniques: Uniques = UNIQUES): string {
  const unique = uniques.messageId();
  return isPlainAddress(`${unique}@${host}`) ? `<${unique}@${host}>` : `<${unique}@localhost>`;
}

function oneLine(address: string): string {
  if (!hasAny(address, '\r\n\0')) return address;
  throw new EmailxError('badSetting', `REPLYTO ${quoted(address)} holds CR, LF or NUL`);
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** RFC 5322 §3.3, in UTC. As toUTCString has it, which takes ten times as long in its first call. */
export function rfc5322Date(date: Date): string {
  const [hours, minutes, seconds] = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(twoDigits);
  const day = `${DAYS[date.getUTCDay()]}, ${twoDigits(date.getUTCDate())} ${MONTHS[date.getUTCMonth()]}`;
  return `${day} ${date.getUTCFullYear()} ${hours}:${minutes}:${seconds} +0000`;
}

function twoDigits(value: number): string {
  return `${value}`.padStart(2, '0');
}
