/** Messages for tests: parts with defaults, a boundary that does not change, octets as text that can be read. */

import { EMAILX_DEFAULTS } from '../../src/emailx/assumptions.ts';
import type { Uniques } from '../../src/emailx/generated-fields.ts';
import { buildMessage, type Message, type MessageParts, type MessageRules } from '../../src/emailx/message.ts';

const UNIQUES: Uniques = {
  boundary: () => '=_b',
  date: () => new Date(Date.UTC(2026, 10, 21, 8, 7, 6)),
  messageId: () => 'unique',
};

const PARTS: MessageParts = {
  header: '',
  body: null,
  signature: null,
  attachments: [],
  joinHeader: false,
  html: false,
  mimeBody: false,
  replyTo: '',
  host: '',
  locate: (spec) => spec,
};

/** Without X-Mailer, which would only repeat itself. */
const RULES: MessageRules = { ...EMAILX_DEFAULTS, xMailer: '' };

export function messageOf(parts: Partial<MessageParts>, rules: Partial<MessageRules> = {}, uniques = UNIQUES): Message {
  return buildMessage({ ...PARTS, ...parts }, { ...RULES, ...rules }, uniques);
}

export const literal = (text: string): { readonly bytes: Uint8Array } => ({ bytes: Buffer.from(text, 'latin1') });

/** All octets of a message. Its chunks are copied: they are valid for one step only. */
export function octetsOf(message: Pick<Message, 'chunks'>): Buffer {
  return Buffer.concat(Array.from(message.chunks(), (chunk) => Buffer.from(chunk)));
}

/** A message as lines: CRLF is a line end, any other control or 8-bit octet is shown as `<0a>`. Closes the message. */
export function transcript(message: Message): string {
  try {
    return readable(octetsOf(message));
  } finally {
    message.close();
  }
}

export function readable(octets: Buffer): string {
  const lines = octets.toString('latin1').split('\r\n');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is to be seen
  const shown = lines.map((line) => line.replace(/[\x00-\x1f\x7f-\xff]/g, (c) => `<${hex(c)}>`));
  return shown.join('\n');
}

const hex = (character: string) => character.charCodeAt(0).toString(16).padStart(2, '0');
