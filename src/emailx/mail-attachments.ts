/** The attachments of sendMail. */
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asBuffer } from '../core/bytes.ts';
import { UsageError } from '../core/errors.ts';
import { type Attachment, ENCODINGS, type TransferEncoding } from './attachments.ts';
import { asciiType } from './content-type.ts';
import { kindOf, knownOptions, objectOption, oneOf, textOption } from './option-checks.ts';

type MimeFuncs = typeof import('nodemailer/lib/mime-funcs');

/** One attachment. Exactly one of `file` and `content` is there. An empty one is refused. */
export interface MailAttachment {
  /** The path of a file, which is read while it is sent and must not change until then. */
  readonly file?: string | URL;
  /** What to send instead: text as UTF-8, octets, or a stream of either (sendMail only). */
  readonly content?: string | Uint8Array | AsyncIterable<Uint8Array | string>;
  /** The name that the recipient sees: by default the file's, without directories. Required with `content`. */
  readonly name?: string;
  /** The Content-Type, whose parameters may hold any characters; by default what the name suggests. */
  readonly contentType?: string;
  /** Default `base64`. */
  readonly encoding?: TransferEncoding;
  /** The HTML shows it, as `<img src="cid:...">`, by this name of letters, digits, dots and the like. */
  readonly cid?: string;
}

const KNOWN: Readonly<Record<keyof MailAttachment, true>> = {
  file: true,
  content: true,
  name: true,
  contentType: true,
  encoding: true,
  cid: true,
};

/** @throws UsageError that names the option */
export function readMailAttachments(list: readonly MailAttachment[] | undefined): Attachment[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) throw new UsageError(`attachments is a list, not ${kindOf(list)}`);
  return list.map((item: MailAttachment, index) => read(item, `attachments[${index}]`));
}

function read(item: MailAttachment, label: string): Attachment {
  objectOption(label, item);
  knownOptions(`${label}.`, item, KNOWN);
  const text = (name: 'name' | 'contentType') =>
    item[name] === undefined ? '' : textOption(`${label}.${name}`, item[name]);
  const file = item.file === undefined ? null : pathOf(`${label}.file`, item.file);
  const bytes = item.content === undefined ? null : bytesOf(`${label}.content`, item.content);
  if ((file === null) === (bytes === null)) throw new UsageError(`${label} needs either file or content`);
  const name = text('name');
  if (file === null && name === '') throw new UsageError(`${label}.name is needed beside content`);
  const given = text('contentType');
  const type = given === '' ? typeOf(name || basename(file ?? ''), typeof item.content === 'string') : asciiType(given);
  if (type === null) throw new UsageError(`${label}.contentType holds more than ASCII outside of a parameter's value`);
  return {
    label,
    content: file === null ? { bytes: bytes ?? Buffer.alloc(0) } : { file },
    name: name === '' ? null : name,
    contentType: type,
    encoding: item.encoding === undefined ? 'base64' : oneOf(`${label}.encoding`, item.encoding, ENCODINGS),
    contentId: item.cid === undefined ? null : contentId(`${label}.cid`, item.cid),
  };
}

/** The path of an option that names a file. */
export function pathOf(option: string, file: string | URL): string {
  if (file instanceof URL) {
    if (file.protocol === 'file:') return fileURLToPath(file);
    throw new UsageError(`${option} is a path or a file: URL, not ${file.protocol}`);
  }
  const path = textOption(option, file);
  if (path === '' || path.includes('\0')) throw new UsageError(`${option} is no path: it is blank or holds a NUL`);
  return path;
}

function bytesOf(option: string, content: unknown): Uint8Array {
  if (typeof content === 'string') return Buffer.from(content, 'utf8');
  if (content instanceof Uint8Array) return asBuffer(content);
  if (isStream(content)) throw new UsageError(`${option} is a stream, which only sendMail can wait for`);
  throw new UsageError(`${option} is a string, a Uint8Array or a stream, not ${kindOf(content)}`);
}

export function isStream(content: unknown): content is AsyncIterable<Uint8Array | string> {
  return typeof content === 'object' && content !== null && Symbol.asyncIterator in content;
}

function contentId(option: string, cid: unknown): string {
  const text = textOption(option, cid);
  if (/^[\w.!#$%&'*+/=?^`{|}~@-]{1,200}$/.test(text)) return text;
  throw new UsageError(
    `${option} is a name such as logo or logo@example.com, not ${JSON.stringify(text.slice(0, 40))}`,
  );
}

/** Text that was a string is UTF-8 for sure; of a file nobody knows. */
function typeOf(name: string, isText: boolean): string {
  const { detectMimeType } = createRequire(import.meta.url)('nodemailer/lib/mime-funcs') as MimeFuncs;
  const type = detectMimeType(name);
  return isText && type.startsWith('text/') ? `${type}; charset=utf-8` : type;
}
