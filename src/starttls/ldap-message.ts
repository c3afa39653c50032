/** Messages of LDAP (RFC 4511 §4.1, §4.2): a number, and one operation. */
import { type BerValue, constructed, encode, INTEGER, integer, SEQUENCE } from '../core/ber.ts';
import type { Op } from '../core/op.ts';
import { DialogueError } from './dialogue-error.ts';
import { decode, integerOf, itemsOf } from './ldap-ber.ts';
import type { Wire } from './wire.ts';

/** Operations, by their tags in the APPLICATION class. */
export const BIND_REQUEST = 0x60;
export const BIND_RESPONSE = 0x61;
export const UNBIND_REQUEST = 0x42;
export const SEARCH_REQUEST = 0x63;
export const SEARCH_ENTRY = 0x64;
export const SEARCH_DONE = 0x65;
export const ABANDON_REQUEST = 0x50;
export const SEARCH_REFERENCE = 0x73;
export const EXTENDED_REQUEST = 0x77;
export const EXTENDED_RESPONSE = 0x78;
/** Fields of the extended operation, in the context class. */
export const REQUEST_NAME = 0x80;
export const REQUEST_VALUE = 0x81;
export const RESPONSE_NAME = 0x8a;

export const START_TLS = '1.3.6.1.4.1.1466.20037';
export const NOTICE_OF_DISCONNECTION = '1.3.6.1.4.1.1466.20036';
export const WHO_AM_I = '1.3.6.1.4.1.4203.1.11.3';

/** The filter that every entry passes. */
export const PRESENT = 0x87;
/** The scope of a search that asks for the named entry alone. */
export const BASE_OBJECT = 0;

/** Result codes (RFC 4511 appendix A), as far as they are answers on the way to TLS. */
export const RESULT = {
  success: 0,
  operationsError: 1,
  protocolError: 2,
  authMethodNotSupported: 7,
  strongerAuthRequired: 8,
  referral: 10,
  unavailableCriticalExtension: 12,
  confidentialityRequired: 13,
  noSuchObject: 32,
  invalidCredentials: 49,
  insufficientAccessRights: 50,
  busy: 51,
  unavailable: 52,
  unwillingToPerform: 53,
  other: 80,
} as const;

const RESULT_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(RESULT).map(([name, code]) => [code, name]));

export function resultName(code: number): string {
  return RESULT_NAMES.get(code) ?? 'unknown result';
}

export interface Message {
  readonly id: number;
  readonly operation: BerValue;
}

export function message(id: number, operation: BerValue): Buffer {
  return encode(constructed(SEQUENCE, integer(id), operation));
}

/** Far above a root DSE, and above what any client sends before it has bound. */
const LONGEST_MESSAGE = 262_144;
/** Length octets behind the first one: four can count any message. */
const MOST_LENGTH_OCTETS = 4;
const LONG_FORM = 0x80;

/*
 * message = 0x30 length content
 * length  = 0..127 / (0x80 + n) n octets, the highest first
 */
/** @throws DialogueError malformed for what is no message, or one longer than any peer needs here */
export function* messageOp(wire: Wire): Op<Message> {
  const [tag, first = 0] = yield* wire.peekOp(2);
  if (tag !== SEQUENCE) throw new DialogueError('malformed', `not an LDAP message: it begins with byte ${tag}`);
  const octets = first < LONG_FORM ? 0 : first - LONG_FORM;
  if (first === LONG_FORM || octets > MOST_LENGTH_OCTETS) {
    throw new DialogueError('malformed', 'an LDAP message whose length is not a number');
  }
  const head = yield* wire.peekOp(2 + octets);
  const length = octets === 0 ? first : head.subarray(2).reduce((sum, octet) => sum * 256 + octet, 0);
  if (length > LONGEST_MESSAGE) throw new DialogueError('malformed', `an LDAP message of ${length} bytes`);
  const parsed = messageOf(yield* wire.peekOp(2 + octets + length));
  // A bind holds a password.
  yield* wire.exactOp(2 + octets + length, { secret: parsed.operation.tag === BIND_REQUEST });
  return parsed;
}

/** @throws DialogueError malformed */
export function messageOf(bytes: Uint8Array): Message {
  const what = 'the LDAP message';
  const [id, operation] = itemsOf(decode(bytes, what), SEQUENCE, 2, what);
  if (operation === undefined) throw new DialogueError('malformed', `${what} has no operation`);
  return { id: integerOf(id, INTEGER, what), operation };
}
