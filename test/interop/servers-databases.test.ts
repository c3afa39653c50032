// Directory and database servers come up and upgrade, as the tools that everybody trusts see them. What fails here is
// the fault of the helpers or of the installation, not of the code under test.

import { beforeAll, expect, it } from 'vitest';
import { type LdapServer, startLdapServer } from '../support/ldap-server.ts';
import { type MariadbServer, startMariadbServer } from '../support/mariadb-server.ts';
import { cleanUpAfterAll, interop, runProcess, tempDir } from '../support/peer.ts';
import { type PkiPaths, writePki } from '../support/pki.ts';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { runGnutlsCli, runOpensslClient } from '../support/tls-tools.ts';

let pki: PkiPaths;

beforeAll(async () => {
  pki = await writePki(tempDir());
});
cleanUpAfterAll();

const verified = /Verif(y return code: 0 \(ok\)|ication: OK)/;

interop('slapd', ['slapd', 'ldapsearch', 'openssl', 'gnutls-cli'], () => {
  function search(server: LdapServer, url: string, ...args: string[]) {
    const login = ['-D', server.bindDn, '-w', server.password];
    return runProcess({
      command: 'ldapsearch',
      args: ['-x', '-LLL', '-H', url, ...login, '-b', server.suffix, ...args, '(o=*)', 'o'],
      env: { LDAPTLS_CACERT: pki.ca },
    });
  }

  it('upgrades, and speaks TLS from the first byte on the other port', async () => {
    const server = await startLdapServer(pki);
    const upgraded = await search(server, `ldap://127.0.0.1:${server.ldapPort}`, '-ZZ');
    expect(upgraded.output, server.log()).toMatch(/^o: tcpx$/m);
    const direct = await search(server, `ldaps://127.0.0.1:${server.ldapsPort}`);
    expect(direct.output, server.log()).toMatch(/^o: tcpx$/m);
    const openssl = await runOpensslClient({ pki, port: server.ldapPort, args: ['-starttls', 'ldap'] });
    expect(openssl.output).toMatch(verified);
    const gnutls = await runGnutlsCli({ pki, port: server.ldapPort, args: ['--starttls-proto=ldap'] });
    expect(gnutls.output).toMatch(/Handshake was completed/);
    await server.stop();
  });

  it('may require TLS', async () => {
    const server = await startLdapServer(pki, { requireTls: true });
    const url = `ldap://127.0.0.1:${server.ldapPort}`;
    expect((await search(server, url)).output).toMatch(/Confidentiality required \(13\)/);
    expect((await search(server, url, '-ZZ')).output, server.log()).toMatch(/^o: tcpx$/m);
    await server.stop();
  });

  it('may have none', async () => {
    const server = await startLdapServer(pki, { tls: false });
    const refused = await search(server, `ldap://127.0.0.1:${server.ldapPort}`, '-ZZ');
    expect(refused.output, server.log()).toMatch(/Protocol error \(2\)[\s\S]*unsupported extended operation/);
    await server.stop();
  });
});

interop('postgres', ['postgres', 'psql', 'openssl', 'gnutls-cli'], () => {
  function psql({ port, user, password, database }: PostgresServer, mode: string) {
    return runProcess({
      command: 'psql',
      args: [
        `host=localhost hostaddr=127.0.0.1 port=${port} user=${user} dbname=${database} sslmode=${mode} sslrootcert=${pki.ca}`,
        ...['-At', '-c', 'select ssl, version from pg_stat_ssl where pid = pg_backend_pid()'],
      ],
      env: { PGPASSWORD: password },
    });
  }

  it('upgrades', async () => {
    const server = await startPostgresServer(pki, { requireTls: true });
    const { output } = await psql(server, 'verify-full');
    expect(output, server.log()).toMatch(/^t\|TLSv1\.3$/m);
    expect((await psql(server, 'disable')).output).toMatch(/no pg_hba\.conf entry .*no encryption/);
    const openssl = await runOpensslClient({ pki, port: server.port, args: ['-starttls', 'postgres'] });
    expect(openssl.output).toMatch(verified);
    const gnutls = await runGnutlsCli({ pki, port: server.port, args: ['--starttls-proto=postgres'] });
    expect(gnutls.output).toMatch(/Handshake was completed/);
    expect(server.version).toBeGreaterThan(9);
    await server.stop();
  });

  it('may have no TLS', async () => {
    const server = await startPostgresServer(pki, { tls: false });
    expect((await psql(server, 'require')).output).toMatch(/server does not support SSL/);
    expect((await psql(server, 'prefer')).output, server.log()).toMatch(/^f\|$/m);
    await server.stop();
  });
});

interop('mariadb', ['mariadbd', 'mariadb', 'openssl'], () => {
  function mariadb({ port, user, password, database }: MariadbServer, ...args: string[]) {
    return runProcess({
      command: 'mariadb',
      args: [
        ...['--no-defaults', '--host=127.0.0.1', `--port=${port}`, `--user=${user}`, `--password=${password}`],
        ...['--batch', ...args, '--execute=show status like "Ssl_version"', database],
      ],
    });
  }
  const secure = () => [`--ssl-ca=${pki.ca}`, '--ssl-verify-server-cert'];

  it('upgrades', async () => {
    const server = await startMariadbServer(pki, { requireTls: true });
    const { output } = await mariadb(server, ...secure());
    expect(output, server.log()).toMatch(/Ssl_version\s+TLSv1\.3/);
    expect((await mariadb(server, '--skip-ssl')).output).toMatch(/ERROR (1045|3159) /);
    const openssl = await runOpensslClient({ pki, port: server.port, args: ['-starttls', 'mysql'] });
    expect(openssl.output).toMatch(verified);
    await server.stop();
  });

  it('may have no TLS', async () => {
    const server = await startMariadbServer(pki, { tls: false });
    expect((await mariadb(server, ...secure())).output).toMatch(/SSL is required, but the server does not support it/);
    expect((await mariadb(server)).output, server.log()).toMatch(/Ssl_version\s*$/m);
    await server.stop();
  });
});
