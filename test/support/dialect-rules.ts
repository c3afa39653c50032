// What holds for every dialect of lines, from scripts that each dialect's test gives: the rules of STARTTLS as a client and
// as a server, under every cut, and what an attacker does to either (reference starttls-protocols §2 and §4).
import { describe, expect, it } from 'vitest';
import { Deadline } from '../../src/core/deadline.ts';
import type { Op } from '../../src/core/op.ts';
import { runSync, sleeper } from '../../src/core/run.ts';
import { ChannelError } from '../../src/starttls/channel.ts';
import type { Dialect } from '../../src/starttls/dialect.ts';
import { negotiateOp } from '../../src/starttls/negotiate.ts';
import type { Negotiation, Outcome } from '../../src/starttls/negotiation.ts';
import { Wire } from '../../src/starttls/wire.ts';
import type { TlsInfo } from '../../src/tls/info.ts';
import { everyCut, PARTIES, play, playServer } from './dialect-play.ts';
import { lengthOf, parseTranscript, readTranscript, TranscriptChannel } from './transcript.ts';

export interface ClientScripts {
  /** The fixture of a whole upgrade, and what must come of it. */
  readonly fixture: string;
  readonly expected: Partial<Negotiation>;
  /** What comes before the first thing that the server says; empty where it speaks first. */
  readonly before?: string;
  /** Everything up to and with the trigger. */
  readonly opening: string;
  readonly go: string;
  /** Inside TLS, and the capabilities that come of it. */
  readonly renewal: string;
  readonly renewed: readonly string[];
  readonly leave: string;
  /** Openings without an offer. */
  readonly missing: readonly (readonly [name: string, text: string, outcome: Outcome])[];
  /** Answers to the trigger that are refusals, and their code. */
  readonly refusals: readonly (readonly [text: string, code: string])[];
  /** The same, after which the server closes, so that nobody can go on in clear. */
  readonly finalRefusals?: readonly (readonly [text: string, code: string])[];
  /** What an attacker puts behind the go-ahead. */
  readonly injections: readonly (readonly [name: string, text: string])[];
  /** Whole dialogues that end in another way. */
  readonly failures: readonly (readonly [name: string, text: string, outcome: Outcome])[];
  /** How silence from the start ends. Default: with nothing said. */
  readonly silence?: string;
}

/** Declares what every client has to do. */
export function clientRules(dialect: Dialect, scripts: ClientScripts): void {
  const { before = '', opening, go, renewal, leave } = scripts;

  describe(`${dialect.title} as a client`, () => {
    const turns = readTranscript(scripts.fixture);

    it('upgrades, and forgets what was said in clear', () => {
      const { channel, result } = play(dialect, turns);
      expect(channel.next).toBeUndefined();
      expect(result).toMatchObject({ outcome: 'upgraded', reason: '', discardedBytes: 0, ...scripts.expected });
      expect(result.tls).not.toBeNull();
    });

    it('reads the same dialogue byte by byte, and cut at every place', () => {
      const { result } = play(dialect, turns);
      for (const cut of everyCut(turns, 'server')) {
        const again = play(dialect, turns, { cut }).result;
        expect({ ...again, timings: null }, String(cut)).toEqual({ ...result, timings: null });
      }
    });

    it.each(scripts.missing)(
      '%s ends the connection under require, and leaves it in clear otherwise',
      (_name, text, outcome) => {
        const required = play(dialect, `${text}${leave}`);
        expect(required.result).toMatchObject({ outcome, trigger: null, tls: null });
        expect(required.result.reason).toContain('does not offer');
        expect(required.channel).toMatchObject({ closed: true, finished: true });
        for (const policy of ['prefer', 'never'] as const) {
          const { channel, result } = play(dialect, text, { policy });
          expect(result).toMatchObject({ outcome: 'clear', trigger: null, tls: null });
          expect(channel.closed).toBe(false);
        }
      },
    );

    it.each(scripts.refusals)('%s is a refusal', (text, code) => {
      const required = play(dialect, `${opening}${text}\n${leave}`);
      expect(required.result).toMatchObject({ outcome: 'refused', tls: null, reply: { accepted: false, code } });
      expect(required.result.reason).toContain(code);
      expect(required.channel).toMatchObject({ closed: true, finished: true });
      const preferred = play(dialect, `${opening}${text}\n`, { policy: 'prefer' });
      expect(preferred.result).toMatchObject({ outcome: 'clear', reply: { accepted: false, code } });
      expect(preferred.channel.closed).toBe(false);
    });

    it.each(scripts.finalRefusals ?? [])('%s is a refusal that ends the connection', (text, code) => {
      for (const policy of ['require', 'prefer'] as const) {
        const { channel, result } = play(dialect, `${opening}${text}\n${leave}`, { policy });
        expect(result).toMatchObject({ outcome: 'refused', tls: null, reply: { accepted: false, code } });
        expect(channel).toMatchObject({ closed: true, finished: true });
      }
    });

    it('does not ask under the policy never', () => {
      const asked = parseTranscript(opening);
      const { result } = play(dialect, asked.slice(0, -1), { policy: 'never' });
      expect(result).toMatchObject({ outcome: 'clear', trigger: null, reply: null });
    });

    it.each([...scripts.injections, ['one byte', 'S! \\x16\n'] as const])(
      '%s behind the go-ahead is refused, or dropped, and never read',
      (_name, text) => {
        const count = lengthOf(parseTranscript(text), 'server');
        const whole = `${opening}${go}${text}<TLS>\n`;
        const rejected = play(dialect, whole);
        expect(rejected.result).toMatchObject({ outcome: 'injected', discardedBytes: count, tls: null });
        expect(rejected.result.discardedSample).not.toBe('');
        expect(rejected.channel.closed).toBe(true);
        for (const cut of ['whole', 'bytes'] as const) {
          const dropped = play(dialect, `${whole}${renewal}`, { injected: 'drop', cut });
          expect(dropped.result).toMatchObject({
            outcome: 'upgraded',
            discardedBytes: count,
            postTlsCapabilities: scripts.renewed,
          });
        }
      },
    );

    it('gives up a connection whose handshake fails', () => {
      class Failing extends TranscriptChannel {
        // biome-ignore lint/correctness/useYield: it fails at once
        override *upgradeOp(): Op<TlsInfo> {
          throw new ChannelError(-54, 'tls', 'the handshake failed');
        }
      }
      const channel = new Failing(parseTranscript(`${opening}${go}`));
      const wire = new Wire(channel, { until: Deadline.after(30_000) });
      const result = runSync(negotiateOp(dialect, wire, PARTIES, { policy: 'prefer' }), sleeper);
      expect(result).toMatchObject({ outcome: 'handshake', status: -54, tls: null });
      expect(channel.closed).toBe(true);
    });

    const general = [
      ['an endless line', `${before}S: ${'x'.repeat(20_000)}\n`, 'malformed'],
      ['a TLS alert instead of an answer', `${before}S: \\x15\\x03\\x03\\x00\\x02\\x02\\x46⏎\n`, 'wrongMode'],
      ['silence', scripts.silence ?? before, 'timeout'],
      ['an end at once', `${before}<END>\n`, 'closed'],
      ['silence behind the trigger', opening, 'timeout'],
      ['an end behind the trigger', `${opening}<END>\n`, 'closed'],
      ['half an answer to the trigger', `${opening}${go.trimEnd().replace(/⏎$/, '')}\n<END>\n`, 'closed'],
    ] as const;
    it.each([...general, ...scripts.failures])('%s', (_name, text, outcome) => {
      const { channel, result } = play(dialect, text);
      expect(result.outcome).toBe(outcome);
      expect(result.reason).not.toBe('');
      expect(result.tls).toBeNull();
      expect(channel).toMatchObject({ closed: true, finished: true });
    });
  });
}

export interface ServerScripts {
  /** A whole connection, upgrade and leave included. */
  readonly whole: string;
  /** What the server says first; empty where it waits. */
  readonly greeting: string;
  readonly trigger: string;
  readonly go: string;
  /** A command that must not be executed, without its end. */
  readonly injected: string;
  /** What the server says unasked inside TLS. */
  readonly renewed?: string;
  /** The end of that command alone, said inside TLS, and the answer to it: nobody has said its beginning. */
  readonly tail: string;
  /** Exchanges in clear and inside TLS that show what is refused, and what is forgotten. */
  readonly exchanges: readonly (readonly [name: string, text: string])[];
}

/** Declares what every server has to do. */
export function serverRules(dialect: Dialect, scripts: ServerScripts): void {
  const { greeting, trigger, go, injected, renewed = '', tail } = scripts;

  describe(`${dialect.title} as a server`, () => {
    it('serves the same connection whole, byte by byte and cut at every place', () => {
      const turns = parseTranscript(scripts.whole);
      for (const cut of ['whole' as const, ...everyCut(turns, 'client')]) {
        const { channel, service } = playServer(dialect, turns, { cut });
        expect(service, String(cut)).toMatchObject({ tls: { role: 'server' } });
        expect(channel.next).toBeUndefined();
      }
    });

    it.each([
      ['a whole line behind the trigger', `${greeting}C: ${trigger}${injected}⏎\n`],
      ['half a line behind the trigger', `${greeting}C: ${trigger}${injected}\n`],
      ['a line behind the go-ahead', `${greeting}C: ${trigger}\n${go}C! ${injected}⏎\n<TLS>\n`],
    ])('refuses %s', (_name, text) => {
      for (const cut of ['whole', 'bytes'] as const) {
        const { channel, service } = playServer(dialect, text, { cut });
        expect(service).toMatchObject({ fault: 'injected' });
        expect(channel.closed).toBe(true);
        expect(channel.tls).toBeNull();
      }
    });

    it('may drop what stands behind the trigger, which then is not half of a command inside TLS', () => {
      const text = `${greeting}C: ${trigger}${injected}\n${go}<TLS>\n${renewed}${tail}<END>\n`;
      const { channel, service } = playServer(dialect, text, { injected: 'drop' });
      expect(service).toMatchObject({ tls: { role: 'server' }, commandsInTls: 1 });
      expect(channel.next).toBeUndefined();
    });

    it.each(scripts.exchanges)('%s', (_name, text) => {
      for (const cut of ['whole', 'bytes'] as const) {
        const { channel, service } = playServer(dialect, `${greeting}${text}<END>\n`, { cut });
        expect(service).not.toBeInstanceOf(Error);
        expect(channel.next).toBeUndefined();
      }
    });

    it('refuses an endless command', () => {
      const { service } = playServer(dialect, `${greeting}C: ${'x'.repeat(20_000)}\n`);
      expect(service).toMatchObject({ fault: 'malformed' });
    });
  });
}
