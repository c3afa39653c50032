import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { type AddressInfo, isIP } from 'node:net';
import { connect, createServer } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { cleanUpAfterAll, requireTool, runProcess, tempDir, tools } from '../support/peer.ts';
import {
  clientNames,
  type Identity,
  type IdentityName,
  makePki,
  type Pki,
  type PkiPaths,
  serverNames,
  writePki,
} from '../support/pki.ts';

let pki: Pki;
let paths: PkiPaths;

beforeAll(async () => {
  pki = await makePki();
  paths = await writePki(tempDir());
});
cleanUpAfterAll();

/** What a Node client thinks of a server with this identity: undefined when it is content. */
async function verdict(identity: Identity, host = '127.0.0.1', servername = 'localhost'): Promise<string | undefined> {
  const server = createServer({ cert: identity.cert, key: identity.key }, (socket) => socket.end());
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const name = isIP(servername) === 0 ? { servername } : { host: servername };
    const socket = connect({ port, host, ca: pki.ca, ...name });
    await once(socket, 'secureConnect').finally(() => socket.destroy());
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  } finally {
    server.close();
  }
}

describe('pki', () => {
  it.each([
    ['good', undefined],
    ['goodRsa', undefined],
    ['chained', undefined],
    ['expired', 'CERT_HAS_EXPIRED'],
    ['notYetValid', 'CERT_NOT_YET_VALID'],
    ['selfSigned', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['wrongName', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['unknownIssuer', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ] as const)('node:tls finds %s to be %s', async (name, expected) => {
    expect(await verdict(pki[name])).toBe(expected);
  });

  it('is valid for the IP addresses too', async () => {
    expect(await verdict(pki.good, '127.0.0.1', '127.0.0.1')).toBeUndefined();
    expect(await verdict(pki.good, '::1', '::1')).toBeUndefined();
  });

  it('is made once per process', async () => {
    expect(await makePki()).toBe(pki);
  });

  it('holds the keys that belong to the certificates', async () => {
    const { createPrivateKey } = await import('node:crypto');
    for (const name of [...serverNames, ...clientNames]) {
      expect(new X509Certificate(pki[name].cert).checkPrivateKey(createPrivateKey(pki[name].key))).toBe(true);
    }
  });

  it('writes keys that only the owner can read', async () => {
    expect((await stat(paths.good.key)).mode & 0o777).toBe(0o600);
    expect((await stat(paths.good.cert)).mode & 0o777).toBe(0o644);
  });
});

const accepted = new Set<IdentityName>(['good', 'goodRsa', 'chained', 'wrongName', 'client']);

describe.runIf(requireTool('openssl', tools.openssl))('pki, by openssl verify', () => {
  it.each([...serverNames, ...clientNames])('%s', async (name) => {
    const purpose = clientNames.some((client) => client === name) ? 'sslclient' : 'sslserver';
    const { cert } = paths[name];
    const strict = ['-x509_strict', '-purpose', purpose, '-CAfile', paths.ca, '-untrusted', cert, cert];
    const { code, output } = await runProcess({ command: 'openssl', args: ['verify', ...strict] });
    expect(code === 0, output).toBe(accepted.has(name));
  });
});

describe.runIf(requireTool('certtool', tools.certtool))('pki, by certtool --verify', () => {
  it.each([...serverNames, ...clientNames])('%s', async (name) => {
    const args = ['--verify', '--load-ca-certificate', paths.ca, '--infile', paths[name].cert];
    const { code, output } = await runProcess({ command: 'certtool', args });
    expect(code === 0, output).toBe(accepted.has(name));
  });
});
