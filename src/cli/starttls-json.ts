/** Results as JSON, one line each. */
import type { CheckReport } from '../starttls/check.ts';
import type { Negotiation } from '../starttls/negotiation.ts';
import type { Target } from '../starttls/target.ts';
import { VERDICTS } from '../starttls/verdict.ts';
import type { Exchange } from '../starttls/wire.ts';
import type { TlsInfo } from '../tls/info.ts';

/** Without the DER of certificates and of their status, which `chain` and `ocsp` describe. */
export function negotiationJson(result: Negotiation): object {
  return { ...result, tls: result.tls === null ? null : tlsJson(result.tls) };
}

export function tlsJson({ peer: _chain, ocsp: _described, ...tls }: TlsInfo): object {
  return tls;
}

export function checkJson(report: CheckReport, engine: string): object {
  const { target, verdict, reason, remote, otherMode, injection, result } = report;
  return {
    ...targetJson(target),
    engine,
    verdict,
    exit: VERDICTS[verdict].exit,
    reason,
    address: remote.host,
    otherMode,
    injection: injection === null ? null : Object.fromEntries(injection.map((each) => [each.vector, each.result])),
    result: negotiationJson(result),
  };
}

export function targetJson({ url, dialect, mode, host, port }: Target): object {
  return { target: url, protocol: dialect.name, mode, host, port };
}

/** What passed: text as Latin-1, one character a byte; secrets replaced. */
export function exchangeJson({ from, bytes, encrypted, secret, bulk }: Exchange): object {
  const text = secret || bulk ? null : Buffer.from(bytes).toString('latin1');
  return { from, encrypted, bytes: bytes.length, ...(text === null ? { secret, bulk } : { text }) };
}
