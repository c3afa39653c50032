// `tcpx starttls` and the library behind it against real servers of every protocol: how they get to TLS, on both engines,
// and what the injection test finds out about them.

import { once } from 'node:events';
import { engineReports } from 'tcpx';
import { type StarttlsStream, starttls } from 'tcpx/starttls';
import { beforeAll, describe, expect, it } from 'vitest';
import { main } from '../support/command.ts';
import { startFtpServer } from '../support/ftp-server.ts';
import { startIppServer } from '../support/ipp-server.ts';
import { startIrcServer } from '../support/irc-server.ts';
import { startLdapServer } from '../support/ldap-server.ts';
import { startDovecot, startPostfix } from '../support/mail-servers.ts';
import { startMariadbServer } from '../support/mariadb-server.ts';
import { startNewsServer } from '../support/news-server.ts';
import { cleanUpAfterAll, interop, runProcess, type Tool, tempDir } from '../support/peer.ts';
import { makePki, type PkiPaths, writePki } from '../support/pki.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import { startXmppServer } from '../support/xmpp-server.ts';

const ENGINES = engineReports().flatMap(({ name, available }) => (available ? [name] : []));
const { ca } = await makePki();
let pki: PkiPaths;

beforeAll(async () => {
  pki = await writePki(tempDir());
});
cleanUpAfterAll();

function tcpx(args: readonly string[], input = '') {
  return runProcess({
    command: process.execPath,
    args: [main, 'starttls', '--ca', pki.ca, '--expires-within', '0', ...args],
    input,
    env: { TCPX_ENGINE: '' },
    deadline: 40_000,
  });
}

interface Real {
  readonly name: string;
  readonly tools: readonly Tool[];
  start(pki: PkiPaths): Promise<{ stop(): Promise<void>; urls: readonly Checked[] }>;
}

/** A URL to check, and what the injection test says of it, one of several things; none where there is no such test. */
type Checked = readonly [url: string, ...injections: readonly string[]];

const DROPPED = 'whole line dropped, half line dropped, next segment refused';
const EXECUTED = 'whole line executed, half line executed, next segment refused';

const SERVERS: readonly Real[] = [
  {
    name: 'postfix',
    tools: ['postfix', 'root'],
    async start(paths) {
      const { submissionPort, smtpsPort, stop } = await startPostfix(paths);
      return {
        stop,
        urls: [
          [`smtp://localhost:${submissionPort}`, DROPPED],
          [`submission://localhost:${submissionPort}`, DROPPED],
          [`submissions://localhost:${smtpsPort}`],
        ],
      };
    },
  },
  {
    name: 'dovecot',
    tools: ['dovecot', 'root'],
    async start(paths) {
      const { imapPort, imapsPort, pop3Port, pop3sPort, lmtpPort, sievePort, stop } = await startDovecot(paths);
      return {
        stop,
        urls: [
          [`imap://localhost:${imapPort}`, 'refused'],
          [`imaps://localhost:${imapsPort}`],
          [`pop3://localhost:${pop3Port}`, 'refused'],
          [`pop3s://localhost:${pop3sPort}`],
          [`lmtp://localhost:${lmtpPort}`, 'refused'],
          [`sieve://localhost:${sievePort}`, 'refused'],
        ],
      };
    },
  },
  {
    name: 'nnrpd',
    tools: ['nnrpd', 'root'],
    async start(paths) {
      const { port, stop } = await startNewsServer(paths);
      return { stop, urls: [[`nntp://localhost:${port}`, DROPPED]] };
    },
  },
  {
    name: 'vsftpd',
    tools: ['vsftpd', 'root'],
    async start(paths) {
      const { port, stop } = await startFtpServer(paths);
      return { stop, urls: [[`ftp://localhost:${port}`, 'refused']] };
    },
  },
  {
    name: 'inspircd',
    tools: ['inspircd', 'root'],
    async start(paths) {
      const { ircPort, ircsPort, stop } = await startIrcServer(paths);
      return {
        stop,
        urls: [[`irc://localhost:${ircPort}`, EXECUTED], [`ircs://localhost:${ircsPort}`]],
      };
    },
  },
  {
    name: 'prosody',
    tools: ['prosody'],
    async start(paths) {
      const { clientPort, serverPort, clientTlsPort, serverTlsPort, stop } = await startXmppServer(paths);
      return {
        stop,
        urls: [
          [`xmpp://localhost:${clientPort}`, 'refused'],
          [`xmpp-server://localhost:${serverPort}`, 'refused'],
          [`xmpps://localhost:${clientTlsPort}`],
          [`xmpps-server://localhost:${serverTlsPort}`],
        ],
      };
    },
  },
  {
    name: 'slapd',
    tools: ['slapd'],
    async start(paths) {
      const { ldapPort, ldapsPort, stop } = await startLdapServer(paths);
      return {
        stop,
        urls: [
          // It answers the search in clear, and keeps the beginning of one until TLS completes it.
          [`ldap://localhost:${ldapPort}`, 'whole line refused, half line executed, next segment refused'],
          [`ldaps://localhost:${ldapsPort}`],
        ],
      };
    },
  },
  {
    name: 'postgres',
    tools: ['postgres'],
    async start(paths) {
      const { port, stop } = await startPostgresServer(paths);
      return { stop, urls: [[`postgres://localhost:${port}`, 'refused']] };
    },
  },
  {
    name: 'mariadb',
    tools: ['mariadbd'],
    async start(paths) {
      const { port, stop } = await startMariadbServer(paths);
      return { stop, urls: [[`mysql://localhost:${port}`]] };
    },
  },
  {
    name: 'cups',
    tools: ['cupsd', 'root'],
    async start(paths) {
      const { port, stop } = await startIppServer(paths);
      return {
        stop,
        urls: [[`ipp://localhost:${port}`, 'whole line executed, next segment refused'], [`ipps://localhost:${port}`]],
      };
    },
  },
];

for (const { name, tools, start } of SERVERS) {
  interop(`tcpx starttls against ${name}`, tools, () => {
    let urls: readonly Checked[] = [];
    beforeAll(async () => {
      const server = await start(pki);
      urls = server.urls;
      return () => server.stop();
    });

    it.each(ENGINES)('--check on %s', async (engine) => {
      for (const [url, ...injections] of urls) {
        const { code, stdout, stderr } = await tcpx(['--check', '--engine', engine, url]);
        const injection = /; injected commands (.*)\n/.exec(stdout)?.[1] ?? '';
        const [verdict, exit] = injection.includes('executed')
          ? ['injectable', 22]
          : injection.includes('unclear')
            ? ['unclear', 9]
            : ['good', 0];
        expect(stderr).toBe('');
        expect(stdout).toMatch(new RegExp(`^${verdict}: .* TLSv1\\.[23] .*, verified, `));
        if (injections.length === 0) expect(stdout).not.toMatch(/injected commands (?!not tested)/);
        else expect(injections).toContain(injection);
        expect(code).toBe(exit);
      }
    });

    it('--quit shows the dialogue', async () => {
      for (const [url] of urls) {
        const { code, stdout } = await tcpx(['--quit', url]);
        expect(stdout).toMatch(/^<TLS>$/m);
        expect(stdout).toMatch(/^(?:upgraded|direct): TLSv1\.[23] /m);
        expect(code).toBe(0);
      }
    });
  });
}

interop('tcpx/starttls against dovecot', ['dovecot', 'root'], () => {
  let port = 0;
  let user = '';
  let password = '';
  beforeAll(async () => {
    const server = await startDovecot(pki);
    ({ imapPort: port, user, password } = server);
    return () => server.stop();
  });

  describe.each(ENGINES)('%s', (engine) => {
    it('gives a stream to log in on', async () => {
      const { stream, result } = await starttls({ url: `imap://localhost:${port}`, engine, tls: { ca } });
      expect(result).toMatchObject({ outcome: 'upgraded', tls: { engine, verify: { result: 'verified' } } });
      expect(await said(stream, `a LOGIN ${user} ${password}\r\n`, /^a OK .*\r\n/m)).toContain('CAPABILITY');
      expect(await said(stream, 'b LOGOUT\r\n', /^b OK .*\r\n/m)).toContain('* BYE');
      stream.end();
      await once(stream.resume(), 'close');
    });
  });

  it('is a session for a shell', async () => {
    const { code, stdout } = await tcpx([`imap://localhost:${port}`], `a LOGIN ${user} ${password}\nb LOGOUT\n`);
    expect(stdout).toMatch(/^a OK .*\r\n(?:.*\r\n)*\* BYE .*\r\nb OK .*\r\n$/m);
    expect(code).toBe(0);
  });
});

/** Everything up to what ends the answer. */
async function said(stream: StarttlsStream, command: string, end: RegExp): Promise<string> {
  stream.write(command);
  let answer = '';
  while (!end.test(answer)) {
    const [chunk] = await once(stream, 'data');
    answer += chunk.toString('latin1');
  }
  return answer;
}
