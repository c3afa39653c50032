// Proof that node:tls does not tell a server which group was negotiated, on bare Node: the client's
// getEphemeralKeyInfo() names it, the server's is null.
import { once } from 'node:events';
import tls from 'node:tls';
import { makePki } from '../../../dist/test/support/pki.js';

const pki = await makePki();
const server = tls.createServer({ cert: pki.good.cert, key: pki.good.key });
const [secured] = await Promise.all([
  once(server, 'secureConnection'),
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const client = tls.connect({
        port: server.address().port,
        host: '127.0.0.1',
        ca: pki.ca,
        servername: 'localhost',
      });
      client.on('secureConnect', () => resolve(client));
    });
  }),
]).then(([[socket], client]) => [{ socket, client }]);
const { socket, client } = secured;
console.log('client', client.getEphemeralKeyInfo(), 'server', socket.getEphemeralKeyInfo());
process.exitCode = client.getEphemeralKeyInfo()?.name !== undefined && socket.getEphemeralKeyInfo() === null ? 0 : 1;
client.destroy();
socket.destroy();
server.close();
