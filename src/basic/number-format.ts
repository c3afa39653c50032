/**
 * How A-Shell keeps numbers: the byte layouts of F, B and I, and numbers as text (ashell-basic §3.1, §3.4, §3.5).
 *
 * The layout of F,6 is not documented. Ours is private, 48 bits with 40 significant ones, and all zero bytes mean 0:
 *
 *     byte   0      1      2      3      4                5
 *          | fraction, low 32 bits     | s | f 38..32   | exponent |
 *
 *     exponent 0: the number is 0
 *     otherwise:  (-1)^s * (2^39 + fraction) * 2^(exponent - 168)      about 2.9E-39 to 1.7E+38
 */
import { UsageError } from '../core/errors.ts';

/** The types that hold numbers. */
export type NumberType = 'F' | 'B' | 'I';

/** One numeric type and size. `offset` is where the number's bytes start. */
export interface NumberFormat {
  /** What the number becomes when it is stored: rounded, cut, wrapped. Any number is accepted, NaN is 0. */
  fit(value: number): number;
  /** Stores a number that `fit` returned. */
  encode(bytes: Uint8Array, offset: number, value: number): void;
  decode(bytes: Uint8Array, offset: number): number;
  /** Every 32-bit integer from `low` to `high` is stored as it is, so that it needs no `fit`. */
  readonly low: number;
  readonly high: number;
}

const INT32_LOW = -(2 ** 31);
const INT32_HIGH = 2 ** 31 - 1;

const F6_LARGEST = (2 ** 40 - 1) * 2 ** 87;
const F6_SMALLEST = 2 ** -128;
/** Multiplying by this and subtracting leaves the upper 40 of a double's 53 bits, rounded to nearest (Veltkamp). */
const F6_SPLITTER = 2 ** 13 + 1;
/** From a double's biased exponent (bias 1023, 1.f) to ours (bias 128, 0.1f). */
const F6_BIAS = 1022 - 128;
const F4_LARGEST = (2 - 2 ** -23) * 2 ** 127;

const scratch = new DataView(new ArrayBuffer(8));

/** Keeps a float between -largest and largest; NaN becomes 0. */
function clamp(value: number, largest: number): number {
  if (value > largest) return largest;
  if (value < -largest) return -largest;
  return Number.isNaN(value) ? 0 : value + 0;
}

const f6: NumberFormat = {
  low: INT32_LOW,
  high: INT32_HIGH,
  fit(value) {
    const bounded = clamp(value, F6_LARGEST);
    const product = bounded * F6_SPLITTER;
    const rounded = product - (product - bounded);
    // What is too small to be kept is 0.
    return Math.abs(rounded) < F6_SMALLEST ? 0 : clamp(rounded, F6_LARGEST);
  },
  encode(bytes, offset, value) {
    if (value === 0) {
      bytes.fill(0, offset, offset + 6);
      return;
    }
    scratch.setFloat64(0, value, true);
    const high = scratch.getUint32(4, true);
    const fraction = ((high & 0x1fff) << 19) | (scratch.getUint32(0, true) >>> 13);
    bytes[offset] = fraction;
    bytes[offset + 1] = fraction >>> 8;
    bytes[offset + 2] = fraction >>> 16;
    bytes[offset + 3] = fraction >>> 24;
    bytes[offset + 4] = ((high >>> 24) & 0x80) | ((high >>> 13) & 0x7f);
    bytes[offset + 5] = ((high >>> 20) & 0x7ff) - F6_BIAS;
  },
  decode(bytes, offset) {
    const exponent = bytes[offset + 5] ?? 0;
    if (exponent === 0) return 0;
    const top = bytes[offset + 4] ?? 0;
    const fraction = uint32(bytes, offset);
    scratch.setUint32(0, fraction << 13, true);
    scratch.setUint32(
      4,
      ((top & 0x80) << 24) | ((exponent + F6_BIAS) << 20) | ((top & 0x7f) << 13) | (fraction >>> 19),
      true,
    );
    return scratch.getFloat64(0, true);
  },
};

const f4: NumberFormat = {
  low: -(2 ** 24),
  high: 2 ** 24,
  // A double just above the largest single would round to infinity.
  fit: (value) => clamp(Math.fround(clamp(value, F4_LARGEST)), F4_LARGEST),
  encode(bytes, offset, value) {
    scratch.setFloat32(0, value, true);
    copyScratch(bytes, offset, 4);
  },
  decode(bytes, offset) {
    loadScratch(bytes, offset, 4);
    return scratch.getFloat32(0, true);
  },
};

const f8: NumberFormat = {
  low: INT32_LOW,
  high: INT32_HIGH,
  fit: (value) => clamp(value, Number.MAX_VALUE),
  encode(bytes, offset, value) {
    scratch.setFloat64(0, value, true);
    copyScratch(bytes, offset, 8);
  },
  decode(bytes, offset) {
    loadScratch(bytes, offset, 8);
    return scratch.getFloat64(0, true);
  },
};

/** Little-endian; two's complement if `signed`. */
function integer(size: number, signed: boolean): NumberFormat {
  const modulus = 2 ** (8 * size);
  const highest = signed ? modulus / 2 - 1 : modulus - 1;
  const lowest = signed ? -modulus / 2 : 0;
  return {
    low: Math.max(lowest, INT32_LOW),
    high: Math.min(highest, INT32_HIGH),
    fit(value) {
      if (Number.isNaN(value)) return 0;
      if (value === Number.POSITIVE_INFINITY) return highest;
      if (value === Number.NEGATIVE_INFINITY) return lowest;
      // The remainder of doubles is exact, however large they are.
      let wrapped = Math.trunc(value) % modulus;
      if (wrapped < lowest) wrapped += modulus;
      else if (wrapped > highest) wrapped -= modulus;
      return wrapped + 0;
    },
    encode(bytes, offset, value) {
      let rest = value < 0 ? value + modulus : value;
      for (let at = offset; at < offset + size; at++) {
        bytes[at] = rest % 256;
        rest = Math.floor(rest / 256);
      }
    },
    decode(bytes, offset) {
      let value = 0;
      for (let at = offset + size - 1; at >= offset; at--) value = value * 256 + (bytes[at] ?? 0);
      return value > highest ? value - modulus : value;
    },
  };
}

const i4: NumberFormat = {
  ...integer(4, true),
  // "2301": the high word first, each word with its low byte first.
  encode(bytes, offset, value) {
    bytes[offset] = value >> 16;
    bytes[offset + 1] = value >> 24;
    bytes[offset + 2] = value;
    bytes[offset + 3] = value >> 8;
  },
  decode(bytes, offset) {
    const raw = uint32(bytes, offset);
    return (raw << 16) | (raw >>> 16);
  },
};

const formats: Record<NumberType, Readonly<Record<number, NumberFormat>>> = {
  F: { 4: f4, 6: f6, 8: f8 },
  // B,5 is the one signed size (ashell-basic §3.1).
  B: {
    1: integer(1, false),
    2: integer(2, false),
    3: integer(3, false),
    4: integer(4, false),
    5: integer(5, true),
    6: integer(6, false),
  },
  I: { 1: integer(1, true), 2: integer(2, true), 4: i4, 6: integer(6, true) },
};

/** The format of a type and size; a UsageError names the sizes that exist. */
export function numberFormat(type: NumberType, size: number): NumberFormat {
  const format = formats[type][size];
  if (format) return format;
  throw new UsageError(`${type} has no size ${size}: use ${Object.keys(formats[type]).join(', ')}`);
}

function uint32(bytes: Uint8Array, offset: number): number {
  const high = ((bytes[offset + 3] ?? 0) << 8) | (bytes[offset + 2] ?? 0);
  const low = ((bytes[offset + 1] ?? 0) << 8) | (bytes[offset] ?? 0);
  return ((high << 16) | low) >>> 0;
}

function copyScratch(bytes: Uint8Array, offset: number, size: number): void {
  for (let i = 0; i < size; i++) bytes[offset + i] = scratch.getUint8(i);
}

function loadScratch(bytes: Uint8Array, offset: number, size: number): void {
  for (let i = 0; i < size; i++) scratch.setUint8(i, bytes[offset + i] ?? 0);
}

/** How many digits STR$ shows (ashell-basic §3.1, §5.2: SIGNIFICANCE, ASSUMED 11). */
const STR_DIGITS = 11;
/** Below ten to this power STR$ changes to the exponent form. ASSUMED. */
const STR_SMALLEST_EXPONENT = -6;

/**
 * A number as STR$ prints it: no blanks, at most 11 significant digits, `1.5`, `-3`, `1E+12`. ASSUMED: the zero before the
 * point (`0.5`) and the look of the exponent. NaN is `0`, infinity the largest double.
 */
export function formatNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 10 ** STR_DIGITS) return String(value);
  const finite = clamp(value, Number.MAX_VALUE);
  if (finite === 0) return '0';
  const [mantissa = '', power = ''] = Math.abs(finite)
    .toExponential(STR_DIGITS - 1)
    .split('e');
  const digits = mantissa.replace('.', '').replace(/0+$/, '');
  const exponent = Number(power);
  const sign = finite < 0 ? '-' : '';
  if (exponent >= STR_DIGITS || exponent < STR_SMALLEST_EXPONENT) {
    const point = digits.length > 1 ? `.${digits.slice(1)}` : '';
    return `${sign}${digits.slice(0, 1)}${point}E${exponent < 0 ? '-' : '+'}${Math.abs(exponent)}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const fraction = digits.slice(exponent + 1);
  return fraction === '' ? sign + whole : `${sign}${whole}.${fraction}`;
}

const leading = /^[ \t]*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)/;

/** A string as VAL reads it: its leading numeric text, blanks in front allowed; 0 if it starts otherwise. */
export function leadingNumber(text: string): number {
  const match = leading.exec(text);
  return match ? Number(match[1]) : 0;
}
