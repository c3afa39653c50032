import { expect, it } from 'vitest';
import { quoted } from '../../src/starttls/quoted.ts';

it.each([
  ['454 not now', '"454 not now"'],
  ['say "x"', '"say \\"x\\""'],
  ['\x1b[31mred\r\n', '"\\u001b[31mred\\r\\n"'],
  ['\x9b31m\x7f\xe9', '"\\x9b31m\\x7f\xe9"'],
])('quotes %j so that a terminal only shows it', (text, shown) => {
  expect(quoted(text)).toBe(shown);
});

it('cuts what is long', () => {
  expect(quoted('x'.repeat(1_000))).toBe(`"${'x'.repeat(120)}..."`);
});
