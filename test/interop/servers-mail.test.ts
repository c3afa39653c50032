// Mail servers come up and upgrade, as the tools that everybody trusts see them. What fails here is the fault of the
// helpers or of the installation, not of the code under test.

import { beforeAll, expect, it } from 'vitest';
import {
  type Dovecot,
  type Mechanism,
  type Postfix,
  startDovecot,
  startPostfix,
  startSmtpSink,
  withoutTrace,
} from '../support/mail-servers.ts';
import { cleanUpAfterAll, interop, runProcess, tempDir } from '../support/peer.ts';
import { type PkiPaths, writePki } from '../support/pki.ts';
import { runGnutlsCli, runOpensslClient } from '../support/tls-tools.ts';

let pki: PkiPaths;

beforeAll(async () => {
  pki = await writePki(tempDir());
});
cleanUpAfterAll();

// No line anchors where s_client prints: it writes session tickets and data into each other.
const verified = /Verif(y return code: 0 \(ok\)|ication: OK)/;

interop('postfix', ['postfix', 'openssl', 'root'], () => {
  let server: Postfix;
  beforeAll(async () => {
    server = await startPostfix(pki);
    return () => server.stop();
  });

  it('upgrades by STARTTLS and takes mail', async () => {
    const mail = [
      'EHLO client.example',
      'MAIL FROM:<ann@example.com>',
      'RCPT TO:<bob@example.com>',
      'DATA',
      'Subject: test',
      '',
      'text',
      '.',
      'QUIT',
      '',
    ];
    const args = ['-starttls', 'smtp', '-crlf', '-quiet', '-ign_eof'];
    const result = await runOpensslClient({ pki, port: server.submissionPort, args, input: mail.join('\n') });
    expect(result.output, server.log()).toMatch(/250 2\.0\.0 Ok: queued[\s\S]*221 2\.0\.0 Bye/);
    await expect.poll(server.log).toMatch(/relay=none, .*status=sent/);
  });

  it('speaks TLS from the first byte on the other port', async () => {
    const args = ['-crlf', '-ign_eof'];
    const result = await runOpensslClient({ pki, port: server.smtpsPort, args, input: 'QUIT\n' });
    expect(result.output, server.log()).toMatch(verified);
    expect(result.output).toMatch(/220 localhost ESMTP/);
  });
});

interop('postfix with accounts and mailboxes', ['postfix', 'dovecot', 'swaks', 'msmtp', 'root'], () => {
  const [kept, late] = ['bob@example.com', 'late@example.com'];
  const mechanisms: readonly Mechanism[] = ['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-1', 'SCRAM-SHA-256', 'XOAUTH2'];
  let server: Postfix;
  beforeAll(async () => {
    server = await startPostfix(pki, {
      sasl: { mechanisms },
      requireTls: true,
      mailboxes: [kept],
      replies: { [late]: '450 4.2.1 come back later' },
      messageSizeLimit: 4096,
    });
    return () => server.stop();
  });

  function swaks(...args: string[]) {
    const server_ = ['--server', `127.0.0.1:${server.submissionPort}`, '--from', 'ann@example.com'];
    return runProcess({ command: 'swaks', args: [...server_, ...args] });
  }
  const secure = () => ['--tls', '--tls-verify', '--tls-ca-path', pki.ca];
  const login = ['--auth', 'PLAIN', '--auth-user', 'ann', '--auth-password', 'secret'];

  it.each(mechanisms)('lets in with %s, keeps every byte', async (mechanism) => {
    const { user = '', password, accessToken } = server.account ?? {};
    const secret = mechanism === 'XOAUTH2' ? accessToken : password;
    const sent = Buffer.from(`Subject: ${mechanism}\n\n.\n..two\nt\u00fct \u0001\t ${'x'.repeat(900)}\n\n`, 'utf8');
    const before = server.mailbox(kept).messages().length;
    const { code, output } = await runProcess({
      command: 'msmtp',
      args: [
        ...['--host=127.0.0.1', `--port=${server.submissionPort}`, '--tls=on', `--tls-trust-file=${pki.ca}`],
        ...[`--auth=${mechanism.toLowerCase()}`, `--user=${user}`, `--passwordeval=echo ${secret}`],
        ...['--set-from-header=off', '--set-date-header=off', '--set-msgid-header=off'],
        ...['--file=/dev/null', '--from=ann@example.com', kept],
      ],
      input: sent,
    });
    expect(code, output + server.log()).toBe(0);
    const message = (await server.mailbox(kept).delivered(before + 1))[before] ?? Buffer.of();
    expect(withoutTrace(message).toString('latin1')).toBe(sent.toString('latin1'));
    expect(server.log()).toContain(`sasl_method=${mechanism}`);
  });

  it('offers what postfix has to offer, AUTH after TLS only', async () => {
    const { output } = await swaks(...secure(), '--quit-after', 'EHLO');
    const [clear = '', encrypted = ''] = output.split('TLS started');
    for (const keyword of ['SIZE 4096', '8BITMIME', 'SMTPUTF8', 'CHUNKING', 'PIPELINING', 'DSN']) {
      expect(clear).toContain(`250-${keyword}`.replace('-CHUNKING', ' CHUNKING'));
    }
    expect(clear).toContain('250-STARTTLS');
    expect(clear).not.toContain('AUTH');
    expect(encrypted).toContain(`250-AUTH ${mechanisms.join(' ')}`);
    expect(encrypted).not.toContain('STARTTLS');
  });

  it.each([
    ['mail without TLS', ['--to', kept], /530 5\.7\.0 Must issue a STARTTLS command first/],
    ['mail without AUTH', ['--to', kept, 'tls'], /554 5\.7\.1 .*Client host rejected|554 5\.7\.1 .*Access denied/],
    [
      'a wrong password',
      ['--to', kept, 'tls', ...login.slice(0, -1), 'guess'],
      /535 5\.7\.8 Error: authentication failed/,
    ],
    [
      'an unknown mailbox',
      ['--to', 'eve@example.com', 'tls', ...login],
      /550 5\.1\.1 <eve@example\.com>.*User unknown/,
    ],
    ['a recipient for now', ['--to', late, 'tls', ...login], /450 4\.2\.1 <late@example\.com>.*come back later/],
    ['a message too large', ['--to', kept, 'tls', ...login, '--body', 'y'.repeat(5000)], /552 5\.3\.4 .*too big/],
  ])('refuses %s', async (_what, args, reply) => {
    const { code, output } = await swaks(...args.flatMap((arg) => (arg === 'tls' ? secure() : [arg])));
    expect(output, server.log()).toMatch(reply);
    expect(code).not.toBe(0);
  });
});

interop('smtp-sink', ['smtp-sink', 'swaks'], () => {
  it('takes mail without TLS, misbehaves as told', async () => {
    const sink = await startSmtpSink({ args: ['-f', 'DATA'] });
    const args = ['--server', `127.0.0.1:${sink.port}`, '--from', 'ann@example.com', '--to', 'bob@example.com'];
    const { output } = await runProcess({ command: 'swaks', args });
    expect(output).toMatch(/250 2\.1\.5 Ok[\s\S]*DATA[\s\S]*<\*\* 500 /);
    await sink.stop();
  });
});

interop('dovecot', ['dovecot', 'openssl', 'root'], () => {
  let server: Dovecot;
  beforeAll(async () => {
    server = await startDovecot(pki);
    return () => server.stop();
  });

  it.each([
    ['imap', 'imapPort', ['-starttls', 'imap']],
    ['imaps', 'imapsPort', []],
  ] as const)('logs in by %s', async (_name, port, starttls) => {
    const input = `a LOGIN ${server.user} ${server.password}\nb SELECT INBOX\nc LOGOUT\n`;
    const args = [...starttls, '-crlf', '-ign_eof'];
    const result = await runOpensslClient({ pki, port: server[port], args, input });
    expect(result.output, server.log()).toMatch(verified);
    expect(result.output, server.log()).toMatch(/a OK[\s\S]*b OK[\s\S]*c OK/);
  });

  it.each([
    ['pop3', 'pop3Port', ['-starttls', 'pop3']],
    ['pop3s', 'pop3sPort', []],
  ] as const)('logs in by %s', async (_name, port, starttls) => {
    const input = `USER ${server.user}\nPASS ${server.password}\nSTAT\nQUIT\n`;
    const args = [...starttls, '-crlf', '-ign_eof'];
    const result = await runOpensslClient({ pki, port: server[port], args, input });
    expect(result.output, server.log()).toMatch(verified);
    expect(result.output, server.log()).toMatch(/\+OK Logged in\.\s+\+OK 0 0\s+\+OK Logging out/);
  });

  it.each([
    ['gnutls-cli', runGnutlsCli, ['--starttls-proto=sieve']],
    ['openssl', runOpensslClient, ['-starttls', 'sieve', '-ign_eof']],
  ] as const)('logs in by ManageSieve, says %s', async (_tool, run, args) => {
    const plain = Buffer.from(`\0${server.user}\0${server.password}`).toString('base64');
    const input = `AUTHENTICATE "PLAIN" "${plain}"\r\nLISTSCRIPTS\r\nLOGOUT\r\n`;
    const result = await run({ pki, port: server.sievePort, args, input, until: /Logout completed/ });
    expect(result.output, server.log()).toMatch(/OK "Logged in\."[\s\S]*OK "Listscripts completed\."[\s\S]*Logout/);
  });

  it('takes mail by LMTP after STARTTLS, one reply for each recipient', async () => {
    const lines = ['LHLO client.example', 'MAIL FROM:<bob@example.com>', 'RCPT TO:<ann@example.com>'];
    lines.push(
      'RCPT TO:<eve@example.com>',
      'RCPT TO:<ann@example.org>',
      'DATA',
      'Subject: lmtp',
      '',
      'text',
      '.',
      'QUIT',
      '',
    );
    const args = ['-starttls', 'lmtp', '-crlf', '-ign_eof'];
    const { output } = await runOpensslClient({ pki, port: server.lmtpPort, args, input: lines.join('\n') });
    expect(output, server.log()).toMatch(verified);
    expect(output).toMatch(/550 5\.1\.1 <eve@example\.com>[\s\S]*354[\s\S]*(250 2\.0\.0 <ann@[\s\S]*){2}221/);
    const messages = await server.mail.delivered(2);
    expect(messages.map((message) => withoutTrace(message).toString())).toEqual(
      Array(2).fill('Subject: lmtp\n\ntext\n'),
    );
  });
});

interop('dovecot, from another address', ['dovecot', 'curl', 'root'], () => {
  it('lets nobody log in without TLS', async () => {
    const server = await startDovecot(pki);
    const account = ['--user', `${server.user}:${server.password}`];
    const imap = (host: string, ...args: string[]) =>
      runProcess({ command: 'curl', args: ['-sSv', ...account, ...args, `imap://${host}:${server.imapPort}/`] });
    const refused = await imap(server.strictHost);
    expect(refused.output).toMatch(/CAPABILITY .*LOGINDISABLED/);
    expect(refused.code).toBe(67);
    const [name, address] = [`localhost:${server.imapPort}`, `${server.strictHost}:${server.imapPort}`];
    const safe = await imap('localhost', '--ssl-reqd', '--cacert', pki.ca, '--connect-to', `${name}:${address}`);
    expect(safe.output).toMatch(/A\d+ OK .*Logged in/);
    expect(safe.code).toBe(0);
    await server.stop();
  });
});
