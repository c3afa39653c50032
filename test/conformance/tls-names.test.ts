/** Which names a server is verified by: those that the program gives, and those that the certificate has. */
import { createJob, F, S, UsageError } from 'tcpx';
import { TCPOP_CLOSE, TCPOP_CONNECT, TCPOP_ERRMSG, TCPXFLG_BLOCK, TCPXFLG_TLS } from 'tcpx/ashell.def';
import { afterEach, expect } from 'vitest';
import { type Bench, behaviour, guardDescriptors, LIMIT } from '../support/conformance.ts';
import { makeOddServer, makePki } from '../support/pki.ts';
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
