// Octet for octet: every byte value, long lines, dots, empty lines and line ends of all kinds, through DATA and BDAT, into
// the mailbox of a real Postfix and the dump of smtp-sink, by XCALL EMAILX and by sendMail.

import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createJob, F, type Job, S } from 'tcpx';
import { EMF_STARTTLS } from 'tcpx/ashell.def';
import { sendMail, sendMailSync } from 'tcpx/emailx';
import { afterAll, beforeAll, expect } from 'vitest';
import { COLUMNS, type Column } from '../support/conformance.ts';
import { type Postfix, type SmtpSink, startPostfix, startSmtpSink, withoutTrace } from '../support/mail-servers.ts';
import { cleanUpAfterAll, interop, tempDir } from '../support/peer.ts';
import { type PkiPaths, writePki } from '../support/pki.ts';
import { eachColumn } from './tcpx-columns.ts';

let pki: PkiPaths;
let directory: string;
beforeAll(async () => {
  directory = tempDir();
  pki = await writePki(directory);
});
cleanUpAfterAll();

const HEADER =
  'From: Me <me@localhost>\r\nTo: you\r\nSubject: octet for octet\r\nMessage-ID: <1@localhost>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000';
/** All octets but NUL, which no line may hold, CR and LF, which only end lines. */
const ALL = String.fromCharCode(
  ...Array.from({ length: 256 }, (_, octet) => octet).filter((o) => ![0, 10, 13].includes(o)),
);
const LINES = ['.', '..', '', `.${'x'.repeat(997)}`, 'y'.repeat(998), ALL, 'From here', '', '', '. ', 'last'];
/** The same lines, with each of the line ends that a program may write. */
const BODY = LINES.map((line, index) => `${line}${['\r\n', '\n', '\r'][index % 3]}`).join('');
const ARRIVED = LINES.map((line) => `${line}\n`).join('');

/** Text of more than a megabyte, so that it goes out in chunks. */
const LARGE = Buffer.from(BODY.repeat(Math.ceil(1_300_000 / BODY.length)), 'latin1');
const LARGE_ARRIVED = ARRIVED.repeat(Math.ceil(1_300_000 / BODY.length));
const BINARY = randomBytes(1_000_003);

function inColumns(title: string, run: (job: Job, column: Column) => Promise<void>): void {
  eachColumn(title, async (column) => {
    const job = createJob({ engine: column.engine, tls: { ca: pki.ca } });
    try {
      await run(job, column);
    } finally {
      job.close();
    }
  });
}

interface Mail {
  readonly opflags: number;
  readonly server: string;
  readonly to: string;
  readonly attachments?: readonly object[];
}

/** XCALL EMAILX in the column's mode; gives the conversation from its log. */
async function emailx(job: Job, { mode, engine }: Column, { opflags, server, to, attachments }: Mail): Promise<string> {
  const name = `${engine}-${mode}-${randomBytes(4).toString('hex')}`;
  const log = join(directory, `${name}.log`);
  const cfgfile = join(directory, `${name}.cfg`);
  writeFileSync(cfgfile, `LOGFILE = ${log}\nLOGLVL = 4\n`);
  const [status, errmsg] = [F(), S(400)];
  const args = [opflags, cfgfile, to, HEADER, BODY, status, 'me@localhost', attachments ?? '', '', errmsg, F(), server];
  if (mode === 'sync') job.xcall('EMAILX', ...args);
  else await job.xcall.async('EMAILX', ...args);
  expect([status.value, errmsg.value]).toEqual([0, '']);
  return readFileSync(log, 'latin1');
}

/** The contents of the part whose header holds `mark`, with LF, up to the line end that belongs to the boundary. */
function part(message: string, mark: string): string {
  const from = message.indexOf('\n\n', message.indexOf(mark)) + 2;
  const boundary = /boundary="([^"]+)"/.exec(message)?.[1] ?? 'none';
  return message.slice(from, message.indexOf(`\n--${boundary}`, from));
}

const address = ({ engine, mode }: Column) => `${engine}-${mode}@mail.example`;

interop('octet for octet to postfix', ['postfix', 'dovecot', 'root'], () => {
  let server: Postfix;
  beforeAll(async () => {
    const mailboxes = COLUMNS.map(address);
    server = await startPostfix(pki, { requireTls: true, mailboxes, messageSizeLimit: 20_000_000 });
    return () => server.stop();
  });
  const place = () => `localhost:${server.submissionPort}`;
  const last = async (to: string, before: number) =>
    withoutTrace((await server.mailbox(to).delivered(before + 1)).at(-1) ?? Buffer.alloc(0)).toString('latin1');

  inColumns('XCALL EMAILX by DATA', async (job, column) => {
    const to = address(column);
    const before = server.mailbox(to).messages().length;
    const log = await emailx(job, column, { opflags: EMF_STARTTLS, server: place(), to });
    expect(log).toContain('> DATA');
    const sent = `X-Mailer: EMAILX 5.1(142)\r\n${HEADER}\r\n\r\n`.replaceAll('\r\n', '\n');
    expect(await last(to, before)).toBe(sent + ARRIVED);
  });

  inColumns('XCALL EMAILX by BDAT', async (job, column) => {
    const to = address(column);
    const before = server.mailbox(to).messages().length;
    const attachments = [
      { content: LARGE, name: 'large.txt', encoding: '8bit' },
      { content: BINARY, name: 'binary.bin' },
    ];
    const log = await emailx(job, column, { opflags: EMF_STARTTLS, server: place(), to, attachments });
    expect(log).toContain('> BDAT 262144');
    expect(log).toMatch(/> BDAT \d+ LAST/);
    const arrived = await last(to, before);
    expect(part(arrived, 'Content-Type: text/plain')).toBe(ARRIVED);
    expect(part(arrived, 'large.txt') === LARGE_ARRIVED).toBe(true);
    expect(Buffer.from(part(arrived, 'binary.bin'), 'base64').equals(BINARY)).toBe(true);
  });

  inColumns('sendMail by BDAT, and over TLS from the first byte', async (job, { engine, mode }) => {
    const to = address({ engine, mode });
    const before = server.mailbox(to).messages().length;
    const message = Buffer.from(`${HEADER}\r\n\r\n${LARGE.toString('latin1')}`, 'latin1');
    const envelope = { from: 'me@localhost', to };
    const given = { job, server: `localhost:${server.smtpsPort}`, tls: 'implicit', message, envelope } as const;
    const { tls, size } = mode === 'sync' ? sendMailSync(given) : await sendMail(given);
    expect(tls?.verify.result).toBe('verified');
    expect(size).toBe(`${HEADER}\n\n${LARGE_ARRIVED}`.replace(/\r?\n/g, '\r\n').length);
    const arrived = await last(to, before);
    expect(arrived === `${HEADER.replaceAll('\r\n', '\n')}\n\n${LARGE_ARRIVED}`).toBe(true);
  });
});

interop('octet for octet to smtp-sink', ['smtp-sink'], () => {
  let sink: SmtpSink;
  let dumps: string;
  beforeAll(async () => {
    dumps = tempDir();
    // It writes as another user.
    chmodSync(dumps, 0o777);
    sink = await startSmtpSink({ args: ['-D', join(dumps, 'dump')] });
  });
  afterAll(() => sink.stop());

  inColumns('XCALL EMAILX by DATA', async (job, column) => {
    const before = tail(dumps, 0).length;
    const log = await emailx(job, column, { opflags: 0, server: `localhost:${sink.port}`, to: 'ann@example.com' });
    expect(log).toContain('BODY=8BITMIME');
    const sent = `X-Mailer: EMAILX 5.1(142)\r\n${HEADER}\r\n\r\n`.replaceAll('\r\n', '\n');
    // What smtp-sink writes about the session stands in front, an empty line behind.
    const dump = await dumped(dumps, before);
    expect(dump.slice(dump.indexOf('X-Mailer'))).toBe(`${sent}${ARRIVED}\n`);
  });
});

/** What was dumped behind the first `from` characters, up to the empty line that ends it. */
async function dumped(dumps: string, from: number): Promise<string> {
  const end = performance.now() + 10_000;
  for (;;) {
    const text = tail(dumps, from);
    if (text.endsWith('\nlast\n\n') || performance.now() > end) return text;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function tail(dumps: string, from: number): string {
  try {
    return readFileSync(join(dumps, 'dump'), 'latin1').slice(from);
  } catch {
    // Nothing was dumped yet.
    return '';
  }
}
