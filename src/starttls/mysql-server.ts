/** The server's part of MySQL: announces TLS, refuses everybody without it, lets everybody in with it, and answers a query. */
import { randomBytes } from 'node:crypto';
import type { Op } from '../core/op.ts';
import { ByteReader } from './byte-reader.ts';
import type { ServerDialogue, Session } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import {
  CLIENT_CONNECT_WITH_DB,
  CLIENT_PLUGIN_AUTH,
  CLIENT_PROTOCOL_41,
  CLIENT_SECURE_CONNECTION,
  CLIENT_SSL,
  packet,
  packetOp,
  SSL_REQUEST_LENGTH,
  TLS_FLAGS,
  UTF8,
} from './mysql-packet.ts';
import { CLOSED, SERVED } from './server-command.ts';
import type { Wire } from './wire.ts';

const PLUGIN = 'mysql_native_password';
/** What this plugin works with, in bytes: 8 in the first part of the greeting, 12 in the second. */
const SCRAMBLE = 20;
const AUTOCOMMIT = 2;

/** Errors by number, SQLSTATE and text, as the originals have them. */
const TOO_MANY_CONNECTIONS: Uint8Array = failure(1040, '08004', 'Too many connections');
const BAD_HANDSHAKE: Uint8Array = failure(1043, '08S01', 'Bad handshake');
const UNKNOWN_COMMAND: Uint8Array = failure(1047, '08S01', 'Unknown command');
const INSECURE_TRANSPORT: Uint8Array = failure(3159, 'HY000', 'Connections using insecure transport are prohibited');

/** Commands by their first byte. */
const COM_QUIT = 0x01;
const COM_INIT_DB = 0x02;
const COM_QUERY = 0x03;
const COM_PING = 0x0e;

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function uint16le(value: number): Buffer {
  return Buffer.from([value & 0xff, value >>> 8]);
}

function failure(code: number, state: string, text: string): Buffer {
  return Buffer.concat([Buffer.from([0xff]), uint16le(code), latin1(`#${state}${text}`)]);
}

/*
 * ok = 0x00 rows:1 last-id:1 status:2 warnings:2        eof = 0xFE warnings:2 status:2
 */
const DONE: Uint8Array = Buffer.concat([Buffer.alloc(3), uint16le(AUTOCOMMIT), uint16le(0)]);
const END_OF_ROWS: Uint8Array = Buffer.concat([Buffer.from([0xfe]), uint16le(0), uint16le(AUTOCOMMIT)]);

/** A scramble is a text that ends with NUL, so that there is none in it. */
function randomScramble(): Buffer {
  const scramble = randomBytes(SCRAMBLE);
  for (const [index, byte] of scramble.entries()) scramble[index] = (byte & 0x3f) | 0x40;
  return scramble;
}

function greeting({ attack }: Session): Buffer {
  if (attack === 'refuse') return packet(0, TOO_MANY_CONNECTIONS);
  if (attack === 'garbage') return packet(0, latin1('\x01 what'));
  const flags = TLS_FLAGS | CLIENT_CONNECT_WITH_DB;
  const announced = attack === 'omit' ? flags & ~CLIENT_SSL : flags;
  const scramble = randomScramble();
  const parts = [
    latin1('\x0a8.0.0-tcpx\0'),
    Buffer.from([1, 0, 0, 0]),
    scramble.subarray(0, 8),
    Buffer.alloc(1),
    uint16le(announced & 0xffff),
    Buffer.from([UTF8]),
    uint16le(AUTOCOMMIT),
    uint16le(announced >>> 16),
    Buffer.from([SCRAMBLE + 1]),
    Buffer.alloc(10),
    scramble.subarray(8),
    latin1(`\0${PLUGIN}\0`),
  ];
  return packet(0, Buffer.concat(parts));
}

const INJECTION: Uint8Array = packet(2, DONE);

/** What is injected behind the greeting, as there is no go-ahead to put it behind. */
function injected({ attack }: Session): Uint8Array {
  if (attack === 'inject-half-line') return INJECTION.subarray(0, INJECTION.length >> 1);
  return attack === 'inject-line' ? INJECTION : new Uint8Array(0);
}

/** A text behind its length. */
function counted(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const length = bytes.length <= 250 ? Buffer.from([bytes.length]) : Buffer.from([0xfc, ...uint16le(bytes.length)]);
  return Buffer.concat([length, bytes]);
}

/*
 * column = catalog schema table table name name, each counted, 0x0C charset:2 length:4 type:1 flags:2 decimals:1 0:2
 */
function column(name: string): Buffer {
  const definition = Buffer.from([0x0c, UTF8, 0, 0, 4, 0, 0, 0xfd, 0, 0, 0, 0, 0]);
  return Buffer.concat([...['def', '', '', '', name, ''].map(counted), definition]);
}

/** Every query that asks for rows has the same answer: what came of the negotiation. */
function rows(wire: Wire, session: Session): readonly Uint8Array[] {
  const { version = '', suite = '' } = wire.channel.tls ?? {};
  const row = [
    ['host', session.host],
    ['version', version ?? ''],
    ['suite', suite ?? ''],
  ] as const;
  return [
    Buffer.from([row.length]),
    ...row.map(([name]) => column(name)),
    END_OF_ROWS,
    Buffer.concat(row.map(([, value]) => counted(value))),
    END_OF_ROWS,
  ];
}

/*
 * HandshakeResponse41 = flags:4 largest-packet:4 charset:1 0:23 user NUL length:1 proof [database NUL] [plugin NUL]
 */
/** The plugin that a client has proved its password with; null when this is not a HandshakeResponse41. */
function pluginOf(payload: Uint8Array): string | null {
  try {
    return readPlugin(payload);
  } catch (error) {
    if (error instanceof DialogueError) return null;
    throw error;
  }
}

function readPlugin(payload: Uint8Array): string | null {
  const reader = new ByteReader(payload, 'HandshakeResponse');
  const flags = reader.uint32le();
  if ((flags & CLIENT_PROTOCOL_41) === 0) return null;
  reader.bytes(4 + 1 + 23);
  reader.textToNul();
  if ((flags & CLIENT_SECURE_CONNECTION) === 0) reader.textToNul();
  else reader.bytes(reader.byte());
  if ((flags & CLIENT_CONNECT_WITH_DB) !== 0) reader.textToNul();
  return (flags & CLIENT_PLUGIN_AUTH) === 0 ? PLUGIN : reader.textToNul();
}

function asksForTls(payload: Uint8Array): boolean {
  if (payload.length !== SSL_REQUEST_LENGTH) return false;
  return (new ByteReader(payload, 'SSLRequest').uint32le() & CLIENT_SSL) !== 0;
}

export const mysqlServer: ServerDialogue = {
  attacks: ['inject-line', 'inject-half-line', 'omit', 'refuse', 'garbage', 'silence', 'drip'],
  injection: INJECTION,
  *greetOp(wire, session) {
    yield* wire.sendOp(Buffer.concat([greeting(session), injected(session)]));
  },
  *renewedOp() {},
  *commandOp(wire, session) {
    if (yield* wire.endOp()) return CLOSED;
    const { sequence, payload } = yield* packetOp(wire);
    const sayOp = (...answers: readonly Uint8Array[]): Op<void> =>
      wire.sendOp(Buffer.concat(answers.map((answer, index) => packet(sequence + 1 + index, answer))));
    if (!session.encrypted) {
      if (asksForTls(payload)) return { kind: 'upgrade', goAhead: new Uint8Array(0) };
      yield* sayOp(INSECURE_TRANSPORT);
      return CLOSED;
    }
    const { memory } = session;
    const state = memory.get('state');
    if (state === 'ready') {
      const [command = 0] = payload;
      if (command === COM_QUIT) return CLOSED;
      if (command === COM_QUERY) yield* asksForRows(payload) ? sayOp(...rows(wire, session)) : sayOp(DONE);
      else yield* sayOp(command === COM_PING || command === COM_INIT_DB ? DONE : UNKNOWN_COMMAND);
      return SERVED;
    }
    const plugin = state === 'proving' ? PLUGIN : pluginOf(payload);
    if (plugin === null) {
      yield* sayOp(BAD_HANDSHAKE);
      return CLOSED;
    }
    // Nobody's password is looked at, but a client whose plugin is another one waits to be asked.
    memory.set('state', plugin === PLUGIN ? 'ready' : 'proving');
    const ask = () => Buffer.concat([latin1(`\xfe${PLUGIN}\0`), randomScramble(), Buffer.alloc(1)]);
    yield* sayOp(plugin === PLUGIN ? DONE : ask());
    return SERVED;
  },
};

/** How far a query is looked at. */
const QUERY_HEAD = 64;

function asksForRows(payload: Uint8Array): boolean {
  const query = Buffer.from(payload.subarray(1, QUERY_HEAD)).toString('latin1');
  return /^\s*(?:select|show|with|desc)/i.test(query);
}
