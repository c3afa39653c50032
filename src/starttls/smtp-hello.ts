/** The introduction of an SMTP or LMTP client, and what the server then offers (RFC 5321 §4.1.1.1, RFC 2033 §4.1). */
import type { Op } from '../core/op.ts';
import { type Capabilities, capabilitiesOf } from './capabilities.ts';
import { type SmtpReply, smtpReplyOp } from './smtp-reply.ts';
import type { Wire } from './wire.ts';

export type Hello = 'EHLO' | 'LHLO';

const OK = 250;

/** What a server answered to its client's introduction. */
export interface SmtpHello {
  /** The command that it took. HELO brings no capabilities. */
  readonly command: Hello | 'HELO';
  readonly capabilities: Capabilities;
}

/**
 * Introduces the client. Returns the reply where the server refused it.
 *
 * @param fallBack whether HELO may follow a refused EHLO
 */
export function* smtpHelloOp(wire: Wire, self: string, hello: Hello, fallBack: boolean): Op<SmtpHello | SmtpReply> {
  yield* wire.commandOp(`${hello} ${self}`);
  const reply = yield* smtpReplyOp(wire);
  if (reply.code === OK) return { command: hello, capabilities: capabilitiesOf(reply.lines.slice(1)) };
  if (!fallBack || hello !== 'EHLO' || reply.code < 500) return reply;
  yield* wire.commandOp(`HELO ${self}`);
  const second = yield* smtpReplyOp(wire);
  return second.code === OK ? { command: 'HELO', capabilities: capabilitiesOf([]) } : second;
}
