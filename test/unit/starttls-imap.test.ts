import { describe, expect, it } from 'vitest';
import { IMAP } from '../../src/starttls/imap.ts';
import { play } from '../support/dialect-play.ts';
import { clientRules, serverRules } from '../support/dialect-rules.ts';
import { readTranscript } from '../support/transcript.ts';

const OPENING = 'S: * OK [CAPABILITY IMAP4rev1 STARTTLS] ready⏎\n';
const ASKED = 'S: * OK ready⏎\nC: a1 CAPABILITY⏎\n';
const TRIGGERED = `${OPENING}C: a2 STARTTLS⏎\n`;

clientRules(IMAP, {
  fixture: 'imap-upgrade',
  expected: {
    greeting: 'imap.example ready',
    preTlsCapabilities: ['IMAP4rev1', 'StartTLS', 'LOGINDISABLED', 'AUTH=GSSAPI'],
    postTlsCapabilities: ['IMAP4rev1', 'AUTH=PLAIN', 'SASL-IR'],
    trigger: 'STARTTLS',
    reply: { accepted: true, code: 'OK', enhanced: null, text: 'begin TLS {5}' },
    stateReset: ['greeting', 'capabilities'],
    credentialsInClear: false,
    roundTrips: 4,
  },
  opening: TRIGGERED,
  go: 'S: a2 OK go⏎\n',
  renewal: 'C: a3 CAPABILITY⏎\nS: * CAPABILITY IMAP4rev1⏎\nS: a3 OK done⏎\n',
  renewed: ['IMAP4rev1'],
  leave: 'C: a4 LOGOUT⏎\n',
  missing: [
    ['no offer', 'S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] ready⏎\n', 'notOffered'],
    ['no list at all', `${ASKED}S: a1 OK done⏎\n`, 'notOffered'],
    ['an overwritten offer', 'S: * OK [CAPABILITY IMAP4rev1 XXXXXXXA] ready⏎\n', 'strippedSuspected'],
    ['a longer word', `${ASKED}S: * CAPABILITY IMAP4rev1 STARTTLS-FOO⏎\nS: a1 OK done⏎\n`, 'strippedSuspected'],
  ],
  refusals: [
    ['S: a2 BAD unknown command⏎', 'BAD'],
    ['S: a2 NO [UNAVAILABLE] no certificate⏎', 'NO'],
    ['S: * 3 EXISTS⏎\nS: a2 NO⏎', 'NO'],
  ],
  injections: [
    ['a whole response', 'S! * CAPABILITY IMAP4rev1 AUTH=PLAIN⏎\nS! a3 OK injected⏎\n'],
    ['half a response', 'S! * CAPABILITY IMAP4rev1 AUTH=PL\n'],
  ],
  failures: [
    ['BYE as the greeting', 'S: * BYE overloaded⏎\nC: a4 LOGOUT⏎\n', 'refused'],
    ['a greeting of another protocol', 'S: 220 mx.example ESMTP⏎\n', 'malformed'],
    ['an untagged greeting that is none', 'S: * 3 EXISTS⏎\n', 'malformed'],
    ['a refused CAPABILITY', `${ASKED}S: a1 BAD what⏎\nC: a4 LOGOUT⏎\n`, 'refused'],
    ['BYE in the middle', `${TRIGGERED}S: * BYE going down⏎\n`, 'closed'],
    ['a completion for another tag', `${TRIGGERED}S: a9 OK go⏎\n`, 'malformed'],
    ['a continuation request', `${TRIGGERED}S: + go on⏎\n`, 'malformed'],
    ['a literal beyond all reason', `${TRIGGERED}S: * LIST () "/" {70000}⏎\n`, 'malformed'],
    ['a literal with an endless number', `${TRIGGERED}S: * LIST () "/" {9999999999}⏎\n`, 'malformed'],
    ['a list of empty literals', `${TRIGGERED}S: * LIST${' {0}⏎'.repeat(66_000)}\n`, 'malformed'],
    ['untagged data without end', `${TRIGGERED}${'S: * 1 EXISTS⏎\n'.repeat(1_001)}`, 'malformed'],
  ],
});

describe('IMAP as a client', () => {
  it('shows and keeps nothing that was written into the clear part', () => {
    const { channel, result } = play(IMAP, readTranscript('imap-tampered'));
    expect(channel.next).toBeUndefined();
    expect(result.outcome).toBe('upgraded');
    expect(JSON.stringify(result).toLowerCase()).not.toContain('tampered');
    expect(result.postTlsCapabilities).toEqual(['IMAP4rev1', 'AUTH=PLAIN']);
  });

  it('does not ask again for what the greeting told', () => {
    const { result } = play(IMAP, `${TRIGGERED}S: a2 OK go⏎\n<TLS>\n`, { renew: false });
    expect(result).toMatchObject({ outcome: 'upgraded', roundTrips: 2, postTlsCapabilities: null });
  });

  it.each(['', ' [CAPABILITY IMAP4rev1 STARTTLS]'])('hangs up on PREAUTH%s when TLS is required', (code) => {
    const greeting = `S: * PREAUTH${code} welcome back⏎\n`;
    const { channel, result } = play(IMAP, `${greeting}C: a4 LOGOUT⏎\n`);
    expect(result).toMatchObject({ outcome: 'preauth', trigger: null, credentialsInClear: true });
    expect(channel).toMatchObject({ closed: true, finished: true });
    expect(play(IMAP, greeting, { policy: 'prefer' }).result.outcome).toBe('clear');
  });

  it.each([
    ['', true],
    ['LOGINDISABLED', false],
    ['LOGINDISABLED AUTH=PLAIN', true],
    ['LOGINDISABLED AUTH=CRAM-MD5', false],
    ['XLOGINDISABLED', true],
  ])('%j decides whether a password may cross in clear: %s', (capability, may) => {
    const { result } = play(IMAP, `S: * OK [CAPABILITY IMAP4rev1 ${capability}] ready⏎\n`, { policy: 'never' });
    expect(result.credentialsInClear).toBe(may);
  });

  it('takes PREAUTH inside direct TLS, where a certificate may have logged the user in', () => {
    const { result } = play(IMAP, 'S: * PREAUTH [CAPABILITY IMAP4rev1] welcome⏎\n', { encrypted: true });
    expect(result).toMatchObject({ outcome: 'direct', postTlsCapabilities: ['IMAP4rev1'] });
  });
});

const GREETING = 'S: * OK [CAPABILITY IMAP4rev1 LITERAL+ ID STARTTLS LOGINDISABLED] mx.example ready⏎\n';
const UPGRADE = 'C: a STARTTLS⏎\nS: a OK go⏎\n<TLS>\n';
const PLAIN = Buffer.from('\0ann\0secret').toString('base64');

serverRules(IMAP, {
  whole: `${GREETING}C: a CAPABILITY⏎
S: * CAPABILITY IMAP4rev1 LITERAL+ ID STARTTLS LOGINDISABLED⏎
S: a OK done⏎
C: b starttls⏎
S: b OK go⏎
<TLS>
C: c CAPABILITY⏎
S: * CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID AUTH=PLAIN⏎
S: c OK done⏎
C: d LOGIN {3}⏎
S: + go on⏎
C: ann {6}⏎
S: + go on⏎
C: secret⏎
S: d OK welcome⏎
C: e EXAMINE INBOX⏎
S: * FLAGS (\\Seen)⏎
S: * 0 EXISTS⏎
S: * 0 RECENT⏎
S: * OK [UIDVALIDITY 1] first⏎
S: * OK [UIDNEXT 1] next⏎
S: e OK [READ-ONLY] done⏎
C: f UID SEARCH ALL⏎
S: * SEARCH⏎
S: f OK done⏎
C: g LOGOUT⏎
S: * BYE good bye⏎
S: g OK done⏎
`,
  greeting: GREETING,
  trigger: 'a STARTTLS⏎',
  go: 'S: a OK go⏎\n',
  injected: 'b NOOP',
  tail: 'C: P⏎\nS: P BAD a tag and a command are due⏎\n',
  exchanges: [
    ['takes no argument to STARTTLS', 'C: a STARTTLS now⏎\nS: a BAD STARTTLS takes no argument⏎\n'],
    ['refuses STARTTLS inside TLS', `${UPGRADE}C: b STARTTLS⏎\nS: b BAD TLS is active already⏎\n`],
    [
      'does not announce it there',
      `${UPGRADE}C: b CAPABILITY⏎\nS: * CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID AUTH=PLAIN⏎\nS: b OK done⏎\n`,
    ],
    ['refuses a password in clear', 'C: a LOGIN ann secret⏎\nS: a NO [PRIVACYREQUIRED] TLS first⏎\n'],
    ['does not ask for one in a literal', 'C: a LOGIN ann {6}⏎\nS: a NO [PRIVACYREQUIRED] TLS first⏎\n'],
    [
      'reads over one that was sent unasked',
      'C: a LOGIN ann {6+}⏎\nC: secret⏎\nS: a NO [PRIVACYREQUIRED] TLS first⏎\n',
    ],
    ['refuses AUTHENTICATE in clear', `C: a AUTHENTICATE PLAIN ${PLAIN}⏎\nS: a NO [PRIVACYREQUIRED] TLS first⏎\n`],
    [
      'has nobody logged in after the upgrade',
      `C: z LOGIN ann secret⏎\nS: z NO [PRIVACYREQUIRED] TLS first⏎\n${UPGRADE}C: b SELECT INBOX⏎\nS: b BAD log in first⏎\n`,
    ],
    [
      'authenticates with and without an initial response',
      `${UPGRADE}C: b AUTHENTICATE PLAIN⏎\nS: + ⏎\nC: ${PLAIN}⏎\nS: b OK [CAPABILITY IMAP4rev1 LITERAL+ ID NAMESPACE] welcome⏎\nC: c AUTHENTICATE PLAIN ${PLAIN}⏎\nS: c BAD logged in already⏎\n`,
    ],
    ['lets the client give up', `${UPGRADE}C: b AUTHENTICATE PLAIN⏎\nS: + ⏎\nC: *⏎\nS: b BAD given up⏎\n`],
    ['knows no other mechanism', `${UPGRADE}C: b AUTHENTICATE LOGIN⏎\nS: b NO [CANNOT] only PLAIN is known⏎\n`],
    [
      'has one mailbox',
      `${UPGRADE}C: b LOGIN "a\\"n" x⏎\nS: b OK welcome⏎\nC: c SELECT Sent⏎\nS: c NO [NONEXISTENT] there is only INBOX⏎\nC: d FETCH 1 BODY⏎\nS: d BAD no mailbox is selected⏎\nC: e LIST "" "*"⏎\nS: * LIST () "/" "INBOX"⏎\nS: e OK done⏎\n`,
    ],
    [
      'answers what is no command',
      'C: ⏎\nS: * BAD a tag and a command are due⏎\nC: a⏎\nS: a BAD a tag and a command are due⏎\nC: a XYZZY⏎\nS: a BAD unknown command⏎\n',
    ],
  ],
});
