/** What was negotiated, as text for people. Whatever comes from the peer is escaped. */

import { harmless } from '../core/harmless.ts';
import type { CheckReport } from '../starttls/check.ts';
import type { InjectionReport } from '../starttls/command-injection.ts';
import type { Negotiation, Timings } from '../starttls/negotiation.ts';
import type { Target } from '../starttls/target.ts';
import { firstToExpire } from '../starttls/verdict.ts';
import type { CertificateFacts } from '../tls/certificate.ts';
import { escapeText } from './buffer-text.ts';

/** Name and value; a row without a name belongs to the one above. */
export type FactRow = readonly [name: string, value: string];

const WIDTH = 12;

/** `smtp://localhost:2525 (SMTP relay), 127.0.0.1 port 2525, engine gnutls` */
export function headLine({ url, dialect }: Target, remote: { host: string; port: number }, engine: string): string {
  return `${escapeText(url)} (${dialect.title}), ${remote.host} port ${remote.port}, engine ${engine}`;
}

/** The result in one line, then its facts. */
export function reportText(result: Negotiation): string {
  return `\n${summaryLine(result)}\n${rowLines(factRows(result))}`;
}

/** The certificates of a server whose certificate was not accepted; empty where it sent none. */
export function certificateText({ chain }: Negotiation): string {
  const rows = chainRows(chain);
  return rows.length === 0 ? '' : `\n${rowLines(rows)}`;
}

function rowLines(rows: readonly FactRow[]): string {
  return rows.map(([name, value]) => `${`  ${name.padEnd(WIDTH)} ${escapeText(value)}`.trimEnd()}\n`).join('');
}

function summaryLine({ outcome, tls, reason }: Negotiation): string {
  if (tls === null) return harmless(reason === '' ? 'in clear' : `in clear: ${reason}`);
  const { version, suite, group } = tls;
  const parts = [version, suite, group].filter((part) => part !== null);
  return escapeText(`${outcome}: ${parts.join(' ')}, ${verifyText(tls.verify.result)}`);
}

/** What is worth knowing, also of a connection that was given up. */
export function factRows(result: Negotiation): FactRow[] {
  const { tls, chain, timings, roundTrips } = result;
  const rows: FactRow[] = [];
  if (tls !== null) {
    rows.push(['SNI', tls.servername ?? 'none'], ['ALPN', tls.alpn ?? 'none'], ['resumed', tls.resumed ? 'yes' : 'no']);
  }
  rows.push(...chainRows(chain));
  if (tls !== null) rows.push(['OCSP', stapleText(result.ocsp)], ['verify', verifyRow(result)]);
  const clear = credentialsText(result.credentialsInClear);
  if (clear !== null) rows.push(['in clear', clear]);
  rows.push(...capabilityRows(result));
  if (result.stateReset.length > 0) rows.push(['forgotten', result.stateReset.join(', ')]);
  // What could not be counted has ended the connection, and is its reason.
  if (result.discardedBytes !== null && result.discardedBytes > 0) {
    rows.push(['dropped', `${result.discardedBytes} bytes of plaintext, ${result.discardedSample}`]);
  }
  const trips = roundTrips === 1 ? '1 round trip' : `${roundTrips} round trips`;
  rows.push(['times', `${timesText(timings, result.trigger)}; ${trips}`]);
  return rows;
}

function chainRows(chain: readonly CertificateFacts[]): FactRow[] {
  return chain.flatMap((each, index) => certificateRows(index === 0 ? 'certificate' : 'issued by', each));
}

function certificateRows(name: string, certificate: CertificateFacts): FactRow[] {
  const { subject, names, issuer, validFrom, validTo, daysLeft } = certificate;
  const rows: FactRow[] = [[name, subject === '' ? '(no subject)' : subject]];
  if (names.length > 0) rows.push(['  names', names.join(', ')]);
  rows.push(['  issuer', issuer], ['  valid', `${minute(validFrom)} to ${minute(validTo)} UTC, ${timeLeft(daysLeft)}`]);
  return rows;
}

/** ISO 8601 to the minute, for reading. */
function minute(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}

/** `61 days left`, `21 hours left`, `expired 3 days ago`. */
export function timeLeft(days: number): string {
  const amount = Math.abs(days);
  const whole = amount >= 2 ? `${Math.floor(amount)} days` : `${Math.floor(amount * 24)} hours`;
  return days < 0 ? `expired ${whole} ago` : `${whole} left`;
}

export function verifyText(result: 'verified' | 'failed' | 'unchecked'): string {
  return result === 'unchecked' ? 'not verified' : result;
}

function verifyRow({ tls, verifyReasons }: Negotiation): string {
  const text = verifyText(tls?.verify.result ?? 'unchecked');
  return verifyReasons.length === 0 ? text : `${text}: ${verifyReasons.join(', ')}`;
}

function stapleText(ocsp: Negotiation['ocsp']): string {
  if (ocsp === null) return 'nothing stapled';
  const { status, nextUpdate, checked } = ocsp;
  const until = nextUpdate === null ? '' : `, good until ${minute(nextUpdate)} UTC`;
  return `${status}${until}${checked ? '' : ', not checked by the library'}`;
}

function credentialsText(inClear: boolean | null): string | null {
  if (inClear === null) return null;
  return inClear ? 'the server takes credentials before TLS' : 'the server takes no credentials before TLS';
}

/** Which capabilities TLS brought, and which it took away. */
function capabilityRows({ preTlsCapabilities: before, postTlsCapabilities: after, outcome }: Negotiation): FactRow[] {
  if (outcome !== 'upgraded' || after === null) return [];
  const rows: FactRow[] = [];
  const gone = before.filter((entry) => !after.includes(entry));
  const added = after.filter((entry) => !before.includes(entry));
  if (gone.length > 0) rows.push(['gone', gone.join(', ')]);
  if (added.length > 0) rows.push(['new', added.join(', ')]);
  return rows;
}

const PHASES: readonly (readonly [keyof Timings, string])[] = [
  ['connect', 'connect'],
  ['open', 'opening'],
  ['request', 'request'],
  ['handshake', 'handshake'],
  ['renew', 'after TLS'],
];

function timesText(timings: Timings, trigger: string | null): string {
  const parts = PHASES.flatMap(([phase, name]) => {
    const ms = timings[phase];
    return ms === null ? [] : [`${phase === 'request' ? (trigger ?? name) : name} ${ms.toFixed(1)} ms`];
  });
  return parts.length === 0 ? 'none' : parts.join(', ');
}

/** `good: smtp://mx.example:25 TLSv1.3 TLS_AES_256_GCM_SHA384, verified, 61 days left; ...` */
export function checkLine(report: CheckReport): string {
  const { verdict, target, result, injection } = report;
  const parts = [report.reason === '' ? goodText(result) : report.reason];
  if (result.credentialsInClear !== null) {
    parts.push(result.credentialsInClear ? 'credentials in clear' : 'credentials not in clear');
  }
  if (result.outcome === 'upgraded') parts.push(`injected commands ${injectionText(injection)}`);
  return harmless(`${verdict}: ${target.url} ${parts.join('; ')}`);
}

function goodText(result: Negotiation): string {
  const { tls } = result;
  if (tls === null) return 'in clear';
  const first = firstToExpire(result);
  const left =
    first === null ? [] : [`${timeLeft(first.daysLeft)}${first === result.chain[0] ? '' : ` (${first.subject})`}`];
  return [`${tls.version} ${tls.suite}`, verifyText(tls.verify.result), ...left].join(', ');
}

/** All alike in one word, else one by one. */
export function injectionText(injection: readonly InjectionReport[] | null): string {
  if (injection === null) return 'not tested';
  const results = new Set(injection.map(({ result }) => result));
  const [only] = results;
  if (results.size === 1 && only !== undefined) return only;
  return injection.map(({ vector, result }) => `${vector} ${result}`).join(', ');
}
