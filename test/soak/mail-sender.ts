/**
 * Sends one large mail and tells how much memory that took: a process of its own, so that nothing else is counted.
 *
 *     node dist/test/soak/mail-sender.js '{"how":"emailx","mode":"sync","engine":"gnutls","port":2525,"file":"...","ca":"..."}'
 *
 * Prints one line of JSON: MiB that the mail added to the resident memory at its highest, and seconds.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createJob, type EngineName, F, type Job, S } from 'tcpx';
import { EMF_STARTTLS } from 'tcpx/ashell.def';
import { sendMail, sendMailSync } from 'tcpx/emailx';

export interface Sending {
  readonly how: 'emailx' | 'sendMail';
  readonly mode: 'sync' | 'async';
  readonly engine: EngineName;
  readonly port: number;
  readonly file: string;
  /** PEM; null for a connection in clear. */
  readonly ca: string | null;
}

export interface Sent {
  /** MiB. */
  readonly added: number;
  readonly seconds: number;
  /** The longest time that the event loop had no turn, in ms; null for a call that blocks it. */
  readonly blocked: number | null;
}

const KIB_PER_MIB = 1024;

/** Resident memory in MiB: now, and at its highest. Linux. */
function resident(): { now: number; most: number } {
  const status = readFileSync('/proc/self/status', 'latin1');
  const value = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / KIB_PER_MIB;
  return { now: value('VmRSS'), most: value('VmHWM') };
}

async function send(job: Job, sending: Sending, file: string): Promise<void> {
  const { how, mode, port, ca } = sending;
  const server = `localhost:${port}`;
  if (how === 'sendMail') {
    const options = {
      job,
      server,
      tls: ca === null ? 'never' : 'require',
      from: 'me@example.com',
      to: 'ann@example.com',
      text: 'large',
      attachments: [{ file }],
    } as const;
    if (mode === 'sync') sendMailSync(options);
    else await sendMail(options);
    return;
  }
  const [status, errmsg] = [F(), S(200)];
  const flags = ca === null ? 0 : EMF_STARTTLS;
  const head = [flags, '', 'ann@example.com', 'Subject: large', 'large\r\n', status, 'me@example.com'] as const;
  const args = [...head, [{ file }], '', errmsg, F(), server, 'client.example'] as const;
  if (mode === 'sync') job.xcall('EMAILX', ...args);
  else await job.xcall.async('EMAILX', ...args);
  if (status.value !== 0) throw new Error(`status ${status.value}: ${errmsg.value}`);
}

const sending = JSON.parse(process.argv[2] ?? '') as Sending;
const job = createJob({ engine: sending.engine, ...(sending.ca === null ? {} : { tls: { ca: sending.ca } }) });
// Everything is loaded and warm before it counts.
await send(job, sending, process.execPath);
writeFileSync('/proc/self/clear_refs', '5');
const before = resident().now;
let turned = performance.now();
let blocked = 0;
const turns = setInterval(() => {
  blocked = Math.max(blocked, performance.now() - turned);
  turned = performance.now();
}, 1);
const began = performance.now();
await send(job, sending, sending.file);
const seconds = (performance.now() - began) / 1000;
blocked = Math.max(blocked, performance.now() - turned);
clearInterval(turns);
job.close();
const sent: Sent = {
  added: Math.round(resident().most - before),
  seconds: Math.round(seconds * 10) / 10,
  blocked: sending.mode === 'sync' ? null : Math.round(blocked),
};
process.stdout.write(`${JSON.stringify(sent)}\n`);
