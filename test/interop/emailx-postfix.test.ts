// XCALL EMAILX to a real Postfix: submission with STARTTLS and passwords, SMTPS, and what arrives in the mailbox.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Argument, createJob, F, type JobOptions, type ListArgument, S } from 'tcpx';
import { EMF_ALREADYOPEN, EMF_CLOSEONLY, EMF_LEAVEOPEN, EMF_OPENONLY, EMF_STARTTLS, EMF_TLS } from 'tcpx/ashell.def';
import { sendMail } from 'tcpx/emailx';
import { beforeAll, expect, it } from 'vitest';
import { COLUMNS, type Column } from '../support/conformance.ts';
import { type Mechanism, type Postfix, startPostfix, withoutTrace } from '../support/mail-servers.ts';
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

interface Letter {
  readonly opflags: number;
  readonly server: string;
  readonly to: string;
  readonly header?: string;
  readonly body?: string;
  readonly attachments?: ListArgument | '';
  readonly cfgfile?: string;
  readonly socket?: Argument;
  readonly username?: string;
  readonly password?: string;
}

type Send = (letter: Letter) => Promise<{ status: number; errmsg: string }>;

/** Declares a test for each column; `send` is XCALL EMAILX there. */
function inColumns(title: string, options: () => JobOptions, run: (send: Send, column: Column) => Promise<void>): void {
  eachColumn(title, async (column) => {
    const job = createJob({ ...options(), engine: column.engine });
    const send: Send = async (letter) => {
      const status = F();
      const errmsg = S(400);
      const args = [
        letter.opflags,
        letter.cfgfile ?? '',
        letter.to,
        letter.header ?? 'From: Me <me@localhost>\r\nSubject: test',
        letter.body ?? 'Hello\r\n',
        status,
        'me@localhost',
        letter.attachments ?? '',
        '',
        errmsg,
        letter.socket ?? F(),
        letter.server,
        'client.example',
        letter.username ?? '',
        letter.password ?? '',
      ];
      if (column.mode === 'sync') job.xcall('EMAILX', ...args);
      else await job.xcall.async('EMAILX', ...args);
      return { status: status.value, errmsg: errmsg.value };
    };
    try {
      await run(send, column);
    } finally {
      job.close();
    }
  });
}

const address = ({ engine, mode }: Column) => `${engine}-${mode}@mail.example`;
const MAILBOXES = COLUMNS.map(address);
const MECHANISMS: readonly Mechanism[] = ['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256'];

interop('EMAILX and postfix', ['postfix', 'dovecot', 'root'], () => {
  let server: Postfix;
  beforeAll(async () => {
    server = await startPostfix(pki, {
      sasl: { mechanisms: MECHANISMS },
      requireTls: true,
      mailboxes: [...MAILBOXES, 'other@mail.example'],
      messageSizeLimit: 4_000_000,
    });
    return () => server.stop();
  });

  const options = () => ({ tls: { ca: pki.ca } });
  const login = () => ({ username: server.account?.user ?? '', password: server.account?.password ?? '' });
  const submission = () => `localhost:${server.submissionPort}`;

  inColumns('delivers byte for byte over STARTTLS with a password', options, async (send, column) => {
    const to = address(column);
    const before = server.mailbox(to).messages().length;
    const body = '.leading dot\r\n\r\nGr\xfc\xdfe, bytes \x80 to \xff\r\n..two\r\nlast line without end.';
    const header =
      'From: Me <me@localhost>\r\nTo: you\r\nSubject: byte for byte\r\nMessage-ID: <1@localhost>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000';
    const result = await send({ opflags: EMF_STARTTLS, server: submission(), to, header, body, ...login() });
    expect(result, server.log()).toEqual({ status: 0, errmsg: '' });
    const arrived = (await server.mailbox(to).delivered(before + 1)).at(-1) ?? Buffer.alloc(0);
    const sent = `X-Mailer: EMAILX 5.1(142)\r\n${header}\r\n\r\n${body}\r\n`;
    expect(withoutTrace(arrived).toString('latin1')).toBe(sent.replaceAll('\r\n', '\n'));
  });

  inColumns('logs in by every mechanism', options, async (send, column) => {
    const to = address(column);
    for (const mechanism of MECHANISMS) {
      const cfgfile = join(directory, `auth-${mechanism}.cfg`);
      writeFileSync(cfgfile, `AUTH = ${mechanism}\n`);
      const result = await send({ opflags: EMF_TLS, server: `localhost:${server.smtpsPort}`, to, cfgfile, ...login() });
      expect(result, mechanism + server.log()).toEqual({ status: 0, errmsg: '' });
      const wrong = await send({
        opflags: EMF_TLS,
        server: `localhost:${server.smtpsPort}`,
        to,
        cfgfile,
        ...login(),
        password: 'wrong',
      });
      expect(wrong.status, mechanism).toBe(535);
    }
  });

  inColumns('sends a batch over one session, and goes on after a refusal', options, async (send, column) => {
    const to = address(column);
    const before = server.mailbox(to).messages().length;
    const socket = F();
    const opened = await send({ opflags: EMF_OPENONLY + EMF_STARTTLS, server: submission(), to, socket, ...login() });
    expect(opened).toEqual({ status: 0, errmsg: '' });
    const opflags = EMF_ALREADYOPEN + EMF_LEAVEOPEN;
    for (let number = 1; number <= 5; number += 1) {
      expect((await send({ opflags, server: '', to, body: `Letter ${number}\r\n`, socket })).status).toBe(0);
      const refused = await send({ opflags, server: '', to: `${to}\rnobody@mail.example`, socket });
      expect(refused.status).toBe(550);
      expect(refused.errmsg).toContain('nobody@mail.example');
    }
    expect((await send({ opflags: EMF_CLOSEONLY, server: '', to: '', socket })).status).toBe(0);
    const arrived = await server.mailbox(to).delivered(before + 5);
    expect(arrived.slice(before).map((letter) => /Letter \d/.exec(letter.toString('latin1'))?.[0])).toEqual(
      [1, 2, 3, 4, 5].map((number) => `Letter ${number}`),
    );
  });

  inColumns('attachments arrive whole, in chunks where they are large', options, async (send, column) => {
    const to = address(column);
    const before = server.mailbox(to).messages().length;
    const small = join(directory, `small-${column.engine}-${column.mode}.bin`);
    const large = join(directory, `large-${column.engine}-${column.mode}.bin`);
    writeFileSync(small, randomBytes(1_000));
    const contents = randomBytes(2_000_000);
    writeFileSync(large, contents);
    const attachments = [{ file: small }, { file: large, contentType: 'application/pdf' }];
    const result = await send({ opflags: EMF_STARTTLS, server: submission(), to, attachments, ...login() });
    expect(result, server.log()).toEqual({ status: 0, errmsg: '' });
    const arrived = ((await server.mailbox(to).delivered(before + 1)).at(-1) ?? Buffer.alloc(0)).toString('latin1');
    const encoded = arrived.slice(arrived.lastIndexOf('Content-Disposition'));
    const base64 = encoded.slice(encoded.indexOf('\n\n'), encoded.lastIndexOf('\n--'));
    expect(Buffer.from(base64, 'base64').equals(contents)).toBe(true);
  });

  inColumns('the server’s refusals are the status', options, async (send, column) => {
    const to = address(column);
    const tooLarge = join(directory, `huge-${column.engine}-${column.mode}.bin`);
    writeFileSync(tooLarge, Buffer.alloc(3_500_000));
    const refused = await send({
      opflags: EMF_STARTTLS,
      server: submission(),
      to,
      attachments: [{ file: tooLarge }],
      ...login(),
    });
    expect(refused.status).toBe(552);
    expect((await send({ opflags: EMF_STARTTLS, server: submission(), to })).status).toBe(554);
    const inClear = await send({ opflags: 0, server: submission(), to });
    expect(inClear).toMatchObject({ status: 530 });
    expect(inClear.errmsg).toContain('STARTTLS');
  });

  inColumns(
    'a certificate that nobody vouches for ends the call',
    () => ({ tls: {} }),
    async (send, column) => {
      const result = await send({ opflags: EMF_STARTTLS, server: submission(), to: address(column), ...login() });
      expect(result.status).toBe(-348);
      expect(result.errmsg).toContain('the message was not delivered');
    },
  );
});

interop('sendMail to a Postfix that wants octets above 127 labelled', ['postfix', 'root'], () => {
  let server: Postfix;
  beforeAll(async () => {
    server = await startPostfix(pki, { settings: { strict_8bitmime_body: 'yes' } });
    return () => server.stop();
  });

  it.each([{ text: 'grüß' }, { html: '<p>grüß' }])('%j', async (contents) => {
    const sent = await sendMail({
      server: `localhost:${server.submissionPort}`,
      tls: 'never',
      from: 'me@example.com',
      to: 'ann@example.com',
      ...contents,
    });
    expect(sent.reply.code, server.log()).toBe(250);
  });
});
