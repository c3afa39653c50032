/** Where an SMTP server is, and how a client names itself to it. */

import { hostname } from 'node:os';
import { hasAny, hasControl, isDigits, isVisible } from '../core/characters.ts';
import { isIP } from '../core/ip.ts';
import { EmailxError } from './error.ts';
import { quoted } from './text.ts';

export interface ServerAddress {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

const DEFAULT_PORT = 25;
const HIGHEST_PORT = 65_535;
/** What would make more of a name than a name. */
const FOREIGN = ' /@<>[]()"\'\\,;:';
/** RFC 1035 §2.3.4. */
const LONGEST_NAME = 255;

/**
 * A server as `name`, `name:port`, `address`, `[IPv6]` or `[IPv6]:port`.
 *
 * @param defaultPort the port without one; EMAILX's is 25
 *
 * @throws EmailxError 76
 */
export function parseServer(text: string, defaultPort = DEFAULT_PORT): ServerAddress {
  const wrong = (reason: string) =>
    new EmailxError('badServer', `the server ${quoted(text)} ${reason}: write name, name:port or [IPv6]:port`);
  if (isIP(text) !== 0) return { host: text, port: defaultPort };
  const colon = text.indexOf(':', text.indexOf(']') + 1);
  const place = colon < 0 ? text : text.slice(0, colon);
  const digits = colon < 0 ? String(defaultPort) : text.slice(colon + 1);
  const isBracketed = place.startsWith('[') && place.endsWith(']');
  const host = isBracketed ? place.slice(1, -1) : place;
  if (isBracketed && isIP(host) !== 6) throw wrong('has no IPv6 address in its brackets');
  if ((!isBracketed && !isHostName(host)) || !isDigits(digits)) throw wrong('is no host name or address');
  const port = Number(digits);
  if (port < 1 || port > HIGHEST_PORT) throw wrong('has no port from 1 to 65535');
  return { host, port };
}

/** Anything that can be one word of a command and no URL. Whether it exists is for the resolver to say. */
export function isHostName(text: string): boolean {
  return text !== '' && text.length <= LONGEST_NAME && !hasControl(text) && !hasAny(text, FOREIGN);
}

/** The name to announce in EHLO; that of this host for a blank one. @throws EmailxError 78 */
export function heloName(host: string): string {
  if (host === '') {
    const own = hostname();
    return canBeAnnounced(own) ? own : 'localhost';
  }
  if (canBeAnnounced(host)) return host;
  const rule = 'a name or [address] of printable ASCII without blanks, 255 characters at most';
  throw new EmailxError('badSetting', `the host ${quoted(host)} cannot be announced in EHLO: it is ${rule}`);
}

function canBeAnnounced(name: string): boolean {
  return isVisible(name) && name.length <= LONGEST_NAME;
}
