// XCALL TCPX as the client of gnutls-serv and openssl s_server.

import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { cleanUpAfterAll, interop, tempDir } from '../support/peer.ts';
import { type IdentityName, makePki, type PkiPaths, writePki } from '../support/pki.ts';
import {
  type GnutlsServOptions,
  type OpensslServerOptions,
  startGnutlsServ,
  startOpensslServer,
  type TlsServer,
} from '../support/tls-tools.ts';
import { everyColumn, failureOf, inColumns, type Line, type Talker, withVersion } from './tcpx-columns.ts';

const { ca, otherCa, client, unknownClient } = await makePki();
let pki: PkiPaths;

beforeAll(async () => {
  pki = await writePki(tempDir());
});
cleanUpAfterAll();

const trusting = { tls: { ca } };
const withClientCert = { tls: { ca, ...client } };
const withUnknownCert = { tls: { ca, ...unknownClient } };

const FATAL_ALERT = -12;
/** Sending failed, receiving did, or the end came without close_notify: by whichever call Node learns it first. */
const BROKEN_PIPE: readonly number[] = [-53, -54, -110];
const CERTIFICATE_VERIFICATION = -348;

const ONLY = {
  '1.2': 'NORMAL:-VERS-ALL:+VERS-TLS1.2',
  '1.3': 'NORMAL:-VERS-ALL:+VERS-TLS1.3',
} as const;
const VERSIONS = ['1.2', '1.3'] as const;

/** How a server answers a line, and how its log tells a clean end from a cut. */
interface Kind {
  readonly answer: (line: string) => string;
  /** The log of a connection begins with this. */
  readonly begun: string;
  /** What it logs at a clean end; null where it says nothing. */
  readonly clean: RegExp | null;
  readonly failed: RegExp;
}

const ECHO: Kind = { answer: (line) => line, begun: '* Accepted connection', clean: null, failed: /^Error/m };
const REVERSE: Kind = {
  answer: (line) => `${[...line.slice(0, -1)].reverse().join('')}\n`,
  begun: 'CONNECTION ESTABLISHED',
  clean: /CONNECTION CLOSED/,
  failed: /error:|ERROR/,
};

/** One server for the tests of a suite. */
function server(start: () => Promise<TlsServer>): () => TlsServer {
  let running: TlsServer | undefined;
  beforeAll(async () => {
    running = await start();
    return () => running?.stop();
  });
  return () => {
    if (running === undefined) throw new Error('the server is not running');
    return running;
  };
}

const gnutlsServ = (options: () => Omit<GnutlsServOptions, 'pki'>) =>
  server(() => startGnutlsServ({ pki, ...options() }));
const opensslServer = (options: () => Omit<OpensslServerOptions, 'pki'>) =>
  server(() => startOpensslServer({ pki, ...options() }));

/** Runs a talk that has to end cleanly, and gives what the server logged about it. */
async function cleanly(at: TlsServer, { begun, clean, failed }: Kind, talk: () => Promise<void>): Promise<string> {
  const before = at.process.output().length;
  const open = openSockets(at);
  await talk();
  const since = () => at.process.output().slice(before);
  if (clean === null) {
    await expect.poll(() => openSockets(at), POLL).toBeLessThanOrEqual(open);
    await setTimeout(POLL.interval);
  } else await expect.poll(since, POLL).toMatch(clean);
  // The end of an earlier connection may have been logged late.
  const log = since().slice(Math.max(0, since().lastIndexOf(begun)));
  expect(log).not.toMatch(failed);
  return log;
}

const POLL = { timeout: 15_000, interval: 10 };

/** How many sockets the server holds; a server that says nothing at the end of a connection closes it all the same. */
function openSockets({ process }: TlsServer): number {
  const descriptors = `/proc/${process.pid}/fd`;
  return readdirSync(descriptors).filter((name) => readlinkSync(join(descriptors, name)).startsWith('socket:')).length;
}

async function ask(line: Line, kind: Kind, text = 'hello there\n'): Promise<void> {
  await line.write(text);
  expect(await line.readTo(/\n$/)).toBe(kind.answer(text));
}

/** Connects, asks, closes: the server must have seen close_notify and nothing to complain about. */
function greetAndClose({ party }: Talker, at: TlsServer, kind: Kind, look: (line: Line) => void): Promise<string> {
  return cleanly(at, kind, async () => {
    const line = await party.connect(at.port, 'tls');
    look(line);
    await ask(line, kind);
    await line.close();
  });
}

const CHUNK = 64 * 1024;
const CHUNKS = 16;

/** 1 MiB there and back: through several opcodes, in async columns with both directions at work at once. */
async function mebibyte({ mode, party }: Talker, at: TlsServer, kind: Kind): Promise<void> {
  const rows = Array.from({ length: CHUNK / 1024 }, (_, row) => `${String(row).padStart(3, '0')}${'x'.repeat(1020)}\n`);
  const chunk = rows.join('');
  const answer = rows.map(kind.answer).join('');
  const line = await party.connect(at.port, 'tls');
  await cleanly(at, kind, async () => {
    if (mode === 'async') {
      const received = line.readBytes(CHUNK * (CHUNKS - 1)).then(async (most) => [most, await line.readBytes(CHUNK)]);
      for (let sent = 0; sent < CHUNKS; sent += 1) await line.write(chunk);
      expect(Buffer.concat(await received).equals(Buffer.from(answer.repeat(CHUNKS)))).toBe(true);
    } else {
      for (let sent = 0; sent < CHUNKS; sent += 1) {
        await line.write(chunk);
        expect((await line.readBytes(CHUNK)).equals(Buffer.from(answer))).toBe(true);
      }
    }
    await line.close();
  });
}

/** A second connection resumes the first one's session, and a party that does not want to does not. */
async function resume({ party, newParty }: Talker, at: TlsServer, kind: Kind): Promise<void> {
  const stubborn = newParty({ tls: { ca, resume: false } });
  for (const [who, expected] of [
    [party, [false, true, true]],
    [stubborn, [false, false]],
  ] as const) {
    for (const resumed of expected) {
      const line = await who.connect(at.port, 'tls');
      expect(line.tls.resumed).toBe(resumed);
      expect(line.tls.peer?.subject).toBe('CN=localhost');
      expect(line.tls.verify).toEqual({ result: 'verified', reasons: [] });
      await ask(line, kind);
      await line.close();
    }
  }
}

/**
 * A program that only WRITEs: once the server has closed, the alert that it left is what STATUS and text tell. node:tls
 * cannot look for one behind a broken pipe that it meets first.
 */
async function refusedWrites({ engine, party }: Talker, at: TlsServer, alert: RegExp): Promise<void> {
  const line = await party.connect(at.port, 'tls');
  const end = performance.now() + POLL.timeout;
  const failure = await failureOf(
    (async () => {
      while (performance.now() < end) {
        await line.write('hello\n');
        await setTimeout(POLL.interval);
      }
    })(),
  );
  expect(failure.sockport).toBe(-1);
  if (engine === 'node' && BROKEN_PIPE.includes(failure.status)) return;
  expect(failure.status).toBe(FATAL_ALERT);
  expect(failure.text).toMatch(alert);
}

/** Without the certificate that the server demands: in TLS 1.3 the client learns it after its own handshake. */
async function withoutCertificate({ party }: Talker, at: TlsServer, version: '1.2' | '1.3'): Promise<string> {
  const failure = await failureOf(
    party.connect(at.port, 'tls').then(async (line) => {
      expect(version).toBe('1.3');
      return line.read();
    }),
  );
  expect(failure).toMatchObject({ status: FATAL_ALERT, sockport: -1 });
  return failure.text;
}

const RSA = { version: 'TLSv1.2', suite: 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384' };

/** Priority strings that leave one outcome, whichever library negotiates. */
const PINNED = [
  ['TLS 1.3, AES-128-GCM, secp256r1', `${ONLY['1.3']}:-CIPHER-ALL:+AES-128-GCM:-GROUP-ALL:+GROUP-SECP256R1`],
  ['TLS 1.3, CHACHA20-POLY1305, X25519', `${ONLY['1.3']}:-CIPHER-ALL:+CHACHA20-POLY1305:-GROUP-ALL:+GROUP-X25519`],
  ['TLS 1.3, AES-256-GCM, secp384r1', `${ONLY['1.3']}:-CIPHER-ALL:+AES-256-GCM:-GROUP-ALL:+GROUP-SECP384R1`],
  ['TLS 1.2, AES-256-GCM, secp384r1', `${ONLY['1.2']}:-CIPHER-ALL:+AES-256-GCM:-GROUP-ALL:+GROUP-SECP384R1`],
  ['TLS 1.2, AES-128-GCM, X25519', `${ONLY['1.2']}:-CIPHER-ALL:+AES-128-GCM:-GROUP-ALL:+GROUP-X25519`],
] as const;

/** The facts that all columns agree on, against one server. */
async function sameFacts(at: TlsServer, priority: string): Promise<unknown> {
  const facts = await everyColumn(trusting, async ({ party }) => {
    const line = await party.connect(at.port, 'tls', { priority });
    const { engine: _engine, peer, ...session } = line.tls;
    await line.close();
    // node:tls completes the chain with the root that it found, GnuTLS has what the server sent.
    const { chain: _chain, ...own } = peer ?? { chain: [] };
    return { ...session, peer: own };
  });
  expect(facts.length).toBeGreaterThan(0);
  for (const each of facts) expect(each).toEqual(facts[0]);
  return facts[0];
}

function suiteOf(title: string): { version: string; suite: unknown; group: string } {
  const [version = '', cipher = '', group = ''] = title.split(', ');
  const name = cipher.replaceAll('-', '_');
  return {
    version: version.replace('TLS ', 'TLSv'),
    suite: expect.stringMatching(new RegExp(`^TLS_(ECDHE_RSA_WITH_)?${name}_SHA(256|384)$`)),
    group: group.toLowerCase(),
  };
}

interop(`client of ${withVersion('gnutls-serv')}`, ['gnutls-serv'], () => {
  for (const version of VERSIONS) {
    interop(`TLS ${version} only`, ['gnutls-serv'], () => {
      const at = gnutlsServ(() => ({ priority: ONLY[version] }));

      inColumns('facts, a line there and back, a clean end', trusting, (talker) =>
        greetAndClose(talker, at(), ECHO, ({ facts, tls }) => {
          expect(facts).toMatchObject({ state: 'tls', role: 'client', remote: { port: at().port } });
          expect(tls).toMatchObject({
            version: `TLSv${version}`,
            alpn: null,
            servername: 'localhost',
            resumed: false,
            verify: { result: 'verified', reasons: [] },
            peer: { subject: 'CN=localhost', issuer: 'CN=tcpx test root' },
          });
        }),
      );

      inColumns('1 MiB there and back', trusting, (talker) => mebibyte(talker, at(), ECHO));
      inColumns('resumption', trusting, (talker) => resume(talker, at(), ECHO));

      inColumns('a root that is not trusted', { tls: { ca: otherCa } }, async ({ party }) => {
        const failure = await failureOf(party.connect(at().port, 'tls'));
        expect(failure).toMatchObject({ status: CERTIFICATE_VERIFICATION, sockport: -1 });
        expect(failure.text).toMatch(/issuer/);
      });
    });

    interop(`TLS ${version} only, client certificate required`, ['gnutls-serv'], () => {
      const at = gnutlsServ(() => ({ priority: ONLY[version], clientCert: 'required' }));

      inColumns('given', withClientCert, (talker) => greetAndClose(talker, at(), ECHO, () => {}));

      inColumns('missing', trusting, async (talker) => {
        expect(await withoutCertificate(talker, at(), version)).toMatch(/alert \d+ \(/);
      });

      inColumns('of an issuer that the server does not trust', withUnknownCert, async (talker) => {
        expect(await withoutCertificate(talker, at(), version)).toMatch(/alert 49 \(access_denied\)$/);
      });

      if (version === '1.3') {
        inColumns('of an issuer that the server does not trust, met by WRITE', withUnknownCert, (talker) =>
          refusedWrites(talker, at(), /alert 49 \(access_denied\)$/),
        );
      }
    });
  }

  interop('ALPN', ['gnutls-serv'], () => {
    const at = gnutlsServ(() => ({ args: ['--alpn=tcpx/1', '--alpn-fatal'] }));

    inColumns('the protocol in common', { tls: { ca, alpn: ['other', 'tcpx/1'] } }, (talker) =>
      greetAndClose(talker, at(), ECHO, ({ tls }) => expect(tls.alpn).toBe('tcpx/1')),
    );
    inColumns('none in common, which this server refuses', { tls: { ca, alpn: ['other'] } }, async ({ party }) => {
      const failure = await failureOf(party.connect(at().port, 'tls'));
      expect(failure).toMatchObject({ status: FATAL_ALERT, sockport: -1 });
      expect(failure.text).toMatch(/protocol/);
    });
  });

  interop('identities', ['gnutls-serv'], () => {
    const at = gnutlsServ(() => ({ identity: pki.goodRsa, priority: ONLY['1.2'] }));

    inColumns('RSA', trusting, (talker) =>
      greetAndClose(talker, at(), ECHO, ({ tls }) => expect(tls).toMatchObject(RSA)),
    );
  });

  interop('both engines give equal facts', ['gnutls-serv'], () => {
    const at = gnutlsServ(() => ({ identity: pki.goodRsa }));

    it.each(PINNED)('%s', async (title, priority) => {
      expect(await sameFacts(at(), priority)).toMatchObject(suiteOf(title));
    });
  });
});

interop(`client of ${withVersion('openssl')} s_server`, ['openssl'], () => {
  for (const version of VERSIONS) {
    interop(`TLS ${version} only`, ['openssl'], () => {
      const at = opensslServer(() => ({ version, args: ['-alpn', 'tcpx/1,tcpx/2'] }));

      inColumns('facts, a line there and back, a clean end', trusting, async (talker) => {
        let suite = '';
        // The server's own account of the session.
        const told = await greetAndClose(talker, at(), REVERSE, ({ facts, tls }) => {
          expect(facts).toMatchObject({ state: 'tls', role: 'client', remote: { port: at().port } });
          expect(tls).toMatchObject({
            version: `TLSv${version}`,
            alpn: null,
            servername: 'localhost',
            resumed: false,
            verify: { result: 'verified', reasons: [] },
            peer: { subject: 'CN=localhost', issuer: 'CN=tcpx test root' },
          });
          suite = tls.suite;
        });
        expect(told).toMatch(`Protocol version: TLSv${version}`);
        if (version === '1.3') expect(told).toMatch(`Ciphersuite: ${suite}`);
        else expect(told).toMatch(/Ciphersuite: ECDHE-ECDSA-/);
      });

      inColumns('1 MiB there and back', trusting, (talker) => mebibyte(talker, at(), REVERSE));
      inColumns('resumption', trusting, (talker) => resume(talker, at(), REVERSE));

      inColumns('ALPN', { tls: { ca, alpn: ['tcpx/2', 'tcpx/1'] } }, (talker) =>
        // s_server chooses by its own order.
        greetAndClose(talker, at(), REVERSE, ({ tls }) => expect(tls.alpn).toBe('tcpx/1')),
      );
      inColumns(
        'ALPN with nothing in common, which this server refuses',
        { tls: { ca, alpn: ['x'] } },
        async (talker) => {
          const failure = await failureOf(talker.party.connect(at().port, 'tls'));
          expect(failure).toMatchObject({ status: FATAL_ALERT, sockport: -1 });
        },
      );

      inColumns('a root that is not trusted', { tls: { ca: otherCa } }, async ({ party }) => {
        const failure = await failureOf(party.connect(at().port, 'tls'));
        expect(failure).toMatchObject({ status: CERTIFICATE_VERIFICATION, sockport: -1 });
        expect(failure.text).toMatch(/issuer/);
      });
      inColumns('a root that is not trusted, not verified', { tls: { ca: otherCa, verify: 'none' } }, (talker) =>
        greetAndClose(talker, at(), REVERSE, ({ tls }) => expect(tls.verify.result).toBe('unchecked')),
      );
    });

    interop(`TLS ${version} only, client certificate required`, ['openssl'], () => {
      const at = opensslServer(() => ({ version, clientCert: 'required' }));

      inColumns('given', withClientCert, async (talker) => {
        expect(await greetAndClose(talker, at(), REVERSE, () => {})).toMatch(/CN ?= ?tcpx client/);
      });
      inColumns('missing', trusting, async (talker) => {
        const text = await withoutCertificate(talker, at(), version);
        expect(text).toMatch(version === '1.3' ? /certificate_required/ : /handshake_failure/);
      });
      inColumns('of an issuer that the server does not trust', withUnknownCert, async (talker) => {
        const text = await withoutCertificate(talker, at(), version);
        expect(text).toMatch(/alert 48 \(unknown_ca\): the peer does not trust the issuer of our certificate$/);
      });
    });
  }

  interop('identities', ['openssl'], () => {
    const identities: readonly [IdentityName, '1.2' | '1.3', RegExp][] = [
      ['goodRsa', '1.2', /^TLS_ECDHE_RSA_WITH_/],
      ['goodRsa', '1.3', /^TLS_AES_/],
      ['chained', '1.2', /^TLS_ECDHE_ECDSA_WITH_/],
      ['chained', '1.3', /^TLS_AES_/],
    ];
    const refused: readonly IdentityName[] = ['expired', 'notYetValid', 'selfSigned', 'wrongName', 'unknownIssuer'];

    for (const [name, version, suite] of identities) {
      interop(`${name}, TLS ${version}`, ['openssl'], () => {
        const at = opensslServer(() => ({ identity: pki[name], version }));

        inColumns('verified', trusting, (talker) =>
          greetAndClose(talker, at(), REVERSE, ({ tls }) => {
            expect(tls.suite).toMatch(suite);
            expect(tls.verify.result).toBe('verified');
            // Node appends the root that it found.
            expect(tls.peer?.chain.length).toBeGreaterThanOrEqual(name === 'chained' ? 2 : 1);
          }),
        );
      });
    }

    for (const [name, version] of refused.flatMap((name) => VERSIONS.map((version) => [name, version] as const))) {
      interop(`${name}, TLS ${version}`, ['openssl'], () => {
        const at = opensslServer(() => ({ identity: pki[name], version }));

        inColumns('refused', trusting, async ({ party }) => {
          // What the first attempt brought, a ticket for one, must not open the door to the second.
          for (let attempt = 1; attempt <= 2; attempt += 1) {
            const failure = await failureOf(party.connect(at().port, 'tls'));
            expect(failure).toMatchObject({ status: CERTIFICATE_VERIFICATION, sockport: -1 });
          }
        });
      });
    }
  });

  interop('both engines give equal facts', ['openssl'], () => {
    const at = opensslServer(() => ({ identity: pki.goodRsa }));

    it.each(PINNED)('%s', async (title, priority) => {
      expect(await sameFacts(at(), priority)).toMatchObject(suiteOf(title));
    });
  });
});
