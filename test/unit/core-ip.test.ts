import net from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isIP } from '../../src/core/ip.ts';

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
    fc.tuple(fc.ipV4(), fc.string()).map((parts) => parts.join(':')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      expect(isIP(text)).toBe(net.isIP(text));
    }),
  );
});
