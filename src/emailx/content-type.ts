/** The header fields of an attachment: its Content-Type as the program gave it, and its name where it gave none. */
import { createRequire } from 'node:module';
import { isAscii, trimmedEnd } from '../core/characters.ts';
import type { Attachment, TransferEncoding } from './attachments.ts';
import { EmailxError } from './error.ts';
import { quoted } from './text.ts';

type Library = typeof import('nodemailer/lib/mime-funcs');

const BLANK_TYPE = 'application/octet-stream';
/** A parameter with its value as it is written: quoted, or a token. */
const PARAMETER = /;\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\[\s\S])*"|[^\s;"]*)/g;
/** `name`, or a form of it for other character sets (RFC 2231): `name*`, `name*0`, `name*0*`. */
const NAME = /^name(\*\d*\*?)?$/i;
const ENCODED_WORD = 52;
/** Octets of a name in one parameter, so that a line has less than 78. */
const LONGEST_PIECE = 50;

let library: Library | undefined;

/** Loaded when a name first needs it. */
function encoder(): Library {
  library ??= createRequire(import.meta.url)('nodemailer/lib/mime-funcs') as Library;
  return library;
}

/**
 * The lines of a part with an attachment, each with CRLF, without the empty line. `fileName` is shown where the
 * Content-Type has no `name`.
 *
 * @throws EmailxError for a Content-Type that would not stay one field
 */
export function attachmentFields(
  { label, name, contentType, contentId }: Attachment,
  fileName: string,
  encoding: TransferEncoding,
  withDisposition: boolean,
): string {
  const type = checkedType(contentType, label);
  const shown = name ?? fileName;
  const named = [...type.matchAll(PARAMETER)].filter(([, parameter = '']) => NAME.test(parameter));
  const lines = [
    `Content-Type: ${named.length > 0 ? type : `${type}; ${nameParameter(shown)}`}`,
    `Content-Transfer-Encoding: ${encoding}`,
    ...(contentId === null ? [] : [`Content-ID: <${contentId}>`]),
  ];
  if (withDisposition) {
    // A name that the program wrote is the one that it wants to be seen, in the very form that it wrote.
    const names = named.map(([written, parameter = '', value = '']) => {
      return `${/^;\s*\n/.test(written) ? ';\r\n ' : '; '}file${parameter.toLowerCase()}=${value}`;
    });
    const fileNames = names.length > 0 ? names.join('') : fileNameParameter(shown);
    lines.push(`Content-Disposition: ${contentId === null ? 'attachment' : 'inline'}${fileNames}`);
  }
  return lines.map((line) => `${line}\r\n`).join('');
}

/**
 * A Content-Type in ASCII: the values of parameters that are not are encoded (RFC 2231). Null where anything else is not.
 */
export function asciiType(contentType: string): string | null {
  const type = contentType.replace(PARAMETER, (written, parameter: string, value: string) => {
    if (isAscii(value) || parameter.endsWith('*')) return written;
    return encodedParameter(parameter, value.startsWith('"') ? unquoted(value) : value);
  });
  return isAscii(type) ? type : null;
}

/** Whether a Content-Type as a program gives it is one of text, whose line ends are the reader's. */
export function isText(contentType: string): boolean {
  return /^(?:content-type[ \t]*:)?\s*text\//i.test(contentType);
}

function unquoted(value: string): string {
  return value.slice(1, -1).replace(/\r\n|\\([\s\S])/g, '$1');
}

function checkedType(contentType: string, label: string): string {
  const type = trimmedEnd(contentType.replace(/^content-type[ \t]*:/i, ''), '; \t\r\n\f\v').trimStart();
  if (type === '') return BLANK_TYPE;
  const unfolded = type.replace(/\r\n(?=[ \t])/g, '');
  if (/[\r\n\0]/.test(unfolded)) {
    const reason = 'holds NUL, or CR or LF without a blank behind it';
    throw new EmailxError('badAttachment', `${label}: the Content-Type ${quoted(contentType)} ${reason}`);
  }
  return type;
}

/** Printable ASCII goes out as it is. What looks like an encoded word would be decoded. */
function isPlain(name: string): boolean {
  return /^[ -~]*$/.test(name) && !/["\\]|=\?/.test(name);
}

/** Other characters as encoded words, which the standard has no place for here and every mail reader understands. */
function nameParameter(name: string): string {
  if (isPlain(name)) return `name="${name}"`;
  return `name="${encoder().encodeWord(name, 'Q', ENCODED_WORD).replaceAll('?= =?', '?=\r\n =?')}"`;
}

/** Other characters as RFC 2231 has it. */
function fileNameParameter(name: string): string {
  return isPlain(name) ? `; filename="${name}"` : encodedParameter('filename', name);
}

/** Every piece of a long value is in its encoded form: some readers trim blanks off a piece in quotes. */
function encodedParameter(parameter: string, value: string): string {
  const pieces = [''];
  for (const character of value) {
    const encoded = percentEncoded(character);
    if ((pieces.at(-1) ?? '').length + encoded.length > LONGEST_PIECE) pieces.push('');
    pieces[pieces.length - 1] += encoded;
  }
  const [first = '', ...more] = pieces;
  if (more.length === 0) return `;\r\n ${parameter}*=utf-8''${first}`;
  return pieces.map((piece, index) => `;\r\n ${parameter}*${index}*=${index === 0 ? "utf-8''" : ''}${piece}`).join('');
}

/** Half of a surrogate pair becomes the replacement character, as in all of UTF-8. */
function percentEncoded(character: string): string {
  if (/^[A-Za-z0-9!#$&+^_`{}~.|-]$/.test(character)) return character;
  return [...Buffer.from(character, 'utf8')]
    .map((octet) => `%${octet.toString(16).toUpperCase().padStart(2, '0')}`)
    .join('');
}
