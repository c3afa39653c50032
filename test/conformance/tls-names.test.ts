/** Which names a server is verified by: those that the program gives, and those that the certificate has. */
import { createJob, F, S, UsageError } from 'tcpx';
import { TCPOP_CLOSE, TCPOP_CONNECT, TCPOP_ERRMSG, TCPXFLG_BLOCK, TCPXFLG_TLS } from 'tcpx/ashell.def';
import { afterEach, expect } from 'vitest';
import { type Bench, behaviour, guardDescriptors, LIMIT } from '../support/conformance.ts';
import { makeOddServer, makePki, type OddCertificate } from '../support/pki.ts';
import { type PeerScript, startPeer, startPeerHost, stopPeers } from '../support/scripted-peer.ts';

const pki = await makePki();
await startPeerHost();
guardDescriptors();
afterEach(stopPeers);

const bücher = await makeOddServer({ names: [{ type: 'dns', value: 'xn--bcher-kva.localhost' }] });

interface Visit {
  readonly status: number;
  readonly text: string;
  /** What the server was asked for by SNI. */
  readonly sni: string | null | undefined;
}

/** CONNECTs to a server on 127.0.0.1, verifying a name. */
async function visit(bench: Bench, servername: string, tls: PeerScript['tls'], more: object = {}): Promise<Visit> {
  const peer = await startPeer({ tls: { ...tls }, steps: [{ expectEnd: 'any' }] });
  const job = bench.newJob({ tls: { ca: pki.ca, servername, ...more } });
  const x = async (...args: Parameters<Bench['x']>) =>
    bench.mode === 'sync' ? job.xcall('TCPX', ...args) : await job.xcall.async('TCPX', ...args);
  const [sock, text] = [F(peer.port), S(0)];
  const status = await x(TCPOP_CONNECT, bench.status, '', sock, TCPXFLG_BLOCK + TCPXFLG_TLS, LIMIT, '127.0.0.1');
  await x(TCPOP_ERRMSG, bench.status, text, 0, TCPXFLG_TLS);
  if (status === 0) await x(TCPOP_CLOSE, bench.status, '', sock, TCPXFLG_TLS);
  const { connections } = await peer.outcome();
  return { status, text: text.value, sni: connections[0]?.secure?.servername };
}

behaviour(
  { ids: ['TLS-SNI', 'TLS-VERIFY'], title: 'tls.servername is read as the hostname of CONNECT is' },
  async (bench) => {
    for (const [servername, identity, sni] of [
      ['localhost.', pki.good, 'localhost'],
      ['LocalHost', pki.good, 'LocalHost'],
      ['bücher.localhost', bücher, 'xn--bcher-kva.localhost'],
      ['BÜCHER。localhost.', bücher, 'xn--bcher-kva.localhost'],
      ['xn--bcher-kva.localhost.', bücher, 'xn--bcher-kva.localhost'],
      ['127.0.0.1', pki.good, null],
      ['[::1]', pki.good, null],
      ['::1%1', pki.good, null],
    ] as const) {
      expect(await visit(bench, servername, { identity }), servername).toMatchObject({ status: 0, sni });
    }
    expect(await visit(bench, 'bücher.localhost', { identity: pki.good })).toMatchObject({ status: -348 });
  },
);

behaviour({ ids: ['TLS-OPTIONS'], title: 'a tls.servername that is no name is refused by name' }, async (bench) => {
  for (const [servername, message] of [
    ['', /^tls\.servername is empty.*host of the connection/],
    ['.', /^tls\.servername is empty/],
    ['。', /^tls\.servername is empty/],
    ['https://localhost', /^tls\.servername is a bare name/],
    ['local host', /^tls\.servername holds a character/],
    ['localhost\0.example', /^tls\.servername holds a character/],
    ['localhost\\.example', /^tls\.servername holds a character/],
    ['bü\tcher.localhost', /^tls\.servername holds a character/],
    ['bücher\\.localhost', /^tls\.servername holds a character/],
    ['bücher/.localhost', /^tls\.servername holds a character/],
    ['bücher?.localhost', /^tls\.servername holds a character/],
    ['bücher#.localhost', /^tls\.servername holds a character/],
    ['bü%63her.localhost', /^tls\.servername holds a character/],
    ['bü:cher.localhost', /^tls\.servername 'bü:cher\.localhost' is not a valid/],
    ['１２７.0.0.1', /^tls\.servername '１２７\.0\.0\.1' is not a valid/],
    [`${'a.'.repeat(140)}example`, /^tls\.servername holds .* longer than 255/],
  ] as const) {
    const attempt = () => createJob({ engine: bench.engine, tls: { servername } });
    expect(attempt, servername).toThrow(UsageError);
    expect(attempt, servername).toThrow(message);
  }
});

const dns = (value: string) => ({ type: 'dns', value }) as const;

/** What a certificate has -> the name it is looked at for -> whether it is for that name. */
const NAMES: readonly [string, OddCertificate, string, boolean][] = [
  ['one CN and nothing else', { names: null }, 'localhost', true],
  ['a DNS name beside another CN', { subject: 'CN=other.example', names: [dns('localhost')] }, 'localhost', true],
  ['a CN beside another DNS name', { names: [dns('other.example')] }, 'localhost', false],
  ['a CN beside an address', { names: [{ type: 'ip', value: '127.0.0.1' }] }, 'localhost', false],
  ['a CN beside a URI', { names: [{ type: 'url', value: 'https://localhost/' }] }, 'localhost', false],
  ['a CN beside a mail address', { names: [{ type: 'email', value: 'me@localhost' }] }, 'localhost', true],
  ['a CN beside a directory name', { names: [{ type: 'dn', value: 'CN=tcpx' }] }, 'localhost', true],
  ['a CN beside a registered number', { names: [{ type: 'id', value: '1.2.3.4' }] }, 'localhost', true],
  ['a CN beside a name of another kind', { names: [{ type: 'upn', value: 'me@localhost' }] }, 'localhost', true],
  ['two CN, the first of them', { subject: 'CN=localhost,CN=other.example', names: null }, 'localhost', false],
  ['two CN, the second of them', { subject: 'CN=other.example,CN=localhost', names: null }, 'localhost', false],
  ['an address in the CN', { subject: 'CN=127.0.0.1', names: null }, '127.0.0.1', false],
  ['an address as a DNS name', { names: [dns('127.0.0.1')] }, '127.0.0.1', false],
  ['a DNS name with a dot at its end', { names: [dns('localhost.')] }, 'localhost', false],
  ['a DNS name in capitals', { names: [dns('LOCALHOST')] }, 'localhost', true],
  ['a wildcard', { names: [dns('*.bar.localhost')] }, 'foo.bar.localhost', true],
  ['a wildcard for two labels', { names: [dns('*.bar.localhost')] }, 'a.foo.bar.localhost', false],
  ['a wildcard for no label', { names: [dns('*.bar.localhost')] }, 'bar.localhost', false],
  ['a wildcard with a dot at its end', { names: [dns('*.bar.localhost.')] }, 'foo.bar.localhost', false],
  ['a wildcard with one label', { names: [dns('*.localhost')] }, 'foo.localhost', false],
  ['a wildcard behind letters', { names: [dns('foo*.bar.localhost')] }, 'foox.bar.localhost', false],
  ['a wildcard between letters', { names: [dns('f*x.bar.localhost')] }, 'foox.bar.localhost', false],
  ['a wildcard in the second label', { names: [dns('foo.*.localhost')] }, 'foo.bar.localhost', false],
  ['a wildcard in a CN', { subject: 'CN=*.bar.localhost', names: null }, 'foo.bar.localhost', true],
  ['a wildcard behind letters in a CN', { subject: 'CN=foo*.bar.localhost', names: null }, 'foox.bar.localhost', false],
  ['a CN with a dot at its end', { subject: 'CN=localhost.', names: null }, 'localhost', false],
  ['a good name behind bad ones', { names: [dns('localhost.'), dns('l*.x.y'), dns('localhost')] }, 'localhost', true],
  ['a good name behind what looks like two', { names: [dns('a, DNS:b.example'), dns('localhost')] }, 'localhost', true],
  ['a name within another', { names: [dns('a.example, DNS:localhost')] }, 'localhost', false],
  ['a name behind a NUL', { names: [dns('localhost\0.example')] }, 'localhost', false],
  ['a NUL in a CN', { subject: 'CN=localhost\0.example', names: null }, 'localhost', false],
  ['a DNS name without a subject', { subject: '', names: [dns('localhost')] }, 'localhost', true],
  ['neither names nor a subject', { subject: '', names: null }, 'localhost', false],
  ['no name at all', { subject: 'O=tcpx', names: null }, 'localhost', false],
];

for (const [what, odd, servername, isGood] of NAMES) {
  behaviour({ ids: ['TLS-VERIFY'], title: `${what}: ${isGood ? 'verified' : 'refused'}` }, async (bench) => {
    const { status, text } = await visit(bench, servername, { identity: await makeOddServer(odd) });
    expect(status, text).toBe(isGood ? 0 : -348);
    if (!isGood) expect(text).toContain('the certificate is not for this name');
  });
}
