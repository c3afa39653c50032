/**
 * MySQL and MariaDB (their protocol documentation, "Connection Phase"): TLS begins behind a packet that nobody answers.
 *
 *   S: greeting, packet 0            version, scramble, capability flags
 *   C: SSLRequest, packet 1          32 bytes, CLIENT_SSL set
 *   <TLS>
 *   C: HandshakeResponse, packet 2   the same flags, and the user: the program's business
 *
 * A packet has a header of 4 bytes: length of what follows it, 3 bytes with the lowest first, and a number. In place of
 * the greeting an ERR packet may come. Without CLIENT_SSL in the greeting, going on would be BACKRONYM (CVE-2015-3152).
 */
import { ByteReader } from './byte-reader.ts';
import type { ClientDialogue, Dialect } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import {
  CLIENT_LONG_PASSWORD,
  CLIENT_PLUGIN_AUTH,
  flagNames,
  HEADER,
  packet,
  packetOp,
  SSL_REQUEST_LENGTH,
  TLS_FLAGS,
  UTF8,
} from './mysql-packet.ts';
import { mysqlServer } from './mysql-server.ts';
import { quoted } from './quoted.ts';

interface Greeting {
  readonly version: string;
  /** Names of flags, the plugin that authenticates, and what passwords are proved with, inside TLS too. */
  readonly capabilities: readonly string[];
}

/*
 * greeting = 0x0A version NUL thread:4 scramble:8 0:1 flags:2
 *            [charset:1 status:2 flags:2 scramble-length:1 0:6 extended-flags:4 scramble:13+ plugin NUL]
 */
const ERR = 0xff;

function greetingOf(payload: Uint8Array): Greeting {
  const reader = new ByteReader(payload, 'the greeting');
  const protocol = reader.byte();
  if (protocol === ERR) throw new DialogueError('refused', `the server turns the client away: ${errorText(reader)}`);
  if (protocol !== 9 && protocol !== 10) {
    throw new DialogueError('malformed', `not a greeting: it begins with byte ${protocol}`);
  }
  const version = reader.textToNul();
  // Version 9 has no flags, and no TLS.
  if (protocol === 9) return { version, capabilities: [] };
  reader.bytes(4);
  const first = reader.bytes(8);
  reader.bytes(1);
  let flags = BigInt(reader.uint16le());
  if (reader.left === 0) return { version, capabilities: flagNames(flags) };
  reader.bytes(1 + 2);
  flags |= BigInt(reader.uint16le()) << 16n;
  const scrambleLength = reader.byte();
  reader.bytes(6);
  const extended = reader.uint32le();
  if ((flags & BigInt(CLIENT_LONG_PASSWORD)) === 0n) flags |= BigInt(extended) << 32n;
  // The second part ends with a NUL that is no part of it.
  const second = reader.bytes(Math.max(13, scrambleLength - 8)).subarray(0, -1);
  const scramble = `scramble ${Buffer.concat([first, second]).toString('hex')}`;
  const named = (flags & BigInt(CLIENT_PLUGIN_AUTH)) !== 0n;
  const plugin = named ? [reader.rest().toString('latin1').replace(/\0.*$/s, '')] : [];
  return { version, capabilities: [...flagNames(flags), ...plugin, scramble] };
}

/*
 * error = 0xFF code:2 ["#" state:5] text
 */
function errorText(reader: ByteReader): string {
  return `${reader.uint16le()} ${quoted(reader.rest().toString('latin1'))}`;
}

const LARGEST_PACKET = 0x1000000;

/*
 * SSLRequest = flags:4 largest-packet:4 charset:1 0:19 extended-flags:4
 */
const SSL_REQUEST: Uint8Array = (() => {
  const payload = Buffer.alloc(SSL_REQUEST_LENGTH);
  payload.writeUInt32LE(TLS_FLAGS, 0);
  payload.writeUInt32LE(LARGEST_PACKET, 4);
  payload.writeUInt8(UTF8, 8);
  return packet(1, payload);
})();

const client: ClientDialogue = {
  trigger: 'SSLRequest',
  *openOp(wire) {
    const { sequence, payload } = yield* packetOp(wire);
    if (sequence !== 0) throw new DialogueError('malformed', `the server begins with packet ${sequence}, not 0`);
    const { version, capabilities } = greetingOf(payload);
    return {
      greeting: version,
      capabilities,
      offer: capabilities.includes('CLIENT_SSL') ? 'offered' : 'missing',
      obstacle: null,
      suspicion: null,
    };
  },
  *requestOp(wire) {
    yield* wire.sendOp(SSL_REQUEST);
    return { accepted: true, code: '', enhanced: null, text: '' };
  },
  // biome-ignore lint/correctness/useYield: nothing can be asked before the user logs in
  *renewOp() {
    return null;
  },
  *leaveOp() {},
  credentialsInClear: () => null,
};

/** Packets of the server, by their first byte, once it has greeted. */
const ANSWERS: ReadonlyMap<number, string> = new Map([
  [0x00, 'OK'],
  [0xfe, 'EOF or AuthSwitchRequest'],
]);

function describe(from: 'client' | 'server', bytes: Uint8Array): string {
  const [, , , sequence = 0, first = 0] = bytes;
  const payload = bytes.subarray(HEADER);
  const what = `packet ${sequence}`;
  if (from === 'client') {
    const isRequest = sequence === 1 && payload.length === SSL_REQUEST_LENGTH;
    return isRequest ? `${what}: SSLRequest` : `${what} of ${payload.length} bytes`;
  }
  try {
    if (sequence !== 0 && first !== ERR) return `${what}: ${ANSWERS.get(first) ?? `${payload.length} bytes`}`;
    const { version, capabilities } = greetingOf(payload);
    const tls = capabilities.includes('CLIENT_SSL') ? 'CLIENT_SSL' : 'no CLIENT_SSL';
    return `${what}: greeting, version ${quoted(version)}, ${tls}`;
  } catch (error) {
    if (error instanceof DialogueError) return `${what}: ${error.message}`;
    throw error;
  }
}

export const MYSQL: Dialect = {
  name: 'mysql',
  title: 'MySQL and MariaDB',
  spec: 'MySQL and MariaDB, Connection Phase',
  scheme: 'mysql',
  directScheme: null,
  port: 3306,
  directPort: null,
  alpn: null,
  alpnOnUpgrade: false,
  redo: 'HandshakeResponse, as packet 2',
  describe,
  client,
  server: mysqlServer,
};
