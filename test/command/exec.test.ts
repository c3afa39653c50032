// The command as a user runs it: `node dist/bin/tcpx.cjs` in a process of its own, against a scripted peer.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineReports } from 'tcpx';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { tcpx } from '../support/command.ts';
import { cleanUpAfterAll, freePort, tempDir } from '../support/peer.ts';
import { makePki, type PkiPaths, writePki } from '../support/pki.ts';
import { type Step, startPeer, stopPeers } from '../support/scripted-peer.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const native = engineReports().some(({ name, available }) => name === 'gnutls' && available);

const COLUMNS = [
  ['gnutls', 'sync'],
  ['gnutls', 'async'],
  ['node', 'sync'],
  ['node', 'async'],
] as const;

let pki: PkiPaths;
beforeAll(async () => {
  pki = await writePki(tempDir());
});
afterEach(stopPeers);
cleanUpAfterAll();

const lines = (...list: string[]) => list.flatMap((line) => ['-e', line]);

function records(stdout: string): Record<string, unknown>[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const SMTP_CLEAR: readonly Step[] = [
  { send: '220 mail ESMTP\r\n' },
  { expect: 'EHLO client.example\r\n' },
  { send: '250-mail\r\n250 STARTTLS\r\n' },
  { expect: 'STARTTLS\r\n' },
  { send: '220 go ahead\r\n' },
  { startTls: {} },
];

describe.each(COLUMNS)('tcpx exec on %s, %s', (engine, mode) => {
  const absent = engine === 'gnutls' && !native;
  if (absent) process.stderr.write('SKIPPED tcpx exec on gnutls: the engine is not available\n');
  const engineArgs = ['exec', '--engine', engine, '--timer', '5000', ...(mode === 'async' ? ['--async'] : [])];

  it.skipIf(absent)('a plain dialogue from standard input', async () => {
    const peer = await startPeer({
      steps: [{ send: '+OK\r\nrest' }, { expect: 'QUIT\r\n\x00\xff' }, { send: 'b\u0000\xfe' }, { close: 'fin' }],
    });
    const input = [
      '# a comment',
      `CONNECT 127.0.0.1 ${peer.port}`,
      'EXPECT "\\r\\n"',
      'CHECK timer=1000',
      'READ 4',
      'WRITE "QUIT\\r\\n" hex:00ff',
      'READ 3',
      'READ',
      'CLOSE',
      '',
    ].join('\n');
    const { code, stdout, stderr } = await tcpx(engineArgs, { input });
    await peer.finished();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.replace(/\d+\.\d\d ms/g, 'T').replace(/ {2,}/g, '  ')).toBe(
      [
        `  2 CONNECT 127.0.0.1 ${peer.port}  STATUS 0  sockport 1  T`,
        '  3 EXPECT "\\r\\n"  STATUS 5  sockport 1  T',
        '  < +OK\\r\\n',
        '  4 CHECK timer=1000  STATUS 1  sockport 1  T  (ready)',
        '  5 READ 4  STATUS 4  sockport 1  T',
        '  < rest',
        '  6 WRITE "QUIT\\r\\n" hex:00ff  STATUS 8  sockport 1  T',
        '  7 READ 3  STATUS 3  sockport 1  T',
        '  < 0000  62 00 fe  b..',
        '  8 READ  STATUS 0  sockport 1  T  (the peer has closed)',
        '  9 CLOSE  STATUS 0  sockport -1  T',
        '',
      ].join('\n'),
    );
  });

  it.skipIf(absent)('a STARTTLS dialogue, and the facts of the session', async () => {
    const peer = await startPeer({
      steps: [...SMTP_CLEAR, { expect: 'NOOP\r\n' }, { send: '250 ok\r\n' }, { expectEnd: 'close-notify' }],
    });
    const { code, stdout, stderr } = await tcpx([
      ...engineArgs,
      '--json',
      '--ca',
      pki.ca,
      ...lines(
        `CONNECT localhost ${peer.port} BLOCK+TLS+STARTTLS AS mail`,
        'EXPECT /^220 .*\\r\\n/m',
        'WRITE "EHLO client.example\\r\\n"',
        'EXPECT /^250 .*\\r\\n/m',
        'WRITE "STARTTLS\\r\\n"',
        'EXPECT /^220 .*\\r\\n/m',
        'STARTTLS',
        'INFO mail',
        'WRITE "NOOP\\r\\n"',
        'READ 8',
        'CLOSE',
      ),
    ]);
    await peer.finished();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [connect, greeting, , , , , starttls, info, write, read, close] = records(stdout);
    expect(connect).toEqual({
      line: 1,
      opcode: 'CONNECT',
      status: 0,
      sockport: 1,
      buffer: null,
      ms: expect.any(Number),
    });
    expect(greeting).toMatchObject({ opcode: 'EXPECT', status: 16, buffer: '220 mail ESMTP\r\n', bytes: 16 });
    const tls = {
      engine,
      version: 'TLSv1.3',
      resumed: false,
      servername: 'localhost',
      verify: { result: 'verified', reasons: [] },
      peer: { subject: 'CN=localhost', issuer: 'CN=tcpx test root', validTo: expect.any(String) },
    };
    expect(starttls).toMatchObject({ opcode: 'STARTTLS', status: 0, tls });
    expect(info).toMatchObject({ opcode: 'INFO', socket: { number: 1, state: 'tls', names: ['mail'], tls } });
    expect(write).toMatchObject({ opcode: 'WRITE', status: 6, bytes: 6, buffer: null });
    expect(read).toMatchObject({ opcode: 'READ', status: 8, buffer: '250 ok\r\n' });
    expect(close).toMatchObject({ opcode: 'CLOSE', status: 0, sockport: -1 });
  });

  it.skipIf(absent)('a server that is not verified fails, and says which option to use', async () => {
    const peer = await startPeer({ tls: {}, steps: [], count: 1 });
    const { code, stdout } = await tcpx([
      ...engineArgs,
      '--json',
      ...lines(`CONNECT localhost ${peer.port} BLOCK+TLS`),
    ]);
    expect(code).toBe(1);
    const [failed] = records(stdout);
    expect(failed).toMatchObject({ opcode: 'CONNECT', sockport: -1, failed: true, allowed: false });
    expect(failed?.status).toBeLessThan(0);
    expect(failed?.text).toMatch(/verify|certificate/);
  });

  it.skipIf(absent)('a call that fails ends the script with 1, unless it may or --keep-going', async () => {
    const port = await freePort();
    const failing = `CONNECT 127.0.0.1 ${port}`;
    const stopped = await tcpx([...engineArgs, ...lines(failing, 'PRINT "after"')]);
    expect(stopped).toMatchObject({ code: 1, stdout: expect.not.stringContaining('after') });
    expect(stopped.stdout).toMatch(/STATUS -111 {2}sockport -1/);
    expect(stopped.stderr).toMatch(/^tcpx exec: -e line 1: CONNECT failed, STATUS -111: .*Connection refused\n$/);
    const allowed = await tcpx([...engineArgs, ...lines(`- ${failing}`, 'PRINT "after"')]);
    expect(allowed).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('(allowed)') });
    expect(allowed.stdout).toContain('after');
    const going = await tcpx([...engineArgs, '--keep-going', ...lines(failing, 'PRINT "after"')]);
    expect(going).toMatchObject({ code: 1, stdout: expect.stringContaining('after') });
  });

  it.skipIf(absent)('several sockets, by name and by number', async () => {
    const peer = await startPeer({
      connections: [
        [{ send: 'one' }, { echo: true }],
        [{ send: 'two' }, { echo: true }],
      ],
    });
    const { code, stdout, stderr } = await tcpx([
      ...engineArgs,
      '--json',
      ...lines(
        `CONNECT 127.0.0.1 ${peer.port} AS first`,
        `CONNECT 127.0.0.1 ${peer.port} AS second`,
        'ON first READ 3',
        'READ 3',
        'USE first',
        'SOCKETS',
        'ON 2 CLOSE',
        'CLOSE',
        'SOCKETS',
      ),
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [, , one, two, open, , , closed] = records(stdout);
    expect([one?.buffer, two?.buffer]).toEqual(['one', 'two']);
    expect(open).toMatchObject({
      sockets: [
        { number: 1, names: ['first'], current: true, remote: { port: peer.port } },
        { number: 2, names: ['second'], current: false },
      ],
    });
    expect(closed).toEqual({ line: 9, opcode: 'SOCKETS', sockets: [] });
  });

  it.skipIf(absent)('XCALL as A-Shell has it, nothing added', async () => {
    const peer = await startPeer({ steps: [{ send: 'hello' }, { expect: 'wor' }] });
    const { code, stdout, stderr } = await tcpx([
      ...engineArgs,
      '--json',
      ...lines(
        'DIM sock,F',
        `SET sock = ${peer.port - 1} + 1`,
        'XCALL TCPX, TCPOP_CONNECT, status, buffer, sock, TCPXFLG_BLOCK, 5000, "127.0.0.1"',
        'xcall tcpx(4, status, buffer, sock, 5, 5000)',
        'PRINT status, buffer, sock',
        'SET buffer = "world"',
        'XCALL TCPX, TCPOP_WRITE, status, buffer, sock, 3',
        'XCALL TCPCLI, 6, status, buffer, sock',
        '-XCALL TCPX, 99, status, buffer, sock',
      ),
    ]);
    await peer.finished();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(records(stdout)).toMatchObject([
      { opcode: 'CONNECT', status: 0, sockport: 1 },
      { opcode: 'READ', status: 5, buffer: 'hello' },
      { opcode: 'PRINT', values: { status: 5, buffer: 'hello', sock: 1 } },
      { opcode: 'WRITE', status: 3 },
      { routine: 'TCPCLI', opcode: 'CLOSE', sockport: -1 },
      { opcode: '99', status: -1, failed: true, allowed: true },
    ]);
  });

  it.skipIf(absent)('a server: LISTEN, CHECK, ACCEPT with ASYNC and a greeting', async () => {
    const port = await freePort();
    const client = await startPeer({ connect: { port }, steps: [{ expect: '220 hi\r\n' }, { send: 'bye\r\n' }] });
    const { code, stdout, stderr } = await tcpx([
      ...engineArgs,
      '--bind',
      '127.0.0.1',
      ...lines(
        `ACCEPT ${port} LISTEN AS door`,
        'CHECK timer=5000',
        'ON door ACCEPT BLOCK+ASYNC+KEEPLISTEN greeting "220 hi\\r\\n" AS guest',
        'EXPECT "bye"',
        'CLOSE',
        'ON door CLOSE',
      ),
    ]);
    await client.finished();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/ACCEPT BLOCK.* STATUS 8 .*sockport 2/);
  });

  it.skipIf(absent)('a TLS server that requires a certificate of its clients', async () => {
    const { client: identity } = await makePki();
    for (const [tls, status] of [
      [{ identity }, 0],
      [{}, -112],
    ] as const) {
      const port = await freePort();
      const client = await startPeer({ connect: { port }, tls, steps: [{ expectEnd: 'any' }] });
      const { code, stdout } = await tcpx([
        ...[...engineArgs, '--json', '--bind', '127.0.0.1', '--client-auth', 'require', '--no-resume'],
        ...['--cert', pki.good.cert, '--key', pki.good.key, '--ca', pki.ca, '--handshake-timeout', '5000'],
        ...lines(`ACCEPT ${port} BLOCK+TLS`, 'CLOSE'),
      ]);
      expect(code).toBe(status === 0 ? 0 : 1);
      const [accept] = records(stdout);
      expect(accept).toMatchObject({ opcode: 'ACCEPT', status });
      if (status === 0) expect(accept).toMatchObject({ tls: { peer: { subject: 'CN=tcpx client' } } });
      else expect(accept?.text).toMatch(/certificate/);
      await client.outcome();
    }
  });

  it.skipIf(absent)('--handshake-timeout and --assume do what they say', async () => {
    const silent = await startPeer({ steps: [{ waitFor: 'never' }] });
    const { stdout } = await tcpx([
      ...['exec', '--engine', engine, '--json', '--keep-going', '--bind', '127.0.0.1', '--handshake-timeout', '100'],
      ...(mode === 'async' ? ['--async', '--home', 'worker'] : []),
      ...['--assume', 'acceptTimer=waits'],
      ...lines(`CONNECT 127.0.0.1 ${silent.port} BLOCK+TLS`, `ACCEPT ${await freePort()} timer=50`),
    ]);
    expect(records(stdout)).toMatchObject([
      { opcode: 'CONNECT', status: -319 },
      { opcode: 'ACCEPT', status: -11 },
    ]);
  });

  it.skipIf(absent)('EXPECT gives up after its timer, and at the end of the stream', async () => {
    const peer = await startPeer({ steps: [{ send: 'abc' }, { waitFor: 'never' }] });
    const late = await tcpx([...engineArgs, ...lines(`CONNECT 127.0.0.1 ${peer.port}`, 'EXPECT "abd" timer=200')]);
    expect(late).toMatchObject({ code: 1, stderr: expect.stringContaining('it did not appear within 200 ms') });
    const closing = await startPeer({ steps: [{ send: 'abc' }, { close: 'fin' }] });
    const ended = await tcpx([...engineArgs, ...lines(`CONNECT 127.0.0.1 ${closing.port}`, 'EXPECT /x/')]);
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('the peer has closed before it appeared') });
    expect(ended.stdout).toContain('< abc');
  });

  it.skipIf(absent)('--timer limits calls that give none, --status-family changes the numbers', async () => {
    const silent = await startPeer({ steps: [{ waitFor: 'never' }] });
    const { code, stdout } = await tcpx([
      ...['exec', '--engine', engine, ...(mode === 'async' ? ['--async'] : []), '--timer', '200', '--json'],
      ...['--status-family', 'windows'],
      ...lines(`CONNECT 127.0.0.1 ${silent.port}`, 'CHECK', '-READ', '-READ 5 timer=1'),
    ]);
    expect(code).toBe(0);
    const [, check, read] = records(stdout);
    expect(check).toMatchObject({ status: 0 });
    expect(check?.ms).toBeLessThan(190);
    expect(read).toMatchObject({ status: -10035 });
    expect(read?.ms).toBeGreaterThan(150);
  });
});

describe('tcpx exec', () => {
  it('the example delivers a message', async () => {
    const reply = (code: number): Step => ({ send: `${code} ok\r\n` });
    const peer = await startPeer({
      steps: [
        ...SMTP_CLEAR,
        { expect: 'EHLO client.example\r\n' },
        reply(250),
        { expect: 'MAIL FROM:<a@example.org>\r\n' },
        reply(250),
        { expect: 'RCPT TO:<b@example.org>\r\n' },
        reply(250),
        { expect: 'DATA\r\n' },
        reply(354),
        { expectUntil: '\r\n.\r\n' },
        reply(250),
        { expect: 'QUIT\r\n' },
        reply(221),
      ],
    });
    const { code, stderr, stdout } = await tcpx(
      ['exec', '--timer', '5000', '--ca', pki.ca, join(root, 'examples/smtp-starttls.tcpx')],
      {
        env: {
          SMTP_HOST: 'localhost',
          SMTP_PORT: String(peer.port),
          MAIL_FROM: 'a@example.org',
          MAIL_TO: 'b@example.org',
        },
      },
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await peer.finished();
    expect(stdout).toContain('verify   verified');
    expect(stdout).not.toContain('a@example.org');
  });

  it('a script is checked as a whole before its first call', async () => {
    const peer = await startPeer({ steps: [], count: 0 });
    const file = join(tempDir(), 'wrong.tcpx');
    writeFileSync(file, `CONNECT 127.0.0.1 ${peer.port}\nRAED\n`);
    const { code, stdout, stderr } = await tcpx(['exec', file]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`${file} line 2, column 1: 'RAED' is no opcode or command (did you mean READ?)`);
    expect((await peer.report()).connections).toEqual([]);
  });

  it('a secret from the environment is in no output', async () => {
    const { stdout, stderr } = await tcpx(
      ['exec', '--trace', 'socks,xdebug', ...lines(`WRITE "PASS \${PASSWORD}\\r\\n"`)],
      { env: { PASSWORD: 'hunter2' } },
    );
    expect(stdout + stderr).not.toContain('hunter2');
  });

  it("a site's ashell.def decides on the numbers", async () => {
    const peer = await startPeer({ steps: [{ send: 'x' }] });
    const file = join(tempDir(), 'ashell.def');
    writeFileSync(file, 'define TCPOP_CONNECT = 90\ndefine TCPXFLG_BLOCK = 2\n');
    const { code, stdout } = await tcpx([
      'exec',
      '--json',
      '--symbols',
      file,
      ...lines(
        `CONNECT 127.0.0.1 ${peer.port}`,
        'READ',
        'PRINT TCPOP_CONNECT, TCPXFLG_BLOCK',
        'CLOSE',
        '-XCALL TCPX, 9, status, buffer, sockport',
      ),
    ]);
    expect(code).toBe(0);
    const found = records(stdout);
    expect(found[1]).toMatchObject({ opcode: 'READ', status: 1, buffer: 'x' });
    expect(found[2]).toMatchObject({ values: { 'value 1': 90, 'value 2': 2 } });
    expect(found[4]).toMatchObject({ opcode: '9', status: -1 });
  });

  it('a trace goes to a file', async () => {
    const file = join(tempDir(), 'trace');
    const port = await freePort();
    await tcpx(['exec', '--trace', 'socks', '--trace-file', file, ...lines(`- CONNECT 127.0.0.1 ${port}`)]);
    expect(readFileSync(file, 'utf8')).toMatch(/^TCPX CONNECT\(.*\) = -111/);
  });
});
