/**
 * Line ends of text: a CR without LF and a LF without CR become CRLF, as both are forbidden on the wire (RFC 5321
 * §2.3.8) and servers do not agree on what they mean. Blocks may be cut anywhere, also between CR and LF.
 */
import { hasLineEnd } from '../core/characters.ts';

export const CR = 13;
export const LF = 10;
export const CRLF: Buffer = Buffer.from('\r\n', 'latin1');

/** The same text with every line end as CRLF. A block without others is passed on as it is. */
export function* withCrlf(blocks: Iterable<Buffer>): Generator<Buffer, void, void> {
  let heldCr = false;
  for (const block of blocks) {
    if (block.length === 0) continue;
    const whole: Buffer = heldCr ? Buffer.concat([CRLF.subarray(0, 1), block]) : block;
    // Whether a final CR is alone shows in the next block.
    heldCr = whole[whole.length - 1] === CR;
    const text = heldCr ? whole.subarray(0, -1) : whole;
    if (text.length > 0) yield hasLoneLineEnd(text) ? normalised(text) : text;
  }
  if (heldCr) yield CRLF;
}

/** {@link withCrlf} for text that is there in one piece. */
export function crlfText(text: string): string {
  return hasLineEnd(text) ? text.replaceAll('\r\n', '\n').replaceAll('\r', '\n').replaceAll('\n', '\r\n') : text;
}

/** True if there is a CR without LF or a LF without CR; what stands before and behind the bytes counts as neither. */
export function hasLoneLineEnd(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== CR) return true;
  }
  for (let at = bytes.indexOf(CR); at >= 0; at = bytes.indexOf(CR, at + 1)) {
    if (bytes[at + 1] !== LF) return true;
  }
  return false;
}

function normalised(bytes: Buffer): Buffer {
  return Buffer.from(crlfText(bytes.toString('latin1')), 'latin1');
}
