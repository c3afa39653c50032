// Whatever a peer says, in whatever pieces: the client of a dialect of lines gives a result, its server one of its two
// errors at most, both at once when there is nothing more to read; neither holds more than its bound, and nothing that was
// said in clear is found in what is read or said inside TLS.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deadline } from '../../src/core/deadline.ts';
import type { Op } from '../../src/core/op.ts';
import { runSync, sleeper } from '../../src/core/run.ts';
import { type Channel, ChannelError, type Role } from '../../src/starttls/channel.ts';
import type { Attack } from '../../src/starttls/dialect.ts';
import { DIALECTS } from '../../src/starttls/dialects.ts';
import { DialogueError } from '../../src/starttls/dialogue-error.ts';
import { ftpRetrieveOp } from '../../src/starttls/ftp-transfer.ts';
import type { InjectionPolicy } from '../../src/starttls/injections.ts';
import { negotiateOp } from '../../src/starttls/negotiate.ts';
import { isUsable, type UpgradePolicy } from '../../src/starttls/negotiation.ts';
import { serveOp } from '../../src/starttls/serve.ts';
import { Wire } from '../../src/starttls/wire.ts';
import type { TlsInfo } from '../../src/tls/info.ts';
import { readTranscript, TLS_INFO } from '../support/transcript.ts';

/** For each dialect and role, in ms. */
const TIME = 1_000;
/** The longest literal, the longest line, and a chunk behind them. */
const MOST_UNREAD = 65_536 + 16_384 + 65_536;
const MARK = 'CLEARMARK';
/** The longest chunk that the channel gives. */
const CHUNK = 65_536;

/** Says what it was given, in pieces of the given sizes in turn, and then nothing or that it has ended. */
class Babbling implements Channel {
  tls: TlsInfo | null = null;
  closed = false;
  sentInTls = '';
  mostUnread = 0;
  wire: Wire | null = null;
  readonly #parts: Buffer[];
  readonly #sizes: readonly number[];
  readonly #ends: boolean;
  #reads = 0;

  constructor(clear: Buffer, secure: Buffer, sizes: readonly number[], ends: boolean) {
    this.#parts = [clear, secure];
    this.#sizes = sizes;
    this.#ends = ends;
  }

  // biome-ignore lint/correctness/useYield: it never waits
  *receiveOp(until: Deadline, most: number = CHUNK): Op<Uint8Array | 'timeout'> {
    expect(this.closed).toBe(false);
    this.mostUnread = Math.max(this.mostUnread, this.wire?.unread ?? 0);
    const part = this.#parts[this.tls === null ? 0 : 1];
    if (part === undefined || part.length === 0) {
      return this.#ends && Number.isFinite(until.at) ? new Uint8Array(0) : 'timeout';
    }
    const size = Math.min(part.length, most, this.#sizes[this.#reads % this.#sizes.length] ?? CHUNK);
    this.#reads += 1;
    this.#parts[this.tls === null ? 0 : 1] = part.subarray(size);
    return part.subarray(0, size);
  }

  // biome-ignore lint/correctness/useYield: it never waits
  *helloOp(): Op<boolean | 'timeout'> {
    return false;
  }

  // biome-ignore lint/correctness/useYield: it never waits
  *sendOp(bytes: Uint8Array): Op<'sent' | 'timeout'> {
    if (this.tls !== null) this.sentInTls += Buffer.from(bytes).toString('latin1');
    return 'sent';
  }

  // biome-ignore lint/correctness/useYield: it never waits
  *upgradeOp(role: Role): Op<TlsInfo> {
    const clear = this.#parts[0];
    if (clear !== undefined && clear.length > 0) {
      this.closed = true;
      throw new ChannelError(-74, 'errno', 'plaintext', { count: clear.length, head: clear.subarray(0, 32) });
    }
    this.tls = { ...TLS_INFO, role };
    return this.tls;
  }

  // biome-ignore lint/correctness/useYield: it never waits
  *closeOp(): Op<void> {
    this.closed = true;
  }
}

const SMTP = [
  'EHLO x\r\nAUTH PLAIN AGEAYg==\r\nMAIL FROM:<x>\r\nRCPT TO:<y>\r\nDATA\r\n..x\r\n.\r\nSTARTTLS\r\n',
  'EHLO c\r\nAUTH LOGIN\r\nYQ==\r\nYg==\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\ntext\r\n.\r\nRSET\r\nQUIT\r\n',
] as const;
const LMTP = [SMTP[0].replace('EHLO', 'LHLO'), SMTP[1].replace('EHLO', 'LHLO')] as const;

/** What an honest client says in clear and inside TLS. The server's half is in the fixtures. */
const CLIENTS: Readonly<Record<string, readonly [clear: string, secure: string]>> = {
  smtp: SMTP,
  submission: SMTP,
  lmtp: LMTP,
  imap: [
    'a CAPABILITY\r\nb LOGIN {3}\r\nann {1+}\r\nx\r\nc STARTTLS\r\n',
    'd LOGIN "ann" {3+}\r\nabc\r\ne SELECT INBOX\r\n',
  ],
  pop3: ['CAPA\r\nUSER ann\r\nSTLS\r\n', 'USER ann\r\nPASS x\r\nAUTH PLAIN\r\nAGEAYg==\r\nSTAT\r\nQUIT\r\n'],
  sieve: ['CAPABILITY\r\nSTARTTLS\r\n', 'AUTHENTICATE "PLAIN" {8+}\r\nAGEAYg==\r\nNOOP "x"\r\nLOGOUT\r\n'],
  nntp: ['CAPABILITIES\r\nSTARTTLS\r\n', 'AUTHINFO USER a\r\nAUTHINFO PASS b\r\nGROUP x\r\nQUIT\r\n'],
  irc: [
    'CAP LS 302\r\nNICK ann\r\nSTARTTLS\r\n',
    'CAP REQ :sasl\r\nAUTHENTICATE PLAIN\r\nAUTHENTICATE AGEAYg==\r\nPING :x\r\n',
  ],
  ftp: ['FEAT\r\nUSER ann\r\nAUTH TLS\r\n', 'USER ann\r\nPASS x\r\nPBSZ 0\r\nPROT P\r\nEPSV\r\nLIST\r\nQUIT\r\n'],
};

const LINES = DIALECTS.filter(({ name }) => Object.hasOwn(CLIENTS, name));

/** Whose server says the same. */
const SAME: Readonly<Record<string, string>> = { submission: 'smtp', lmtp: 'smtp' };

/** The server's half of a fixture, in clear and inside TLS. */
function serverText(name: string): readonly [string, string] {
  const halves = ['', ''];
  let half = 0;
  for (const turn of readTranscript(`${SAME[name] ?? name}-upgrade`)) {
    if (turn.kind === 'tls') half = 1;
    else if (turn.kind === 'bytes' && turn.from === 'server') halves[half] += turn.bytes.toString('latin1');
  }
  return [halves[0] ?? '', halves[1] ?? ''];
}

/** What is put in: words that mean something somewhere, lengths that lie, ends of lines that are none, and a lot. */
const word = fc.oneof(
  fc.constantFrom(
    ...['\r\n', '\n', '\r', '\0', ' ', '"', '\\', '{0}\r\n', '{5+}\r\n', '{65000}\r\n', '{9999999999}\r\n', '(', ')'],
    ...['* BYE x\r\n', '* OK [ALERT] x\r\n', 'a2 OK go\r\n', '+OK\r\n', '-ERR\r\n', '.\r\n', 'OK\r\n', 'NO\r\n'],
    ...['200 x\r\n', '220-x\r\n', '234 go\r\n', '382 go\r\n', ':x 670 * :go\r\n', 'PING :a\0b\r\n', 'ERROR :x\r\n'],
    ...['STARTTLS\r\n', 'STLS\r\n', 'AUTH TLS\r\n', 'x STARTTLS\r\n', '\x16\x03\x01', `${MARK}\r\n`, `* ${MARK} `],
  ),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  fc
    .constantFrom('x', ' ', '{', '* X {0}\r\n', 'a\r\n')
    .chain((text) => fc.integer({ min: 1, max: 70_000 }).map((count) => text.repeat(Math.ceil(count / text.length)))),
);
const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), drop: fc.nat({ max: 30 }), put: word });

function mutated(base: string): fc.Arbitrary<string> {
  return fc.oneof({ weight: 1, arbitrary: fc.constant(base) }, { weight: 4, arbitrary: edits(base) });
}

function edits(base: string): fc.Arbitrary<string> {
  return fc.array(edit, { minLength: 1, maxLength: 4 }).map((list) =>
    list.reduce((text, { at, drop, put }) => {
      const place = Math.floor(at * text.length);
      return text.slice(0, place) + put + text.slice(place + drop);
    }, base),
  );
}

const latin1 = (text: string) => Buffer.from(text, 'latin1');

function babble([clear, secure]: readonly [string, string], withMark: boolean): fc.Arbitrary<Babbling> {
  return fc
    .tuple(
      mutated(clear),
      mutated(secure),
      fc.oneof(fc.constant([CHUNK]), fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 })),
      fc.boolean(),
    )
    .map(([first, second, sizes, ends]) => {
      // A mark inside TLS would be no sign of anything.
      const inside = second.replaceAll(MARK, 'inside');
      return new Babbling(latin1(withMark ? first.replaceAll('x', MARK) : first), latin1(inside), sizes, ends);
    });
}

const policy = fc.constantFrom<UpgradePolicy>('require', 'prefer', 'never');
const injection = fc.constantFrom<InjectionPolicy>('reject', 'drop');

/** A machine that is busy makes few cases in the time there is: some are made however long they take. */
function run<T>(property: fc.IProperty<T>): void {
  fc.assert(property, { numRuns: 200 });
  fc.assert(property, { interruptAfterTimeLimit: TIME, numRuns: 100_000 });
}

describe.each(LINES.map((dialect) => [dialect.name, dialect] as const))('%s', (name, dialect) => {
  it('as a client', () => {
    let upgraded = 0;
    run(
      fc.property(babble(serverText(name), false), policy, injection, (channel, policy, injected) => {
        const wire = new Wire(channel, { until: Deadline.after(60_000), injected });
        channel.wire = wire;
        const parties = { host: 'mx.example', self: 'client.example' };
        const result = runSync(negotiateOp(dialect, wire, parties, { policy }), sleeper);
        expect(channel.closed).toBe(!isUsable(result.outcome));
        expect(channel.mostUnread).toBeLessThanOrEqual(MOST_UNREAD);
        if (result.tls !== null) upgraded += 1;
        expect(JSON.stringify([result.postTlsCapabilities, channel.sentInTls])).not.toContain(MARK);
      }),
    );
    expect(upgraded).toBeGreaterThan(0);
  });

  it('as a server', () => {
    const attack = fc.constantFrom<Attack | null>(null, null, ...dialect.server.attacks);
    let upgraded = 0;
    run(
      fc.property(babble(CLIENTS[name] ?? ['', ''], true), injection, attack, (channel, injected, attack) => {
        const wire = new Wire(channel, { until: Deadline.after(60_000), injected, role: 'server' });
        channel.wire = wire;
        try {
          runSync(serveOp(dialect, wire, { host: 'mx.example', attack }), sleeper);
        } catch (error) {
          if (!(error instanceof DialogueError || error instanceof ChannelError)) throw error;
        }
        expect(channel.mostUnread).toBeLessThanOrEqual(MOST_UNREAD);
        if (channel.tls !== null) upgraded += 1;
        expect(channel.sentInTls).not.toContain(MARK);
      }),
    );
    expect(upgraded).toBeGreaterThan(0);
  });
});

describe('ftp', () => {
  it('as a client that retrieves', () => {
    const control = '200 ok\r\n229 ok (|||40123|)\r\n150 opening\r\n226 done\r\n';
    let done = 0;
    run(
      fc.property(mutated(control), babble(['', 'data'], false), (said, data) => {
        const channel = new Babbling(latin1(''), latin1(said), [CHUNK], true);
        channel.tls = TLS_INFO;
        const wire = new Wire(channel, { until: Deadline.after(60_000) });
        const ports: number[] = [];
        // biome-ignore lint/correctness/useYield: it never waits
        const dialOp = function* (port: number): Op<Channel> {
          ports.push(port);
          return data;
        };
        let taken = 0;
        const take = (part: Uint8Array) => {
          taken += part.length;
        };
        try {
          expect(runSync(ftpRetrieveOp(wire, dialOp, 'file', take), sleeper).bytes).toBe(taken);
          done += 1;
        } catch (error) {
          if (!(error instanceof DialogueError || error instanceof ChannelError)) throw error;
        }
        expect(ports.every((port) => Number.isInteger(port) && port >= 1 && port <= 65_535)).toBe(true);
        expect(data.closed).toBe(ports.length > 0);
        if (data.tls === null) expect(taken).toBe(0);
      }),
    );
    expect(done).toBeGreaterThan(0);
  });
});
