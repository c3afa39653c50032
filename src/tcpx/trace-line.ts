/**
 * Trace lines of calls, in the manner of strace, derived from the opcode table:
 *
 *   TCPX CONNECT(sockport=587, flags=BLOCK|TLS|STARTTLS, timer=0, hostname="localhost") = 0 sockport=3 <1.204 ms>
 *
 * Contents never appear in them; hex dumps are a topic of their own.
 */
import type { Call, Outcome } from './call.ts';
import { describeFlags, type FlagBits } from './flags.ts';
import type { Opcode } from './opcodes.ts';

export function callLine(
  routine: string,
  opcode: Opcode | undefined,
  call: Call,
  bits: FlagBits,
  outcome: Outcome,
  status: number,
  milliseconds: number,
): string {
  const name = opcode?.name ?? String(call.opcode);
  const parts: string[] = [];
  if (opcode !== undefined && opcode.sockport !== 'unused') {
    parts.push(`${call.sockary === null ? 'sockport' : 'sockidx'}=${call.sockport}`);
  }
  if (opcode?.buffer === 'sent') parts.push(`buffer=${call.buffer.size} bytes`);
  if (opcode?.name === 'ERRMSG') parts.push(`status=${call.status}`);
  parts.push(`flags=${opcode?.flags === 'bits' ? describeFlags(call.flags, bits) : describeCount(call.flags, bits)}`);
  if (call.timer > 0) parts.push(`timer=${call.timer}`);
  if (call.hostname !== '' && opcode?.opens) parts.push(`hostname=${JSON.stringify(call.hostname)}`);
  const moved =
    outcome.sockport === undefined ? '' : ` ${call.sockary === null ? 'sockport' : 'sockidx'}=${outcome.sockport}`;
  const text = status < 0 && outcome.text !== '' ? ` (${outcome.text})` : '';
  return `${routine} ${name}(${parts.join(', ')}) = ${status}${moved}${text} <${milliseconds.toFixed(3)} ms>`;
}

/** A count with the TLS bits beside it. */
function describeCount(flags: number, bits: FlagBits): string {
  if (flags < bits.tls) return String(flags);
  const count = flags % bits.tls;
  const names = describeFlags(flags - count, bits);
  return count === 0 ? names : `${names}+${count}`;
}

/** Bytes per row of a hex dump. */
const ROW = 16;
/** The most of one transfer that is dumped, in bytes; the rest is counted. */
const MOST_DUMPED = 4096;

/** A hex dump, one line per row; `direction` is `>` for sent and `<` for received bytes. */
export function hexDump(direction: '>' | '<', bytes: Uint8Array): string[] {
  const lines: string[] = [];
  const shown = bytes.subarray(0, MOST_DUMPED);
  for (let at = 0; at < shown.length; at += ROW) {
    const row = shown.subarray(at, at + ROW);
    const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = Array.from(row, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`  ${direction} ${at.toString(16).padStart(4, '0')}  ${hex.padEnd(3 * ROW - 1)}  ${text}`);
  }
  if (bytes.length > shown.length) lines.push(`  ${direction} and ${bytes.length - shown.length} bytes more`);
  return lines;
}
