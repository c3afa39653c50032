// `tcpx mail` as a user runs it: what is sent, what is said of it, and the exit statuses.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { engineReports } from 'tcpx';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capabilities, EHLO, GREETING, message, opening, QUIT, said, smtpServer } from '../conformance/emailx-mail.ts';
import { arrived } from '../conformance/letter.ts';
import { cleanUpAfterAll, runProcess, startProcess, tempDir, toolPath } from '../support/peer.ts';
import { makePki, type PkiPaths, writePki } from '../support/pki.ts';
import { type Step, startPeer, stopPeers } from '../support/scripted-peer.ts';
import { base64, file, HELLO, HOST, LETTER, linesOf, mail, main } from './mail-command.ts';

const engines = engineReports()
  .filter(({ available }) => available)
  .map(({ name }) => name);
const pki = await makePki();
let paths: PkiPaths;
beforeAll(async () => {
  paths = await writePki(tempDir());
});
// Some of the tests run side by side: a peer lives as long as the file.
afterAll(stopPeers);
cleanUpAfterAll();

describe.each(engines)('tcpx mail on %s', (engine) => {
  it('sends from options, over STARTTLS with a password, and tells of both', async () => {
    const peer = await smtpServer(
      opening('STARTTLS'),
      [{ expect: 'STARTTLS\r\n' }, { send: '220 go\r\n' }, { startTls: {} }, EHLO],
      capabilities('8BITMIME', 'AUTH PLAIN'),
      [{ expect: `AUTH PLAIN ${base64('\0jörg\0geheim')}\r\n` }, { send: '235 2.7.0 welcome\r\n' }],
      message(['ann@example.com', 'bob@example.com', 'eve@example.com'], ' BODY=8BITMIME'),
      QUIT,
    );
    const note = file('note.csv', 'a;b\n');
    const { code, stdout, stderr } = await mail(
      [
        ...['--server', peer.server, '--engine', engine, '--ca', paths.ca, '--user', 'jörg', '--password-env', 'PW'],
        ...[...HOST, '--from', 'Me <me@example.com>', '--to', 'Ann <ann@example.com>', '--cc', 'bob@example.com'],
        ...['--bcc', 'eve@example.com', '--reply-to', 'help@example.com', '--subject', 'Grüße', '--text', 'schön'],
        ...['--header', 'X-Order: 42', '--attach', `${note}:text/plain; charset=utf-8`],
      ],
      { env: { PW: 'geheim' } },
    );
    await peer.finished();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const size = (await arrived(peer)).length;
    expect(stdout).toMatch(
      new RegExp(
        `^sent: to 3 recipients, ${size} octets; 250 2\\.0\\.0 taken\nTLSv1\\.3 TLS_\\S+ \\S+, peer CN=localhost \\(verified\\)\n$`,
      ),
    );
    const text = Buffer.from(await arrived(peer), 'latin1').toString('utf8');
    expect(linesOf(text).slice(0, 10)).toEqual([
      'MIME-Version: 1.0',
      expect.stringMatching(/^Content-Type: multipart\/mixed; boundary="/),
      'Content-Transfer-Encoding: 8bit',
      'From: Me <me@example.com>',
      'To: Ann <ann@example.com>',
      'Cc: bob@example.com',
      'Reply-To: help@example.com',
      'Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=',
      'X-Order: 42',
      '',
    ]);
    expect(text).toContain('\r\n\r\nschön\r\n');
    expect(text).toContain('Content-Type: text/plain; charset=utf-8; name="note.csv"\r\n');
    expect(text).not.toContain('eve@');
  });

  it('finds out the right mode, both ways', async () => {
    const clear = await startPeer({ steps: [GREETING] });
    const direct = await mail([...LETTER, ...HELLO, '--engine', engine, '--tls', '-s', `localhost:${clear.port}`]);
    expect(direct).toMatchObject({ code: 6, stdout: '' });
    expect(direct.stderr).toBe(
      'tcpx mail: not-delivered: this port speaks plaintext first: use --starttls, usually 587; nothing was delivered\n',
    );
    const secure = await startPeer({ tls: {}, connections: [[{ expectEnd: 'any' }], [{ expectEnd: 'any' }]] });
    const began = performance.now();
    const upgrade = await mail(
      [
        ...[...LETTER, ...HELLO, '--engine', engine, '-s', `localhost:${secure.port}`, '--patience', '20000'],
        ...['--user', 'ann', '--password-env', 'PW'],
      ],
      { env: { PW: 'opensesame' } },
    );
    expect(performance.now() - began).toBeLessThan(8_000);
    expect(upgrade).toMatchObject({ code: 6, stdout: '' });
    expect(upgrade.stderr).toBe(
      'tcpx mail: not-delivered: this port expects TLS first: use --tls, usually 465; nothing was delivered\n',
    );
    const { connections } = await secure.outcome();
    expect(connections.map(({ received }) => received.length)).toEqual([0, 0]);
  });
});

it('shows a password nowhere that the server repeats', async () => {
  const secret = /sekrit1|c2Vrcml0MQ|AGJvYgBzZWtyaXQx/;
  const echo = `sekrit1 c2Vrcml0MQ== ${base64('\0bob\0sekrit1')}`;
  const log = `${tempDir()}/mail.log`;
  const peer = () => smtpServer(opening('AUTH PLAIN'), { expectUntil: '\r\n' }, { send: `535 not ${echo}\r\n` }, QUIT);
  const args = [...LETTER, ...HELLO, '--no-tls', '--clear-auth', '--user', 'bob', '--json'];
  const cfgfile = file('echo.cfg', `PASSWORD = sekrit1\nLOGFILE = ${log}\nLOGLVL = 4\n`);
  for (const more of [['-v'], ['--trace', 'xdebug']]) {
    const { server } = await peer();
    const { code, stdout, stderr } = await mail([...args, ...more, '-s', server, '--config', cfgfile]);
    expect(code).toBe(5);
    expect(stdout).toContain('not **** **** ****');
    expect(stderr).not.toMatch(secret);
    // What a dump shows of a line may begin anywhere in it.
    expect(stderr.replace(/^ {2}. [0-9a-f]{4} {2}.{47} {2}(.*)\n/gm, '$1')).not.toMatch(secret);
  }
  const logged = readFileSync(log, 'latin1');
  expect(logged).toContain('< 535 not **** **** ****\n');
  expect(logged).not.toMatch(secret);
});

it('logs in whom --user names, with the password of the configuration, whatever its AUTH', async () => {
  for (const auth of ['', 'AUTH = NONE\n']) {
    const peer = await smtpServer(
      opening('AUTH PLAIN'),
      [{ expect: `AUTH PLAIN ${base64('\0bob\0geheim')}\r\n` }, { send: '235 ok\r\n' }],
      message(),
      QUIT,
    );
    const config = file('login.cfg', `PASSWORD = geheim\n${auth}`);
    const args = [...LETTER, ...HELLO, '--no-tls', '--clear-auth', '-s', peer.server, '--config', config, '-u', 'bob'];
    expect(await mail(args)).toMatchObject({ code: 0, stderr: '' });
    await peer.finished();
  }
});

describe.concurrent('what the exit status tells', () => {
  const REFUSED = (code: number) => [...opening(), ...message().slice(0, 1), { send: `${code} 4.7.1 words\r\n` }];
  it.each<[number, string, readonly Step[], readonly string[]]>([
    [4, 'refused-for-now: MAIL FROM: 451 4.7.1 words', [...REFUSED(451), ...QUIT], []],
    [5, 'refused: MAIL FROM: 551 4.7.1 words', [...REFUSED(551), ...QUIT], []],
    [5, 'refused: MAIL FROM: 530 4.7.1 words; use --starttls or --tls', [...REFUSED(530), ...QUIT], []],
    [6, 'not-delivered: the server closed the connection; nothing was delivered', [...opening().slice(0, 2)], []],
    [
      6,
      'not-delivered: MAIL FROM: 354 what; nothing was delivered',
      [...opening(), ...message().slice(0, 1), { send: '354 what\r\n' }],
      [],
    ],
    [
      7,
      'unknown: end of data: 354 more; whether the message was delivered is unknown',
      [...opening(), ...message().slice(0, -1), { send: '354 more\r\n' }],
      [],
    ],
    [6, 'not-delivered: not a reply with a code', [{ send: 'hello\r\n' }], []],
    [
      6,
      'not-delivered: the 500 ms of timeout are over: the server did not answer in time',
      [GREETING, { discard: 'end' }],
      ['--timeout', '500'],
    ],
    [
      7,
      'unknown: the server closed the connection; whether the message was delivered is unknown',
      [...opening(), ...message().slice(0, -1)],
      [],
    ],
  ])('%i: %s', async (exit, text, steps, args) => {
    const peer = await startPeer({ steps });
    const { code, stdout, stderr } = await mail([
      ...LETTER,
      ...HELLO,
      '--no-tls',
      '-s',
      `localhost:${peer.port}`,
      ...args,
    ]);
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' });
    expect(stderr.startsWith(`tcpx mail: ${text}`), stderr).toBe(true);
  });

  it('8: some were refused, with --partial', async () => {
    const peer = await smtpServer(
      opening('PIPELINING'),
      { expectUntil: 'RCPT TO:<b@example.com>\r\n' },
      { send: '250 ok\r\n250 ok\r\n550 5.1.1 \x1b[31mno\r\n' },
      message().slice(4),
      QUIT,
    );
    const args = ['--no-tls', '-s', peer.server, ...LETTER, '--to', 'b@example.com', ...HELLO, '--partial'];
    const { code, stdout } = await mail(args);
    expect(code).toBe(8);
    expect(stdout).toContain('\nrefused: b@example.com: 550 5.1.1 \\x1b[31mno\nin clear\n');
  });

  it.each([[], ['--json']])('0: it was sent, though nobody takes the result %j', async (...more) => {
    const steps = [...opening(), ...message(), ...QUIT];
    const peer = await startPeer({ connections: [steps, steps] });
    const args = ['mail', ...LETTER, ...HELLO, '--no-tls', '-s', `localhost:${peer.port}`, ...more];
    const shell = (rest: string) => {
      const script = `'${process.execPath}' '${main}' "$@" ${rest}`;
      return runProcess({ command: 'bash', args: ['-c', script, 'bash', ...args], env: { TCPX_ENGINE: '' } });
    };
    const full = await shell('> /dev/full');
    expect(full).toMatchObject({ code: 0, stderr: expect.stringMatching(/^tcpx: standard output: ENOSPC: /) });
    const closed = await shell('| exit; exit $PIPESTATUS');
    expect(closed).toMatchObject({ code: 0, stderr: expect.stringMatching(/^tcpx: standard output: EPIPE: /) });
    await peer.finished();
  });

  it('2 and 3 are in the JSON as well', async () => {
    const env = { TCPX_GNUTLS: '/nonexistent/libgnutls.so' };
    const elsewhere = ['-s', 'localhost:1', '--json'];
    for (const [args, outcome, exit, reason] of [
      [['--json', '--frob'], 'unusable', 2, /--frob/],
      [[...LETTER, ...HELLO, '--json'], 'unusable', 2, /^--server HOST is missing/],
      [[...LETTER, ...HELLO, ...elsewhere, '--to', 'ann'], 'unusable', 2, /ann/],
      [[...LETTER, ...HELLO, ...elsewhere, '--config', '/nonexistent/emailx.cfg'], 'unusable', 2, /emailx\.cfg/],
      [[...LETTER, ...HELLO, ...elsewhere, '--engine', 'gnutls'], 'no-engine', 3, /gnutls/],
    ] as const) {
      const { code, stdout } = await mail(args, { env });
      expect({ code, ...JSON.parse(stdout) }).toMatchObject({
        code: exit,
        outcome,
        exit,
        status: null,
        reason: expect.stringMatching(reason),
        delivery: 'impossible',
      });
    }
  });

  it('4: refused for now, one command at a time with --no-pipelining', async () => {
    const peer = await smtpServer(opening('PIPELINING'), message().slice(0, 1), { send: '451 not now\r\n' }, QUIT);
    const args = ['--no-tls', '-s', peer.server, ...LETTER, ...HELLO, '--no-pipelining'];
    expect((await mail(args)).code).toBe(4);
    await peer.finished();
  });

  it('3: the engine is not there', async () => {
    const env = { TCPX_GNUTLS: '/nonexistent/libgnutls.so' };
    const args = [...LETTER, ...HELLO, '-s', 'localhost:1', '--engine', 'gnutls'];
    expect((await mail(args, { env })).code).toBe(3);
  });

  it('6: a certificate that nobody vouches for, with the remedy', async () => {
    const peer = await startPeer({ steps: [{ startTls: { identity: pki.selfSigned } }] });
    const { code, stderr } = await mail([...LETTER, ...HELLO, '--tls', '-s', `localhost:${peer.port}`]);
    expect(code).toBe(6);
    expect(stderr).toContain('; --ca FILE trusts its issuer, --verify none does without; nothing was delivered\n');
  });

  it('2: nothing was sent, as a file cannot be read', async () => {
    const { code, stderr } = await mail([...LETTER, ...HELLO, '-s', 'localhost:1', '--attach', '/nonexistent/a.pdf']);
    expect(code).toBe(2);
    expect(stderr).toContain("unusable: attachments[0] '/nonexistent/a.pdf' cannot be read: no such file or directory");
  });

  it('is in the JSON, with the facts of the session', async () => {
    const peer = await smtpServer({ startTls: {} }, opening(), message(), QUIT);
    const args = [...LETTER, ...HELLO, '--tls', '--ca', paths.ca, '-s', peer.server, '--json'];
    const { stdout } = await mail(args);
    const sent = JSON.parse(stdout);
    expect(sent).toMatchObject({
      outcome: 'sent',
      exit: 0,
      status: 0,
      accepted: ['ann@example.com'],
      rejected: [],
      reply: { code: 250, text: '2.0.0 taken' },
      tls: { version: 'TLSv1.3', verify: { result: 'verified' }, peer: { subject: 'CN=localhost' } },
    });
    expect(sent.tls.peer).not.toHaveProperty('chain');
    const refusing = await smtpServer(REFUSED(451), QUIT);
    const refused = await mail([...LETTER, ...HELLO, '--no-tls', '-s', refusing.server, '--json']);
    expect(JSON.parse(refused.stdout)).toMatchObject({
      outcome: 'refused-for-now',
      exit: 4,
      status: 451,
      delivery: 'impossible',
      reply: { code: 451, text: '4.7.1 words' },
      tls: null,
    });
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('tells what became of a mail that %s ended', async (signal) => {
    const peer = await smtpServer(opening(), message().slice(0, -1), { discard: 'end' });
    const args = [main, 'mail', ...LETTER, ...HELLO, '--no-tls', '-s', peer.server];
    const child = await startProcess({ command: process.execPath, args, env: { TCPX_ENGINE: '' } });
    while (!(await said(peer).catch(() => '')).includes('\r\n.\r\n')) await new Promise((go) => setTimeout(go, 5));
    process.kill(child.pid, signal);
    const { code } = await child.finished();
    expect(code).toBe(7);
    expect(child.stderr()).toContain('tcpx mail: unknown: ');
  });

  it.runIf(process.platform === 'linux')('ends by a signal while a pipe is to bring certificates', async () => {
    const pipe = join(tempDir(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    const args = [main, 'mail', ...LETTER, ...HELLO, '-s', 'localhost:1', '--ca', pipe];
    const child = await startProcess({ command: process.execPath, args });
    // There is nobody to write to until the command has begun to open it.
    let writer = -1;
    const open = () => {
      writer = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    };
    await expect.poll(open, { timeout: 15_000 }).toBeUndefined();
    process.kill(child.pid, 'SIGTERM');
    expect((await child.finished()).signal).toBe('SIGTERM');
    closeSync(writer);
  });
});

describe.concurrent('a command line that makes no sense', () => {
  it.each([
    [[], '--server HOST is missing'],
    [['-s', 'localhost', '--frm', 'x'], "unknown option '--frm' (did you mean --from?)"],
    [['-s', 'localhost', '--tls', '--no-tls'], '--tls or --no-tls, not both'],
    [['-s', 'localhost', '--text', 'x', '--text-file', 'y'], '--text or --text-file, not both'],
    [
      ['-s', 'localhost', ...LETTER, '--text-file', '-', '--html-file', '-'],
      'standard input is the text or the HTML, not both',
    ],
    [['-s', 'localhost', '-t', '--subject', 'x'], 'with -t the message is complete: --subject does not go with it'],
    [['-s', 'localhost', '--header', 'x'], "--header is written as 'Name: text', not 'x'"],
    [['-s', 'localhost', '--auth', 'NTLM'], '--auth is one of AUTO, PLAIN, LOGIN, CRAM-MD5, SCRAM-SHA-256, XOAUTH2'],
    [['-s', 'localhost', '--auth', 'plain'], '--auth needs --user'],
    [['-s', 'localhost', '--timeout', '0'], '--timeout is a whole number from 1 to 2147483647'],
    [['-s', 'localhost', '--text', 'x'], 'from is missing'],
    [['-s', 'localhost', '--text', 'x', '-f', 'me@example.com'], 'there is no recipient'],
    [['-s', 'local host', ...LETTER, '--text', 'x'], "server: the server 'local host' is no host name"],
    [
      ['-s', 'localhost', ...LETTER, '--text-file', '/nonexistent'],
      '--text-file /nonexistent cannot be read: no such file',
    ],
    [['--config', '/nonexistent'], "the configuration file '/nonexistent'"],
    [
      ['-s', 'localhost', ...LETTER, '--text', 'x', '--ca', '/nonexistent'],
      "tls.ca: cannot read the file '/nonexistent'",
    ],
  ])('%j', async (args, text) => {
    const { code, stdout, stderr } = await mail(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(text);
    expect(stderr).not.toMatch(/^ +at /m);
    expect(stderr).toMatch(/See 'tcpx mail --help'\.\n$/);
  });

  it('text that is not UTF-8', async () => {
    const { code, stderr } = await mail(['-s', 'localhost', ...LETTER], { input: Uint8Array.of(0xe4, 10) });
    expect(code).toBe(2);
    expect(stderr).toContain('standard input is not UTF-8');
  });

  it('has a help that names every option and exit status', async () => {
    const { code, stdout } = await mail(['--help']);
    expect(code).toBe(0);
    for (const word of ['--envelope-from', '--prefer-starttls', 'refused-for-now', 'never an argument']) {
      expect(stdout).toContain(word);
    }
    expect(Math.max(...stdout.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(130);
  });
});

describe('at a terminal', () => {
  const python = process.platform === 'linux' && toolPath('python3') !== undefined;
  if (!python) process.stderr.write('SKIPPED mail at a terminal: python3 with its module pty is not there\n');
  const PTY = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
  const onTerminal = (args: readonly string[]) =>
    runProcess({
      command: 'python3',
      args: ['-c', PTY, process.execPath, main, 'mail', ...args],
      env: { TERM: 'xterm', TCPX_ENGINE: '' },
    });

  it.skipIf(!python)('a signal that ends the question for a password gives the echo back', async () => {
    const script = `
import os, pty, signal, sys, termios
master, slave = pty.openpty()
echoes = lambda: bool(termios.tcgetattr(slave)[3] & termios.ECHO)
for name in sys.argv[1].split(','):
    child = os.fork()
    if child == 0:
        os.setsid()
        for fd in range(3): os.dup2(slave, fd)
        os.execv(sys.argv[2], sys.argv[2:])
    while echoes(): pass
    os.kill(child, signal.Signals[name])
    print(name, -os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == signal.Signals[name], echoes())
`;
    const args = [main, 'mail', ...LETTER, ...HELLO, '--no-tls', '-s', 'localhost:1', '--user', 'ann'];
    const { stdout, stderr } = await runProcess({
      command: 'python3',
      args: ['-c', script, 'SIGINT,SIGTERM,SIGHUP', process.execPath, ...args],
      env: { TERM: 'xterm' },
    });
    expect(stderr).toBe('');
    expect(stdout).toBe('SIGINT True True\nSIGTERM True True\nSIGHUP True True\n');
  });

  it.skipIf(!python)('a large attachment has a progress bar, which goes away; a small one has none', async () => {
    const large = file('large.bin', Buffer.alloc(6_000_000, 1));
    const first = await smtpServer(opening(), message(), QUIT);
    const args = [...LETTER, ...HELLO, '--no-tls', '-s', first.server, '--attach', large];
    const { code, output } = await onTerminal(args);
    expect(code).toBe(0);
    expect(output).toContain('sending [');
    expect(output).toMatch(/\d+\/\d+ KiB/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what clears the line is part of it
    expect(output).toMatch(/\x1b\[2Ksent: to 1 recipient, \d+ octets; 250 2\.0\.0 taken\r\nin clear\r\n$/);
    const second = await smtpServer(opening(), message(), QUIT);
    const small = await onTerminal([...LETTER, ...HELLO, '--no-tls', '-s', second.server]);
    expect(small.output).not.toContain('sending');
  });
});
