import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Deadline } from '../../src/core/deadline.ts';
import { runAsync } from '../../src/core/run.ts';
import { negotiateOp } from '../../src/starttls/negotiate.ts';
import { POP3, pop3Timestamp } from '../../src/starttls/pop3.ts';
import { serveOp } from '../../src/starttls/serve.ts';
import { Wire } from '../../src/starttls/wire.ts';
import { channelPair } from '../support/channel-pair.ts';
import { play } from '../support/dialect-play.ts';
import { clientRules, serverRules } from '../support/dialect-rules.ts';

const OPENING = 'S: +OK ready⏎\nC: CAPA⏎\n';
const OFFER = `${OPENING}S: +OK⏎\nS: STLS⏎\nS: .⏎\n`;
const TRIGGERED = `${OFFER}C: STLS⏎\n`;

clientRules(POP3, {
  fixture: 'pop3-upgrade',
  expected: {
    greeting: 'POP3 ready <1896.697@example>',
    preTlsCapabilities: ['TOP', '.', 'stls', 'USER'],
    postTlsCapabilities: ['SASL PLAIN'],
    trigger: 'STLS',
    reply: { accepted: true, code: '+OK', enhanced: null, text: '' },
    stateReset: ['greeting', 'capabilities'],
    credentialsInClear: true,
    roundTrips: 4,
  },
  opening: TRIGGERED,
  go: 'S: +OK go⏎\n',
  renewal: 'C: CAPA⏎\nS: +OK⏎\nS: UIDL⏎\nS: .⏎\n',
  renewed: ['UIDL'],
  leave: 'C: QUIT⏎\n',
  missing: [
    ['no offer', `${OPENING}S: +OK⏎\nS: USER⏎\nS: .⏎\n`, 'notOffered'],
    ['an overwritten offer', `${OPENING}S: +OK⏎\nS: XXXX⏎\nS: .⏎\n`, 'strippedSuspected'],
    ['a longer word', `${OPENING}S: +OK⏎\nS: STLSX⏎\nS: .⏎\n`, 'strippedSuspected'],
  ],
  refusals: [
    ['S: -ERR not now⏎', '-ERR'],
    ['S: -ERR⏎', '-ERR'],
  ],
  injections: [
    ['a whole reply', 'S! +OK⏎\nS! USER⏎\nS! .⏎\n'],
    ['half a reply', 'S! +OK⏎\nS! USE\n'],
  ],
  failures: [
    ['a refused connection', 'S: -ERR too many⏎\nC: QUIT⏎\n', 'refused'],
    ['a greeting of another protocol', 'S: * OK IMAP4rev1⏎\n', 'malformed'],
    ['a longer word than +OK', 'S: +OKAY⏎\n', 'malformed'],
    ['an answer without status', `${TRIGGERED}S: go ahead⏎\n`, 'malformed'],
    ['a list without end', `${OPENING}S: +OK⏎\n${'S: X⏎\n'.repeat(1_001)}`, 'malformed'],
    ['a list with an endless line', `${OPENING}S: +OK⏎\nS: ${'x'.repeat(5_000)}⏎\n`, 'malformed'],
  ],
});

describe('POP3 as a client', () => {
  it('asks a server that knows no CAPA all the same', () => {
    const opening = `${OPENING}S: -ERR unknown command⏎\nC: STLS⏎\n`;
    const upgraded = play(POP3, `${opening}S: +OK⏎\n<TLS>\nC: CAPA⏎\nS: -ERR unknown command⏎\n`).result;
    expect(upgraded).toMatchObject({ outcome: 'upgraded', preTlsCapabilities: [], postTlsCapabilities: null });
    expect(upgraded.credentialsInClear).toBeNull();
    expect(play(POP3, `${opening}S: -ERR unknown command⏎\nC: QUIT⏎\n`).result.outcome).toBe('refused');
  });

  it.each([
    ['USER', true],
    ['SASL CRAM-MD5', false],
    ['SASL CRAM-MD5 plain', true],
    ['XUSER', false],
  ])('%j decides whether a password may cross in clear: %s', (capability, may) => {
    const { result } = play(POP3, `${OPENING}S: +OK⏎\nS: ${capability}⏎\nS: .⏎\n`, { policy: 'never' });
    expect(result.credentialsInClear).toBe(may);
  });

  it('finds the time stamp of APOP', () => {
    expect(pop3Timestamp('POP3 ready <1896.697@example>')).toBe('<1896.697@example>');
    for (const greeting of ['POP3 ready', '<no at>', '<a@b', 'a@b>']) expect(pop3Timestamp(greeting)).toBeNull();
  });
});

const GREETING = 'S: +OK mx.example ready⏎\n';
const UPGRADE = 'C: STLS⏎\nS: +OK go⏎\n<TLS>\n';
const LOGIN = 'C: USER ann⏎\nS: +OK⏎\nC: PASS secret⏎\nS: +OK welcome⏎\n';
const PLAIN = Buffer.from('\0ann\0secret').toString('base64');

serverRules(POP3, {
  whole: `${GREETING}C: CAPA⏎
S: +OK⏎
S: TOP⏎
S: UIDL⏎
S: RESP-CODES⏎
S: STLS⏎
S: .⏎
C: stls⏎
S: +OK go⏎
<TLS>
C: CAPA⏎
S: +OK⏎
S: TOP⏎
S: UIDL⏎
S: RESP-CODES⏎
S: USER⏎
S: SASL PLAIN⏎
S: .⏎
${LOGIN}C: STAT⏎
S: +OK 0 0⏎
C: LIST⏎
S: +OK⏎
S: .⏎
C: RETR 1⏎
S: -ERR no such message⏎
C: QUIT⏎
S: +OK good bye⏎
`,
  greeting: GREETING,
  trigger: 'STLS⏎',
  go: 'S: +OK go⏎\n',
  injected: 'NOOP',
  tail: 'C: P⏎\nS: -ERR unknown command⏎\n',
  exchanges: [
    ['takes no argument to STLS', 'C: STLS now⏎\nS: -ERR STLS takes no argument⏎\n'],
    ['refuses STLS inside TLS', `${UPGRADE}C: STLS⏎\nS: -ERR TLS is active already⏎\n`],
    [
      'refuses names and passwords in clear',
      `C: USER ann⏎\nS: -ERR [AUTH] TLS first⏎\nC: PASS x⏎\nS: -ERR [AUTH] TLS first⏎\nC: AUTH PLAIN ${PLAIN}⏎\nS: -ERR [AUTH] TLS first⏎\n`,
    ],
    [
      'forgets a name that was said in clear',
      `C: USER ann⏎\nS: -ERR [AUTH] TLS first⏎\n${UPGRADE}C: PASS secret⏎\nS: -ERR USER first⏎\nC: STAT⏎\nS: -ERR log in first⏎\n`,
    ],
    [
      'refuses APOP, whose time stamp would have come in clear',
      `${UPGRADE}C: APOP ann ${'0'.repeat(32)}⏎\nS: -ERR the time stamp came in clear⏎\n`,
    ],
    [
      'authenticates with and without an initial response',
      `${UPGRADE}C: AUTH PLAIN⏎\nS: + ⏎\nC: =⏎\nS: -ERR [AUTH] not a response of PLAIN⏎\nC: AUTH PLAIN ${PLAIN}⏎\nS: +OK welcome⏎\nC: USER bob⏎\nS: -ERR logged in already⏎\n`,
    ],
    ['knows no other mechanism', `${UPGRADE}C: AUTH CRAM-MD5⏎\nS: -ERR only PLAIN is known⏎\n`],
    [
      'has no messages',
      `${UPGRADE}${LOGIN}C: LIST 1⏎\nS: -ERR no such message⏎\nC: NOOP⏎\nS: +OK⏎\nC: XYZZY⏎\nS: -ERR unknown command⏎\n`,
    ],
  ],
});

describe('POP3 as a server', () => {
  it('does APOP inside direct TLS, with another time stamp each time', async () => {
    const stamps = new Set<string>();
    for (let count = 0; count < 2; count += 1) {
      const pair = channelPair({ encrypted: true });
      const until = Deadline.after(5_000);
      const client = new Wire(pair.client, { until });
      const serving = runAsync(serveOp(POP3, new Wire(pair.server, { until, role: 'server' }), { host: 'mx.example' }));
      const { outcome, greeting } = await runAsync(negotiateOp(POP3, client, { host: 'mx.example', self: 'x' }));
      expect(outcome).toBe('direct');
      const stamp = pop3Timestamp(greeting) ?? '';
      expect(stamp).toMatch(/^<[0-9a-f]{16}@mx\.example>$/);
      stamps.add(stamp);
      const digest = createHash('md5').update(`${stamp}secret`).digest('hex');
      for (const [command, reply] of [
        ['APOP ann secret', '-ERR not a digest'],
        [`APOP ann ${digest}`, '+OK welcome'],
        ['QUIT', '+OK good bye'],
      ] as const) {
        await runAsync(client.commandOp(command));
        expect(await runAsync(client.lineOp())).toBe(reply);
      }
      await serving;
    }
    expect(stamps.size).toBe(2);
  });
});
