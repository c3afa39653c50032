/** What a client of ours makes of each deception. */
import type { Attack } from '../../src/starttls/dialect.ts';
import type { Outcome } from '../../src/starttls/negotiation.ts';

export const ATTACK_OUTCOMES: Readonly<Record<Attack, readonly Outcome[]>> = {
  'inject-line': ['injected'],
  'inject-half-line': ['injected'],
  'inject-multiline': ['injected'],
  omit: ['notOffered', 'strippedSuspected'],
  rename: ['strippedSuspected'],
  refuse: ['refused'],
  preauth: ['preauth'],
  'no-hello': ['strippedSuspected', 'refused'],
  tamper: ['upgraded'],
  'early-greeting': ['wrongMode'],
  garbage: ['malformed'],
  silence: ['timeout'],
  drip: ['upgraded', 'direct'],
};
