/** What sendMail sends, and to whom: the message with its files open, and the envelope. */
import { resolve } from 'node:path';
import { isAscii } from '../core/characters.ts';
import { UsageError } from '../core/errors.ts';
import { type Envelope, mailbox } from './addresses.ts';
import { EMAILX_DEFAULTS } from './assumptions.ts';
import { charsetOf } from './charset.ts';
import { composeLetter } from './compose-mail.ts';
import type { Content } from './content.ts';
import { newMessageId } from './generated-fields.ts';
import { isStream, pathOf, readMailAttachments } from './mail-attachments.ts';
import type { CompleteMessage, MailEnvelope, MailOptions } from './mail-options.ts';
import { asUsage } from './mail-options.ts';
import { parseMailboxes } from './mailboxes.ts';
import { buildMessage, type Message, openSignature } from './message.ts';
import { kindOf, knownOptions, objectOption } from './option-checks.ts';
import { readable } from './text.ts';

export interface MailContent {
  /** To be closed. */
  readonly message: Message;
  readonly envelope: Envelope;
  /** With its brackets; null for a complete message, which may have one or not. */
  readonly messageId: string | null;
}

/** What a configuration file adds to the contents. */
export interface ContentDefaults {
  /** Completes addresses without a domain; blank for none. */
  readonly domain: string;
  /** Replaces all recipients; blank for none. */
  readonly redirect: string;
  readonly addBcc: readonly string[];
  /** Text, which goes behind that of a letter, and as text into its HTML. */
  readonly signature: Content | null;
}

export const NO_DEFAULTS: ContentDefaults = Object.freeze({ domain: '', redirect: '', addBcc: [], signature: null });

const LETTER_RULES = { xMailer: '', dateAndMessageId: true, mimeHeaders: 'always', charset: 'utf-8' } as const;
/** Its first line is of its header, whatever it looks like, and stays the first. */
const COMPLETE_RULES = {
  xMailer: '',
  dateAndMessageId: false,
  blankHeader: 'asWritten',
  generatedLines: 'last',
  charset: charsetOf,
} as const;

/** What makes a letter, and has no place beside a complete message. */
const OF_LETTERS = ['replyTo', 'subject', 'text', 'html', 'headers', 'attachments'] as const;
const KNOWN_ENVELOPE: Readonly<Record<keyof MailEnvelope, true>> = { from: true, to: true };

/**
 * Opens every file and checks every address: nothing is sent when this fails.
 *
 * @throws UsageError that names the option; EmailxError for a file that is missing, empty or cannot be sent
 */
export function prepareContent(options: MailOptions, defaults: ContentDefaults): MailContent {
  const { message: whole, html } = options;
  const envelope = envelopeOf(options, defaults);
  const beside = whole === undefined ? undefined : OF_LETTERS.find((name) => options[name] !== undefined);
  if (beside !== undefined) throw new UsageError(`message is complete already: ${beside} does not go with it`);
  if (whole === undefined && options.from === undefined) throw new UsageError('from is missing: who sends this?');
  const attachments = readMailAttachments(options.attachments);
  const shown = attachments.find(({ contentId }) => contentId !== null);
  if (shown !== undefined && html === undefined)
    throw new UsageError(`${shown.label}.cid is for html, and there is none`);
  const host = envelope.sender.split('@').at(-1) ?? '';
  const messageId = whole === undefined ? (givenMessageId(options) ?? newMessageId(host)) : null;
  const parts =
    messageId === null
      ? { header: '', body: completeMessage(whole), html: false, mimeBody: false }
      : composeLetter(options, { messageId, domain: defaults.domain, signature: signatureText(defaults.signature) });
  const message = buildMessage(
    { ...parts, signature: null, attachments, joinHeader: false, replyTo: '', host, locate },
    { ...EMAILX_DEFAULTS, ...(whole === undefined ? LETTER_RULES : COMPLETE_RULES) },
  );
  return { message, envelope, messageId };
}

const locate = (path: string) => resolve(path);

/** Blank for none. Octets that are not UTF-8 are Latin-1, as A-Shell writes it. */
function signatureText(signature: Content | null): string {
  if (signature === null) return '';
  const source = openSignature(signature, locate);
  try {
    return readable(source.block(0, source.size, Buffer.alloc(source.size)).toString('latin1'));
  } finally {
    source.close();
  }
}

function givenMessageId({ headers = {} }: MailOptions): string | null {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === 'message-id')?.[1] ?? null;
}

function completeMessage(message: CompleteMessage | undefined): Content {
  if (typeof message === 'string') return { bytes: Buffer.from(message, 'utf8') };
  if (message instanceof Uint8Array) return { bytes: message };
  if (isStream(message)) throw new UsageError('message is a stream, which only sendMail can wait for');
  if (typeof message === 'object' && message !== null && 'file' in message) {
    knownOptions('message.', message, { file: true });
    return { file: pathOf('message.file', message.file) };
  }
  throw new UsageError(`message is a string, a Uint8Array, { file } or a stream, not ${kindOf(message)}`);
}

function envelopeOf(options: MailOptions, { domain, redirect, addBcc }: ContentDefaults): Envelope {
  const { from, to, cc, bcc, envelope } = options;
  if (envelope !== undefined) {
    objectOption('envelope', envelope);
    knownOptions('envelope.', envelope, KNOWN_ENVELOPE);
  }
  const own = envelope?.from !== undefined;
  const isEmpty = own && /^(<>)?$/.test(envelope.from.trim());
  const [sender, ...more] = isEmpty
    ? []
    : parseMailboxes(own ? 'envelope.from' : 'from', envelope?.from ?? from, domain);
  if (sender === undefined && !isEmpty) throw new UsageError('from is missing: who sends this?');
  if (more.length > 0) throw new UsageError(`${own ? 'envelope.from' : 'from'} names more than one sender`);
  const lists = envelope?.to === undefined ? { to, cc, bcc } : { 'envelope.to': envelope.to };
  const named = Object.entries(lists).flatMap(([name, list]) => parseMailboxes(name, list, domain));
  if (named.length === 0) throw new UsageError('there is no recipient: give to, cc or bcc');
  const added = parseMailboxes('ADDBCC', addBcc, domain);
  const bytes = (address: string, option: string) =>
    asUsage(option, () =>
      mailbox(Buffer.from(address, 'utf8').toString('latin1'), '', 'refused', 'the address', 'badRecipient'),
    );
  // Once each: a recipient of To and Bcc gets one copy.
  const everyone = [...new Set([...named, ...added].map(({ address }) => bytes(address, 'a recipient')))];
  const replaced = parseMailboxes('REDIRECT', redirect, domain).map(({ address }) => bytes(address, 'REDIRECT'));
  const recipients = replaced.length > 0 ? replaced : everyone;
  const from2 = sender === undefined ? '' : bytes(sender.address, 'from');
  const needsSmtpUtf8 = [from2, ...recipients].some((address) => !isAscii(address));
  return { sender: from2, recipients, redirected: replaced.length > 0 ? everyone : [], needsSmtpUtf8 };
}
