// The TLS tools of the interop tests come up and speak with each other. What fails here is the fault of the helpers or
// of the installation, not of the code under test.

import { beforeAll, describe, expect, it } from 'vitest';
import { cleanUpAfterAll, interop, tempDir } from '../support/peer.ts';
import { type PkiPaths, writePki } from '../support/pki.ts';
import { runGnutlsCli, runOpensslClient, startGnutlsServ, startOpensslServer } from '../support/tls-tools.ts';

let pki: PkiPaths;

beforeAll(async () => {
  pki = await writePki(tempDir());
});
cleanUpAfterAll();

// No line anchors where s_client prints: it writes session tickets and data into each other.
const verified = /Verif(y return code: 0 \(ok\)|ication: OK)/;

interop('gnutls-serv', ['gnutls-serv', 'gnutls-cli', 'openssl'], () => {
  it.each([
    ['1.2', 'NORMAL:-VERS-ALL:+VERS-TLS1.2'],
    ['1.3', 'NORMAL:-VERS-ALL:+VERS-TLS1.3'],
  ])('echoes under TLS %s', async (version, priority) => {
    const server = await startGnutlsServ({ pki, priority });
    const { port } = server;
    const gnutls = await runGnutlsCli({ pki, port, input: 'hello there\n', until: /^hello there$/m });
    expect(gnutls.output).toMatch(new RegExp(`Description: \\(TLS${version}[\\s\\S]*^hello there$`, 'm'));
    const openssl = await runOpensslClient({ pki, port, input: 'hello again\n', until: /hello again/ });
    expect(openssl.output).toMatch(verified);
    expect(openssl.output).toMatch(/hello again/);
    await server.stop();
  });

  it('serves a page', async () => {
    const server = await startGnutlsServ({ pki, mode: 'http', identity: pki.goodRsa });
    const input = 'GET / HTTP/1.0\r\n\r\n';
    const { output } = await runOpensslClient({ pki, port: server.port, input, args: ['-ign_eof', '-quiet'] });
    expect(output).toMatch(/HTTP\/1\.0 200 OK/);
    await server.stop();
  });

  it('wants a client certificate', async () => {
    const server = await startGnutlsServ({ pki, clientCert: 'required' });
    const { port } = server;
    const talk = { pki, port, input: 'x y z\n', until: /^x y z$/m };
    const { cert, key } = pki.client;
    const mine = await runGnutlsCli({ ...talk, args: [`--x509certfile=${cert}`, `--x509keyfile=${key}`] });
    expect(mine.output).toMatch(/^x y z$/m);
    const none = await runGnutlsCli(talk);
    expect(none.output).not.toMatch(/^x y z$/m);
    expect(none.output).toMatch(/Certificate is required/);
    await server.stop();
  });
});

interop('openssl s_server', ['openssl', 'gnutls-cli'], () => {
  it.each(['1.2', '1.3'] as const)('turns lines round under TLS %s', async (version) => {
    const server = await startOpensslServer({ pki, version, identity: pki.chained });
    const { port } = server;
    const gnutls = await runGnutlsCli({ pki, port, input: 'abc def\n', until: /fed cba/ });
    expect(gnutls.output).toMatch(new RegExp(`Description: \\(TLS${version}[\\s\\S]*^fed cba$`, 'm'));
    const openssl = await runOpensslClient({ pki, port, input: 'abc def\n', until: /fed cba/ });
    expect(openssl.output).toMatch(/fed cba/);
    await server.stop();
  });

  it('wants a client certificate', async () => {
    const server = await startOpensslServer({ pki, clientCert: 'required' });
    const { port } = server;
    const talk = { pki, port, input: 'abc def\n', until: /fed cba/ };
    const mine = await runOpensslClient({ ...talk, args: ['-cert', pki.client.cert, '-key', pki.client.key] });
    expect(mine.output).toMatch(/fed cba/);
    const { cert, key } = pki.unknownClient;
    const unknown = await runOpensslClient({ ...talk, args: ['-cert', cert, '-key', key] });
    expect(unknown.output).toMatch(/alert unknown ca/);
    const none = await runOpensslClient(talk);
    expect(none.output).toMatch(/alert certificate required/);
    await server.stop();
  });

  it('has a console', async () => {
    const server = await startOpensslServer({ pki, mode: 'console' });
    const { port } = server;
    const client = runOpensslClient({ pki, port, input: 'from client\n', until: /from server/ });
    await server.process.waitFor(/from client/);
    server.process.write('from server\n');
    expect((await client).output).toMatch(/from server/);
    await server.stop();
  });
});

describe('clients', () => {
  interop('refuse what they should', ['openssl', 'gnutls-cli'], () => {
    it.each(['expired', 'notYetValid', 'selfSigned', 'wrongName', 'unknownIssuer'] as const)('%s', async (name) => {
      const server = await startOpensslServer({ pki, identity: pki[name] });
      const { port } = server;
      expect((await runOpensslClient({ pki, port })).output).toMatch(/verify error|Verification error/);
      expect((await runGnutlsCli({ pki, port })).code).not.toBe(0);
      await server.stop();
    });
  });
});
