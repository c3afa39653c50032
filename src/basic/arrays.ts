/**
 * Arrays: elements of one type and size, packed, base 1 (ashell-basic §3.2). An element is a variable on the array's own
 * memory whose extent runs on to the array's end, because TCPX trusts the byte count for a subscripted buffer (§8.2).
 */
import { UsageError } from '../core/errors.ts';
import type { NumberType } from './number-format.ts';
import {
  BaseVariable,
  checkSize,
  MAX_VARIABLE_SIZE,
  NumberVariable,
  type Place,
  RawVariable,
  StringVariable,
  type TypeLetter,
  type Variable,
} from './variables.ts';

/**
 * A whole array as one variable. Its bytes are all elements; its value, read or written as one, is that of the first
 * element (ASSUMED), as an array's address is its first element's.
 */
export class ArrayVariable<E extends Variable = Variable> extends BaseVariable {
  /** The number of elements. */
  readonly length: number;
  /** The size of one element in bytes. */
  readonly elementSize: number;
  readonly bytes: Uint8Array;
  private readonly element: (place: Place) => E;

  /** `storage` holds the elements if it is given; otherwise they start as zeros in new memory. */
  constructor(
    length: number,
    type: TypeLetter,
    elementSize: number,
    element: (place: Place) => E,
    storage: Uint8Array = new Uint8Array(checkLength(length, type, elementSize) * elementSize),
  ) {
    checkLength(length, type, elementSize);
    super(type, length * elementSize);
    this.length = length;
    this.elementSize = elementSize;
    this.bytes = storage.length === this.size ? storage : storage.subarray(0, this.size);
    this.element = element;
    // An unknown size of a numeric type is refused now, not at the first access.
    this.at(1);
  }

  override get isArray(): boolean {
    return true;
  }
  get extent(): Uint8Array {
    return this.bytes;
  }

  /** The element with a subscript from 1 to `length`; a UsageError for any other. */
  at(subscript: number): E {
    this.checkSubscript(subscript);
    const offset = (subscript - 1) * this.elementSize;
    return this.element({ storage: this.bytes, offset, end: this.size });
  }

  readNumber(): number {
    return this.at(1).readNumber();
  }
  readString(): string {
    return this.at(1).readString();
  }
  writeNumber(value: number): void {
    this.at(1).writeNumber(value);
  }
  writeString(value: string): void {
    this.at(1).writeString(value);
  }
  writeReceived(bytes: Uint8Array): void {
    this.bytes.set(bytes.length > this.size ? bytes.subarray(0, this.size) : bytes);
  }

  protected checkSubscript(subscript: number): void {
    if (Number.isInteger(subscript) && subscript >= 1 && subscript <= this.length) return;
    throw new UsageError(`subscript ${subscript} is out of range: the array has elements 1 to ${this.length}`);
  }
}

/** An array of `length` zeroed elements, for example `dim(10, 'S', 80)`. F has 6 bytes if no size is given. */
export function dim(length: number, type: NumberType, size: number): ArrayVariable<NumberVariable>;
export function dim(length: number, type: 'F'): ArrayVariable<NumberVariable>;
export function dim(length: number, type: 'S', size: number): ArrayVariable<StringVariable>;
export function dim(length: number, type: 'X', size: number): ArrayVariable<RawVariable>;
export function dim(length: number, type: TypeLetter, size = type === 'F' ? 6 : 0): ArrayVariable {
  switch (type) {
    case 'S':
      return new ArrayVariable(length, type, size, (place) => new StringVariable(size, place));
    case 'X':
      return new ArrayVariable(length, type, size, (place) => new RawVariable(size, place));
    case 'F':
    case 'B':
    case 'I':
      return new ArrayVariable(length, type, size, (place) => new NumberVariable(type, size, place));
  }
}

function checkLength(length: number, type: TypeLetter, elementSize: number): number {
  // Dynamic elements have no memory in common, so there is nothing that a subroutine could run on into.
  checkSize(type, elementSize, 1);
  if (Number.isInteger(length) && length >= 1 && length * elementSize <= MAX_VARIABLE_SIZE) return length;
  throw new UsageError(
    `an array cannot have ${length} elements of ${elementSize} bytes: use 1 or more, below 2 GiB in all`,
  );
}
