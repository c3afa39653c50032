/**
 * Socket addresses in C's layout, and the textual form of both families.
 *
 *   sockaddr_in   (16): family u16 | port u16 be | address 4 | zero 8
 *   sockaddr_in6  (28): family u16 | port u16 be | flowinfo u32 | address 16 | scope_id u32
 */
import { isIPv4, isIPv6 } from 'node:net';
import { IoError } from '../core/errors.ts';
import { AF_INET, AF_INET6 } from './libc.ts';

export const SOCKADDR_SIZE = 28;

/**
 * Encodes an IP literal and a port. An IPv6 literal may carry a numeric zone (`fe80::1%2`).
 *
 * @throws IoError EAFNOSUPPORT when `host` is not an IP literal
 */
export function encodeSockaddr(host: string, port: number): Uint8Array {
  if (isIPv4(host)) {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, AF_INET, true);
    view.setUint16(2, port);
    bytes.set(host.split('.').map(Number), 4);
    return bytes;
  }
  if (!isIPv6(host)) throw new IoError('EAFNOSUPPORT', `address ${host}`);
  const [literal = '', zone] = host.split('%');
  const bytes = new Uint8Array(SOCKADDR_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET6, true);
  view.setUint16(2, port);
  ipv6Groups(literal).forEach((group, index) => {
    view.setUint16(8 + 2 * index, group);
  });
  if (zone !== undefined && /^\d+$/.test(zone)) view.setUint32(24, Number(zone), true);
  return bytes;
}

/** The literal and port of an address that the kernel filled in. */
export function decodeSockaddr(bytes: Uint8Array): { host: string; port: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const family = view.getUint16(0, true);
  const port = view.getUint16(2);
  if (family === AF_INET) return { host: bytes.subarray(4, 8).join('.'), port };
  if (family !== AF_INET6) return { host: '', port: 0 };
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(8 + 2 * index));
  const scope = view.getUint32(24, true);
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  const host = mapped ? bytes.subarray(20, 24).join('.') : ipv6Text(groups);
  return { host: scope === 0 ? host : `${host}%${scope}`, port };
}

/** The eight groups of a literal that node:net has accepted, `::` and a dotted tail included. */
function ipv6Groups(literal: string): number[] {
  const dotted = literal.lastIndexOf(':') + 1;
  let text = literal;
  if (literal.includes('.')) {
    const [a = 0, b = 0, c = 0, d = 0] = literal.slice(dotted).split('.').map(Number);
    text = `${literal.slice(0, dotted)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [left = '', right] = text.split('::');
  const parse = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const head = parse(left);
  const tail = right === undefined ? [] : parse(right);
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

/** RFC 5952: the longest run of zero groups, of two or more, becomes `::`. */
function ipv6Text(groups: readonly number[]): string {
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start += 1) {
    let end = start;
    while (end < 8 && groups[end] === 0) end += 1;
    if (end - start > best.length) best = { start, length: end - start };
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (best.start < 0) return hex(groups);
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`;
}
