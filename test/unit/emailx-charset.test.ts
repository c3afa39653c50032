// The character set of text that nobody has described, wherever its chunks are cut.
import { expect, it } from 'vitest';
import { charsetOf } from '../../src/emailx/charset.ts';

const octetByOctet = (octets: Buffer) => Array.from(octets, (octet) => Buffer.from([octet]));

it.each(['', 'ASCII', 'grüß', '日本', '👩‍👩‍👧', 'é'])('%j is UTF-8', (text) => {
  const octets = Buffer.from(text);
  expect(charsetOf([octets])).toBe('utf-8');
  expect(charsetOf(octetByOctet(octets))).toBe('utf-8');
});

it.each([
  ['Latin-1', Buffer.from('gr\xfc\xdf', 'latin1')],
  ['half a character', Buffer.from('日本').subarray(0, -1)],
  ['the other half', Buffer.from('日').subarray(1)],
  ['more than a character', Buffer.concat([Buffer.from('é'), Buffer.from([0x80])])],
  ['too long a form', Buffer.from([0xc0, 0xaf])],
])('%s is not', (_, octets) => {
  expect(charsetOf([octets])).toBe('unknown-8bit');
  expect(charsetOf(octetByOctet(octets))).toBe('unknown-8bit');
  expect(charsetOf([Buffer.from('x'), octets, Buffer.from('x')])).toBe('unknown-8bit');
});
