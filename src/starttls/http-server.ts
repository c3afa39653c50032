/** The server's part of HTTP: OPTIONS upgrades, everything else in clear is told to (426), and inside TLS a page is served. */
import type { Op } from '../core/op.ts';
import type { ServerDialogue, Session } from './dialect.ts';
import { type Fields, type Framing, fieldsOp, framingOf, lineOp, skipBodyOp } from './http-message.ts';
import { CLOSED, SERVED } from './server-command.ts';
import { DialogueError, type Wire } from './wire.ts';

const REASONS = {
  101: 'Switching Protocols',
  200: 'OK',
  400: 'Bad Request',
  403: 'Forbidden',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  426: 'Upgrade Required',
} as const;

type Code = keyof typeof REASONS;

const METHODS = 'Allow: OPTIONS, GET, HEAD';
const UPGRADE = ['Upgrade: TLS/1.0, HTTP/1.1', 'Connection: Upgrade'] as const;

function response(code: Code, fields: readonly string[] = [], body = ''): string {
  const length = code === 101 ? [] : [`Content-Length: ${Buffer.byteLength(body, 'latin1')}`];
  const lines = [`HTTP/1.1 ${code} ${REASONS[code]}`, ...fields, ...length, ''];
  return lines.map((line) => `${line}\r\n`).join('') + body;
}

const FINAL = ['Connection: close'] as const;

interface Request {
  readonly method: string;
  readonly fields: Fields;
  readonly framing: Framing;
  /** Whether another request may follow. */
  readonly stays: boolean;
}

/*
 * request-line = method SP target SP "HTTP/1." digit
 */
function* readRequestOp(wire: Wire): Op<Request> {
  const [, method, version] = /^([A-Z]+) [!-~]+ HTTP\/(1\.[01])$/.exec(yield* lineOp(wire)) ?? [];
  if (method === undefined) throw new DialogueError('malformed', 'not a request line of HTTP/1.1');
  const fields = yield* fieldsOp(wire);
  if (fields.all('host').length !== 1) throw new DialogueError('malformed', 'a request needs one Host field');
  const connection = fields.list('connection');
  const stays = version === '1.1' ? !connection.includes('close') : connection.includes('keep-alive');
  return { method, fields, framing: framingOf(fields, 0), stays };
}

/** The next request. One that cannot be read is answered, and ends the connection. */
function* requestOp(wire: Wire): Op<Request> {
  try {
    return yield* readRequestOp(wire);
  } catch (error) {
    if (error instanceof DialogueError && error.fault === 'malformed') yield* wire.sendOp(response(400, FINAL));
    throw error;
  }
}

function asksForTls({ fields }: Request): boolean {
  return fields.list('upgrade').includes('tls/1.0') && fields.list('connection').includes('upgrade');
}

function page(wire: Wire, { host }: Session): string {
  const { version, suite } = wire.channel.tls ?? {};
  return `${host} ${version ?? ''} ${suite ?? ''}\n`;
}

export const httpServer: ServerDialogue = {
  attacks: ['inject-line', 'inject-half-line', 'refuse', 'garbage', 'silence', 'drip'],
  injection: Buffer.from(response(200, ['Server: injected']), 'latin1'),
  *greetOp() {},
  /** The answer to the request that brought TLS. */
  *renewedOp(wire) {
    yield* wire.sendOp(response(200, [METHODS, 'Server: tcpx']));
  },
  *commandOp(wire, session) {
    const { encrypted, attack } = session;
    if (yield* wire.endOp()) return CLOSED;
    const request = yield* requestOp(wire);
    const { method, framing, stays } = request;
    if (attack === 'garbage') {
      yield* wire.sendOp('\x01 what\r\n\r\n');
      return CLOSED;
    }
    if (!encrypted && method === 'OPTIONS' && asksForTls(request)) {
      if (attack === 'refuse') {
        yield* wire.sendOp(response(403));
        return SERVED;
      }
      // A body would be plaintext that two readers could end at different places.
      if (framing === 0) return { kind: 'upgrade', goAhead: Buffer.from(response(101, UPGRADE), 'latin1') };
      yield* wire.sendOp(response(400, FINAL));
      return CLOSED;
    }
    if (!(yield* skipBodyOp(wire, framing))) {
      yield* wire.sendOp(response(413, FINAL));
      return CLOSED;
    }
    const goodbye = stays ? [] : FINAL;
    if (!encrypted) yield* wire.sendOp(response(426, [...UPGRADE, ...goodbye]));
    else if (method === 'OPTIONS') yield* wire.sendOp(response(200, [METHODS, 'Server: tcpx', ...goodbye]));
    else if (method === 'GET')
      yield* wire.sendOp(response(200, ['Content-Type: text/plain', ...goodbye], page(wire, session)));
    else if (method === 'HEAD') yield* wire.sendOp(response(200, ['Content-Type: text/plain', ...goodbye]));
    else yield* wire.sendOp(response(405, [METHODS, ...goodbye]));
    return stays ? SERVED : CLOSED;
  },
};
