/** What a server has to know of octets before they are sent: how many, which kinds, how long the lines. */
import { isAscii } from 'node:buffer';
import { CR, hasLoneLineEnd, LF } from './line-ends.ts';

/** The longest line that every server takes, in octets without CRLF (RFC 5321 §4.5.3.1.6). */
export const LONGEST_LINE = 998;

export interface LineFacts {
  readonly size: number;
  /** An octet of 0x80 or more. */
  readonly eightBit: boolean;
  readonly nul: boolean;
  /** A CR without LF, or a LF without CR. */
  readonly loneLineEnd: boolean;
  /** Octets of the longest line without its CRLF. */
  readonly longestLine: number;
  /** Its number, from 1. */
  readonly longestLineNumber: number;
  readonly endsWithLineEnd: boolean;
  /** The text that was searched for is there. */
  readonly found: boolean;
}

/** Reads all chunks once. `search` is short ASCII text, found wherever the chunks are cut; null for none. */
export function lineFacts(chunks: Iterable<Buffer>, search: string | null = null): LineFacts {
  let size = 0;
  let eightBit = false;
  let nul = false;
  let loneLineEnd = false;
  let longestLine = 0;
  let longestLineNumber = 0;
  let lines = 0;
  /** Octets of the line that the last chunk left open, its CR included. */
  let open = 0;
  let last = -1;
  let found = false;
  let tail: Buffer = Buffer.alloc(0);
  const measured = (length: number) => {
    lines += 1;
    if (length <= longestLine) return;
    longestLine = length;
    longestLineNumber = lines;
  };
  for (const chunk of chunks) {
    if (chunk.length === 0) continue;
    size += chunk.length;
    eightBit ||= !isAscii(chunk);
    nul ||= chunk.includes(0);
    if (!loneLineEnd) loneLineEnd = isCutWrongly(last, chunk) || hasLoneLineEnd(inner(last, chunk));
    let from = 0;
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, from)) {
      const before = at > 0 ? chunk[at - 1] : last;
      measured(open + at - from - (before === CR ? 1 : 0));
      open = 0;
      from = at + 1;
    }
    open += chunk.length - from;
    if (search !== null && !found) {
      const seam = Buffer.concat([tail, chunk.subarray(0, search.length - 1)]);
      found = chunk.includes(search) || seam.includes(search);
      // A chunk that is shorter than the search joins what is remembered.
      const rest = chunk.length < search.length ? Buffer.concat([tail, chunk]) : chunk;
      tail = Buffer.from(rest.subarray(Math.max(0, rest.length - search.length + 1)));
    }
    last = chunk[chunk.length - 1] ?? -1;
  }
  if (open > 0) measured(open);
  loneLineEnd ||= last === CR;
  const endsWithLineEnd = last === LF;
  return { size, eightBit, nul, loneLineEnd, longestLine, longestLineNumber, endsWithLineEnd, found };
}

/** True for a CR at the end of one chunk that the next does not go on from with LF, and for a LF after anything else. */
function isCutWrongly(last: number, chunk: Buffer): boolean {
  return (last === CR) !== (chunk[0] === LF);
}

/** Without the LF and CR at either end, which only the neighbours can judge. */
function inner(last: number, chunk: Buffer): Buffer {
  const start = last === CR && chunk[0] === LF ? 1 : 0;
  const end = chunk[chunk.length - 1] === CR ? chunk.length - 1 : chunk.length;
  return chunk.subarray(start, Math.max(start, end));
}
