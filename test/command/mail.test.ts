// `tcpx mail` as a user runs it: what is sent, what is said of it, and the exit statuses.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineReports } from 'tcpx';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capabilities, EHLO, GREETING, message, opening, QUIT, said, smtpServer } from '../conformance/emailx-mail.ts';
import { arrived } from '../conformance/letter.ts';
import { cleanUpAfterAll, runProcess, startProcess, tempDir } from '../support/peer.ts';
import { makePki, type PkiPaths, writePki } from '../support/pki.ts';
import { type Peer, type Step, startPeer, stopPeers } from '../support/scripted-peer.ts';

const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const engines = engineReports()
  .filter(({ available }) => available)
  .map(({ name }) => name);
const pki = await makePki();
let paths: PkiPaths;
const directory = tempDir();
beforeAll(async () => {
  paths = await writePki(tempDir());
});
// Some of the tests run side by side: a peer lives as long as the file.
afterAll(stopPeers);
cleanUpAfterAll();

interface Run {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

function mail(args: readonly string[], { input = '', env = {} }: Run = {}) {
  const own = { TCPX_ENGINE: '', TCPX_TLS_VERIFY: '', ...env };
  return runProcess({ command: process.execPath, args: [main, 'mail', ...args], input, env: own });
}

function file(name: string, contents: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, contents);
  return path;
}

const HOST = ['--host', 'client.example'];
const LETTER = [...HOST, '--from', 'me@example.com', '--to', 'ann@example.com'];
const HELLO = ['--text', 'Hello'];
const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');
const lines = (text: string) => text.split('\r\n').filter((line) => !/^(Date|Message-ID): /.test(line));

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
    expect(lines(text).slice(0, 10)).toEqual([
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

describe.concurrent('a complete message on standard input', () => {
  const dry = async (input: string | Uint8Array, args: readonly string[] = []) => {
    const { code, stdout, stderr } = await mail(['-s', 'localhost', '-t', '--dry-run', ...args], { input });
    const [envelope = '', text = ''] = stdout.split(/\n\n(.*)/s);
    return { code, stderr, envelope: envelope.split('\n'), text };
  };

  it('goes to To, Cc and Bcc, without its Bcc lines', async () => {
    const input =
      'From: Me <me@example.com>\nTo: "Ann, A." <ann@example.com>, (nobody) bob@example.com\nBCC: eve@example.com,\n\tmallory@example.com\nSubject: x\nCc: a group: carl@example.com, ann@example.com;\n\n.\nBcc: not a header\n';
    const { code, stderr, envelope, text } = await dry(input);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(envelope).toEqual([
      'MAIL FROM:<me@example.com>',
      ...['ann', 'bob', 'carl', 'eve', 'mallory'].map((name) => `RCPT TO:<${name}@example.com>`),
    ]);
    expect(lines(text)).toEqual([
      'From: Me <me@example.com>',
      'To: "Ann, A." <ann@example.com>, (nobody) bob@example.com',
      'Subject: x',
      'Cc: a group: carl@example.com, ann@example.com;',
      '',
      '.',
      'Bcc: not a header',
      '',
    ]);
    expect(text).toMatch(/^Date: .*\r\nMessage-ID: <.*@example\.com>\r\n/);
  });

  it('keeps what it has, and its bytes', async () => {
    const date = 'Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n';
    const input = Buffer.from(`To: ann@example.com\r\n${date}From: me@example.com\r\n\r\n\xe4\xff\r\n`, 'latin1');
    const { stdout } = await runProcess({
      command: process.execPath,
      args: [main, 'mail', '-s', 'localhost', '-t', '--dry-run'],
      input,
    });
    expect(stdout.slice(stdout.indexOf('\n\n') + 2)).toBe(input.toString('latin1'));
  });

  it('that was sent on goes to the new recipients', async () => {
    const input =
      'Resent-From: her@example.com\nResent-To: new@example.com\nResent-Bcc: hidden@example.com\nFrom: me@example.com\nTo: old@example.com\n\nx\n';
    const { envelope, text } = await dry(input);
    expect(envelope).toEqual([
      'MAIL FROM:<her@example.com>',
      'RCPT TO:<new@example.com>',
      'RCPT TO:<hidden@example.com>',
    ]);
    expect(text).not.toContain('hidden');
  });

  it('without From has that of the option, and another envelope where that is asked for', async () => {
    const { envelope, text } = await dry('To: ann@example.com\n\nx\n', ['--from', 'Me <me@example.com>']);
    expect(envelope[0]).toBe('MAIL FROM:<me@example.com>');
    expect(text).toMatch(/^From: Me <me@example\.com>\r\n/);
    const bounce = await dry('To: ann@example.com\nFrom: me@example.com\n\nx\n', ['--envelope-from', '<>']);
    expect(bounce.envelope[0]).toBe('MAIL FROM:<>');
  });

  it.each([
    ['', /is no message: it has to begin with header lines such as 'To: \.\.\.', it is empty/],
    ['hello\n', /"hello" is none/],
    ['\nTo: ann@example.com\n', /it is empty/],
    ['From: me@example.com\nSubject: x\n\nTo: ann@example.com\n', /names no recipient in To, Cc or Bcc/],
    ['To: ann@example.com\n\nx\n', /has no From line: give --from/],
    ['To: ann\nFrom: me@example.com\n\nx\n', /the line To: "ann" is no address/],
    [`To: ann@example.com\nX: ${'x'.repeat(300_000)}`, /the header is longer than 262144 bytes/],
  ])('%j is refused', async (input, text) => {
    const { code, stderr } = await dry(input);
    expect(code).toBe(2);
    expect(stderr).toMatch(text);
  });

  it('that is large waits in a file that goes away again', async () => {
    const TMPDIR = tempDir();
    const peer = await smtpServer(opening(), message(), QUIT);
    const body = Buffer.alloc(5_000_000, 'a line of text\n.');
    const input = Buffer.concat([Buffer.from('From: me@example.com\nTo: ann@example.com\n\n'), body]);
    const { code } = await mail(['-s', peer.server, '--no-tls', ...HOST, '-t'], { input, env: { TMPDIR } });
    expect(code).toBe(0);
    const text = await arrived(peer);
    expect(text.slice(text.indexOf('\r\n\r\n') + 4).length).toBe(
      body.toString('latin1').replace(/\n/g, '\r\n').length + 2,
    );
    expect(readdirSync(TMPDIR)).toEqual([]);
  });
});

describe.concurrent('what the exit status tells', () => {
  const REFUSED = (code: number) => [...opening(), ...message().slice(0, 1), { send: `${code} 4.7.1 words\r\n` }];
  it.each<[number, string, readonly Step[], readonly string[]]>([
    [4, 'refused-for-now: MAIL FROM: 451 4.7.1 words', [...REFUSED(451), ...QUIT], []],
    [5, 'refused: MAIL FROM: 551 4.7.1 words', [...REFUSED(551), ...QUIT], []],
    [5, 'refused: MAIL FROM: 530 4.7.1 words; use --starttls or --tls', [...REFUSED(530), ...QUIT], []],
    [6, 'not-delivered: the server closed the connection; nothing was delivered', [...opening().slice(0, 2)], []],
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

  it('tells what became of a mail that Ctrl+C ended', async () => {
    const peer = await smtpServer(opening(), message().slice(0, -1), { discard: 'end' });
    const args = [main, 'mail', ...LETTER, ...HELLO, '--no-tls', '-s', peer.server];
    const child = await startProcess({ command: process.execPath, args, env: { TCPX_ENGINE: '' } });
    while (!(await said(peer).catch(() => '')).includes('\r\n.\r\n')) await new Promise((go) => setTimeout(go, 5));
    process.kill(child.pid, 'SIGINT');
    const { code } = await child.finished();
    expect(code).toBe(7);
    expect(child.stderr()).toContain('tcpx mail: unknown: ');
  });
});

async function loggedIn(
  args: readonly string[],
  run: Run = {},
): Promise<{ code: number | null; stderr: string; peer: Peer }> {
  const peer = await smtpServer(
    opening('AUTH PLAIN'),
    [{ expect: `AUTH PLAIN ${base64('\0me\0s3cret x')}\r\n` }, { send: '235 ok\r\n' }],
    message(),
    QUIT,
  );
  const { code, stderr } = await mail(
    [...LETTER, '--no-tls', '--clear-auth', '-s', peer.server, '-u', 'me', ...args],
    run,
  );
  return { code, stderr, peer };
}

describe.concurrent('the password', () => {
  it('comes from a file, the environment or standard input', async () => {
    const path = file('password', 's3cret x\n');
    expect((await loggedIn([...HELLO, '--password-file', path])).code).toBe(0);
    expect((await loggedIn([...HELLO, '--password-env', 'PW'], { env: { PW: 's3cret x' } })).code).toBe(0);
    expect((await loggedIn(HELLO, { input: 's3cret x\n' })).code).toBe(0);
    expect((await loggedIn([...HELLO, '--password-file', '-'], { input: 's3cret x\n' })).code).toBe(0);
    const { code, peer } = await loggedIn(['--password-file', path], { input: 'typed\n' });
    expect(code).toBe(0);
    expect(await arrived(peer)).toContain('\r\n\r\ntyped\r\n');
  });

  it.each([
    [['-u', 'me'], 'standard input is the message: give the password by --password-file or --password-env'],
    [['-t', '-u', 'me', '--password-file', '-'], 'standard input is the message'],
    [['--text', 'x', '--password-env', 'PW'], '--password-file and --password-env need --user'],
    [['--text', 'x', '-u', 'me', '--password-env', 'NO_SUCH'], 'the environment has no NO_SUCH'],
    [['--text', 'x', '-u', 'me', 'opensesame'], 'there are no arguments without an option'],
    [['--text', 'x', '-u', 'me', '--password', 'opensesame'], "unknown option '--password'"],
  ])('%j is refused', async (args, text) => {
    const to = args.includes('-t') ? HOST : LETTER;
    const { code, stderr } = await mail([...to, '-s', 'localhost:1', ...args], { input: 'x\n' });
    expect(code).toBe(2);
    expect(stderr).toContain(text);
    expect(stderr).not.toContain('opensesame');
  });
});

describe.concurrent('a command line that makes no sense', () => {
  it.each([
    [[], '--server HOST is missing'],
    [['-s', 'localhost', '--frm', 'x'], "unknown option '--frm' (did you mean --from?)"],
    [['-s', 'localhost', '--tls', '--no-tls'], '--tls or --no-tls, not both'],
    [['-s', 'localhost', '--text', 'x', '--text-file', 'y'], '--text or --text-file, not both'],
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

describe('a configuration file', () => {
  it('says what the command line does not', async () => {
    const peer = await smtpServer(
      { startTls: {} },
      opening('AUTH PLAIN'),
      [{ expect: `AUTH PLAIN ${base64('\0shop\0s3cret')}\r\n` }, { send: '235 ok\r\n' }],
      [{ expect: 'MAIL FROM:<noreply@example.com>\r\n' }, { send: '250 ok\r\n' }],
      ['ann@example.com', 'bob@other.example', 'boss@example.com'].flatMap((name) => [
        { expect: `RCPT TO:<${name}>\r\n` },
        { send: '250 ok\r\n' },
      ]),
      message().slice(4),
      QUIT,
    );
    const log = join(directory, 'mail.log');
    const signature = file('signature.txt', '-- \nthe shop\n');
    const config = file(
      'emailx.cfg',
      [
        ...[`SERVER = ${peer.server}`, 'HOST = client.example', 'DOMAIN = example.com', 'RTNADDR = noreply'],
        ...['REPLYTO = help@example.com', 'AUTH = PLAIN', 'USERNAME = shop', 'PASSWORD = 115,51,99,114,101,116'],
        ...['SECURE = TLS', 'ADDBCC = boss', 'CONNLOCK = 1', 'WAIT = 5', `SIGNATURE = ${signature}`, 'COLOUR = red'],
        ...[`LOGFILE = ${log}`, 'LOGLVL = 5', ''],
      ].join('\n'),
    );
    const args = ['--config', config, '--to', 'ann, bob@other.example', '--subject', 'x', '--ca', paths.ca];
    const { code, stderr } = await mail(args, { input: 'Hello\n' });
    await peer.finished();
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `tcpx mail: ${config} line 14: there is no item COLOUR; ignored\n`,
    });
    const text = await arrived(peer);
    expect(text).toContain('From: noreply@example.com\r\nTo: ann@example.com, bob@other.example\r\nReply-To: help@');
    expect(text).toContain('\r\n\r\nHello\r\n-- \r\nthe shop\r\n');
    const logged = readFileSync(log, 'latin1');
    expect(logged).toContain('> EHLO client.example');
    expect(logged).toContain(
      'message from <noreply@example.com> to ann@example.com, bob@other.example, boss@example.com: status 0',
    );
    expect(logged).toContain('TLSv1.3');
    expect(logged).not.toContain('s3cret');
    expect(logged).not.toContain(base64('\0shop\0s3cret'));
  });

  it('is beaten by the command line, requires STARTTLS without SECURE, and can redirect', async () => {
    const config = file(
      'other.cfg',
      'SERVER = localhost:1\nRTNADDR = noreply@example.com\nREDIRECT = test@example.com\n',
    );
    const peer = await smtpServer(opening(), QUIT);
    const missing = await mail(['--config', config, '-s', peer.server, ...LETTER, ...HELLO]);
    expect(missing.code).toBe(6);
    expect(missing.stderr).toContain('STARTTLS is wanted');
    const second = await smtpServer(opening(), message(['test@example.com']), QUIT);
    const sent = await mail(['--config', config, '-s', second.server, ...LETTER, ...HELLO, '--no-tls']);
    await second.finished();
    expect(sent.code).toBe(0);
  });

  it('that cannot be used is a usage error, also in its log', async () => {
    const log = join(directory, 'refused.log');
    const config = file('bad.cfg', `SERVER = no server\nLOGFILE = ${log}\n`);
    const { code, stderr } = await mail(['--config', config, ...LETTER, ...HELLO]);
    expect(code).toBe(2);
    expect(stderr).toContain("the server 'no server' is no host name");
    expect(readFileSync(log, 'latin1')).toContain(" error 76: the server 'no server'");
  });
});
