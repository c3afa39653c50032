/** A built message as what a transaction sends: in the form that the server can take. */
import type { Message } from './message.ts';
import type { SmtpSession } from './smtp-session.ts';
import type { Payload } from './transaction.ts';

export function messagePayload(message: Message, { capabilities }: SmtpSession): Payload {
  const form = message.encodedFor({
    eightBitMime: capabilities.has('8BITMIME'),
    binaryMime: capabilities.has('CHUNKING') && capabilities.has('BINARYMIME'),
  });
  const chunks = form.chunks()[Symbol.iterator]();
  const { size, eightBit, utf8Headers, binary } = form;
  return {
    size,
    eightBit,
    utf8Headers,
    binary,
    // biome-ignore lint/correctness/useYield: files are read at once
    *nextOp() {
      const next = chunks.next();
      return next.done === true ? null : next.value;
    },
  };
}
