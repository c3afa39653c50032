import { describe, expect, it } from 'vitest';
import { LMTP, SMTP } from '../../src/starttls/smtp.ts';
import { play } from '../support/dialect-play.ts';
import { clientRules, serverRules } from '../support/dialect-rules.ts';

const OPENING = 'S: 220 mx⏎\nC: EHLO client.example⏎\n';
const OFFER = `${OPENING}S: 250-mx⏎\nS: 250 STARTTLS⏎\nC: STARTTLS⏎\n`;

clientRules(SMTP, {
  fixture: 'smtp-upgrade',
  expected: {
    greeting: 'mx.example ESMTP ready',
    preTlsCapabilities: ['PIPELINING', 'starttls', '8BITMIME'],
    postTlsCapabilities: ['AUTH PLAIN LOGIN', '8BITMIME'],
    trigger: 'STARTTLS',
    reply: { accepted: true, code: '220', enhanced: '2.0.0', text: '2.0.0 ready to start TLS' },
    stateReset: ['greeting', 'capabilities'],
    credentialsInClear: false,
    roundTrips: 4,
  },
  opening: OFFER,
  go: 'S: 220 go⏎\n',
  renewal: 'C: EHLO client.example⏎\nS: 250-mx⏎\nS: 250 AUTH PLAIN⏎\n',
  renewed: ['AUTH PLAIN'],
  leave: 'C: QUIT⏎\n',
  missing: [
    ['no offer', `${OPENING}S: 250-mx⏎\nS: 250 PIPELINING⏎\n`, 'notOffered'],
    ['an overwritten offer', `${OPENING}S: 250-mx⏎\nS: 250 XXXXXXXA⏎\n`, 'strippedSuspected'],
    ['a short word of the same letters', `${OPENING}S: 250-mx⏎\nS: 250 XXX⏎\n`, 'notOffered'],
    ['a longer word', `${OPENING}S: 250-mx⏎\nS: 250 STARTTLSX⏎\n`, 'strippedSuspected'],
    ['a refused EHLO', `${OPENING}S: 502 no⏎\nC: HELO client.example⏎\nS: 250 mx⏎\n`, 'strippedSuspected'],
  ],
  refusals: [
    ['S: 454 4.7.0 not now⏎', '454'],
    ['S: 500 what⏎', '500'],
    ['S: 501 what⏎', '501'],
    ['S: 502 not here⏎', '502'],
    ['S: 503 not now⏎', '503'],
    ['S: 554-never⏎\nS: 554 ever⏎', '554'],
    ['S: 250 ok⏎', '250'],
  ],
  finalRefusals: [['S: 421 closing⏎', '421']],
  injections: [
    ['a whole reply', 'S! 250-x⏎\nS! 250 AUTH PLAIN⏎\n'],
    ['half a reply', 'S! 250-x⏎\nS! 250 AUTH PL\n'],
    ['a line behind the last of several', 'S! 220 go⏎\n'],
  ],
  failures: [
    ['a refused greeting', 'S: 554 5.7.1 go away⏎\nC: QUIT⏎\n', 'refused'],
    ['an answer without code', `${OFFER}S: go ahead⏎\n`, 'malformed'],
    ['an end in the middle', `${OPENING}S: 250-mx⏎\n<END>\n`, 'closed'],
    ['a reply without end', 'S: 220-x⏎\n'.repeat(1_001), 'malformed'],
  ],
});

describe('SMTP as a client', () => {
  it('tells whether users can log in in clear', () => {
    const { result } = play(SMTP, `${OPENING}S: 250-mx⏎\nS: 250 AUTH PLAIN⏎\n`, { policy: 'never' });
    expect(result.credentialsInClear).toBe(true);
  });

  it('counts and shows what was injected', () => {
    const { result } = play(SMTP, `${OFFER}S: 220-go⏎\nS: 220 go⏎\nS! 250 x⏎\n<TLS>\n`);
    expect(result).toMatchObject({ outcome: 'injected', discardedBytes: 7, discardedSample: '32353020780d0a' });
  });
});

describe('LMTP as a client', () => {
  it('says LHLO both times, and does not fall back', () => {
    const upgraded = play(
      LMTP,
      'S: 220 x⏎\nC: LHLO client.example⏎\nS: 250-x⏎\nS: 250 STARTTLS⏎\nC: STARTTLS⏎\nS: 220 go⏎\n<TLS>\nC: LHLO client.example⏎\nS: 250 x⏎\n',
    );
    expect(upgraded.result.outcome).toBe('upgraded');
    const refused = play(LMTP, 'S: 220 x⏎\nC: LHLO client.example⏎\nS: 500 no⏎\nC: QUIT⏎\n');
    expect(refused.result).toMatchObject({ outcome: 'refused' });
  });
});

const GREETING = 'S: 220 mx.example ESMTP⏎\n';
const UPGRADE = 'C: STARTTLS⏎\nS: 220 2.0.0 go⏎\n<TLS>\n';
const EHLO_IN_TLS =
  'C: EHLO c⏎\nS: 250-mx.example⏎\nS: 250-PIPELINING⏎\nS: 250-8BITMIME⏎\nS: 250-AUTH PLAIN LOGIN⏎\nS: 250 SMTPUTF8⏎\n';
const EHLO = EHLO_IN_TLS.replace('AUTH PLAIN LOGIN', 'STARTTLS');

serverRules(SMTP, {
  whole: `${GREETING}${EHLO}${UPGRADE}${EHLO_IN_TLS}C: MAIL FROM:<a@b>⏎
S: 250 2.1.0 ok⏎
C: RCPT TO:<c@d>⏎
S: 250 2.1.5 ok⏎
C: DATA⏎
S: 354 end with a dot on a line of its own⏎
C: text⏎
C: .⏎
S: 250 2.0.0 taken⏎
C: QUIT⏎
S: 221 2.0.0 bye⏎
`,
  greeting: GREETING,
  trigger: 'STARTTLS⏎',
  go: 'S: 220 2.0.0 go⏎\n',
  injected: 'NOOP',
  tail: 'C: P⏎\nS: 500 5.5.1 unknown command⏎\n',
  exchanges: [
    ['takes no parameter to STARTTLS', 'C: STARTTLS now⏎\nS: 501 5.5.4 STARTTLS takes no parameter⏎\n'],
    ['refuses STARTTLS inside TLS', `${UPGRADE}C: STARTTLS⏎\nS: 503 5.5.1 TLS is active already⏎\n`],
    ['refuses AUTH in clear', 'C: AUTH PLAIN AGEAYg==⏎\nS: 538 5.7.11 TLS first⏎\n'],
    ['refuses AUTH in clear before it has asked', 'C: AUTH LOGIN⏎\nS: 538 5.7.11 TLS first⏎\n'],
    [
      'asks for the response of PLAIN, and takes one login',
      `${UPGRADE}C: AUTH PLAIN⏎\nS: 334 ⏎\nC: AGEAYg==⏎\nS: 235 2.7.0 welcome⏎\nC: AUTH PLAIN AGEAYg==⏎\nS: 503 5.5.1 logged in already⏎\n`,
    ],
    [
      'asks for name and password of LOGIN',
      `${UPGRADE}C: AUTH LOGIN⏎\nS: 334 VXNlcm5hbWU6⏎\nC: YQ==⏎\nS: 334 UGFzc3dvcmQ6⏎\nC: Yg==⏎\nS: 235 2.7.0 welcome⏎\n`,
    ],
    [
      'lets a client give up AUTH, and knows no other mechanism',
      `${UPGRADE}C: AUTH LOGIN YQ==⏎\nS: 334 UGFzc3dvcmQ6⏎\nC: *⏎\nS: 501 5.5.2 given up, or not a response⏎\nC: AUTH CRAM-MD5⏎\nS: 504 5.5.4 only PLAIN and LOGIN are known⏎\n`,
    ],
    [
      'keeps the login and forgets the message at EHLO',
      `${UPGRADE}${EHLO_IN_TLS}C: AUTH PLAIN AGEAYg==⏎\nS: 235 2.7.0 welcome⏎\nC: MAIL FROM:<a@b>⏎\nS: 250 2.1.0 ok⏎\nC: AUTH PLAIN AGEAYg==⏎\nS: 503 5.5.1 logged in already⏎\n${EHLO_IN_TLS}C: RCPT TO:<c@d>⏎\nS: 503 5.5.1 MAIL first⏎\nC: AUTH PLAIN AGEAYg==⏎\nS: 503 5.5.1 logged in already⏎\n`,
    ],
    [
      'forgets the envelope and the name that came in clear',
      `${EHLO}C: MAIL FROM:<a@b>⏎\nS: 250 2.1.0 ok⏎\n${UPGRADE}C: RCPT TO:<c@d>⏎\nS: 503 5.5.1 MAIL first⏎\nC: MAIL FROM:<a@b>⏎\nS: 503 5.5.1 EHLO first⏎\n`,
    ],
  ],
});

serverRules(LMTP, {
  whole: `${GREETING}${EHLO}${UPGRADE}${EHLO_IN_TLS}C: QUIT⏎\nS: 221 2.0.0 bye⏎\n`.replaceAll('EHLO', 'LHLO'),
  greeting: GREETING,
  trigger: 'STARTTLS⏎',
  go: 'S: 220 2.0.0 go⏎\n',
  injected: 'NOOP',
  tail: 'C: P⏎\nS: 500 5.5.1 unknown command⏎\n',
  exchanges: [
    [
      'does not know EHLO, nor HELO',
      'C: EHLO c⏎\nS: 500 5.5.1 unknown command⏎\nC: HELO c⏎\nS: 500 5.5.1 LMTP wants LHLO⏎\n',
    ],
    [
      'answers for each recipient inside TLS alone',
      `${EHLO.replace('EHLO', 'LHLO')}C: MAIL FROM:<a@b>⏎\nS: 250 2.1.0 ok⏎\nC: RCPT TO:<c@d>⏎\nS: 250 2.1.5 ok⏎\n${UPGRADE}${EHLO_IN_TLS.replace('EHLO', 'LHLO')}C: MAIL FROM:<a@b>⏎\nS: 250 2.1.0 ok⏎\nC: RCPT TO:<c@d>⏎\nS: 250 2.1.5 ok⏎\nC: DATA⏎\nS: 354 end with a dot on a line of its own⏎\nC: .⏎\nS: 250 2.0.0 taken⏎\n`,
    ],
  ],
});
