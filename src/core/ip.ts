import { nodeNet } from './on-demand.ts';

const DOT = 46;
const DIGIT_0 = 48;

/**
 * Which kind of address a text is, 0 for none: isIP of node:net. That module, and its expression for IPv6, which V8 takes
 * 3 ms to compile, are a fifth of the start of a program, so only text with two colons meets them.
 */
export function isIP(text: string): 0 | 4 | 6 {
  const colon = text.indexOf(':');
  if (colon >= 0) return text.indexOf(':', colon + 1) >= 0 && nodeNet().isIPv6(text) ? 6 : 0;
  return isIPv4(text) ? 4 : 0;
}

/** Four numbers of 0 to 255 without leading zeros. Every connection asks: most names are none at their first letter. */
function isIPv4(text: string): boolean {
  let octets = 1;
  let digits = 0;
  let value = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === DOT) {
      if (digits === 0) return false;
      octets += 1;
      digits = 0;
      value = 0;
      continue;
    }
    const digit = code - DIGIT_0;
    if (digit < 0 || digit > 9 || (digits > 0 && value === 0)) return false;
    value = 10 * value + digit;
    digits += 1;
    if (value > 255) return false;
  }
  return octets === 4 && digits > 0;
}
