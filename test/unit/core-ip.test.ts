import net from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isIP } from '../../src/core/ip.ts';

/** Groups as people and attackers write them. */
const group = fc.oneof(
  fc.constantFrom('', '0', '1', 'ffff', '12345', 'g', '1.2.3.4', '01'),
  fc.integer({ min: 0, max: 65_535 }).map((value) => value.toString(16)),
);

it('isIP agrees with node:net', () => {
  const texts = fc.oneof(
    fc.ipV4(),
    fc.ipV4Extended(),
    fc
      .array(fc.integer({ min: 0, max: 300 }).map(String), { minLength: 3, maxLength: 5 })
      .map((octets) => octets.join('.')),
    fc.ipV4().map((text) => text.replace(/\d/, '0$&')),
    fc.ipV6(),
    fc.domain(),
    fc.string(),
    fc.ipV6().map((text) => `${text}%1`),
    fc.array(group, { minLength: 1, maxLength: 10 }).map((groups) => groups.join(':')),
    fc.tuple(fc.ipV6(), fc.ipV4()).map(([six, four]) => six.replace(/[^:]*$/, four)),
    fc.tuple(fc.ipV4(), fc.string()).map((parts) => parts.join(':')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      expect(isIP(text)).toBe(net.isIP(text));
    }),
    { numRuns: 2_000 },
  );
});

it.each([
  '::',
  '1::',
  '::1',
  '1:2:3:4:5:6:7::',
  '::2:3:4:5:6:7:8',
  '::ffff:1.2.3.4',
  'fe80::1%eth0',
  '1:2:3:4:5:6:1.2.3.4',
])('%s is an address of IPv6', (text) => {
  expect(isIP(text)).toBe(6);
  expect(net.isIP(text)).toBe(6);
});

it.each([
  ':',
  ':::',
  '1:2:3:4:5:6:7:8:9',
  '1::2::3',
  '1:2:3:4:5:6:7:8::',
  '1.2.3.4::',
  '::1%',
  '::1%a b',
  '1:2:3:4:5:6:7',
  ':1::',
])('%s is none', (text) => {
  expect(isIP(text)).toBe(0);
  expect(net.isIP(text)).toBe(0);
});
