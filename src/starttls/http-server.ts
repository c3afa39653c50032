/** The server's part of HTTP: OPTIONS upgrades, everything else in clear is told to (426), and inside TLS a page is served. */
import type { Op } from '../core/op.ts';
import type { ServerDialogue, Session } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import { type Fields, type Framing, fieldsOp, framingOf, isReadable, lineOp, skipBodyOp } from './http-message.ts';
import { IPP_REQUEST_HEAD, ippAnswer } from './ipp-answer.ts';
import { CLOSED, SERVED } from './server-command.ts';
import type { Wire } from './wire.ts';

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

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
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

/** A request of IPP whose length is known; one in chunks is any POST. */
function isIpp({ fields, framing }: Request): boolean {
  return (
    fields.list('content-type').includes('application/ipp') &&
    Number(framing) >= IPP_REQUEST_HEAD &&
    isReadable(framing)
  );
}

function* printerOp(wire: Wire, framing: Framing, goodbye: readonly string[]): Op<void> {
  const head = yield* wire.exactOp(IPP_REQUEST_HEAD);
  yield* skipBodyOp(wire, Number(framing) - IPP_REQUEST_HEAD);
  const answer = ippAnswer(head).toString('latin1');
  yield* wire.sendOp(response(200, ['Content-Type: application/ipp', ...goodbye], answer));
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
    const { method, fields, framing, stays } = request;
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
    const waits = framing !== 0 && fields.list('expect').includes('100-continue');
    if (waits && isReadable(framing)) yield* wire.sendOp(CONTINUE);
    const goodbye = stays ? [] : FINAL;
    if (encrypted && method === 'POST' && isIpp(request)) {
      yield* printerOp(wire, framing, goodbye);
      return stays ? SERVED : CLOSED;
    }
    if (!(yield* skipBodyOp(wire, framing))) {
      yield* wire.sendOp(response(413, FINAL));
      return CLOSED;
    }
    if (!encrypted) yield* wire.sendOp(response(426, [...UPGRADE, ...goodbye]));
    else if (method === 'OPTIONS') yield* wire.sendOp(response(200, [METHODS, 'Server: tcpx', ...goodbye]));
    else if (method === 'GET')
      yield* wire.sendOp(response(200, ['Content-Type: text/plain', ...goodbye], page(wire, session)));
    else if (method === 'HEAD') yield* wire.sendOp(response(200, ['Content-Type: text/plain', ...goodbye]));
    else yield* wire.sendOp(response(405, [METHODS, ...goodbye]));
    return stays ? SERVED : CLOSED;
  },
};
