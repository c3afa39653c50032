/** Results of negotiations, for whatever looks at them. */
import type { Negotiation } from '../../src/starttls/negotiation.ts';

/** An upgrade to SMTP with nothing special about it, and what a test changes. */
export function negotiationOf(over: Partial<Negotiation> = {}): Negotiation {
  return {
    dialect: 'smtp',
    outcome: 'upgraded',
    policy: 'require',
    reason: '',
    status: 0,
    greeting: 'mx.example ESMTP',
    preTlsCapabilities: ['STARTTLS'],
    postTlsCapabilities: [],
    trigger: 'STARTTLS',
    reply: { accepted: true, code: '220', enhanced: null, text: 'go' },
    discardedBytes: 0,
    discardedSample: '',
    stateReset: ['greeting', 'capabilities'],
    credentialsInClear: false,
    roundTrips: 4,
    timings: { connect: 1, open: 2, request: 3, handshake: 4, renew: 5 },
    tls: null,
    chain: [],
    verifyReasons: [],
    ocsp: null,
    ...over,
  };
}
