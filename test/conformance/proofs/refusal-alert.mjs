// Proof that a client of node:tls sends no alert when it refuses a server's certificate, on bare Node and with
// rejectUnauthorized on: the client's own handshake completes first, and the server meets nothing but the end of the stream.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { makePki } from '../../../dist/test/support/pki.js';

const ALERT = 21;
const HANDSHAKE = 22;
const pki = await makePki();

/** The types of the records that a client sends, while it refuses a server of TLS 1.2, where types are in clear. */
async function recordsSent() {
  const errors = [];
  const server = tls.createServer({ ...pki.unknownIssuer, maxVersion: 'TLSv1.2' }, (socket) => {
    socket.on('error', (error) => errors.push(error.code)).resume();
  });
  server.on('tlsClientError', (error) => errors.push(error.code));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const sent = [];
  let over;
  const relay = net.createServer((socket) => {
    over = once(socket, 'close');
    const upstream = net.connect(server.address().port, '127.0.0.1');
    socket.on('data', (chunk) => sent.push(chunk));
    socket.pipe(upstream).pipe(socket);
    socket.on('error', () => {});
    upstream.on('error', () => {});
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');

  const client = tls.connect({
    port: relay.address().port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: pki.ca,
    rejectUnauthorized: true,
  });
  const [refusal] = await once(client, 'error');
  await over;
  relay.close();
  server.close();

  const bytes = Buffer.concat(sent);
  const types = [];
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) types.push(bytes[at]);
  return { refusal: refusal.code, types, errors };
}

const told = await recordsSent();
console.log(told);
const { refusal, types, errors } = told;
process.exitCode =
  refusal !== undefined &&
  types.includes(HANDSHAKE) &&
  !types.includes(ALERT) &&
  !errors.some((code) => /ALERT/.test(code))
    ? 0
    : 1;
