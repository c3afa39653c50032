// A small program in a process of its own: `node program.mjs ENGINE WHAT HOST PORT`. It says what it does line by line.
import { writeSync } from 'node:fs';
import { createJob, F, S } from 'tcpx';
import { sendMail, sendMailSync } from 'tcpx/emailx';

const [engine, what, host, port] = process.argv.slice(2);
const say = (text) => writeSync(1, `${text}\n`);
const job = createJob({ engine });
const [status, buffer, sock] = [F(), S(100), F(Number(port))];
const read = [4, status, buffer, sock, 0, what === 'read-listening' ? 600 : 8000];

function writeAndEnd(close) {
  job.xcall('TCPX', 9, status, S(0), sock, 1, 5000, host);
  const block = S(0, 'x'.repeat(1_000_000));
  let sent = 0;
  // As buffers grow, what they do not take at first they may take a little later.
  for (let refused = 0; refused < 3; ) {
    const count = job.xcall('TCPX', 2, status, block, sock, 0, 100);
    if (count > 0) sent += count;
    else refused += 1;
  }
  close();
  say(`sent ${sent} ${status.value}`);
}

/** A letter that no server takes in half a second. */
const letter = {
  ...{ engine, server: `${host}:${port}`, tls: 'never', from: 'me@example.com', to: 'ann@example.com', text: 'Hello' },
  ...{ subject: 'greetings', timeout: 500 },
};
const large = () => [{ content: Buffer.alloc(24_000_000), name: 'large.bin' }];
const givenUp = (error) => say(`given up: ${error.delivery}`);

const programs = {
  // Blocks in a READ and listens to SIGINT.
  'read-listening': () => {
    process.on('SIGINT', () => say('listener'));
    job.xcall('TCPX', 9, status, S(0), sock, 1, 5000, host);
    say('reading');
    say(`read ${job.xcall('TCPX', ...read)} sock ${sock.value > 0}`);
    say(`again ${job.xcall('TCPX', 4, status, buffer, sock, 0, 50)}`);
    process.exit(0);
  },
  // Awaits the READ instead.
  'read-listening-async': async () => {
    process.on('SIGINT', () => say('listener'));
    await job.xcall.async('TCPX', 9, status, S(0), sock, 1, 5000, host);
    say('reading');
    say(`read ${await job.xcall.async('TCPX', 4, status, buffer, sock, 0, 400)} sock ${sock.value > 0}`);
    process.exit(0);
  },
  // A READ that blocks for a while without a listener: Ctrl+C ends the process.
  'read-deaf': () => {
    job.xcall('TCPX', 9, status, S(0), sock, 1, 5000, host);
    say('reading');
    say(`read ${job.xcall('TCPX', ...read)}`);
  },
  // Waits for a client, listening to SIGTERM; the port is its own choice.
  'accept-listening': () => {
    process.on('SIGTERM', () => say('listener'));
    say('accepting');
    const given = sock.value;
    say(`accept ${job.xcall('TCPX', 1, status, '', sock, 1)} port kept ${sock.value === given}`);
    process.exit(0);
  },
  // A child of this process ends, and other signals come, while it reads.
  'read-others': async () => {
    const { spawn } = await import('node:child_process');
    process.on('SIGINT', () => say('listener'));
    job.xcall('TCPX', 9, status, S(0), sock, 1, 5000, host);
    spawn('sleep', ['0.05'], { stdio: 'ignore' });
    say('reading');
    say(`read ${job.xcall('TCPX', 4, status, buffer, sock, 0, 300)}`);
    process.exit(0);
  },
  // Writes more than the peer takes, and ends: with CLOSE, with the job, or with neither.
  'write-closed': () => writeAndEnd(() => job.xcall('TCPX', 6, status, '', sock)),
  'write-job-closed': () => writeAndEnd(() => job.close()),
  'write-open': () => writeAndEnd(() => {}),
  // Gives up in the middle of a message, and has nothing else to do.
  'mail-given-up': () => sendMail({ ...letter, attachments: large() }).catch(givenUp),
  'mail-given-up-sync': () => {
    try {
      sendMailSync({ ...letter, attachments: large() });
    } catch (error) {
      givenUp(error);
    }
  },
  // An idle socket and nothing else to do: the process ends.
  idle: async () => {
    say(`connected ${await job.xcall.async('TCPX', 9, status, S(0), sock, 1, 5000, host)}`);
    const listener = F(0);
    say(`listening ${await job.xcall.async('TCPX', 1, status, '', listener, 4)}`);
    const other = createJob({ engine });
    const third = F(Number(port));
    say(`blocking ${other.xcall('TCPX', 9, status, S(0), third, 1, 5000, host)}`);
    process.on('exit', () => say('ended by itself'));
  },
  // A pending call keeps the process until it is over.
  pending: async () => {
    await job.xcall.async('TCPX', 9, status, S(0), sock, 1, 5000, host);
    say('waiting');
    job.xcall.async('TCPX', ...read).then((result) => say(`read ${result} ${buffer.value}`));
    process.on('exit', () => say('ended by itself'));
  },
  // The same, forwarded to the worker of the thread.
  'pending-worker': async () => {
    const own = createJob({ engine, home: 'worker' });
    own.xcall('TCPX', 9, status, S(0), sock, 1, 5000, host);
    say('waiting');
    own.xcall.async('TCPX', ...read).then((result) => say(`read ${result} ${buffer.value}`));
    process.on('exit', () => say('ended by itself'));
  },
  // A name that does not exist while the process has nothing else to do.
  lookup: () => {
    job.xcall
      .async('TCPX', 9, status, S(0), sock, 1, 15_000, 'no-such-host.invalid')
      .then((result) => say(`connect ${result}`));
  },
};

await programs[what]();
