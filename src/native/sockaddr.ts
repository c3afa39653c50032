/**
 * Socket addresses in C's layout, and the textual form of both families.
 *
 *   sockaddr_in   (16): family u16 | port u16 be | address 4 | zero 8
 *   sockaddr_in6  (28): family u16 | port u16 be | flowinfo u32 | address 16 | scope_id u32
 */
import { IoError } from '../core/errors.ts';
import { isIP } from '../core/ip.ts';
import { AF_INET, AF_INET6, loadLibc } from './libc.ts';

export const SOCKADDR_SIZE = 28;
const SOCKADDR_IN_SIZE = 16;

/** Where addresses are put together and taken apart: a view of their own for each would cost more than the rest. */
const scratch = new Uint8Array(SOCKADDR_SIZE);
const view = new DataView(scratch.buffer);

/**
 * Encodes an IP literal and a port. An IPv6 literal may carry a zone, an interface's name or number (`fe80::1%eth0`).
 *
 * @throws IoError EAFNOSUPPORT when `host` is not an IP literal, ENODEV for a zone that is no interface here
 */
export function encodeSockaddr(host: string, port: number): Uint8Array {
  scratch.fill(0);
  view.setUint16(2, port);
  const kind = isIP(host);
  if (kind === 4) {
    view.setUint16(0, AF_INET, true);
    setDotted(host);
    return scratch.slice(0, SOCKADDR_IN_SIZE);
  }
  if (kind !== 6) throw new IoError('EAFNOSUPPORT', `address ${host}`);
  const [literal = '', zone] = host.split('%');
  view.setUint16(0, AF_INET6, true);
  ipv6Groups(literal).forEach((group, index) => {
    view.setUint16(8 + 2 * index, group);
  });
  if (zone !== undefined) view.setUint32(24, interfaceOf(zone, host), true);
  return scratch.slice();
}

/** The literal and port of an address of at most {@link SOCKADDR_SIZE} bytes. */
export function decodeSockaddr(bytes: Uint8Array): { host: string; port: number } {
  scratch.set(bytes);
  const family = view.getUint16(0, true);
  const port = view.getUint16(2);
  if (family === AF_INET) return { host: dotted(4), port };
  if (family !== AF_INET6) return { host: '', port: 0 };
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(8 + 2 * index));
  const scope = view.getUint32(24, true);
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  const host = mapped ? dotted(20) : ipv6Text(groups);
  return { host: scope === 0 ? host : `${host}%${interfaceName(scope) ?? scope}`, port };
}

/** The number of a zone's interface. */
function interfaceOf(zone: string, host: string): number {
  const named = loadLibc().if_nametoindex(zone);
  if (named !== 0) return named;
  const number = /^\d{1,9}$/.test(zone) ? Number(zone) : 0;
  if (number === 0 || interfaceName(number) === null) throw new IoError('ENODEV', `zone ${zone} of address ${host}`);
  return number;
}

/** IF_NAMESIZE. */
const INTERFACE_NAME_SIZE = 16;

function interfaceName(number: number): string | null {
  const name = Buffer.alloc(INTERFACE_NAME_SIZE);
  return loadLibc().if_indextoname(number, name) ? name.toString('latin1', 0, name.indexOf(0)) : null;
}

/** Puts an IPv4 literal into the address in hand. */
function setDotted(literal: string): void {
  let at = 4;
  let value = 0;
  for (let index = 0; index < literal.length; index += 1) {
    const digit = literal.charCodeAt(index) - ZERO;
    if (digit >= 0) value = 10 * value + digit;
    else {
      scratch[at] = value;
      at += 1;
      value = 0;
    }
  }
  scratch[at] = value;
}
/** The digit 0; the dot lies below it. */
const ZERO = 48;

/** Four bytes of the address in hand as IPv4 is written. */
function dotted(at: number): string {
  return `${scratch[at]}.${scratch[at + 1]}.${scratch[at + 2]}.${scratch[at + 3]}`;
}

/** The eight groups of a literal that node:net has accepted, `::` and a dotted tail included. */
function ipv6Groups(literal: string): number[] {
  const tail = literal.lastIndexOf(':') + 1;
  let text = literal;
  if (literal.includes('.')) {
    const [a = 0, b = 0, c = 0, d = 0] = literal.slice(tail).split('.').map(Number);
    text = `${literal.slice(0, tail)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [left = '', right] = text.split('::');
  const parse = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const head = parse(left);
  const rest = right === undefined ? [] : parse(right);
  return [...head, ...new Array<number>(8 - head.length - rest.length).fill(0), ...rest];
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
