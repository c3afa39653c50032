import { nodeNet } from './on-demand.ts';

const DIGIT_0 = 48;
const DIGIT_9 = 57;

/**
 * Which kind of address a text is, 0 for none: isIP of node:net. That module, and its expression for IPv6, which V8 takes
 * 3 ms to compile, are a fifth of the start of a program, so only text with two colons meets them.
 */
export function isIP(text: string): 0 | 4 | 6 {
  const colon = text.indexOf(':');
  if (colon >= 0) return text.indexOf(':', colon + 1) >= 0 && nodeNet().isIPv6(text) ? 6 : 0;
  // Every connection asks for a name or two.
  const first = text.charCodeAt(0);
  if (!(first >= DIGIT_0 && first <= DIGIT_9)) return 0;
  const octets = text.split('.');
  return octets.length === 4 && octets.every(isOctet) ? 4 : 0;
}

/** Decimal, without leading zeros. */
function isOctet(text: string): boolean {
  const value = Number(text);
  return value >= 0 && value <= 255 && String(value) === text;
}
