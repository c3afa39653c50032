import { nodeNet } from './on-demand.ts';

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);

/**
 * Which kind of address a text is, 0 for none: isIP of node:net. That module, and its expression for IPv6, which V8 takes
 * 3 ms to compile, are a fifth of the start of a program, so only text with two colons meets them.
 */
export function isIP(text: string): 0 | 4 | 6 {
  if (text.indexOf(':') !== text.lastIndexOf(':')) return nodeNet().isIPv6(text) ? 6 : 0;
  return IPV4.test(text) ? 4 : 0;
}
