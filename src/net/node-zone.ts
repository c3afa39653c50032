/** Zones of IPv6 addresses (RFC 4007 §11) for node:net. */
import { networkInterfaces } from 'node:os';
import { IoError } from '../core/errors.ts';

/**
 * An address with its zone as libuv reads it: an interface's name, on Windows its number. What libuv does not know it
 * takes for no zone at all, and the connection goes wherever the system likes.
 *
 * @throws IoError ENODEV for a zone that is no interface here
 */
export function withKnownZone(address: string): string {
  const at = address.indexOf('%');
  if (at < 0) return address;
  const zone = address.slice(at + 1);
  for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
    const number = addresses.map((each) => (each.family === 'IPv6' ? each.scopeid : 0)).find((scope) => scope !== 0);
    if (zone !== name && zone !== String(number)) continue;
    return `${address.slice(0, at)}%${process.platform === 'win32' ? (number ?? zone) : name}`;
  }
  throw new IoError('ENODEV', `zone ${zone} of address ${address}`);
}
