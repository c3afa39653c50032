/**
 * A complete message on standard input, as `sendmail -t` takes it: the header is read for who receives it, Bcc lines are
 * taken out, what a submission has to have is added, and the rest goes through as it comes.
 */
import { UsageError } from '../core/errors.ts';
import { mailboxField } from '../emailx/compose-mail.ts';
import { newMessageId, rfc5322Date } from '../emailx/generated-fields.ts';
import { type Field, fieldsOf, fieldValue, LONGEST_HEAD } from '../emailx/head.ts';
import { crlfText } from '../emailx/line-ends.ts';
import { type Mailbox, parseMailboxes } from '../emailx/mailboxes.ts';
import { readable } from '../emailx/text.ts';

export interface CompleteInput {
  readonly message: AsyncIterable<Uint8Array>;
  /** The sender that was asked for, else the address of From, or of Sender where there is one. */
  readonly from: string;
  readonly to: readonly string[];
}

/** What is known beside the message; null for nothing. */
export interface InputSettings {
  /** `--from`: the sender of the envelope, and the From line of a message without one. */
  readonly from: string | null;
  /** The sender where neither the message nor `from` names one: RTNADDR. */
  readonly otherwise: string | null;
  /** Completes addresses that have none; blank for none. */
  readonly domain: string;
}

/** An empty line, by whatever line ends. */
const EMPTY_LINE = /^\r?\n|\n\r?\n/;
const RECIPIENTS = ['to', 'cc', 'bcc'] as const;
/** Of a message that is sent on, its Resent lines count (RFC 5322 §3.6.6). */
const RESENT_RECIPIENTS = ['resent-to', 'resent-cc', 'resent-bcc'] as const;
const HIDDEN: ReadonlySet<string> = new Set(['bcc', 'resent-bcc']);

/**
 * Reads the header of a message; the rest is read when the message is.
 *
 * @throws UsageError for what is no message, or has no recipients
 */
export async function completeInput(input: AsyncIterable<Buffer>, settings: InputSettings): Promise<CompleteInput> {
  const chunks = input[Symbol.asyncIterator]();
  const { head, rest } = await headOf(chunks);
  const fields = fieldsOf(head);
  if (fields.length === 0 || fields.some(({ name }) => name === '')) {
    const wrong =
      fields
        .find(({ name }) => name === '')
        ?.text.trim()
        .slice(0, 60) ?? '';
    const found = wrong === '' ? 'it is empty' : `${JSON.stringify(readable(wrong))} is none`;
    throw new UsageError(`standard input is no message: it has to begin with header lines such as 'To: ...', ${found}`);
  }
  const addresses = (name: string) => addressesOf(fields, name, settings.domain);
  const isResent = fields.some(({ name }) => name.startsWith('resent-'));
  const to = (isResent ? RESENT_RECIPIENTS : RECIPIENTS).flatMap((name) => addresses(name));
  if (to.length === 0) throw new UsageError('the message names no recipient in To, Cc or Bcc');
  const senders = [...(isResent ? ['resent-sender', 'resent-from'] : []), 'sender', 'from'].flatMap(addresses);
  const author = senders.length > 0 ? null : authorOf(settings);
  const sender = author?.address ?? senders[0] ?? '';
  const lines = [
    ...(author === null ? [] : [latin1(`${mailboxField('From', [author])}\r\n`)]),
    ...generated(fields, sender),
    ...fields.filter(({ name }) => !HIDDEN.has(name)).map(({ text }) => text),
    '\r\n',
  ];
  const begin = lines.join('');
  if (begin.length > LONGEST_HEAD) throw tooLong();
  return { message: joined(begin, rest, chunks), from: settings.from ?? sender, to };
}

/** The header lines, each with CRLF, and what was read behind the empty line. */
async function headOf(chunks: AsyncIterator<Buffer>): Promise<{ head: string; rest: Buffer }> {
  let read = Buffer.alloc(0);
  for (;;) {
    const text = read.toString('latin1');
    const match = EMPTY_LINE.exec(text);
    if (match !== null) {
      if (match.index > LONGEST_HEAD) throw tooLong();
      const end = match.index + match[0].length;
      return { head: complete(text.slice(0, match.index)), rest: read.subarray(end) };
    }
    if (read.length > LONGEST_HEAD) throw tooLong();
    const next = await chunks.next();
    if (next.done === true) return { head: complete(text), rest: Buffer.alloc(0) };
    read = Buffer.concat([read, next.value]);
  }
}

function tooLong(): UsageError {
  return new UsageError(`the header is longer than ${LONGEST_HEAD} bytes`);
}

function complete(lines: string): string {
  return lines === '' || lines.endsWith('\n') ? crlfText(lines) : crlfText(`${lines}\n`);
}

/** Who wrote a message that does not say so. */
function authorOf({ from, otherwise, domain }: InputSettings): Mailbox {
  const [author] = parseMailboxes(from === null ? 'RTNADDR' : '--from', from ?? otherwise ?? '', domain);
  if (author === undefined) throw new UsageError('the message has no From line: give --from');
  return author;
}

function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function addressesOf(fields: readonly Field[], name: string, domain: string): string[] {
  return fields
    .filter((field) => field.name === name)
    .flatMap((field) => {
      const value = readable(fieldValue([field], name) ?? '').replaceAll('\t', ' ');
      return parseMailboxes(`the line ${name[0]?.toUpperCase()}${name.slice(1)}`, value, domain);
    })
    .map(({ address }) => address);
}

/** What RFC 6409 §8 lets a submission have, where it is missing. */
function generated(fields: readonly Field[], sender: string): string[] {
  const has = (wanted: string) => fields.some(({ name }) => name === wanted);
  return [
    ...(has('date') ? [] : [`Date: ${rfc5322Date(new Date())}\r\n`]),
    ...(has('message-id') ? [] : [`Message-ID: ${newMessageId(sender.split('@').at(-1) ?? '')}\r\n`]),
  ];
}

async function* joined(head: string, rest: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(head, 'latin1');
  if (rest.length > 0) yield rest;
  for (;;) {
    const next = await chunks.next();
    if (next.done === true) return;
    yield next.value;
  }
}
