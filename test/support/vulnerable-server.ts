/**
 * An SMTP server with the flaw of CVE-2011-0411: what was received in clear behind STARTTLS stays in its buffer, and is
 * read as if it had come inside TLS.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket } from 'node:tls';
import { makePki } from './pki.ts';

export interface VulnerableServer {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startVulnerableServer(): Promise<VulnerableServer> {
  const { cert, key } = (await makePki()).good;
  const secureContext = createSecureContext({ cert, key });
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.write('220 mx.example ESMTP\r\n');
    converse(socket, '', (rest) => {
      const secure = new TLSSocket(socket, { isServer: true, secureContext });
      secure.on('error', () => socket.destroy());
      secure.once('secure', () => converse(secure, rest, () => {}));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function converse(stream: Duplex, received: string, upgrade: (rest: string) => void): void {
  let buffer = received;
  const carryOut = () => {
    for (let end = buffer.indexOf('\r\n'); end >= 0; end = buffer.indexOf('\r\n')) {
      const command = buffer.slice(0, end);
      buffer = buffer.slice(end + 2);
      if (command === 'STARTTLS') {
        stream.off('data', take);
        stream.write('220 go\r\n');
        upgrade(buffer);
        return;
      }
      const known = /^(?:EHLO|NOOP|QUIT)(?: |$)/.test(command);
      if (command.startsWith('EHLO ')) stream.write('250-mx.example\r\n250 STARTTLS\r\n');
      else stream.write(known ? '250 ok\r\n' : '500 what?\r\n');
    }
  };
  const take = (chunk: Buffer) => {
    buffer += chunk.toString('latin1');
    carryOut();
  };
  stream.on('data', take);
  carryOut();
}
