/** BER (X.690) as trees of plain values, by asn1js, which is loaded when the first value is read or written. */
import { createRequire } from 'node:module';
import type * as asn1jsModule from 'asn1js';
import { asBuffer } from './bytes.ts';
import { ProtocolError } from './errors.ts';

/** The peer sent something that is no BER, or not what it should be. */
export class BerError extends ProtocolError {}

export interface BerValue {
  /** The identifier octet: class in the upper two bits, then one for constructed, then the number. */
  readonly tag: number;
  /** Of a constructed value: what it holds. */
  readonly items: readonly BerValue[];
  /** Of a primitive value: its bytes. */
  readonly bytes: Buffer;
}

export const BOOLEAN = 0x01;
export const INTEGER = 0x02;
export const OCTET_STRING = 0x04;
export const ENUMERATED = 0x0a;
export const SEQUENCE = 0x30;
export const SET = 0x31;

const CONSTRUCTED = 0x20;
/** Tags of more than one octet, which none of the protocols here has. */
const HIGH_TAG = 0x1f;
const MOST_NODES = 20_000;
const MOST_LEVELS = 32;
const NO_BYTES = Buffer.alloc(0);

let asn1js: typeof asn1jsModule | undefined;

function library(): typeof asn1jsModule {
  asn1js ??= createRequire(import.meta.url)('asn1js') as typeof asn1jsModule;
  return asn1js;
}

export function primitive(tag: number, value: string | Uint8Array): BerValue {
  return { tag, items: [], bytes: typeof value === 'string' ? Buffer.from(value, 'utf8') : asBuffer(value) };
}

export function constructed(tag: number, ...items: readonly BerValue[]): BerValue {
  return { tag, items, bytes: NO_BYTES };
}

/** An INTEGER, ENUMERATED or the like; 0 to 2^31-1. */
export function integer(value: number, tag: number = INTEGER): BerValue {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(value, 1);
  // The shortest form that does not look negative.
  let start = 0;
  while (start < 4 && bytes[start] === 0 && (bytes[start + 1] ?? 0) < 0x80) start += 1;
  return primitive(tag, bytes.subarray(start));
}

export function encode(value: BerValue): Buffer {
  return Buffer.from(blockOf(value).toBER());
}

function blockOf({ tag, items, bytes }: BerValue): asn1jsModule.BaseBlock {
  const { Constructed, Primitive } = library();
  const idBlock = { tagClass: (tag >> 6) + 1, tagNumber: tag & HIGH_TAG };
  if ((tag & CONSTRUCTED) !== 0) return new Constructed({ idBlock, value: items.map(blockOf) });
  return new Primitive({ idBlock, valueHex: bytes });
}

/**
 * One value, and nothing behind it, in memory of its own.
 *
 * @param what the message, for errors
 * @throws BerError for lengths without a number too, which LDAP forbids (RFC 4511 §5.1)
 */
export function decode(bytes: Uint8Array, what: string): BerValue {
  const parsed = parse(bytes);
  if (parsed === null) throw new BerError(`${what} is not valid BER`);
  return plainOf(parsed, what);
}

function parse(bytes: Uint8Array): asn1jsModule.BaseBlock | null {
  const { fromBER } = library();
  try {
    const { offset, result } = fromBER(bytes, { maxDepth: MOST_LEVELS, maxNodes: MOST_NODES });
    return offset === bytes.length && result.error === '' ? result : null;
  } catch {
    // Texts and times with impossible contents make it throw errors of all sorts.
    return null;
  }
}

function plainOf(block: asn1jsModule.BaseBlock, what: string): BerValue {
  const { idBlock, lenBlock, valueBlock, valueBeforeDecodeView } = block;
  if (lenBlock.isIndefiniteForm || idBlock.tagNumber >= HIGH_TAG) {
    throw new BerError(`${what} has a form of BER that is not allowed`);
  }
  const tag = ((idBlock.tagClass - 1) << 6) | (idBlock.isConstructed ? CONSTRUCTED : 0) | idBlock.tagNumber;
  if (!idBlock.isConstructed) {
    const bytes = asBuffer(valueBeforeDecodeView).subarray(idBlock.blockLength + lenBlock.blockLength);
    return { tag, items: [], bytes };
  }
  const items: unknown = 'value' in valueBlock ? valueBlock.value : [];
  if (!Array.isArray(items)) throw new BerError(`${what} is not valid BER`);
  return { tag, items: items.map((item) => plainOf(item, what)), bytes: NO_BYTES };
}

/**
 * The items of a constructed value that must have this tag, and so many items at least.
 *
 * @throws BerError otherwise
 */
export function itemsOf(value: BerValue | undefined, tag: number, least: number, what: string): readonly BerValue[] {
  if (value?.tag === tag && value.items.length >= least) return value.items;
  throw new BerError(`${what} is not what it should be`);
}

/** @throws BerError when it is another type, negative, or above 2^31-1 */
export function integerOf(value: BerValue | undefined, tag: number, what: string): number {
  if (value?.tag === tag && value.bytes.length >= 1 && value.bytes.length <= 4) {
    const number = value.bytes.readIntBE(0, value.bytes.length);
    if (number >= 0) return number;
  }
  throw new BerError(`${what} has no valid number`);
}

/** @throws BerError when it is another type */
export function textOf(value: BerValue | undefined, tag: number, what: string): string {
  if (value?.tag === tag) return value.bytes.toString('utf8');
  throw new BerError(`${what} has no valid text`);
}
