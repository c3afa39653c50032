// Proof that OpenSSL speaks TLS 1.0 and 1.1 at security level 0 only, on bare Node: a client that allows them does not
// reach a server that has nothing newer, unless it lowers the level too.
import { once } from 'node:events';
import tls from 'node:tls';
import { makePki } from '../../../dist/test/support/pki.js';

const { ca, goodRsa } = await makePki();

async function outcome(version, ciphers) {
  const server = tls.createServer({
    ...goodRsa,
    minVersion: version,
    maxVersion: version,
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const options = { port, host: '127.0.0.1', servername: 'localhost', ca, ciphers, minVersion: 'TLSv1' };
  const client = tls.connect(options);
  const result = await Promise.race([
    once(client, 'secureConnect').then(() => client.getProtocol()),
    once(client, 'error').then(([error]) => error.code),
  ]).catch((error) => error.code);
  client.destroy();
  server.close();
  return result;
}

const outcomes = [];
for (const version of ['TLSv1', 'TLSv1.1']) {
  outcomes.push({
    version,
    usual: await outcome(version, 'DEFAULT'),
    lowered: await outcome(version, 'DEFAULT@SECLEVEL=0'),
  });
}
console.log(outcomes);
process.exitCode = outcomes.every(({ version, usual, lowered }) => usual !== version && lowered === version) ? 0 : 1;
