// `tcpx pwcrypt`: where the password comes from, and what is printed.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseEmailxAssumptions } from '../../src/emailx/assumptions.ts';
import { parseConfig } from '../../src/emailx/config-file.ts';
import { openPassword } from '../../src/emailx/pwcrypt.ts';
import { mergeSettings } from '../../src/emailx/settings.ts';
import { main } from '../support/command.ts';
import { cleanUpAfterAll, runProcess, startProcess, tempDir, toolPath } from '../support/peer.ts';

cleanUpAfterAll();

function pwcrypt(args: readonly string[], input: string | Uint8Array = '', env: Record<string, string> = {}) {
  return runProcess({ command: process.execPath, args: [main, 'pwcrypt', ...args], input, env });
}

/** The password that EMAILX takes from a printed line. */
function usedFrom(line: string, username: string): string | undefined {
  const config = `SERVER=a\nAUTH=AUTO\nUSERNAME=${username}\n${line}`;
  const { items } = parseConfig(Buffer.from(config, 'latin1'), 'emailx.cfg', 'refused');
  const call = { opflags: 0, from: '', signature: '', server: '', host: '', username: '', password: '' };
  return mergeSettings(call, items, parseEmailxAssumptions()).connection?.credentials?.password.reveal();
}

describe.concurrent('tcpx pwcrypt', () => {
  it.each([
    ['a line', 's3cret;=x\n', 's3cret;=x'],
    ['a line with CRLF', 's3cret\r\n', 's3cret'],
    ['no line end', 's3cret', 's3cret'],
    ['blanks that belong to it', ' s3 cret \n', ' s3 cret '],
    ['UTF-8', 'pässword\n', 'p\xc3\xa4ssword'],
  ])('reads %s of standard input', async (_what, input, password) => {
    const { code, stdout, stderr } = await pwcrypt(['--user', 'u@example.com'], input);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^PASSWORD = \$tcpx1\$\S+\n$/);
    expect(usedFrom(stdout, 'u@example.com')).toBe(password);
  });

  it('prints the value alone, or its codes', async () => {
    const value = await pwcrypt(['-u', 'u', '--format', 'value'], 's3cret\n');
    expect(openPassword(value.stdout.trimEnd(), 'u', true)).toBe('s3cret');
    const decimal = await pwcrypt(['-u', 'u', '--format=decimal'], 's3cret\n');
    expect(decimal.stdout).toMatch(/^PASSWORD = 3, 36, 116(, \d+)+\n$/);
    expect(usedFrom(decimal.stdout, 'u')).toBe('s3cret');
  });

  it('reads a file, the environment, and takes the user name as UTF-8', async () => {
    const file = join(tempDir(), 'password');
    writeFileSync(file, 's3cret\n');
    const fromFile = await pwcrypt(['--user', 'jürgen', '--password-file', file]);
    expect(usedFrom(fromFile.stdout, 'j\xc3\xbcrgen')).toBe('s3cret');
    const fromInput = await pwcrypt(['--user', 'u', '--password-file', '-'], 's3cret\n');
    expect(usedFrom(fromInput.stdout, 'u')).toBe('s3cret');
    const fromVariable = await pwcrypt(['--user', 'u', '--password-env', 'SMTP_PW'], '', { SMTP_PW: 's3cret' });
    expect(usedFrom(fromVariable.stdout, 'u')).toBe('s3cret');
  });

  it.each<[string, readonly string[], string | Uint8Array, string]>([
    ['no user', [], 's3cret\n', '--user NAME is needed'],
    ['a blank user', ['--user', ''], 's3cret\n', '--user NAME is needed'],
    ['no password', ['--user', 'u'], '', 'standard input holds no password'],
    ['a blank line', ['--user', 'u'], '\n', 'standard input holds no password'],
    ['two lines', ['--user', 'u'], 's3cret\ns3cret\n', 'standard input holds more than one line'],
    ['a NUL', ['--user', 'u'], 's3cret\0', 'standard input holds a NUL'],
    ['a mailbox', ['--user', 'u'], new Uint8Array(20_000).fill(97), 'more than 16384 bytes'],
    ['a long password', ['--user', 'u'], 'a'.repeat(9000), 'longer than 8192 bytes'],
    [
      'a missing file',
      ['--user', 'u', '--password-file', '/nonexistent'],
      '',
      "'/nonexistent' cannot be read: no such file",
    ],
    ['a missing variable', ['--user', 'u', '--password-env', 'NOT_THERE'], '', 'the environment has no NOT_THERE'],
    ['two sources', ['--user', 'u', '--password-env', 'A', '--password-file', 'B'], '', 'not both'],
    [
      'another format',
      ['--user', 'u', '--format', 'hex'],
      's3cret',
      "--format is one of config, value, decimal, not 'hex'",
    ],
    ['a password as argument', ['--user', 'u', 's3cret'], '', 'there are no arguments'],
    ['a password as option', ['--user', 'u', '--password=s3cret'], '', "unknown option '--password'"],
  ])('is a usage error with %s', async (_what, args, input, message) => {
    const { code, stdout, stderr } = await pwcrypt(args, input);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^tcpx pwcrypt: .*\nSee 'tcpx pwcrypt --help'\.\n$/);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('s3cret');
  });

  it('has a help', async () => {
    const { code, stdout } = await pwcrypt(['--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/--user NAME[\s\S]*--password-file[\s\S]*--password-env[\s\S]*--format/);
  });
});

describe('at a terminal', () => {
  const python = process.platform === 'linux' && toolPath('python3') !== undefined;
  if (!python) process.stderr.write('SKIPPED pwcrypt at a terminal: python3 with its module pty is not there\n');

  // A pseudo-terminal whose keys are this process's standard input.
  const PTY = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
  const prompt = () =>
    startProcess({
      command: 'python3',
      args: ['-c', PTY, process.execPath, main, 'pwcrypt', '--user', 'u'],
      env: { TERM: 'xterm' },
      ready: /Password of u: $/,
    });

  it.skipIf(!python)('asks twice, edits, and shows nothing', async () => {
    const terminal = await prompt();
    terminal.write('s3crex\x7ft\r');
    await terminal.waitFor(/Password of u again: $/);
    terminal.write('s3cret\r');
    expect((await terminal.finished()).code).toBe(0);
    const line = /PASSWORD = \S+/.exec(terminal.stdout())?.[0] ?? '';
    expect(usedFrom(line, 'u')).toBe('s3cret');
    expect(terminal.output()).not.toMatch(/s3|cre/);
  });

  it.skipIf(!python).each<[string, readonly string[], RegExp, number]>([
    ['another password the second time', ['s3cret\r', 'other\r'], /the two passwords differ/, 2],
    ['Ctrl+D', ['\x04'], /no password was given/, 2],
    ['Ctrl+C', ['s3c\x03'], /Password of u: \r\n$/, -2],
  ])('ends with %s', async (_what, keys, shows, code) => {
    const terminal = await prompt();
    terminal.write(keys[0] ?? '');
    if (keys[1] !== undefined) {
      await terminal.waitFor(/again: $/);
      terminal.write(keys[1]);
    }
    const exit = await terminal.finished();
    expect(terminal.output()).toMatch(shows);
    expect(exit.code === 254 ? -2 : exit.code).toBe(code);
  });
});
