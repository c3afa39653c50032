// `tcpx starttls` as a user runs it, in a process of its own, against servers of the dialects: honest ones and others.
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { engineReports } from 'tcpx';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dialectNamed } from '../../src/starttls/dialects.ts';
import { main } from '../support/command.ts';
import { type DialectServerOptions, startDialectServer, stopDialectServers } from '../support/dialect-server.ts';
import { cleanUpAfterAll, freePort, runProcess, tempDir } from '../support/peer.ts';
import { makePki, type PkiPaths, writePki } from '../support/pki.ts';
import { type Step, startPeer, stopPeers } from '../support/scripted-peer.ts';
import { SMTP_SCRIPT, startVulnerableServer } from '../support/vulnerable-server.ts';

const native = engineReports().some(({ name, available }) => name === 'gnutls' && available);
const ENGINES = native ? ['gnutls', 'node'] : ['node'];
if (!native) process.stderr.write('SKIPPED tcpx starttls on gnutls: the engine is not available\n');

let pki: PkiPaths;
let directory: string;
beforeAll(async () => {
  directory = tempDir();
  pki = await writePki(directory);
});
afterEach(stopDialectServers);
afterEach(stopPeers);
cleanUpAfterAll();

function tcpx(args: readonly string[], input: string | Uint8Array = '', env: Record<string, string> = {}) {
  return runProcess({
    command: process.execPath,
    args: [main, 'starttls', ...args],
    input,
    env: { TCPX_ENGINE: '', TCPX_TRACE: '', TCPX_TLS_VERIFY: '', ...env },
  });
}

async function server(name: string, options: DialectServerOptions = {}): Promise<number> {
  return (await startDialectServer(dialectNamed(name), options)).port;
}

/** What differs from run to run. */
function settled(text: string, port: number): string {
  return text
    .replaceAll(`localhost:${port}`, 'localhost:PORT')
    .replaceAll(`port ${port}`, 'port PORT')
    .replaceAll(`HLO ${hostname()}`, 'HLO client.example')
    .replace(/\d+\.\d ms/g, 'T ms')
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d/g, 'DATE')
    .replace(/\d+ hours/g, 'N hours')
    .replace(/secp256r1|x25519/g, 'GROUP')
    .replace(/engine (?:gnutls|node)/g, 'engine ENGINE');
}

/** A screen as it should be: a fixture without its comments, cut at `---` into standard output and error. */
function screen(name: string): { stdout: string; stderr: string } {
  const text = readFileSync(new URL(`../fixtures/screens/${name}.txt`, import.meta.url), 'utf8').replace(
    /^#.*\n/gm,
    '',
  );
  const [stdout = '', stderr = ''] = text.split(/^---\n/m);
  return { stdout, stderr };
}

describe.each(ENGINES)('tcpx starttls on %s', (engine) => {
  const run = (args: readonly string[], input: string | Uint8Array = '') =>
    tcpx(['--engine', engine, '--ca', pki.ca, '--timeout', '8000', ...args], input);

  it.each([
    ['smtp', 'ladder-smtp'],
    ['postgres', 'ladder-postgres'],
    ['ldap', 'ladder-ldap'],
    ['xmpp', 'ladder-xmpp'],
  ])('shows how %s got to TLS, and what came of it', async (name, fixture) => {
    const { alpn, alpnOnUpgrade } = dialectNamed(name);
    const port = await server(name, alpnOnUpgrade && alpn !== null ? { alpn: [alpn] } : {});
    const { code, stdout, stderr } = await run(['--quit', `${name}://localhost:${port}`]);
    expect(stderr).toBe('');
    expect(settled(stdout, port).replace(/id='[0-9a-f]+'/g, "id='ID'")).toBe(screen(fixture).stdout);
    expect(code).toBe(0);
  });

  it('shows how far it got, and why no further', async () => {
    const port = await server('smtp', { attack: 'refuse' });
    const { code, stdout, stderr } = await run(['--quit', `smtp://localhost:${port}`]);
    expect({ stdout: settled(stdout, port), stderr }).toEqual(screen('ladder-refused'));
    expect(code).toBe(13);
  });

  it('shows the certificate that it did not accept', async () => {
    const { expired } = await makePki();
    const port = await server('smtp', { identity: expired });
    const { code, stdout, stderr } = await run([`smtp://localhost:${port}`]);
    expect(stdout).toBe('');
    expect(stderr).toContain('<TLS> failed\n\n  certificate  CN=localhost\n');
    expect(stderr).toMatch(/expired \d+ (?:hours|days) ago\ntcpx starttls: unverified: the certificate has expired/);
    expect(code).toBe(19);
  });

  it.each([
    ['selfSigned', '--ca FILE trusts its issuer, --verify none does without'],
    ['wrongName', '--servername NAME asks for another name, --verify none does without'],
    ['expired', '); --verify none does without'],
  ] as const)('says what helps against a certificate that is %s', async (name, remedy) => {
    const port = await server('smtp', { identity: (await makePki())[name] });
    const { code, stderr } = await run(['--quit', `smtp://localhost:${port}`]);
    expect(stderr).toMatch(/^tcpx starttls: unverified: /);
    expect(stderr.endsWith(`${remedy}\n`)).toBe(true);
    expect(code).toBe(19);
  });

  const VERDICTS: readonly (readonly [string, string, DialectServerOptions, readonly string[], number])[] = [
    ['good', 'smtp', {}, ['--expires-within', '0'], 0],
    ['expires-soon', 'smtp', {}, [], 10],
    ['plaintext-only', 'smtp', {}, ['--policy', 'never'], 11],
    ['plaintext-only', 'smtp', { attack: 'omit' }, ['--policy', 'prefer'], 11],
    ['not-offered', 'smtp', { attack: 'omit' }, [], 12],
    ['refused', 'smtp', { attack: 'refuse' }, [], 13],
    ['preauth', 'imap', { attack: 'preauth' }, [], 14],
    ['wrong-mode', 'smtp', { direct: true }, ['--timeout', '500'], 15],
    ['wrong-mode', 'submissions', {}, [], 15],
    ['wrong-mode', 'ldaps', {}, ['--timeout', '1000'], 15],
    ['wrong-mode', 'postgres', { direct: true }, ['--timeout', '1000'], 15],
    ['timeout', 'smtp', { attack: 'silence' }, ['--timeout', '400'], 16],
    ['failed', 'smtp', { attack: 'garbage' }, [], 18],
    ['stripped', 'smtp', { attack: 'rename' }, [], 20],
    ['injected', 'smtp', { attack: 'inject-line' }, [], 21],
    ['injected', 'postgres', { attack: 'inject-line' }, [], 21],
  ];
  it.each(VERDICTS)('--check says %s of %s, %j %j', async (verdict, scheme, options, args, exit) => {
    const dialect = { submissions: 'submission', ldaps: 'ldap' }[scheme] ?? scheme;
    const port = await server(dialect, options);
    const { code, stdout, stderr } = await run(['--check', `${scheme}://localhost:${port}`, ...args]);
    expect(stdout).toMatch(new RegExp(`^${verdict}: ${scheme}://localhost:${port} .*\n$`));
    expect({ code, stderr }).toEqual({ code: exit, stderr: '' });
  });

  it('--check tells which mode a port is for', async () => {
    const direct = await server('submission', { direct: true });
    const clear = await server('submission');
    const upgrade = await run(['--check', '--timeout', '500', `submission://localhost:${direct}`]);
    expect(upgrade.stdout).toBe(
      `wrong-mode: submission://localhost:${direct} this port expects TLS first: submissions://localhost:${direct}\n`,
    );
    const first = await run(['--check', `submissions://localhost:${clear}`]);
    expect(first.stdout).toBe(
      `wrong-mode: submissions://localhost:${clear} this port speaks plaintext, use STARTTLS: submission://localhost:${clear}\n`,
    );
  });

  const ALERT = Buffer.from('15030300020228', 'hex');
  const TLS_PORTS = [
    ['says nothing', [{ neverRead: true }], 'timeout', 16],
    ['closes at once', [], 'failed', 18],
    ['closes behind the ClientHello', [{ expect: 5 }, { close: 'fin' }], 'failed', 18],
    ['resets behind the ClientHello', [{ expect: 5 }, { close: 'rst' }], 'failed', 18],
    ['answers with an alert', [{ expect: 5 }, { send: ALERT }, { close: 'fin' }], 'failed', 18],
  ] as const;
  const DIRECT = ['https://localhost:PORT', 'ipps://localhost:PORT', 'postgres://localhost:PORT?sslnegotiation=direct'];
  it.each(
    TLS_PORTS.flatMap(([what, steps, verdict, exit]) =>
      [...DIRECT, 'ircs://localhost:PORT'].map((target) => [target, what, steps, verdict, exit] as const),
    ),
  )('--check of %s blames no mode when the port %s', async (target, _what, steps, verdict, exit) => {
    const { port } = await startPeer({ count: 2, steps: [...steps] });
    const url = target.replace('PORT', String(port));
    const { code, stdout, stderr } = await run(['--check', '--timeout', '400', url]);
    expect(stdout).toMatch(new RegExp(`^${verdict}: .*\n$`));
    expect(stdout).not.toContain('plaintext');
    expect({ code, stderr }).toEqual({ code: exit, stderr: '' });
  });

  it('--check blames no mode when the versions of TLS have nothing in common', async () => {
    const refusing = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    // As web servers do on their port for TLS.
    const answer = 'HTTP/1.1 400 The plain HTTP request was sent to HTTPS port\r\nContent-Length: 0\r\n\r\n';
    const { port } = await startPeer({
      connections: [[{ startTls: refusing }], [{ expectUntil: '\r\n\r\n' }, { send: answer }]],
    });
    const { code, stdout } = await run(['--check', `https://localhost:${port}`]);
    expect(stdout).toMatch(/^failed: /);
    expect(code).toBe(18);
  });

  const PLAIN_PORTS = [
    [DIRECT[0], '\r\n\r\n', 'HTTP/1.1 501 no\r\nContent-Length: 0\r\n\r\n'],
    [DIRECT[1], '\r\n\r\n', 'HTTP/1.1 501 no\r\nContent-Length: 0\r\n\r\n'],
    [DIRECT[2], '\x04\xd2\x16\x2f', 'N'],
    [
      'ircs://localhost:PORT',
      'CAP LS 302\r\n',
      ':irc.example 421 * CAP :unknown\r\n:irc.example 421 * STARTTLS :unknown\r\n',
    ],
  ] as const;
  it.each(PLAIN_PORTS)('--check of %s finds the port that answers in clear', async (target = '', question, answer) => {
    const { port } = await startPeer({
      connections: [
        [{ expect: 5 }, { close: 'fin' }],
        [{ expectUntil: question }, { send: answer }, { expectEnd: 'any' }],
      ],
    });
    const { code, stdout } = await run(['--check', target.replace('PORT', String(port))]);
    expect(stdout).toMatch(/^wrong-mode: .* this port speaks plaintext, use STARTTLS/);
    expect(code).toBe(15);
  });

  const GRANTED: Readonly<Record<string, readonly Step[]>> = {
    smtp: [
      { send: '220 mx\r\n' },
      { expectUntil: '\r\n' },
      { send: '250-mx\r\n250 STARTTLS\r\n' },
      { expect: 'STARTTLS\r\n' },
      { send: '220 go\r\n' },
    ],
    imap: [
      { send: '* OK [CAPABILITY IMAP4rev1 STARTTLS] imap\r\n' },
      { expectUntil: 'STARTTLS\r\n' },
      { send: 'a2 OK go\r\n' },
    ],
    postgres: [{ expect: 8 }, { send: 'S' }],
  };
  it.each(
    Object.keys(GRANTED).flatMap((name) => [
      [name, 'reject'],
      [name, 'drop'],
    ]),
  )('--check says injected of %s when plaintext comes later than the go-ahead, --injected %s', async (name, policy) => {
    const { port } = await startPeer({ steps: [...(GRANTED[name] ?? []), { expect: 5 }, { send: '250-evil\r\n' }] });
    const { code, stdout } = await run(['--check', '--injected', policy, `${name}://localhost:${port}`]);
    expect(stdout).toMatch(new RegExp(`^injected: ${name}://localhost:${port} the server sent plaintext `));
    expect(code).toBe(21);
  });

  it('--check says which certificate it did not accept', async () => {
    const identities = await makePki();
    for (const [name, why] of [
      ['expired', 'the certificate has expired (CN=localhost, valid to '],
      ['wrongName', 'the certificate is not for this name (CN=other.example, valid to '],
      ['selfSigned', 'the certificate is self-signed and not among the trusted ones (CN=localhost, valid to '],
    ] as const) {
      const port = await server('smtp', { identity: identities[name] });
      const { code, stdout } = await run(['--check', `smtp://localhost:${port}`]);
      expect(stdout).toContain(`unverified: smtp://localhost:${port} ${why}`);
      expect(code).toBe(19);
      const lax = await run(['--check', '--verify', 'none', '--expires-within', '0', `smtp://localhost:${port}`]);
      expect(lax.stdout).toContain(', not verified, ');
      expect(lax.code).toBe(name === 'expired' ? 10 : 0);
    }
  });

  it('--check finds a server that executes injected commands', async () => {
    const vulnerable = await startVulnerableServer(SMTP_SCRIPT, 'everything');
    try {
      const { code, stdout } = await run(['--check', `smtp://localhost:${vulnerable.port}`]);
      expect(stdout).toMatch(
        /^injectable: .*injected commands whole line executed, half line executed, next segment refused\n$/,
      );
      expect(code).toBe(22);
    } finally {
      await vulnerable.stop();
    }
  });

  it.each(['smtp', 'imap', 'sieve', 'ldap', 'xmpp'])(
    '--check finds none in a server of %s that refuses them',
    async (name) => {
      const port = await server(name);
      const { stdout } = await run(['--check', '--expires-within', '0', `${name}://localhost:${port}`]);
      expect(stdout).toMatch(/^good: .*; injected commands refused\n$/);
    },
  );

  it.each([
    ['--priority FOO', 'tls.priority: priority string'],
    ['--priority NORMAL:-VERS-ALL', 'tls.priority: priority string'],
    ['--ca KEY', 'tls.ca holds no certificate'],
    ['--cert CERT --key KEY', 'tls.cert and tls.key were refused'],
  ])('%s is a usage error with status 2 before anything is connected', async (options, message) => {
    const { good, client } = pki;
    const files: Readonly<Record<string, string>> = { KEY: client.key, CERT: good.cert };
    const args = options.split(' ').map((word) => files[word] ?? word);
    const { port, report } = await startPeer({ steps: [] });
    const target = `smtp://localhost:${port}`;
    for (const way of [[target], ['--check', target], ['--targets', '-'], ['--quit', 'smtp://unreachable.invalid']]) {
      const { code, stdout, stderr } = await run([...args, ...way], target);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(message);
      expect(stderr).toMatch(/See 'tcpx starttls --help'\.\n$/);
    }
    expect((await report()).connections).toEqual([]);
  });

  it('quotes a server once, and shows nothing that a terminal would obey', async () => {
    const { port } = await startPeer({ count: 4, steps: [{ send: '554 say "hi" a\\b \x1b[2J\x9b1m\x7f\r\n' }] });
    const target = `smtp://localhost:${port}`;
    const said = String.raw`the server greets with "554 say \"hi\" a\\b \u001b[2J\u{9b}1m\x7f"`;
    const check = await run(['--check', target]);
    expect(check.stdout).toBe(`refused: ${target} ${said}\n`);
    const quit = await run(['--quit', target]);
    expect(quit.stderr).toBe(`tcpx starttls: refused: ${said}\n`);
    const json = await run(['--json', target]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      reason: said,
      dialogue: [{ text: '554 say "hi" a\\b \x1b[2J\x9b1m\x7f' }, { text: 'QUIT\r\n' }],
    });
    const table = await run(['--targets', '-'], target);
    expect(table.stdout).toContain(`  ${said}\n`);
    const { stdout, stderr } = quit;
    for (const text of [check.stdout, json.stdout, table.stdout, stdout, stderr]) {
      expect(text).toMatch(/^[\n -~]*$/);
    }
  });

  it('--json tells everything, and nothing that is binary', async () => {
    const port = await server('smtp');
    const { code, stdout, stderr } = await run(['--json', `smtp://localhost:${port}`]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      target: `smtp://localhost:${port}`,
      protocol: 'smtp',
      mode: 'upgrade',
      host: 'localhost',
      port,
      engine,
      verdict: 'good',
      exit: 0,
      reason: '',
      address: '127.0.0.1',
      otherMode: null,
      injection: null,
      result: { outcome: 'upgraded', tls: { version: 'TLSv1.3' }, chain: [{ subject: 'CN=localhost' }] },
      dialogue: expect.arrayContaining([{ from: 'client', encrypted: false, bytes: 10, text: 'STARTTLS\r\n' }]),
    });
    expect(stdout).not.toContain('"0":');
  });

  it('connects standard input and output, lines with CR LF, until the server closes', async () => {
    const port = await server('smtp');
    const { code, stdout, stderr } = await run([`smtp://localhost:${port}`], 'NOOP\nnonsense\r\nQUIT\n');
    expect(stdout).toBe('250 2.0.0 ok\r\n500 5.5.1 unknown command\r\n221 2.0.0 bye\r\n');
    expect(stderr).toContain('\n<TLS>\n');
    expect(code).toBe(0);
  });

  it('tells of a session that was cut off', async () => {
    const peer = await startPeer({ tls: {}, steps: [{ send: 'part' }, { close: 'no-close-notify' }] });
    const { code, stdout, stderr } = await run([`tls://localhost:${peer.port}`]);
    await peer.finished();
    expect({ code, stdout }).toEqual({ code: 18, stdout: 'part' });
    expect(stderr).toMatch(/\ntcpx starttls: failed: the connection ended without the TLS farewell.*\n$/);
  });

  it('passes bytes as they are where nobody knows what is spoken', async () => {
    const { port, connections } = await startDialectServer(dialectNamed('tls'), { direct: true });
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7) & 0xff));
    const { code, stdout } = await run([`tls://localhost:${port}`], bytes);
    expect(Buffer.from(stdout, 'latin1').equals(bytes)).toBe(true);
    expect(code).toBe(0);
    expect(connections).toHaveLength(1);
  });

  it('checks many, and ends with the worst', async () => {
    const file = join(directory, `targets-${engine}`);
    const good = await server('smtp');
    const bad = await server('smtp', { attack: 'omit' });
    const nobody = await freePort();
    writeFileSync(
      file,
      `# mail\nsmtp://localhost:${good}\nlocalhost:${bad} # stripped\n\nldap://localhost:${nobody}\n`,
    );
    const args = ['--targets', file, '--proto', 'smtp', '--expires-within', '0', '--jobs', '2'];
    const { code, stdout, stderr } = await run(args);
    expect({ code, stderr }).toEqual({ code: 17, stderr: '' });
    const [head, ...rows] = stdout.split('\n').map((line) => line.split(/ {2,}/));
    expect(head).toEqual(['target', 'verdict', 'exit', 'version', 'verify', 'days', 'ms', 'reason']);
    expect(rows.slice(0, 3).map((row) => row.slice(0, 3))).toEqual([
      [`smtp://localhost:${good}`, 'good', '0'],
      [`smtp://localhost:${bad}`, 'not-offered', '12'],
      [`ldap://localhost:${nobody}`, 'unreachable', '17'],
    ]);
    expect(stdout).toContain('\n\n3 targets: 1 good, 1 not-offered, 1 unreachable\n');

    const csv = await run([...args, '--format', 'csv']);
    const lines = csv.stdout.split('\r\n');
    expect(lines).toHaveLength(5);
    expect(lines[0]).toMatch(/^target,verdict,exit,protocol,mode,address,version,/);
    expect(lines[2]).toMatch(/^smtp:\/\/localhost:\d+,not-offered,12,smtp,upgrade,127\.0\.0\.1,/);

    const json = await run([...args, '--json']);
    const reports = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(reports.map(({ verdict }) => verdict)).toEqual(['good', 'not-offered', 'unreachable']);
    expect(json.code).toBe(17);
  });

  it('checks what standard input lists', async () => {
    const port = await server('smtp');
    const { code, stdout } = await run(['--targets', '-', '--format', 'json'], `smtp://localhost:${port}`);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'expires-soon', exit: 10, ms: expect.any(Number) });
    expect(code).toBe(10);
  });
});

describe('tcpx starttls', () => {
  it.runIf(native)('--engine both puts GnuTLS and OpenSSL side by side', async () => {
    const { selfSigned } = await makePki();
    const port = await server('smtp', { identity: selfSigned });
    const args = ['--engine', 'both', '--ca', pki.ca, `smtp://localhost:${port}`];
    const { code, stdout, stderr } = await tcpx(args);
    expect({ code, stderr }).toEqual({ code: 19, stderr: '' });
    expect(stdout).toContain(`\n${' '.repeat(15)}gnutls${' '.repeat(38)}node\n`);
    expect(stdout).toMatch(/^ {2}verdict {6}unverified {34}unverified$/m);
    const json = JSON.parse((await tcpx([...args, '--json'])).stdout);
    expect(json).toMatchObject({
      engines: { gnutls: { engine: 'gnutls', verdict: 'unverified' }, node: { engine: 'node', verdict: 'unverified' } },
      differences: expect.any(Array),
    });
  });

  it.each([
    [[], 'a target is missing'],
    [['smtp://a', 'smtp://b'], 'one target at a time'],
    [['gopher://a'], "there is no protocol 'gopher'"],
    [['smtp://localhost\\.evil.example:1'], "'localhost\\.evil.example' is neither a host name nor an address"],
    [['a:25'], 'does not say which protocol'],
    [['--timeout', 'soon', 'smtp://a'], "--timeout is a whole number from 1 to 2147483647, not 'soon'"],
    [['--policy', 'maybe', 'smtp://a'], "--policy is one of require, prefer, never, not 'maybe'"],
    [['--format', 'csv', 'smtp://a'], '--format is for --targets'],
    [['--targets', '/nonexistent'], '--targets /nonexistent cannot be read: no such file or directory'],
    [['--attack-ok', 'a/8', 'smtp://a'], "--attack-ok is the name or address of one host, not 'a/8'"],
    [['--proto', 'x', 'a:1'], "there is no protocol 'x'"],
    [['--ca', '/nonexistent', 'smtp://localhost:1'], "tls.ca: cannot read the file '/nonexistent'"],
    [['--trace', 'all', 'smtp://localhost:1'], "trace option 'all' is unknown"],
    [['--chek', 'smtp://a'], "unknown option '--chek' (did you mean --check?)"],
  ])('%j is a usage error with status 2', async (args, message) => {
    const { code, stdout, stderr } = await tcpx(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/See 'tcpx starttls --help'\.\n$/);
  });

  it('names the line of a list that is no target, before it connects to any', async () => {
    const { code, stderr } = await tcpx(['--targets', '-'], 'smtp://localhost:1\nsmtp://\n');
    expect(code).toBe(2);
    expect(stderr).toContain('standard input line 2: ');
  });

  it('an engine that is not there is status 3', async () => {
    const { code } = await tcpx(['--engine', 'gnutls', 'smtp://localhost:1'], '', {
      TCPX_GNUTLS: '/nonexistent/libgnutls.so',
    });
    expect(code).toBe(3);
  });

  it('has a help that lists every verdict', async () => {
    const { code, stdout } = await tcpx(['--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}22 {3}injectable: /m);
  });
});
