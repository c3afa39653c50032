/**
 * Connects to a mail server in clear, upgrades with STARTTLS and delivers a message, through XCALL TCPX alone.
 *
 *   npm run demo                          takes the engine that is available
 *   TCPX_ENGINE=node npm run demo         takes the one named
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type Argument, createJob, F, S } from 'tcpx';
import {
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_ERRMSG,
  TCPOP_READ,
  TCPOP_STARTTLS,
  TCPOP_WRITE,
  TCPXFLG_BLOCK,
  TCPXFLG_STARTTLS,
  TCPXFLG_TLS,
} from 'tcpx/ashell.def';
import { throwAwayCertificate } from './support/certificate.js';

const LIMIT = 5000;

const certificate = await throwAwayCertificate();
const server = new Worker(new URL('./support/smtp-server.js', import.meta.url), { workerData: certificate });
const [{ port }] = (await once(server, 'message')) as [{ port: number }];

const job = createJob({ tls: { ca: certificate.cert } });
console.log(`engine ${job.engine}: ${job.engineReason}`);
console.log(`server localhost port ${port}, STARTTLS, throw-away certificate\n`);

const status = F();
const buffer = S(8192);
const sock = F(port);

/** One opcode, printed with its inputs, STATUS and time. */
function xcall(name: string, inputs: string, ...args: Argument[]): void {
  const begun = performance.now();
  job.xcall('TCPX', ...args);
  const time = (performance.now() - begun).toFixed(2);
  console.log(
    `${name.padEnd(9)} ${inputs.padEnd(44)} STATUS ${String(status.value).padStart(4)}  ${time.padStart(7)} ms`,
  );
  if (status.value < 0) fail(name);
}

function fail(name: string): never {
  job.xcall('TCPX', TCPOP_ERRMSG, status, buffer, sock, TCPXFLG_TLS);
  console.error(`${name} failed: ${buffer.value}`);
  process.exit(1);
}

/** Which flags a call needs besides its count: both bits until the upgrade, then TLS alone. */
let tlsFlags = TCPXFLG_TLS + TCPXFLG_STARTTLS;

function send(text: string): void {
  buffer.value = text;
  const shown = JSON.stringify(text.length > 34 ? `${text.slice(0, 31)}...` : text);
  xcall('WRITE', shown, TCPOP_WRITE, status, buffer, sock, text.length + tlsFlags, LIMIT);
}

/** Reads one reply, of however many lines, and expects its code. */
function expectReply(code: string): void {
  let reply = '';
  while (!/^\d{3} .*\r\n$/m.test(reply)) {
    xcall('READ', '', TCPOP_READ, status, buffer, sock, tlsFlags, LIMIT);
    if (status.value === 0) throw new Error('the server closed the connection');
    reply += buffer.value;
  }
  for (const line of reply.trimEnd().split('\r\n')) console.log(`${' '.repeat(10)}S: ${line}`);
  if (!reply.startsWith(code)) throw new Error(`expected ${code}, got ${reply}`);
}

xcall(
  'CONNECT',
  `port ${port}, BLOCK + TLS + STARTTLS, localhost`,
  TCPOP_CONNECT,
  status,
  buffer,
  sock,
  TCPXFLG_BLOCK + TCPXFLG_TLS + TCPXFLG_STARTTLS,
  LIMIT,
  'localhost',
);
expectReply('220');
send('EHLO client.example\r\n');
expectReply('250');
send('STARTTLS\r\n');
expectReply('220');
xcall('STARTTLS', 'TLS', TCPOP_STARTTLS, status, buffer, sock, TCPXFLG_TLS);
tlsFlags = TCPXFLG_TLS;

const { tls } = job.socket(sock.value);
console.log(`${' '.repeat(10)}${tls?.version} ${tls?.suite}${tls?.group ? ` ${tls.group}` : ''}`);
console.log(`${' '.repeat(10)}peer ${tls?.peer?.subject}, ${tls?.verify.result}`);

send('EHLO client.example\r\n');
expectReply('250');
send('MAIL FROM:<sender@client.example>\r\n');
expectReply('250');
send('RCPT TO:<orders@localhost>\r\n');
expectReply('250');
send('DATA\r\n');
expectReply('354');
const delivered = once(server, 'message');
send('Subject: hello\r\n\r\nSent by XCALL TCPX.\r\n.\r\n');
expectReply('250');
send('QUIT\r\n');
expectReply('221');
xcall('CLOSE', '', TCPOP_CLOSE, status, buffer, sock, TCPXFLG_TLS);
job.close();

const [mail] = (await delivered) as [{ message: string; recipients: string[]; secure: boolean }];
console.log(
  `\nthe server took a message for ${mail.recipients.join(', ')}, ${mail.secure ? 'encrypted' : 'in clear'}:`,
);
console.log(mail.message.trimEnd().replace(/^/gm, '  '));
server.postMessage('close');
