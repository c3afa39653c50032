/** A built message as what a transaction sends: in the form that the server can take. */
import { NEVER } from '../core/deadline.ts';
import type { Op } from '../core/op.ts';
import { nextTurn, promiseOp } from '../core/promise-op.ts';
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
  return new MessagePayload(form, mode);
}

/** A class, as a generator in an object of its own has V8 keep the whole message until the next full collection. */
class MessagePayload implements Payload {
  readonly size: number;
  readonly eightBit: boolean;
  readonly utf8Headers: boolean;
  readonly binary: boolean;
  readonly #chunks: Iterator<Buffer>;
  readonly #mode: CallMode;
  #sinceTurn = 0;

  constructor(form: Message, mode: CallMode) {
    const { size, eightBit, utf8Headers, binary } = form;
    this.size = size;
    this.eightBit = eightBit;
    this.utf8Headers = utf8Headers;
    this.binary = binary;
    this.#chunks = form.chunks()[Symbol.iterator]();
    this.#mode = mode;
  }

  *nextOp(): Op<Buffer | null> {
    if (this.#sinceTurn >= TURN && this.#mode === 'async') {
      this.#sinceTurn = 0;
      yield* promiseOp(nextTurn(), NEVER);
    }
    const next = this.#chunks.next();
    if (next.done === true) return null;
    this.#sinceTurn += next.value.length;
    return next.value;
  }
}
