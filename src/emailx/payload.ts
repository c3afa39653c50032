/** A built message as what a transaction sends: in the form that the server can take. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { NEVER } from '../core/deadline.ts';
import { promiseOp } from '../core/promise-op.ts';
import type { CallMode } from '../tcpx/index.ts';
import type { Message } from './message.ts';
import type { SmtpSession } from './smtp-session.ts';
import type { Payload } from './transaction.ts';

/** So many octets are sent before an event loop has its turn: a server that is as fast as we are never makes us wait. */
const TURN = 524_288;

export function messagePayload(message: Message, { capabilities }: SmtpSession, mode: CallMode): Payload {
  const form = message.encodedFor({
    eightBitMime: capabilities.has('8BITMIME'),
    binaryMime: capabilities.has('CHUNKING') && capabilities.has('BINARYMIME'),
  });
  const chunks = form.chunks()[Symbol.iterator]();
  const { size, eightBit, utf8Headers, binary } = form;
  let sinceTurn = 0;
  return {
    size,
    eightBit,
    utf8Headers,
    binary,
    *nextOp() {
      if (sinceTurn >= TURN && mode === 'async') {
        sinceTurn = 0;
        yield* promiseOp(nextTurn(), NEVER);
      }
      const next = chunks.next();
      if (next.done === true) return null;
      sinceTurn += next.value.length;
      return next.value;
    },
  };
}
