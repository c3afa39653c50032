import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  B,
  F,
  I,
  isVariable,
  NumberVariable,
  RawVariable,
  S,
  StringVariable,
  type Variable,
  X,
} from '../../src/basic/variables.ts';
import { UsageError } from '../../src/core/errors.ts';

const bytesOf = (...values: number[]) => Uint8Array.from(values);
const ascii = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

describe('the common interface', () => {
  test.each<[string, () => Variable, string, number, number]>([
    ['F', () => F(), 'F', 6, 4],
    ['F,4', () => F(0, 4), 'F', 4, 4],
    ['B,3', () => B(3), 'B', 3, 6],
    ['I,2', () => I(2), 'I', 2, 8],
    ['S,10', () => S(10), 'S', 10, 2],
    ['S,0', () => S(0), 'S', 0, 2],
    ['X,7', () => X(7), 'X', 7, 0],
    ['X,0', () => X(0), 'X', 0, 0],
  ])('%s has its type, size, code and zero bytes', (_, make, type, size, code) => {
    const variable = make();
    expect(variable.type).toBe(type);
    expect(variable.size).toBe(size);
    expect(variable.typeCode).toBe(code);
    expect(variable.isArray).toBe(false);
    expect(variable.bytes).toEqual(new Uint8Array(size));
    expect(variable.extent).toEqual(variable.bytes);
    expect(variable.bytes.constructor).toBe(Uint8Array);
    expect(isVariable(variable)).toBe(true);
  });

  test('isVariable refuses what only looks like a variable', () => {
    for (const other of [undefined, null, 5, 'S', {}, { ...F() }, new Uint8Array(6)]) {
      expect(isVariable(other)).toBe(false);
    }
  });

  test.each([-1, 1.5, Number.NaN, 2 ** 31])('a size of %d is refused', (size) => {
    expect(() => S(size)).toThrow(UsageError);
    expect(() => X(size)).toThrow(UsageError);
  });
});

describe('numbers', () => {
  test('-1 in an unsigned B,4 is 4294967295', () => {
    expect(B(4, -1).value).toBe(4294967295);
  });

  test('take strings by their leading number, and give STR$', () => {
    const status = F();
    status.value = '250 ok';
    expect(status.value).toBe(250);
    status.writeString('no number');
    expect(status.value).toBe(0);
    status.value = -11;
    expect(status.readString()).toBe('-11');
    expect(() => status.writeString('5\u20ac')).toThrow(UsageError);
    expect(status.value).toBe(-11);
  });

  test('bytes follow the value, and the value the bytes, whichever came first', () => {
    const port = B(2, 0x0102);
    const { bytes } = port;
    expect(bytes).toEqual(bytesOf(2, 1));
    port.value = 0x0304;
    expect(bytes).toEqual(bytesOf(4, 3));
    bytes[0] = 5;
    expect(port.value).toBe(0x0305);
    expect(port.bytes.buffer).toBe(bytes.buffer);
  });

  test('received bytes are raw, keep what lies behind, and never pass the end', () => {
    const variable = B(4, 0x04030201);
    variable.writeReceived(bytesOf(9, 8));
    expect(variable.bytes).toEqual(bytesOf(9, 8, 3, 4));
    variable.writeReceived(bytesOf(1, 1, 1, 1, 1, 1));
    expect(variable.value).toBe(0x01010101);
  });

  test('any sequence of writes leaves the value that the bytes spell', () => {
    const writes = fc.array(fc.oneof(fc.double(), fc.integer(), fc.constant('bytes' as const)), { maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(4, 6, 8), writes, (size, steps) => {
        const looked = new NumberVariable('F', size);
        const unseen = new NumberVariable('F', size);
        for (const step of steps) {
          if (step === 'bytes') expect(looked.bytes.length).toBe(size);
          else {
            looked.value = step;
            unseen.value = step;
          }
          expect(looked.value).toBe(unseen.value);
        }
        expect(looked.bytes).toEqual(unseen.bytes);
      }),
    );
  });
});

describe('S,n', () => {
  test('cuts what is too long and fills up with NUL', () => {
    const text = S(5, 'abcdefgh');
    expect(text.value).toBe('abcde');
    text.value = 'xy';
    expect(text.value).toBe('xy');
    expect(text.bytes).toEqual(bytesOf(0x78, 0x79, 0, 0, 0));
    text.value = '';
    expect(text.bytes).toEqual(new Uint8Array(5));
  });

  test('ends its value at the first NUL, and keeps the bytes behind it', () => {
    const text = S(6, 'ab\0cd');
    expect(text.value).toBe('ab');
    expect(text.bytes).toEqual(bytesOf(0x61, 0x62, 0, 0x63, 0x64, 0));
  });

  test('converts numbers both ways', () => {
    const text = S(8);
    text.value = 12.5;
    expect(text.value).toBe('12.5');
    expect(text.readNumber()).toBe(12.5);
    text.writeNumber(-11);
    expect(text.bytes).toEqual(bytesOf(0x2d, 0x31, 0x31, 0, 0, 0, 0, 0));
    expect(S(2, '').readNumber()).toBe(0);
  });

  test('takes raw bytes up to their first NUL', () => {
    const text = S(4, 'wxyz');
    text.value = bytesOf(0x61, 0, 0x62);
    expect(text.bytes).toEqual(bytesOf(0x61, 0, 0, 0));
    text.value = ascii('abcdef');
    expect(text.value).toBe('abcd');
    text.value = new Uint8Array(0);
    expect(text.bytes).toEqual(new Uint8Array(4));
  });

  test('received bytes are followed by NUL, and a full string has none', () => {
    const text = S(4, 'wxyz');
    text.writeReceived(ascii('ab'));
    expect(text.bytes).toEqual(bytesOf(0x61, 0x62, 0, 0));
    text.writeReceived(ascii('abcd'));
    expect(text.value).toBe('abcd');
    text.writeReceived(ascii('ABCDEF'));
    expect(text.value).toBe('ABCD');
    text.writeReceived(new Uint8Array(0));
    expect(text.value).toBe('');
  });

  test('holds every Latin-1 character, and refuses others without a change', () => {
    const all = String.fromCharCode(...Array.from({ length: 255 }, (_, i) => i + 1));
    const text = S(255, all);
    expect(text.value).toBe(all);
    expect(text.bytes).toEqual(Uint8Array.from({ length: 255 }, (_, i) => i + 1));
    expect(() => text.writeString('\u20ac')).toThrow('U+20AC');
    expect(text.value).toBe(all);
    expect(() => S(2, 'ab\u0100')).toThrow(UsageError);
  });

  test('reads what any text leaves in its size', () => {
    const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), latin1, (size, value) => {
        const text = S(size, 'x'.repeat(size));
        text.value = value;
        const kept = value.slice(0, size);
        expect(text.value).toBe(kept.split('\0', 1)[0]);
        expect(text.bytes).toEqual(ascii(kept.padEnd(size, '\0')));
      }),
    );
  });
});

describe('S,0', () => {
  test('is as long as its text', () => {
    const text = S(0);
    expect(text.value).toBe('');
    text.value = 'x'.repeat(10_000);
    expect(text.bytes.length).toBe(10_000);
    text.value = 'ab';
    expect(text.bytes).toEqual(ascii('ab'));
    expect(text.extent).toEqual(ascii('ab'));
    expect(text.size).toBe(0);
  });

  test('becomes what was received, in memory of its own', () => {
    const text = S(0, 'longer than that');
    const received = ascii('a\0b');
    text.writeReceived(received);
    expect(text.bytes).toEqual(bytesOf(0x61, 0, 0x62));
    expect(text.value).toBe('a');
    received[0] = 0x7a;
    expect(text.value).toBe('a');
    text.value = received;
    expect(text.bytes).toEqual(ascii('z'));
  });
});

describe('X', () => {
  test('of a fixed size keeps what lies behind bytes, and clears what lies behind text', () => {
    const raw = X(5, bytesOf(1, 2, 3, 4, 5));
    raw.value = bytesOf(9, 8);
    expect(raw.bytes).toEqual(bytesOf(9, 8, 3, 4, 5));
    raw.value = 'ab';
    expect(raw.bytes).toEqual(bytesOf(0x61, 0x62, 0, 0, 0));
    raw.value = bytesOf(1, 2, 3, 4, 5, 6, 7);
    expect(raw.bytes).toEqual(bytesOf(1, 2, 3, 4, 5));
    raw.writeReceived(bytesOf(7));
    expect(raw.bytes).toEqual(bytesOf(7, 2, 3, 4, 5));
  });

  test('reads as text up to the first NUL, and as the number it starts with', () => {
    const raw = X(6);
    raw.value = 42;
    expect(raw.bytes).toEqual(bytesOf(0x34, 0x32, 0, 0, 0, 0));
    expect(raw.readString()).toBe('42');
    expect(raw.readNumber()).toBe(42);
  });

  test('gives a copy as value and its memory as bytes', () => {
    const raw = X(2);
    raw.value[0] = 9;
    expect(raw.bytes[0]).toBe(0);
    raw.bytes[0] = 9;
    expect(raw.value).toEqual(bytesOf(9, 0));
  });

  test('of size 0 becomes exactly what it is given', () => {
    const raw = X(0, bytesOf(1, 0, 2));
    expect(raw.value).toEqual(bytesOf(1, 0, 2));
    raw.value = 'a\0b';
    expect(raw.value).toEqual(bytesOf(0x61, 0, 0x62));
    raw.writeReceived(new Uint8Array(0));
    expect(raw.bytes.length).toBe(0);
  });
});

describe('a variable on shared memory', () => {
  const storage = () => ascii('0123456789');

  test('sees and changes only its own part', () => {
    const memory = storage();
    const text = new StringVariable(3, { storage: memory, offset: 2, end: 10 });
    expect(text.value).toBe('234');
    text.value = 'a';
    expect(memory).toEqual(ascii('01a\0\x0056789'));
    text.value = ascii('ABCDEFGH');
    expect(memory).toEqual(ascii('01ABC56789'));
    const raw = new RawVariable(2, { storage: memory, offset: 8, end: 10 });
    raw.value = ascii('xyz');
    expect(memory).toEqual(ascii('01ABC567xy'));
    const number = new NumberVariable('B', 2, { storage: memory, offset: 0, end: 2 });
    memory[0] = 1;
    memory[1] = 2;
    expect(number.value).toBe(0x0201);
    number.value = 0x4141;
    expect(memory).toEqual(ascii('AAABC567xy'));
  });

  test('receives up to the end of its extent', () => {
    const memory = storage();
    const text = new StringVariable(3, { storage: memory, offset: 2, end: 8 });
    expect(text.extent).toEqual(ascii('234567'));
    text.writeReceived(ascii('abcdefghij'));
    expect(memory).toEqual(ascii('01abcdef89'));
    text.writeReceived(ascii('x'));
    expect(memory).toEqual(ascii('01x\0\0def89'));
  });

  test.each([
    { offset: -1, end: 10 },
    { offset: 8, end: 10 },
    { offset: 4, end: 6 },
    { offset: 0, end: 11 },
  ])('cannot lie at $offset to $end of 10 bytes', (part) => {
    const place = { storage: storage(), ...part };
    expect(() => new StringVariable(3, place)).toThrow(UsageError);
    expect(() => new RawVariable(3, place)).toThrow(UsageError);
    expect(() => new NumberVariable('B', 3, place)).toThrow(UsageError);
  });

  test('cannot be dynamic', () => {
    expect(() => new StringVariable(0, { storage: storage(), offset: 0, end: 10 })).toThrow(UsageError);
  });
});
