/**
 * HTTP Upgrade to TLS (RFC 2817), as IPP printing servers speak it, and HTTPS.
 *
 *   C: OPTIONS * HTTP/1.1, Upgrade: TLS/1.0, Connection: Upgrade
 *   S: HTTP/1.1 101 Switching Protocols, Upgrade: TLS/1.0, HTTP/1.1     any other answer is no
 *   <TLS>
 *   S: HTTP/1.1 200 OK                                                  the answer to OPTIONS
 *
 * TLS begins behind the empty line of 101. The request that upgrades is always OPTIONS without a body, so that nothing
 * that matters is said in clear.
 */
import type { Op } from '../core/op.ts';
import type { ClientDialogue, Dialect } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import { type Fields, fieldsOp, framingOf, lineOp, skipBodyOp } from './http-message.ts';
import { httpServer } from './http-server.ts';
import { requireOneLine } from './one-line.ts';
import { quoted } from './quoted.ts';
import type { Wire } from './wire.ts';

interface Response {
  readonly first: string;
  readonly version: string;
  readonly code: number;
  readonly reason: string;
  readonly fields: Fields;
}

const STATUS_LINE = /^HTTP\/(1\.[01]) ([1-5]\d\d)(?: (.*))?$/s;
const SWITCHING_PROTOCOLS = 101;
/** Provisional answers before the one that counts. */
const MOST_PROVISIONAL = 10;

/** @throws UsageError for a host with CR, LF or NUL */
function optionsRequest(host: string, ...fields: readonly string[]): string {
  requireOneLine(host);
  const authority = host.includes(':') ? `[${host}]` : host;
  return [`OPTIONS * HTTP/1.1`, `Host: ${authority}`, ...fields]
    .map((line) => `${line}\r\n`)
    .join('')
    .concat('\r\n');
}

/** The next response but provisional ones; 101 counts. */
function* responseOp(wire: Wire): Op<Response> {
  for (let count = 0; count < MOST_PROVISIONAL; count += 1) {
    const first = yield* lineOp(wire);
    const [, version = '', digits, reason = ''] = STATUS_LINE.exec(first) ?? [];
    if (digits === undefined) throw new DialogueError('malformed', `not a status line: ${quoted(first)}`);
    const fields = yield* fieldsOp(wire);
    const code = Number(digits);
    if (code >= 200 || code === SWITCHING_PROTOCOLS) return { first, version, code, reason, fields };
  }
  throw new DialogueError('malformed', `more than ${MOST_PROVISIONAL} provisional answers`);
}

/** Reads the body away. Whether another message may follow on this connection. */
function* finishOp(wire: Wire, { version, code, fields }: Response): Op<boolean> {
  const framing = code === 204 || code === 304 ? 0 : framingOf(fields, 'close');
  const whole = yield* skipBodyOp(wire, framing);
  const connection = fields.list('connection');
  const stays = version === '1.1' ? !connection.includes('close') : connection.includes('keep-alive');
  return whole && stays;
}

/** RFC 2817 §3.3: the protocols from the bottom up, so that TLS is the first of them. CUPS leaves the word out of Connection. */
function requireTls({ fields }: Response): void {
  const [first = ''] = fields.list('upgrade');
  if (!/^tls\/1\.\d$/.test(first)) {
    throw new DialogueError('malformed', 'the server switches to something else than TLS');
  }
  if (framingOf(fields, 0) !== 0) {
    throw new DialogueError('malformed', 'an answer 101 that has a body');
  }
}

/** The fields that say what a server can do. */
const TELLING: ReadonlySet<string> = new Set([
  'allow',
  'alt-svc',
  'dav',
  'server',
  'strict-transport-security',
  'upgrade',
  'www-authenticate',
]);

function listed({ fields }: Response): readonly string[] {
  return fields.lines.filter(([name]) => TELLING.has(name.toLowerCase())).map(([name, value]) => `${name}: ${value}`);
}

const client: ClientDialogue = {
  trigger: 'Upgrade: TLS/1.0',
  *openOp(wire, { host }) {
    if (!wire.encrypted) return { greeting: '', capabilities: [], offer: 'unasked', obstacle: null, suspicion: null };
    yield* wire.sendOp(optionsRequest(host));
    const response = yield* responseOp(wire);
    yield* finishOp(wire, response);
    const { first: greeting } = response;
    return { greeting, capabilities: listed(response), offer: 'unasked', obstacle: null, suspicion: null };
  },
  *requestOp(wire, { host }) {
    yield* wire.sendOp(optionsRequest(host, 'Upgrade: TLS/1.0', 'Connection: Upgrade'));
    const response = yield* responseOp(wire);
    const code = String(response.code);
    if (response.code === SWITCHING_PROTOCOLS) {
      requireTls(response);
      return { accepted: true, code, enhanced: null, text: response.reason };
    }
    const stays = yield* finishOp(wire, response);
    return { accepted: false, code, enhanced: null, text: response.reason, final: !stays };
  },
  *renewOp(wire) {
    const response = yield* responseOp(wire);
    yield* finishOp(wire, response);
    return listed(response);
  },
  *leaveOp() {},
  credentialsInClear: () => null,
};

export const HTTP: Dialect = {
  name: 'http',
  title: 'HTTP Upgrade',
  spec: 'RFC 2817',
  scheme: 'http',
  directScheme: 'https',
  port: 80,
  directPort: 443,
  alpn: 'http/1.1',
  alpnOnUpgrade: false,
  redo: 'nothing; the answer to the upgrading request comes inside TLS',
  client,
  server: httpServer,
};

export const IPP: Dialect = {
  ...HTTP,
  name: 'ipp',
  title: 'IPP',
  spec: 'RFC 8010, 2817, 7472',
  scheme: 'ipp',
  directScheme: 'ipps',
  port: 631,
  directPort: 631,
};
