/** Resumption of sessions, in both roles (tcpx §7, RFC 5077, RFC 8446 §2.2 and App. C.4). */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { F, S } from 'tcpx';
import {
  TCPOP_ACCEPT,
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
import { DIVERGENCES } from '../support/divergences.ts';
import { cleanUpAfterAll, startProcess, tempDir } from '../support/peer.ts';
import { makePki, writePki } from '../support/pki.ts';
import { type PeerTls, startPeer, startPeerHost, stopPeers } from '../support/scripted-peer.ts';
import { startOpensslServer } from '../support/tls-tools.ts';

const pki = await makePki();
const dir = tempDir();
cleanUpAfterAll();
const files = await writePki(dir);
await startPeerHost();
guardDescriptors();
afterEach(stopPeers);

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

/** Serves `count` visits of a node:tls client in a process of its own; how both sides saw them. */
async function visited({ x, status, buffer, job }: Bench, version: string, count: number) {
  const listener = F(0);
  await x(TCPOP_ACCEPT, status, '', listener, TCPXFLG_LISTEN);
  const { port } = job.socket(listener.value).local;
  const script = fileURLToPath(new URL('children/tls-visits.mjs', import.meta.url));
  const args = [script, String(port), String(count), files.ca, version];
  const client = await startProcess({ command: process.execPath, args });
  const served: (boolean | undefined)[] = [];
  for (let visit = 0; visit < count; visit += 1) {
    const sock = F(listener.value);
    const flags = TCPXFLG_BLOCK + TCPXFLG_ASYNC + TCPXFLG_KEEPLISTEN + TCPXFLG_TLS;
    expect(await x(TCPOP_ACCEPT, status, '', sock, flags, LIMIT)).toBe(0);
    served.push(job.socket(sock.value).tls?.resumed);
    await x(TCPOP_WRITE, status, 'x', sock, 1 + TCPXFLG_TLS, LIMIT);
    await x(TCPOP_SHUTDOWN, status, '', sock, 1 + TCPXFLG_TLS);
    expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT)).toBe(0);
    await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
  }
  await x(TCPOP_CLOSE, status, '', listener);
  expect((await client.finished()).code, client.output()).toBe(0);
  return { served, visits: JSON.parse(client.stdout()) as { resumed: boolean; given: number }[] };
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  behaviour(
    {
      ids: ['TLS-RESUME', 'TLS-SERVER'],
      title: `${version}: a node:tls client resumes with our server, again and again`,
      options: { bind: '127.0.0.1', tls: pki.good },
    },
    async (bench) => {
      const { served, visits } = await visited(bench, version, 3);
      expect(served).toEqual([false, true, true]);
      expect(visits.map(({ resumed }) => resumed)).toEqual(served);
      expect(visits[0]?.given).toBeGreaterThan(0);
    },
  );
}

behaviour(
  {
    ids: ['TLS-RESUME', 'TLS-SERVER'],
    title: 'TLSv1.3: our server gives a new ticket in a session that was resumed',
    options: { bind: '127.0.0.1', tls: pki.good },
    diverges: [DIVERGENCES.ticketRenewal],
  },
  async (bench) => {
    const { visits } = await visited(bench, 'TLSv1.3', 2);
    expect(visits[1]).toEqual({ resumed: true, given: expect.any(Number) });
    expect(visits[1]?.given).toBeGreaterThan(0);
  },
);

behaviour(
  {
    ids: ['TLS-RESUME'],
    title: 'a ticket of TLS 1.3 is used once: where the server gives no new one, every other visit is a full handshake',
    options,
  },
  async (bench) => {
    // The peer is node:tls, which gives none in a session that it resumed.
    const peer = await startPeer({ tls: {}, count: 4, steps: [{ send: 'x' }, { expectEnd: 'close-notify' }] });
    const visits: unknown[] = [];
    for (let count = 0; count < 4; count += 1) visits.push((await visit(bench, peer.port))?.resumed);
    expect(visits).toEqual([false, true, false, true]);
    await peer.finished();
  },
);

behaviour(
  { ids: ['TLS-RESUME'], title: 'a session of TLS 1.2 is used as often as the server takes it', options },
  async (bench) => {
    const tls: PeerTls = { maxVersion: 'TLSv1.2' };
    const peer = await startPeer({ tls, count: 4, steps: [{ send: 'x' }, { expectEnd: 'close-notify' }] });
    const visits: unknown[] = [];
    for (let count = 0; count < 4; count += 1) visits.push((await visit(bench, peer.port))?.resumed);
    expect(visits).toEqual([false, true, true, true]);
    await peer.finished();
  },
);

for (const priority of ['', 'NORMAL:%NO_TICKETS']) {
  behaviour(
    {
      ids: ['TLS-RESUME'],
      title: `TLSv1.2 without tickets: resumed by identifier (priority '${priority}')`,
      options,
    },
    async (bench) => {
      const server = await startOpensslServer({ pki: files, version: '1.2', args: ['-no_ticket'] });
      const resumed: unknown[] = [];
      for (let count = 0; count < 3; count += 1) {
        const { x, status, buffer, job } = bench;
        const sock = await connect(bench, server.port, priority);
        expect(status.value, await explain(bench)).toBe(0);
        resumed.push(job.socket(sock.value).tls?.resumed);
        await x(TCPOP_WRITE, status, 'ab\n', sock, 3 + TCPXFLG_TLS, LIMIT);
        expect(await x(TCPOP_READ, status, buffer, sock, 3 + TCPXFLG_TLS, LIMIT)).toBe(3);
        await x(TCPOP_CLOSE, status, '', sock, TCPXFLG_TLS);
      }
      expect(resumed).toEqual([false, true, true]);
      await server.stop();
    },
  );
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
