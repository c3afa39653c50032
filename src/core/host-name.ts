/** The names of hosts, as programs write them and as the network takes them. */
import { domainToASCII } from 'node:url';
import { hasAny, hasControl, isAscii } from './characters.ts';
import { UsageError } from './errors.ts';
import { isIP } from './ip.ts';

/** RFC 1035 §2.3.4: a name has at most 255 octets. */
const LONGEST = 255;

/** No name has these, and domainToASCII, which reads a host as URLs have it, cuts at them, drops or decodes them. */
function hasForeign(text: string): boolean {
  return hasControl(text) || hasAny(text, ' /\\?#%');
}

/**
 * The name or address to connect to: an internationalised name in its ASCII form, an address without brackets. An empty
 * text is one.
 *
 * @param option what the text was given as, for messages
 * @throws UsageError that says what is wrong with the name
 */
export function hostOf(text: string, option: string): string {
  if (text.includes('://')) throw new UsageError(`${option} is a bare name, without the scheme of '${text}'`);
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  if (isIP(bare) !== 0) return bare;
  if (hasForeign(text) || text.length > LONGEST) {
    throw new UsageError(`${option} holds a character that no host name has, or is longer than ${LONGEST}`);
  }
  if (isAscii(text)) return text;
  const ascii = asciiName(text);
  if (ascii === null) throw new UsageError(`${option} '${text}' is not a valid internationalised name`);
  return ascii;
}

/**
 * An internationalised name in its ASCII form (RFC 5891). Null where none can be made of the text, or only one that
 * nobody wrote: without the characters that vanish, or behind which a URL has something else.
 */
export function asciiName(text: string): string | null {
  if (hasForeign(text) || [...text].some(vanishes)) return null;
  const ascii = domainToASCII(text);
  // Numbers in other scripts would make an address.
  return ascii === '' || isIP(ascii) !== 0 ? null : ascii;
}

/** Whether domainToASCII leaves a character out, a soft hyphen for instance: the name would be one that nobody wrote. */
export function vanishes(character: string): boolean {
  return character >= '\x80' && domainToASCII(`a${character}a`) === 'aa';
}

/**
 * A host as SNI and certificates name it: without the dot that ends a full name (RFC 6066 §3), and without the zone of an
 * address, which means something on this machine alone (RFC 4007 §11.2).
 */
export function certifiedName(host: string): string {
  const zone = host.indexOf('%');
  if (zone >= 0) return host.slice(0, zone);
  return host.endsWith('.') ? host.slice(0, -1) : host;
}
