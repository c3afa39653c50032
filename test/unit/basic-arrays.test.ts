import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ArrayVariable, dim } from '../../src/basic/arrays.ts';
import { Sockary, sockary, sockaryOf } from '../../src/basic/sockary.ts';
import { isVariable, S, X } from '../../src/basic/variables.ts';
import { UsageError } from '../../src/core/errors.ts';

const ascii = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

describe('an array', () => {
  test('is a variable whose bytes are all its elements', () => {
    const table = dim(3, 'S', 4);
    expect(isVariable(table)).toBe(true);
    expect([table.type, table.size, table.length, table.elementSize]).toEqual(['S', 12, 3, 4]);
    expect(table.isArray).toBe(true);
    expect(table.typeCode).toBe(18);
    expect(table.bytes).toEqual(new Uint8Array(12));
    expect(table.extent).toBe(table.bytes);
  });

  test.each<[string, ArrayVariable, number]>([
    ['X', dim(2, 'X', 4), 16],
    ['S', dim(2, 'S', 4), 18],
    ['F', dim(2, 'F', 4), 20],
    ['B', dim(2, 'B', 4), 22],
    ['I', dim(2, 'I', 4), 24],
  ])('of %s has its type code', (_, array, code) => {
    expect(array.typeCode).toBe(code);
    expect(array.at(1).typeCode).toBe(code - 16);
    expect(array.at(1).isArray).toBe(false);
  });

  test('has elements from 1, packed, that share its memory', () => {
    const table = dim(3, 'S', 4);
    table.at(1).value = 'one';
    table.at(2).value = 'twotwo';
    table.at(3).value = 'x';
    expect(table.bytes).toEqual(ascii('one\0twotx\0\0\0'));
    expect(table.at(2).value).toBe('twot');
    table.bytes.fill(0x61);
    expect(table.at(3).value).toBe('aaaa');
    const numbers = dim(2, 'B', 2);
    numbers.at(2).value = -1;
    expect(numbers.bytes).toEqual(Uint8Array.of(0, 0, 255, 255));
  });

  test('F has 6 bytes if no size is given', () => {
    expect(dim(2, 'F').size).toBe(12);
  });

  test('an element reaches to the end of the array', () => {
    const table = dim(4, 'X', 3);
    expect([1, 2, 3, 4].map((i) => table.at(i).extent.length)).toEqual([12, 9, 6, 3]);
    expect(table.at(2).bytes.length).toBe(3);
    table.at(2).writeReceived(ascii('abcdefghijklmn'));
    expect(table.bytes).toEqual(ascii('\0\0\0abcdefghi'));
    table.at(1).writeReceived(ascii('XYZ!'));
    expect(table.bytes).toEqual(ascii('XYZ!bcdefghi'));
  });

  test('a string element is filled with NUL to its own end only', () => {
    const table = dim(3, 'S', 4);
    table.bytes.fill(0x2d);
    table.at(2).writeReceived(ascii('a'));
    expect(table.bytes).toEqual(ascii('----a\0\0\0----'));
    table.at(1).writeReceived(ascii('12345'));
    expect(table.bytes).toEqual(ascii('12345\0\0\0----'));
  });

  test('receives as a whole, keeping what lies behind', () => {
    const table = dim(2, 'S', 3);
    table.bytes.fill(0x2d);
    table.writeReceived(ascii('ab'));
    expect(table.bytes).toEqual(ascii('ab----'));
    table.writeReceived(ascii('ABCDEFGH'));
    expect(table.bytes).toEqual(ascii('ABCDEF'));
  });

  test('has the value of its first element', () => {
    const numbers = dim(2, 'I', 2);
    numbers.writeNumber(5);
    expect(numbers.at(1).value).toBe(5);
    expect(numbers.at(2).value).toBe(0);
    expect(numbers.readNumber()).toBe(5);
    expect(numbers.readString()).toBe('5');
    const texts = dim(2, 'S', 3);
    texts.writeString('abcdef');
    expect(texts.readString()).toBe('abc');
    expect(texts.at(2).value).toBe('');
  });

  test.each([0, -1, 4, 1.5, Number.NaN])('refuses the subscript %d', (subscript) => {
    const table = dim(3, 'S', 4);
    expect(() => table.at(subscript)).toThrow(UsageError);
    expect(() => table.at(subscript)).toThrow('1 to 3');
  });

  test('refuses sizes that it cannot have', () => {
    expect(() => dim(0, 'S', 4)).toThrow(UsageError);
    expect(() => dim(1.5, 'S', 4)).toThrow(UsageError);
    expect(() => dim(3, 'S', 0)).toThrow(UsageError);
    expect(() => dim(3, 'B', 7)).toThrow(UsageError);
    expect(() => dim(2 ** 30, 'X', 4)).toThrow(UsageError);
  });

  test('reads back what was put into each element', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { minLength: 1 }), (values) => {
        const array = dim(values.length, 'I', 4);
        values.forEach((value, i) => {
          array.at(i + 1).value = value;
        });
        expect(values.map((_, i) => array.at(i + 1).value)).toEqual(values);
      }),
    );
  });
});

describe('a socket array', () => {
  test('is an array of X with 4 bytes for each of 1025 elements', () => {
    const sockets = sockary();
    expect(isVariable(sockets)).toBe(true);
    expect([sockets.type, sockets.isArray, sockets.typeCode]).toEqual(['X', true, 16]);
    expect([sockets.length, sockets.size, sockets.count]).toEqual([1025, 4100, 0]);
    expect(sockets.bytes).toEqual(new Uint8Array(4100));
  });

  test('has the socket little-endian in bytes 0 to 2 and ready in byte 3', () => {
    const sockets = sockary(3);
    expect(sockets.add(0x010203)).toBe(1);
    sockets.setReady(1, true);
    expect(sockets.add(0xffffff)).toBe(2);
    expect(sockets.bytes).toEqual(Uint8Array.of(3, 2, 1, 255, 255, 255, 255, 0, 0, 0, 0, 0));
    expect(sockets.socket(1)).toBe(0x010203);
    expect(sockets.socket(2)).toBe(0xffffff);
    expect([sockets.ready(1), sockets.ready(2)]).toEqual([true, false]);
    sockets.setReady(1, false);
    expect(sockets.bytes[3]).toBe(0);
  });

  test('puts a socket into the first free element, and skips free ones when read', () => {
    const sockets = sockary(5);
    for (const socket of [7, 8, 9]) sockets.add(socket);
    sockets.setReady(3, true);
    sockets.remove(2);
    expect(sockets.count).toBe(2);
    expect([...sockets]).toEqual([
      { index: 1, socket: 7, ready: false },
      { index: 3, socket: 9, ready: true },
    ]);
    expect(sockets.add(10)).toBe(2);
    sockets.set(3, 11);
    expect(sockets.ready(3)).toBe(false);
    expect([...sockets].map(({ socket }) => socket)).toEqual([7, 10, 11]);
  });

  test('keeps its last element zero', () => {
    const sockets = sockary(3);
    sockets.add(1);
    sockets.add(2);
    expect(() => sockets.add(3)).toThrow(UsageError);
    expect(() => sockets.set(3, 3)).toThrow(UsageError);
    expect(sockets.bytes.subarray(8)).toEqual(new Uint8Array(4));
  });

  test('holds 1024 sockets at most', () => {
    const sockets = sockary();
    for (let i = 1; i <= 1024; i++) expect(sockets.add(i)).toBe(i);
    expect(() => sockets.add(1025)).toThrow('1024');
    expect(sockets.count).toBe(1024);
  });

  test.each([0, 1, 1026, 2.5])('of %d elements is refused', (length) => {
    expect(() => sockary(length)).toThrow(UsageError);
  });

  test('refuses subscripts and numbers that are none', () => {
    const sockets = sockary(3);
    for (const index of [0, 4, 1.5]) {
      expect(() => sockets.socket(index)).toThrow(UsageError);
      expect(() => sockets.ready(index)).toThrow(UsageError);
      expect(() => sockets.set(index, 5)).toThrow(UsageError);
      expect(() => sockets.remove(index)).toThrow(UsageError);
    }
    for (const socket of [0, -1, 2 ** 24, 1.5]) expect(() => sockets.add(socket)).toThrow(UsageError);
  });

  test('is found behind the argument sockary(1), whatever array that is an element of', () => {
    const sockets = sockary(4);
    expect(sockaryOf(sockets)).toBe(sockets);
    const fromElement = sockaryOf(sockets.at(2));
    expect(fromElement.length).toBe(3);
    fromElement.add(5);
    expect(sockets.socket(2)).toBe(5);

    const plain = dim(1030, 'X', 4);
    const viewed = sockaryOf(plain.at(1));
    expect(viewed).toBeInstanceOf(Sockary);
    expect(viewed.length).toBe(1025);
    viewed.add(0x0102);
    expect(plain.at(1).bytes).toEqual(Uint8Array.of(2, 1, 0, 0));
    expect(sockaryOf(X(11)).length).toBe(2);
    expect(() => sockaryOf(S(7))).toThrow(UsageError);
  });
});
