// The server dialects that are not of lines under the clients that people run: psql, mariadb, ldapsearch, CUPS's ipptool,
// C-Kermit, openssl s_client and gnutls-cli, in the four columns.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect } from 'vitest';
import type { Column } from '../support/conformance.ts';
import { inEveryColumn } from '../support/converse.ts';
import { cleanUpAfterAll, interop, type ProcessOptions, runProcess, tempDir } from '../support/peer.ts';
import { type PkiPaths, writePki } from '../support/pki.ts';
import { type ServedConnection, startServingProcess } from '../support/serving-process.ts';

let pki: PkiPaths;
let scratch = '';
beforeAll(async () => {
  scratch = tempDir();
  pki = await writePki(scratch);
});
cleanUpAfterAll();

interface Visit {
  readonly served: ServedConnection;
  /** What the client printed, and how it ended. */
  readonly stdout: string;
  readonly output: string;
  readonly code: number | null;
}

/** Has one client, made for a port, talk to a server of ours. */
async function visit(
  column: Column,
  protocol: string,
  client: (port: number) => ProcessOptions,
  direct = false,
): Promise<Visit> {
  const server = await startServingProcess({ ...column, protocol, direct, ...pki.good });
  const result = await runProcess(client(server.port));
  return { ...result, served: await server.served() };
}

interop('openssl s_client', ['openssl'], () => {
  const client =
    (...args: readonly string[]) =>
    (port: number): ProcessOptions => {
      const verify = ['-CAfile', pki.ca, '-verify_return_error', '-verify_hostname', 'localhost'];
      return {
        command: 'openssl',
        args: ['s_client', '-connect', `127.0.0.1:${port}`, ...args, '-brief', ...verify],
        input: '',
      };
    };

  for (const protocol of ['xmpp', 'xmpp-server', 'postgres', 'mysql', 'ldap', 'telnet'] as const) {
    inEveryColumn(protocol, async (column) => {
      const starttls = ['-starttls', protocol, '-name', 'localhost'];
      const { served, output, code } = await visit(column, protocol, client(...starttls));
      expect(code, output).toBe(0);
      expect(output).toMatch(/Verification: OK/);
      expect(served).toMatchObject({ version: 'TLSv1.3', commandsInTls: 0 });
    });
  }

  inEveryColumn('PostgreSQL with TLS from the first byte, on the port where others ask', async (column) => {
    const { served, output, code } = await visit(column, 'postgres', client('-alpn', 'postgresql'));
    expect(code, output).toBe(0);
    expect(served).toMatchObject({ version: 'TLSv1.3', commandsInTls: 0 });
  });
});

interop('gnutls-cli', ['gnutls-cli'], () => {
  for (const protocol of ['xmpp', 'postgres', 'ldap'] as const) {
    inEveryColumn(protocol, async (column) => {
      const { served, output, code } = await visit(column, protocol, (port) => {
        const args = [`--starttls-proto=${protocol}`, `--port=${port}`, `--x509cafile=${pki.ca}`, 'localhost'];
        return { command: 'gnutls-cli', args, input: '' };
      });
      expect(code, output).toBe(0);
      expect(output).toMatch(/Handshake was completed/);
      expect(served).toMatchObject({ version: 'TLSv1.3', commandsInTls: 0 });
    });
  }
});

interop('psql', ['psql'], () => {
  const client =
    (mode: string) =>
    (port: number): ProcessOptions => {
      const place = `host=localhost hostaddr=127.0.0.1 port=${port} user=ann dbname=x sslmode=${mode} sslrootcert=${pki.ca}`;
      return { command: 'psql', args: [place, '-At', '-c', 'select 1'] };
    };

  inEveryColumn('is answered inside TLS', async (column) => {
    const { served, stdout, output, code } = await visit(column, 'postgres', client('verify-full'));
    expect(code, output).toBe(0);
    expect(stdout).toMatch(/^localhost\|TLSv1\.3\|/);
    expect(served).toMatchObject({ version: 'TLSv1.3', commandsInTls: 2 });
  });

  inEveryColumn('is told to use TLS', async (column) => {
    const { served, output, code } = await visit(column, 'postgres', client('disable'));
    expect(code).toBe(2);
    expect(output).toMatch(/FATAL: {2}this server wants TLS: sslmode=require/);
    expect(served).toMatchObject({ version: null });
  });
});

interop('mariadb', ['mariadb'], () => {
  const client =
    (...args: readonly string[]) =>
    (port: number): ProcessOptions => {
      const place = ['--host=127.0.0.1', `--port=${port}`, '--user=ann', '--password=secret'];
      return { command: 'mariadb', args: ['--no-defaults', ...place, ...args, '--batch', '--execute=select 1'] };
    };

  inEveryColumn('is answered inside TLS', async (column) => {
    const verify = [`--ssl-ca=${pki.ca}`, '--ssl-verify-server-cert'];
    const { served, stdout, output, code } = await visit(column, 'mysql', client(...verify));
    expect(code, output).toBe(0);
    expect(stdout).toMatch(/^localhost\tTLSv1\.3\t/m);
    expect(served).toMatchObject({ version: 'TLSv1.3', commandsInClear: 1 });
  });

  inEveryColumn('is told to use TLS', async (column) => {
    const { served, output, code } = await visit(column, 'mysql', client('--skip-ssl'));
    expect(code).toBe(1);
    expect(output).toMatch(/ERROR 3159 \(HY000\).*insecure transport/);
    expect(served).toMatchObject({ version: null });
  });
});

interop('ldapsearch', ['ldapsearch'], () => {
  const client =
    (scheme: string, ...args: readonly string[]) =>
    (port: number): ProcessOptions => {
      const login = ['-x', '-LLL', '-D', 'cn=ann', '-w', 'secret', '-H', `${scheme}://127.0.0.1:${port}`];
      return {
        command: 'ldapsearch',
        args: [...login, ...args, '-s', 'base', '-b', '', '+', '*'],
        env: { LDAPTLS_CACERT: pki.ca },
      };
    };

  inEveryColumn('-ZZ logs in and finds the root DSE', async (column) => {
    const { served, stdout, output, code } = await visit(column, 'ldap', client('ldap', '-ZZ'));
    expect(code, output).toBe(0);
    expect(stdout).toMatch(/^supportedLDAPVersion: 3$/m);
    expect(served).toMatchObject({ version: 'TLSv1.3', commandsInClear: 1, commandsInTls: 2 });
  });

  inEveryColumn('does so with TLS from the first byte', async (column) => {
    const { served, stdout, output, code } = await visit(column, 'ldap', client('ldaps'), true);
    expect(code, output).toBe(0);
    expect(stdout).toMatch(/^vendorName: tcpx$/m);
    expect(served).toMatchObject({ version: 'TLSv1.3', commandsInClear: 0 });
  });

  inEveryColumn('cannot log in in clear', async (column) => {
    const { served, output, code } = await visit(column, 'ldap', client('ldap'));
    expect(code).toBe(13);
    expect(output).toMatch(/Confidentiality required \(13\)/);
    expect(served).toMatchObject({ version: null });
  });
});

interop('ipptool', ['ipptool'], () => {
  inEveryColumn('upgrades by OPTIONS, and goes on inside TLS', async (column) => {
    const { served, output } = await visit(column, 'ipp', (port) => {
      const args = ['-E', '-T', '10', '-tv', `ipp://localhost:${port}/ipp/print`, 'get-printer-attributes.test'];
      return { command: 'ipptool', args };
    });
    // There is no printer: the request is refused, inside TLS.
    expect(output).toMatch(/\[FAIL\]/);
    expect(served).toMatchObject({ version: 'TLSv1.3', commandsInClear: 1, commandsInTls: 1 });
  });
});

interop('curl', ['curl'], () => {
  inEveryColumn('fetches a page with TLS from the first byte', async (column) => {
    const client = (port: number): ProcessOptions => {
      return { command: 'curl', args: ['-sS', '--http1.1', '--cacert', pki.ca, `https://localhost:${port}/`] };
    };
    const { served, stdout, output, code } = await visit(column, 'http', client, true);
    expect(code, output).toBe(0);
    expect(stdout).toMatch(/^localhost TLSv1\.3 /);
    expect(served).toMatchObject({ version: 'TLSv1.3', commandsInClear: 0 });
  });

  inEveryColumn('is told to upgrade', async (column) => {
    const client = (port: number): ProcessOptions => ({ command: 'curl', args: ['-sSi', `http://localhost:${port}/`] });
    const { served, stdout } = await visit(column, 'http', client);
    expect(stdout).toMatch(/^HTTP\/1\.1 426 .*Upgrade: TLS\/1\.0, HTTP\/1\.1/s);
    expect(served).toMatchObject({ version: null });
  });
});

interop('kermit', ['kermit'], () => {
  inEveryColumn('upgrades, and hears its own words', async (column) => {
    const server = await startServingProcess({ ...column, protocol: 'telnet', direct: false, ...pki.good });
    const file = join(scratch, `kermit-${server.port}.ksc`);
    writeFileSync(
      file,
      `
set telopt /client start-tls required
set auth tls verify-file ${pki.ca}
set auth tls verify fail-if-no-peer-cert
set host localhost ${server.port} /telnet
if fail exit 1
input 10 localhost
if fail exit 2
lineout hello
input 10 hello
if fail exit 3
exit 0
`,
    );
    const kermit = await runProcess({ command: 'kermit', args: ['-Y', '-C', `take ${file}`] });
    expect(kermit.code, kermit.output).toBe(0);
    // It leaves while answers are on their way to it, which for the server may be a failure.
    await server.served().catch((error: Error) => expect(error.message).toContain('TCPX_CHANNEL'));
  });
});
