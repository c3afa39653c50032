// `serveStarttls` under the clients that people run, on both engines: what they do with an honest server, and what becomes
// of each deception (reference starttls-protocols §6).

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineReports } from 'tcpx';
import {
  type Attack,
  type ConnectionEnd,
  type ServerEvent,
  type ServerOptions,
  serveStarttls,
  starttls,
} from 'tcpx/starttls';
import { beforeAll, describe, expect, it } from 'vitest';
import { main } from '../support/command.ts';
import { cleanUpAfterAll, interop, runProcess, tempDir, toolPath } from '../support/peer.ts';
import { type PkiPaths, writePki } from '../support/pki.ts';

const ENGINES = engineReports().flatMap(({ name, available }) => (available ? [name] : []));
let pki: PkiPaths;
let directory: string;
beforeAll(async () => {
  directory = tempDir();
  pki = await writePki(directory);
  writeFileSync(join(directory, 'mail'), 'Subject: x\r\n\r\nhello\r\n');
});
cleanUpAfterAll();

interface Client {
  readonly command: string;
  readonly args: readonly string[];
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

type ClientOf = (port: number) => Client;

interface Visit {
  readonly code: number | null;
  readonly output: string;
  readonly end: ConnectionEnd | undefined;
  /** What the client said, in clear and inside TLS. */
  readonly inClear: string;
  readonly inTls: string;
}

type Engine = NonNullable<ServerOptions['engine']>;

/** Has one client talk to a server of ours, for one connection. */
async function visit(options: Partial<ServerOptions> & { protocol: string }, client: ClientOf): Promise<Visit> {
  const events: ServerEvent[] = [];
  const server = await serveStarttls({
    tls: { ...pki.good },
    name: 'localhost',
    timeout: 20_000,
    connections: 1,
    observer: (event) => events.push(event),
    ...options,
  });
  try {
    const { code, output } = await runProcess({ ...client(server.port), deadline: 30_000 });
    if (events.some(({ kind }) => kind === 'connected')) await server.ended;
    const said = (encrypted: boolean) =>
      events
        .flatMap((event) => (event.kind === 'exchange' && event.exchange.from === 'client' ? [event.exchange] : []))
        .filter((exchange) => exchange.encrypted === encrypted)
        .map(({ bytes }) => Buffer.from(bytes).toString('latin1'))
        .join('\n');
    const end = events.flatMap((event) => (event.kind === 'ended' ? [event.end] : [])).at(-1);
    return { code, output, end, inClear: said(false), inTls: said(true) };
  } finally {
    await server.close();
  }
}

function onEngines(title: string, run: (engine: Engine) => Promise<void>): void {
  it.each(ENGINES)(`${title}: %s`, (engine) => run(engine));
}

/** The client gets its way, and the server its due. */
function served(
  title: string,
  protocol: string,
  client: ClientOf,
  printed: RegExp,
  attack: Attack | null = null,
): void {
  onEngines(title, async (engine) => {
    const direct = /s$/.test(protocol) && protocol !== 'postgres';
    const { code, output, end } = await visit({ protocol, engine, attack: attack ?? [] }, client);
    expect(code, output).toBe(0);
    expect(output).toMatch(printed);
    expect(end, output).toMatchObject({ outcome: direct ? 'direct' : 'upgraded', discardedBytes: 0 });
    if (direct) expect(end?.commandsInClear).toBe(0);
  });
}

/** The client ends with an error, and has proved itself to nobody. */
function seenThrough(
  protocol: string,
  attacks: readonly Attack[],
  client: ClientOf,
  expected: { readonly code: number; readonly printed?: RegExp; readonly outcome?: ConnectionEnd['outcome'] },
): void {
  for (const attack of attacks) {
    onEngines(`${protocol}, ${attack}`, async (engine) => {
      const { code, output, end, inClear, inTls } = await visit({ protocol, attack, engine }, client);
      expect(code, output).toBe(expected.code);
      expect(output).toMatch(expected.printed ?? /./);
      if (expected.outcome !== undefined) expect(end, output).toMatchObject({ outcome: expected.outcome });
      expect(end?.loginInClear ?? false).toBe(false);
      expect(inClear + inTls).not.toContain('secret');
    });
  }
}

const curl =
  (protocol: string, path = '', ...more: readonly string[]): ClientOf =>
  (port) => {
    const known = ['-sS', '--ssl-reqd', '--cacert', pki.ca, '-u', 'ann:secret', '--max-time', '15'];
    return { command: 'curl', args: [...known, ...more, `${protocol}://localhost:${port}/${path}`] };
  };

/** Sends a message: the directory is known when the tests run. */
const letter = (protocol: string): ClientOf => {
  return (port) =>
    curl(protocol, '', '--mail-from', 'a@example', '--mail-rcpt', 'b@example', '-T', join(directory, 'mail'))(port);
};

interop('curl', ['curl'], () => {
  const list = (protocol: string) => curl(protocol);
  for (const [protocol, client, printed] of [
    ['smtp', letter('smtp'), /^$/],
    ['submissions', letter('smtps'), /^$/],
    ['imap', list('imap'), /^\* LIST \(\) "\/" "INBOX"/],
    ['imaps', list('imaps'), /^\* LIST \(\) "\/" "INBOX"/],
    ['pop3', list('pop3'), /^\s*$/],
    ['pop3s', list('pop3s'), /^\s*$/],
    ['ftp', curl('ftp', 'readme.txt'), /^You have read this/],
    ['ftps', curl('ftps', 'readme.txt'), /^You have read this/],
    ['https', list('https'), /^localhost TLSv1\.3 /],
  ] as const) {
    served(protocol, protocol, client, printed);
    if (!protocol.endsWith('s')) served(`${protocol}, byte by byte`, protocol, client, printed, 'drip');
  }

  const injections: readonly Attack[] = ['inject-line', 'inject-half-line'];
  const weird = { code: 8, printed: /Weird server reply/, outcome: 'closed' } as const;
  const missing = { code: 64, printed: /not supported|not available/, outcome: 'clear' } as const;
  const denied = { code: 64, printed: /denied|Requested SSL level failed/, outcome: 'clear' } as const;
  seenThrough('smtp', [...injections, 'inject-multiline'], letter('smtp'), weird);
  seenThrough('imap', injections, list('imap'), weird);
  seenThrough('pop3', injections, list('pop3'), weird);
  seenThrough('ftp', [...injections, 'inject-multiline'], list('ftp'), weird);
  seenThrough('smtp', ['omit', 'rename'], letter('smtp'), missing);
  seenThrough('imap', ['omit', 'rename', 'preauth'], list('imap'), missing);
  seenThrough('pop3', ['omit', 'rename'], list('pop3'), missing);
  seenThrough('smtp', ['refuse'], letter('smtp'), denied);
  seenThrough('imap', ['refuse'], list('imap'), denied);
  seenThrough('pop3', ['refuse'], list('pop3'), denied);
  seenThrough('ftp', ['refuse'], list('ftp'), denied);
  seenThrough('imaps', ['early-greeting'], list('imaps'), { code: 35, printed: /wrong version number/ });

  onEngines('imap, tamper', async (engine) => {
    const { code, output } = await visit({ protocol: 'imap', attack: 'tamper', engine }, list('imap'));
    expect(code, output).toBe(0);
    expect(output).not.toMatch(/tamper/i);
  });

  onEngines('a certificate of an unknown issuer', async (engine) => {
    const client = curl('imap', '', '--cacert', pki.otherCa);
    const { code, output, end, inTls } = await visit({ protocol: 'imap', engine }, client);
    expect(code, output).toBe(60);
    // The reset with which curl goes may overtake its alert.
    expect(['handshake', 'closed']).toContain(end?.outcome);
    expect(end?.tls).toBeNull();
    expect(inTls).toBe('');
  });

  onEngines('shows its password where TLS is only wished for, and a server strips it', async (engine) => {
    for (const [protocol, attack] of [
      ['imap', 'omit'],
      ['pop3', 'rename'],
      ['ftp', 'refuse'],
    ] as const) {
      const client: ClientOf = (port) => ({
        command: 'curl',
        args: [
          '-sS',
          '--ssl',
          '--cacert',
          pki.ca,
          '-u',
          'ann:secret',
          '--max-time',
          '5',
          `${protocol}://localhost:${port}/`,
        ],
      });
      const { output, end } = await visit({ protocol, attack, engine }, client);
      expect(end, output).toMatchObject({ outcome: 'clear', tls: null, loginInClear: true });
    }
  });

  onEngines('imap in clear, where it need not be TLS', async (engine) => {
    const client: ClientOf = (port) => ({
      command: 'curl',
      args: ['-sS', '-u', 'ann:secret', '--max-time', '5', `imap://localhost:${port}/`],
    });
    const { code, output, end, inClear } = await visit({ protocol: 'imap', engine }, client);
    expect(code, output).toBe(67);
    expect(end).toMatchObject({ outcome: 'clear', tls: null });
    // LOGINDISABLED is honoured.
    expect(inClear).not.toContain('secret');
  });
});

interop('openssl req', ['openssl', 'curl'], () => {
  it('makes the certificate that the command asks for, as the command says', async () => {
    const { output } = await runProcess({ command: process.execPath, args: [main, 'starttls', '--serve', 'imap'] });
    const script = /^ {2}openssl [\s\S]*?[^\\]$/m.exec(output)?.[0] ?? 'the command is not there';
    const cwd = tempDir();
    const made = await runProcess({ command: 'bash', args: ['-c', script], cwd });
    expect(made.code, made.output).toBe(0);
    const [cert, key] = [join(cwd, 'cert.pem'), join(cwd, 'key.pem')];
    for (const engine of ENGINES) {
      const options = { protocol: 'imap', engine, tls: { cert, key } };
      const { code, output: said, end } = await visit(options, curl('imap', '', '--cacert', cert));
      expect(code, said).toBe(0);
      expect(end).toMatchObject({ outcome: 'upgraded' });
      const server = await serveStarttls({ ...options, connections: 1 });
      const client = { host: 'localhost', port: server.port, protocol: 'imap', engine, tls: { ca: cert } };
      const { result, stream } = await starttls(client);
      expect(result).toMatchObject({ outcome: 'upgraded', tls: { verify: { result: 'verified' } } });
      stream.destroy();
      await server.ended;
    }
  });
});

/** All that it has. */
const S_CLIENT = [
  ...['smtp', 'lmtp', 'pop3', 'imap', 'ftp', 'xmpp', 'xmpp-server', 'telnet', 'irc', 'mysql', 'postgres', 'nntp'],
  ...['sieve', 'ldap'],
];

interop('openssl s_client', ['openssl'], () => {
  const plain =
    (...more: readonly string[]): ClientOf =>
    (port) => {
      const verify = ['-CAfile', pki.ca, '-verify_return_error', '-verify_hostname', 'localhost'];
      return { command: 'openssl', args: ['s_client', '-connect', `127.0.0.1:${port}`, ...more, ...verify], input: '' };
    };
  const client = (protocol: string): ClientOf =>
    plain('-starttls', protocol, ...(protocol.startsWith('xmpp') ? ['-xmpphost', 'localhost'] : []));
  served('tls', 'tls', plain(), /Verification: OK/);

  it('has no other names', async () => {
    const { output } = await runProcess({ command: 'openssl', args: ['s_client', '-starttls', 'what'] });
    const known = [...output.matchAll(/^\t([a-z][\w-]*)$/gm)].map(([, name]) => name);
    expect(known.sort()).toEqual([...S_CLIENT].sort());
  });

  for (const protocol of S_CLIENT) served(protocol, protocol, client(protocol), /Verification: OK/);

  // It goes on without an offer, drops what is injected, and takes no notice of a refusal in most protocols.
  served('smtp, omit', 'smtp', client('smtp'), /find STARTTLS in server response, trying anyway/, 'omit');
  served('smtp, inject-line', 'smtp', client('smtp'), /Verification: OK/, 'inject-line');
  for (const protocol of ['smtp', 'imap', 'pop3', 'ftp']) {
    const outcome = 'wrongMode';
    seenThrough(protocol, ['refuse'], client(protocol), {
      code: 1,
      printed: /wrong version number|unexpected eof/,
      outcome,
    });
  }
  for (const [protocol, printed] of [
    ['sieve', /STARTTLS not supported: NO/],
    ['nntp', /STARTTLS failed: 580/],
    ['irc', /Server does not support STARTTLS/],
    ['ldap', /STARTTLS failed, LDAP Result Code: 52/],
  ] as const) {
    seenThrough(protocol, ['refuse'], client(protocol), { code: 1, printed, outcome: 'clear' });
  }
  seenThrough('postgres', ['refuse'], client('postgres'), { code: 1, outcome: 'clear' });
  seenThrough('postgres', ['inject-line'], client('postgres'), { code: 1 });
});

interop('gnutls-cli', ['gnutls-cli'], () => {
  const plain =
    (...more: readonly string[]): ClientOf =>
    (port) => ({
      command: 'gnutls-cli',
      args: [`--port=${port}`, `--x509cafile=${pki.ca}`, ...more, 'localhost'],
      input: '',
    });
  const client = (name: string): ClientOf => plain(`--starttls-proto=${name}`);
  served('tls', 'tls', plain(), /Handshake was completed/);
  const names = ['smtp', 'submission', 'lmtp', 'imap', 'pop3', 'nntp', 'sieve', 'ftp', 'ldap', 'xmpp', 'postgres'];
  for (const name of names) served(name, name, client(name), /Handshake was completed/);

  // It never looks for an offer, and drops what is injected.
  served('smtp, omit', 'smtp', client('smtp'), /Handshake was completed/, 'omit');
  served('imap, inject-half-line', 'imap', client('imap'), /Handshake was completed/, 'inject-half-line');
  seenThrough('postgres', ['refuse'], client('postgres'), { code: 1, outcome: 'wrongMode' });
  // It waits for ten seconds.
  seenThrough('smtp', ['refuse'], client('smtp'), { code: 2, printed: /Timeout/, outcome: 'clear' });
});

interop('psql', ['psql'], () => {
  const client = (port: number, ca = pki.ca): Client => ({
    command: 'psql',
    args: [
      `host=localhost port=${port} user=ann dbname=d sslmode=verify-full sslrootcert=${ca} connect_timeout=10`,
      ...['-X', '-At', '-c', 'select 1'],
    ],
    env: { PGPASSWORD: 'secret', PGSSLCERT: '/nonexistent', PGSSLKEY: '/nonexistent' },
  });
  served('postgres', 'postgres', client, /^localhost\|TLSv1\.3\|TLS_/);
  served('postgres, byte by byte', 'postgres', client, /^localhost\|/, 'drip');
  seenThrough('postgres', ['refuse'], client, { code: 2, printed: /does not support SSL/, outcome: 'clear' });
  seenThrough('postgres', ['garbage'], client, { code: 2, printed: /invalid response/, outcome: 'clear' });
  const printed = /received unencrypted data after SSL response/;
  seenThrough('postgres', ['inject-line', 'inject-half-line'], client, { code: 2, printed });

  onEngines('a certificate of an unknown issuer', async (engine) => {
    const { code, output, end } = await visit({ protocol: 'postgres', engine }, (port) => client(port, pki.otherCa));
    expect(code, output).toBe(2);
    expect(['handshake', 'closed']).toContain(end?.outcome);
    expect(end?.tls).toBeNull();
  });
});

interop('ldapsearch', ['ldapsearch'], () => {
  // For localhost it would verify the name of this host.
  const client: ClientOf = (port) => ({
    command: 'ldapsearch',
    args: ['-ZZ', '-x', '-D', 'cn=ann', '-w', 'secret', '-H', `ldap://127.0.0.1:${port}`, '-b', '', '-s', 'base', '+'],
    env: { LDAPTLS_CACERT: pki.ca },
  });
  served('ldap', 'ldap', client, /numEntries: 1/);
  served('ldap, byte by byte', 'ldap', client, /numEntries: 1/, 'drip');
  // It does not look for an offer.
  served('ldap, omit', 'ldap', client, /numEntries: 1/, 'omit');
  seenThrough('ldap', ['refuse'], client, { code: 1, printed: /Server is unavailable \(52\)/, outcome: 'clear' });
  seenThrough('ldap', ['inject-line', 'inject-half-line'], client, { code: 1, printed: /Connect error/ });
});

interop('swaks', ['swaks'], () => {
  const client =
    (...more: readonly string[]): ClientOf =>
    (port) => ({
      command: 'swaks',
      args: [
        ...['--tls', '--tls-verify', '--tls-ca-path', pki.ca, '--server', `localhost:${port}`, '--timeout', '15'],
        ...['--from', 'a@example', '--to', 'b@example', ...more],
      ],
    });
  const login = ['--auth-user', 'ann', '--auth-password', 'secret', '--auth'];
  served('smtp, PLAIN', 'smtp', client(...login, 'PLAIN'), /235 2\.7\.0 welcome/);
  served('submission, LOGIN', 'submission', client(...login, 'LOGIN'), /235 2\.7\.0 welcome/);
  served('lmtp', 'lmtp', client('--protocol', 'LMTP'), /250 2\.0\.0 taken/);
  served('smtp, byte by byte', 'smtp', client(), /250 2\.0\.0 taken/, 'drip');
  for (const [attacks, printed] of [
    [['omit', 'rename', 'no-hello'], /Host did not advertise STARTTLS/],
    [['refuse'], /STARTTLS attempted but failed/],
  ] as const) {
    seenThrough('smtp', attacks, client(...login, 'PLAIN'), { code: 29, printed, outcome: 'clear' });
  }
});

interop('mariadb', ['mariadb'], () => {
  const client: ClientOf = (port) => ({
    command: 'mariadb',
    args: [
      ...['--no-defaults', '-h', '127.0.0.1', '-P', String(port), '-u', 'ann', '-psecret', '--connect-timeout=10'],
      ...['--ssl', `--ssl-ca=${pki.ca}`, '--ssl-verify-server-cert', '-e', 'select 1'],
    ],
  });
  served('mysql', 'mysql', client, /^localhost\tTLSv1\.3\tTLS_/m);
  served('mysql, byte by byte', 'mysql', client, /^localhost\t/m, 'drip');
  seenThrough('mysql', ['omit'], client, { code: 1, printed: /SSL is required/, outcome: 'clear' });
  seenThrough('mysql', ['refuse'], client, { code: 1, printed: /Too many connections/, outcome: 'clear' });
});

interop('ipptool', ['ipptool'], () => {
  const client =
    (...more: readonly string[]): ClientOf =>
    (port) => {
      const test = join(directory, 'operation.test');
      writeFileSync(test, IPP_TEST);
      // A name that ends with 's' is TLS from the first byte. The certificate is not verified.
      return {
        command: 'ipptool',
        args: ['-t', ...more, `ipp${more.length > 0 ? '' : 's'}://localhost:${port}/`, test],
      };
    };
  served('ipp', 'ipp', client('-E'), /PASS/);
  served('ipps', 'ipps', client(), /PASS/);
});

const IPP_TEST = `{
  NAME "an operation"
  OPERATION Get-Printer-Attributes
  GROUP operation-attributes-tag
  ATTR charset attributes-charset utf-8
  ATTR language attributes-natural-language en
  ATTR uri printer-uri $uri
  STATUS server-error-operation-not-supported
}
`;

interop('c-kermit', ['kermit'], () => {
  onEngines('telnet', async (engine) => {
    const client: ClientOf = (port) => {
      const script = join(directory, `telnet-${engine}.ksc`);
      const options = ['set telopt /client start-tls required', 'set auth tls verify no'];
      const talk = [`set host 127.0.0.1 ${port} /telnet`, 'if fail exit 1', 'lineout once upon', 'input 10 once upon'];
      writeFileSync(script, [...options, ...talk, 'if fail exit 2', 'exit 0', ''].join('\n'));
      return { command: 'kermit', args: ['-Y', '-C', `take ${script}`], input: '' };
    };
    const { code, output, end } = await visit({ protocol: 'telnet', engine }, client);
    expect(code, output).toBe(0);
    // It may leave without a farewell of TLS.
    expect(end).toMatchObject({ outcome: expect.stringMatching(/upgraded|closed/), tls: { version: 'TLSv1.3' } });
  });
});

// Not everybody who runs these tests has Python, and nothing depends on it.
const hasPython = toolPath('python3') !== undefined;
if (!hasPython) process.stderr.write('SKIPPED interop "python": python3 not found\n');

describe.skipIf(!hasPython)('python', () => {
  const program = fileURLToPath(new URL('starttls-clients.py', import.meta.url));
  const client =
    (protocol: string): ClientOf =>
    (port) => ({ command: 'python3', args: ['-W', 'ignore', program, protocol, String(port), pki.ca] });

  for (const [protocol, printed] of [
    ['smtp', /'auth'/],
    ['lmtp', /'auth'/],
    ['imap', /\('OK', \[b'0'\]\)/],
    ['pop3', /\(0, 0\)/],
    ['ftp', /^You have read this/],
  ] as const) {
    served(protocol, protocol, client(protocol), printed);
    // It drops what is injected.
    served(`${protocol}, inject-line`, protocol, client(protocol), printed, 'inject-line');
    served(`${protocol}, inject-half-line`, protocol, client(protocol), printed, 'inject-half-line');
    seenThrough(protocol, ['refuse'], client(protocol), { code: 1, outcome: 'clear' });
  }
  seenThrough('smtp', ['omit', 'rename'], client('smtp'), { code: 1, printed: /not supported by server/ });
  seenThrough('imap', ['omit', 'preauth'], client('imap'), { code: 1, printed: /not supported|illegal in state/ });
  seenThrough('pop3', ['omit', 'rename'], client('pop3'), { code: 1, printed: /STLS not supported/ });
});
