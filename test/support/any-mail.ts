// Mail of any contents for properties: every octet, long lines, leading dots, line ends of all kinds, names in any script.
import fc from 'fast-check';
import type { TransferEncoding } from '../../src/emailx/attachments.ts';

const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** What text becomes on the wire, said in another way than the source says it. */
export const normalised = (octets: Buffer): Buffer =>
  latin1(
    octets
      .toString('latin1')
      .split(/\r\n|\r|\n/)
      .join('\r\n'),
  );

const piece = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('\r', '\n', '\r\n', '\r\n.', '.', '..', '\r\n.\r\n', ' ', '\t', '=', '--', '=_b'),
  },
  { weight: 2, arbitrary: fc.string({ maxLength: 80 }).map((text) => Buffer.from(text).toString('latin1')) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')) },
  { weight: 1, arbitrary: fc.integer({ min: 70, max: 1100 }).map((length) => 'x'.repeat(length)) },
);
export const octets: fc.Arbitrary<Buffer> = fc.array(piece, { maxLength: 30 }).map((pieces) => latin1(pieces.join('')));
export const someOctets: fc.Arbitrary<Buffer> = octets.filter(({ length }) => length > 0);

/** Text of any script, with line ends of all kinds. Half of a surrogate pair is no text. */
export const anyText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(fc.string({ unit: 'grapheme-composite', maxLength: 40 }), fc.constantFrom('\r\n', '\n', '\r', '\n.', ' ')),
    {
      maxLength: 20,
    },
  )
  .map((pieces) => pieces.join(''));

/** Names of files: any characters but those that no name has. Blanks around one are not part of it. */
export const fileName: fc.Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: 'grapheme-composite', minLength: 1, maxLength: 60 }),
    fc.stringMatching(/^[A-Za-z0-9 ._"'\\()=?%;,-]{1,40}$/),
  )
  .map((text) => text.replace(/[/\0]/g, '_').trim())
  .filter((text) => text !== '' && !(extensionOf(text) in {}));

/** The parser looks it up in a plain object, and breaks at `constructor`. */
function extensionOf(text: string): string {
  return text.toLowerCase().replace(/\s/g, '').split('.').pop() ?? '';
}

const encoding = fc.constantFrom<TransferEncoding>('base64', '7bit', '8bit', 'binary', 'quoted-printable');

export interface AnyAttachment {
  readonly content: Buffer;
  readonly name: string;
  readonly encoding: TransferEncoding;
}

export const attachment: fc.Arbitrary<AnyAttachment> = fc.record({ content: someOctets, name: fileName, encoding });

/** What the recipient has of an attachment: text arrives with CRLF. */
export function arriving({ content, encoding: how }: AnyAttachment): Buffer {
  return how === '7bit' || how === '8bit' ? normalised(content) : content;
}
