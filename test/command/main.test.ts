// The command line around the scripts: help, versions, engines, usage errors, broken input and output.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineReports, OPCODES } from 'tcpx';
import { describe, expect, it } from 'vitest';
import { main, tcpx } from '../support/command.ts';
import { cleanUpAfterAll, runProcess } from '../support/peer.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const native = engineReports().some(({ name, available }) => name === 'gnutls' && available);

cleanUpAfterAll();

describe.concurrent('tcpx exec', () => {
  it.each([
    [['--frob'], "unknown option '--frob'"],
    [['--engine', 'openssl', '-e', 'QUIT'], "engine is one of auto, gnutls, node, not 'openssl'"],
    [['--ca', '/nonexistent', '-e', 'QUIT'], "tls.ca: cannot read the file '/nonexistent'"],
    [['--trace', 'all', '-e', 'QUIT'], "trace option 'all' is unknown"],
    [['--trace-file', '/nonexistent/x', '-e', 'QUIT'], '--trace-file /nonexistent/x cannot be written'],
    [['--symbols', '/nonexistent', '-e', 'QUIT'], '/nonexistent cannot be read'],
    [['/nonexistent.tcpx'], '/nonexistent.tcpx cannot be read: no such file or directory'],
    [['-e', 'WRITE @/nonexistent'], '-e line 1: @/nonexistent cannot be read: no such file or directory'],
    [['-e', 'READ 9000'], '-e line 1: count 9000 is more than buffer holds (8192 bytes); run with --buffer-size N'],
    [['-e', 'USE 7'], '-e line 1: there is no open socket 7'],
    [['-e', 'XCALL TCPX, 9, 0, buffer'], 'argument 2 must be a variable for STATUS'],
    [['-e', 'ACCEPT'], 'ACCEPT needs a port'],
    [['-e', 'INFO'], 'there is no open socket to tell about'],
  ])('%j is a usage error with status 2', async (args, message) => {
    const { code, stdout, stderr } = await tcpx(['exec', ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^ +at /m);
    expect(stderr).toMatch(/See 'tcpx exec --help'\.\n$/);
  });

  it.each([
    ['bytes that are no text', Uint8Array.of(1, 255, 254, 10), 'this is not text in UTF-8'],
    ['NUL', Uint8Array.of(0, 10), 'the line holds a NUL'],
    ['a line without end', new Uint8Array(2 ** 20 + 1).fill(97), 'the line is longer than 1048576 bytes'],
  ])('standard input with %s is refused', async (_what, input, message) => {
    const { code, stderr } = await tcpx(['exec'], { input });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(`standard input line 1: ${message}`) });
  });

  it('an engine that is not there is status 3', async () => {
    const { code, stderr } = await tcpx(['exec', '--engine', 'gnutls', '-e', 'QUIT'], {
      env: { TCPX_GNUTLS: '/nonexistent/libgnutls.so' },
    });
    expect(code).toBe(3);
    expect(stderr).toMatch(/gnutls[\s\S]*See 'tcpx engines'/);
  });

  it('a reader that has seen enough ends it without a stack trace', async () => {
    const { code, output } = await runProcess({
      command: 'bash',
      args: [
        '-c',
        `set -o pipefail; yes 'ERRMSG -1' | head -n 20000 | "$1" "$2" exec | head -n 1`,
        'bash',
        process.execPath,
        main,
      ],
    });
    expect(code).toBe(141);
    expect(output).toMatch(/^ {3}1 ERRMSG -1 .*\n$/);
  });

  it('standard input that is closed is an empty script', async () => {
    const { code, output } = await runProcess({
      command: 'bash',
      args: ['-c', '"$1" "$2" exec <&-', 'bash', process.execPath, main],
    });
    expect({ code, output }).toEqual({ code: 0, output: '' });
  });
});

describe.concurrent('tcpx', () => {
  it('--version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(await tcpx(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it.each([['--help'], ['-h'], ['help']])('%s lists subcommands and exit statuses', async (...args) => {
    const { code, stdout } = await tcpx(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/exec[\s\S]*engines[\s\S]*Exit status:[\s\S]*3 .*engine/);
  });

  it('help exec and exec --help are the same, and show every opcode', async () => {
    const [one, other] = await Promise.all([tcpx(['help', 'exec']), tcpx(['exec', '--help'])]);
    expect(one.stdout).toBe(other.stdout);
    for (const { name } of OPCODES) expect(one.stdout).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
  });

  it('what does not exist is named, with status 2', async () => {
    expect(await tcpx(['exce'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: "tcpx: unknown subcommand 'exce' (did you mean exec?); see 'tcpx --help'\n",
    });
    expect(await tcpx(['--frob'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("unknown option '--frob'"),
    });
    expect(await tcpx(['engines', '--frob'])).toMatchObject({ code: 2, stderr: expect.stringContaining("'--frob'") });
    expect(await tcpx([])).toMatchObject({ code: 2, stderr: expect.stringContaining('Usage: tcpx') });
  });

  it('engines says what is there and what auto takes', async () => {
    const { code, stdout } = await tcpx(['engines']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^node +available +Node\.js 20|^node +available +Node\.js/m);
    expect(stdout).toMatch(native ? /^auto takes gnutls: /m : /^auto takes node: /m);
    const json = JSON.parse((await tcpx(['engines', '--json'])).stdout);
    expect(json).toMatchObject({ engines: engineReports(), auto: { engine: native ? 'gnutls' : 'node' } });
  });

  it('engines says why one is not there', async () => {
    const { code, stdout } = await tcpx(['engines'], { env: { TCPX_GNUTLS: '/nonexistent/libgnutls.so' } });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^gnutls +not available +\S/m);
    expect(stdout).toMatch(/^auto takes node: \S/m);
  });
});
