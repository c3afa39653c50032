/** What came of a mail, in one word with an exit status of its own, and in words for people. */

import type { SentMail } from '../emailx/deliver.ts';
import { MailError } from '../emailx/mail-error.ts';
import type { Refusal } from '../emailx/statuses.ts';
import type { PortSpeech } from '../emailx/wrong-mode.ts';
import { EXIT } from './exit.ts';

export const OUTCOMES = {
  sent: { exit: EXIT.ok, meaning: 'the server has taken responsibility for the message, for all recipients' },
  unusable: { exit: EXIT.usage, meaning: 'the command line, the configuration or a file is wrong; nothing was sent' },
  'refused-for-now': { exit: 4, meaning: 'the server refused it with a code of 400 to 499: try again later' },
  refused: { exit: 5, meaning: 'the server refused it with a code of 500 to 599' },
  'not-delivered': {
    exit: 6,
    meaning: 'no connection, no TLS, no answer that makes sense or no login possible; nothing was delivered',
  },
  unknown: {
    exit: 7,
    meaning: 'all of it was sent, and the server did not say that it has it: do not send it again blindly',
  },
  partial: { exit: 8, meaning: 'with --partial: some recipients were refused, the others have it' },
} as const satisfies Readonly<Record<string, { readonly exit: number; readonly meaning: string }>>;

export type Outcome = keyof typeof OUTCOMES;

export function outcomeOf(result: SentMail | MailError): Outcome {
  if (!(result instanceof MailError)) return result.rejected.length > 0 ? 'partial' : 'sent';
  const { delivery, reply, status } = result;
  if (delivery === 'unknown') return 'unknown';
  if (reply !== null && reply.code >= 400) return reply.code < 500 ? 'refused-for-now' : 'refused';
  // A code that is no refusal, and not what the protocol has there.
  if (reply !== null) return 'not-delivered';
  return status < 0 || OF_SERVERS.has(status) ? 'not-delivered' : 'unusable';
}

/** The exit status of what came of it. */
export function exitOf(result: SentMail | MailError): number {
  return OUTCOMES[outcomeOf(result)].exit;
}

/** EMS_TIMEOUT and EMS_BADRESP: what is wrong there, not here. */
const OF_SERVERS: ReadonlySet<number> = new Set([72, 75]);

const REMEDIES: Partial<Record<Refusal, string>> = {
  clearAuth: 'use --starttls or --tls, or allow it with --clear-auth',
  startTlsMissing: '--prefer-starttls goes on in clear',
};
/** GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR. */
const UNVERIFIED = -348;
/** RFC 4954 §6: authentication required. */
const LOGIN_REQUIRED = 530;

/** What to do, in terms of the command line; null where nobody can tell. */
function remedyOf({ refusal, status, tls, reply }: MailError): string | null {
  if (status === UNVERIFIED) return '--ca FILE trusts its issuer, --verify none does without';
  if (reply?.code === LOGIN_REQUIRED) return tls === null ? 'use --starttls or --tls' : 'log in with --user';
  return refusal === null ? null : (REMEDIES[refusal] ?? null);
}

const WRONG_MODES: Readonly<Record<PortSpeech, string>> = {
  tls: 'this port expects TLS first: use --tls, usually 465',
  clear: 'this port speaks plaintext first: use --starttls, usually 587',
};

const FATES: Partial<Record<Outcome, string>> = {
  unknown: 'whether the message was delivered is unknown',
  'not-delivered': 'nothing was delivered',
};

/** The reason, what to do about it, and what became of the message. */
export function failureText(error: MailError): string {
  const outcome = outcomeOf(error);
  const reason = error.portSpeaks === null ? error.reason : WRONG_MODES[error.portSpeaks];
  const parts = [reason, remedyOf(error), FATES[outcome] ?? null];
  return `${outcome}: ${parts.filter((part) => part !== null).join('; ')}`;
}

export function outcomeLines(): string {
  return Object.entries(OUTCOMES)
    .sort(([, a], [, b]) => a.exit - b.exit)
    .map(([name, { exit, meaning }]) => `  ${String(exit).padEnd(4)} ${name}: ${meaning}\n`)
    .join('');
}
