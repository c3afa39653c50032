/**
 * An SMTP server with STARTTLS in a worker thread: a synchronous XCALL blocks its own thread, so whoever answers it has to
 * live in another. Posts its port, then each message that it has accepted.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { SMTPServer } from 'smtp-server';

const { cert, key } = workerData as { cert: string; key: string };

const server = new SMTPServer({
  cert,
  key,
  authOptional: true,
  disabledCommands: ['AUTH'],
  banner: 'embedded test server',
  onData(stream, session, callback) {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const recipients = session.envelope.rcptTo.map(({ address }) => address);
      parentPort?.postMessage({
        message: Buffer.concat(chunks).toString('latin1'),
        recipients,
        secure: session.secure,
      });
      callback(null, 'accepted');
    });
  },
});

server.listen(0, '127.0.0.1', () => {
  const address = server.server.address();
  if (address !== null && typeof address === 'object') parentPort?.postMessage({ port: address.port });
});

parentPort?.on('message', () => server.close(() => parentPort?.close()));
