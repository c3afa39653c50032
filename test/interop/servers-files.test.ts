// File and print servers come up and upgrade, as the tools that everybody trusts see them. What fails here is the fault
// of the helpers or of the installation, not of the code under test.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { type FtpServer, startFtpServer } from '../support/ftp-server.ts';
import { startIppServer } from '../support/ipp-server.ts';
import { cleanUpAfterAll, interop, runProcess, tempDir } from '../support/peer.ts';
import { type PkiPaths, writePki } from '../support/pki.ts';
import { runGnutlsCli, runOpensslClient } from '../support/tls-tools.ts';

let pki: PkiPaths;

beforeAll(async () => {
  pki = await writePki(tempDir());
});
cleanUpAfterAll();

const verified = /Verif(y return code: 0 \(ok\)|ication: OK)/;

interop('vsftpd', ['vsftpd', 'curl', 'openssl', 'gnutls-cli', 'root'], () => {
  function curl({ port, user, password }: FtpServer, path: string, ...args: string[]) {
    const url = `ftp://localhost:${port}/${path}`;
    return runProcess({ command: 'curl', args: ['-sSv', '--ipv4', '--user', `${user}:${password}`, ...args, url] });
  }
  const secure = () => ['--ssl-reqd', '--cacert', pki.ca];

  it('upgrades; data connections resume the session', async () => {
    const server = await startFtpServer(pki, { requireTls: true });
    const [down, up] = [join(tempDir(), 'down'), join(tempDir(), 'up')];
    const fetched = await curl(server, server.file.name, ...secure(), '-o', down);
    expect(fetched.code, fetched.output + server.log()).toBe(0);
    expect(readFileSync(down).equals(server.file.content)).toBe(true);
    expect(server.log()).toMatch(/SSL cipher: \S+, not reused[\s\S]*SSL cipher: \S+, reused/);
    writeFileSync(up, server.file.content);
    // Under TLS 1.3 curl closes on session tickets that it has not read: the reset costs the end of the upload.
    const stored = await curl(server, 'incoming/up.bin', ...secure(), '--tls-max', '1.2', '-T', up);
    expect(stored.code, stored.output + server.log()).toBe(0);
    expect(readFileSync(join(server.directory, 'incoming/up.bin')).equals(server.file.content)).toBe(true);

    const fresh = await curl(server, server.file.name, ...secure(), '--no-sessionid', '-o', down);
    expect(fresh.code).toBe(18);
    // It may still be at it when curl has left.
    await expect.poll(server.log).toMatch(/522 SSL connection failed: session reuse required/);
    expect((await curl(server, '')).output).toMatch(/530 Anonymous sessions must use encryption/);
    const openssl = await runOpensslClient({ pki, port: server.port, args: ['-starttls', 'ftp'] });
    expect(openssl.output).toMatch(verified);
    const gnutls = await runGnutlsCli({ pki, port: server.port, args: ['--starttls-proto=ftp'] });
    expect(gnutls.output).toMatch(/Handshake was completed/);
    await server.stop();
  });

  it('may speak TLS from the first byte, or have none', async () => {
    const direct = await startFtpServer(pki, { implicit: true });
    const args = ['-crlf', '-ign_eof'];
    const { output } = await runOpensslClient({ pki, port: direct.port, args, input: 'QUIT\n' });
    expect(output).toMatch(verified);
    expect(output).toMatch(/220 \(vsFTPd/);
    await direct.stop();
    const clear = await startFtpServer(pki, { tls: false });
    expect((await curl(clear, '', '--ssl-reqd')).code).toBe(64);
    expect((await curl(clear, '')).output, clear.log()).toMatch(/226 Directory send OK/);
    await clear.stop();
  });
});

interop('cupsd', ['cupsd', 'ipptool', 'curl', 'root'], () => {
  it('upgrades, and speaks TLS from the first byte on the same port', async () => {
    const server = await startIppServer(pki);
    const request = join(tempDir(), 'printers.test');
    writeFileSync(
      request,
      `{
  OPERATION CUPS-Get-Printers
  GROUP operation-attributes-tag
  ATTR charset attributes-charset utf-8
  ATTR naturalLanguage attributes-natural-language en
  STATUS client-error-not-found
}
`,
    );
    const url = `ipp://localhost:${server.port}/`;
    const { code, output } = await runProcess({ command: 'ipptool', args: ['-4', '-E', '-t', url, request] });
    expect(code, output + server.log()).toBe(0);
    expect(server.log()).toMatch(/OPTIONS \* HTTP\/1\.1[\s\S]*Connection now encrypted/);
    const args = ['-sSv', '--ipv4', '--cacert', pki.ca, `https://localhost:${server.port}/`];
    expect((await runProcess({ command: 'curl', args })).output).toMatch(
      /SSL certificate verify ok[\s\S]*HTTP\/1\.1 404/,
    );
    await server.stop();
  });
});
