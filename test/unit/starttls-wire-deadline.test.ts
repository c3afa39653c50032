// The end of a dialogue holds whatever the other side does: says nothing, talks without an end, or takes one byte at a time.
import { describe, expect, it } from 'vitest';
import { Deadline } from '../../src/core/deadline.ts';
import type { Op } from '../../src/core/op.ts';
import { runSync } from '../../src/core/run.ts';
import type { Channel } from '../../src/starttls/channel.ts';
import { DIALECTS } from '../../src/starttls/dialects.ts';
import { serveOp } from '../../src/starttls/serve.ts';
import { smtpReplyOp } from '../../src/starttls/smtp-reply.ts';
import { Wire } from '../../src/starttls/wire.ts';
import type { TlsInfo } from '../../src/tls/info.ts';

/** Says the same again and again. Each look at the connection takes 10 ms, and so does sending. */
class Talkative implements Channel {
  readonly tls: TlsInfo | null = null;
  now = 0;
  received = 0;
  sent = 0;
  readonly #words: Buffer;
  #place = 0;

  constructor(words: string) {
    this.#words = Buffer.from(words, 'latin1');
  }

  // biome-ignore lint/correctness/useYield: it never waits
  *receiveOp(until: Deadline, most: number = Number.POSITIVE_INFINITY): Op<Uint8Array | 'timeout'> {
    this.now += 10;
    if (until.at === Number.NEGATIVE_INFINITY) return 'timeout';
    this.received += 1;
    const said = this.#words.subarray(this.#place, this.#place + most);
    this.#place = (this.#place + said.length) % this.#words.length;
    return said;
  }

  // biome-ignore lint/correctness/useYield: it never waits
  *helloOp(): Op<boolean | 'timeout'> {
    return false;
  }

  // biome-ignore lint/correctness/useYield: it never waits
  *sendOp(bytes: Uint8Array): Op<'sent' | 'timeout'> {
    this.now += 10;
    this.sent += bytes.length;
    return 'sent';
  }

  // biome-ignore lint/correctness/useYield: nobody asks for it
  *upgradeOp(): Op<TlsInfo> {
    throw new Error('nobody asked for TLS');
  }

  *closeOp(): Op<void> {}
}

/** What each protocol answers for ever. */
const ENDLESS: Readonly<Record<string, string>> = {
  smtp: 'NOOP\r\n',
  submission: 'NOOP\r\n',
  lmtp: 'NOOP\r\n',
  imap: 'a NOOP\r\n',
  pop3: 'CAPA\r\n',
  sieve: 'NOOP\r\n',
  nntp: 'DATE\r\n',
  irc: 'PING x\r\n',
  ftp: 'NOOP\r\n',
  http: 'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  ipp: 'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  telnet: '\xff\xfd\x01',
  ldap: '\x30\x05\x02\x01\x01\x50\x00',
};

const waiter = { wait: () => 'timeout' as const };

function talk(words: string) {
  const channel = new Talkative(words);
  const wire = new Wire(channel, { until: Deadline.after(1_000, () => channel.now), role: 'server' });
  return { channel, wire };
}

describe('a server ends at its deadline', () => {
  it.each(
    DIALECTS.filter(({ name }) => Object.hasOwn(ENDLESS, name)).map((dialect) => [dialect.name, dialect] as const),
  )('%s', (name, dialect) => {
    const { channel, wire } = talk(ENDLESS[name] ?? '');
    expect(() => runSync(serveOp(dialect, wire, { host: 'mx.example' }), waiter)).toThrow(
      expect.objectContaining({ fault: 'timeout' }),
    );
    expect(channel.received).toBeGreaterThan(5);
    expect(channel.now).toBeLessThan(1_100);
  });

  it('in the middle of what it sends byte by byte', () => {
    const [smtp] = DIALECTS;
    const { channel, wire } = talk('NOOP\r\n');
    if (smtp === undefined) throw new Error('there are no dialects');
    const serving = serveOp(smtp, wire, { host: 'x'.repeat(1_000), drip: 0 });
    expect(() => runSync(serving, waiter)).toThrow(expect.objectContaining({ fault: 'timeout' }));
    expect(channel.sent).toBeGreaterThan(50);
    expect(channel.now).toBeLessThan(1_100);
  });
});

describe('a client ends at its patience', () => {
  it.each([
    ['a line without an end', 'x'],
    ['a reply without an end', '220-more\r\n'],
  ])('%s', (_what, words) => {
    const channel = new Talkative(words);
    const wire = new Wire(channel, { until: Deadline.after(9_999_999, () => channel.now), patience: 1_000 });
    expect(() => runSync(smtpReplyOp(wire), waiter)).toThrow(expect.objectContaining({ fault: 'timeout' }));
    expect(channel.now).toBeLessThan(1_500);
  });
});
