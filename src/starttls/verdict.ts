/** One word for how a server stands, each with an exit status of its own: what a monitor looks at. */
import type { InjectionResult } from './command-injection.ts';
import type { Negotiation, Outcome } from './negotiation.ts';

/** From best to worst: of many targets, and of several findings, the last one counts. */
export const VERDICTS = {
  good: { exit: 0, meaning: 'encrypted; certificate and name verified, unless told not to' },
  unclear: {
    exit: 9,
    meaning: 'the same, but it could not be told whether the server executes injected commands',
  },
  'expires-soon': {
    exit: 10,
    meaning: 'the same as good, but a certificate of the chain expires within --expires-within days, or has expired',
  },
  'plaintext-only': { exit: 11, meaning: 'in clear, as --policy prefer or never allows' },
  'not-offered': { exit: 12, meaning: 'the server does not offer TLS' },
  refused: { exit: 13, meaning: 'the server offers TLS and refuses it' },
  preauth: { exit: 14, meaning: 'the server says that the user is logged in already, which forbids TLS' },
  'wrong-mode': { exit: 15, meaning: 'TLS from the first byte where STARTTLS was tried, or the other way round' },
  timeout: { exit: 16, meaning: 'no answer in time' },
  unreachable: { exit: 17, meaning: 'no connection: no such name, nobody listens, no route' },
  failed: { exit: 18, meaning: 'the handshake failed, the connection broke, or this is another protocol' },
  unverified: { exit: 19, meaning: 'the certificate or its name does not verify' },
  stripped: { exit: 20, meaning: 'no offer, and traces of one that somebody removed' },
  injected: { exit: 21, meaning: 'plaintext came where only TLS may follow' },
  injectable: { exit: 22, meaning: 'the server executes commands that were injected in clear ahead of TLS' },
} as const satisfies Readonly<Record<string, { readonly exit: number; readonly meaning: string }>>;

export type Verdict = keyof typeof VERDICTS;

const BY_OUTCOME: Readonly<Record<Outcome, Verdict>> = {
  upgraded: 'good',
  direct: 'good',
  clear: 'plaintext-only',
  refused: 'refused',
  notOffered: 'not-offered',
  strippedSuspected: 'stripped',
  injected: 'injected',
  preauth: 'preauth',
  unverified: 'unverified',
  handshake: 'failed',
  wrongMode: 'wrong-mode',
  timeout: 'timeout',
  closed: 'failed',
  malformed: 'failed',
  unreachable: 'unreachable',
};

export interface Findings {
  readonly result: Negotiation;
  /** A second try showed that the port is for the other mode. */
  readonly wrongMode: boolean;
  /** What became of injected commands; empty where it was not tried. */
  readonly injections: readonly InjectionResult[];
}

/** @param expiresWithin days that the whole chain must still be valid */
export function verdictOf({ result, wrongMode, injections }: Findings, expiresWithin: number): Verdict {
  if (injections.includes('executed')) return 'injectable';
  if (wrongMode) return 'wrong-mode';
  const verdict = BY_OUTCOME[result.outcome];
  if (verdict !== 'good') return verdict;
  const first = firstToExpire(result);
  if (first !== null && first.daysLeft < expiresWithin) return 'expires-soon';
  return injections.includes('unclear') ? 'unclear' : verdict;
}

/** The certificate of the chain that expires first; null where there is none. */
export function firstToExpire({ chain }: Negotiation): Negotiation['chain'][number] | null {
  return chain.reduce<Negotiation['chain'][number] | null>(
    (first, each) => (first === null || each.daysLeft < first.daysLeft ? each : first),
    null,
  );
}

/** The worst of several; `good` of none. */
export function worstOf(verdicts: Iterable<Verdict>): Verdict {
  let worst: Verdict = 'good';
  for (const verdict of verdicts) if (VERDICTS[verdict].exit > VERDICTS[worst].exit) worst = verdict;
  return worst;
}
