import net from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isIP } from '../../src/core/ip.ts';

it('isIP agrees with node:net', () => {
  const texts = fc.oneof(
    fc.ipV4(),
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
