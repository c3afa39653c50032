/**
 * The parameter ATTACHMENTS: the structure of A-Shell programs, or a list in plain JavaScript (emailx §11.1, §11.3).
 *
 *     byte   0          2           130             257
 *          | count B,2 | file S,128 | type S,127 | encoding B,1 | next element, 256 bytes on
 */
import { CTE_7BIT, CTE_8BIT, CTE_BASE64, CTE_BINARY } from '../../ashell.def.ts';
import { isVariable, NumberVariable, StringVariable, type Variable } from '../basic/variables.ts';
import { asBuffer } from '../core/bytes.ts';
import { trimmed } from '../core/characters.ts';
import { EMAILX_DEFAULTS } from './assumptions.ts';
import { EmailxError } from './error.ts';

const COUNT_SIZE = 2;
const ELEMENT_SIZE = 256;
const FILE_SIZE = 128;
const TYPE_SIZE = 127;
/** What the structure can hold by its description. */
const MOST_ATTACHMENTS = 10;

export const ENCODINGS = ['base64', '7bit', '8bit', 'binary', 'quoted-printable'] as const;
/** A Content-Transfer-Encoding (RFC 2045 §6). */
export type TransferEncoding = (typeof ENCODINGS)[number];

/** One attachment of a list. Exactly one of `file` and `content` is there. */
export interface AttachmentOptions {
  /** A filespec, AMOS or native. Missing, empty and unreadable files refuse the call. */
  readonly file?: string;
  /** What to send instead of a file; text goes out as UTF-8. Not to be changed before the message has been sent. */
  readonly content?: Uint8Array | string;
  /** The name that the recipient sees: by default the file's, without directories. Required with `content`. */
  readonly name?: string;
  /** A Content-Type, with or without the field's name; `application/octet-stream` where it is blank. */
  readonly contentType?: string;
  /** A CTE value, or its name; `base64` by default. */
  readonly encoding?: TransferEncoding | number;
}

export interface Attachment {
  /** For messages: `attachment 1`. */
  readonly label: string;
  readonly content: { readonly file: string } | { readonly bytes: Uint8Array };
  /** Null for the name of the file. */
  readonly name: string | null;
  /** Bytes as Latin-1; blank for none. */
  readonly contentType: string;
  readonly encoding: TransferEncoding;
  /** By which the HTML of the message shows it (RFC 2392); null for one that stands beside the text. */
  readonly contentId: string | null;
}

export interface AttachmentRules {
  /** What becomes of the eleventh and further ones of a structure. */
  readonly attachmentsPast10: 'refused' | 'ignored' | 'sent';
  /** The number of quoted-printable. */
  readonly quotedPrintable: number;
}

/**
 * The attachments of a call. A structure is read from the variable's address to the end of its array, so that an
 * element or the whole of an array of X may be passed; nothing at all and a null string are no attachments.
 *
 * @throws EmailxError for an argument or option that is none of these, and for a structure that contradicts itself
 */
export function readAttachments(argument: unknown, rules: AttachmentRules = EMAILX_DEFAULTS): Attachment[] {
  if (argument === undefined || argument === null || argument === '') return [];
  if (Array.isArray(argument)) return argument.map((item: unknown, index) => fromOptions(item, index + 1, rules));
  if (argument instanceof Uint8Array) return fromStructure(argument, rules);
  if (isVariable(argument) && isStructure(argument)) return fromStructure(argument.extent, rules);
  throw new EmailxError(
    'badAttachment',
    "attachments is the structure ATTACHMENTS as X or S, a list of { file, contentType, encoding }, or '' for none",
  );
}

function isStructure(variable: Variable): boolean {
  return variable.type === 'X' || variable.type === 'S';
}

function fromStructure(bytes: Uint8Array, rules: AttachmentRules): Attachment[] {
  if (bytes.length === 0) return [];
  const count = bytes.length < COUNT_SIZE ? 1 : numberAt(bytes, 0, COUNT_SIZE);
  if (count > MOST_ATTACHMENTS && rules.attachmentsPast10 === 'refused') {
    const most = `there are at most ${MOST_ATTACHMENTS}`;
    throw new EmailxError('tooManyAttachments', `the structure counts ${count} attachments; ${most}`);
  }
  const used = rules.attachmentsPast10 === 'ignored' ? Math.min(count, MOST_ATTACHMENTS) : count;
  const needed = COUNT_SIZE + ELEMENT_SIZE * used;
  if (used > 0 && bytes.length < needed) {
    const sizes = `needs ${needed} bytes, and has ${bytes.length}`;
    throw new EmailxError('badAttachment', `the structure counts ${count} attachments, for which it ${sizes}`);
  }
  return Array.from({ length: used }, (_, index) => fromElement(bytes, index, rules));
}

function fromElement(bytes: Uint8Array, index: number, rules: AttachmentRules): Attachment {
  const label = `attachment ${index + 1}`;
  const offset = COUNT_SIZE + ELEMENT_SIZE * index;
  const file = trimmed(stringAt(bytes, offset, FILE_SIZE));
  const contentType = trimmed(stringAt(bytes, offset + FILE_SIZE, TYPE_SIZE));
  const number = numberAt(bytes, offset + FILE_SIZE + TYPE_SIZE, 1);
  if (file === '') {
    throw new EmailxError('badAttachment', `${label} names no file; the count must be that of the used elements`);
  }
  const encoding = encodingNumbered(number, rules);
  if (encoding === null) {
    throw new EmailxError('badAttachment', `${label} has the encoding ${number}; there are ${numbersOf(rules)}`);
  }
  return { label, content: { file }, name: null, contentType, encoding, contentId: null };
}

const OPTIONS: Readonly<Record<keyof AttachmentOptions, true>> = {
  file: true,
  content: true,
  name: true,
  contentType: true,
  encoding: true,
};

function fromOptions(item: unknown, number: number, rules: AttachmentRules): Attachment {
  const label = `attachment ${number}`;
  if (typeof item !== 'object' || item === null) {
    throw new EmailxError('badAttachment', `${label} is an object such as { file: 'report.pdf' }, not ${typeof item}`);
  }
  const given = new Map<string, unknown>(Object.entries(item));
  for (const name of given.keys()) {
    if (Object.hasOwn(OPTIONS, name)) continue;
    throw new EmailxError(
      'badAttachment',
      `${label}: '${name}' is unknown; there are ${Object.keys(OPTIONS).join(', ')}`,
    );
  }
  const file = textOption(label, 'file', given.get('file'));
  const content = contentOption(label, given.get('content'));
  const name = textOption(label, 'name', given.get('name'));
  if ((file === '') === (content === null)) {
    throw new EmailxError('badAttachment', `${label} needs either 'file' or 'content'`);
  }
  if (content !== null && name === '')
    throw new EmailxError('badAttachment', `${label} needs a 'name' beside its content`);
  return {
    label,
    content: content === null ? { file } : { bytes: content },
    name: name === '' ? null : name,
    contentType: textOption(label, 'contentType', given.get('contentType')),
    encoding: encodingOption(label, given.get('encoding'), rules),
    contentId: null,
  };
}

function textOption(label: string, option: string, value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return trimmed(value);
  throw new EmailxError('badAttachment', `${label}: '${option}' is a string, not ${typeof value}`);
}

function contentOption(label: string, value: unknown): Uint8Array | null {
  if (value === undefined) return null;
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  if (value instanceof Uint8Array) return asBuffer(value);
  throw new EmailxError('badAttachment', `${label}: 'content' is a Uint8Array or a string, not ${typeof value}`);
}

function encodingOption(label: string, value: unknown, rules: AttachmentRules): TransferEncoding {
  if (value === undefined) return 'base64';
  const encoding =
    typeof value === 'number'
      ? encodingNumbered(value, rules)
      : ENCODINGS.find((name) => typeof value === 'string' && name === value.toLowerCase());
  if (encoding !== null && encoding !== undefined) return encoding;
  throw new EmailxError(
    'badAttachment',
    `${label}: 'encoding' is one of ${ENCODINGS.join(', ')} or ${numbersOf(rules)}`,
  );
}

function encodingNumbered(number: number, rules: AttachmentRules): TransferEncoding | null {
  switch (number) {
    case CTE_BASE64:
      return 'base64';
    case CTE_7BIT:
      return '7bit';
    case CTE_8BIT:
      return '8bit';
    case CTE_BINARY:
      return 'binary';
    case rules.quotedPrintable:
      return 'quoted-printable';
    default:
      return null;
  }
}

function numbersOf(rules: AttachmentRules): string {
  return [CTE_BASE64, CTE_7BIT, CTE_8BIT, CTE_BINARY, rules.quotedPrintable].join(', ');
}

function numberAt(bytes: Uint8Array, offset: number, size: 1 | 2): number {
  return new NumberVariable('B', size, { storage: bytes, offset, end: bytes.length }).readNumber();
}

function stringAt(bytes: Uint8Array, offset: number, size: number): string {
  return new StringVariable(size, { storage: bytes, offset, end: bytes.length }).readString();
}
