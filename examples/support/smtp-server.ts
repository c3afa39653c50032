/**
 * An SMTP server with STARTTLS in a worker thread: a synchronous XCALL blocks its own thread, so whoever answers it has to
 * live in another. Posts its port, then each message that it has accepted.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { SMTPServer } from 'smtp-server';
import type { Delivered, ServerOptions } from './mail-server.js';

const { cert, key, account, unknown = [] } = workerData as ServerOptions & { cert: string; key: string };

const server = new SMTPServer({
  cert,
  key,
  authOptional: account === undefined,
  disabledCommands: account === undefined ? ['AUTH'] : [],
  banner: 'embedded test server',
  onAuth({ username, password }, _session, done) {
    const known = username === account?.username && password === account?.password;
    done(known ? null : new Error('wrong user name or password'), known ? { user: username } : undefined);
  },
  onRcptTo({ address }, _session, done) {
    done(unknown.includes(address) ? new Error(`nobody is called ${address}`) : null);
  },
  onData(stream, { envelope: { mailFrom, rcptTo }, secure, user }, callback) {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const delivered: Delivered = {
        message: Buffer.concat(chunks).toString('latin1'),
        from: mailFrom === false ? '' : mailFrom.address,
        recipients: rcptTo.map(({ address }) => address),
        secure,
        user: user === undefined ? null : String(user),
      };
      parentPort?.postMessage(delivered);
      callback(null, 'accepted');
    });
  },
});

server.listen(0, '127.0.0.1', () => {
  const address = server.server.address();
  if (address !== null && typeof address === 'object') parentPort?.postMessage({ port: address.port });
});

parentPort?.on('message', () => server.close(() => parentPort?.close()));
