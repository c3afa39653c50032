// No bytes from a peer, in any cutting, make a dialogue throw what is not its own, hang, buffer without bound, or let what
// was said in clear reach what is read inside TLS. The peer says what a real one says, changed at random places.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deadline } from '../../src/core/deadline.ts';
import type { Op } from '../../src/core/op.ts';
import { runSync, sleeper } from '../../src/core/run.ts';
import { type Channel, ChannelError, type Role } from '../../src/starttls/channel.ts';
import type { Dialect } from '../../src/starttls/dialect.ts';
import { dialectNamed } from '../../src/starttls/dialects.ts';
import { DialogueError } from '../../src/starttls/dialogue-error.ts';
import { negotiateOp } from '../../src/starttls/negotiate.ts';
import { isUsable } from '../../src/starttls/negotiation.ts';
import { serveOp } from '../../src/starttls/serve.ts';
import { type Exchange, Wire } from '../../src/starttls/wire.ts';
import type { TlsInfo } from '../../src/tls/info.ts';
import { PARTIES } from '../support/dialect-play.ts';
import { readTranscript, TLS_INFO } from '../support/transcript.ts';

/** For a client and for a server of each dialect, in ms. */
const TIME = 1_000;
/** The longest message that a dialogue takes, with what a channel gives at once on top. */
const MOST_UNREAD = 262_144 + 65_536;
const MARKER = 'MARKER';

const FIXTURES: Readonly<Record<string, readonly string[]>> = {
  xmpp: ['xmpp-upgrade', 'xmpp-quirks'],
  'xmpp-server': ['xmpp-server-upgrade'],
  postgres: ['postgres-upgrade'],
  mysql: ['mysql-upgrade', 'mariadb-upgrade'],
  ldap: ['ldap-upgrade', 'ldap-long-lengths'],
  http: ['http-upgrade', 'ipp-upgrade'],
  telnet: ['telnet-upgrade', 'telnet-other-options', 'telnet-asked'],
};

/** What one side says, in clear and inside TLS. */
interface Script {
  readonly clear: Buffer;
  readonly inside: Buffer;
}

function scriptOf(fixture: string, from: Role): Script {
  const parts: { clear: Buffer[]; inside: Buffer[] } = { clear: [], inside: [] };
  let into = parts.clear;
  for (const turn of readTranscript(fixture)) {
    if (turn.kind === 'tls') into = parts.inside;
    else if (turn.kind === 'bytes' && turn.from === from) into.push(turn.bytes);
  }
  return { clear: Buffer.concat(parts.clear), inside: Buffer.concat(parts.inside) };
}

/** Says what it is told to, in pieces of these sizes, whatever the other side says. */
class FuzzChannel implements Channel {
  tls: TlsInfo | null = null;
  closed = false;
  /** What was sent inside TLS. */
  sentInside = '';
  /** Called at every look at the connection. */
  watch: () => void = () => {};
  #left: Buffer;
  readonly #inside: Buffer;
  readonly #sizes: readonly number[];
  readonly #ends: boolean;
  #calls = 0;

  constructor({ clear, inside }: Script, sizes: readonly number[], ends: boolean) {
    this.#left = clear;
    this.#inside = inside;
    this.#sizes = sizes;
    this.#ends = ends;
  }

  // biome-ignore lint/correctness/useYield: it never waits
  *receiveOp(_until: Deadline, most: number = Number.POSITIVE_INFINITY): Op<Uint8Array | 'timeout'> {
    this.watch();
    this.#calls += 1;
    if (this.#calls > 3_000_000) throw new Error('the dialogue does not come to an end');
    if (this.#left.length === 0) return this.#ends ? new Uint8Array(0) : 'timeout';
    const size = this.#sizes[this.#calls % Math.max(1, this.#sizes.length)] ?? 65_536;
    const piece = this.#left.subarray(0, Math.min(size, most));
    this.#left = this.#left.subarray(piece.length);
    return piece;
  }

  // biome-ignore lint/correctness/useYield: it never waits
  *helloOp(): Op<boolean | 'timeout'> {
    if (this.#left.length === 0) return this.#ends ? false : 'timeout';
    return this.#left[0] === 22;
  }

  // biome-ignore lint/correctness/useYield: it never waits
  *sendOp(bytes: Uint8Array): Op<'sent' | 'timeout'> {
    if (this.tls !== null) this.sentInside += Buffer.from(bytes).toString('latin1');
    return 'sent';
  }

  // biome-ignore lint/correctness/useYield: it never waits
  *upgradeOp(role: Role): Op<TlsInfo> {
    const { length } = this.#left;
    if (length > 0) {
      this.closed = true;
      throw new ChannelError(-74, 'errno', 'plaintext', { count: length, head: this.#left.subarray(0, 32) });
    }
    this.#left = this.#inside;
    const tls: TlsInfo = { ...TLS_INFO, role, alpn: 'postgresql' };
    this.tls = tls;
    return tls;
  }

  // biome-ignore lint/correctness/useYield: it never waits
  *closeOp(): Op<void> {
    this.closed = true;
  }
}

/** One change: where, as a part of the whole, how much is taken away, and what comes in its place how often. */
interface Change {
  readonly at: number;
  readonly cut: number;
  readonly bytes: Uint8Array;
  readonly times: number;
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  cut: fc.oneof({ weight: 4, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.nat(400) }),
  bytes: fc.oneof(
    { weight: 3, arbitrary: fc.uint8Array({ maxLength: 8 }) },
    { weight: 2, arbitrary: fc.constantFrom(...telling()).map((text) => Buffer.from(text, 'latin1')) },
  ),
  times: fc.oneof({ weight: 12, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.nat(30_000) }),
});

/** Bytes that mean something to one of the parsers. */
function telling(): readonly string[] {
  return [
    ...[
      '\0',
      '\x16\x03',
      '\x15\x03\x03',
      '\xff',
      '\xff\xff\xff\x00',
      '\xff\xfa',
      '\xff\xf0',
      '\xff\xfd.',
      '\xff\xfa.\x01\xff\xf0',
    ],
    ...[
      '\x30',
      '\x30\x80',
      '\x30\x84\x00\x10\x00\x00',
      '\x04\x00',
      '\x02\x01',
      '\x78\x07\x0a\x01\x00',
      '\x0a',
      'S',
      'N',
      'E',
    ],
    ...[
      '<',
      '>',
      '/>',
      '<a>',
      '</a>',
      '&',
      '&lt;',
      '<!--',
      '-->',
      '<![CDATA[',
      '<!DOCTYPE a [',
      '<?',
      "xmlns='a'",
      ':',
      "'",
      '"',
    ],
    ...[
      '\r\n',
      '\n',
      '\r',
      ' ',
      '\t',
      'HTTP/1.1 101 x\r\n',
      '0\r\n\r\n',
      'Content-Length: 9\r\n',
      'Transfer-Encoding: chunked\r\n',
    ],
    ...['Upgrade: TLS/1.0\r\n', MARKER],
  ];
}

const MOST_BYTES = 1_000_000;

function changed(bytes: Buffer, changes: readonly Change[]): Buffer {
  let result = bytes;
  for (const { at, cut, bytes: put, times } of changes) {
    const place = Math.floor(at * result.length);
    const repeated = Buffer.alloc(Math.min(put.length * times, MOST_BYTES), put.length === 0 ? 0 : put);
    result = Buffer.concat([result.subarray(0, place), repeated, result.subarray(place + cut)]);
  }
  return result.subarray(0, MOST_BYTES);
}

const conditions = {
  clear: fc.array(change, { maxLength: 4 }),
  inside: fc.array(change, { maxLength: 2 }),
  sizes: fc.array(fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 65_536 })), { maxLength: 4 }),
  ends: fc.boolean(),
  injected: fc.constantFrom('reject' as const, 'drop' as const),
  direct: fc.boolean(),
};

/** A machine that is busy makes few cases in the time there is: some are made however long they take. */
const run = <T>(property: fc.IProperty<T>): void => {
  fc.assert(property, { numRuns: 200 });
  fc.assert(property, { numRuns: 1_000_000, interruptAfterTimeLimit: TIME, markInterruptAsFailure: false });
};

describe.each(Object.entries(FIXTURES))('%s', (name, fixtures) => {
  const dialect: Dialect = dialectNamed(name);
  const told = (exchanges: readonly Exchange[]) => exchanges.map(({ from, bytes }) => dialect.describe?.(from, bytes));

  it('as a client', () => {
    const scripts = fixtures.map((fixture) => scriptOf(fixture, 'server'));
    const arbitrary = fc.record({
      ...conditions,
      script: fc.constantFrom(...scripts),
      policy: fc.constantFrom('require' as const, 'prefer' as const, 'never' as const),
    });
    let upgraded = 0;
    const property = fc.property(arbitrary, ({ script, clear, inside, sizes, ends, injected, direct, policy }) => {
      // A marker in clear means that what is inside comes from an honest server.
      const said = changed(script.clear, clear);
      const honest = said.includes(MARKER);
      const channel = new FuzzChannel(
        { clear: direct ? Buffer.alloc(0) : said, inside: honest ? script.inside : changed(script.inside, inside) },
        sizes,
        ends,
      );
      if (direct) runSync(channel.upgradeOp('client'), sleeper);
      const exchanges: Exchange[] = [];
      const observer = (exchange: Exchange) => exchanges.push(exchange);
      const wire = new Wire(channel, { until: Deadline.after(60_000), injected, observer });
      let most = 0;
      channel.watch = () => {
        most = Math.max(most, wire.unread);
      };
      const result = runSync(negotiateOp(dialect, wire, PARTIES, { policy }), sleeper);
      expect(most).toBeLessThanOrEqual(MOST_UNREAD);
      if (policy === 'require') expect(result.outcome).not.toBe('clear');
      expect(channel.closed).toBe(!isUsable(result.outcome));
      if (result.outcome === 'clear') expect(result.tls).toBeNull();
      else if (isUsable(result.outcome)) expect(result.tls).not.toBeNull();
      if (honest && !direct) {
        expect(JSON.stringify(result.postTlsCapabilities) + channel.sentInside).not.toContain(MARKER);
        const heard = exchanges.filter(({ from, encrypted }) => from === 'server' && encrypted);
        expect(Buffer.concat(heard.map(({ bytes }) => bytes)).includes(MARKER)).toBe(false);
      }
      if (result.outcome === 'upgraded') upgraded += 1;
      told(exchanges);
    });
    run(property);
    expect(upgraded).toBeGreaterThan(0);
  });

  it('as a server', () => {
    const scripts = fixtures.map((fixture) => scriptOf(fixture, 'client'));
    const arbitrary = fc.record({
      ...conditions,
      script: fc.constantFrom(...scripts),
      attack: fc.constantFrom(null, null, ...dialect.server.attacks),
    });
    let upgraded = 0;
    const property = fc.property(arbitrary, ({ script, clear, inside, sizes, ends, injected, direct, attack }) => {
      const said = {
        clear: direct ? Buffer.alloc(0) : changed(script.clear, clear),
        inside: changed(script.inside, inside),
      };
      const channel = new FuzzChannel(said, sizes, ends);
      if (direct) runSync(channel.upgradeOp('server'), sleeper);
      const exchanges: Exchange[] = [];
      const observer = (exchange: Exchange) => exchanges.push(exchange);
      const wire = new Wire(channel, { until: Deadline.after(60_000), injected, observer, role: 'server' });
      let most = 0;
      channel.watch = () => {
        most = Math.max(most, wire.unread);
      };
      try {
        runSync(serveOp(dialect, wire, { host: PARTIES.host, attack }), sleeper);
      } catch (error) {
        if (!(error instanceof DialogueError || error instanceof ChannelError)) throw error;
      }
      expect(most).toBeLessThanOrEqual(MOST_UNREAD);
      if (!said.inside.includes(MARKER)) expect(channel.sentInside).not.toContain(MARKER);
      if (!direct && channel.tls !== null) upgraded += 1;
      told(exchanges);
    });
    run(property);
    expect(upgraded).toBeGreaterThan(0);
  });

  it('in words', () => {
    const sides = fc.constantFrom('client' as const, 'server' as const);
    const fixed = fixtures.flatMap((fixture) => [scriptOf(fixture, 'client').clear, scriptOf(fixture, 'server').clear]);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc
        .tuple(fc.constantFrom(...fixed), fc.array(change, { maxLength: 2 }))
        .map(([base, changes]) => changed(base, changes)),
    );
    const property = fc.property(sides, bytes, (from, given) => {
      const words = dialect.describe?.(from, given) ?? '';
      expect(words.length).toBeLessThan(1_000);
      expect(words).not.toMatch(/\p{Cc}/u);
    });
    fc.assert(property, { numRuns: 2_000, interruptAfterTimeLimit: TIME, markInterruptAsFailure: false });
  });
});
