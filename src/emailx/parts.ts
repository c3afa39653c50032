/** The contents of a message's parts: encoded as asked, or as the server and its lines make necessary. */
import type { Attachment, TransferEncoding } from './attachments.ts';
import { base64Of, base64Size, ROW_CHARACTERS } from './base64.ts';
import { BLOCK_SIZE, blocksOf } from './blocks.ts';
import { isText } from './content-type.ts';
import { EmailxError } from './error.ts';
import { CRLF, LF, withCrlf } from './line-ends.ts';
import { type LineFacts, LONGEST_LINE, lineFacts } from './line-facts.ts';
import { quotedPrintable, quotedPrintableData } from './quoted-printable.ts';
import { constant, type Origin, produced, type Segment } from './segments.ts';
import { MemorySource, type Source } from './source.ts';

/** What the parts have to fit into. */
export interface Limits {
  readonly longLines: 'refused' | 'encoded' | 'sent';
  /** The server takes octets above 0x7f. */
  readonly eightBitMime: boolean;
  /** The server takes any octets and lines of any length. */
  readonly binaryMime: boolean;
  /** What may occur in no part; null where it does not matter. */
  readonly boundary: string | null;
}

export interface Part {
  readonly encoding: TransferEncoding;
  readonly segment: Segment;
  readonly facts: PartFacts;
}

export interface PartFacts {
  readonly eightBit: boolean;
  /** Octets or lines that DATA cannot carry. */
  readonly binary: boolean;
  readonly longestLine: number;
  readonly endsWithLineEnd: boolean;
  readonly hasBoundary: boolean;
}

/** The text of a message: what the header left over, the body behind its own header lines, the signature. */
export interface Text {
  readonly remainder: Buffer;
  readonly body: Source;
  readonly bodyStart: number;
  readonly signature: Source | null;
}

const ENCODED = { eightBit: false, binary: false, endsWithLineEnd: false, hasBoundary: false };

/**
 * The text, with CRLF as its line ends. Text of up to a block is read once and for all.
 *
 * @param encodable false where the program has said how the text is encoded
 * @throws EmailxError for a line that is too long, or a NUL, where it may not be encoded
 */
export function textPart(text: Text, encodable: boolean, limits: Limits): Part {
  const { remainder, body, bodyStart, signature } = text;
  const small = remainder.length + body.size - bodyStart + (signature?.size ?? 0) <= BLOCK_SIZE;
  const kept = small ? gathered(linesOf(text)) : null;
  // What is read once and for all is nobody's to change any more.
  const origin = kept === null ? originOf(text) : new MemorySource(kept, 'the text');
  const chunks = () => (kept === null ? linesOf(text) : [kept]);
  const facts = lineFacts(chunks(), limits.boundary);
  const unfit = isUnfit(facts);
  if (unfit && (limits.longLines === 'refused' || (limits.longLines === 'encoded' && !encodable))) {
    const advice = encodable ? 'set longLines to encoded' : 'break the lines, or encode the text yourself';
    throw new EmailxError('longLine', `${unfitness(facts)} in the text; ${advice}`);
  }
  const encoded = encodable && ((unfit && limits.longLines === 'encoded') || (facts.eightBit && !limits.eightBitMime));
  if (encoded) return encodedText(chunks, origin);
  const segment = kept === null ? produced(facts.size, chunks, origin) : constant(kept);
  return { encoding: facts.eightBit ? '8bit' : '7bit', segment, facts: plainFacts(facts) };
}

function originOf({ body, signature }: Text): Origin {
  const isSameSignature = () => signature?.isUnchanged() ?? true;
  return {
    isUnchanged: () => body.isUnchanged() && isSameSignature(),
    changed: () => (signature !== null && body.isUnchanged() && !isSameSignature() ? signature : body).changed(),
  };
}

/** Chunks, of which each is valid until the next, as one in memory of its own. */
function gathered(chunks: Iterable<Buffer>): Buffer {
  const copies = Array.from(chunks, (chunk) => Buffer.from(chunk));
  const [only] = copies;
  return only !== undefined && copies.length === 1 ? only : Buffer.concat(copies);
}

/**
 * An attachment. One that says 7bit is labelled 8bit if that is what it is.
 *
 * @throws EmailxError for text with a line that is too long, or a NUL, where it may not be encoded
 */
export function attachmentPart(
  source: Source,
  { encoding, label, contentType }: Pick<Attachment, 'encoding' | 'label' | 'contentType'>,
  limits: Limits,
): Part {
  switch (encoding) {
    case 'base64':
      return inBase64(source);
    case 'quoted-printable':
      return encodedText(() => blocksOf(source), source, isText(contentType) ? quotedPrintable : quotedPrintableData);
    case '7bit':
    case '8bit':
      return textAttachment(source, encoding, label, limits);
    case 'binary':
      return binaryAttachment(source, limits);
  }
}

function textAttachment(source: Source, encoding: '7bit' | '8bit', label: string, limits: Limits): Part {
  const chunks = () => withCrlf(blocksOf(source));
  const facts = lineFacts(chunks(), limits.boundary);
  const unfit = isUnfit(facts);
  if (unfit && limits.longLines === 'refused') {
    throw new EmailxError('badAttachment', `${unfitness(facts)} in ${label}; use base64 instead of ${encoding}`);
  }
  if ((unfit && limits.longLines === 'encoded') || (facts.eightBit && !limits.eightBitMime)) {
    return encodedText(chunks, source);
  }
  return {
    encoding: facts.eightBit ? '8bit' : encoding,
    segment: produced(facts.size, chunks, source),
    facts: plainFacts(facts),
  };
}

function binaryAttachment(source: Source, limits: Limits): Part {
  const chunks = () => blocksOf(source);
  const facts = lineFacts(chunks(), limits.boundary);
  const { eightBit, longestLine, endsWithLineEnd, found } = facts;
  const binary = isUnfit(facts) || facts.loneLineEnd;
  if ((binary && !limits.binaryMime) || (eightBit && !limits.eightBitMime)) return inBase64(source);
  const segment = produced(facts.size, chunks, source);
  return { encoding: 'binary', segment, facts: { eightBit, binary, longestLine, endsWithLineEnd, hasBoundary: found } };
}

function inBase64(source: Source): Part {
  const size = base64Size(source.size);
  const segment = produced(size, () => base64Of(source), source);
  return { encoding: 'base64', segment, facts: { ...ENCODED, longestLine: Math.min(size, ROW_CHARACTERS) } };
}

/** How long it becomes only shows when it is made: once to measure, once to send. */
function encodedText(chunks: () => Iterable<Buffer>, origin: Origin, encode = quotedPrintable): Part {
  const encoded = () => encode(chunks());
  const { size, longestLine, endsWithLineEnd } = lineFacts(encoded());
  return {
    encoding: 'quoted-printable',
    segment: produced(size, encoded, origin),
    facts: { ...ENCODED, longestLine, endsWithLineEnd },
  };
}

/** All of the text with CRLF as its line ends, in chunks of which each is valid until the next. */
export function* linesOf({ remainder, body, bodyStart, signature }: Text): Generator<Buffer, void, void> {
  let last: number = LF;
  for (const chunk of withCrlf(inTurn([remainder], blocksOf(body, bodyStart)))) {
    last = chunk.at(-1) ?? last;
    yield chunk;
  }
  if (signature === null) return;
  if (last !== LF) yield CRLF;
  yield* withCrlf(blocksOf(signature));
}

function* inTurn(...sequences: Iterable<Buffer>[]): Generator<Buffer, void, void> {
  for (const sequence of sequences) yield* sequence;
}

function isUnfit({ longestLine, nul }: LineFacts): boolean {
  return longestLine > LONGEST_LINE || nul;
}

function unfitness({ longestLine, longestLineNumber, nul }: LineFacts): string {
  if (nul) return 'there is a NUL';
  return `line ${longestLineNumber} has ${longestLine} octets, more than the ${LONGEST_LINE} that SMTP allows,`;
}

function plainFacts({ eightBit, nul, longestLine, endsWithLineEnd, found }: LineFacts): PartFacts {
  return { eightBit, binary: nul, longestLine, endsWithLineEnd, hasBoundary: found };
}
