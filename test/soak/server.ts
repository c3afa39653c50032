/** The other side of the soak, in a process of its own: plain connections are drained, TLS ones echo. */
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Identity } from '../support/pki.ts';
import type { Ports } from './main.ts';

const quiet = (socket: Socket) => {
  // A client that resets is no concern of the server.
  socket.on('error', () => {});
};

process.once('message', (identity: Identity) => {
  const plain = createServer((socket) => {
    quiet(socket);
    socket.resume();
  });
  const tls = createTlsServer({ cert: identity.cert, key: identity.key }, (socket) => {
    quiet(socket);
    socket.pipe(socket);
  });
  tls.on('tlsClientError', () => {});
  plain.listen(0, '0.0.0.0', () => {
    tls.listen(0, '127.0.0.1', () => {
      const port = (server: typeof plain) => {
        const address = server.address();
        return typeof address === 'object' && address !== null ? address.port : 0;
      };
      const ports: Ports = { plain: port(plain), tls: port(tls) };
      process.send?.(ports);
    });
  });
});
process.once('disconnect', () => process.exit());
