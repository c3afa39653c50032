import fc from 'fast-check';
import { expect, test } from 'vitest';
import { asBuffer, decodeLatin1, encodeLatin1, indexOfNul, writeLatin1 } from '../../src/core/bytes.ts';
import { UsageError } from '../../src/core/errors.ts';

test('every byte value is one character and back', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const text = decodeLatin1(bytes);
  expect(Array.from(text, (character) => character.charCodeAt(0))).toEqual(Array.from(bytes));
  expect(encodeLatin1(text)).toEqual(bytes);
});

test.each([
  ['price: \u20ac', 'U+20AC (\u20ac) at index 7'],
  ['\u0100', 'U+0100 (\u0100) at index 0'],
  ['ab\u{1f600}', 'U+1F600 (\u{1f600}) at index 2'],
  ['a\ud800b', 'U+D800 at index 1'],
])('%j is refused with the character, its place and the way out', (text, message) => {
  expect(() => encodeLatin1(text)).toThrow(UsageError);
  expect(() => encodeLatin1(text)).toThrow(message);
  expect(() => encodeLatin1(text)).toThrow("Buffer.from(text, 'utf8')");
});

test('the way out that the message names works', () => {
  const utf8 = Buffer.from('\u20ac', 'utf8');
  expect(encodeLatin1(decodeLatin1(utf8))).toEqual(Uint8Array.of(0xe2, 0x82, 0xac));
});

test('a refused text leaves the target alone, even if the bad character would not have fitted', () => {
  const target = Uint8Array.of(1, 2, 3);
  expect(() => writeLatin1(target, 'abc\u0100')).toThrow(UsageError);
  expect(target).toEqual(Uint8Array.of(1, 2, 3));
});

test('writeLatin1 keeps to its bounds and counts what it stored', () => {
  const target = new Uint8Array(6);
  expect(writeLatin1(target, 'abcdef', 1, 4)).toBe(3);
  expect(target).toEqual(Uint8Array.of(0, 0x61, 0x62, 0x63, 0, 0));
  expect(writeLatin1(target, '', 0)).toBe(0);
  expect(writeLatin1(target, 'x', 6)).toBe(0);
});

test('encoded bytes have memory of their own', () => {
  expect(encodeLatin1('abc').buffer.byteLength).toBe(3);
});

test('decodeLatin1 takes a part of a view', () => {
  const view = encodeLatin1('0123456789').subarray(2, 8);
  expect(decodeLatin1(view)).toBe('234567');
  expect(decodeLatin1(view, 1, 3)).toBe('34');
});

test('indexOfNul looks from start up to end', () => {
  const bytes = Uint8Array.of(0, 5, 0, 6, 0);
  expect(indexOfNul(bytes)).toBe(0);
  expect(indexOfNul(bytes, 1)).toBe(2);
  expect(indexOfNul(bytes, 3, 4)).toBe(-1);
  expect(indexOfNul(bytes, 1, 3)).toBe(2);
  expect(indexOfNul(bytes, 1, 2)).toBe(-1);
  expect(indexOfNul(new Uint8Array(0))).toBe(-1);
});

test('asBuffer shares the memory', () => {
  const bytes = new Uint8Array(8);
  const buffer = asBuffer(bytes.subarray(2, 4));
  expect(buffer.length).toBe(2);
  buffer[1] = 9;
  expect(bytes[3]).toBe(9);
  expect(asBuffer(buffer)).toBe(buffer);
});

test('any bytes survive decoding and encoding', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(encodeLatin1(decodeLatin1(bytes))).toEqual(bytes);
    }),
  );
});
