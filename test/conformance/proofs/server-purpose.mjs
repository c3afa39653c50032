// Proof that OpenSSL decides by itself what a server's certificate has to be for, on bare Node: neither one for any purpose
// nor a CA's that may sign nothing but certificates will do, and both are INVALID_PURPOSE.
import { once } from 'node:events';
import tls from 'node:tls';
import { makeOddServer, makePki } from '../../../dist/test/support/pki.js';

const { ca } = await makePki();

async function refusal(odd) {
  const { cert, key } = await makeOddServer(odd);
  const server = tls.createServer({ cert, key, minVersion: 'TLSv1.3' }, (socket) => socket.on('error', () => {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = tls.connect({ port: server.address().port, host: '127.0.0.1', servername: 'localhost', ca });
  const [error] = await once(client, 'error');
  client.destroy();
  server.close();
  return error.code;
}

const codes = [await refusal({ purposes: ['2.5.29.37.0'] }), await refusal({ isCa: true, keyUsage: ['keyCertSign'] })];
console.log(codes);
process.exitCode = codes.every((code) => code === 'INVALID_PURPOSE') ? 0 : 1;
