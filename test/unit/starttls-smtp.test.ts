import { describe, expect, it } from 'vitest';
import { Deadline } from '../../src/core/deadline.ts';
import { runSync, sleeper } from '../../src/core/run.ts';
import { type NegotiateOptions, negotiateOp } from '../../src/starttls/negotiate.ts';
import type { Negotiation } from '../../src/starttls/negotiation.ts';
import { LMTP, SMTP } from '../../src/starttls/smtp.ts';
import { type InjectionPolicy, Wire } from '../../src/starttls/wire.ts';
import {
  type Cut,
  lengthOf,
  parseTranscript,
  readTranscript,
  TranscriptChannel,
  type Turn,
} from '../support/transcript.ts';

const PARTIES = { host: 'mx.example', self: 'client.example' };

interface Play extends NegotiateOptions {
  readonly cut?: Cut;
  readonly injected?: InjectionPolicy;
  readonly dialect?: typeof SMTP;
}

function play(turns: readonly Turn[], { cut = 'whole', injected, dialect = SMTP, ...options }: Play = {}) {
  const channel = new TranscriptChannel(turns, { cut });
  const wire = new Wire(channel, { until: Deadline.after(1_000), ...(injected === undefined ? {} : { injected }) });
  const result: Negotiation = runSync(negotiateOp(dialect, wire, PARTIES, options), sleeper);
  return { channel, result };
}

describe('SMTP as a client', () => {
  const turns = readTranscript('smtp-upgrade');

  it('upgrades, and forgets what was said in clear', () => {
    const { channel, result } = play(turns);
    expect(channel.finished).toBe(true);
    expect(result).toMatchObject({
      outcome: 'upgraded',
      reason: '',
      greeting: 'mx.example ESMTP ready',
      preTlsCapabilities: ['PIPELINING', 'starttls', '8BITMIME'],
      postTlsCapabilities: ['AUTH PLAIN LOGIN', '8BITMIME'],
      trigger: 'STARTTLS',
      reply: { accepted: true, code: '220', enhanced: '2.0.0', text: '2.0.0 ready to start TLS' },
      discardedBytes: 0,
      stateReset: ['greeting', 'capabilities'],
      credentialsInClear: false,
      roundTrips: 4,
    });
  });

  it('reads the same dialogue byte by byte, and cut at every place', () => {
    const { result } = play(turns);
    const places: Cut[] = ['bytes', ...Array.from({ length: lengthOf(turns, 'server') }, (_, place) => place)];
    for (const cut of places) {
      const again = play(turns, { cut }).result;
      expect({ ...again, timings: null }, String(cut)).toEqual({ ...result, timings: null });
    }
  });

  const OPENING = 'S: 220 mx⏎\nC: EHLO client.example⏎\n';
  const OFFER = `${OPENING}S: 250-mx⏎\nS: 250 STARTTLS⏎\nC: STARTTLS⏎\n`;

  it.each([
    ['no offer', `${OPENING}S: 250-mx⏎\nS: 250 PIPELINING⏎\nC: QUIT⏎\n`, 'notOffered'],
    ['an overwritten offer', `${OPENING}S: 250-mx⏎\nS: 250 XXXXXXXA⏎\nC: QUIT⏎\n`, 'strippedSuspected'],
    ['a longer word', `${OPENING}S: 250-mx⏎\nS: 250 STARTTLSX⏎\nC: QUIT⏎\n`, 'strippedSuspected'],
    ['a refused EHLO', `${OPENING}S: 502 no⏎\nC: HELO client.example⏎\nS: 250 mx⏎\nC: QUIT⏎\n`, 'strippedSuspected'],
    ['a refusal', `${OFFER}S: 454 4.7.0 not now⏎\nC: QUIT⏎\n`, 'refused'],
    ['a refused greeting', 'S: 554 5.7.1 go away⏎\nC: QUIT⏎\n', 'refused'],
    ['an answer without code', `${OFFER}S: go ahead⏎\n`, 'malformed'],
    ['an endless line', `S: ${'x'.repeat(20_000)}\n`, 'malformed'],
    ['silence', OPENING, 'timeout'],
    ['an end in the middle', `${OPENING}S: 250-mx⏎\n<END>\n`, 'closed'],
    ['a TLS alert instead of a greeting', 'S: \\x15\\x03\\x03\\x00\\x02\\x02\\x46⏎\n', 'wrongMode'],
  ])('%s ends the connection under the policy require', (_name, text, outcome) => {
    const { channel, result } = play(parseTranscript(text));
    expect(result.outcome).toBe(outcome);
    expect(result.reason).not.toBe('');
    expect(result.tls).toBeNull();
    expect(channel.closed).toBe(true);
    expect(channel.finished).toBe(true);
  });

  it.each([
    ['no offer', `${OPENING}S: 250-mx⏎\nS: 250 PIPELINING⏎\n`],
    ['an overwritten offer', `${OPENING}S: 250-mx⏎\nS: 250 XXXXXXXA⏎\n`],
    ['a refusal', `${OFFER}S: 454 4.7.0 not now⏎\n`],
  ])('%s leaves the connection in clear under the policy prefer', (_name, text) => {
    const { channel, result } = play(parseTranscript(text), { policy: 'prefer' });
    expect(result).toMatchObject({ outcome: 'clear', tls: null });
    expect(channel.closed).toBe(false);
  });

  it('does not ask under the policy never', () => {
    const { result } = play(parseTranscript(`${OPENING}S: 250-mx⏎\nS: 250 STARTTLS⏎\n`), { policy: 'never' });
    expect(result).toMatchObject({ outcome: 'clear', trigger: null });
  });

  it('tells whether users can log in in clear', () => {
    const { result } = play(parseTranscript(`${OPENING}S: 250-mx⏎\nS: 250 AUTH PLAIN⏎\n`), { policy: 'never' });
    expect(result.credentialsInClear).toBe(true);
  });

  const INJECTIONS: readonly (readonly [string, string, number])[] = [
    ['a whole line', 'S! 250-x⏎\nS! 250 AUTH PLAIN⏎\n', 23],
    ['half a line', 'S! 250-x⏎\nS! 250 AUTH PL\n', 18],
    ['one byte', 'S! \\x16\n', 1],
  ];
  it.each(INJECTIONS)('%s behind the go-ahead is refused, counted and shown', (_name, text, count) => {
    const { channel, result } = play(parseTranscript(`${OFFER}S: 220 go⏎\n${text}<TLS>\n`));
    expect(result).toMatchObject({ outcome: 'injected', discardedBytes: count, tls: null });
    expect(result.discardedSample).toMatch(count === 1 ? /^16$/ : /^3235302d780d0a/);
    expect(channel.closed).toBe(true);
  });

  it.each(INJECTIONS)('%s behind the go-ahead is dropped where the policy says so', (_name, text, count) => {
    const turns = parseTranscript(`${OFFER}S: 220 go⏎\n${text}<TLS>\nC: EHLO client.example⏎\nS: 250 mx⏎\n`);
    for (const cut of ['whole', 'bytes'] as const) {
      const { result } = play(turns, { injected: 'drop', cut });
      expect(result).toMatchObject({ outcome: 'upgraded', discardedBytes: count, postTlsCapabilities: [] });
    }
  });

  it('ends a multi-line go-ahead at its last line', () => {
    const { result } = play(parseTranscript(`${OFFER}S: 220-go⏎\nS: 220 go⏎\nS! 250 x⏎\n<TLS>\n`));
    expect(result).toMatchObject({ outcome: 'injected', discardedBytes: 7 });
  });
});

describe('LMTP as a client', () => {
  it('says LHLO both times, and does not fall back', () => {
    const turns = parseTranscript(
      'S: 220 x⏎\nC: LHLO client.example⏎\nS: 250-x⏎\nS: 250 STARTTLS⏎\nC: STARTTLS⏎\nS: 220 go⏎\n<TLS>\nC: LHLO client.example⏎\nS: 250 x⏎\n',
    );
    expect(play(turns, { dialect: LMTP }).result.outcome).toBe('upgraded');
    const refused = parseTranscript('S: 220 x⏎\nC: LHLO client.example⏎\nS: 500 no⏎\nC: QUIT⏎\n');
    expect(play(refused, { dialect: LMTP }).result).toMatchObject({ outcome: 'refused' });
  });
});
