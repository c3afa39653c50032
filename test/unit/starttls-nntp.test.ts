import { describe, expect, it } from 'vitest';
import { NNTP } from '../../src/starttls/nntp.ts';
import { play } from '../support/dialect-play.ts';
import { clientRules, serverRules } from '../support/dialect-rules.ts';
import { readTranscript } from '../support/transcript.ts';

const OPENING = 'S: 200 ready⏎\nC: CAPABILITIES⏎\n';
const TRIGGERED = `${OPENING}S: 101 list⏎\nS: STARTTLS⏎\nS: .⏎\nC: STARTTLS⏎\n`;

clientRules(NNTP, {
  fixture: 'nntp-upgrade',
  expected: {
    greeting: 'news.example ready, no posting',
    preTlsCapabilities: ['VERSION 2', 'READER', 'starttls', 'AUTHINFO'],
    postTlsCapabilities: ['VERSION 2', 'READER', 'AUTHINFO USER'],
    trigger: 'STARTTLS',
    reply: { accepted: true, code: '382', enhanced: null, text: 'go' },
    stateReset: ['greeting', 'capabilities'],
    credentialsInClear: false,
    roundTrips: 4,
  },
  opening: TRIGGERED,
  go: 'S: 382 go⏎\n',
  renewal: 'C: CAPABILITIES⏎\nS: 101 list⏎\nS: READER⏎\nS: .⏎\n',
  renewed: ['READER'],
  leave: 'C: QUIT⏎\n',
  missing: [
    ['no offer', `${OPENING}S: 101 list⏎\nS: READER⏎\nS: .⏎\n`, 'notOffered'],
    ['an overwritten offer', `${OPENING}S: 101 list⏎\nS: XXXXXXXX⏎\nS: .⏎\n`, 'strippedSuspected'],
    ['a longer word', `${OPENING}S: 101 list⏎\nS: XSTARTTLS⏎\nS: .⏎\n`, 'strippedSuspected'],
  ],
  refusals: [
    ['S: 502 not now⏎', '502'],
    ['S: 580 no certificate⏎', '580'],
    ['S: 500 what⏎', '500'],
    ['S: 501 what⏎', '501'],
    ['S: 483 of all answers⏎', '483'],
    ['S: 383⏎', '383'],
  ],
  finalRefusals: [['S: 400 going down⏎', '400']],
  injections: [
    ['a whole list', 'S! 101 list⏎\nS! AUTHINFO USER⏎\nS! .⏎\n'],
    ['half a list', 'S! 101 list⏎\nS! AUTHINFO US\n'],
  ],
  failures: [
    ['400 as the greeting', 'S: 400 overloaded⏎\nC: QUIT⏎\n', 'refused'],
    ['502 as the greeting', 'S: 502 not for you⏎\nC: QUIT⏎\n', 'refused'],
    ['a greeting of another protocol', 'S: * OK IMAP4rev1⏎\n', 'malformed'],
    ['a longer number', 'S: 2000 ready⏎\n', 'malformed'],
    ['a list without end', `${OPENING}S: 101 list⏎\n${'S: X⏎\n'.repeat(1_001)}`, 'malformed'],
    [
      'a reader that is refused',
      `${OPENING}S: 101 list⏎\nS: MODE-READER⏎\nS: .⏎\nC: MODE READER⏎\nS: 502 not for you⏎\nC: QUIT⏎\n`,
      'refused',
    ],
  ],
});

describe('NNTP as a client', () => {
  it('asks a server for transit for its reader, where TLS is', () => {
    const { channel, result } = play(NNTP, readTranscript('nntp-transit'));
    expect(channel.next).toBeUndefined();
    expect(result).toMatchObject({
      outcome: 'upgraded',
      greeting: 'innd.example ready',
      preTlsCapabilities: ['VERSION 2', 'READER', 'STARTTLS'],
    });
  });

  it('asks a server that knows no CAPABILITIES all the same', () => {
    const opening = `${OPENING}S: 500 what⏎\nC: STARTTLS⏎\n`;
    const upgraded = play(NNTP, `${opening}S: 382 go⏎\n<TLS>\nC: CAPABILITIES⏎\nS: 500 what⏎\n`).result;
    expect(upgraded).toMatchObject({ outcome: 'upgraded', postTlsCapabilities: null, credentialsInClear: null });
    expect(play(NNTP, `${opening}S: 500 what⏎\nC: QUIT⏎\n`).result.outcome).toBe('refused');
  });

  it.each([
    ['AUTHINFO', false],
    ['AUTHINFO user SASL', true],
    ['SASL PLAIN', true],
    ['SASL CRAM-MD5', false],
  ])('%j decides whether a password may cross in clear: %s', (capability, may) => {
    const { result } = play(NNTP, `${OPENING}S: 101 list⏎\nS: ${capability}⏎\nS: .⏎\n`, { policy: 'never' });
    expect(result.credentialsInClear).toBe(may);
  });
});

const GREETING = 'S: 200 mx.example ready, no posting all the same⏎\n';
const UPGRADE = 'C: STARTTLS⏎\nS: 382 go⏎\n<TLS>\n';
const LOGIN = 'C: AUTHINFO USER ann⏎\nS: 381 password⏎\nC: AUTHINFO PASS secret⏎\nS: 281 welcome⏎\n';
const COMMON = 'S: 101 list⏎\nS: VERSION 2⏎\nS: IMPLEMENTATION tcpx⏎\nS: READER⏎\nS: LIST ACTIVE⏎\n';

serverRules(NNTP, {
  whole: `${GREETING}C: CAPABILITIES⏎
${COMMON}S: STARTTLS⏎
S: .⏎
C: starttls⏎
S: 382 go⏎
<TLS>
C: CAPABILITIES⏎
${COMMON}S: AUTHINFO USER⏎
S: .⏎
C: MODE READER⏎
S: 201 no posting⏎
${LOGIN}C: LIST⏎
S: 215 list⏎
S: .⏎
C: QUIT⏎
S: 205 good bye⏎
`,
  greeting: GREETING,
  trigger: 'STARTTLS⏎',
  go: 'S: 382 go⏎\n',
  injected: 'HELP',
  tail: 'C: P⏎\nS: 500 unknown command⏎\n',
  exchanges: [
    ['takes no argument to STARTTLS', 'C: STARTTLS now⏎\nS: 501 STARTTLS takes no argument⏎\n'],
    ['refuses STARTTLS inside TLS', `${UPGRADE}C: STARTTLS⏎\nS: 502 TLS is active already⏎\n`],
    ['wants TLS for what matters', 'C: AUTHINFO USER ann⏎\nS: 483 TLS first⏎\nC: GROUP a.b⏎\nS: 483 TLS first⏎\n'],
    [
      'forgets a name that was said in clear',
      `C: AUTHINFO USER ann⏎\nS: 483 TLS first⏎\n${UPGRADE}C: AUTHINFO PASS secret⏎\nS: 482 AUTHINFO USER first⏎\nC: GROUP a.b⏎\nS: 480 log in first⏎\n`,
    ],
    [
      'logs in once',
      `${UPGRADE}${LOGIN}C: AUTHINFO USER bob⏎\nS: 502 logged in already⏎\nC: GROUP a.b⏎\nS: 411 no such group⏎\n`,
    ],
    ['answers what is no command', 'C: ⏎\nS: 500 unknown command⏎\nC: MODE STREAM⏎\nS: 501 unknown mode⏎\n'],
  ],
});
