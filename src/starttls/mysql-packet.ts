/** Packets of MySQL and MariaDB: a header of 4 bytes, and what is in it. */
import { asBuffer } from '../core/bytes.ts';
import type { Op } from '../core/op.ts';
import { DialogueError } from './dialogue-error.ts';
import type { Wire } from './wire.ts';

/** Capability flags, as far as a dialogue that leads to TLS needs them. */
export const CLIENT_LONG_PASSWORD = 0x1;
export const CLIENT_CONNECT_WITH_DB = 0x8;
export const CLIENT_PROTOCOL_41 = 0x200;
export const CLIENT_SSL = 0x800;
export const CLIENT_TRANSACTIONS = 0x2000;
export const CLIENT_SECURE_CONNECTION = 0x8000;
export const CLIENT_PLUGIN_AUTH = 0x80000;
/** What SSLRequest says, and HandshakeResponse must say again. The first bit is MySQL's mark, which MariaDB leaves out. */
export const TLS_FLAGS: number =
  CLIENT_LONG_PASSWORD |
  CLIENT_PROTOCOL_41 |
  CLIENT_SSL |
  CLIENT_TRANSACTIONS |
  CLIENT_SECURE_CONNECTION |
  CLIENT_PLUGIN_AUTH;

/** The character set utf8mb4_general_ci. */
export const UTF8 = 45;

/** Flags by bit, for people; MariaDB's own begin at 32. */
const FLAGS: ReadonlyMap<number, string> = new Map([
  [0, 'CLIENT_LONG_PASSWORD'],
  [5, 'CLIENT_COMPRESS'],
  [7, 'CLIENT_LOCAL_FILES'],
  [9, 'CLIENT_PROTOCOL_41'],
  [11, 'CLIENT_SSL'],
  [13, 'CLIENT_TRANSACTIONS'],
  [15, 'CLIENT_SECURE_CONNECTION'],
  [19, 'CLIENT_PLUGIN_AUTH'],
  [20, 'CLIENT_CONNECT_ATTRS'],
  [21, 'CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA'],
  [23, 'CLIENT_SESSION_TRACK'],
  [24, 'CLIENT_DEPRECATE_EOF'],
  [26, 'CLIENT_ZSTD_COMPRESSION_ALGORITHM'],
  [32, 'MARIADB_CLIENT_PROGRESS'],
  [34, 'MARIADB_CLIENT_STMT_BULK_OPERATIONS'],
  [35, 'MARIADB_CLIENT_EXTENDED_METADATA'],
  [36, 'MARIADB_CLIENT_CACHE_METADATA'],
  [37, 'MARIADB_CLIENT_BULK_UNIT_RESULTS'],
]);

export function flagNames(flags: bigint): readonly string[] {
  return [...FLAGS].filter(([bit]) => (flags & (1n << BigInt(bit))) !== 0n).map(([, name]) => name);
}

export interface Packet {
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/*
 * packet = length:3 sequence:1 payload
 */
export const HEADER = 4;
/** Far above a greeting, an error, or a HandshakeResponse with attributes. */
const LONGEST_PACKET = 65_536;
/** SSLRequest is told from HandshakeResponse by its length. */
export const SSL_REQUEST_LENGTH = 32;

/** @throws DialogueError malformed when it is longer than any that is waited for here */
export function* packetOp(wire: Wire): Op<Packet> {
  const head = asBuffer(yield* wire.peekOp(HEADER));
  const length = head.readUIntLE(0, 3);
  const sequence = head.readUInt8(3);
  if (length > LONGEST_PACKET) throw new DialogueError('malformed', `a packet of ${length} bytes`);
  // Behind SSLRequest clients send what proves their passwords.
  const secret = wire.role === 'server' && (wire.encrypted || length !== SSL_REQUEST_LENGTH);
  return { sequence, payload: (yield* wire.exactOp(HEADER + length, { secret })).subarray(HEADER) };
}

export function packet(sequence: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(HEADER);
  head.writeUIntLE(payload.length, 0, 3);
  head.writeUInt8(sequence & 0xff, 3);
  return Buffer.concat([head, payload]);
}
