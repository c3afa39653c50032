// Chat, news and terminal servers come up and upgrade, as the tools that everybody trusts see them. What fails here is
// the fault of the helpers or of the installation, not of the code under test.

import { beforeAll, expect, it } from 'vitest';
import { converse } from '../support/clear-text.ts';
import { startIrcServer } from '../support/irc-server.ts';
import { startNewsServer } from '../support/news-server.ts';
import { cleanUpAfterAll, interop, runProcess, tempDir } from '../support/peer.ts';
import { type PkiPaths, writePki } from '../support/pki.ts';
import { startTelnetServer } from '../support/telnet-server.ts';
import { runGnutlsCli, runOpensslClient } from '../support/tls-tools.ts';
import { startXmppServer } from '../support/xmpp-server.ts';

let pki: PkiPaths;

beforeAll(async () => {
  pki = await writePki(tempDir());
});
cleanUpAfterAll();

const verified = /Verif(y return code: 0 \(ok\)|ication: OK)/;

interop('prosody', ['prosody', 'openssl', 'gnutls-cli'], () => {
  const header = (namespace: string, domain: string) =>
    `<?xml version='1.0'?><stream:stream to='${domain}' from='other.example' xmlns='${namespace}' ` +
    `xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>`;
  const features = /<\/stream:features>/;

  it('upgrades streams of clients and servers', async () => {
    const server = await startXmppServer(pki, { requireTls: true });
    const { clientPort, serverPort, clientTlsPort, serverTlsPort, domain } = server;
    for (const [kind, port, offer] of [
      ['client', clientPort, '<mechanism>SCRAM-SHA-256</mechanism>'],
      ['server', serverPort, "<dialback xmlns='urn:xmpp:features:dialback'/>"],
    ] as const) {
      const hello = header(`jabber:${kind}`, domain);
      expect(await converse(port, [[hello, features]])).toMatch(/<starttls [^>]*><required\/><\/starttls>/);
      const args = ['-starttls', kind === 'client' ? 'xmpp' : 'xmpp-server', '-xmpphost', domain];
      const openssl = await runOpensslClient({ pki, port, args, input: hello, until: features });
      expect(openssl.output, server.log()).toMatch(verified);
      expect(openssl.output).toContain(offer);
    }
    // It names the host that it connects to, until it has an option for it.
    const own = ['--starttls-proto=xmpp', `--port=${clientPort}`, `--x509cafile=${pki.ca}`, domain];
    const gnutls = await runProcess({ command: 'gnutls-cli', args: own });
    expect(gnutls.output).toMatch(/Handshake was completed/);
    for (const port of [clientTlsPort, serverTlsPort]) {
      expect((await runOpensslClient({ pki, port })).output, server.log()).toMatch(verified);
    }
    await server.stop();
  });

  it('may leave TLS to the client, or have none', async () => {
    for (const tls of [true, false]) {
      const server = await startXmppServer(pki, { tls });
      const clear = await converse(server.clientPort, [[header('jabber:client', server.domain), features]]);
      expect(clear).toContain('<mechanism>');
      expect(clear.includes('<starttls'), clear).toBe(tls);
      expect(clear).not.toContain('<required/>');
      await server.stop();
    }
  });
});

interop('nnrpd', ['nnrpd', 'openssl', 'gnutls-cli', 'root'], () => {
  it('upgrades and has news', async () => {
    const server = await startNewsServer(pki, { requireTls: true });
    const { port, user, password, group, messageId } = server;
    expect(await converse(port, [[`AUTHINFO USER ${user}\r\n`, /^483 /m]])).toMatch(/^200 /);
    const input = `AUTHINFO USER ${user}\nAUTHINFO PASS ${password}\nGROUP ${group}\nARTICLE ${messageId}\nQUIT\n`;
    const args = ['-starttls', 'nntp', '-crlf', '-ign_eof'];
    const openssl = await runOpensslClient({ pki, port, args, input });
    expect(openssl.output, server.log()).toMatch(verified);
    expect(openssl.output).toMatch(/281 [\s\S]*211 1 1 1 local\.test[\s\S]*220 0 [\s\S]*^text\r?$[\s\S]*205 /m);
    const gnutls = await runGnutlsCli({ pki, port, args: ['--starttls-proto=nntp'] });
    expect(gnutls.output).toMatch(/Handshake was completed/);
    await server.stop();
  });

  it('may speak TLS from the first byte, or have none', async () => {
    const direct = await startNewsServer(pki, { implicit: true });
    const { output } = await runOpensslClient({
      pki,
      port: direct.port,
      args: ['-crlf', '-ign_eof'],
      input: 'QUIT\n',
    });
    expect(output).toMatch(verified);
    expect(output).toMatch(/200 .*INN/);
    await direct.stop();
    const clear = await startNewsServer(pki, { tls: false });
    await converse(clear.port, [
      ['', /^200 /],
      ['STARTTLS\r\n', /^580 /],
    ]);
    await clear.stop();
  });
});

interop('inspircd', ['inspircd', 'openssl'], () => {
  it('upgrades', async () => {
    const server = await startIrcServer(pki);
    const { ircPort, ircsPort } = server;
    expect(await converse(ircPort, [['CAP LS 302\r\n', / CAP .*\r\n/]])).toMatch(` sts=port=${ircsPort} tls `);
    const input = 'NICK ann\nUSER ann 0 * :Ann\n';
    for (const [port, upgrade] of [
      [ircPort, ['-starttls', 'irc']],
      [ircsPort, []],
    ] as const) {
      const args = [...upgrade, '-crlf'];
      const { output } = await runOpensslClient({ pki, port, args, input, until: / 422 ann / });
      expect(output, server.log()).toMatch(verified);
      expect(output).toMatch(/ 001 ann :Welcome to the tests IRC Network/);
    }
    await server.stop();
  });

  it('may have no TLS', async () => {
    const server = await startIrcServer(pki, { tls: false });
    await converse(server.ircPort, [
      ['NICK ann\r\nUSER ann 0 * :Ann\r\n', / 422 ann /],
      ['STARTTLS\r\n', / 421 ann STARTTLS /],
    ]);
    await server.stop();
  });
});

interop('c-kermit', ['kermit', 'openssl'], () => {
  // A ClientHello that arrives in one segment with the end of the negotiation is lost to C-Kermit, which waits for it then.
  it('upgrades a telnet connection', { retry: 2 }, async () => {
    const server = await startTelnetServer(pki);
    const args = ['-starttls', 'telnet', '-crlf', '-ign_eof', '-quiet'];
    const client = { pki, port: server.port, args, input: 'once upon a time\n', until: /time/, deadline: 5_000 };
    const { output } = await runOpensslClient(client);
    expect(output, server.log()).toMatch(/once upon a time/);
    await server.stop();
  });

  const [iac, sb, se, will, wont, doo, dont, startTls] = [255, 250, 240, 251, 252, 253, 254, 46];

  it('answers the negotiation', async () => {
    const server = await startTelnetServer(pki);
    const text = (...bytes: number[]) => Buffer.from(bytes).toString('latin1');
    const said = await converse(server.port, [
      ['', new RegExp(`^${text(iac, doo, startTls)}$`)],
      [Uint8Array.of(iac, will, startTls), new RegExp(`^${text(iac, sb, startTls, 1, iac, se)}$`)],
    ]);
    expect(said).toHaveLength(9);
    await server.stop();
  });

  it('may require TLS, or have none', async () => {
    const strict = await startTelnetServer(pki, { requireTls: true });
    await expect(
      converse(strict.port, [
        ['', /./s],
        [Uint8Array.of(iac, wont, startTls), /never/],
      ]),
    ).rejects.toThrow(/^closed/);
    await strict.stop();
    const clear = await startTelnetServer(pki, { tls: false });
    await converse(clear.port, [
      [Uint8Array.of(iac, will, startTls), new RegExp(Buffer.from([iac, dont, startTls]).toString('latin1'))],
    ]);
    await clear.stop();
  });
});
