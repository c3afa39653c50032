import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { F, S } from 'tcpx';
import {
  TCPOP_CHECK,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_ERRMSG,
  TCPOP_READ,
  TCPOP_WRITE,
  TCPXFLG_BLOCK,
  TCPXFLG_TLS,
} from 'tcpx/ashell.def';
import { afterEach, expect } from 'vitest';
import { type Bench, behaviour, guardDescriptors, LIMIT } from '../support/conformance.ts';
import { DIVERGENCES } from '../support/divergences.ts';
import { cleanUpAfterAll, runProcess, tempDir } from '../support/peer.ts';
import { makePki, writePki } from '../support/pki.ts';
import { startPeer, startPeerHost, stopPeers } from '../support/scripted-peer.ts';

const pki = await makePki();
const dir = tempDir();
cleanUpAfterAll();
const files = await writePki(dir);
await startPeerHost();
guardDescriptors();
afterEach(stopPeers);

const root = fileURLToPath(new URL('../..', import.meta.url));
const options = { tls: { ca: pki.ca } };

async function connect({ x, status }: Bench, port: number, priority = '') {
  const sock = F(port);
  await x(TCPOP_CONNECT, status, priority, sock, TCPXFLG_BLOCK + TCPXFLG_TLS, LIMIT, 'localhost');
  return sock;
}

/** What ERRMSG says of the last STATUS. */
async function explain({ x, status }: Bench): Promise<string> {
  const text = S(0);
  await x(TCPOP_ERRMSG, status, text, 0, TCPXFLG_TLS);
  return text.value;
}

behaviour(
  { ids: ['TLS-PRIORITY', 'TLS-PRIORITY-DEFAULT'], title: 'priority strings in the buffer of CONNECT', options },
  async (bench) => {
    const { job, x, status } = bench;
    for (const [priority, wanted] of [
      ['', { version: 'TLSv1.3' }],
      ['NORMAL', { version: 'TLSv1.3' }],
      ['NORMAL:-VERS-ALL:+VERS-TLS1.2', { version: 'TLSv1.2' }],
      ['PFS', { version: 'TLSv1.3' }],
      ['SECURE128', { version: 'TLSv1.3' }],
      ['NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305', { suite: 'TLS_CHACHA20_POLY1305_SHA256' }],
      ['NORMAL:-CIPHER-ALL:+AES-128-GCM:-VERS-ALL:+VERS-TLS1.2', { suite: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256' }],
      ['NORMAL:-GROUP-ALL:+GROUP-SECP384R1', { group: 'secp384r1' }],
      ['NORMAL:-GROUP-ALL:+GROUP-X25519', { group: 'x25519' }],
    ] as const) {
      const peer = await startPeer({ tls: {}, steps: [{ expectEnd: 'any' }] });
      const sock = await connect(bench, peer.port, priority);
      expect(status.value, `${priority}: ${await explain(bench)}`).toBe(0);
      expect(job.socket(sock.value).tls, priority).toMatchObject(wanted);
      await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
      await peer.finished();
    }
  },
);

behaviour(
  { ids: ['TLS-PRIORITY-BAD'], title: 'a bad one is -50, names itself, and nothing stays open', options },
  async (bench) => {
    const peer = await startPeer({ count: 6, steps: [{ expectEnd: 'any' }] });
    for (const priority of [
      'nonsense',
      'NORMAL:+NO-SUCH-CIPHER',
      'NORMAL:-VERS-ALL:+VERS-TLS9',
      'NORMAL::',
      'NORMAL:%NO_SUCH_OPTION',
    ]) {
      const sock = await connect(bench, peer.port, priority);
      expect(bench.status.value, priority).toBe(-50);
      expect(sock.value).toBe(-1);
      const text = await explain(bench);
      expect(text).toContain('priority string');
      expect(bench.job.sockets).toEqual([]);
    }
    await connect(bench, peer.port, 'NONE');
    expect(bench.status.value).toBe(-326);
  },
);

behaviour(
  { ids: ['TLS-PRIORITY-BAD'], title: 'what OpenSSL does not have is refused by name there, never dropped', options },
  async (bench) => {
    const peer = await startPeer({ tls: {}, steps: [{ expectEnd: 'any' }] });
    const sock = await connect(bench, peer.port, 'NORMAL:+GOST28147-TC26Z-CNT');
    if (bench.engine === 'gnutls') {
      expect(bench.status.value).toBe(0);
      await bench.x(TCPOP_CLOSE, bench.status, '', sock, TCPXFLG_TLS);
    } else {
      expect(bench.status.value).toBe(-50);
      expect(await explain(bench)).toContain('GOST28147-TC26Z-CNT');
    }
  },
);

behaviour(
  { ids: ['TLS-PRIORITY', 'TLS-HANDSHAKE-FAILED'], title: 'no version in common with the server', options },
  async (bench) => {
    for (const [priority, tls] of [
      ['NORMAL:-VERS-ALL:+VERS-TLS1.2', { minVersion: 'TLSv1.3' }],
      ['NORMAL:-VERS-ALL:+VERS-TLS1.3', { maxVersion: 'TLSv1.2' }],
    ] as const) {
      const peer = await startPeer({ tls, steps: [] });
      const sock = await connect(bench, peer.port, priority);
      expect(bench.status.value, priority).toBe(-12);
      expect(await explain(bench)).toMatch(/protocol.version/i);
      expect(sock.value).toBe(-1);
    }
  },
);

for (const [priorities, known] of [
  [['NORMAL', 'SECURE128', 'PFS', 'NORMAL:%COMPAT'], [DIVERGENCES.oldVersions]],
  [['LEGACY', 'NORMAL:+VERS-TLS1.0'], []],
] as const) {
  for (const priority of priorities) {
    behaviour(
      {
        ids: ['TLS-PRIORITY'],
        title: `${priority} and a server that has TLS 1.0 or 1.1 alone`,
        options,
        diverges: known,
      },
      async (bench) => {
        for (const version of ['TLSv1', 'TLSv1.1'] as const) {
          const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
          const peer = await startPeer({ tls: { ...old, identity: pki.goodRsa }, steps: [{ expectEnd: 'any' }] });
          const sock = await connect(bench, peer.port, priority);
          expect(bench.status.value, await explain(bench)).toBe(0);
          await bench.x(TCPOP_CLOSE, bench.status, '', sock, TCPXFLG_TLS);
        }
      },
    );
  }
}

behaviour(
  { ids: ['TLS-KEYLOG'], title: 'SSLKEYLOGFILE receives the secrets of both versions', options },
  async ({ engine, mode }) => {
    const file = join(dir, `keys-${engine}-${mode}.log`);
    const peer = await startPeer({ tls: {}, count: 2, steps: [{ send: 'x' }, { expectEnd: 'any' }] });
    const call = mode === 'sync' ? 'job.xcall' : 'await job.xcall.async';
    const script = `
    import { createJob, F, S } from 'tcpx';
    const job = createJob({ engine: '${engine}', tls: { ca: ${JSON.stringify(files.ca)} } });
    const status = F();
    for (const priority of ['', 'NORMAL:-VERS-ALL:+VERS-TLS1.2']) {
      const sock = F(${peer.port});
      ${call}('TCPX', 9, status, priority, sock, ${TCPXFLG_BLOCK + TCPXFLG_TLS}, ${LIMIT}, 'localhost');
      ${call}('TCPX', 4, status, S(10), sock, ${TCPXFLG_TLS}, ${LIMIT});
      ${call}('TCPX', 6, status, '', sock, ${TCPXFLG_TLS});
    }
    job.close();`;
    const exit = await runProcess({
      command: process.execPath,
      args: ['--input-type=module', '-e', script],
      cwd: root,
      env: { SSLKEYLOGFILE: file },
    });
    expect(exit.code, exit.output).toBe(0);
    const keys = readFileSync(file, 'latin1');
    expect(keys).toMatch(/^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]{64,96}$/m);
    expect(keys).toMatch(/^SERVER_TRAFFIC_SECRET_0 /m);
    expect(keys).toMatch(/^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}$/m);
  },
);

for (const topic of ['socks', 'xdebug'] as const) {
  behaviour({ ids: ['TLS-TRACE'], title: `the trace option ${topic}`, timeout: 20_000 }, async (bench) => {
    const file = join(dir, `trace-${bench.engine}-${bench.mode}-${topic}.txt`);
    const job = bench.newJob({ tls: { ca: pki.ca }, trace: [topic], traceFile: file });
    const call = async (...args: Parameters<Bench['x']>) =>
      bench.mode === 'sync' ? job.xcall('TCPX', ...args) : await job.xcall.async('TCPX', ...args);
    const peer = await startPeer({ tls: {}, steps: [{ expect: 'text' }, { send: 'answer' }, { expectEnd: 'any' }] });
    const sock = F(peer.port);
    const { status } = bench;
    expect(await call(TCPOP_CONNECT, status, '', sock, TCPXFLG_BLOCK + TCPXFLG_TLS, LIMIT, 'localhost')).toBe(0);
    await call(TCPOP_WRITE, status, 'text', sock, 4 + TCPXFLG_TLS, LIMIT);
    await call(TCPOP_READ, status, S(10), sock, 6 + TCPXFLG_TLS, LIMIT);
    await call(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
    job.close();
    const trace = readFileSync(file, 'latin1');
    const facts = /^sock \d+ client TLSv1\.3 TLS_\S+ \S+, peer CN=localhost \(verified\)$/m;
    if (topic === 'socks') {
      expect(trace).not.toMatch(facts);
      expect(trace).not.toMatch(/gnutls </);
      return;
    }
    expect(trace).toMatch(facts);
    if (bench.engine === 'gnutls') {
      expect(trace).toMatch(/^sock \d+ gnutls <4> HSK: CLIENT HELLO/m);
      expect(trace).toMatch(/^sock \d+ gnutls <5> REC: /m);
      expect(trace).not.toMatch(/\[0x/);
    }
    expect(trace).not.toMatch(/<[6-9]>|<1\d>/);
    // What level 9 would print: INT: CLIENT WRITE KEY [16]: 00ff..., INT: PREMASTER SECRET[48]: ...
    expect(trace).not.toMatch(/INT:|WRITE (KEY|IV)|SECRET ?\[|\b[0-9a-f]{48,}\b/i);
  });
}

behaviour(
  { ids: ['TLS-TRACE'], title: 'no line of the library reaches a job that does not trace', options },
  async (bench) => {
    const file = join(dir, `other-${bench.engine}-${bench.mode}.txt`);
    const tracing = bench.newJob({ tls: { ca: pki.ca }, trace: ['xdebug'], traceFile: file });
    const peer = await startPeer({ tls: {}, count: 1, steps: [{ send: 'x' }, { expectEnd: 'any' }] });
    const { x, status, buffer } = bench;
    const sock = await connect(bench, peer.port);
    await x(TCPOP_CHECK, status, '', sock, TCPXFLG_TLS, LIMIT);
    await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT);
    await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
    tracing.close();
    expect(() => readFileSync(file)).toThrow(/ENOENT/);
  },
);

behaviour(
  { ids: ['TLS-TRACE', 'THREADS'], title: 'xdebug beside a worker thread that serves on the same engine' },
  async (bench) => {
    const { status, engine } = bench;
    const visits = 10;
    const worker = new Worker(fileURLToPath(new URL('children/tls-server-thread.mjs', import.meta.url)), {
      workerData: { engine, tls: pki.good, visits },
      execArgv: [],
    });
    const ended = once(worker, 'exit');
    const [port] = await once(worker, 'message');
    const file = join(dir, `threads-${engine}-${bench.mode}.txt`);
    const job = bench.newJob({ tls: { ca: pki.ca, resume: false }, trace: ['xdebug'], traceFile: file });
    const call = async (...args: Parameters<Bench['x']>) =>
      bench.mode === 'sync' ? job.xcall('TCPX', ...args) : await job.xcall.async('TCPX', ...args);
    const flags = TCPXFLG_BLOCK + TCPXFLG_TLS;
    for (let visit = 0; visit < visits; visit += 1) {
      const sock = F(port);
      expect(await call(TCPOP_CONNECT, status, '', sock, flags, LIMIT, 'localhost'), `visit ${visit}`).toBe(0);
      expect(await call(TCPOP_READ, status, S(1), sock, 1 + TCPXFLG_TLS, LIMIT)).toBe(1);
      expect(await call(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
    }
    await ended;
    const beside = readFileSync(file, 'latin1');
    expect(beside.match(/gnutls has no log beside worker threads/g) ?? []).toHaveLength(
      engine === 'gnutls' ? visits : 0,
    );
    expect(beside).not.toMatch(/gnutls </);

    // Alone again, the library says what it does.
    const peer = await startPeer({ tls: {}, steps: [{ expectEnd: 'any' }] });
    const sock = F(peer.port);
    expect(await call(TCPOP_CONNECT, status, '', sock, flags, LIMIT, 'localhost')).toBe(0);
    expect(await call(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
    expect(/gnutls </.test(readFileSync(file, 'latin1'))).toBe(engine === 'gnutls');
  },
);

behaviour({ ids: ['CLOSE-SENDS'], title: 'CLOSE of what the peer does not take', options }, async (bench) => {
  const { engine, x, status } = bench;
  const peer = await startPeer({ tls: {}, steps: [{ neverRead: true }] });
  const sock = await connect(bench, peer.port);
  const block = S(0, 'x'.repeat(1_000_000));
  // As buffers grow, what they do not take at first they may take a little later.
  for (let refused = 0; refused < 3; )
    if ((await x(TCPOP_WRITE, status, block, sock, TCPXFLG_TLS, 200)) === -11) refused += 1;
  // Node goes on in the background; what GnuTLS holds of a sealed record goes with the session.
  expect(await x(TCPOP_CLOSE, status, '', sock)).toBe(engine === 'node' ? 0 : -319);
  expect(sock.value).toBe(-1);
  if (engine === 'gnutls')
    expect(await explain(bench)).toMatch(/did not take the end of what was written .* it is lost/);
});
