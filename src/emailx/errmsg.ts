/** errmsg of XCALL EMAILX: what happened, what to do about it in terms of the routine, and what became of the message. */
import { EmailxError } from './error.ts';
import { UNKNOWN_FATE } from './mail-error.ts';
import type { Redactor } from './redactor.ts';
import { SmtpRefusal } from './smtp-session.ts';
import type { Refusal } from './statuses.ts';
import type { Delivery } from './transaction.ts';
import { portSpeech } from './wrong-mode.ts';

const REMEDIES: Partial<Record<Refusal, string>> = {
  clearAuth: 'use EMF_STARTTLS or EMF_TLS, or allow it with emailx.assume.clearAuth',
  startTlsMissing: 'nothing was sent',
  tlsExpected: 'use EMF_TLS, usually with port 465',
};

/**
 * One line, whatever a server or a file name holds.
 *
 * @param delivery null in a call that was to send nothing
 */
export function errmsgOf(error: unknown, reason: string, delivery: Delivery | null, redactor: Redactor): string {
  const parts = [reason, remedyOf(error), fateOf(error, delivery)].filter((part) => part !== null);
  return redactor
    .apply(parts.join('; '))
    .replace(/[\r\n]+/g, ' ')
    .trim();
}

function remedyOf(error: unknown): string | null {
  if (portSpeech(error) === 'clear') return 'use EMF_STARTTLS, usually with port 587';
  return error instanceof EmailxError ? (REMEDIES[error.refusal] ?? null) : null;
}

/** What became of the message, where the reason alone does not tell. */
function fateOf(error: unknown, delivery: Delivery | null): string | null {
  if (delivery === null) return null;
  if (delivery === 'unknown') return UNKNOWN_FATE;
  return error instanceof EmailxError || error instanceof SmtpRefusal ? null : 'the message was not delivered';
}

/** Text for a variable, whose characters are bytes: what does not fit goes in UTF-8. */
export function asBytes(text: string): string {
  return /[\u0100-\uffff]/.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}
