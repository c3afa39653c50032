// A node:tls client that visits a server several times, one connection after the other, and offers the newest session it
// has each time. Prints, per visit, whether it was resumed and how many sessions the server gave it.
//
//   node tls-visits.mjs <port> <count> <CA file> <TLSv1.2|TLSv1.3>
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import tls from 'node:tls';

const [port, count, ca, version] = process.argv.slice(2);
const visits = [];
let session;
for (let visit = 0; visit < Number(count); visit += 1) {
  const socket = tls.connect({
    port: Number(port),
    host: '127.0.0.1',
    servername: 'localhost',
    ca: readFileSync(ca),
    minVersion: version,
    maxVersion: version,
    session,
  });
  let given = 0;
  let resumed = false;
  socket.on('secureConnect', () => {
    resumed = socket.isSessionReused();
  });
  socket.on('session', (newest) => {
    session = newest;
    given += 1;
  });
  socket.resume();
  await once(socket, 'close');
  visits.push({ resumed, given });
}
console.log(JSON.stringify(visits));
