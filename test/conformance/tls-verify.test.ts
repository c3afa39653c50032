import { createJob, F, S, UsageError } from 'tcpx';
import { TCPOP_CLOSE, TCPOP_CONNECT, TCPOP_ERRMSG, TCPOP_READ, TCPXFLG_BLOCK, TCPXFLG_TLS } from 'tcpx/ashell.def';
import { afterEach, expect } from 'vitest';
import { type Bench, behaviour, guardDescriptors, LIMIT } from '../support/conformance.ts';
import { DIVERGENCES, type Divergence } from '../support/divergences.ts';
import { type Identity, type IdentityName, makeOddServer, makePki, type OddCertificate } from '../support/pki.ts';
import { type PeerScript, startPeer, startPeerHost, stopPeers } from '../support/scripted-peer.ts';

const pki = await makePki();
await startPeerHost();
guardDescriptors();
afterEach(stopPeers);

const options = { tls: { ca: pki.ca } };

/** CONNECTs to a server that presents one of the identities. */
async function visit({ x, status }: Bench, identity: IdentityName, host = 'localhost', more: PeerScript = {}) {
  const peer = await startPeer({ tls: { identity: pki[identity] }, steps: [{ expectEnd: 'any' }], ...more });
  const sock = F(peer.port);
  await x(TCPOP_CONNECT, status, '', sock, TCPXFLG_BLOCK + TCPXFLG_TLS, LIMIT, host);
  return { peer, sock };
}

/** What ERRMSG says of the last STATUS. */
async function explain({ x, status }: Bench): Promise<string> {
  const text = S(0);
  await x(TCPOP_ERRMSG, status, text, 0, TCPXFLG_TLS);
  return text.value;
}

const REFUSED: [IdentityName, RegExp][] = [
  ['expired', /has expired/],
  ['notYetValid', /not valid yet/],
  ['selfSigned', /self-signed/],
  ['wrongName', /not for this name/],
  ['unknownIssuer', /issuer that is not trusted/],
];
for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const [identity, reason] of REFUSED) {
    behaviour(
      { ids: ['TLS-VERIFY', 'TLS-VERIFY-REASONS'], title: `${version}: ${identity} is refused`, options },
      async (bench) => {
        const { peer, sock } = await visit(bench, identity, 'localhost', {
          tls: { identity: pki[identity], minVersion: version, maxVersion: version },
        });
        expect(bench.status.value).toBe(-348);
        expect(sock.value).toBe(-1);
        expect(bench.job.sockets).toEqual([]);
        const text = await explain(bench);
        expect(text).toMatch(reason);
        expect(text).toContain('localhost');
        expect(text).toContain("tls.verify = 'none'");
        await peer.outcome();
      },
    );
  }
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  behaviour(
    {
      ids: ['TLS-VERIFY'],
      title: `${version}: a server that is refused learns it by an alert`,
      options,
      diverges: [DIVERGENCES.refusalAlert],
    },
    async (bench) => {
      const tls = { identity: pki.unknownIssuer, minVersion: version, maxVersion: version };
      const { peer } = await visit(bench, 'unknownIssuer', 'localhost', { tls });
      expect(bench.status.value).toBe(-348);
      const { connections } = await peer.outcome();
      expect(connections[0]?.error).toMatch(/ALERT_(BAD_CERTIFICATE|UNKNOWN_CA)/);
    },
  );
}

behaviour(
  { ids: ['TLS-VERIFY', 'TLS-INFO'], title: 'a chain by an intermediate verifies; the facts show it', options },
  async (bench) => {
    const { job, x, status } = bench;
    const { sock } = await visit(bench, 'chained');
    expect(status.value, await explain(bench)).toBe(0);
    const { tls } = job.socket(sock.value);
    expect(tls?.verify).toEqual({ result: 'verified', reasons: [] });
    expect(tls?.peer).toMatchObject({ subject: 'CN=localhost', issuer: 'CN=tcpx test intermediate' });
    expect(tls?.peer?.names).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
    expect(tls?.peer?.fingerprint256).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    expect(tls?.peer?.chain.length).toBe(2);
    await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
  },
);

const nameless = await makeOddServer({ subject: '' });

behaviour(
  { ids: ['TLS-VERIFY', 'TLS-INFO'], title: 'a certificate without a subject: its names are enough', options },
  async (bench) => {
    const { job, x, status } = bench;
    const { sock } = await visit(bench, 'good', 'localhost', { tls: { identity: nameless } });
    expect(status.value, await explain(bench)).toBe(0);
    expect(job.socket(sock.value).tls?.peer).toMatchObject({ subject: '', issuer: 'CN=tcpx test root' });
    await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
  },
);

behaviour({ ids: ['TLS-VERIFY'], title: 'a certificate without a subject, from nobody: refused' }, async (bench) => {
  await visit(bench, 'good', 'localhost', { tls: { identity: nameless } });
  expect(bench.status.value).toBe(-348);
  expect(await explain(bench)).toMatch(/issuer that is not trusted/);
});

for (const host of ['127.0.0.1', '::1'] as const) {
  behaviour(
    { ids: ['TLS-VERIFY', 'TLS-SNI'], title: `${host} is verified by the IP names, and not sent as SNI`, options },
    async (bench) => {
      const { job, x, status } = bench;
      const { peer, sock } = await visit(bench, 'good', host, { listen: { host } });
      expect(status.value, await explain(bench)).toBe(0);
      expect(job.socket(sock.value).tls).toMatchObject({ servername: null, verify: { result: 'verified' } });
      await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
      expect((await peer.finished()).connections[0]?.secure?.servername).toBe(null);
    },
  );

  behaviour({ ids: ['TLS-VERIFY'], title: `${host} is not among the names: refused`, options }, async (bench) => {
    const { sock } = await visit(bench, 'wrongName', host, { listen: { host } });
    expect(bench.status.value).toBe(-348);
    expect(await explain(bench)).toMatch(/not for this name/);
    expect(sock.value).toBe(-1);
  });
}

behaviour(
  { ids: ['TLS-SNI'], title: 'the host is sent as SNI; tls.servername takes its place', options },
  async (bench) => {
    const { peer, sock } = await visit(bench, 'good');
    await bench.x(TCPOP_CLOSE, bench.status, '', sock, TCPXFLG_TLS);
    expect((await peer.finished()).connections[0]?.secure?.servername).toBe('localhost');

    const job = bench.newJob({ tls: { ca: pki.ca, servername: 'other.example' } });
    const second = await startPeer({ tls: { identity: pki.wrongName }, steps: [{ expectEnd: 'any' }] });
    const other = F(second.port);
    const args = [TCPOP_CONNECT, bench.status, '', other, TCPXFLG_BLOCK + TCPXFLG_TLS, LIMIT, '127.0.0.1'] as const;
    const status = bench.mode === 'sync' ? job.xcall('TCPX', ...args) : await job.xcall.async('TCPX', ...args);
    expect(status).toBe(0);
    expect(job.socket(other.value).tls).toMatchObject({ servername: 'other.example', verify: { result: 'verified' } });
    const close = [TCPOP_CLOSE, bench.status, '', other, TCPXFLG_TLS] as const;
    if (bench.mode === 'sync') job.xcall('TCPX', ...close);
    else await job.xcall.async('TCPX', ...close);
    expect((await second.finished()).connections[0]?.secure?.servername).toBe('other.example');
  },
);

/** Certificates that are for something else -> STATUS of CONNECT. */
const USAGES: readonly [string, OddCertificate, number, Divergence?][] = [
  ['for servers and for clients', { purposes: ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'] }, 0],
  ['for clients', { purposes: ['1.3.6.1.5.5.7.3.2'] }, -348],
  ['for any purpose', { purposes: ['2.5.29.37.0'] }, 0, DIVERGENCES.serverPurpose],
  ['of a CA that signs certificates', { isCa: true, keyUsage: ['keyCertSign'] }, -48, DIVERGENCES.serverPurpose],
  ['of a CA that signs anything', { isCa: true, keyUsage: ['keyCertSign', 'digitalSignature'] }, 0],
  ['that may not sign', { algorithm: 'rsa', keyUsage: ['keyEncipherment'] }, -48, DIVERGENCES.keyUsage],
];
for (const [what, odd, wanted, known] of USAGES) {
  behaviour(
    {
      ids: ['TLS-VERIFY'],
      title: `a certificate ${what}`,
      options,
      ...(known === undefined ? {} : { diverges: [known] }),
    },
    async (bench) => {
      const { staples: _, ...identity } = await makeOddServer(odd);
      await visit(bench, 'good', 'localhost', { tls: { identity, minVersion: 'TLSv1.3' } });
      expect(bench.status.value, await explain(bench)).toBe(wanted);
    },
  );
}

const [leafOfChained = ''] = pki.chained.cert.split(/(?<=-----END CERTIFICATE-----\n)/);

/** What is trusted, without the root above it, and a server that it vouches for. */
const TRUSTED: Readonly<Record<string, { ca: string; identity: Identity }>> = {
  'an intermediate CA': { ca: pki.intermediate, identity: pki.chained },
  'an intermediate CA, which the server does not send': {
    ca: pki.intermediate,
    identity: { ...pki.chained, cert: leafOfChained },
  },
  "the server's own certificate": { ca: pki.good.cert, identity: pki.good },
  "the server's own, self-signed": { ca: pki.selfSigned.cert, identity: pki.selfSigned },
};
for (const [what, { ca, identity }] of Object.entries(TRUSTED)) {
  behaviour({ ids: ['TLS-VERIFY'], title: `${what} in tls.ca is enough`, options: { tls: { ca } } }, async (bench) => {
    const { job, x, status } = bench;
    const { sock } = await visit(bench, 'good', 'localhost', { tls: { identity } });
    expect(status.value, await explain(bench)).toBe(0);
    expect(job.socket(sock.value).tls?.verify).toEqual({ result: 'verified', reasons: [] });
    await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
    await visit(bench, 'unknownIssuer');
    expect(status.value).toBe(-348);
  });
}

for (const identity of ['expired', 'wrongName'] as const) {
  behaviour(
    {
      ids: ['TLS-VERIFY'],
      title: `${identity} is refused though tls.ca has it`,
      options: { tls: { ca: pki[identity].cert } },
    },
    async (bench) => {
      await visit(bench, identity);
      expect(bench.status.value).toBe(-348);
    },
  );
}

behaviour({ ids: ['TLS-VERIFY'], title: "the system's store does not know our root" }, async (bench) => {
  await visit(bench, 'good');
  expect(bench.status.value).toBe(-348);
  expect(await explain(bench)).toMatch(/issuer that is not trusted.*tls\.ca/);
});

behaviour(
  {
    ids: ['TLS-VERIFY-NONE'],
    title: "verify 'none' connects, and the facts say what is wrong",
    options: { tls: { ca: pki.ca, verify: 'none' } },
  },
  async (bench) => {
    const { job, x, status } = bench;
    const wanted = {
      expired: 'expired',
      notYetValid: 'not-yet-valid',
      selfSigned: 'self-signed',
      wrongName: 'wrong-name',
      unknownIssuer: 'unknown-issuer',
    } as const;
    for (const [identity, reason] of Object.entries(wanted) as [IdentityName, string][]) {
      const { sock } = await visit(bench, identity);
      expect(status.value).toBe(0);
      expect(job.socket(sock.value).tls?.verify).toEqual({ result: 'unchecked', reasons: [reason] });
      await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
    }
    const { sock } = await visit(bench, 'good');
    expect(job.socket(sock.value).tls?.verify).toEqual({ result: 'verified', reasons: [] });
  },
);

behaviour(
  { ids: ['TLS-VERIFY-NONE'], title: 'TCPX_TLS_VERIFY=none is the same, an option overrides it', options },
  async (bench) => {
    process.env.TCPX_TLS_VERIFY = 'none';
    try {
      for (const [tls, wanted] of [
        [{ ca: pki.ca }, 0],
        [{ ca: pki.ca, verify: 'full' }, -348],
      ] as const) {
        const job = bench.newJob({ tls });
        const peer = await startPeer({ tls: { identity: pki.wrongName }, steps: [{ expectEnd: 'any' }] });
        const args = [
          TCPOP_CONNECT,
          bench.status,
          '',
          F(peer.port),
          TCPXFLG_BLOCK + TCPXFLG_TLS,
          LIMIT,
          'localhost',
        ] as const;
        expect(bench.mode === 'sync' ? job.xcall('TCPX', ...args) : await job.xcall.async('TCPX', ...args)).toBe(
          wanted,
        );
      }
    } finally {
      delete process.env.TCPX_TLS_VERIFY;
    }
  },
);

behaviour(
  { ids: ['TLS-OPTIONS'], title: 'options that make no sense are refused by name when the job is made' },
  async ({ engine }) => {
    const bad: [object, RegExp][] = [
      [{ ca: 'no PEM, no file' }, /tls\.ca.*no PEM, no file/],
      [{ ca: Buffer.from('junk') }, /tls\.ca/],
      [{ cert: pki.good.cert }, /tls\.cert and tls\.key/],
      [{ key: pki.good.key }, /tls\.cert and tls\.key/],
      [{ cert: pki.good.cert, key: 'junk' }, /tls\.key/],
      [{ verify: 'some' }, /tls\.verify/],
      [{ clientAuth: 'maybe' }, /tls\.clientAuth/],
      [{ handshakeTimeout: 0 }, /tls\.handshakeTimeout/],
      [{ alpn: [''] }, /tls\.alpn/],
      [{ servername: '' }, /tls\.servername is empty.*host of the connection/],
    ];
    for (const [tls, message] of bad) {
      const attempt = () => createJob({ engine, tls });
      expect(attempt, String(message)).toThrow(UsageError);
      expect(attempt).toThrow(message);
    }
  },
);

behaviour(
  {
    ids: ['TLS-OPTIONS'],
    title: 'a key of another certificate, and PEM that is none: CONNECT is -22 with the option named',
  },
  async (bench) => {
    const peer = await startPeer({ tls: {}, count: 2, steps: [{ expectEnd: 'any' }] });
    for (const [tls, named] of [
      [{ ca: pki.ca, cert: pki.good.cert, key: pki.client.key }, /tls\.(cert|key)/],
      [{ ca: `-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n` }, /tls\.ca/],
    ] as const) {
      const job = bench.newJob({ tls });
      const call = async (...args: Parameters<Bench['x']>) =>
        bench.mode === 'sync' ? job.xcall('TCPX', ...args) : await job.xcall.async('TCPX', ...args);
      const sock = F(peer.port);
      await call(TCPOP_CONNECT, bench.status, '', sock, TCPXFLG_BLOCK + TCPXFLG_TLS, LIMIT, 'localhost');
      expect(bench.status.value).toBe(-22);
      expect(sock.value).toBe(-1);
      const text = S(0);
      await call(TCPOP_ERRMSG, bench.status, text, 0, TCPXFLG_TLS);
      expect(text.value).toMatch(named);
    }
  },
);

behaviour(
  {
    ids: ['TLS-INFO'],
    title: 'the facts of a session, alike on both engines',
    options: { tls: { ca: pki.ca, alpn: ['imap', 'smtp'] } },
  },
  async (bench) => {
    const { job, x, status, buffer } = bench;
    const negotiations = [
      [
        { minVersion: 'TLSv1.3', ciphers: 'TLS_AES_256_GCM_SHA384', groups: 'X25519' },
        'TLSv1.3',
        'TLS_AES_256_GCM_SHA384',
        'x25519',
      ],
      [
        { minVersion: 'TLSv1.3', ciphers: 'TLS_CHACHA20_POLY1305_SHA256', groups: 'P-384' },
        'TLSv1.3',
        'TLS_CHACHA20_POLY1305_SHA256',
        'secp384r1',
      ],
      [
        { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', groups: 'P-256' },
        'TLSv1.2',
        'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
        'secp256r1',
      ],
      [
        { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305', groups: 'X25519' },
        'TLSv1.2',
        'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
        'x25519',
      ],
    ] as const;
    for (const [tls, version, suite, group] of negotiations) {
      const { peer, sock } = await visit(bench, 'good', 'localhost', {
        tls: { ...tls, alpn: ['smtp'] },
        steps: [{ send: 'x' }, { expectEnd: 'any' }],
      });
      expect(status.value, await explain(bench)).toBe(0);
      expect(job.socket(sock.value).tls).toMatchObject({
        engine: bench.engine,
        role: 'client',
        version,
        suite,
        group,
        alpn: 'smtp',
        servername: 'localhost',
        resumed: false,
        verify: { result: 'verified', reasons: [] },
        peer: { subject: 'CN=localhost', issuer: 'CN=tcpx test root' },
      });
      await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT);
      await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
      expect((await peer.finished()).connections[0]?.secure).toMatchObject({ version, cipher: suite, alpn: 'smtp' });
    }
  },
);

behaviour({ ids: ['TLS-INFO'], title: 'RSA suites of TLS 1.2 have their IANA names', options }, async (bench) => {
  for (const [cipher, suite, group] of [
    ['ECDHE-RSA-AES256-GCM-SHA384', 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'x25519'],
    ['AES128-GCM-SHA256', 'TLS_RSA_WITH_AES_128_GCM_SHA256', null],
    ['AES256-SHA', 'TLS_RSA_WITH_AES_256_CBC_SHA', null],
  ] as const) {
    const { sock } = await visit(bench, 'goodRsa', 'localhost', {
      tls: { identity: pki.goodRsa, maxVersion: 'TLSv1.2', ciphers: cipher, groups: 'X25519' },
    });
    expect(bench.status.value, `${cipher}: ${await explain(bench)}`).toBe(0);
    expect(bench.job.socket(sock.value).tls).toMatchObject({ suite, group });
    await bench.x(TCPOP_CLOSE, bench.status, '', sock, TCPXFLG_TLS);
  }
});

behaviour(
  {
    ids: ['TLS-ALPN'],
    title: 'a server without a protocol in common',
    options: { tls: { ca: pki.ca, alpn: ['imap'] } },
  },
  async (bench) => {
    await visit(bench, 'good', 'localhost', { tls: { alpn: ['smtp'] } });
    expect(bench.status.value).toBe(-12);
    expect(await explain(bench)).toMatch(/no_application_protocol|application protocol/i);
  },
);
