// Proof that a server of node:tls gives no ticket in a session of TLS 1.3 that it resumed, on bare Node: the first visit
// brings tickets, the second resumes by one and brings none.
import { once } from 'node:events';
import tls from 'node:tls';
import { makePki } from '../../../dist/test/support/pki.js';

const pki = await makePki();
const server = tls.createServer({ ...pki.good, minVersion: 'TLSv1.3' }, (socket) => socket.end('x'));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();

let session;
const visits = [];
for (let visit = 0; visit < 2; visit += 1) {
  const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca: pki.ca, session });
  let given = 0;
  socket.on('session', (newest) => {
    session = newest;
    given += 1;
  });
  await once(socket, 'secureConnect');
  const resumed = socket.isSessionReused();
  // The byte comes behind the tickets.
  socket.resume();
  await once(socket, 'close');
  visits.push({ resumed, given });
}
server.close();
console.log(visits);
const [first, second] = visits;
process.exitCode = !first.resumed && first.given > 0 && second.resumed && second.given === 0 ? 0 : 1;
