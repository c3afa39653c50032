/**
 * What an FTP client does once it is connected: log in, protect the data connections (RFC 4217 §9), list and retrieve.
 *
 *   C: PBSZ 0        S: 200
 *   C: PROT P        S: 200
 *   C: EPSV          S: 229 Entering Extended Passive Mode (|||40123|)
 *      connects to port 40123 of the same host, in clear
 *   C: RETR file     S: 150 opening
 *      <TLS> on the data connection, as the client; resumes the session of the control connection
 *      the file, close_notify
 *                    S: 226 done
 *
 * Data go to and come from the host of the control connection alone: an address in a reply to PASV is passed over. Whether
 * data are encrypted is not said by the caller: they are when the control connection is.
 */
import { UsageError } from '../core/errors.ts';
import type { Op } from '../core/op.ts';
import type { TlsInfo } from '../tls/info.ts';
import type { DialOp } from './beside.ts';
import { type Channel, ChannelError } from './channel.ts';
import { DialogueError } from './dialogue-error.ts';
import { type FtpReply, ftpCommandOp, ftpReplyOp, requireCode } from './ftp-reply.ts';
import { quoted } from './quoted.ts';
import { replyText } from './smtp-reply.ts';
import type { Wire } from './wire.ts';

/**
 * Logs in, inside TLS only.
 *
 * @throws UsageError on a connection in clear, and for CR, LF or NUL in the name or the password
 * @throws DialogueError refused
 */
export function* ftpLoginOp(wire: Wire, user: string, password: string): Op<void> {
  requireTls(wire, 'a password');
  const named = yield* ftpCommandOp(wire, `USER ${pathBytes(user)}`);
  // 230: no password is asked for. 232: the client's certificate was enough.
  if (requireCode(named, 'USER', 230, 232, 331).code !== 331) return;
  requireCode(yield* ftpCommandOp(wire, `PASS ${pathBytes(password)}`, { secret: true }), 'PASS', 202, 230);
}

/**
 * Has the server protect data connections: PBSZ 0, which has no meaning in TLS but has to come, then PROT P.
 *
 * @throws UsageError on a connection in clear
 * @throws DialogueError refused
 */
export function* ftpProtectOp(wire: Wire): Op<void> {
  requireTls(wire, 'PROT P');
  requireCode(yield* ftpCommandOp(wire, 'PBSZ 0'), 'PBSZ 0', 200);
  requireCode(yield* ftpCommandOp(wire, 'PROT P'), 'PROT P', 200);
}

function requireTls(wire: Wire, what: string): void {
  if (!wire.encrypted) throw new UsageError(`${what} is not sent over a connection in clear`);
}

/** What came of a transfer. */
export interface FtpTransfer {
  /** Received, in bytes. */
  readonly bytes: number;
  /** The session of the data connection; null in clear. */
  readonly tls: TlsInfo | null;
  /** What the server said at the end. */
  readonly reply: FtpReply;
}

/** Takes a part of what is received; the bytes are good until the next part. */
export type TakePart = (part: Uint8Array) => void;

/** LIST: names and facts of a directory for people to read. @throws as {@link ftpRetrieveOp} */
export function ftpListOp(wire: Wire, dialOp: DialOp, path: string, take: TakePart): Op<FtpTransfer> {
  return transferOp(wire, dialOp, 'A', path === '' ? 'LIST' : `LIST ${pathBytes(path)}`, take);
}

/**
 * RETR: a file, byte by byte as it is.
 *
 * @param dialOp `(port, until) => channel.besideOp(port, until)` of an XcallChannel
 * @throws UsageError for CR, LF or NUL in the path
 * @throws DialogueError refused, timeout, malformed
 * @throws ChannelError when the data connection or TLS on it failed, or ended without close_notify: data may be missing
 */
export function ftpRetrieveOp(wire: Wire, dialOp: DialOp, path: string, take: TakePart): Op<FtpTransfer> {
  return transferOp(wire, dialOp, 'I', `RETR ${pathBytes(path)}`, take);
}

function* transferOp(wire: Wire, dialOp: DialOp, type: 'A' | 'I', command: string, take: TakePart): Op<FtpTransfer> {
  const verb = command.slice(0, 4);
  requireCode(yield* ftpCommandOp(wire, `TYPE ${type}`), `TYPE ${type}`, 200);
  const data = yield* dialOp(yield* passivePortOp(wire), wire.until.atMost(wire.patience));
  try {
    // The server begins TLS only once it knows what for.
    requireCode(yield* ftpCommandOp(wire, command), verb, 125, 150);
    const received = yield* receivedOp(wire, data, verb, take);
    yield* data.closeOp();
    return { ...received, reply: requireCode(yield* ftpReplyOp(wire), verb, 226, 250) };
  } finally {
    yield* data.closeOp();
  }
}

function* receivedOp(wire: Wire, data: Channel, verb: string, take: TakePart): Op<Omit<FtpTransfer, 'reply'>> {
  try {
    const tls = wire.encrypted ? yield* data.upgradeOp('client', wire.until.atMost(wire.patience)) : null;
    return { tls, bytes: yield* receiveAllOp(data, wire, take) };
  } catch (error) {
    if (!(error instanceof ChannelError)) throw error;
    const reply = yield* reasonOp(wire);
    if (reply !== null && reply.code >= 400) requireCode(reply, verb, 226, 250);
    throw error;
  }
}

/** How long a server may take to say why a data connection failed, in ms. */
const REASON_PATIENCE = 5_000;

/** What the server says of it on the control connection: 522 for a session that was not resumed. Null for nothing. */
function* reasonOp(wire: Wire): Op<FtpReply | null> {
  wire.awaitReply(Math.min(REASON_PATIENCE, wire.patience));
  try {
    return yield* ftpReplyOp(wire);
  } catch (error) {
    if (error instanceof DialogueError) return null;
    throw error;
  }
}

function* receiveAllOp(data: Channel, wire: Wire, take: TakePart): Op<number> {
  let bytes = 0;
  for (;;) {
    const part = yield* data.receiveOp(wire.until.atMost(wire.patience));
    if (part === 'timeout') throw new DialogueError('timeout', `the data stopped after ${bytes} bytes`);
    if (part.length === 0) return bytes;
    bytes += part.length;
    take(part);
  }
}

/** 229 text (<d><d><d>port<d>), RFC 2428 §3: the delimiter is the server's choice. */
const EXTENDED_PASSIVE = /\(([!-~])\1\1(\d{1,5})\1\)/;
/** 227 text h1,h2,h3,h4,p1,p2: RFC 1123 §4.1.2.6 does not count on parentheses. */
const PASSIVE = /\b\d{1,3},\d{1,3},\d{1,3},\d{1,3},(\d{1,3}),(\d{1,3})\b/;

/** The port on which the server waits for the data connection: by EPSV, or by PASV where that is not known. */
function* passivePortOp(wire: Wire): Op<number> {
  const extended = yield* ftpCommandOp(wire, 'EPSV');
  if (extended.code === 229) return portOf(extended, Number(EXTENDED_PASSIVE.exec(replyText(extended))?.[2]));
  if (extended.code < 500)
    throw new DialogueError('refused', `the server answers EPSV with ${quoted(replyText(extended))}`);
  const passive = requireCode(yield* ftpCommandOp(wire, 'PASV'), 'PASV', 227);
  const [, high, low] = PASSIVE.exec(replyText(passive).slice(4)) ?? [];
  const valid = Number(high) <= 255 && Number(low) <= 255;
  return portOf(passive, valid ? 256 * Number(high) + Number(low) : Number.NaN);
}

function portOf(reply: FtpReply, port: number): number {
  if (port >= 1 && port <= 65_535) return port;
  throw new DialogueError('malformed', `no port in ${quoted(replyText(reply))}`);
}

/** Names are UTF-8 on the wire (RFC 2640), one character per byte in what the wire takes. */
function pathBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
