// What every dialect has to do, from transcripts that its test gives: the rules of STARTTLS under every cut, and what an
// attacker does to a client and to a server (reference starttls-protocols §2 and §4).
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

type Named = readonly [name: string, text: string];

export interface ClientVectors {
  /** Fixtures of whole upgrades, and what must come of them. */
  readonly upgrades: readonly (readonly [fixture: string, expected: Partial<Negotiation>])[];
  /** Everything up to and with the trigger. */
  readonly opening: string;
  /** The go-ahead; empty where there is none. */
  readonly go: string;
  /** What is said inside TLS, and the capabilities that come of it. */
  readonly renewal: string;
  readonly renewed: readonly string[] | null;
  /** What the client says when it leaves. */
  readonly leave: string;
  /** Openings without an offer. */
  readonly missing: readonly (readonly [name: string, text: string, outcome: Outcome])[];
  /** Answers to the trigger after which the connection may go on in clear, and their codes. */
  readonly refusals: readonly (readonly [name: string, text: string, code: string])[];
  /** The same, after which it may not. */
  readonly finalRefusals: readonly (readonly [name: string, text: string, code: string])[];
  /** What an attacker puts behind the go-ahead. */
  readonly injections: readonly Named[];
  /** Whole dialogues that end in another way. */
  readonly failures: readonly (readonly [name: string, text: string, outcome: Outcome])[];
  /** Whether transcripts that end the connection hold nothing behind that. */
  readonly complete?: boolean;
}

/** Declares what every client has to do. */
export function clientVectors(dialect: Dialect, vectors: ClientVectors): void {
  const { opening, go, renewal, leave, complete = false } = vectors;

  describe(`${dialect.title} as a client`, () => {
    it.each(vectors.upgrades)('upgrades as in %s, whole, byte by byte and cut at every place', (fixture, expected) => {
      const turns = readTranscript(fixture);
      const { channel, result } = play(dialect, turns);
      expect(channel.next).toBeUndefined();
      expect(result).toMatchObject({ outcome: 'upgraded', reason: '', discardedBytes: 0, ...expected });
      expect(result.tls).not.toBeNull();
      for (const cut of everyCut(turns, 'server')) {
        const again = play(dialect, turns, { cut }).result;
        expect({ ...again, timings: null }, String(cut)).toEqual({ ...result, timings: null });
      }
    });

    it.each([...vectors.injections, ['one byte', 'S! hex: 16\n'] as const])(
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
            postTlsCapabilities: vectors.renewed,
          });
          expect(dropped.channel.next).toBeUndefined();
        }
      },
    );

    it('gives up a connection whose handshake fails, under the policy prefer too', () => {
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

    it('does not ask under the policy never', () => {
      const { channel, result } = play(dialect, parseTranscript(opening).slice(0, -1), { policy: 'never' });
      expect(result).toMatchObject({ outcome: 'clear', trigger: null, reply: null, tls: null });
      expect(channel.closed).toBe(false);
    });

    declareMissing(dialect, vectors);
    declareRefusals(dialect, vectors);

    it.each([
      ...vectors.failures,
      ...(go === '' ? [] : ([['silence behind the trigger', opening, 'timeout']] as const)),
      ...(go === '' ? [] : ([['an end behind the trigger', `${opening}<END>\n`, 'closed']] as const)),
    ])('%s', (_name, text, outcome) => {
      for (const cut of ['whole', 'bytes'] as const) {
        const { channel, result } = play(dialect, text, { cut });
        expect(result.outcome).toBe(outcome);
        expect(result.reason).not.toBe('');
        expect(result.tls).toBeNull();
        expect(channel.closed).toBe(true);
        if (complete && cut === 'whole') expect(channel.finished).toBe(true);
      }
    });

    it('says when it leaves what the server expects, and nothing else', () => {
      const channel = new TranscriptChannel(parseTranscript(leave));
      const wire = new Wire(channel, { until: Deadline.after(30_000) });
      runSync(dialect.client.leaveOp(wire), sleeper);
      expect(channel.next).toBeUndefined();
    });
  });
}

function declareMissing(dialect: Dialect, { missing, leave, complete = false }: ClientVectors): void {
  if (missing.length === 0) return;
  it.each(missing)('%s ends the connection under require, and leaves it in clear otherwise', (_name, text, outcome) => {
    const required = play(dialect, `${text}${leave}`);
    expect(required.result).toMatchObject({ outcome, trigger: null, tls: null });
    expect(required.result.reason).toContain('does not offer');
    expect(required.channel.closed).toBe(true);
    if (complete) expect(required.channel.finished).toBe(true);
    for (const policy of ['prefer', 'never'] as const) {
      const { channel, result } = play(dialect, text, { policy });
      expect(result).toMatchObject({ outcome: 'clear', trigger: null, tls: null });
      expect(channel.closed).toBe(false);
    }
  });
}

function declareRefusals(dialect: Dialect, vectors: ClientVectors): void {
  const { opening, leave, refusals, finalRefusals, complete = false } = vectors;
  it.each([...refusals, ...finalRefusals])('%s is a refusal', (_name, text, code) => {
    for (const cut of ['whole', 'bytes'] as const) {
      const { channel, result } = play(dialect, `${opening}${text}${leave}`, { cut });
      expect(result).toMatchObject({ outcome: 'refused', tls: null, reply: { accepted: false, code } });
      expect(result.reason).toContain(code);
      expect(channel.closed).toBe(true);
      if (complete) expect(channel.finished).toBe(true);
    }
  });

  if (refusals.length > 0) {
    it.each(refusals)('%s leaves the connection in clear under the policy prefer', (_name, text, code) => {
      const { channel, result } = play(dialect, `${opening}${text}`, { policy: 'prefer' });
      expect(result).toMatchObject({ outcome: 'clear', reply: { accepted: false, code } });
      expect(channel.closed).toBe(false);
    });
  }

  if (finalRefusals.length > 0) {
    it.each(finalRefusals)('%s ends the connection under the policy prefer too', (_name, text, code) => {
      const { channel, result } = play(dialect, `${opening}${text}${leave}`, { policy: 'prefer' });
      expect(result).toMatchObject({ outcome: 'refused', reply: { accepted: false, code } });
      expect(channel.closed).toBe(true);
    });
  }
}

export interface ServerVectors {
  /** Whole connections, upgrade and leave included. */
  readonly whole: readonly Named[];
  /** Everything up to the trigger. */
  readonly opening: string;
  readonly trigger: string;
  /** The go-ahead; empty where there is none. */
  readonly go: string;
  /** A command that must not be executed, whole and cut in two. */
  readonly injections: readonly Named[];
  /** An exchange inside TLS that goes well if nobody has said anything before; the answer to a question, for example. */
  readonly afresh: string;
  /** Exchanges that show what is refused, and what is forgotten. */
  readonly exchanges: readonly Named[];
  /** What makes the server end the connection because it is not the protocol. */
  readonly malformed: readonly Named[];
  /** Whether the server hears every exchange to its end. */
  readonly complete?: boolean;
}

/** Declares what every server has to do. */
export function serverVectors(dialect: Dialect, vectors: ServerVectors): void {
  const { opening, trigger, go, afresh, complete = false } = vectors;

  describe(`${dialect.title} as a server`, () => {
    it.each(vectors.whole)('serves %s, whole, byte by byte and cut at every place', (_name, text) => {
      const turns = parseTranscript(text);
      for (const cut of ['whole' as const, ...everyCut(turns, 'client')]) {
        const { channel, service } = playServer(dialect, turns, { cut });
        expect(service, String(cut)).toMatchObject({ tls: { role: 'server' } });
        expect(channel.next).toBeUndefined();
      }
    });

    it.each(vectors.injections)('%s behind the trigger is refused', (_name, text) => {
      for (const cut of ['whole', 'bytes'] as const) {
        const { channel, service } = playServer(dialect, `${opening}${trigger}${text}`, { cut });
        expect(service).toMatchObject({ fault: 'injected' });
        expect(channel.closed).toBe(true);
        expect(channel.tls).toBeNull();
      }
    });

    // Where there is no go-ahead, what follows the trigger is TLS or nothing: nothing can be dropped from it.
    if (go !== '') {
      it.each(vectors.injections)('%s behind the go-ahead is refused', (_name, text) => {
        const { channel, service } = playServer(dialect, `${opening}${trigger}${go}${text}<TLS>\n`);
        expect(service).toMatchObject({ fault: 'injected' });
        expect(channel.tls).toBeNull();
      });

      it.each(vectors.injections)(
        '%s behind the trigger may be dropped, and is not part of what TLS brings',
        (_name, text) => {
          const whole = `${opening}${trigger}${text}${go}<TLS>\n${afresh}<END>\n`;
          const { channel, service } = playServer(dialect, whole, { injected: 'drop' });
          expect(service).toMatchObject({ tls: { role: 'server' } });
          expect(channel.next).toBeUndefined();
        },
      );
    }

    it.each(vectors.exchanges)('%s', (_name, text) => {
      for (const cut of ['whole', 'bytes'] as const) {
        const { channel, service } = playServer(dialect, `${text}<END>\n`, { cut });
        expect(service).not.toBeInstanceOf(Error);
        if (complete || channel.next?.kind !== 'end') expect(channel.next).toBeUndefined();
      }
    });

    it.each(vectors.malformed)('%s is not the protocol', (_name, text) => {
      for (const cut of ['whole', 'bytes'] as const) {
        const { service } = playServer(dialect, text, { cut });
        expect(service).toMatchObject({ fault: 'malformed' });
      }
    });
  });
}
