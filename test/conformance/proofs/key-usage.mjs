// Proof that node:tls does not ask whether a server's certificate lets its key sign, on bare Node: it accepts one that is
// for key encipherment alone, in TLS 1.3, where a server does nothing with its key but sign.
import { once } from 'node:events';
import tls from 'node:tls';
import { makeOddServer, makePki } from '../../../dist/test/support/pki.js';

const { ca } = await makePki();
const { cert, key } = await makeOddServer({ algorithm: 'rsa', keyUsage: ['keyEncipherment'] });
const server = tls.createServer({ cert, key, minVersion: 'TLSv1.3' });
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const client = tls.connect({ port: server.address().port, host: '127.0.0.1', servername: 'localhost', ca });
await once(client, 'secureConnect');
console.log(client.getProtocol(), client.authorized);
process.exitCode = client.getProtocol() === 'TLSv1.3' && client.authorized ? 0 : 1;
client.destroy();
server.close();
