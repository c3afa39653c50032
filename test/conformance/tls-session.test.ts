import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { F, S } from 'tcpx';
import {
  TCPOP_ACCEPT,
  TCPOP_CHECK,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_ERRMSG,
  TCPOP_READ,
  TCPOP_SHUTDOWN,
  TCPOP_WRITE,
  TCPXFLG_ASYNC,
  TCPXFLG_BLOCK,
  TCPXFLG_KEEPLISTEN,
  TCPXFLG_LISTEN,
  TCPXFLG_TLS,
} from 'tcpx/ashell.def';
import { afterEach, expect } from 'vitest';
import { type Bench, behaviour, guardDescriptors, LIMIT } from '../support/conformance.ts';
import { cleanUpAfterAll, runProcess, startProcess, tempDir } from '../support/peer.ts';
import { makePki, writePki } from '../support/pki.ts';
import { type PeerTls, startPeer, startPeerHost, stopPeers } from '../support/scripted-peer.ts';

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

/** CONNECTs, READs a byte (session tickets come before it) and CLOSEs; the facts of the session. */
async function visit(bench: Bench, port: number, priority = '') {
  const { x, status, buffer, job } = bench;
  const sock = await connect(bench, port, priority);
  expect(status.value, await explain(bench)).toBe(0);
  const facts = job.socket(sock.value).tls;
  expect(await x(TCPOP_READ, status, buffer, sock, 1 + TCPXFLG_TLS, LIMIT)).toBe(1);
  expect(await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS)).toBe(0);
  return facts;
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const tls: PeerTls = { minVersion: version, maxVersion: version };
  const steps = [{ send: 'x' }, { expectEnd: 'close-notify' }] as const;

  behaviour(
    { ids: ['TLS-RESUME'], title: `${version}: the second CONNECT resumes, the facts stay complete`, options },
    async (bench) => {
      const peer = await startPeer({ tls, count: 2, steps });
      const visits = [await visit(bench, peer.port), await visit(bench, peer.port)];
      expect(visits.map((facts) => facts?.resumed)).toEqual([false, true]);
      for (const facts of visits) {
        expect(facts).toMatchObject({
          version,
          verify: { result: 'verified', reasons: [] },
          peer: { subject: 'CN=localhost' },
        });
        expect(facts?.suite).toBe(visits[0]?.suite);
      }
      const { connections } = await peer.finished();
      expect(connections.map(({ secure }) => secure?.resumed)).toEqual([false, true]);
    },
  );

  behaviour(
    {
      ids: ['TLS-RESUME'],
      title: `${version}: tls.resume false does not`,
      options: { tls: { ca: pki.ca, resume: false } },
    },
    async (bench) => {
      const peer = await startPeer({ tls, count: 2, steps });
      await visit(bench, peer.port);
      expect((await visit(bench, peer.port))?.resumed).toBe(false);
      await peer.finished();
    },
  );

  behaviour(
    {
      ids: ['TLS-RESUME', 'TLS-PRIORITY'],
      title: `${version}: nor does %NO_TICKETS, nor another priority string`,
      options,
    },
    async (bench) => {
      const peer = await startPeer({ tls, count: 4, steps });
      await visit(bench, peer.port, 'NORMAL:%NO_TICKETS');
      if (version === 'TLSv1.2') await visit(bench, peer.port, 'NORMAL:%NO_TICKETS');
      else expect((await visit(bench, peer.port, 'NORMAL:%NO_TICKETS'))?.resumed).toBe(false);
      await visit(bench, peer.port, 'NORMAL');
      expect((await visit(bench, peer.port, 'NORMAL:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM'))?.resumed).toBe(false);
      await peer.finished();
    },
  );

  for (const resume of [true, false]) {
    behaviour(
      {
        ids: ['TLS-RESUME', 'TLS-SERVER'],
        title: `${version}: as a server with tls.resume ${resume}`,
        options: { bind: '127.0.0.1', tls: { ...pki.good, resume } },
      },
      async (bench) => {
        const { x, status, buffer, job, engine, mode } = bench;
        const listener = F(0);
        await x(TCPOP_ACCEPT, status, '', listener, TCPXFLG_LISTEN);
        const { port } = job.socket(listener.value).local;
        const session = join(dir, `${engine}-${mode}-${version}-${resume}.pem`);
        const resumed: (boolean | undefined)[] = [];
        for (const use of [
          ['-sess_out', session],
          ['-sess_in', session],
        ]) {
          if (!resume && use[0] === '-sess_in') break;
          const args = [
            's_client',
            '-connect',
            `127.0.0.1:${port}`,
            '-CAfile',
            files.ca,
            `-tls${version.slice(4).replace('.', '_')}`,
            '-ign_eof',
            ...use,
          ];
          const client = await startProcess({ command: 'openssl', args });
          const sock = F(listener.value);
          await x(
            TCPOP_ACCEPT,
            status,
            '',
            sock,
            TCPXFLG_BLOCK + TCPXFLG_ASYNC + TCPXFLG_KEEPLISTEN + TCPXFLG_TLS,
            LIMIT,
          );
          expect(status.value, await explain(bench)).toBe(0);
          resumed.push(job.socket(sock.value).tls?.resumed);
          await x(TCPOP_WRITE, status, 'x', sock, 1 + TCPXFLG_TLS, LIMIT);
          await x(TCPOP_SHUTDOWN, status, '', sock, 1 + TCPXFLG_TLS);
          await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT);
          await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
          await client.finished();
          if (!resume) expect(client.output()).toMatch(/TLS session ticket hint|New, TLSv1/);
        }
        expect(resumed).toEqual(resume ? [false, true] : [false]);
        await x(TCPOP_CLOSE, status, '', listener);
      },
    );
  }
}

behaviour(
  {
    ids: ['TLS-RESUME'],
    title: 'our client resumes with our server',
    options: { bind: '127.0.0.1', tls: { ...pki.good, ca: pki.ca } },
  },
  async (bench) => {
    if (bench.mode === 'sync') return;
    const { x, status, job } = bench;
    const client = bench.newJob(options);
    const listener = F(0);
    await x(TCPOP_ACCEPT, status, '', listener, TCPXFLG_LISTEN);
    const { port } = job.socket(listener.value).local;
    const resumed: unknown[] = [];
    for (let visits = 0; visits < 2; visits += 1) {
      const sock = F(listener.value);
      const accepting = x(
        TCPOP_ACCEPT,
        status,
        '',
        sock,
        TCPXFLG_BLOCK + TCPXFLG_ASYNC + TCPXFLG_KEEPLISTEN + TCPXFLG_TLS,
        LIMIT,
      );
      const other = F(port);
      const result = F();
      expect(
        await client.xcall.async(
          'TCPX',
          TCPOP_CONNECT,
          result,
          '',
          other,
          TCPXFLG_BLOCK + TCPXFLG_TLS,
          LIMIT,
          'localhost',
        ),
      ).toBe(0);
      expect(await accepting).toBe(0);
      await x(TCPOP_WRITE, status, 'x', sock, 1 + TCPXFLG_TLS, LIMIT);
      expect(await client.xcall.async('TCPX', TCPOP_READ, result, S(10), other, TCPXFLG_TLS, LIMIT)).toBe(1);
      resumed.push(client.socket(other.value).tls?.resumed, job.socket(sock.value).tls?.resumed);
      await client.xcall.async('TCPX', TCPOP_CLOSE, result, '', other, TCPXFLG_TLS);
      expect(await x(TCPOP_READ, status, S(10), sock, TCPXFLG_TLS, LIMIT)).toBe(0);
      await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
    }
    expect(resumed).toEqual([false, false, true, true]);
  },
);

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
