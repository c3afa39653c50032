/** The order of a message's lines and parts (emailx §8, §11.5), and what the server has to know of the whole. */
import { isAscii, isUtf8 } from 'node:buffer';
import { asBuffer, encodeLatin1 } from '../core/bytes.ts';
import type { Attachment, TransferEncoding } from './attachments.ts';
import { attachmentFields } from './content-type.ts';
import { EmailxError } from './error.ts';
import { type GeneratedFieldRules, generatedFields, type Uniques } from './generated-fields.ts';
import { type Field, fieldsOf, fieldValue } from './head.ts';
import { CRLF } from './line-ends.ts';
import { LONGEST_LINE, lineFacts } from './line-facts.ts';
import { attachmentPart, type Limits, type Part, type Text, textPart } from './parts.ts';
import { Layout, type Segment } from './segments.ts';
import type { Source } from './source.ts';

export interface ComposeRules extends GeneratedFieldRules {
  readonly generatedLines: 'first' | 'last';
  /** Of a generated text Content-Type; blank for none. */
  readonly charset: string;
  readonly longLines: 'refused' | 'encoded' | 'sent';
  readonly contentDisposition: boolean;
}

export interface OpenAttachment {
  readonly attachment: Attachment;
  readonly source: Source;
  readonly fileName: string;
}

/** A message whose files are open. */
export interface Draft {
  /** The program's header lines, each with CRLF. */
  readonly head: string;
  readonly text: Text;
  readonly attachments: readonly OpenAttachment[];
  readonly html: boolean;
  /** The text begins with header fields of its own. */
  readonly mimeBody: boolean;
  readonly replyTo: string;
  readonly host: string;
}

/** What the server can take. */
export interface Carriage {
  /** Octets above 0x7f: 8BITMIME (RFC 6152). */
  readonly eightBitMime: boolean;
  /** Any octets and lines of any length: BINARYMIME with BDAT (RFC 3030). */
  readonly binaryMime: boolean;
}

export interface Composition {
  readonly segments: readonly Segment[];
  readonly size: number;
  readonly eightBit: boolean;
  readonly utf8Headers: boolean;
  readonly longestLine: number;
  readonly binary: boolean;
  readonly attachments: readonly AttachmentFacts[];
}

/** What is told of an attachment. */
export interface AttachmentFacts {
  readonly name: string;
  /** Octets before encoding. */
  readonly size: number;
  readonly encoding: TransferEncoding;
}

/** Composes until the boundary occurs in no part. */
export function compose(draft: Draft, rules: ComposeRules, carriage: Carriage, uniques: Uniques): Composition {
  const isMultipart = draft.attachments.length > 0;
  for (;;) {
    const boundary = isMultipart ? uniques.boundary() : null;
    const search = boundary === null ? null : `--${boundary}`;
    const limits: Limits = { ...carriage, longLines: rules.longLines, boundary: search };
    const plan = planOf(draft, limits);
    if (!plan.parts.some(({ facts }) => facts.hasBoundary)) return laidOut(draft, plan, rules, boundary, uniques);
  }
}

interface Plan {
  readonly text: Part;
  /** Those fields of the program that stay in the message's own header. */
  readonly fields: readonly Field[];
  /** Those that go with the text into its part. */
  readonly moved: readonly Field[];
  readonly attachments: readonly (OpenAttachment & { readonly part: Part })[];
  readonly parts: readonly Part[];
}

/** With attachments the message is multipart, and what the program said of its contents is true of the text alone. */
function planOf(draft: Draft, limits: Limits): Plan {
  const all = fieldsOf(draft.head);
  const moves = ({ name }: Field) => draft.attachments.length > 0 && !draft.mimeBody && name.startsWith('content-');
  const moved = all.filter(moves);
  const text = textPart(draft.text, isEncodable(draft, all), limits);
  const attachments = draft.attachments.map((open) => {
    const { label, encoding } = open.attachment;
    return { ...open, part: attachmentPart(open.source, encoding, label, limits) };
  });
  const parts = [text, ...attachments.map(({ part }) => part)];
  return { text, fields: all.filter((field) => !moves(field)), moved, attachments, parts };
}

/** False where the program has encoded the text itself, or where only what lies inside it could be encoded. */
function isEncodable({ mimeBody }: Draft, fields: readonly Field[]): boolean {
  if (mimeBody || fieldValue(fields, 'content-transfer-encoding') !== null) return false;
  return !/^(multipart|message)\//i.test(fieldValue(fields, 'content-type') ?? '');
}

function laidOut(
  draft: Draft,
  plan: Plan,
  rules: ComposeRules,
  boundary: string | null,
  uniques: Uniques,
): Composition {
  const { text, fields, moved, attachments, parts } = plan;
  const layout = new Layout();
  const headers: Buffer[] = [];
  const header = (lines: string, refusal: 'badHeader' | 'badAttachment', where: string) => {
    const octets = checkedLines(lines, refusal, where, rules);
    headers.push(octets);
    layout.add(octets, CRLF);
  };
  const isEncoded = text.encoding === 'quoted-printable';
  const mime = boundary === null ? textFields(draft, fields, text, rules) : [...multipartFields(boundary, parts)];
  const isMime = boundary !== null || draft.html || draft.mimeBody || isEncoded;
  const has = (name: string) => fields.some((field) => field.name === name);
  const generated = generatedFields({ ...draft, isMime, mime }, has, rules, uniques);
  const own = fields.map((field) => field.text).join('');
  header(rules.generatedLines === 'first' ? generated + own : own + generated, 'badHeader', 'the header');
  if (boundary === null) {
    layout.append(text.segment);
    if (text.segment.size > 0 && !text.facts.endsWithLineEnd) layout.add(CRLF);
  } else {
    layout.add(asBuffer(encodeLatin1(`--${boundary}\r\n`)));
    if (!draft.mimeBody) {
      const described = [...textFields(draft, moved, text, rules)].map((line) => `${line}\r\n`).join('');
      header(moved.map((field) => field.text).join('') + described, 'badHeader', 'the header');
    }
    layout.append(text.segment);
    for (const { attachment, fileName, part } of attachments) {
      layout.add(asBuffer(encodeLatin1(`\r\n--${boundary}\r\n`)));
      const lines = attachmentFields(attachment, fileName, part.encoding, rules.contentDisposition);
      header(lines, 'badAttachment', attachment.label);
      layout.append(part.segment);
    }
    layout.add(asBuffer(encodeLatin1(`\r\n--${boundary}--\r\n`)));
  }
  const segments = layout.end();
  const joined = Buffer.concat(headers);
  return {
    segments,
    size: segments.reduce((sum, { size }) => sum + size, 0),
    eightBit: !isAscii(joined) || parts.some(({ facts }) => facts.eightBit),
    utf8Headers: !isAscii(joined) && isUtf8(joined),
    longestLine: Math.max(lineFacts([joined]).longestLine, ...parts.map(({ facts }) => facts.longestLine)),
    binary: parts.some(({ facts }) => facts.binary),
    attachments: attachments.map(({ attachment, fileName, source, part }) => {
      return { name: attachment.name ?? fileName, size: source.size, encoding: part.encoding };
    }),
  };
}

/** What describes the text, as far as the program has not: in the message's header, or in that of the text's part. */
function textFields(draft: Draft, given: readonly Field[], text: Part, rules: ComposeRules): string[] {
  const { html, mimeBody } = draft;
  if (mimeBody) return [];
  const isPart = draft.attachments.length > 0;
  const isEncoded = text.encoding === 'quoted-printable';
  const isMime = isPart || html || isEncoded;
  const lines: string[] = [];
  if (isMime && fieldValue(given, 'content-type') === null) {
    lines.push(
      `Content-Type: text/${html ? 'html' : 'plain'}${rules.charset === '' ? '' : `; charset=${rules.charset}`}`,
    );
  }
  if (isMime && text.encoding !== '7bit' && fieldValue(given, 'content-transfer-encoding') === null) {
    lines.push(`Content-Transfer-Encoding: ${text.encoding}`);
  }
  return lines;
}

/** The whole is labelled as what it holds (RFC 2045 §6.4). */
function* multipartFields(boundary: string, parts: readonly Part[]): Generator<string> {
  yield `Content-Type: multipart/mixed; boundary="${boundary}"`;
  const encoding = wholeEncoding(parts);
  if (encoding !== null) yield `Content-Transfer-Encoding: ${encoding}`;
}

function wholeEncoding(parts: readonly Part[]): TransferEncoding | null {
  if (parts.some(({ encoding }) => encoding === 'binary')) return 'binary';
  return parts.some(({ facts }) => facts.eightBit) ? '8bit' : null;
}

function checkedLines(
  lines: string,
  refusal: 'badHeader' | 'badAttachment',
  where: string,
  { longLines }: ComposeRules,
): Buffer {
  const octets = asBuffer(encodeLatin1(lines));
  const { longestLine, nul } = lineFacts([octets]);
  if (nul) throw new EmailxError(refusal, `${where} holds a NUL; remove it`);
  if (longestLine > LONGEST_LINE && longLines !== 'sent') {
    const long = `a line of ${longestLine} octets, more than the ${LONGEST_LINE} that SMTP allows`;
    throw new EmailxError(refusal, `${where} has ${long}; continue it on the next line, behind CRLF and a blank`);
  }
  return octets;
}
