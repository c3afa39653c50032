// Where `tcpx mail` takes its mail from: a complete message on standard input, passwords, a configuration file.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { message, opening, QUIT, smtpServer } from '../conformance/emailx-mail.ts';
import { arrived } from '../conformance/letter.ts';
import { cleanUpAfterAll, runProcess, startProcess, tempDir } from '../support/peer.ts';
import { type PkiPaths, writePki } from '../support/pki.ts';
import { type Peer, stopPeers } from '../support/scripted-peer.ts';
import { base64, directory, file, HELLO, HOST, LETTER, linesOf, mail, main, type Run } from './mail-command.ts';

let paths: PkiPaths;
beforeAll(async () => {
  paths = await writePki(tempDir());
});
// Some of the tests run side by side: a peer lives as long as the file.
afterAll(stopPeers);
cleanUpAfterAll();

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
    expect(linesOf(text)).toEqual([
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

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('that is ended by %s leaves nothing behind', async (signal) => {
    const TMPDIR = tempDir();
    const args = [main, 'mail', '-s', 'localhost', '-t', '--dry-run'];
    const child = await startProcess({ command: process.execPath, args, env: { TMPDIR } });
    child.write(`To: ann@example.com\nFrom: me@example.com\n\n${'x'.repeat(99)}\n`.padEnd(2_000_000, 'x'));
    await expect.poll(() => readdirSync(TMPDIR)).toHaveLength(1);
    process.kill(child.pid, signal);
    expect((await child.finished()).code).toBe(6);
    expect(child.stderr()).toContain('not-delivered: ');
    expect(readdirSync(TMPDIR)).toEqual([]);
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
    const foreign = await dry('To: ann@example.com\n\nx\n', ['--from', 'Jörg 日本 <me@example.com>']);
    expect(foreign.text).toMatch(/^From: =\?UTF-8\?Q\?J=C3=B6rg_=E6=97=A5=E6=9C=AC\?= <me@example\.com>\r\n/);
    const bounce = await dry('To: ann@example.com\nFrom: me@example.com\n\nx\n', ['--envelope-from', '<>']);
    expect(bounce.envelope[0]).toBe('MAIL FROM:<>');
  });

  it('with From has the sender of the option in the envelope alone', async () => {
    const input = 'To: ann@example.com\nFrom: me@example.com\n\nx\n';
    const { envelope, text } = await dry(input, ['-f', 'bounce@example.com']);
    expect(envelope[0]).toBe('MAIL FROM:<bounce@example.com>');
    expect(linesOf(text)[1]).toBe('From: me@example.com');
    expect((await dry(input, ['-f', '<>'])).envelope[0]).toBe('MAIL FROM:<>');
    const both = await dry(input, ['-f', 'bounce@example.com', '--envelope-from', 'other@example.com']);
    expect(both.envelope[0]).toBe('MAIL FROM:<other@example.com>');
  });

  it('may go to any address that SMTP allows', async () => {
    const { code, envelope } = await dry('From: "j d"@x.example\nTo: u@[127.0.0.1],\n\tu@[IPv6:::1]\n\nx\n');
    expect(code).toBe(0);
    expect(envelope).toEqual(['MAIL FROM:<"j d"@x.example>', 'RCPT TO:<u@[127.0.0.1]>', 'RCPT TO:<u@[IPv6:::1]>']);
  });

  it.each([
    ['', /is no message: it has to begin with header lines such as 'To: \.\.\.', it is empty/],
    ['hello\n', /"hello" is none/],
    ['\nTo: ann@example.com\n', /it is empty/],
    ['From: me@example.com\nSubject: x\n\nTo: ann@example.com\n', /names no recipient in To, Cc or Bcc/],
    ['To: ann@example.com\n\nx\n', /has no From line: give --from/],
    [
      'To: b@x.example c@x.example\nFrom: me@example.com\n\nx\n',
      /the line To: "b@x.example c@x.example" is not one address/,
    ],
    ['To: ann\nFrom: me@example.com\n\nx\n', /the line To: "ann" is no address/],
  ])('%j is refused', async (input, text) => {
    const { code, stderr } = await dry(input);
    expect(code).toBe(2);
    expect(stderr).toMatch(text);
  });

  it.each([
    ['without an end', `X: ${'x'.repeat(300_000)}`],
    ['with an end that is read at once', `${'X: 1\n'.repeat(60_000)}\nx\n`],
    ['that only grows too long by CR', `${'X: 1\n'.repeat(52_300)}\nx\n`],
  ])('is refused with a header %s', async (_, lines) => {
    const { code, stderr } = await dry(`From: me@example.com\nTo: ann@example.com\n${lines}`);
    expect(code).toBe(2);
    expect(stderr).toContain('the header is longer than 262144 bytes');
  });

  it('may have a header of just that length', async () => {
    const rest = 'From: me@example.com\nTo: ann@example.com\nDate: x\nMessage-ID: <x@y>\n';
    const left = 262_144 - rest.length - 4 - 2;
    const filled = 'X: 1\n'.repeat(Math.floor(left / 6));
    const { code, text } = await dry(`${rest}${filled}\ntext\n`);
    expect(code).toBe(0);
    expect(text).toBe(`${rest}${filled}\ntext\n`.replaceAll('\n', '\r\n'));
  });

  it('that is large waits in a file that goes away again', async () => {
    const kept = tempDir();
    const peer = await smtpServer(opening(), message(), QUIT);
    const body = Buffer.alloc(5_000_000, 'a line of text\n.');
    const input = Buffer.concat([Buffer.from('From: me@example.com\nTo: ann@example.com\n\n'), body]);
    const { code } = await mail(['-s', peer.server, '--no-tls', ...HOST, '-t'], { input, env: { TMPDIR: kept } });
    expect(code).toBe(0);
    const text = await arrived(peer);
    expect(text.slice(text.indexOf('\r\n\r\n') + 4).length).toBe(
      body.toString('latin1').replace(/\n/g, '\r\n').length + 2,
    );
    expect(readdirSync(kept)).toEqual([]);
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

  it('completes the addresses of a complete message', async () => {
    const config = file('domain.cfg', 'SERVER = localhost:1\nDOMAIN = example.com\nRTNADDR = noreply\n');
    const dry = (input: string) => mail(['--config', config, '-t', '--dry-run'], { input });
    const { code, stdout } = await dry('From: me\nTo: Bob <bob>, ann@other.example\nBcc: eve\n\nx\n');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^MAIL FROM:<me@example\.com>\nRCPT TO:<bob@example\.com>\nRCPT TO:<ann@other\.example>\nRCPT TO:<eve@example\.com>\n\n/,
    );
    expect(stdout).toContain('\r\nTo: Bob <bob>, ann@other.example\r\n');
    const without = await dry('To: bob\n\nx\n');
    expect(without.stdout).toMatch(/^MAIL FROM:<noreply@example\.com>\n/);
    expect(without.stdout).toContain('\n\nFrom: noreply@example.com\r\n');
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
