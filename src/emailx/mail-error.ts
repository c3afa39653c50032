/** Why a message was not sent by sendMail, or may not have been. */
import { TcpxError } from '../core/errors.ts';
import type { TlsInfo } from '../tcpx/index.ts';
import type { Refusal } from './statuses.ts';
import type { Delivery, RefusedRecipient } from './transaction.ts';
import type { PortSpeech } from './wrong-mode.ts';

/** A reply of an SMTP server. */
export interface ServerReply {
  readonly code: number;
  /** The lines of the reply, joined by blanks. */
  readonly text: string;
}

/** What an error is made of beside its message. */
export interface MailFailure {
  readonly status: number;
  readonly reason: string;
  readonly refusal: Refusal | null;
  readonly delivery: Delivery;
  readonly reply: ServerReply | null;
  readonly rejected: readonly RefusedRecipient[];
  readonly tls: TlsInfo | null;
  readonly portSpeaks: PortSpeech | null;
}

/** The message was not sent, or nobody knows whether it was: see `delivery`. */
export class MailError extends TcpxError implements MailFailure {
  readonly code = 'TCPX_MAIL';
  /** As XCALL EMAILX has it: 71 to 81, a code of the server, or negative for the network and TLS. */
  readonly status: number;
  /** What happened, without what to do about it and what became of the message, which `message` tells as well. */
  readonly reason: string;
  /** The row of the README's table of statuses, where it was not the server or the network that failed. */
  readonly refusal: Refusal | null;
  /** `unknown`: the whole message was sent, and the server did not say that it has it. Sending again may double it. */
  readonly delivery: Delivery;
  /** What the server said; null when it is not the server who refused. */
  readonly reply: ServerReply | null;
  readonly rejected: readonly RefusedRecipient[];
  /** The facts of the session; null in clear, and before it. */
  readonly tls: TlsInfo | null;
  /** What the port speaks first, where that is not what `tls` asks for: `tls` wants `implicit`, `clear` `require`. */
  readonly portSpeaks: PortSpeech | null;

  constructor(message: string, failure: MailFailure, options: ErrorOptions) {
    super(message, options);
    this.status = failure.status;
    this.reason = failure.reason;
    this.refusal = failure.refusal;
    this.delivery = failure.delivery;
    this.reply = failure.reply;
    this.rejected = failure.rejected;
    this.tls = failure.tls;
    this.portSpeaks = failure.portSpeaks;
  }
}

/** What to do, in terms of the options of sendMail. */
const REMEDIES: Partial<Record<Refusal, string>> = {
  clearAuth: "use tls 'require' or 'implicit', or allow it with clearAuth",
  tlsExpected: "use tls 'implicit', usually with port 465",
};

/** The sentence for people: the reason, a remedy where there is one, and what became of the message. */
export function mailErrorMessage({ reason, refusal, portSpeaks, delivery }: MailFailure): string {
  const upgrade = "use tls 'require', usually with port 587";
  const remedy = portSpeaks === 'clear' ? upgrade : refusal === null ? undefined : REMEDIES[refusal];
  const fate = delivery === 'unknown' ? UNKNOWN_FATE : 'nothing was delivered';
  return [reason, ...(remedy === undefined ? [] : [remedy]), fate].join('; ');
}

export const UNKNOWN_FATE =
  'whether the message was delivered is unknown: it was sent, and the server did not say that it has it';
