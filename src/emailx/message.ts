/**
 * A message: from header, body, signature and attachments to the octets that go out (emailx §8 to §11).
 *
 *     generated lines           X-Mailer, Reply-To, Date, Message-ID, MIME-Version, Content-Type
 *     the program's header      its Content- fields go with the text when there are attachments
 *     empty line
 *     text                      body and signature; with attachments the first part of multipart/mixed,
 *     attachments               of which these are the others
 *
 * Everything is opened and looked at before the first octet goes out, and read again while it does: a message takes a
 * few blocks of memory, whatever its size. Files block for as long as the disk takes.
 */
import { requireLatin1 } from '../core/bytes.ts';
import { UsageError } from '../core/errors.ts';
import { EMAILX_DEFAULTS } from './assumptions.ts';
import type { Attachment } from './attachments.ts';
import {
  type AttachmentFacts,
  type Carriage,
  type ComposeRules,
  type Composition,
  compose,
  type Draft,
} from './compose.ts';
import type { Content } from './content.ts';
import { EmailxError } from './error.ts';
import { UNIQUES, type Uniques } from './generated-fields.ts';
import { beginsWithHeader, checkHeader, type Head, splitHead, trimmedHeader } from './head.ts';
import { crlfText } from './line-ends.ts';
import type { Text } from './parts.ts';
import { FileSource, type Locate, MemorySource, type Purpose, type Source, shownName } from './source.ts';

export interface MessageRules extends ComposeRules {
  /** Whether an empty line goes before a body that does not begin with header lines, when `header` is blank. */
  readonly blankHeader: 'guarded' | 'asWritten';
  readonly headerLineEnds: 'normalised' | 'refused';
  /** The status for a body file that is missing or empty. */
  readonly missingBody: number;
}

export interface MessageParts {
  /** Header lines, bytes as Latin-1. Blank where the body begins with them. */
  readonly header: string;
  /** Null for a blank parameter, which is refused. */
  readonly body: Content | null;
  readonly signature: Content | null;
  readonly attachments: readonly Attachment[];
  /** EMF_HDRCAT: header and body are joined as they are. */
  readonly joinHeader: boolean;
  /** EMF_HTMLBODY. */
  readonly html: boolean;
  /** EMF_MIMEBODY: the body is a MIME part with header fields of its own; no signature is added. */
  readonly mimeBody: boolean;
  /** REPLYTO, or blank. */
  readonly replyTo: string;
  /** The right side of a generated Message-ID. */
  readonly host: string;
  /** From filespecs to paths. */
  readonly locate: Locate;
}

/** A message as octets, with its files open. */
export interface Message {
  /** Octets that `chunks` gives, before dot-stuffing: what SIZE announces and BDAT counts. The last two are CRLF. */
  readonly size: number;
  /** An octet of 0x80 or more is among them. */
  readonly eightBit: boolean;
  /** Header lines have other characters than ASCII, and are well-formed UTF-8 (RFC 6532). */
  readonly utf8Headers: boolean;
  /** Octets of the longest line, without CRLF. */
  readonly longestLine: number;
  /** NUL, a lone CR or LF, or a longer line than 998 in a part that is sent as it is: only BDAT can carry it. */
  readonly binary: boolean;
  readonly attachments: readonly AttachmentFacts[];
  /**
   * The octets, in order, from the beginning each time. A chunk is the message's own memory: it is valid until the next
   * one is asked for and not to be written to. Reading files blocks.
   *
   * @throws EmailxError when a file cannot be read any more or has changed; what has been sent is then not a message,
   *   and must not be ended as one
   */
  chunks(): Iterable<Buffer>;
  /**
   * The same message for a server with fewer abilities: what it cannot take goes in quoted-printable or base64, unless
   * the program has encoded it itself, which `eightBit` and `binary` of the result tell. Shares the open files.
   */
  encodedFor(carriage: Carriage): Message;
  /** Closes the files. `chunks` cannot be called any more. */
  close(): void;
}

/**
 * Opens the files of a message and makes its header lines. To be closed, whatever becomes of it.
 *
 * @throws EmailxError with the status for what is missing, empty or cannot be sent; no file then stays open
 * @throws UsageError for text with a character above U+00FF
 */
export function buildMessage(
  parts: MessageParts,
  rules: MessageRules = EMAILX_DEFAULTS,
  uniques: Uniques = UNIQUES,
): Message {
  const opened: Source[] = [];
  try {
    const draft = draftOf(parts, rules, opened);
    const composition = compose(draft, rules, { eightBitMime: true, binaryMime: true }, uniques);
    return new ComposedMessage(draft, composition, rules, uniques, { opened, isOpen: true });
  } catch (error) {
    for (const source of opened) source.close();
    throw error;
  }
}

/** The files of a message, which its forms for different servers share. */
interface Files {
  readonly opened: readonly Source[];
  isOpen: boolean;
}

class ComposedMessage implements Message {
  readonly #draft: Draft;
  readonly #composition: Composition;
  readonly #rules: MessageRules;
  readonly #uniques: Uniques;
  readonly #files: Files;

  constructor(draft: Draft, composition: Composition, rules: MessageRules, uniques: Uniques, files: Files) {
    this.#draft = draft;
    this.#composition = composition;
    this.#rules = rules;
    this.#uniques = uniques;
    this.#files = files;
  }

  get size(): number {
    return this.#composition.size;
  }
  get eightBit(): boolean {
    return this.#composition.eightBit;
  }
  get utf8Headers(): boolean {
    return this.#composition.utf8Headers;
  }
  get longestLine(): number {
    return this.#composition.longestLine;
  }
  get binary(): boolean {
    return this.#composition.binary;
  }
  get attachments(): readonly AttachmentFacts[] {
    return this.#composition.attachments;
  }

  *chunks(): Generator<Buffer, void, void> {
    for (const segment of this.#composition.segments) {
      for (const chunk of segment.chunks()) {
        this.#requireOpen();
        yield chunk;
      }
    }
  }

  encodedFor(carriage: Carriage): Message {
    this.#requireOpen();
    const fits = (carriage.eightBitMime || !this.eightBit) && (carriage.binaryMime || !this.binary);
    if (fits) return this;
    const composition = compose(this.#draft, this.#rules, carriage, this.#uniques);
    return new ComposedMessage(this.#draft, composition, this.#rules, this.#uniques, this.#files);
  }

  close(): void {
    this.#files.isOpen = false;
    for (const source of this.#files.opened) source.close();
  }

  #requireOpen(): void {
    if (!this.#files.isOpen) throw new UsageError('the message is closed; build it anew to send it again');
  }
}

/** Opens everything into `opened`, and finds where the header ends and the text begins. */
function draftOf(parts: MessageParts, rules: MessageRules, opened: Source[]): Draft {
  const { html, mimeBody, replyTo, host, locate } = parts;
  requireLatin1(parts.header);
  checkHeader(parts.header, rules.headerLineEnds);
  const keep = (source: Source): Source => {
    opened.push(source);
    return source;
  };
  if (parts.body === null) {
    throw new EmailxError('noBody', 'the body is blank; pass a text that ends in CRLF, or the name of a file with one');
  }
  const body = keep(sourceOf(parts.body, bodyPurpose(rules), locate));
  const signature = parts.signature === null || mimeBody ? null : keep(openSignature(parts.signature, locate));
  const attachments = parts.attachments.map((attachment) => {
    const { content, label } = attachment;
    const purpose: Purpose = { ...ATTACHMENT, what: label };
    if ('bytes' in content) {
      return { attachment, source: keep(memorySource(content.bytes, purpose)), fileName: attachment.name ?? label };
    }
    const path = locate(content.file, purpose.unreadable, label);
    return { attachment, source: keep(new FileSource(content.file, path, purpose)), fileName: shownName(path) };
  });
  const { lines, remainder, bodyStart } = headOf(parts, body, rules);
  const text: Text = { remainder: Buffer.from(remainder, 'latin1'), body, bodyStart, signature };
  return { head: lines, text, attachments, html: html && !mimeBody, mimeBody, replyTo, host };
}

function headOf(parts: MessageParts, body: Source, rules: MessageRules): Head {
  const header = trimmedHeader(parts.header);
  if (parts.mimeBody && parts.attachments.length > 0) {
    // The body is a part of its own from its first line on.
    return { lines: crlfText(header), remainder: '', bodyStart: 0 };
  }
  if (parts.joinHeader) return splitHead(parts.header, body);
  if (parts.mimeBody) return splitHead(header, body);
  if (header !== '') return splitHead(`${header}\r\n`, body);
  const isBare = rules.blankHeader === 'guarded' && !beginsWithHeader(body);
  return isBare ? { lines: '', remainder: '', bodyStart: 0 } : splitHead('', body);
}

/** A signature, to be closed. @throws EmailxError 79 */
export function openSignature(signature: Content, locate: Locate): Source {
  return sourceOf(signature, SIGNATURE, locate);
}

function bodyPurpose({ missingBody }: MessageRules): Purpose {
  const status = { status: missingBody };
  return { what: 'the body', unreadable: 'bodyUnreadable', empty: 'noBody', failed: 'bodyUnreadable', ...status };
}

const SIGNATURE: Purpose = {
  what: 'the signature',
  unreadable: 'signatureUnreadable',
  empty: 'signatureUnreadable',
  failed: 'signatureUnreadable',
};

const ATTACHMENT: Purpose = {
  what: 'an attachment',
  unreadable: 'attachmentUnreadable',
  empty: 'attachmentEmpty',
  failed: 'encodingFailed',
};

function sourceOf(content: Content, purpose: Purpose, locate: Locate): Source {
  if ('bytes' in content) return memorySource(content.bytes, purpose);
  return new FileSource(content.file, locate(content.file, purpose.unreadable, purpose.what), purpose);
}

function memorySource(bytes: Uint8Array, { what, empty }: Purpose): Source {
  if (bytes.length === 0) throw new EmailxError(empty, `${what} is empty`);
  return new MemorySource(bytes, what);
}
