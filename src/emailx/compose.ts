/** The order of a message's lines and parts (emailx §8, §11.5), and what the server has to know of the whole. */
import { isUtf8 } from 'node:buffer';
import { requireLatin1 } from '../core/bytes.ts';
import type { Attachment, TransferEncoding } from './attachments.ts';
import { attachmentFields } from './content-type.ts';
import { EmailxError } from './error.ts';
import { type GeneratedFieldRules, generatedFields, type Uniques } from './generated-fields.ts';
import { type Field, fieldsOf, fieldValue } from './head.ts';
import { CRLF } from './line-ends.ts';
import { type LineFacts, LONGEST_LINE, lineFacts } from './line-facts.ts';
import { attachmentPart, type Limits, linesOf, type Part, type Text, textPart } from './parts.ts';
import { Layout, type Segment } from './segments.ts';
import type { Source } from './source.ts';

export interface ComposeRules extends GeneratedFieldRules {
  readonly generatedLines: 'first' | 'last';
  /** Whether a message of text alone that is not encoded is one of MIME. */
  readonly mimeHeaders: 'needed' | 'always';
  /** Of a generated text Content-Type, or what tells it from the text; blank for none. */
  readonly charset: string | ((text: Iterable<Buffer>) => string);
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
    const { eightBitMime, binaryMime } = carriage;
    const limits: Limits = { eightBitMime, binaryMime, longLines: rules.longLines, boundary };
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
    return { ...open, part: attachmentPart(open.source, open.attachment, limits) };
  });
  const parts = [text, ...attachments.map(({ part }) => part)];
  return { text, fields: all.filter((field) => !moves(field)), moved, attachments, parts };
}

/** False where the program has encoded the text itself, or where only what lies inside it could be encoded. */
function isEncodable({ mimeBody }: Draft, fields: readonly Field[]): boolean {
  if (mimeBody || fieldValue(fields, 'content-transfer-encoding') !== null) return false;
  const type = fieldValue(fields, 'content-type')?.toLowerCase() ?? '';
  return !type.startsWith('multipart/') && !type.startsWith('message/');
}

function laidOut(
  draft: Draft,
  plan: Plan,
  rules: ComposeRules,
  boundary: string | null,
  uniques: Uniques,
): Composition {
  const { text, attachments, parts } = plan;
  const sheet = new Sheet(rules);
  sheet.header(messageHeader(draft, plan, rules, boundary, uniques), 'badHeader', 'the header');
  if (boundary !== null) layOutParts(sheet, draft, plan, rules, boundary);
  else {
    sheet.layout.append(text.segment);
    if (text.segment.size > 0 && !text.facts.endsWithLineEnd) sheet.layout.add(CRLF);
  }
  const { headers } = sheet;
  const segments = sheet.layout.end();
  const eightBitHeaders = headers.filter(({ facts }) => facts.eightBit);
  return {
    segments,
    size: segments.reduce((sum, { size }) => sum + size, 0),
    eightBit: eightBitHeaders.length > 0 || parts.some(({ facts }) => facts.eightBit),
    utf8Headers: eightBitHeaders.length > 0 && eightBitHeaders.every(({ octets }) => isUtf8(octets)),
    longestLine: [...headers, ...parts].reduce((most, { facts }) => Math.max(most, facts.longestLine), 0),
    binary: parts.some(({ facts }) => facts.binary),
    attachments: attachments.map(({ attachment, fileName, source, part }) => {
      return { name: attachment.name ?? fileName, size: source.size, encoding: part.encoding };
    }),
  };
}

function messageHeader(
  draft: Draft,
  plan: Plan,
  rules: ComposeRules,
  boundary: string | null,
  uniques: Uniques,
): string {
  const { replyTo, host } = draft;
  const { text, fields, parts } = plan;
  const mime =
    boundary === null
      ? textFields(draft, fields, text, rules)
      : multipartFields(shapeOf(plan).beside.length > 0 ? 'mixed' : relatedTo(draft), boundary, parts);
  const has = (name: string) => fields.some((field) => field.name === name);
  const generated = generatedFields({ replyTo, host, isMime: isMime(draft, text, rules), mime }, has, rules, uniques);
  const own = joined(fields);
  return rules.generatedLines === 'first' ? generated + own : own + generated;
}

function isMime({ attachments, html, mimeBody }: Draft, text: Part, { mimeHeaders }: ComposeRules): boolean {
  if (mimeHeaders === 'always' || attachments.length > 0 || html || mimeBody) return true;
  return text.encoding === 'quoted-printable';
}

type PlannedAttachment = Plan['attachments'][number];

/** Which attachments the text shows, and which stand beside it. */
function shapeOf({ attachments }: Plan): Record<'shown' | 'beside', readonly PlannedAttachment[]> {
  const isShown = ({ attachment }: PlannedAttachment) => attachment.contentId !== null;
  return {
    shown: attachments.filter(isShown),
    beside: attachments.filter((attachment) => !isShown(attachment)),
  };
}

/**
 * `multipart/mixed` of the text and the attachments beside it, in which the text is `multipart/related` with those that
 * it shows; without any beside it the whole is `multipart/related` (RFC 2387).
 */
function layOutParts(sheet: Sheet, draft: Draft, plan: Plan, rules: ComposeRules, boundary: string): void {
  const { text, moved, parts } = plan;
  const { shown, beside } = shapeOf(plan);
  const isNested = shown.length > 0 && beside.length > 0;
  // Neither is the beginning of the other, and what both hold occurs in no part.
  const inner = isNested ? `r${boundary}` : boundary;
  const open = (of: string) => sheet.layout.add(Buffer.from(`--${of}\r\n`, 'latin1'));
  const goOn = () => sheet.layout.add(CRLF);
  const close = (of: string) => sheet.layout.add(Buffer.from(`\r\n--${of}--\r\n`, 'latin1'));
  const attach = (of: string, { attachment, fileName, part }: PlannedAttachment) => {
    goOn();
    open(of);
    const lines = attachmentFields(attachment, fileName, part.encoding, rules.contentDisposition);
    sheet.header(lines, 'badAttachment', attachment.label);
    sheet.layout.append(part.segment);
  };

  open(boundary);
  if (isNested) {
    const own = parts.filter((part) => !beside.some((attachment) => attachment.part === part));
    const lines = multipartFields(relatedTo(draft), inner, own).map((line) => `${line}\r\n`);
    sheet.header(lines.join(''), 'badHeader', 'the header');
    open(inner);
  }
  if (!draft.mimeBody) {
    const described = textFields(draft, moved, text, rules).map((line) => `${line}\r\n`);
    sheet.header(joined(moved) + described.join(''), 'badHeader', 'the header');
  }
  sheet.layout.append(text.segment);
  for (const attachment of shown) attach(inner, attachment);
  if (isNested) close(inner);
  for (const attachment of beside) attach(boundary, attachment);
  close(boundary);
}

/** Only letters of sendMail show attachments, and only in HTML. */
function relatedTo({ mimeBody }: Draft): string {
  return `related; type="${mimeBody ? 'multipart/alternative' : 'text/html'}"`;
}

/** What describes the text, as far as the program has not: in the message's header, or in that of the text's part. */
function textFields(draft: Draft, given: readonly Field[], text: Part, rules: ComposeRules): string[] {
  if (draft.mimeBody || !isMime(draft, text, rules)) return [];
  const lines: string[] = [];
  if (fieldValue(given, 'content-type') === null) {
    const charset = typeof rules.charset === 'string' ? rules.charset : rules.charset(linesOf(draft.text));
    lines.push(`Content-Type: text/${draft.html ? 'html' : 'plain'}${charset === '' ? '' : `; charset=${charset}`}`);
  }
  if (text.encoding !== '7bit' && fieldValue(given, 'content-transfer-encoding') === null) {
    lines.push(`Content-Transfer-Encoding: ${text.encoding}`);
  }
  return lines;
}

/** The whole is labelled as what it holds (RFC 2045 §6.4). */
function multipartFields(subtype: string, boundary: string, parts: readonly Part[]): string[] {
  const type = `Content-Type: multipart/${subtype}; boundary="${boundary}"`;
  if (parts.some(({ encoding }) => encoding === 'binary')) return [type, 'Content-Transfer-Encoding: binary'];
  if (parts.some(({ facts }) => facts.eightBit)) return [type, 'Content-Transfer-Encoding: 8bit'];
  return [type];
}

function joined(fields: readonly Field[]): string {
  return fields.map(({ text }) => text).join('');
}

interface HeaderLines {
  readonly octets: Buffer;
  readonly facts: LineFacts;
}

/** A message as far as it is laid out, and all of its header lines. */
class Sheet {
  readonly layout = new Layout();
  readonly headers: HeaderLines[] = [];
  readonly #longLines: ComposeRules['longLines'];

  constructor({ longLines }: ComposeRules) {
    this.#longLines = longLines;
  }

  /** Header lines and the empty line behind them; `where` is for messages. */
  header(lines: string, refusal: 'badHeader' | 'badAttachment', where: string): void {
    requireLatin1(lines);
    const octets = Buffer.from(lines, 'latin1');
    const facts = lineFacts([octets]);
    if (facts.nul) throw new EmailxError(refusal, `${where} holds a NUL; remove it`);
    if (facts.longestLine > LONGEST_LINE && this.#longLines !== 'sent') {
      const long = `a line of ${facts.longestLine} octets, more than the ${LONGEST_LINE} that SMTP allows`;
      throw new EmailxError(refusal, `${where} has ${long}; continue it on the next line, behind CRLF and a blank`);
    }
    this.headers.push({ octets, facts });
    this.layout.add(octets, CRLF);
  }
}
