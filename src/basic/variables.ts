/**
 * BASIC variables as a subroutine sees them: a type, a size and the bytes at an address (ashell-basic §3, §8.2).
 *
 * A variable lies in memory of its own, or in memory that it shares: an element of an array, a field of a record.
 * `bytes` is always that memory itself, never a copy, except that a dynamic variable gets new memory with each value.
 *
 * A scalar number keeps its value as a JavaScript number for as long as nobody has asked for its bytes: most never are
 * looked at, and this makes reading and writing one cost a few nanoseconds. Whoever has asked may write to the bytes at
 * any time, so from then on they are all there is.
 */
import { asBuffer, encodeLatin1, indexOfNul, requireLatin1 } from '../core/bytes.ts';
import { UsageError } from '../core/errors.ts';
import { formatNumber, leadingNumber, type NumberFormat, type NumberType, numberFormat } from './number-format.ts';

/** A-Shell's types: float, unsigned binary, signed integer, string, raw bytes. */
export type TypeLetter = 'F' | 'B' | 'I' | 'S' | 'X';

/** A-Shell's type codes; an array adds 16 (ashell-basic §8.2). */
const TYPE_CODES: Readonly<Record<TypeLetter, number>> = { X: 0, S: 2, F: 4, B: 6, I: 8 };
export const ARRAY_TYPE_CODE = 16;

/** The largest fixed variable or array: what fits in a signed 32-bit size. */
export const MAX_VARIABLE_SIZE = 2 ** 31 - 1;

/** What a subroutine gets for an argument that was passed by reference. */
export interface Variable {
  readonly type: TypeLetter;
  /** Declared size in bytes, of an array all elements together; 0 for a dynamic variable. */
  readonly size: number;
  readonly isArray: boolean;
  /** A-Shell's type code: 0 X, 2 S, 4 F, 6 B, 8 I, plus 16 for an array. */
  readonly typeCode: number;
  /** The memory at the variable's address: declared size, or current content of a dynamic one. */
  readonly bytes: Uint8Array;
  /** The memory from this variable's address to the end of the array it is an element of; otherwise the same as `bytes`. */
  readonly extent: Uint8Array;
  /** The value as a number; text counts as far as it starts with one, otherwise 0. */
  readNumber(): number;
  /** The value as Latin-1 text: S and X up to the first NUL, a number as STR$ prints it. */
  readString(): string;
  /** Stores a number: cut and wrapped into B and I, rounded into F, as STR$ prints it into S and X. */
  writeNumber(value: number): void;
  /** Stores text, or the number it starts with. Throws a UsageError for a character above U+00FF. */
  writeString(value: string): void;
  /**
   * Stores received bytes at the variable's address, never more than the extent. What lies behind them stays, but an S is
   * filled with NUL up to its own end. A dynamic variable becomes exactly these bytes.
   */
  writeReceived(bytes: Uint8Array): void;
}

/** Memory that a variable shares: it starts at `offset` of `storage`, and its array ends before `end`. */
export interface Place {
  readonly storage: Uint8Array;
  readonly offset: number;
  readonly end: number;
}

/** The base of every variable; {@link isVariable} asks for it. */
export abstract class BaseVariable implements Variable {
  readonly type: TypeLetter;
  readonly size: number;

  constructor(type: TypeLetter, size: number) {
    this.type = type;
    this.size = size;
  }

  get isArray(): boolean {
    return false;
  }
  get typeCode(): number {
    return TYPE_CODES[this.type] + (this.isArray ? ARRAY_TYPE_CODE : 0);
  }
  abstract readonly bytes: Uint8Array;
  abstract readonly extent: Uint8Array;
  abstract readNumber(): number;
  abstract readString(): string;
  abstract writeNumber(value: number): void;
  abstract writeString(value: string): void;
  abstract writeReceived(bytes: Uint8Array): void;
}

/** Whether something is a by-reference variable, of whichever type. */
export function isVariable(x: unknown): x is Variable {
  return x instanceof BaseVariable;
}

/** F, B or I. One class for the three, so that the code which reads arguments sees one shape. */
export class NumberVariable extends BaseVariable {
  private readonly format: NumberFormat;
  private readonly low: number;
  private readonly high: number;
  /** The value while there is no storage. */
  private number = 0;
  private storage: Uint8Array | undefined;
  private readonly offset: number;
  private readonly end: number;

  constructor(type: NumberType, size: number, place?: Place) {
    const format = numberFormat(type, size);
    super(type, size);
    this.format = format;
    this.low = format.low;
    this.high = format.high;
    if (place) checkPlace(size, place);
    this.storage = place?.storage;
    this.offset = place?.offset ?? 0;
    this.end = place?.end ?? size;
  }

  get value(): number {
    return this.readNumber();
  }
  set value(value: number | string) {
    if (typeof value === 'string') this.writeString(value);
    else this.writeNumber(value);
  }

  get bytes(): Uint8Array {
    return this.memory().subarray(this.offset, this.offset + this.size);
  }
  get extent(): Uint8Array {
    return this.memory().subarray(this.offset, this.end);
  }

  readNumber(): number {
    return this.storage === undefined ? this.number : this.format.decode(this.storage, this.offset);
  }

  writeNumber(value: number): void {
    const int = value | 0;
    const fitted = int === value && int >= this.low && int <= this.high ? int : this.format.fit(value);
    if (this.storage === undefined) this.number = fitted;
    else this.format.encode(this.storage, this.offset, fitted);
  }

  readString(): string {
    return formatNumber(this.readNumber());
  }

  writeString(value: string): void {
    requireLatin1(value);
    this.writeNumber(leadingNumber(value));
  }

  writeReceived(bytes: Uint8Array): void {
    storeReceived(this.extent, bytes);
  }

  private memory(): Uint8Array {
    if (this.storage === undefined) {
      this.storage = new Uint8Array(this.size);
      this.format.encode(this.storage, 0, this.number);
    }
    return this.storage;
  }
}

/** What S and X share: memory that is either fixed, own or shared, or replaced with each value (size 0). */
abstract class ByteVariable extends BaseVariable {
  /** A Buffer, because it converts Latin-1 without a detour. Not handed out: its `slice` is not that of a Uint8Array. */
  protected storage: Buffer;
  protected readonly offset: number;
  private readonly end: number;
  /** The extent of fixed memory: every call asks for it. */
  private fixedExtent: Uint8Array | undefined;

  constructor(type: 'S' | 'X', size: number, place?: Place) {
    checkSize(type, size, 0);
    if (place) checkPlace(size, place);
    super(type, size);
    this.storage = asBuffer(place ? place.storage : new Uint8Array(size));
    this.offset = place?.offset ?? 0;
    this.end = place?.end ?? size;
  }

  get bytes(): Uint8Array {
    return this.view(this.size > 0 ? this.offset + this.size : this.storage.length);
  }
  get extent(): Uint8Array {
    if (this.size === 0) return this.view(this.storage.length);
    this.fixedExtent ??= this.view(this.end);
    return this.fixedExtent;
  }

  readNumber(): number {
    return leadingNumber(this.readString());
  }

  readString(): string {
    const end = this.size > 0 ? this.offset + this.size : this.storage.length;
    const nul = indexOfNul(this.storage, this.offset, end);
    return this.storage.toString('latin1', this.offset, nul < 0 ? end : nul);
  }

  writeNumber(value: number): void {
    this.writeString(formatNumber(value));
  }

  /** Too long a text is cut, too short a one filled up with NUL. A NUL in the text is kept, and ends the value when read. */
  writeString(value: string): void {
    if (this.size === 0) {
      this.storage = asBuffer(encodeLatin1(value));
      return;
    }
    requireLatin1(value);
    const count = Math.min(value.length, this.size);
    if (count > 0) this.storage.write(value, this.offset, count, 'latin1');
    if (count < this.size) this.storage.fill(0, this.offset + count, this.offset + this.size);
  }

  writeReceived(bytes: Uint8Array): void {
    if (this.size === 0) this.storage = asBuffer(new Uint8Array(bytes));
    else storeReceived(this.extent, bytes);
  }

  private view(end: number): Uint8Array {
    const { buffer, byteOffset } = this.storage;
    return new Uint8Array(buffer, byteOffset + this.offset, end - this.offset);
  }
}

/** S: text that ends at the first NUL or at its size. */
export class StringVariable extends ByteVariable {
  constructor(size: number, place?: Place) {
    super('S', size, place);
  }

  get value(): string {
    return this.readString();
  }
  /** Bytes are taken up to their first NUL, as when an X is assigned to an S. */
  set value(value: string | number | Uint8Array) {
    if (typeof value === 'string') this.writeString(value);
    else if (typeof value === 'number') this.writeNumber(value);
    else {
      const nul = indexOfNul(value);
      const text = nul < 0 ? value : value.subarray(0, nul);
      this.writeReceived(this.size > 0 ? text.subarray(0, this.size) : text);
    }
  }

  override writeReceived(bytes: Uint8Array): void {
    super.writeReceived(bytes);
    if (bytes.length < this.size) this.storage.fill(0, this.offset + bytes.length, this.offset + this.size);
  }
}

/** X: raw bytes. */
export class RawVariable extends ByteVariable {
  constructor(size: number, place?: Place) {
    super('X', size, place);
  }

  /** A copy; `bytes` is the memory itself. */
  get value(): Uint8Array {
    return new Uint8Array(this.bytes);
  }
  /** Bytes replace as many bytes as they are, what lies behind stays; text is filled up with NUL (ashell-basic §3.4). */
  set value(value: Uint8Array | string | number) {
    if (typeof value === 'string') this.writeString(value);
    else if (typeof value === 'number') this.writeNumber(value);
    else if (this.size === 0) this.writeReceived(value);
    else storeReceived(this.bytes, value);
  }
}

/** A float of 6 bytes (40 significant bits), 4 or 8 (IEEE). NaN is stored as 0, what is too large as the largest number. */
export function F(value: number = 0, size: 4 | 6 | 8 = 6): NumberVariable {
  return numberWith('F', size, value);
}

/** A binary number of 1 to 6 bytes, unsigned but for B,5. Fractions are cut off, what is out of range wraps. */
export function B(size: 1 | 2 | 3 | 4 | 5 | 6, value: number = 0): NumberVariable {
  return numberWith('B', size, value);
}

/** A signed integer of 1, 2, 4 or 6 bytes. Fractions are cut off, what is out of range wraps. */
export function I(size: 1 | 2 | 4 | 6, value: number = 0): NumberVariable {
  return numberWith('I', size, value);
}

/** A string of `size` bytes, or of any length for size 0. */
export function S(size: number, value: string = ''): StringVariable {
  const variable = new StringVariable(size);
  if (value !== '') variable.writeString(value);
  return variable;
}

/** `size` raw bytes, or any number of them for size 0. */
export function X(size: number, value?: Uint8Array): RawVariable {
  const variable = new RawVariable(size);
  if (value) variable.value = value;
  return variable;
}

function numberWith(type: NumberType, size: number, value: number): NumberVariable {
  const variable = new NumberVariable(type, size);
  variable.writeNumber(value);
  return variable;
}

/** Throws a UsageError unless the size is a whole number that a variable can have. */
export function checkSize(type: TypeLetter, size: number, least: 0 | 1): void {
  if (Number.isInteger(size) && size >= least && size <= MAX_VARIABLE_SIZE) return;
  throw new UsageError(
    `${type} cannot be ${size} bytes long: use a whole number from ${least} to ${MAX_VARIABLE_SIZE}`,
  );
}

function checkPlace(size: number, { storage, offset, end }: Place): void {
  if (size > 0 && offset >= 0 && offset + size <= end && end <= storage.length) return;
  throw new UsageError(`${size} bytes at offset ${offset} do not lie within ${Math.min(end, storage.length)} bytes`);
}

function storeReceived(extent: Uint8Array, bytes: Uint8Array): void {
  extent.set(bytes.length > extent.length ? bytes.subarray(0, extent.length) : bytes);
}
