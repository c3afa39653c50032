/**
 * PostgreSQL: SSLRequest, whose answer is one byte, and direct TLS on the same port (documentation, chapter
 * "Frontend/Backend Protocol", sections "Message Flow" and "Message Formats").
 *
 *   C: SSLRequest                    00 00 00 08 04 D2 16 2F
 *   S: 'S'                           'N' is no, 'E' the start of an error of servers that know no SSLRequest
 *   <TLS>
 *   C: StartupMessage                from here on the program's business
 *
 * A second byte behind the answer is an injection (CVE-2021-23222). The ALPN id `postgresql` is sent on both ways; with
 * direct TLS the server insists on it.
 */
import { asBuffer } from '../core/bytes.ts';
import type { Op } from '../core/op.ts';
import { ByteReader } from './byte-reader.ts';
import type { ClientDialogue, Dialect, Served, ServerDialogue, Session } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import { quoted } from './quoted.ts';
import { CLOSED, SERVED } from './server-command.ts';
import type { Wire } from './wire.ts';

/** Codes in place of a protocol version: 1234 in the upper half. */
const CANCEL_REQUEST = 80_877_102;
const SSL_REQUEST = 80_877_103;
const GSSENC_REQUEST = 80_877_104;
const PROTOCOL_3 = 3;

const REQUEST_NAMES: ReadonlyMap<number, string> = new Map([
  [CANCEL_REQUEST, 'CancelRequest'],
  [SSL_REQUEST, 'SSLRequest'],
  [GSSENC_REQUEST, 'GSSENCRequest'],
]);

function request(code: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(code, 4);
  return bytes;
}

const client: ClientDialogue = {
  trigger: 'SSLRequest',
  // biome-ignore lint/correctness/useYield: the client speaks first
  *openOp() {
    return { greeting: '', capabilities: [], offer: 'unasked', obstacle: null, suspicion: null };
  },
  *requestOp(wire) {
    yield* wire.sendOp(request(SSL_REQUEST));
    const code = asBuffer(yield* wire.exactOp(1)).toString('latin1');
    switch (code) {
      case 'S':
        return { accepted: true, code, enhanced: null, text: '' };
      case 'N':
        return { accepted: false, code, enhanced: null, text: 'not available' };
      case 'E':
        // What follows may come from anybody (CVE-2024-10977), so it is neither read nor shown.
        return { accepted: false, code, enhanced: null, text: 'an error, whose text nobody vouches for', final: true };
      default:
        throw new DialogueError('malformed', `${quoted(code)} is no answer to SSLRequest`);
    }
  },
  // biome-ignore lint/correctness/useYield: nothing can be asked before the user logs in
  *renewOp() {
    return null;
  },
  // Terminate belongs to a session that has been started.
  *leaveOp() {},
  credentialsInClear: () => null,
};

/** MAX_STARTUP_PACKET_LENGTH of the original. */
const LONGEST_STARTUP = 10_000;
const LONGEST_MESSAGE = 1_048_576;
const INT4 = 4;
const TEXT_OID = 25;

/*
 * message = type:1 length:4 (itself included) body
 */
function message(type: string, ...body: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat([Buffer.from(type, 'latin1'), Buffer.alloc(INT4), ...body]);
  bytes.writeUInt32BE(bytes.length - 1, 1);
  return bytes;
}

const int4 = (value: number): Buffer => {
  const bytes = Buffer.alloc(INT4);
  bytes.writeInt32BE(value);
  return bytes;
};
const int2 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const text = (...texts: readonly string[]): Buffer => Buffer.from(texts.map((one) => `${one}\0`).join(''), 'latin1');

/** ErrorResponse: severity twice (translated and not), SQLSTATE, message. */
const failure = (severity: 'FATAL' | 'ERROR', state: string, what: string): Buffer =>
  message('E', text(`S${severity}`, `V${severity}`, `C${state}`, `M${what}`), Buffer.alloc(1));

const READY: Buffer = message('Z', Buffer.from('I', 'latin1'));

const PARAMETERS: readonly (readonly [string, string])[] = [
  ['server_version', '17.0'],
  ['server_encoding', 'UTF8'],
  ['client_encoding', 'UTF8'],
  ['DateStyle', 'ISO, MDY'],
  ['TimeZone', 'UTC'],
  ['integer_datetimes', 'on'],
  ['standard_conforming_strings', 'on'],
];

/** One row of text columns. */
function table(columns: readonly (readonly [string, string])[]): Buffer {
  const described = columns.map(([name]) =>
    Buffer.concat([text(name), int4(0), int2(0), int4(TEXT_OID), int2(-1), int4(-1), int2(0)]),
  );
  const values = columns.map(([, value]) => {
    const bytes = Buffer.from(value, 'utf8');
    return Buffer.concat([int4(bytes.length), bytes]);
  });
  return Buffer.concat([
    message('T', int2(columns.length), ...described),
    message('D', int2(columns.length), ...values),
    message('C', text('SELECT 1')),
  ]);
}

/** Connections that began with TLS: they must name the protocol by ALPN. */
const direct = new WeakSet<Wire>();

const server: ServerDialogue = {
  attacks: ['inject-line', 'inject-half-line', 'refuse', 'garbage', 'silence', 'drip'],
  injection: Buffer.concat([message('R', int4(0)), READY]),
  // biome-ignore lint/correctness/useYield: the client speaks first
  *greetOp(wire, session) {
    if (session.encrypted) direct.add(wire);
  },
  *renewedOp() {},
  *commandOp(wire, session) {
    if (!session.encrypted && !session.memory.has('heard')) {
      session.memory.set('heard', '');
      if (yield* wire.helloOp()) {
        direct.add(wire);
        return { kind: 'upgrade', goAhead: new Uint8Array(0) };
      }
    }
    if (yield* wire.endOp()) return CLOSED;
    return yield* session.memory.has('started') ? messageOp(wire, session) : startupOp(wire, session);
  },
};

/*
 * request = length:4 (itself included) code:4 body
 */
function* startupOp(wire: Wire, session: Session): Op<Served> {
  const { encrypted, attack } = session;
  const head = asBuffer(yield* wire.peekOp(INT4));
  const length = head.readUInt32BE();
  if (direct.has(wire) && wire.channel.tls?.alpn !== 'postgresql') {
    throw new DialogueError('malformed', 'the client began with TLS and did not name postgresql by ALPN');
  }
  if (length < 8 || length > LONGEST_STARTUP) {
    throw new DialogueError('malformed', `a startup packet of ${length} bytes`);
  }
  const packet = new ByteReader(yield* wire.exactOp(length), 'the startup packet');
  packet.uint32be();
  const code = packet.uint32be();
  if (code === CANCEL_REQUEST) return CLOSED;
  if (code === GSSENC_REQUEST && !encrypted) {
    yield* wire.sendOp('N');
    return SERVED;
  }
  if (code === SSL_REQUEST && !encrypted) {
    if (attack === 'garbage') yield* wire.sendOp('\x01');
    else if (attack === 'refuse') yield* wire.sendOp('N');
    else return { kind: 'upgrade', goAhead: Buffer.from('S', 'latin1') };
    return SERVED;
  }
  const [major, minor] = [code >>> 16, code & 0xffff];
  if (major !== PROTOCOL_3) {
    yield* wire.sendOp(failure('FATAL', '0A000', `unsupported frontend protocol ${major}.${minor}`));
    return CLOSED;
  }
  if (!encrypted) {
    yield* wire.sendOp(failure('FATAL', '28000', 'this server wants TLS: sslmode=require'));
    return CLOSED;
  }
  const unknown = startupParameters(packet).filter((name) => name.startsWith('_pq_.'));
  session.memory.set('started', '');
  yield* wire.sendOp(
    Buffer.concat([
      ...(minor > 0 || unknown.length > 0
        ? [message('v', int4(PROTOCOL_3 << 16), int4(unknown.length), text(...unknown))]
        : []),
      message('R', int4(0)),
      ...PARAMETERS.map((parameter) => message('S', text(...parameter))),
      message('K', int4(1), int4(1)),
      READY,
    ]),
  );
  return SERVED;
}

/** The names of the parameters: pairs of texts up to an empty name. */
function startupParameters(packet: ByteReader): readonly string[] {
  const names: string[] = [];
  for (;;) {
    const name = packet.textToNul();
    if (name === '') return names;
    names.push(name);
    packet.textToNul();
  }
}

/** The messages of the extended query protocol, all of which are answered by one error until Sync. */
const EXTENDED: ReadonlySet<string> = new Set(['P', 'B', 'D', 'E', 'C', 'F']);

function* messageOp(wire: Wire, session: Session): Op<Served> {
  const { memory } = session;
  const [type] = yield* wire.peekOp(1);
  const length = asBuffer(yield* wire.peekOp(1 + INT4)).readUInt32BE(1);
  if (length < INT4 || length > LONGEST_MESSAGE) throw new DialogueError('malformed', `a message of ${length} bytes`);
  const body = new ByteReader((yield* wire.exactOp(1 + length)).subarray(1 + INT4), 'the message');
  const name = String.fromCharCode(type ?? 0);
  if (name === 'X') return CLOSED;
  if (name === 'Q') yield* wire.sendOp(Buffer.concat([answer(body.textToNul(), wire, session), READY]));
  else if (name === 'S') {
    memory.delete('failed');
    yield* wire.sendOp(READY);
  } else if (EXTENDED.has(name)) {
    if (!memory.has('failed')) yield* wire.sendOp(failure('ERROR', '0A000', 'only simple queries are answered'));
    memory.set('failed', '');
  } else if (name !== 'H') {
    yield* wire.sendOp(failure('FATAL', '08P01', 'invalid frontend message type'));
    return CLOSED;
  }
  return SERVED;
}

/** Every query has the same answer: what came of the negotiation. */
function answer(query: string, wire: Wire, session: Session): Buffer {
  if (query.trim() === '') return message('I');
  const { version = '', suite = '', alpn = null } = wire.channel.tls ?? {};
  return table([
    ['host', session.host],
    ['version', version ?? ''],
    ['suite', suite ?? ''],
    ['alpn', alpn ?? ''],
  ]);
}

/** How many messages of one transfer are told to people. */
const MOST_SHOWN = 32;

function describe(from: 'client' | 'server', bytes: Uint8Array): string {
  const buffer = asBuffer(bytes);
  if (from === 'server' && buffer.length === 1) return quoted(buffer.toString('latin1'));
  if (from === 'client' && buffer.length >= 8 && buffer.readUInt32BE() === buffer.length) {
    const code = buffer.readUInt32BE(4);
    return REQUEST_NAMES.get(code) ?? `StartupMessage ${code >>> 16}.${code & 0xffff}`;
  }
  let types = '';
  for (let place = 0; place + 1 + INT4 <= buffer.length && types.length < MOST_SHOWN; ) {
    types += buffer.toString('latin1', place, place + 1);
    place += 1 + Math.max(INT4, buffer.readUInt32BE(place + 1));
  }
  return types === '' ? `${buffer.length} bytes` : `messages ${quoted(types)}`;
}

export const POSTGRES: Dialect = {
  name: 'postgres',
  title: 'PostgreSQL',
  spec: 'PostgreSQL 17, Frontend/Backend Protocol',
  scheme: 'postgres',
  directScheme: null,
  port: 5432,
  directPort: 5432,
  alpn: 'postgresql',
  alpnOnUpgrade: true,
  redo: 'nothing; StartupMessage comes first',
  describe,
  client,
  server,
};
