import { setTimeout } from 'node:timers/promises';
import { F, S } from 'tcpx';
import {
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
import { cleanUpAfterAll, tempDir } from '../support/peer.ts';
import { makePki, writePki } from '../support/pki.ts';
import { type Step, startPeer, startPeerHost, stopPeers } from '../support/scripted-peer.ts';
import { startOpensslServer } from '../support/tls-tools.ts';
import { until } from './plain.ts';

const { ca } = await makePki();
await startPeerHost();
guardDescriptors();
afterEach(stopPeers);

const options = { tls: { ca } };

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

/** A server's answer to the ClientHello -> STATUS of CONNECT, and what ERRMSG says. */
const ANSWERS: Readonly<Record<string, { steps: readonly Step[]; status: number; text?: RegExp }>> = {
  'an SMTP banner': {
    steps: [{ send: '220 mail.example ESMTP\r\n' }],
    status: -15,
    text: /this port speaks plaintext/,
  },
  'an HTTP error': {
    steps: [{ send: 'HTTP/1.1 400 Bad Request\r\n\r\n' }],
    status: -15,
    text: /this port speaks plaintext/,
  },
  'a fatal alert': { steps: [{ send: '\x15\x03\x03\x00\x02\x02\x28' }], status: -12, text: /handshake_failure/ },
  unrecognized_name: { steps: [{ send: '\x15\x03\x03\x00\x02\x02\x70' }], status: -12, text: /unrecognized_name/ },
  'an oversized record': { steps: [{ send: `\x16\x03\x03\xff\xff${'x'.repeat(20_000)}` }], status: -417 },
  'application data ahead of the handshake': { steps: [{ send: '\x17\x03\x03\x00\x04abcd' }], status: -15 },
  'a second ClientHello': { steps: [{ send: '\x16\x03\x03\x00\x05\x01\x00\x00\x01\x00' }], status: -19 },
  'an end': { steps: [{ close: 'fin' }], status: -110 },
  'a reset': { steps: [{ close: 'rst' }], status: -54 },
  close_notify: { steps: [{ send: '\x15\x03\x03\x00\x02\x01\x00' }, { close: 'fin' }], status: -328 },
};
for (const [what, { steps, status: wanted, text }] of Object.entries(ANSWERS)) {
  behaviour(
    {
      ids: ['TLS-HANDSHAKE-FAILED', 'TLS-ERRMSG', 'TLS-ERRMSG-ORIGIN'],
      title: `the answer to the ClientHello is ${what}`,
      options,
    },
    async (bench) => {
      const peer = await startPeer({ steps: [{ expect: 5 }, ...steps, { expectEnd: 'any' }] });
      const sock = await connect(bench, peer.port);
      expect(bench.status.value, await explain(bench)).toBe(wanted);
      expect(sock.value).toBe(-1);
      expect(bench.job.sockets).toEqual([]);
      const message = await explain(bench);
      expect(message).not.toBe('');
      if (text !== undefined) expect(message).toMatch(text);
    },
  );
}

behaviour(
  { ids: ['TLS-HANDSHAKE-FAILED'], title: 'a greeting that comes before the ClientHello is the same', options },
  async (bench) => {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const peer = await startPeer({ steps: [{ send: '* OK IMAP4rev1 ready\r\n' }, { expectEnd: 'any' }] });
      await connect(bench, peer.port);
      expect(bench.status.value).toBe(-15);
      expect(await explain(bench)).toMatch(/this port speaks plaintext/);
      await peer.stop();
    }
  },
);

/** What a server sends below TLS in the middle of a session -> STATUS of READ. */
const RECORDS: Readonly<Record<string, { raw: string; status: number }>> = {
  'a record that does not decrypt': { raw: `\x17\x03\x03\x00\x30${'z'.repeat(48)}`, status: -24 },
  plaintext: { raw: 'HTTP/1.1 200 OK\r\n\r\n', status: -15 },
  'an oversized record': { raw: `\x17\x03\x03\xff\xff${'z'.repeat(1000)}`, status: -417 },
};
for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const [what, { raw, status: wanted }] of Object.entries(RECORDS)) {
    behaviour({ ids: ['TLS-BROKEN-RECORD'], title: `${version}: ${what} behind good data`, options }, async (bench) => {
      const { x, status, buffer } = bench;
      const peer = await startPeer({
        tls: { minVersion: version, maxVersion: version },
        steps: [{ send: 'good' }, { sendRaw: raw }, { expectEnd: 'any' }],
      });
      const sock = await connect(bench, peer.port);
      expect(await x(TCPOP_READ, status, buffer, sock, 4 + TCPXFLG_TLS, LIMIT)).toBe(4);
      expect(buffer.value).toBe('good');
      await x(TCPOP_READ, status, buffer, sock, 4 + TCPXFLG_TLS, LIMIT);
      expect(status.value, await explain(bench)).toBe(wanted);
      expect(sock.value).toBe(-1);
    });
  }
}

behaviour({ ids: ['TLS-BROKEN-RECORD'], title: 'a cut inside a record', options }, async (bench) => {
  const { x, status, buffer } = bench;
  const peer = await startPeer({
    tls: {},
    steps: [{ send: 'good' }, { sendRaw: '\x17\x03\x03\x00\x30zzz' }, { close: 'no-close-notify' }],
  });
  const sock = await connect(bench, peer.port);
  expect(await x(TCPOP_READ, status, buffer, sock, 4 + TCPXFLG_TLS, LIMIT)).toBe(4);
  await x(TCPOP_READ, status, buffer, sock, 4 + TCPXFLG_TLS, LIMIT);
  expect(status.value, await explain(bench)).toBe(-110);
  expect(sock.value).toBe(-1);
});

behaviour({ ids: ['TLS-BROKEN-RECORD'], title: 'a WRITE on a connection that was reset', options }, async (bench) => {
  const { x, status } = bench;
  const peer = await startPeer({ tls: {}, steps: [{ close: 'rst' }] });
  const sock = await connect(bench, peer.port);
  expect(status.value, await explain(bench)).toBe(0);
  await peer.finished();
  await until(4, () => x(TCPOP_WRITE, status, 'text', sock));
  expect([status.value, sock.value]).toEqual([-54, -1]);
});

cleanUpAfterAll();
behaviour(
  { ids: ['READ-COUNT-NONBLOCK'], title: 'a READ that may not wait, with tickets ahead of the data', options },
  async (bench) => {
    const { x, status, buffer } = bench;
    const server = await startOpensslServer({ pki: await writePki(tempDir()), mode: 'console', version: '1.3' });
    try {
      const sock = F(server.port);
      await x(TCPOP_CONNECT, status, '', sock, TCPXFLG_TLS, LIMIT, 'localhost');
      expect(status.value, await explain(bench)).toBe(0);
      server.process.write('data\n');
      await setTimeout(300);
      expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS + 4)).toBe(4);
      expect(buffer.value).toBe('data');
      expect(await x(TCPOP_CLOSE, status, '', sock)).toBe(0);
    } finally {
      await server.stop();
    }
  },
);

behaviour(
  {
    ids: ['TLS-BROKEN-RECORD'],
    title: 'TLS 1.2: a renegotiation is declined; OpenSSL as the server ends the session for that',
    options,
  },
  async (bench) => {
    const { x, status, buffer } = bench;
    const server = await startOpensslServer({ pki: await writePki(tempDir()), mode: 'console', version: '1.2' });
    try {
      const sock = await connect(bench, server.port);
      expect(status.value, await explain(bench)).toBe(0);
      server.process.write('r\n');
      expect(await x(TCPOP_READ, status, buffer, sock, TCPXFLG_TLS, LIMIT)).toBe(-12);
      expect(await explain(bench)).toMatch(/handshake_failure/);
      expect(sock.value).toBe(-1);
    } finally {
      await server.stop();
    }
  },
);
