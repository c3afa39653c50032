import { describe, expect, it } from 'vitest';
import { MANAGESIEVE } from '../../src/starttls/managesieve.ts';
import { play } from '../support/dialect-play.ts';
import { clientRules, serverRules } from '../support/dialect-rules.ts';

const OFFER = 'S: "IMPLEMENTATION" "x"⏎\nS: "STARTTLS"⏎\nS: OK⏎\n';
const TRIGGERED = `${OFFER}C: STARTTLS⏎\n`;

clientRules(MANAGESIEVE, {
  fixture: 'sieve-upgrade',
  expected: {
    greeting: 'ex"ample OK',
    preTlsCapabilities: ['IMPLEMENTATION ex"ample OK', 'sieve fileinto "x" envelope', 'starttls', 'SASL'],
    postTlsCapabilities: ['IMPLEMENTATION example', 'SASL PLAIN'],
    trigger: 'STARTTLS',
    reply: { accepted: true, code: 'OK', enhanced: null, text: 'begin' },
    stateReset: ['greeting', 'capabilities'],
    credentialsInClear: false,
    // Nothing is asked: the greeting, the trigger, the list inside TLS.
    roundTrips: 2,
  },
  opening: TRIGGERED,
  go: 'S: OK "go"⏎\n',
  renewal: 'S: "SASL" "PLAIN"⏎\nS: OK⏎\n',
  renewed: ['SASL PLAIN'],
  leave: 'C: LOGOUT⏎\n',
  missing: [
    ['no offer', 'S: "SIEVE" "fileinto"⏎\nS: OK⏎\n', 'notOffered'],
    ['an overwritten offer', 'S: "XXXXXXXA"⏎\nS: OK⏎\n', 'strippedSuspected'],
    ['a longer word', 'S: "STARTTLS-FOO"⏎\nS: OK⏎\n', 'strippedSuspected'],
    ['the word as a value', 'S: "SIEVE" "STARTTLS"⏎\nS: OK⏎\n', 'notOffered'],
  ],
  refusals: [
    ['S: NO "not now"⏎', 'NO'],
    ['S: no (TRYLATER) {7}⏎\nS: not now⏎', 'NO'],
  ],
  finalRefusals: [['S: BYE⏎', 'BYE']],
  injections: [
    ['a whole list', 'S! "SASL" "PLAIN"⏎\nS! OK⏎\n'],
    ['half a list', 'S! "SASL" "PLA\n'],
  ],
  failures: [
    ['BYE as the greeting', 'S: BYE "too many"⏎\nC: LOGOUT⏎\n', 'refused'],
    ['a greeting of another protocol', 'S: +OK POP3⏎\n', 'malformed'],
    ['an answer that is none', `${TRIGGERED}S: "OK"⏎\n`, 'malformed'],
    ['a longer word than OK', `${TRIGGERED}S: OKAY "go"⏎\n`, 'malformed'],
    ['a quote without an end', 'S: "IMPLEMENTATION" "x⏎\n', 'malformed'],
    ['an empty line', 'S: ⏎\n', 'malformed'],
    ['a literal beyond all reason', 'S: "IMPLEMENTATION" {70000}⏎\n', 'malformed'],
    ['a list of empty literals', `S: "X"${' {0}⏎'.repeat(66_000)}\n`, 'malformed'],
    ['brackets without end', `S: "X"${`${'('.repeat(1_000)} {0}⏎`.repeat(6)}\n`, 'malformed'],
    ['a list without end', 'S: "X"⏎\n'.repeat(1_001), 'malformed'],
    ['no list inside TLS', `${TRIGGERED}S: OK⏎\n<TLS>\n`, 'timeout'],
  ],
});

describe('ManageSieve as a client', () => {
  it.each([
    ['"PLAIN LOGIN"', true],
    ['"SCRAM-SHA-1"', false],
    ['""', false],
  ])('mechanisms %s decide whether a password may cross in clear: %s', (mechanisms, may) => {
    const { result } = play(MANAGESIEVE, `S: "SASL" ${mechanisms}⏎\nS: OK⏎\n`, { policy: 'never' });
    expect(result.credentialsInClear).toBe(may);
  });
});

const LIST = 'S: "IMPLEMENTATION" "tcpx"⏎\nS: "SIEVE" "fileinto envelope"⏎\n';
const CLEAR = `${LIST}S: "SASL" ""⏎\nS: "STARTTLS"⏎\nS: "VERSION" "1.0"⏎\nS: OK "ready"⏎\n`;
const SECURE = `${LIST}S: "SASL" "PLAIN"⏎\nS: "VERSION" "1.0"⏎\nS: OK "ready"⏎\n`;
const UPGRADE = `C: STARTTLS⏎\nS: OK "go"⏎\n<TLS>\n${SECURE}`;
const PLAIN = Buffer.from('\0ann\0secret').toString('base64');

serverRules(MANAGESIEVE, {
  whole: `${CLEAR}C: capability⏎
${CLEAR}C: starttls⏎
S: OK "go"⏎
<TLS>
${SECURE}C: AUTHENTICATE "PLAIN" {${PLAIN.length}+}⏎
C: ${PLAIN}⏎
S: OK "welcome"⏎
C: LISTSCRIPTS⏎
S: OK⏎
C: PUTSCRIPT "a" {7+}⏎
C: keep;⏎⏎
S: NO (QUOTA) "nothing is kept here"⏎
C: NOOP "x y"⏎
S: OK (TAG {3}⏎
S: x y) "done"⏎
C: LOGOUT⏎
S: OK "good bye"⏎
`,
  greeting: CLEAR,
  trigger: 'STARTTLS⏎',
  go: 'S: OK "go"⏎\n',
  injected: 'NOOP',
  renewed: SECURE,
  tail: 'C: P⏎\nS: NO "unknown command"⏎\n',
  exchanges: [
    ['takes no argument to STARTTLS', 'C: STARTTLS "now"⏎\nS: NO "STARTTLS takes no argument"⏎\n'],
    ['refuses STARTTLS inside TLS', `${UPGRADE}C: STARTTLS⏎\nS: NO "TLS is active already"⏎\n`],
    [
      'refuses AUTHENTICATE in clear, and reads over what comes with it',
      `C: AUTHENTICATE "PLAIN" {${PLAIN.length}+}⏎\nC: ${PLAIN}⏎\nS: NO (ENCRYPT-NEEDED) "TLS first"⏎\n`,
    ],
    [
      'has nobody logged in after the upgrade',
      `C: AUTHENTICATE "PLAIN" "${PLAIN}"⏎\nS: NO (ENCRYPT-NEEDED) "TLS first"⏎\n${UPGRADE}C: LISTSCRIPTS⏎\nS: NO "log in first"⏎\n`,
    ],
    [
      'authenticates without an initial response',
      `${UPGRADE}C: AUTHENTICATE "PLAIN"⏎\nS: ""⏎\nC: "${PLAIN}"⏎\nS: OK "welcome"⏎\nC: AUTHENTICATE "PLAIN" "${PLAIN}"⏎\nS: NO "logged in already"⏎\n`,
    ],
    ['knows no other mechanism', `${UPGRADE}C: AUTHENTICATE "LOGIN"⏎\nS: NO "only PLAIN is known"⏎\n`],
    [
      'refuses what is no response of it',
      `${UPGRADE}C: AUTHENTICATE "PLAIN" "YQ=="⏎\nS: NO "not a response of PLAIN"⏎\n`,
    ],
  ],
});
