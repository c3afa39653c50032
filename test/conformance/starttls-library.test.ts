// The library `tcpx/starttls` against a scripted SMTP server: every engine, synchronous and awaitable, and a Node stream.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { connect } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { createJob, type EngineName, engineReports, F, type Job, S, X } from 'tcpx';
import {
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_READ,
  TCPOP_WRITE,
  TCPXFLG_BLOCK,
  TCPXFLG_STARTTLS,
  TCPXFLG_TLS,
} from 'tcpx/ashell.def';
import {
  CancelledError,
  type Exchange,
  INJECTION_CHANNEL,
  type Negotiation,
  NegotiationError,
  type StarttlsStream,
  type SyncOptions,
  starttls,
  type UpgradePolicy,
  UsageError,
} from 'tcpx/starttls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { guardDescriptors } from '../support/conformance.ts';
import { makePki, type Pki } from '../support/pki.ts';
import { type Peer, type PeerScript, type Step, startPeer, stopPeers } from '../support/scripted-peer.ts';

guardDescriptors();
afterEach(stopPeers);

let pki: Pki;
beforeAll(async () => {
  pki = await makePki();
});

interface Options {
  readonly protocol?: string;
  readonly policy?: UpgradePolicy;
  readonly injected?: 'reject' | 'drop';
  readonly deadline?: number;
  readonly verify?: 'full' | 'none';
  readonly observer?: (exchange: Exchange) => void;
}

/** An open connection, in whatever form the way gives it. */
interface Line {
  readonly result: Negotiation;
  say(text: string): Promise<void>;
  /** So many bytes. */
  hear(count: number): Promise<string>;
  close(): Promise<void>;
}

interface Way {
  readonly name: string;
  readonly engine: EngineName;
  open(peer: Peer, options?: Options): Promise<Line>;
}

const LIMIT = 5_000;

function common({ protocol = 'smtp', verify = 'full', ...rest }: Options) {
  return { protocol, deadline: LIMIT, self: 'client.example', ...rest, tls: { ca: pki.ca, verify } };
}

function streamLine({ stream, result }: { stream: StarttlsStream; result: Negotiation }): Line {
  const chunks = stream[Symbol.asyncIterator]();
  let heard = Buffer.alloc(0);
  return {
    result,
    say: (text) => new Promise((resolve, reject) => stream.write(text, (error) => (error ? reject(error) : resolve()))),
    async hear(count) {
      while (heard.length < count) {
        const { value, done } = await chunks.next();
        if (done === true) throw new Error(`the stream ended after ${heard.length} of ${count} bytes`);
        heard = Buffer.concat([heard, value]);
      }
      const text = heard.toString('latin1', 0, count);
      heard = heard.subarray(count);
      return text;
    },
    close: () =>
      new Promise((resolve) => {
        stream.once('close', resolve);
        stream.destroy();
      }),
  };
}

function socketLine(job: Job, socket: number, result: Negotiation, unread: Uint8Array): Line {
  const status = F();
  const sock = F(socket);
  let left = Buffer.from(unread).toString('latin1');
  const bit = result.tls === null ? 0 : TCPXFLG_TLS;
  return {
    result,
    async say(text) {
      const buffer = S(0);
      buffer.value = text;
      expect(job.xcall('TCPX', TCPOP_WRITE, status, buffer, sock, text.length + bit, LIMIT)).toBe(text.length);
    },
    async hear(count) {
      const buffer = X(count - left.length);
      job.xcall('TCPX', TCPOP_READ, status, buffer, sock, buffer.size + bit, LIMIT);
      const text = left + Buffer.from(buffer.bytes.subarray(0, status.value)).toString('latin1');
      left = '';
      return text;
    },
    async close() {
      job.xcall('TCPX', TCPOP_CLOSE, status, '', sock, bit);
      job.close();
    },
  };
}

const WAYS: readonly Way[] = [
  ...(['gnutls', 'node'] as const).flatMap((engine): Way[] => [
    {
      name: `${engine} async`,
      engine,
      open: async ({ port }, options = {}) =>
        streamLine(await starttls({ ...common(options), host: 'localhost', port, engine })),
    },
    {
      name: `${engine} sync`,
      engine,
      async open({ port }, options = {}) {
        const opened = starttls.sync({ ...common(options), host: 'localhost', port, engine });
        return socketLine(opened.job, opened.socket, opened.result, opened.unread);
      },
    },
  ]),
  {
    name: 'a Node stream',
    engine: 'node',
    open: async ({ port, host }, options = {}) =>
      streamLine(await starttls({ ...common(options), host: 'localhost', stream: connect(port, host) })),
  },
];

const available = new Set(engineReports().flatMap((report) => (report.available ? [report.name] : [])));
const [missing] = WAYS.filter(({ engine }) => !available.has(engine));
if (missing !== undefined) {
  if (process.env.TCPX_INTEROP === 'required') throw new Error('the gnutls engine is required here');
  process.stderr.write('SKIPPED tcpx/starttls on gnutls: the engine is not available\n');
}

const HELLO: readonly Step[] = [
  { send: '220 mx.example ESMTP\r\n' },
  { expect: 'EHLO client.example\r\n' },
  { send: '250-mx.example\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n' },
];
const ASKED: readonly Step[] = [...HELLO, { expect: 'STARTTLS\r\n' }];
const RENEWED: readonly Step[] = [
  { expect: 'EHLO client.example\r\n' },
  { send: '250-mx.example\r\n250 AUTH PLAIN\r\n' },
];
const NOOP: readonly Step[] = [{ expect: 'NOOP\r\n' }, { send: '250 ok\r\n' }];

/** A peer, and what opening a connection to it fails with. */
async function failure(way: Way, script: PeerScript, options: Options = {}): Promise<NegotiationError> {
  const peer = await startPeer(script);
  const error = await way.open(peer, options).then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof NegotiationError)) throw error ?? new Error('the connection was made');
  return error;
}

describe.each(WAYS.filter(({ engine }) => available.has(engine)))('tcpx/starttls, $name', (way) => {
  it('upgrades, tells how, and gives the connection', async () => {
    const peer = await startPeer({
      steps: [...ASKED, { send: '220 go\r\n' }, { startTls: {} }, ...RENEWED, ...NOOP, { expectEnd: 'any' }],
    });
    const exchanges: string[] = [];
    const line = await way.open(peer, {
      observer: ({ from, encrypted, bytes }) =>
        exchanges.push(`${from} ${encrypted ? 'tls' : 'clear'} ${Buffer.from(bytes).toString('latin1').trimEnd()}`),
    });
    expect(line.result).toMatchObject({
      dialect: 'smtp',
      outcome: 'upgraded',
      policy: 'require',
      reason: '',
      status: 0,
      greeting: 'mx.example ESMTP',
      preTlsCapabilities: ['AUTH PLAIN', 'STARTTLS'],
      postTlsCapabilities: ['AUTH PLAIN'],
      trigger: 'STARTTLS',
      reply: { accepted: true, code: '220', enhanced: null, text: 'go' },
      discardedBytes: 0,
      stateReset: ['greeting', 'capabilities'],
      credentialsInClear: true,
      roundTrips: 4,
      tls: {
        engine: way.engine,
        version: 'TLSv1.3',
        servername: 'localhost',
        resumed: false,
        earlyData: false,
        ocsp: null,
        verify: { result: 'verified', reasons: [] },
      },
      chain: [{ subject: 'CN=localhost', issuer: 'CN=tcpx test root', names: ['localhost', '127.0.0.1', '::1'] }],
      verifyReasons: [],
      ocsp: null,
    });
    const { connect: connecting, ...phases } = line.result.timings;
    expect(connecting).toBeGreaterThan(0);
    expect(Object.values(phases).every((ms) => ms !== null && ms > 0)).toBe(true);
    expect(exchanges).toEqual([
      'server clear 220 mx.example ESMTP',
      'client clear EHLO client.example',
      'server clear 250-mx.example',
      'server clear 250-AUTH PLAIN',
      'server clear 250 STARTTLS',
      'client clear STARTTLS',
      'server clear 220 go',
      'client tls EHLO client.example',
      'server tls 250-mx.example',
      'server tls 250 AUTH PLAIN',
    ]);
    await line.say('NOOP\r\n');
    expect(await line.hear(8)).toBe('250 ok\r\n');
    await line.close();
    await peer.finished();
  });

  it.each([
    ['a whole line', '250-injected\r\n250 AUTH PLAIN\r\n'],
    ['half a line', '250-injected\r\n250 AUTH PL'],
  ])('refuses %s of plaintext behind the go-ahead, and counts it', async (_name, injected) => {
    const { result, message } = await failure(way, {
      steps: [...ASKED, { send: `220 go\r\n${injected}` }, { expectEnd: 'any' }],
    });
    expect(result).toMatchObject({ outcome: 'injected', discardedBytes: injected.length, tls: null, chain: [] });
    expect(Buffer.from(result.discardedSample, 'hex').toString('latin1')).toBe(injected.slice(0, 32));
    expect(message).toContain(`${injected.length} bytes of plaintext`);
  });

  it.each(['reject', 'drop'] as const)(
    'refuses what comes once the handshake has begun, which nobody can count, under the policy %s',
    async (injected) => {
      const seen: unknown[] = [];
      const note = (message: unknown) => seen.push(message);
      subscribe(INJECTION_CHANNEL, note);
      try {
        const late: readonly Step[] = [
          { send: '220 go\r\n' },
          { expect: 5 },
          { send: '250-evil\r\n250 AUTH PLAIN\r\n' },
        ];
        const { result, message } = await failure(way, { steps: [...ASKED, ...late] }, { injected });
        expect(result).toMatchObject({
          outcome: 'injected',
          reply: { code: '220' },
          discardedBytes: null,
          discardedSample: '',
          tls: null,
          chain: [],
        });
        expect(message).toContain('the server sent plaintext where only TLS may follow');
      } finally {
        unsubscribe(INJECTION_CHANNEL, note);
      }
      expect(seen).toEqual([{ from: 'server', count: null, sample: null, policy: 'reject' }]);
    },
  );

  it('drops it where it is told to, and none of it is read inside TLS', async () => {
    const peer = await startPeer({
      steps: [...ASKED, { send: '220 go\r\n250-injected\r\n250 A' }, { startTls: {} }, ...RENEWED, ...NOOP],
    });
    const line = await way.open(peer, { injected: 'drop' });
    expect(line.result).toMatchObject({
      outcome: 'upgraded',
      discardedBytes: 19,
      postTlsCapabilities: ['AUTH PLAIN'],
    });
    await line.say('NOOP\r\n');
    expect(await line.hear(8)).toBe('250 ok\r\n');
    await line.close();
  });

  it.each([
    ['a refusal', [...ASKED, { send: '454 4.7.0 not now\r\n' }], { outcome: 'refused', reply: { code: '454' } }],
    ['no offer', [...HELLO.slice(0, 2), { send: '250 mx\r\n' }], { outcome: 'notOffered', reply: null }],
    [
      'a stripped offer',
      [...HELLO.slice(0, 2), { send: '250-mx\r\n250 XXXXXXXA\r\n' }],
      { outcome: 'strippedSuspected' },
    ],
    ['an unknown protocol', [{ send: 'SSH-2.0-x\r\n' }], { outcome: 'malformed' }],
    ['an end', [...ASKED, { close: 'fin' }], { outcome: 'closed' }],
    ['an alert', [{ send: '\x15\x03\x01\x00\x02\x02\x46' }, { close: 'fin' }], { outcome: 'wrongMode' }],
  ] as const)('ends on %s, with the result in the error', async (_name, steps, expected) => {
    const { result, message } = await failure(way, { steps: [...steps] });
    expect(result).toMatchObject({ ...expected, tls: null });
    expect(message).toContain(result.reason);
  });

  it('ends on a reset behind the go-ahead, and says so', async () => {
    const { result, message } = await failure(way, { steps: [...ASKED, { send: '220 go\r\n' }, { close: 'rst' }] });
    expect(result).toMatchObject({ reply: { code: '220' }, tls: null });
    // In clear it is errno's, in the handshake GnuTLS's. TLS on a stream is only told of an end.
    const onStream = way.name === 'a Node stream';
    expect(onStream ? [-104, -54, -110] : [-104, -54]).toContain(result.status);
    expect(message).toMatch(onStream ? /./ : /reset by (?:the )?peer/i);
  });

  it('ends on silence, at its deadline', async () => {
    const { result } = await failure(way, { steps: [{ neverRead: true }] }, { deadline: 300 });
    expect(result).toMatchObject({ outcome: 'timeout' });
  });

  it('ends on a handshake without an answer, at its deadline', async () => {
    const steps: Step[] = [...ASKED, { send: '220 go\r\n' }, { neverRead: true }];
    const { result } = await failure(way, { steps }, { deadline: 500 });
    expect(result).toMatchObject({ outcome: 'timeout', reply: { code: '220' } });
  });

  it.each([
    ['expired', 'expired'],
    ['wrongName', 'wrong-name'],
    ['selfSigned', 'self-signed'],
    ['unknownIssuer', 'unknown-issuer'],
  ] as const)('ends on a certificate that is %s, which is in the result', async (name, reason) => {
    const { result } = await failure(way, {
      steps: [...ASKED, { send: '220 go\r\n' }, { startTls: { identity: pki[name] } }],
    });
    expect(result).toMatchObject({ outcome: 'unverified', status: -348, tls: null });
    expect(result.verifyReasons).toContain(reason);
    expect(result.chain[0]?.subject).toBe(name === 'wrongName' ? 'CN=other.example' : 'CN=localhost');
    expect(result.chain).toHaveLength(1);
    if (name === 'expired') expect(result.chain[0]?.daysLeft).toBeLessThan(0);
  });

  it('accepts any certificate where it is told not to verify', async () => {
    const peer = await startPeer({
      steps: [
        ...ASKED,
        { send: '220 go\r\n' },
        { startTls: { identity: pki.selfSigned } },
        ...RENEWED,
        { expectEnd: 'any' },
      ],
    });
    const line = await way.open(peer, { verify: 'none' });
    expect(line.result).toMatchObject({ outcome: 'upgraded', tls: { verify: { result: 'unchecked' } } });
    expect(line.result.verifyReasons).toContain('self-signed');
    await line.close();
  });

  it.each([
    ['prefer', [...ASKED, { send: '454 4.7.0 not now\r\nEXTRA' }]],
    ['never', [...HELLO.slice(0, 2), { send: '250-mx.example\r\n250 STARTTLS\r\nEXTRA' }]],
  ] as const)('stays in clear under the policy %s, and loses nothing behind the dialogue', async (policy, steps) => {
    const peer = await startPeer({ steps: [...steps, ...NOOP, { expectEnd: 'any' }] });
    const line = await way.open(peer, { policy });
    expect(line.result).toMatchObject({ outcome: 'clear', policy, tls: null });
    await line.say('NOOP\r\n');
    expect(await line.hear(13)).toBe('EXTRA250 ok\r\n');
    await line.close();
    await peer.finished();
  });

  it('speaks inside TLS from the first byte', async () => {
    const peer = await startPeer({ tls: {}, steps: [...HELLO, ...NOOP, { expectEnd: 'any' }] });
    const line = await way.open(peer, { protocol: 'submissions' });
    expect(line.result).toMatchObject({
      dialect: 'submission',
      outcome: 'direct',
      greeting: 'mx.example ESMTP',
      preTlsCapabilities: [],
      postTlsCapabilities: ['AUTH PLAIN', 'STARTTLS'],
      credentialsInClear: null,
      timings: { request: null, handshake: null, renew: null },
      tls: { version: 'TLSv1.3' },
    });
    await line.say('NOOP\r\n');
    expect(await line.hear(8)).toBe('250 ok\r\n');
    await line.close();
  });

  it('tells a port in clear from one with TLS', async () => {
    const { result } = await failure(
      way,
      { steps: [{ send: '220 mx.example ESMTP\r\n' }, { expectEnd: 'any' }] },
      { protocol: 'submissions' },
    );
    expect(result).toMatchObject({ outcome: 'wrongMode' });
  });

  it('tells plaintext in the middle of a session from a port in clear', async () => {
    const { result } = await failure(
      way,
      { tls: {}, steps: [{ sendRaw: '220 mx.example ESMTP\r\n' }] },
      { protocol: 'submissions' },
    );
    expect(result).toMatchObject({ outcome: 'closed', status: -15, discardedBytes: 0 });
  });

  it('is closed when the observer throws', async () => {
    const peer = await startPeer({ steps: [{ send: '220 mx.example ESMTP\r\n' }, { expectEnd: 'any' }] });
    const observer = () => {
      throw new RangeError('no more');
    };
    await expect(way.open(peer, { observer })).rejects.toThrow(RangeError);
    await peer.finished();
  });
});

describe.each([...available].filter((name): name is EngineName => WAYS.some(({ engine }) => engine === name)))(
  'tcpx/starttls on a socket of a job, %s',
  (engine) => {
    const steps: Step[] = [
      ...ASKED,
      { send: '220 go\r\n' },
      { startTls: {} },
      ...RENEWED,
      ...NOOP,
      { expectEnd: 'any' },
    ];

    it.each([
      ['blocking', TCPXFLG_BLOCK],
      ['not blocking', 0],
    ])('%s, awaited', async (_name, block) => {
      const peer = await startPeer({ steps });
      const job = createJob({ engine, tls: { ca: pki.ca } });
      const sock = F(peer.port);
      const flags = block + TCPXFLG_TLS + TCPXFLG_STARTTLS;
      expect(await job.xcall.async('TCPX', TCPOP_CONNECT, F(), '', sock, flags, LIMIT, 'localhost')).toBe(0);
      const line = streamLine(
        await starttls({ job, socket: sock.value, protocol: 'smtp', self: 'client.example', deadline: LIMIT }),
      );
      expect(line.result).toMatchObject({ outcome: 'upgraded', timings: { connect: null } });
      await line.say('NOOP\r\n');
      expect(await line.hear(8)).toBe('250 ok\r\n');
      await line.close();
      expect(job.sockets).toEqual([]);
      job.close();
      await peer.finished();
    });

    it.each([
      ['blocking', TCPXFLG_BLOCK],
      ['not blocking', 0],
    ])('%s, synchronously', async (_name, block) => {
      const peer = await startPeer({ steps });
      const job = createJob({ engine, tls: { ca: pki.ca } });
      const sock = F(peer.port);
      const flags = block + TCPXFLG_TLS + TCPXFLG_STARTTLS;
      expect(job.xcall('TCPX', TCPOP_CONNECT, F(), '', sock, flags, LIMIT, 'localhost')).toBe(0);
      const opened = starttls.sync({
        job,
        socket: sock.value,
        protocol: 'smtp',
        self: 'client.example',
        deadline: LIMIT,
      });
      expect(opened).toMatchObject({ socket: sock.value, result: { outcome: 'upgraded' } });
      expect(opened.job).toBe(job);
      const line = socketLine(job, opened.socket, opened.result, opened.unread);
      await line.say('NOOP\r\n');
      expect(await line.hear(8)).toBe('250 ok\r\n');
      await line.close();
      await peer.finished();
    });

    it('refuses a socket that cannot be upgraded, or that is none', async () => {
      const peer = await startPeer({ steps: [{ expectEnd: 'any' }] });
      const job = createJob({ engine });
      const sock = F(peer.port);
      await job.xcall.async('TCPX', TCPOP_CONNECT, F(), '', sock, TCPXFLG_BLOCK, LIMIT, 'localhost');
      await expect(starttls({ job, socket: sock.value, protocol: 'smtp' })).rejects.toThrow(UsageError);
      await expect(starttls({ job, socket: 99, protocol: 'smtp' })).rejects.toThrow('no socket 99');
      expect(() => starttls.sync({ job, socket: 99, protocol: 'smtp' })).toThrow(UsageError);
      job.close();
    });

    it('is cancelled by its signal, wherever it waits', async () => {
      for (const heard of ['', '220 mx.example ESMTP\r\n']) {
        const peer = await startPeer({ steps: [{ send: heard }, { expectEnd: 'any' }] });
        const abort = new AbortController();
        const opening = starttls({
          url: `smtp://localhost:${peer.port}`,
          engine,
          signal: abort.signal,
          deadline: LIMIT,
          observer: () => abort.abort(),
        });
        if (heard === '') abort.abort();
        await expect(opening).rejects.toThrow(CancelledError);
        await peer.stop();
      }
    });
  },
);

describe('tcpx/starttls', () => {
  it('gives a connection that nobody answers as a result', async () => {
    const opening = starttls({ url: 'smtp://localhost:1', deadline: LIMIT });
    const error = await opening.then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(NegotiationError);
    expect(error).toMatchObject({
      code: 'TCPX_NEGOTIATION',
      message: expect.stringContaining('smtp://localhost:1: '),
      result: { outcome: 'unreachable', status: -111, timings: { open: null } },
    });
  });

  it.each([
    [{ url: 'gopher://localhost' }, "there is no protocol 'gopher'"],
    [{ url: 'smtp://localhost', policy: 'always' as 'never' }, "policy is one of require, prefer, never, not 'always'"],
    [{ url: 'smtp://localhost', injected: 'eat' as 'drop' }, 'injected is one of reject, drop'],
    [{ url: 'smtp://localhost', deadline: 0 }, 'deadline is a number of ms above 0'],
    [{ url: 'smtp://localhost', self: 'a\r\nRSET' }, 'cannot hold CR'],
    [{ host: 'localhost\\.evil.example', protocol: 'smtp' }, 'neither a host name nor an address'],
    [{ host: 'localhost/evil.example', protocol: 'smtp' }, 'neither a host name nor an address'],
    [{ host: 'localhost?evil.example', protocol: 'smtp' }, 'neither a host name nor an address'],
    [{ host: 'localhost#evil.example', protocol: 'smtp' }, 'neither a host name nor an address'],
    [{ host: 'evil.example@localhost', protocol: 'smtp' }, 'neither a host name nor an address'],
    [{ host: 'localhost:25', protocol: 'smtp' }, 'neither a host name nor an address'],
    [{ host: '', protocol: 'smtp' }, 'neither a host name nor an address'],
    [{ host: 'localhost', port: 2.5, protocol: 'smtp' }, 'a port is 1 to 65535, not 2.5'],
    [{ url: 'smtp://localhost', tls: { ca: '/nonexistent' } }, "tls.ca: cannot read the file '/nonexistent'"],
  ])('refuses %j', async (options, message) => {
    await expect(starttls(options)).rejects.toThrow(UsageError);
    await expect(starttls(options)).rejects.toThrow(message);
    expect(() => starttls.sync(options)).toThrow(message);
  });

  it.each([
    [undefined, 'options are an object with a url; '],
    [{}, 'host is a string, not undefined: options have a url; a host and a protocol; '],
    [{ host: 'localhost' }, 'protocol is a string, not undefined'],
    [{ url: null }, 'url is a string, not null'],
    [{ url: 25 }, 'url is a string, not number'],
    [{ stream: {}, protocol: 'smtp', host: 'localhost' }, 'stream is a Duplex of Node'],
    [{ stream: null }, 'stream is a Duplex of Node'],
    [{ stream: new PassThrough(), protocol: 'smtp' }, 'host is a string, not undefined'],
    [{ socket: 1, protocol: 'smtp' }, 'job is the Job that has opened the socket'],
    [{ socket: '1', protocol: 'smtp' }, 'socket is a number, not string'],
  ])('refuses %j from programs without types', async (given, message) => {
    const options = given as unknown as SyncOptions;
    await expect(starttls(options)).rejects.toThrow(UsageError);
    await expect(starttls(options)).rejects.toThrow(message);
    expect(() => starttls.sync(options)).toThrow(message);
  });

  it('cannot wait for a stream synchronously', () => {
    const options = { stream: new PassThrough(), protocol: 'smtp', host: 'localhost' } as unknown as SyncOptions;
    expect(() => starttls.sync(options)).toThrow(UsageError);
  });

  it('takes a job or its options, not both', async () => {
    const job = createJob();
    await expect(starttls({ url: 'smtp://localhost', job, engine: 'node' })).rejects.toThrow('either a job');
    job.close();
  });
});

it('a stream that fails in words of its own is quoted', async () => {
  const stream = new Duplex({
    read() {},
    write: (_chunk, _encoding, done) => done(new Error('the proxy hung up\x1b[2J')),
  });
  stream.push('220 ready\r\n');
  await expect(starttls({ stream, protocol: 'smtp', host: 'localhost' })).rejects.toMatchObject({
    message: 'smtp on a stream to localhost: the stream failed: the proxy hung up\\x1b[2J',
    result: { outcome: 'closed' },
  });
});

it('a stream to a host without a name is verified as nobody', async () => {
  const peer = await startPeer({ tls: {}, steps: [{ expectEnd: 'any' }] });
  const stream = connect(peer.port, '127.0.0.1');
  const attempt = starttls({ stream, host: '', protocol: 'tls', tls: { ca: pki.ca } });
  await expect(attempt).rejects.toMatchObject({ result: { outcome: 'unverified', verifyReasons: ['wrong-name'] } });
  await peer.outcome();
});
