// `tcpx starttls --serve` as a user runs it, in a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { engineReports } from 'tcpx';
import { starttls } from 'tcpx/starttls';
import { beforeAll, describe, expect, it } from 'vitest';
import { ATTACKS } from '../../src/starttls/attacks.ts';
import { main } from '../support/command.ts';
import { cleanUpAfterAll, type RunningProcess, runProcess, startProcess, tempDir } from '../support/peer.ts';
import { makePki, type PkiPaths, writePki } from '../support/pki.ts';

const ENGINES = engineReports().flatMap(({ name, available }) => (available ? [name] : []));

let pki: PkiPaths;
let ca: string;
let directory: string;
beforeAll(async () => {
  directory = tempDir();
  pki = await writePki(directory);
  ({ ca } = await makePki());
});
cleanUpAfterAll();

const ENVIRONMENT = { TCPX_ENGINE: '', TCPX_TRACE: '', TCPX_TLS_VERIFY: '', TCPX_PROTOCOL: 'forged', SESAME: 'secret' };

function tcpx(args: readonly string[]) {
  return runProcess({ command: process.execPath, args: [main, 'starttls', ...args], env: ENVIRONMENT });
}

interface Serving extends RunningProcess {
  readonly port: number;
}

interface Event {
  readonly event: string;
  readonly [fact: string]: unknown;
}

/** Starts a server that tells its events as JSON, unless it is told to tell them otherwise. */
async function serve(protocol: string, args: readonly string[] = ['--json']): Promise<Serving> {
  const child = await startProcess({
    command: process.execPath,
    args: [main, 'starttls', '--serve', protocol, '--cert', pki.good.cert, '--key', pki.good.key, ...args],
    env: ENVIRONMENT,
    ready: /"port":\d+|port \d+/,
  });
  const port = Number(/"port":(\d+)|port (\d+)/.exec(child.stdout())?.slice(1).find(Boolean));
  return Object.assign(child, { port });
}

function events(child: RunningProcess): Event[] {
  return child
    .stdout()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

async function terminated(child: RunningProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  process.kill(child.pid, signal);
  expect(await child.finished()).toEqual({ code: 0, signal: null });
}

async function upgraded(port: number, protocol = 'smtp', renew = true) {
  const options = { host: 'localhost', port, protocol, self: 'client.example', renew, deadline: 15_000 };
  return (await starttls({ ...options, tls: { ca } })).stream;
}

/** Sends a last word; resolves to all that was heard. */
async function converse(stream: NodeJS.ReadWriteStream, last: string): Promise<string> {
  let heard = '';
  stream.on('data', (chunk) => {
    heard += chunk;
  });
  stream.end(last);
  await once(stream, 'end');
  return heard;
}

describe.concurrent.each(ENGINES)('tcpx starttls --serve on %s', (engine) => {
  const on = (...args: readonly string[]) => ['--engine', engine, '--name', 'mx.example', ...args];

  it('tells what happens as JSON, a line each', async () => {
    const server = await serve('smtp', on('--json', '--connections', '1'));
    expect(await converse(await upgraded(server.port), 'AUTH PLAIN AGFubgBzZXNhbWU=\r\nQUIT\r\n')).toMatch(
      /^235 .*\r\n221 /,
    );
    expect(await server.finished()).toEqual({ code: 0, signal: null });
    const told = events(server);
    const kinds = told.map(({ event, from }) => (event === 'exchange' ? String(from).slice(0, 1) : event)).join(' ');
    expect(kinds).toBe('listening connected s c s c trigger s tls c s c s login c s ended stopped');
    expect(told[0]).toEqual({
      ...{ event: 'listening', protocol: 'smtp', mode: 'upgrade', host: '127.0.0.1', port: server.port, engine },
      attacks: [],
    });
    expect(told[3]).toEqual({
      ...{ event: 'exchange', connection: 1, from: 'client', encrypted: false },
      ...{ bytes: 19, text: 'EHLO client.example' },
    });
    expect(told[8]).toMatchObject({ event: 'tls', connection: 1, tls: { version: 'TLSv1.3', role: 'server' } });
    expect(told.at(-2)).toMatchObject({
      ...{ event: 'ended', connection: 1, outcome: 'upgraded', reason: '', status: 0 },
      ...{ commandsInClear: 2, commandsInTls: 2, loginInClear: false, discardedBytes: 0, discardedSample: '' },
    });
    expect(told.at(-1)).toEqual({ event: 'stopped', connections: 1, outcomes: { upgraded: 1 } });
    expect(server.stderr()).toBe('');
    // The password is in no line.
    expect(server.stdout()).not.toContain('AGFubgBzZXNhbWU=');
  });

  it('tells what happens to people, with what is said', async () => {
    const server = await serve('smtp', on('--echo-commands'));
    await converse(await upgraded(server.port), 'AUTH PLAIN AGFubgBzZXNhbWU=\r\nQUIT\r\n');
    await server.waitFor(/\[1\] upgraded/);
    await terminated(server);
    const screen = readFileSync(new URL('../fixtures/screens/serve-smtp.txt', import.meta.url), 'utf8');
    const settled = server
      .stdout()
      .replaceAll(String(server.port), 'PORT')
      .replace(/from 127\.0\.0\.1 port \d+/, 'from 127.0.0.1 port N')
      .replace(/\d+\.\d ms/, 'T ms')
      .replace(/ (?:secp256r1|x25519)/, '')
      .replace(`engine ${engine}`, 'engine ENGINE');
    expect(settled).toBe(screen.replace(/^#.*\n/gm, ''));
  });

  it.each([
    ['smtp', 'inject-line', 21, 'injected'],
    ['imap', 'inject-half-line', 21, 'injected'],
    ['smtp', 'omit', 12, 'not-offered'],
    ['smtp', 'rename', 20, 'stripped'],
    ['pop3', 'refuse', 13, 'refused'],
    ['imap', 'preauth', 14, 'preauth'],
    ['smtp', 'no-hello', 20, 'stripped'],
    ['nntp', 'garbage', 18, 'failed'],
    ['sieve', 'drip', 0, 'good'],
    ['imap', 'tamper', 0, 'good'],
    ['submissions', 'early-greeting', 15, 'wrong-mode'],
  ])('%s under %s is seen through by a check', async (protocol, attack, code, verdict) => {
    const server = await serve(protocol, on('--attack', attack, '--json'));
    const url = `${protocol}://localhost:${server.port}`;
    const check = await tcpx(['--check', '--expires-within', '0', '--ca', pki.ca, '--engine', engine, url]);
    expect(check.output).toMatch(new RegExp(`^${verdict}: `));
    expect(check.code).toBe(code);
    await terminated(server);
    expect(events(server)[0]).toMatchObject({ attacks: [attack] });
  });

  it('counts what a client injects, and shows it in hexadecimal', async () => {
    const server = await serve('smtp', on('--json', '--connections', '1'));
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'data');
    socket.write('STARTTLS\r\nNOOP\r\n');
    socket.resume();
    await once(socket, 'close');
    await server.finished();
    const sample = Buffer.from('NOOP\r\n').toString('hex');
    const [injected] = events(server).filter(({ event }) => event === 'injected');
    expect(injected).toEqual({ event: 'injected', connection: 1, bytes: 6, sample, dropped: false });
    expect(events(server).at(-2)).toMatchObject({ outcome: 'injected', discardedBytes: 6, discardedSample: sample });
  });

  it('tells of a password in clear, and does not show it', async () => {
    const server = await serve('smtp', on('--attack', 'omit', '--json', '--connections', '1'));
    const socket = connect(server.port, '127.0.0.1').setEncoding('latin1');
    expect(await converse(socket, 'AUTH PLAIN AGFubgBzZXNhbWU=\r\nQUIT\r\n')).toMatch(/\r\n235 .*\r\n221 /);
    await server.finished();
    expect(events(server)).toContainEqual({ event: 'login', connection: 1, encrypted: false });
    expect(events(server).at(-2)).toMatchObject({ outcome: 'clear', loginInClear: true });
    expect(server.stdout()).not.toContain('AGFubgBzZXNhbWU=');
  });

  it('pauses between bytes', async () => {
    const server = await serve('pop3', on('--drip-ms', '10', '--json', '--connections', '1'));
    const began = performance.now();
    const socket = connect(server.port, '127.0.0.1').setEncoding('latin1');
    const heard = await converse(socket, 'QUIT\r\n');
    expect(heard).toBe('+OK mx.example ready\r\n+OK good bye\r\n');
    expect(performance.now() - began).toBeGreaterThan(heard.length * 9);
    await server.finished();
    expect(events(server)[0]).toMatchObject({ attacks: ['drip'] });
  });

  it('begins with TLS where it is told to, and asks for certificates', async () => {
    const authority = ['--ca', pki.ca, '--client-auth', 'require'];
    const server = await serve('imap', on('--direct', '--json', ...authority));
    const url = `imaps://localhost:${server.port}`;
    const client = ['--quit', '--ca', pki.ca, '--engine', engine];
    expect((await tcpx([...client, url])).code).not.toBe(0);
    const named = await tcpx([...client, '--cert', pki.client.cert, '--key', pki.client.key, url]);
    expect(named.output).toMatch(/verified/);
    await terminated(server);
    const ends = events(server).filter(({ event }) => event === 'ended');
    expect(ends[0]).toMatchObject({ outcome: 'handshake', tls: null });
    expect(ends.at(-1)).toMatchObject({ outcome: 'direct', tls: { alpn: 'imap', verify: { result: 'verified' } } });
  });

  describe.skipIf(process.platform === 'win32')('--exec', () => {
    it('connects clients to a program, which knows who they are', async () => {
      const program = 'env; echo "$(pwd)"; cat';
      const server = await serve('smtp', on('--exec', program, '--json', '--connections', '2'));
      const [first, second] = await Promise.all([
        converse(await upgraded(server.port, 'smtp', false), 'said to the first\r\n'),
        converse(await upgraded(server.port, 'smtp', false), 'said to the second\r\n'),
      ]);
      const facts = Object.fromEntries(first.split('\n').map((line) => line.split('=', 2)));
      expect(facts).toMatchObject({
        ...{ TCPX_PROTOCOL: 'smtp', TCPX_CONNECTION: '1', TCPX_REMOTE_ADDRESS: '127.0.0.1' },
        ...{ TCPX_LOCAL_ADDRESS: '127.0.0.1', TCPX_LOCAL_PORT: String(server.port), TCPX_TLS_VERSION: 'TLSv1.3' },
        ...{
          TCPX_TLS_SERVERNAME: 'localhost',
          TCPX_TLS_ALPN: '',
          TCPX_PEER_SUBJECT: '',
          TCPX_PEER_VERIFY: 'unchecked',
        },
        PATH: process.env.PATH,
      });
      // What is ours is none of its business.
      expect(Object.keys(facts)).not.toContain('SESAME');
      expect(Object.keys(facts)).not.toContain('TCPX_ENGINE');
      expect(first).toMatch(/\nsaid to the first\r\n$/);
      expect(second).toMatch(/TCPX_CONNECTION=2\n[\s\S]*\nsaid to the second\r\n$/);
      expect(await server.finished()).toEqual({ code: 0, signal: null });
      const ends = events(server).filter(({ event }) => event === 'ended');
      expect(ends).toMatchObject([{ outcome: 'upgraded' }, { outcome: 'upgraded' }]);
    });

    it('loses nothing of what a program says that does not listen', async () => {
      const server = await serve('smtp', on('--exec', 'head -c 8', '--json', '--connections', '1'));
      const stream = await upgraded(server.port, 'smtp', false);
      expect(await converse(stream, 'take it '.repeat(1_000_000))).toBe('take it ');
      await server.finished();
      const [end] = events(server).filter(({ event }) => event === 'ended');
      expect(end).toMatchObject({ outcome: 'upgraded', reason: '' });
    });

    it('tells of a program that fails', async () => {
      const server = await serve('smtp', on('--exec', 'echo sorry >&2; exit 3', '--json', '--connections', '1'));
      expect(await converse(await upgraded(server.port, 'smtp', false), '')).toBe('');
      await server.finished();
      const [end] = events(server).filter(({ event }) => event === 'ended');
      expect(end).toMatchObject({ outcome: 'failed', reason: 'the program ended with status 3' });
      expect(server.stderr()).toBe('sorry\n');
    });

    it('ends a program whose client has gone, and all of them with the server', async () => {
      const marks = join(directory, `marks-${engine}`);
      mkdirSync(marks);
      const program = `trap "touch ${marks}/left-$TCPX_CONNECTION; exit 1" TERM; echo hello; sleep 60 & wait`;
      const server = await serve('smtp', on('--exec', program, '--json'));
      const first = await upgraded(server.port, 'smtp', false);
      await once(first, 'data');
      const second = await upgraded(server.port, 'smtp', false);
      await once(second, 'data');
      first.on('error', () => {}).resume();
      second.on('error', () => {}).resume();
      await terminated(server);
      expect([1, 2].map((number) => existsSync(join(marks, `left-${number}`)))).toEqual([true, true]);
      const ends = events(server).filter(({ event }) => event === 'ended');
      expect(ends).toMatchObject([{ outcome: 'cancelled' }, { outcome: 'cancelled' }]);
      first.destroy();
      second.destroy();
    });

    it('does not wait for ever for a program that will not leave', async () => {
      const server = await serve('smtp', on('--exec', 'trap "" TERM; echo hello; sleep 60', '--json'));
      const stream = await upgraded(server.port, 'smtp', false);
      await once(stream, 'data');
      stream.on('error', () => {}).resume();
      await terminated(server);
      stream.destroy();
    });
  });

  it('leaves no port behind when nobody reads what it tells', async () => {
    const file = join(directory, `port-unread-${engine}`);
    const { cert, key } = pki.good;
    const served = on('--cert', cert, '--key', key, '--port-file', file);
    const args = [main, 'starttls', '--serve', 'smtp', ...served];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...ENVIRONMENT },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const closed = once(child, 'close');
    await once(child.stdout, 'data');
    child.stdout.destroy();
    connect(Number(readFileSync(file, 'utf8')), '127.0.0.1').on('error', () => {});
    expect(await closed).toEqual([141, null]);
    expect(existsSync(file)).toBe(false);
  });

  it('keeps the port in a file while it listens', async () => {
    const file = join(directory, `port-${engine}`);
    const server = await serve('smtp', on('--port-file', file));
    expect(readFileSync(file, 'utf8')).toBe(`${server.port}\n`);
    await terminated(server, 'SIGINT');
    expect(existsSync(file)).toBe(false);
    expect(server.stdout()).toMatch(/\nstopped after 0 connections\n$/);
  });
});

describe.concurrent('tcpx starttls --serve', () => {
  const certificate = () => ['--cert', pki.good.cert, '--key', pki.good.key];

  it('ends with its clients on a signal', async () => {
    const server = await serve('smtp');
    const clients: Socket[] = [];
    for (let count = 0; count < 5; count += 1) {
      const socket = connect(server.port, '127.0.0.1');
      await once(socket, 'data');
      clients.push(socket.resume());
    }
    await Promise.all([terminated(server), ...clients.map((socket) => once(socket, 'end'))]);
    expect(events(server).at(-1)).toEqual({ event: 'stopped', connections: 5, outcomes: { cancelled: 5 } });
    for (const socket of clients) socket.destroy();
  });

  // On the other engine Node itself closes what it has no descriptor for.
  it.skipIf(!ENGINES.includes('gnutls') || process.platform !== 'linux')(
    'rests while it has no descriptors',
    async () => {
      const server = await startProcess({
        command: 'bash',
        args: [
          ...['-c', 'ulimit -n 200; exec "$@"', 'bash', process.execPath, main, 'starttls'],
          ...['--serve', 'smtp', '--engine', 'gnutls', '--json', ...certificate()],
        ],
        env: ENVIRONMENT,
        ready: /"port":\d+/,
      });
      const port = Number(/"port":(\d+)/.exec(server.stdout())?.[1]);
      const sockets = Array.from({ length: 220 }, () => connect(port, '127.0.0.1').on('error', () => {}));
      await server.waitFor(/"event":"delayed".*Too many open files/);
      for (const socket of sockets) socket.destroy();
      const late = connect(port, '127.0.0.1').setEncoding('latin1');
      expect(await converse(late, 'QUIT\r\n')).toMatch(/^220 .*\r\n221 .*\r\n$/);
      await terminated(server);
    },
  );

  it('explains attacks', async () => {
    const { code, stdout } = await tcpx(['--serve', 'imap', '--attack', 'list']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^IMAP: /);
    expect([...stdout.matchAll(/^ {2}([a-z-]+)$/gm)].map(([, name]) => name)).toEqual([
      ...[
        'inject-line',
        'inject-half-line',
        'omit',
        'rename',
        'refuse',
        'preauth',
        'tamper',
        'garbage',
        'silence',
        'drip',
      ],
    ]);
    expect(stdout).toContain(ATTACKS.preauth.server);
    const direct = await tcpx(['--serve', 'imaps', '--attack', 'list']);
    expect(direct.stdout).toMatch(/^IMAP, TLS from the first byte: [\s\S]*early-greeting/);
  });

  it.each([[['--serve', '--help']], [['--serve', 'smtp', '-h']]])('helps: %j', async (args) => {
    const { code, stdout } = await tcpx(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: tcpx starttls --serve PROTOCOL /);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(140);
  });

  it('is in the help of the client', async () => {
    const { stdout } = await tcpx(['--help']);
    expect(stdout).toMatch(/--serve PROTOCOL/);
  });

  it.each([
    [['--serve'], "Option '--serve <value>' argument missing"],
    [['--serve', 'smtp'], 'openssl req -x509'],
    [['--serve', 'smpt', ...['--cert', 'x', '--key', 'x']], "there is no protocol 'smpt'"],
    [['--serve', 'smtp', 'smtp://localhost'], '--serve takes no target'],
    [
      ['--serve', 'smtp', '--attack', 'omitt', '--cert', 'x', '--key', 'x'],
      "there is no attack 'omitt' (did you mean omit?)",
    ],
    [['--serve', 'smtp', '--attack', 'preauth', '--cert', 'x', '--key', 'x'], "SMTP relay has no attack 'preauth'"],
    [['--serve', 'smtp', '--port', '70000', '--cert', 'x', '--key', 'x'], '--port is a whole number from 0 to 65535'],
    [['--serve', 'smtp', '--cert', '/nonexistent', '--key', '/nonexistent'], "cannot read the file '/nonexistent'"],
    [['--serve', 'smtp', '--policy', 'never'], "unknown option '--policy'"],
    [['--serve', 'smtp', '--drip-ms', '-1', '--cert', 'x', '--key', 'x'], "the value of --drip-ms starts with '-'"],
  ])('%j is a usage error', async (args, message) => {
    const { code, stdout, stderr } = await tcpx(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it.each(['auto', 'node'])(
    'refuses a pair that does not match, and options of TLS that cannot be, on %s',
    async (engine) => {
      const { good, client } = pki;
      for (const [args, message] of [
        [['--cert', good.cert, '--key', client.key], 'tls.cert and tls.key were refused'],
        [[...certificate(), '--priority', 'FOO'], 'tls.priority: priority string'],
        [[...certificate(), '--ca', client.key], 'tls.ca holds no certificate'],
      ] as const) {
        const { code, stdout, stderr } = await tcpx(['--serve', 'smtp', '--engine', engine, ...args]);
        expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
        expect(stderr).toContain(message);
      }
    },
  );

  it('refuses a port file that cannot be written, and leaves nothing behind', async () => {
    const { code, stderr } = await tcpx(['--serve', 'smtp', ...certificate(), '--port-file', '/nonexistent/port']);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('--port-file /nonexistent/port cannot be written: no such file or directory'),
    });
  });

  it('cannot listen where somebody does', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { code, stdout, stderr } = await tcpx(['--serve', 'smtp', ...certificate(), '--port', String(port)]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^tcpx starttls: cannot serve on port ${port}: .*in use`));
    other.close();
  });

  it('has no other engine than there are', async () => {
    const { code } = await runProcess({
      command: process.execPath,
      args: [main, 'starttls', '--serve', 'smtp', ...certificate(), '--engine', 'gnutls'],
      env: { ...ENVIRONMENT, TCPX_GNUTLS: '/nonexistent/libgnutls.so' },
    });
    expect(code).toBe(3);
  });

  it('calls itself by the name of this host', async () => {
    const server = await serve('smtp', ['--json', '--connections', '1']);
    const socket = connect(server.port, '127.0.0.1').setEncoding('latin1');
    expect(await converse(socket, 'QUIT\r\n')).toContain(`220 ${hostname()} ESMTP`);
    await server.finished();
  });
});
