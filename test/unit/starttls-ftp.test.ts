import { describe, expect, it } from 'vitest';
import { FTP } from '../../src/starttls/ftp.ts';
import { play } from '../support/dialect-play.ts';
import { clientRules, serverRules } from '../support/dialect-rules.ts';

const OPENING = 'S: 220 ready⏎\nC: FEAT⏎\n';
const OFFER = `${OPENING}S: 211-Features⏎\nS:  AUTH TLS⏎\nS: 211 End⏎\n`;
const TRIGGERED = `${OFFER}C: AUTH TLS⏎\n`;

/** An opening whose only feature is this. */
const featuring = (line: string) => `${OPENING}S: 211-Features⏎\nS:  ${line}⏎\nS: 211 End⏎\n`;

clientRules(FTP, {
  fixture: 'ftp-upgrade',
  expected: {
    greeting: 'ftp.example   230 is not the end of this 220-nor is this 221 nor this ready',
    preTlsCapabilities: ['MDTM', 'Auth tls;TLS-C', 'PBSZ'],
    postTlsCapabilities: ['PBSZ', 'PROT'],
    trigger: 'AUTH TLS',
    reply: { accepted: true, code: '234', enhanced: null, text: 'go ahead now' },
    stateReset: ['greeting', 'capabilities'],
    credentialsInClear: null,
    roundTrips: 4,
  },
  opening: TRIGGERED,
  go: 'S: 234 go⏎\n',
  renewal: 'C: FEAT⏎\nS: 211-Features⏎\nS:  PBSZ⏎\nS: 211 End⏎\n',
  renewed: ['PBSZ'],
  leave: 'C: QUIT⏎\n',
  missing: [
    ['no offer', featuring('MDTM'), 'notOffered'],
    ['no features', `${OPENING}S: 211 none⏎\n`, 'notOffered'],
    ['another mechanism', featuring('AUTH GSSAPI'), 'notOffered'],
    // Never taken up: whoever took TLS out of the list would choose.
    ['the old name alone', featuring('AUTH SSL'), 'notOffered'],
    ['an overwritten offer', featuring('XXXXXXXX'), 'strippedSuspected'],
    ['a longer word', featuring('AUTHX TLS'), 'strippedSuspected'],
    ['a longer mechanism', featuring('AUTH TLSX'), 'notOffered'],
  ],
  refusals: [
    ['S: 334 ADAT=⏎', '334'],
    ['S: 431 not now⏎', '431'],
    ['S: 500 what⏎', '500'],
    ['S: 502 not here⏎', '502'],
    ['S: 504 what mechanism⏎', '504'],
    ['S: 530 log in first⏎', '530'],
    ['S: 534-never⏎\nS: by policy⏎\nS: 534 never⏎', '534'],
    ['S: 235 done already⏎', '235'],
  ],
  finalRefusals: [['S: 421 closing⏎', '421']],
  injections: [
    ['a whole reply', 'S! 211-Features⏎\nS!  PBSZ⏎\nS! 211 End⏎\n'],
    ['half a reply', 'S! 211-Features⏎\nS!  PBS\n'],
    ['a line behind the last of several', 'S! 234 go⏎\n'],
  ],
  failures: [
    ['421 as the greeting', 'S: 421 too many⏎\nC: QUIT⏎\n', 'refused'],
    ['120 and then 421', 'S: 120 later⏎\nS: 421 too late⏎\nC: QUIT⏎\n', 'refused'],
    ['another code as the greeting', 'S: 230 logged in⏎\nC: QUIT⏎\n', 'refused'],
    ['a greeting of another protocol', 'S: +OK POP3⏎\n', 'malformed'],
    ['a protected reply', `${TRIGGERED}S: 631 AAAA⏎\n`, 'malformed'],
    ['a reply without end', `S: 220-x⏎\n${'S: x⏎\n'.repeat(1_001)}`, 'malformed'],
    ['a reply that ends with another code', 'S: 220-x⏎\nS: 221 y⏎\n<END>\n', 'closed'],
  ],
});

describe('FTP as a client', () => {
  it.each([['AUTH TLS'], ['AUTH TLS-C'], ['auth ssl;tls;'], ['AUTH SSL,TLS'], ['AUTH']])(
    'takes %s for an offer',
    (feature) => {
      const { result } = play(FTP, `${featuring(feature)}C: AUTH TLS⏎\nS: 234 go⏎\n<TLS>\n`, { renew: false });
      expect(result.outcome).toBe('upgraded');
    },
  );

  it.each(['500', '502', '530'])('asks a server that answers FEAT with %s all the same', (code) => {
    const opening = `${OPENING}S: ${code} no⏎\nC: AUTH TLS⏎\n`;
    const upgraded = play(FTP, `${opening}S: 234 go⏎\n<TLS>\nC: FEAT⏎\nS: 500 no⏎\n`).result;
    expect(upgraded).toMatchObject({ outcome: 'upgraded', preTlsCapabilities: [], postTlsCapabilities: null });
    expect(play(FTP, `${opening}S: 500 no⏎\nC: QUIT⏎\n`).result.outcome).toBe('refused');
  });
});

const GREETING = 'S: 220 mx.example ready⏎\n';
const UPGRADE = 'C: AUTH TLS⏎\nS: 234 go⏎\n<TLS>\n';
const LOGIN = 'C: USER ann⏎\nS: 331 password⏎\nC: PASS secret⏎\nS: 230 welcome⏎\n';
const COMMON = 'S:  PBSZ⏎\nS:  PROT⏎\nS:  EPSV⏎\nS:  MDTM⏎\nS:  SIZE⏎\nS:  UTF8⏎\nS: 211 end⏎\n';
const PROTECT = 'C: PBSZ 0⏎\nS: 200 PBSZ=0⏎\nC: PROT P⏎\nS: 200 data will be protected⏎\n';

serverRules(FTP, {
  whole: `${GREETING}C: FEAT⏎
S: 211-features⏎
S:  AUTH TLS⏎
${COMMON}C: auth tls⏎
S: 234 go⏎
<TLS>
C: FEAT⏎
S: 211-features⏎
${COMMON}${LOGIN}${PROTECT}C: PWD⏎
S: 257 "/" is the directory⏎
C: SIZE readme.txt⏎
S: 213 57⏎
C: CWD /⏎
S: 250 ok⏎
C: QUIT⏎
S: 221 good bye⏎
`,
  greeting: GREETING,
  trigger: 'AUTH TLS⏎',
  go: 'S: 234 go⏎\n',
  injected: 'NOOP',
  tail: 'C: P⏎\nS: 530 log in first⏎\n',
  exchanges: [
    ['knows no other mechanism', 'C: AUTH SSL⏎\nS: 504 only TLS is known⏎\nC: AUTH⏎\nS: 504 only TLS is known⏎\n'],
    ['refuses AUTH inside TLS', `${UPGRADE}C: AUTH TLS⏎\nS: 503 TLS is active already⏎\n`],
    [
      'refuses names and passwords in clear',
      'C: USER ann⏎\nS: 530 AUTH TLS first⏎\nC: PASS x⏎\nS: 530 AUTH TLS first⏎\n',
    ],
    [
      'forgets a name that was said in clear',
      `C: USER ann⏎\nS: 530 AUTH TLS first⏎\n${UPGRADE}C: PASS secret⏎\nS: 503 USER first⏎\nC: PWD⏎\nS: 530 log in first⏎\n`,
    ],
    ['refuses PBSZ and PROT in clear', 'C: PBSZ 0⏎\nS: 503 AUTH TLS first⏎\nC: PROT P⏎\nS: 503 AUTH TLS first⏎\n'],
    ['wants PBSZ before PROT', `${UPGRADE}C: PROT P⏎\nS: 503 PBSZ first⏎\n`],
    [
      'has one level of protection',
      `${UPGRADE}C: PBSZ 0⏎\nS: 200 PBSZ=0⏎\nC: PROT C⏎\nS: 534 data are not sent in clear⏎\nC: PROT S⏎\nS: 536 not a level of TLS⏎\nC: PROT X⏎\nS: 504 unknown level⏎\n`,
    ],
    ['sends no data before PROT P', `${UPGRADE}${LOGIN}C: LIST⏎\nS: 522 PROT P first⏎\n`],
    [
      'never goes back into clear',
      `C: CCC⏎\nS: 533 the control connection stays in TLS⏎\n${UPGRADE}C: REIN⏎\nS: 502 the session does not go back⏎\n${LOGIN}C: CCC⏎\nS: 533 the control connection stays in TLS⏎\n`,
    ],
    [
      'says so when it has no means for data',
      `${UPGRADE}${LOGIN}${PROTECT}C: EPSV⏎\nS: 425 this server has no data connections⏎\nC: RETR readme.txt⏎\nS: 425 PASV or EPSV first⏎\nC: PORT 127,0,0,1,4,1⏎\nS: 425 passive data connections only⏎\n`,
    ],
    [
      'has one file',
      `${UPGRADE}${LOGIN}C: SIZE x⏎\nS: 550 there is no such file⏎\nC: STOR x⏎\nS: 550 there is nothing to change here⏎\nC: RETR x⏎\nS: 550 there is no such file⏎\nC: XYZZY⏎\nS: 500 unknown command⏎\n`,
    ],
    ['takes another user', `${UPGRADE}${LOGIN}C: USER bob⏎\nS: 331 password⏎\nC: PWD⏎\nS: 530 log in first⏎\n`],
  ],
});
