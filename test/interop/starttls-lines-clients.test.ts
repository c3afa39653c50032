// The server dialects of lines under the clients that people run: curl, openssl s_client and gnutls-cli, in the four
// columns.
import { engineReports } from 'tcpx';
import { beforeAll, expect, it } from 'vitest';
import { COLUMNS, type Column } from '../support/conformance.ts';
import { cleanUpAfterAll, interop, runProcess, tempDir } from '../support/peer.ts';
import { type PkiPaths, writePki } from '../support/pki.ts';
import { type ServedConnection, startServingProcess } from '../support/serving-process.ts';

let pki: PkiPaths;
beforeAll(async () => {
  pki = await writePki(tempDir());
});
cleanUpAfterAll();

const columns = COLUMNS.filter(({ engine }) => engineReports().find(({ name }) => name === engine)?.available === true);

interface Visit {
  readonly served: ServedConnection;
  /** What the client printed, and how it ended. */
  readonly output: string;
  readonly stdout: string;
  readonly code: number | null;
}

interface Client {
  readonly command: string;
  readonly args: readonly string[];
  readonly input?: string;
}

/** Has one client, made for a port, talk to a server of ours. */
async function visit(
  column: Column,
  protocol: string,
  client: (port: number) => Client,
  direct = false,
): Promise<Visit> {
  const server = await startServingProcess({ ...column, protocol, direct, ...pki.good });
  const result = await runProcess(client(server.port));
  return { served: await server.served(), ...result };
}

function inColumns(title: string, run: (column: Column) => Promise<void>): void {
  it.each(columns.map((column) => [`${column.engine} ${column.mode}`, column] as const))(`${title}: %s`, (_, column) =>
    run(column),
  );
}

const PROTOCOLS = ['imap', 'pop3', 'sieve', 'nntp', 'irc', 'ftp'] as const;

interop('openssl s_client', ['openssl'], () => {
  for (const protocol of PROTOCOLS) {
    inColumns(protocol, async (column) => {
      const { served, output, code } = await visit(column, protocol, (port) => {
        const verify = ['-CAfile', pki.ca, '-verify_return_error', '-verify_hostname', 'localhost'];
        // -quiet: until the server ends.
        const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-starttls', protocol, '-crlf', '-quiet', ...verify];
        return { command: 'openssl', args, input: LEAVE[protocol] };
      });
      expect(served, output).toMatchObject({ version: 'TLSv1.3', commandsInTls: 0 });
      expect(output).not.toMatch(/trying anyway|not support/);
      expect(code, output).toBe(0);
    });
  }
});

/** How a client takes leave. */
const LEAVE: Readonly<Record<(typeof PROTOCOLS)[number], string>> = {
  imap: 'a LOGOUT\n',
  pop3: 'QUIT\n',
  sieve: 'LOGOUT\n',
  nntp: 'QUIT\n',
  irc: 'QUIT\n',
  ftp: 'QUIT\n',
};

interop('gnutls-cli', ['gnutls-cli'], () => {
  // It has no way to begin TLS in IRC.
  for (const protocol of PROTOCOLS.filter((name) => name !== 'irc')) {
    inColumns(protocol, async (column) => {
      const { served, output, code } = await visit(column, protocol, (port) => {
        const args = [
          `--starttls-proto=${protocol}`,
          `--port=${port}`,
          `--x509cafile=${pki.ca}`,
          '--crlf',
          'localhost',
        ];
        return { command: 'gnutls-cli', args, input: LEAVE[protocol] };
      });
      expect(served, output).toMatchObject({ version: 'TLSv1.3', commandsInTls: 0 });
      expect(output).toMatch(/Handshake was completed/);
      expect(code, output).toBe(0);
    });
  }
});

interop('curl', ['curl'], () => {
  const curl = (url: string, ...more: readonly string[]): Client => {
    const args = ['-sS', '--ssl-reqd', '--cacert', pki.ca, '-u', 'ann:secret', '--max-time', '15', ...more, url];
    return { command: 'curl', args };
  };

  for (const [name, protocol, path, more, printed] of [
    ['IMAP, a list', 'imap', '', [], /^\* LIST \(\) "\/" "INBOX"\r\n$/],
    ['IMAP, a command of its own', 'imap', 'INBOX', ['-X', 'EXAMINE INBOX'], /^\* 0 EXISTS\r$/m],
    ['POP3, a list', 'pop3', '', [], /^\s*$/],
    ['POP3, another mechanism', 'pop3', '', ['-X', 'UIDL'], /^\s*$/],
    ['FTP, a list', 'ftp', '', [], /^-r--r--r-- 1 ftp ftp 57 Jan {2}1 2026 readme\.txt\r?\n$/],
    ['FTP, a file', 'ftp', 'readme.txt', [], /^You have read this over a connection that TLS protects\.\r\n$/],
    ['FTP, a file by PASV', 'ftp', 'readme.txt', ['--disable-epsv'], /^You have read this /],
    ['FTP, names', 'ftp', '', ['-l'], /^readme\.txt\r?\n$/],
  ] as const) {
    inColumns(name, async (column) => {
      const url = (port: number) => curl(`${protocol}://localhost:${port}/${path}`, ...more);
      const { served, stdout, output, code } = await visit(column, protocol, url);
      expect(code, output).toBe(0);
      expect(stdout).toMatch(printed);
      expect(served).toMatchObject({ version: 'TLSv1.3' });
    });
  }

  inColumns('TLS from the first byte', async (column) => {
    for (const [protocol, path, printed] of [
      ['imap', '', /INBOX/],
      ['pop3', '', /^\s*$/],
      ['ftp', 'readme.txt', /^You have read this /],
    ] as const) {
      const url = (port: number) => curl(`${protocol}s://localhost:${port}/${path}`);
      const { served, stdout, output, code } = await visit(column, protocol, url, true);
      expect(code, output).toBe(0);
      expect(stdout).toMatch(printed);
      expect(served).toMatchObject({ version: 'TLSv1.3', commandsInClear: 0 });
    }
  });
});
