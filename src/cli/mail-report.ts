/** The result of `tcpx mail` for people and for machines. Whatever comes from the server is escaped. */
import { EngineError, UsageError } from '../core/errors.ts';
import type { SentMail } from '../emailx/deliver.ts';
import type { MailError } from '../emailx/mail-error.ts';
import type { TlsInfo } from '../tls/info.ts';
import { escapeText } from './buffer-text.ts';
import { EXIT } from './exit.ts';
import { OUTCOMES, type Outcome, outcomeOf } from './mail-outcome.ts';
import { tlsLine } from './tls-line.ts';

/** `sent: to 2 recipients, 1843 octets; 250 2.0.0 Ok: queued as 4G`, and TLS. */
export function sentText({ accepted, rejected, reply, size, tls }: SentMail): string {
  const outcome = rejected.length === 0 ? 'sent' : 'partial';
  const said = escapeText(`${reply.code} ${reply.text}`.trim());
  const first = `${outcome}: to ${counted(accepted.length, 'recipient')}, ${counted(size, 'octet')}; ${said}\n`;
  const refused = rejected.map(
    ({ recipient, code, text }) => `refused: ${escapeText(`${recipient}: ${code} ${text}`)}\n`,
  );
  return `${first}${refused.join('')}${tls === null ? 'in clear' : tlsLine(tls)}\n`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

export function sentJson(sent: SentMail): string {
  return line({ ...outcomeFields(outcomeOf(sent)), status: 0, ...sent, tls: tlsJson(sent.tls) });
}

export function failureJson(error: MailError): string {
  const { status, reason, refusal, delivery, reply, rejected, tls, portSpeaks } = error;
  const facts = { status, reason, refusal, delivery, reply, rejected, tls: tlsJson(tls), portSpeaks };
  return line({ ...outcomeFields(outcomeOf(error)), ...facts });
}

/** What ends before there is a mail, with the fields of any other failure; null for an error that is none of ours. */
export function unusableJson(error: unknown): string | null {
  const nothing = { refusal: null, delivery: 'impossible', reply: null, rejected: [], tls: null, portSpeaks: null };
  if (error instanceof UsageError) {
    return line({ ...outcomeFields('unusable'), status: null, reason: error.message, ...nothing });
  }
  if (!(error instanceof EngineError)) return null;
  return line({ outcome: 'no-engine', exit: EXIT.noEngine, status: null, reason: error.message, ...nothing });
}

function outcomeFields(outcome: Outcome): object {
  return { outcome, exit: OUTCOMES[outcome].exit };
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

/** Without what is DER. */
function tlsJson(tls: TlsInfo | null): object | null {
  if (tls === null) return null;
  const { ocsp: _der, peer, ...facts } = tls;
  if (peer === null) return { ...facts, peer };
  const { chain: _chain, ...shown } = peer;
  return { ...facts, peer: shown };
}
