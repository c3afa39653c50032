/**
 * Quoted-printable (RFC 2045 §6.7) that decodes to the very same octets: of text a CRLF is a line end, and a lone CR or LF
 * data; of anything else both are data, as a reader may turn line ends into its own.
 */
import { createRequire } from 'node:module';
import { BLOCK_SIZE } from './blocks.ts';
import { CRLF } from './line-ends.ts';

type Library = typeof import('nodemailer/lib/qp');

/** One less than the longest line, which leaves room for a soft line end. */
const SOFT = 75;

let library: Library | undefined;

/** The encoder is loaded when it is first needed: most mail has no use for it. */
function encoder(): Library {
  library ??= createRequire(import.meta.url)('nodemailer/lib/qp') as Library;
  return library;
}

/** Holds one line, or as much of it as a block: where a longer line is cut decides where its soft line ends stand. */
export function* quotedPrintable(blocks: Iterable<Buffer>): Generator<Buffer, void, void> {
  let rest: Buffer = Buffer.alloc(0);
  for (const block of blocks) {
    const text = rest.length > 0 ? Buffer.concat([rest, block]) : block;
    const lineEnd = text.lastIndexOf(CRLF);
    let cut = 0;
    if (lineEnd >= 0) {
      cut = lineEnd + CRLF.length;
      yield encodedLines(text.subarray(0, cut));
    } else if (text.length > BLOCK_SIZE) {
      // The CR that it may end with can be half of a line end.
      cut = text.length - 1;
      yield Buffer.from(`${encoded(text.subarray(0, cut), SOFT)}=\r\n`, 'latin1');
    }
    rest = Buffer.from(text.subarray(cut));
  }
  if (rest.length > 0) yield encodedLines(rest);
}

/** Of what is no text: every line end in it is one that only the encoding needs. */
export function* quotedPrintableData(blocks: Iterable<Buffer>): Generator<Buffer, void, void> {
  let isFirst = true;
  for (const block of blocks) {
    const text = encoder().encode(block).replaceAll('\r', '=0D').replaceAll('\n', '=0A');
    yield Buffer.from((isFirst ? '' : '=\r\n') + encoder().wrap(text, SOFT), 'latin1');
    isFirst = false;
  }
}

function encodedLines(lines: Buffer): Buffer {
  return Buffer.from(encoded(lines, SOFT + 1), 'latin1');
}

function encoded(bytes: Buffer, lineLength: number): string {
  const { encode, wrap } = encoder();
  const text = encode(bytes)
    .replace(/\r(?!\n)/g, '=0D')
    .replace(/(?<!\r)\n/g, '=0A');
  return wrap(text, lineLength);
}
