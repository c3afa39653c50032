import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatNumber, leadingNumber, numberFormat } from '../../src/basic/number-format.ts';
import { B, F, I, NumberVariable } from '../../src/basic/variables.ts';
import { UsageError } from '../../src/core/errors.ts';

const sizesB = [1, 2, 3, 4, 5, 6] as const;
const sizesI = [1, 2, 4, 6] as const;
const integers = [
  ...sizesB.map((size) => ({ name: `B,${size}`, make: () => B(size), bits: 8 * size, signed: size === 5 })),
  ...sizesI.map((size) => ({ name: `I,${size}`, make: () => I(size), bits: 8 * size, signed: true })),
];

/** The same number, read from the bytes instead of from what was kept beside them. */
function reread(variable: NumberVariable): number {
  const bytes = Uint8Array.from(variable.bytes);
  const type = variable.type === 'F' || variable.type === 'B' ? variable.type : 'I';
  return new NumberVariable(type, variable.size, { storage: bytes, offset: 0, end: bytes.length }).value;
}

describe.each(integers)('$name', ({ make, bits, signed }) => {
  const highest = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  const lowest = signed ? -(2 ** (bits - 1)) : 0;

  test('keeps its boundaries and wraps behind them', () => {
    const variable = make();
    const cases: [number, number][] = [
      [0, 0],
      [highest, highest],
      [lowest, lowest],
      [highest + 1, lowest],
      [lowest - 1, highest],
      [-1, signed ? -1 : highest],
    ];
    for (const [value, expected] of cases) {
      variable.value = value;
      expect(variable.value).toBe(expected);
      expect(reread(variable)).toBe(expected);
    }
  });

  test('cuts fractions off toward zero, and knows neither -0 nor NaN', () => {
    const variable = make();
    variable.value = 100.99;
    expect(variable.value).toBe(100);
    variable.value = -1.99;
    expect(variable.value).toBe(signed ? -1 : highest);
    for (const zero of [-0, -0.5, 0.99, Number.NaN]) {
      variable.value = 7;
      variable.value = zero;
      expect(Object.is(variable.value, 0)).toBe(true);
    }
  });

  test('saturates at infinity', () => {
    const variable = make();
    variable.value = Number.POSITIVE_INFINITY;
    expect(variable.value).toBe(highest);
    variable.value = Number.NEGATIVE_INFINITY;
    expect(variable.value).toBe(lowest);
  });

  test('computes modulo its size, like BigInt', () => {
    const wrap = (value: bigint) => (signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value));
    const values = fc.oneof(fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true }));
    fc.assert(
      fc.property(values, (value) => {
        const variable = make();
        variable.value = value;
        const expected = Number(wrap(BigInt(Math.trunc(value))));
        expect(variable.value).toBe(expected);
        expect(reread(variable)).toBe(expected);
      }),
    );
  });
});

describe('layout', () => {
  test('B and I are little-endian', () => {
    expect(B(3, 0x010203).bytes).toEqual(Uint8Array.of(3, 2, 1));
    expect(B(4, 0xfffefdfc).bytes).toEqual(Uint8Array.of(0xfc, 0xfd, 0xfe, 0xff));
    expect(B(5, -2).bytes).toEqual(Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0xff));
    expect(B(6, 0x0102_0304_0506).bytes).toEqual(Uint8Array.of(6, 5, 4, 3, 2, 1));
    expect(I(1, -1).bytes).toEqual(Uint8Array.of(0xff));
    expect(I(2, -2).bytes).toEqual(Uint8Array.of(0xfe, 0xff));
    expect(I(6, -3).bytes).toEqual(Uint8Array.of(0xfd, 0xff, 0xff, 0xff, 0xff, 0xff));
  });

  test('I,4 has its high word first', () => {
    expect(I(4, 0x0a0b0c0d).bytes).toEqual(Uint8Array.of(0x0b, 0x0a, 0x0d, 0x0c));
    expect(I(4, -2).bytes).toEqual(Uint8Array.of(0xff, 0xff, 0xfe, 0xff));
  });

  test('F,4 and F,8 are IEEE, little-endian', () => {
    expect(F(1.5, 4).bytes).toEqual(Uint8Array.of(0, 0, 0xc0, 0x3f));
    expect(F(-2, 8).bytes).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0xc0));
  });

  test('F,6 has exponent, sign and fraction where the file says', () => {
    expect(F(0).bytes).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 0));
    // 1 = 2^39 * 2^-39, so the exponent is 129 and the fraction 0.
    expect(F(1).bytes).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 129));
    expect(F(-1).bytes).toEqual(Uint8Array.of(0, 0, 0, 0, 0x80, 129));
    expect(F(1 + 2 ** -39).bytes).toEqual(Uint8Array.of(1, 0, 0, 0, 0, 129));
    expect(F(-1.5).bytes).toEqual(Uint8Array.of(0, 0, 0, 0, 0xc0, 129));
  });
});

describe('F,6', () => {
  const largest = (2 ** 40 - 1) * 2 ** 87;
  const smallest = 2 ** -128;

  test('is off by 2^-40 of the value at most', () => {
    const inRange = fc
      .double({ noNaN: true, min: -largest, max: largest })
      .filter((value) => Math.abs(value) >= smallest);
    fc.assert(
      fc.property(inRange, (value) => {
        const stored = F(value).value;
        expect(Math.abs(stored - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -40);
        expect(reread(F(value))).toBe(stored);
        expect(F(stored).value).toBe(stored);
      }),
      { numRuns: 500 },
    );
  });

  test('keeps every integer below 2^40', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), (value) => {
        expect(F(value).value).toBe(value + 0);
        expect(reread(F(value))).toBe(value + 0);
      }),
    );
  });

  test('rounds to nearest', () => {
    expect(F(2 ** 40 + 1.5).value).toBe(2 ** 40 + 2);
    expect(F(2 ** 40 + 0.5).value).toBe(2 ** 40);
    expect(F(2 ** 39 + 0.75).value).toBe(2 ** 39 + 1);
  });

  test('any six bytes are a number that is stored as the same bytes, but for the spellings of zero', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
        const value = numberFormat('F', 6).decode(bytes, 0);
        expect(Number.isFinite(value)).toBe(true);
        expect(F(value).bytes).toEqual(bytes[5] === 0 ? new Uint8Array(6) : bytes);
      }),
    );
  });

  test('clamps what is too large and drops what is too small', () => {
    for (const large of [1e39, Number.MAX_VALUE, Number.POSITIVE_INFINITY, largest + 2 ** 87]) {
      expect(F(large).value).toBe(largest);
      expect(F(-large).value).toBe(-largest);
      expect(reread(F(-large))).toBe(-largest);
    }
    expect(F(smallest).value).toBe(smallest);
    expect(reread(F(-smallest))).toBe(-smallest);
    expect(F(smallest / 4).value).toBe(0);
    expect(F(Number.MIN_VALUE).value).toBe(0);
  });
});

describe('F', () => {
  test.each([4, 6, 8] as const)('of %i bytes stores NaN and -0 as 0', (size) => {
    expect(Object.is(F(Number.NaN, size).value, 0)).toBe(true);
    expect(Object.is(F(-0, size).value, 0)).toBe(true);
  });

  test('of 4 bytes rounds to a single and stays finite', () => {
    expect(F(0.1, 4).value).toBe(Math.fround(0.1));
    expect(F(2 ** 24 + 1, 4).value).toBe(2 ** 24);
    expect(F(1e300, 4).value).toBe((2 - 2 ** -23) * 2 ** 127);
    expect(F(Number.NEGATIVE_INFINITY, 4).value).toBe(-(2 - 2 ** -23) * 2 ** 127);
  });

  test('of 8 bytes keeps any double', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(F(value, 8).value).toBe(value + 0);
        expect(reread(F(value, 8))).toBe(value + 0);
      }),
    );
    expect(F(Number.POSITIVE_INFINITY, 8).value).toBe(Number.MAX_VALUE);
  });
});

test.each([
  ['F', 5, '4, 6, 8'],
  ['B', 7, '1, 2, 3, 4, 5, 6'],
  ['I', 3, '1, 2, 4, 6'],
  ['B', 0, '1, 2, 3, 4, 5, 6'],
] as const)('%s,%i is refused, and the sizes that exist are named', (type, size, sizes) => {
  expect(() => new NumberVariable(type, size)).toThrow(UsageError);
  expect(() => new NumberVariable(type, size)).toThrow(sizes);
});

describe('numbers as text', () => {
  test.each([
    [0, '0'],
    [-0, '0'],
    [5, '5'],
    [-11, '-11'],
    [99_999_999_999, '99999999999'],
    [100_000_000_000, '1E+11'],
    [-123_456_789_012, '-1.2345678901E+11'],
    [281_474_976_710_655, '2.8147497671E+14'],
    [0.5, '0.5'],
    [-1.25, '-1.25'],
    [0.1 + 0.2, '0.3'],
    [1 / 3, '0.33333333333'],
    [2 / 3, '0.66666666667'],
    [1234.5678, '1234.5678'],
    [99_999_999_999.5, '1E+11'],
    [9.99999999999, '10'],
    [10.000000000001, '10'],
    [1200.5, '1200.5'],
    [0.000001, '0.000001'],
    [0.0000001, '1E-7'],
    [1.5e-10, '1.5E-10'],
    [Number.NaN, '0'],
    [Number.NEGATIVE_INFINITY, '-1.7976931349E+308'],
  ])('%d is %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  test('have no blanks, at most 11 digits, and read as the same number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 }), (value) => {
        const text = formatNumber(value);
        expect(text).toMatch(/^-?\d+(\.\d*[1-9])?(E[+-]\d+)?$/);
        const digits = text.replace(/E.*/, '').replace(/[-.]/g, '').replace(/^0+/, '');
        expect(digits.length).toBeLessThanOrEqual(11);
        expect(Math.abs(leadingNumber(text) - value)).toBeLessThanOrEqual(Math.abs(value) * 5e-11);
      }),
    );
  });

  test.each([
    ['250 ok', 250],
    ['  12', 12],
    ['-3.5x', -3.5],
    ['+7', 7],
    ['.25', 0.25],
    ['1.', 1],
    ['1.5E3', 1500],
    ['25e-2,', 0.25],
    ['1e', 1],
    ['1.2.3', 1.2],
    ['', 0],
    ['abc 5', 0],
    ['-', 0],
    ['. 5', 0],
    ['5-', 5],
    ['Infinity', 0],
    ['0x10', 0],
  ])('%j starts with the number %d', (text, value) => {
    expect(leadingNumber(text)).toBe(value);
  });
});
