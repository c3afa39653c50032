// XCALL TCPX as the server of gnutls-cli, openssl s_client and a client that speaks no TLS.

import { join } from 'node:path';
import { beforeAll, expect } from 'vitest';
import {
  cleanUpAfterAll,
  interop,
  type ProcessOptions,
  type RunningProcess,
  startProcess,
  tempDir,
} from '../support/peer.ts';
import { makePki, type PkiPaths, writePki } from '../support/pki.ts';
import { failureOf, inColumns, LIMIT, type Line, type Listening, type Party, withVersion } from './tcpx-columns.ts';

const { ca, good, goodRsa } = await makePki();
let pki: PkiPaths;
let scratch = '';

beforeAll(async () => {
  scratch = tempDir();
  pki = await writePki(scratch);
});
cleanUpAfterAll();

const VERSIONS = ['1.2', '1.3'] as const;
type Version = (typeof VERSIONS)[number];

const serving = { tls: { ...good } };
const requiring = { tls: { ...good, ca, clientAuth: 'require' } } as const;
const requesting = { tls: { ...good, ca, clientAuth: 'request' } } as const;

const CERTIFICATE_VERIFICATION = -348;
/** GNUTLS_E_NO_CERTIFICATE_FOUND up to TLS 1.2, GNUTLS_E_CERTIFICATE_REQUIRED after it. */
const NO_CERTIFICATE = { '1.2': -49, '1.3': -112 } as const;
const UNEXPECTED_PACKET = -15;
const FATAL_ALERT = -12;
const DECRYPTION_FAILED = -24;
const PUSH_ERROR = -53;
/** EBADMSG: plaintext ahead of the handshake. */
const STRAY_BYTES = -74;

/** The two tools with the same switches. */
interface Tool {
  readonly title: string;
  readonly needs: 'gnutls-cli' | 'openssl';
  command(port: number, settings: Settings): ProcessOptions;
  /** The tool's own account of a session. */
  accepted(version: string): RegExp;
  readonly resumed: RegExp;
}

interface Settings {
  readonly version?: Version;
  readonly alpn?: string;
  readonly identity?: 'client' | 'unknownClient';
  readonly starttls?: 'smtp';
  readonly args?: readonly string[];
}

const GNUTLS_CLI: Tool = {
  title: withVersion('gnutls-cli'),
  needs: 'gnutls-cli',
  command: (port, { version, alpn, identity, starttls, args = [] }) => ({
    command: 'gnutls-cli',
    args: [
      `--port=${port}`,
      `--x509cafile=${pki.ca}`,
      '--verify-hostname=localhost',
      '--sni-hostname=localhost',
      ...(version === undefined ? [] : [`--priority=NORMAL:-VERS-ALL:+VERS-TLS${version}`]),
      ...(alpn === undefined ? [] : [`--alpn=${alpn}`]),
      ...(identity === undefined ? [] : [`--x509certfile=${pki[identity].cert}`, `--x509keyfile=${pki[identity].key}`]),
      ...(starttls === undefined ? [] : [`--starttls-proto=${starttls}`]),
      ...args,
      '127.0.0.1',
    ],
  }),
  accepted: (version) => new RegExp(`Description: \\(TLS${version}`),
  resumed: /This is a resumed session/,
};

const S_CLIENT: Tool = {
  title: `${withVersion('openssl')} s_client`,
  needs: 'openssl',
  command: (port, { version, alpn, identity, starttls, args = [] }) => ({
    command: 'openssl',
    args: [
      ...['s_client', '-connect', `127.0.0.1:${port}`, '-CAfile', pki.ca, '-verify_return_error'],
      ...['-verify_hostname', 'localhost', '-servername', 'localhost'],
      ...(version === undefined ? [] : [`-tls${version.replace('.', '_')}`]),
      ...(alpn === undefined ? [] : ['-alpn', alpn]),
      ...(identity === undefined ? [] : ['-cert', pki[identity].cert, '-key', pki[identity].key]),
      ...(starttls === undefined ? [] : ['-starttls', starttls]),
      ...args,
    ],
  }),
  accepted: (version) => new RegExp(`Verification: OK[\\s\\S]*(New|Reused), TLSv${version}`),
  resumed: /Reused, TLS/,
};

/** Runs a client against a listening socket of ours; it is started first, its connection waits in the backlog. */
async function against(
  party: Party,
  client: (port: number) => ProcessOptions,
  serve: (listening: Listening, client: RunningProcess) => Promise<void>,
): Promise<RunningProcess> {
  const listening = await party.listen();
  const process = await startProcess(client(listening.port));
  try {
    await serve(listening, process);
    return process;
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\nthe client's output:\n${process.output()}`, {
      cause: error,
    });
  } finally {
    await listening.close();
    await process.stop();
  }
}

/** Answers one line; the client ends the session by close_notify once it has seen the answer. */
async function answer(line: Line, client: RunningProcess): Promise<void> {
  client.write('a question\n');
  expect(await line.readTo(/\n$/)).toMatch(/^a question\r?\n$/);
  await line.write('the answer\n');
  await client.waitFor(/the answer/, LIMIT);
  client.endInput();
  await line.expectEnd();
  await line.close();
  expect(await client.finished(LIMIT)).toEqual({ code: 0, signal: null });
}

async function question(
  party: Party,
  tool: Tool,
  settings: Settings,
  look: (line: Line) => void,
): Promise<RunningProcess> {
  return against(
    party,
    (port) => tool.command(port, settings),
    async (listening, client) => {
      const line = await listening.accept('tls');
      look(line);
      await answer(line, client);
    },
  );
}

for (const tool of [GNUTLS_CLI, S_CLIENT]) {
  interop(`server of ${tool.title}`, [tool.needs], () => {
    for (const version of VERSIONS) {
      inColumns(`TLS ${version}: facts, a question and its answer, a clean end`, serving, async ({ party }) => {
        const client = await question(party, tool, { version }, ({ facts, tls }) => {
          expect(facts).toMatchObject({ state: 'tls', role: 'server', local: { host: '127.0.0.1' } });
          expect(tls).toMatchObject({
            role: 'server',
            version: `TLSv${version}`,
            servername: 'localhost',
            alpn: null,
            resumed: false,
            peer: null,
            verify: { result: 'unchecked', reasons: [] },
          });
        });
        expect(client.output()).toMatch(tool.accepted(version));
      });

      inColumns(`TLS ${version}: client certificate required, given`, requiring, async ({ party }) => {
        await question(party, tool, { version, identity: 'client' }, ({ tls }) => {
          expect(tls.verify).toEqual({ result: 'verified', reasons: [] });
          expect(tls.peer).toMatchObject({ subject: 'CN=tcpx client', issuer: 'CN=tcpx test root' });
        });
      });

      inColumns(`TLS ${version}: client certificate required, missing`, requiring, async ({ party }) => {
        const client = await against(
          party,
          (port) => tool.command(port, { version }),
          async (listening, client) => {
            const failure = await listening.refuse('tls');
            expect(failure).toMatchObject({ status: NO_CERTIFICATE[version], sockport: -1 });
            expect(failure.text).toMatch(/certificate/i);
            expect((await client.finished(LIMIT)).code).not.toBe(0);
          },
        );
        expect(client.output()).toMatch(/alert|terminated|closed|eof|reset/i);
      });

      inColumns(`TLS ${version}: client certificate requested, missing`, requesting, async ({ party }) => {
        await question(party, tool, { version }, ({ tls }) => {
          expect(tls).toMatchObject({ peer: null, verify: { result: 'unchecked', reasons: [] } });
        });
      });

      inColumns(`TLS ${version}: resumption`, serving, async ({ party }) => {
        await resumption(party, tool, version);
      });
    }

    inColumns('a client certificate of an unknown issuer', requiring, async ({ party }) => {
      await against(
        party,
        (port) => tool.command(port, { identity: 'unknownClient' }),
        async (listening) => {
          const failure = await listening.refuse('tls');
          expect(failure).toMatchObject({ status: CERTIFICATE_VERIFICATION, sockport: -1 });
        },
      );
    });

    inColumns('a listening socket outlives a client that was refused', requiring, async ({ party }) => {
      const listening = await party.listen();
      const wrong = await startProcess(tool.command(listening.port, {}));
      expect((await listening.refuse('tls')).status).toBe(NO_CERTIFICATE['1.3']);
      await wrong.stop();
      const right = await startProcess(tool.command(listening.port, { identity: 'client' }));
      await answer(await listening.accept('tls'), right);
      await listening.close();
    });

    inColumns('ALPN', { tls: { ...good, alpn: ['tcpx/1', 'tcpx/2'] } }, async ({ party }) => {
      await question(party, tool, { alpn: 'tcpx/2' }, ({ tls }) => expect(tls.alpn).toBe('tcpx/2'));
    });

    inColumns('RSA identity', { tls: { ...goodRsa } }, async ({ party }) => {
      await question(party, tool, { version: '1.2' }, ({ tls }) => expect(tls.suite).toMatch(/^TLS_ECDHE_RSA_WITH_/));
    });

    for (const version of VERSIONS) {
      inColumns(`TLS ${version}: a client that does not trust us`, serving, async ({ party, engine }) => {
        const args = tool === S_CLIENT ? ['-CAfile', pki.otherCa] : [`--x509cafile=${pki.otherCa}`];
        await against(
          party,
          (port) => tool.command(port, { version, args }),
          async (listening) => {
            const { status, text, sockport } = await listening.refuse('tls');
            // OpenSSL's client sends this alert in clear where TLS 1.3 has it encrypted, and GnuTLS cannot decrypt it.
            const unreadable = tool === S_CLIENT && engine === 'gnutls' && version === '1.3';
            // A client that closes behind its alert may take the way to send from under the handshake first.
            if (status !== PUSH_ERROR) expect(status).toBe(unreadable ? DECRYPTION_FAILED : FATAL_ALERT);
            if (status === FATAL_ALERT) expect(text).toMatch(/unknown_ca|bad_certificate/);
            expect(sockport).toBe(-1);
          },
        );
      });
    }

    inColumns('STARTTLS: a small SMTP server', serving, async ({ party }) => {
      const client = await against(
        party,
        (port) => tool.command(port, { starttls: 'smtp' }),
        async (listening, client) => {
          const line = await listening.accept('starttls');
          await line.write('220 tcpx.example ESMTP\r\n');
          expect(await line.readTo(/\r?\n$/)).toMatch(/^EHLO \S+\r?\n$/);
          await line.write('250-tcpx.example\r\n250 STARTTLS\r\n');
          expect(await line.readTo(/\r?\n$/)).toMatch(/^STARTTLS\r?\n$/);
          await line.write('220 go ahead\r\n');
          await line.starttls();
          expect(line.tls).toMatchObject({ role: 'server', servername: 'localhost' });
          await smtp(line, client);
        },
      );
      expect(client.output()).toMatch(tool.accepted('1.3'));
    });
  });
}

/** The rest of the dialogue, as somebody would type it. */
async function smtp(line: Line, client: RunningProcess): Promise<void> {
  const dialogue = [
    ['EHLO again.example', '250 tcpx.example'],
    ['MAIL FROM:<ann@example.com>', '250 2.1.0 sender'],
    ['NOOP', '250 2.0.0 nothing done'],
    ['QUIT', '221 2.0.0 bye'],
  ] as const;
  for (const [command, reply] of dialogue) {
    // s_client takes a capital Q or R at the start of a line for its own.
    client.write(`${command === 'QUIT' ? 'quit' : command}\n`);
    expect((await line.readTo(/\n$/)).trimEnd().toUpperCase()).toBe(command.toUpperCase());
    await line.write(`${reply}\r\n`);
    await client.waitFor(new RegExp(reply), LIMIT);
  }
  client.endInput();
  await line.expectEnd();
  await line.close();
  await client.finished(LIMIT);
}

async function resumption(party: Party, tool: Tool, version: Version): Promise<void> {
  if (tool === GNUTLS_CLI) {
    const client = await against(
      party,
      (port) => tool.command(port, { version, args: ['--resume'] }),
      async (listening, process) => {
        const first = await listening.accept('tls');
        expect(first.tls.resumed).toBe(false);
        await first.expectEnd();
        await first.close();
        const second = await listening.accept('tls');
        expect(second.tls.resumed).toBe(true);
        await answer(second, process);
      },
    );
    expect(client.output()).toMatch(tool.resumed);
    return;
  }
  const file = join(scratch, `session-${party.job.engine}-${version}-${Math.random()}`);
  await question(party, tool, { version, args: ['-sess_out', file] }, ({ tls }) => expect(tls.resumed).toBe(false));
  const again = await question(party, tool, { version, args: ['-sess_in', file] }, ({ tls }) =>
    expect(tls).toMatchObject({ resumed: true, version: `TLSv${version}` }),
  );
  expect(again.output()).toMatch(tool.resumed);
}

interop(`server of ${withVersion('openssl')} s_client -reconnect`, ['openssl'], () => {
  inColumns('five sessions resumed, one after the other', serving, async ({ party }) => {
    const client = await against(
      party,
      (port) => S_CLIENT.command(port, { version: '1.2', args: ['-reconnect'] }),
      async (listening, process) => {
        for (let round = 0; round <= 5; round += 1) {
          const line = await listening.accept('tls');
          expect(line.tls.resumed).toBe(round > 0);
          if (round === 5) await answer(line, process);
          else {
            await line.expectEnd();
            await line.close();
          }
        }
      },
    );
    expect(client.output().match(/Reused, TLSv1\.2/g)).toHaveLength(5);
  });
});

interop(`server of ${withVersion('bash')} and /dev/tcp, which speaks no TLS`, [], () => {
  const speak = (port: number, script: string): ProcessOptions => ({
    command: 'bash',
    args: ['-c', `exec 3<>/dev/tcp/127.0.0.1/${port}; ${script}`],
  });

  inColumns('is refused where TLS is expected', serving, async ({ party }) => {
    await against(
      party,
      (port) => speak(port, "printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3; echo gone"),
      async (listening, client) => {
        const failure = await listening.refuse('tls');
        expect(failure).toMatchObject({ status: UNEXPECTED_PACKET, sockport: -1 });
        await client.waitFor(/gone/, LIMIT);
      },
    );
  });

  inColumns('is served in clear where none is', {}, async ({ party }) => {
    await against(
      party,
      (port) => speak(port, 'echo hello >&3; head -n 1 <&3; exec 3>&-'),
      async (listening, client) => {
        const line = await listening.accept('clear');
        expect(await line.readTo(/\n$/)).toBe('hello\n');
        await line.write('good bye\n');
        await line.expectEnd();
        await line.close();
        await client.waitFor(/good bye/, LIMIT);
      },
    );
  });

  inColumns('that says more than STARTTLS before it may is refused', serving, async ({ party }) => {
    await against(
      party,
      (port) => speak(port, "printf 'STARTTLS\\r\\nMAIL FROM:<mallory@example.com>\\r\\n' >&3; cat <&3; echo gone"),
      async (listening, client) => {
        const line = await listening.accept('starttls');
        const command = await line.readBytes('STARTTLS\r\n'.length);
        expect(command.toString('latin1')).toBe('STARTTLS\r\n');
        await line.write('220 go ahead\r\n');
        const failure = await failureOf(line.starttls());
        expect(failure.sockport).toBe(-1);
        // The shell may send its lines one by one: then the second is seen by the handshake.
        expect([STRAY_BYTES, UNEXPECTED_PACKET]).toContain(failure.status);
        expect(failure.text).toMatch(/plaintext/);
        await client.waitFor(/gone/, LIMIT);
      },
    );
  });

  inColumns('that goes on in clear after the go-ahead is refused', serving, async ({ party }) => {
    await against(
      party,
      (port) => speak(port, "head -c 4 <&3; printf 'EHLO again\\r\\n' >&3; cat <&3; echo gone"),
      async (listening, client) => {
        const line = await listening.accept('starttls');
        await line.write('220\n');
        const failure = await failureOf(line.starttls());
        expect(failure.sockport).toBe(-1);
        // Its line is seen before the handshake begins, or by the handshake.
        expect([STRAY_BYTES, UNEXPECTED_PACKET]).toContain(failure.status);
        expect(failure.text).toMatch(/plaintext/);
        await client.waitFor(/gone/, LIMIT);
      },
    );
  });
});
