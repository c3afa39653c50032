/**
 * Sends mail and reports how long it took: by XCALL EMAILX, or by nodemailer, as a program of its kind would.
 *
 *   session     messages of 1 KB one after another on one open session: messages per second
 *   attachment  one message with a large file: MiB per second and CPU time
 */
import { createRequire } from 'node:module';
import { createJob, F, S } from 'tcpx';
import { EMF_ALREADYOPEN, EMF_CLOSEONLY, EMF_LEAVEOPEN, EMF_STARTTLS } from 'tcpx/ashell.def';
import { cpuMilliseconds, medianBatch, medianBatchAsync, order, report } from './figures.ts';

const given = order();
const { work, port, tls, engine, mode, amount } = given;
const FROM = 'me@example.com';
const TO = 'ann@example.com';
const SUBJECT = 'a letter of usual length';
/** 1 KB in lines of 72 bytes. */
const BODY = `${'x'.repeat(70)}\r\n`.repeat(14);
const NANOSECONDS = 1e9;

/** The figures of something that moves `mebibytes` of file. */
async function transfer(mebibytes: number, send: () => unknown): Promise<Readonly<Record<string, number>>> {
  await send();
  const cpu = cpuMilliseconds();
  const begun = performance.now();
  await send();
  const wall = performance.now() - begun;
  return { rate: (mebibytes / wall) * 1e3, cpu: cpuMilliseconds() - cpu };
}

async function byXcall(): Promise<Readonly<Record<string, number>>> {
  const job = createJob({ engine, ...(tls ? { tls: { ca: given.ca } } : {}) });
  const status = F(),
    errmsg = S(200),
    socket = F();
  const security = tls ? EMF_STARTTLS : 0;
  const send = (opflags: number, attachments: '' | readonly object[] = '') => {
    const header = `From: ${FROM}\r\nTo: ${TO}\r\nSubject: ${SUBJECT}`;
    const args = [opflags, '', TO, header, BODY, status, FROM, attachments, '', errmsg, socket] as const;
    const rest = [`localhost:${port}`, 'client.example'] as const;
    if (mode === 'async') return job.xcall.async('EMAILX', ...args, ...rest).then(checked);
    return checked(job.xcall('EMAILX', ...args, ...rest));
  };
  const checked = (code: number) => {
    if (code !== 0) throw new Error(`EMAILX gives ${code}: ${errmsg.value}`);
  };
  try {
    if (work === 'attachment') return await transfer(amount, () => send(security, [{ file: given.traceFile }]));
    await send(security + EMF_LEAVEOPEN);
    const next = EMF_ALREADYOPEN + EMF_LEAVEOPEN;
    const ns =
      mode === 'async'
        ? await medianBatchAsync(async () => send(next), given)
        : medianBatch(() => void send(next), given);
    await send(EMF_CLOSEONLY);
    return { rate: NANOSECONDS / ns, cpu: 0 };
  } finally {
    job.close();
  }
}

interface Transport {
  sendMail(message: object): Promise<unknown>;
  close(): void;
}

async function byNodemailer(): Promise<Readonly<Record<string, number>>> {
  const { createTransport } = createRequire(import.meta.url)('nodemailer') as {
    createTransport(options: object): Transport;
  };
  const { readFileSync } = await import('node:fs');
  const transport = createTransport({
    host: 'localhost',
    port,
    name: 'client.example',
    pool: true,
    maxConnections: 1,
    maxMessages: Number.POSITIVE_INFINITY,
    ...(tls ? { requireTLS: true, tls: { ca: readFileSync(given.ca), minVersion: 'TLSv1.2' } } : { ignoreTLS: true }),
  });
  const message = { from: FROM, to: TO, subject: SUBJECT, text: BODY };
  try {
    if (work === 'attachment') {
      const attachments = [{ path: given.traceFile }];
      return await transfer(amount, () => transport.sendMail({ ...message, attachments }));
    }
    return { rate: NANOSECONDS / (await medianBatchAsync(() => transport.sendMail(message), given)), cpu: 0 };
  } finally {
    transport.close();
  }
}

report(process.argv[3] === 'nodemailer' ? await byNodemailer() : await byXcall());
