// Mail servers by opcodes alone: the dialogues of SMTP, IMAP and POP3 with their upgrades.

import { beforeAll, expect } from 'vitest';
import { type Dovecot, type Postfix, startDovecot, startPostfix } from '../support/mail-servers.ts';
import { cleanUpAfterAll, interop, tempDir } from '../support/peer.ts';
import { makePki, type PkiPaths, writePki } from '../support/pki.ts';
import { failureOf, inColumns, type Line, withVersion } from './tcpx-columns.ts';

const { ca, otherCa } = await makePki();
let pki: PkiPaths;

beforeAll(async () => {
  pki = await writePki(tempDir());
});
cleanUpAfterAll();

const trusting = { tls: { ca } };
const POLL = { timeout: 15_000, interval: 10 };

/** The last line of a reply of SMTP, of however many lines (RFC 5321 §4.2.1). */
const SMTP_REPLY = /^\d{3}(?: .*)?\r\n$/m;
const POP3_REPLY = /^(?:\+OK|-ERR).*\r\n$/;

async function smtpReply(line: Line, code: number): Promise<string> {
  let reply = '';
  do reply += await line.readTo(/\r\n$/);
  while (!SMTP_REPLY.test(reply));
  expect(reply).toMatch(new RegExp(`^${code}`));
  return reply;
}

async function smtp(line: Line, command: string, code: number): Promise<string> {
  await line.write(`${command}\r\n`);
  return smtpReply(line, code);
}

/** Everything up to the tagged answer, which has to be OK. */
async function imap(line: Line, tag: string, command: string): Promise<string> {
  await line.write(`${tag} ${command}\r\n`);
  const answer = await line.readTo(new RegExp(`^${tag} .*\\r\\n$`, 'm'));
  expect(answer).toMatch(new RegExp(`^${tag} OK`, 'm'));
  return answer;
}

async function pop3(line: Line, command: string): Promise<string> {
  await line.write(`${command}\r\n`);
  const answer = await line.readTo(POP3_REPLY);
  expect(answer).toMatch(/^\+OK/);
  return answer;
}

/** CAPA has an answer of several lines, up to a dot. */
async function capabilities(line: Line): Promise<string> {
  await line.write('CAPA\r\n');
  return line.readTo(/^\.\r\n$/m);
}

function expectVerifiedTls(line: Line): void {
  expect(line.facts).toMatchObject({ state: 'tls', role: 'client' });
  expect(line.tls).toMatchObject({
    version: 'TLSv1.3',
    verify: { result: 'verified', reasons: [] },
    peer: { subject: 'CN=localhost' },
  });
}

/** The server ends the session by itself after the farewell; what it says last is close_notify. */
async function endedByServer(line: Line): Promise<void> {
  await line.expectEnd();
  await line.close();
}

interop(`client of ${withVersion('postfix')}`, ['postfix', 'root'], () => {
  let server: Postfix;
  beforeAll(async () => {
    server = await startPostfix(pki);
    return () => server.stop();
  });

  let mails = 0;

  /** From EHLO to QUIT; gives the queue's name of the mail. */
  async function deliver(line: Line): Promise<string> {
    mails += 1;
    expect(await smtp(line, 'EHLO client.example', 250)).not.toMatch(/STARTTLS/);
    await smtp(line, `MAIL FROM:<ann${mails}@example.com>`, 250);
    await smtp(line, 'RCPT TO:<bob@example.com>', 250);
    await smtp(line, 'DATA', 354);
    const text = Array.from({ length: 2000 }, (_, row) => `row ${row} of a mail of some size, sent by one WRITE\r\n`);
    await line.write(`Subject: interop\r\n\r\n${text.join('')}.\r\n`);
    const [, id] = /queued as (\S+)/.exec(await smtpReply(line, 250)) ?? [];
    if (id === undefined) throw new Error('no name in the queue');
    await smtp(line, 'QUIT', 221);
    return id;
  }

  async function expectSent(id: string): Promise<void> {
    await expect.poll(server.log, POLL).toMatch(new RegExp(`${id}: to=<bob@example\\.com>.*status=sent`));
  }

  inColumns('submission: EHLO, STARTTLS, EHLO, a mail, QUIT', trusting, async ({ party }) => {
    const line = await party.connect(server.submissionPort, 'starttls');
    await smtpReply(line, 220);
    expect(await smtp(line, 'EHLO client.example', 250)).toMatch(/^250[- ]STARTTLS\r$/m);
    await smtp(line, 'STARTTLS', 220);
    await line.starttls();
    expectVerifiedTls(line);
    const id = await deliver(line);
    await endedByServer(line);
    await expectSent(id);
    // Who only looked whether the server is there is lost after CONNECT.
    expect(server.log()).not.toMatch(/lost connection after (?!CONNECT)/);
  });

  inColumns('TLS from the first byte: a mail, QUIT', trusting, async ({ party }) => {
    const line = await party.connect(server.smtpsPort, 'tls');
    expectVerifiedTls(line);
    await smtpReply(line, 220);
    const id = await deliver(line);
    await endedByServer(line);
    await expectSent(id);
  });

  inColumns('STARTTLS with a root that is not trusted', { tls: { ca: otherCa } }, async ({ party }) => {
    const line = await party.connect(server.submissionPort, 'starttls');
    await smtpReply(line, 220);
    await smtp(line, 'EHLO client.example', 250);
    await smtp(line, 'STARTTLS', 220);
    const failure = await failureOf(line.starttls());
    expect(failure).toMatchObject({ status: -348, sockport: -1 });
    expect(party.job.sockets).toEqual([]);
  });

  inColumns('STARTTLS under a priority string given at CONNECT', trusting, async ({ party }) => {
    const priority = 'NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM';
    const line = await party.connect(server.submissionPort, 'starttls', { priority });
    await smtpReply(line, 220);
    await smtp(line, 'EHLO client.example', 250);
    await smtp(line, 'STARTTLS', 220);
    await line.starttls();
    expect(line.tls).toMatchObject({ version: 'TLSv1.2', suite: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256' });
    await smtp(line, 'EHLO client.example', 250);
    await smtp(line, 'QUIT', 221);
    await endedByServer(line);
  });

  inColumns('TLS where the server speaks clear', trusting, async ({ party }) => {
    const failure = await failureOf(party.connect(server.submissionPort, 'tls'));
    expect(failure).toMatchObject({ status: -15, sockport: -1 });
    expect(failure.text).toMatch(/plaintext/);
  });
});

interop(`client of ${withVersion('dovecot')}`, ['dovecot', 'root'], () => {
  let server: Dovecot;
  beforeAll(async () => {
    server = await startDovecot(pki);
    return () => server.stop();
  });

  async function imapSession(line: Line): Promise<void> {
    await imap(line, 'b', `LOGIN ${server.user} ${server.password}`);
    expect(await imap(line, 'c', 'SELECT INBOX')).toMatch(/^\* 0 EXISTS\r$/m);
    expect(await imap(line, 'd', 'LOGOUT')).toMatch(/^\* BYE/m);
    await endedByServer(line);
  }

  async function pop3Session(line: Line): Promise<void> {
    await pop3(line, `USER ${server.user}`);
    await pop3(line, `PASS ${server.password}`);
    expect(await pop3(line, 'STAT')).toBe('+OK 0 0\r\n');
    await pop3(line, 'QUIT');
    await endedByServer(line);
  }

  inColumns('IMAP: STARTTLS, LOGIN, SELECT, LOGOUT', trusting, async ({ party }) => {
    const line = await party.connect(server.imapPort, 'starttls');
    expect(await line.readTo(/^\* OK .*\r\n$/)).toMatch(/STARTTLS/);
    await imap(line, 'a', 'STARTTLS');
    await line.starttls();
    expectVerifiedTls(line);
    expect(await imap(line, 'e', 'CAPABILITY')).not.toMatch(/STARTTLS/);
    await imapSession(line);
  });

  inColumns('IMAP under TLS from the first byte', trusting, async ({ party }) => {
    const line = await party.connect(server.imapsPort, 'tls');
    expectVerifiedTls(line);
    await line.readTo(/^\* OK .*\r\n$/);
    await imapSession(line);
  });

  inColumns('POP3: CAPA, STLS, USER, PASS, STAT, QUIT', trusting, async ({ party }) => {
    const line = await party.connect(server.pop3Port, 'starttls');
    await line.readTo(POP3_REPLY);
    expect(await capabilities(line)).toMatch(/^STLS\r$/m);
    await pop3(line, 'STLS');
    await line.starttls();
    expectVerifiedTls(line);
    expect(await capabilities(line)).not.toMatch(/^STLS\r$/m);
    await pop3Session(line);
  });

  inColumns('POP3 under TLS from the first byte', trusting, async ({ party }) => {
    const line = await party.connect(server.pop3sPort, 'tls');
    expectVerifiedTls(line);
    await line.readTo(POP3_REPLY);
    await pop3Session(line);
  });

  inColumns('two sessions of one job at once', trusting, async ({ party }) => {
    const [first, second] = [
      await party.connect(server.imapsPort, 'tls'),
      await party.connect(server.pop3Port, 'starttls'),
    ];
    await first.readTo(/^\* OK .*\r\n$/);
    await second.readTo(POP3_REPLY);
    await imap(first, 'a', 'NOOP');
    await pop3(second, 'STLS');
    await second.starttls();
    expect(party.job.sockets).toHaveLength(2);
    await imapSession(first);
    await pop3Session(second);
  });
});
