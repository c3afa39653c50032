/**
 * FTP (RFC 4217, RFC 2228; features by RFC 2389).
 *
 *   S: 220 ready                     (120: later, which another reply follows)
 *   C: FEAT
 *   S: 211-Features:
 *   S:  AUTH TLS
 *   S: 211 End
 *   C: AUTH TLS
 *   S: 234 go
 *   <TLS>
 *   C: FEAT
 *   C: USER, PASS, PBSZ 0, PROT P    (in ftp-transfer.ts)
 *
 * A server that knows FEAT has to list AUTH there (RFC 4217 §6); one that does not is asked for TLS all the same. AUTH SSL
 * is an old name for AUTH TLS, which every server takes: a list with the old name alone is not an offer that is taken up,
 * because whoever had taken the other one out would choose how the client goes on. REIN and CCC, which lead back into
 * clear, are never sent.
 */
import type { Op } from '../core/op.ts';
import { mutilated } from './capabilities.ts';
import type { ClientDialogue, Dialect, Offer, Opening } from './dialect.ts';
import { ftpCommandOp, ftpReplyOp, requireCode } from './ftp-reply.ts';
import { ftpServer } from './ftp-server.ts';
import { triggerReply } from './smtp-reply.ts';
import type { Wire } from './wire.ts';

const SOON = 120;
const FEATURES = 211;
const READY = 220;
const GO_AHEAD = 234;

function* greetingOp(wire: Wire): Op<string> {
  const first = yield* ftpReplyOp(wire);
  const greeting = first.code === SOON ? yield* ftpReplyOp(wire) : first;
  return requireCode(greeting, 'the connection', READY).lines.join(' ');
}

/** Null where the server does not know FEAT, or not before the login. */
function* featuresOp(wire: Wire): Op<readonly string[] | null> {
  const reply = yield* ftpCommandOp(wire, 'FEAT');
  if (reply.code !== FEATURES) return null;
  // RFC 2389 §3.2 wants a blank in front of each; servers that repeat the code instead are older.
  return reply.lines.slice(1, -1).map((line) => line.replace(/^211-/, '').trim());
}

/** The mechanisms of `AUTH TLS`, of `AUTH TLS;TLS-C;SSL` and of several lines; AUTH alone does not say which. */
function offerOf(features: readonly string[] | null): Offer {
  if (features === null) return 'unasked';
  const lines = features.map((line) => line.toUpperCase().split(/[\s;,]+/)).filter(([name]) => name === 'AUTH');
  const mechanisms = lines.flatMap(([, ...names]) => names.filter((name) => name !== ''));
  if (mechanisms.includes('TLS') || mechanisms.includes('TLS-C')) return 'offered';
  return lines.length > 0 && mechanisms.length === 0 ? 'offered' : 'missing';
}

const client: ClientDialogue = {
  trigger: 'AUTH TLS',
  *openOp(wire): Op<Opening> {
    const greeting = yield* greetingOp(wire);
    const features = yield* featuresOp(wire);
    return {
      greeting,
      capabilities: features ?? [],
      offer: offerOf(features),
      obstacle: null,
      suspicion: mutilated(features ?? [], 'AUTH'),
    };
  },
  *requestOp(wire) {
    return triggerReply(yield* ftpCommandOp(wire, 'AUTH TLS'), GO_AHEAD);
  },
  renewOp: featuresOp,
  *leaveOp(wire) {
    yield* wire.commandOp('QUIT');
  },
  credentialsInClear() {
    return null;
  },
};

export const FTP: Dialect = {
  name: 'ftp',
  title: 'FTP',
  spec: 'RFC 4217, 2228',
  scheme: 'ftp',
  directScheme: 'ftps',
  port: 21,
  directPort: 990,
  alpn: 'ftp',
  alpnOnUpgrade: false,
  redo: 'USER and PASS, PBSZ and PROT, FEAT',
  client,
  server: ftpServer,
};
