import { expect, it } from 'vitest';
import { printable, quoted } from '../../src/starttls/quoted.ts';

it.each([
  ['454 not now', '"454 not now"', '454 not now'],
  ['say "x"', '"say \\"x\\""', 'say "x"'],
  ['\x1b[31mred\r\n', '"\\u001b[31mred\\r\\n"', '\\x1b[31mred\\r\\n'],
  ['\x9b31m\x7f\xe9', '"\\u{9b}31m\\x7f\xe9"', '\\u{9b}31m\\x7f\xe9'],
  ['a\u202eb\u200b\u2028', '"a\\u{202e}b\\u{200b}\\u{2028}"', 'a\\u{202e}b\\u{200b}\\u{2028}'],
])('%j is only shown by a terminal, not obeyed', (text, inQuotes, plain) => {
  expect(quoted(text)).toBe(inQuotes);
  expect(printable(text)).toBe(plain);
});

it('cuts what is long', () => {
  expect(quoted('x'.repeat(1_000))).toBe(`"${'x'.repeat(120)}..."`);
  expect(printable('x'.repeat(1_000))).toBe(`${'x'.repeat(120)}...`);
});
