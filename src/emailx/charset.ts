/** What can be said of text whose character set nobody has told. */
import { isUtf8 } from 'node:buffer';

/** `utf-8` for what is, ASCII included; `unknown-8bit` for octets that may be anything else (RFC 1428 §3). */
export function charsetOf(text: Iterable<Buffer>): 'utf-8' | 'unknown-8bit' {
  let rest: Buffer = Buffer.alloc(0);
  for (const chunk of text) {
    const whole: Buffer = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const cut = whole.length - unfinished(whole);
    if (!isUtf8(whole.subarray(0, cut))) return 'unknown-8bit';
    rest = Buffer.from(whole.subarray(cut));
  }
  return rest.length > 0 ? 'unknown-8bit' : 'utf-8';
}

/** How many octets at the end may be the beginning of a character that goes on behind it. */
function unfinished(octets: Buffer): number {
  for (let back = 1; back <= Math.min(3, octets.length); back += 1) {
    const octet = octets[octets.length - back] ?? 0;
    if (octet >= 0xc0) return back < (octet >= 0xf0 ? 4 : octet >= 0xe0 ? 3 : 2) ? back : 0;
    if (octet < 0x80) return 0;
  }
  return 0;
}
