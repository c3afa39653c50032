// sendMail and sendMailSync: what they send, whom to, and what they tell of it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { simpleParser } from 'mailparser';
import { type EngineName, UsageError } from 'tcpx';
import { EMS_BADATT, EMS_NOBODY } from 'tcpx/ashell.def';
import { composeMail, MailError, type MailOptions, sendMail, sendMailSync } from 'tcpx/emailx';
import { afterEach, describe, expect, it } from 'vitest';
import { behaviour, guardDescriptors } from '../support/conformance.ts';
import { cleanUpAfterAll, tempDir } from '../support/peer.ts';
import { makePki } from '../support/pki.ts';
import { type Step, startPeerHost, stopPeers } from '../support/scripted-peer.ts';
import { capabilities, EHLO, message, opening, QUIT, said, smtpServer } from './emailx-mail.ts';
import { arrived, failure, LETTER, send } from './letter.ts';

const pki = await makePki();
await startPeerHost();
guardDescriptors();
afterEach(stopPeers);
cleanUpAfterAll();

const options = { tls: { ca: pki.ca } };
const directory = tempDir();

behaviour({ ids: ['LETTER-RESULT', 'LETTER-ENVELOPE'], title: 'a letter and its result' }, async (bench) => {
  const recipients = ['ann@example.com', 'bob@example.com', 'eve@example.com'];
  const peer = await smtpServer(opening('8BITMIME'), message(recipients), QUIT);
  const sent = await send(bench, {
    server: peer.server,
    from: 'Me Myself <me@example.com>',
    to: ['Ann <ann@example.com>', 'bob@example.com, ann@example.com'],
    bcc: 'eve@example.com',
    headers: { 'X-Order': '42' },
  });
  await peer.finished();
  const text = await arrived(peer);
  expect(sent).toEqual({
    accepted: recipients,
    rejected: [],
    reply: { code: 250, text: '2.0.0 taken' },
    size: text.length,
    messageId: expect.stringMatching(/^<[\w.]+@example\.com>$/),
    tls: null,
    engine: bench.engine,
    authenticated: null,
  });
  expect(text.split('\r\n').filter((line) => !line.startsWith('Date: '))).toEqual([
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'From: Me Myself <me@example.com>',
    'To: Ann <ann@example.com>, bob@example.com, ann@example.com',
    'Subject: greetings',
    `Message-ID: ${sent.messageId}`,
    'X-Order: 42',
    '',
    'Hello',
    '',
  ]);
  expect(text).toMatch(/^Date: \w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000\r$/m);
});

behaviour({ ids: ['LETTER-CONTENT'], title: 'text, HTML, files, shown images and names' }, async (bench) => {
  const file = join(directory, 'Übersicht.pdf');
  writeFileSync(file, 'a file\n');
  const peer = await smtpServer(opening(), message(), QUIT);
  await send(bench, {
    server: peer.server,
    from: '"Müller, Jörg" <me@example.com>',
    cc: 'a group: bob@example.com;',
    envelope: { to: 'ann@example.com' },
    replyTo: 'help@example.com',
    subject: `Grüße =?x? ${'long '.repeat(30)}end`,
    text: 'Schöne Grüße\n.dot',
    html: '<p>Schöne <img src="cid:logo"></p>',
    attachments: [
      { content: new Uint8Array([0, 255, 13, 10, 46]), name: 'logo.png', cid: 'logo' },
      { file: pathToFileURL(file) },
      { content: 'ein Wörtchen', name: 'note.txt', encoding: 'quoted-printable' },
    ],
  });
  await peer.finished();
  const text = await arrived(peer);
  expect(Buffer.from(text, 'latin1').every((octet) => octet < 128)).toBe(true);
  const parsed = await simpleParser(Buffer.from(text, 'latin1'), { skipImageLinks: true });
  expect(parsed.from?.value).toEqual([{ name: 'Müller, Jörg', address: 'me@example.com' }]);
  expect([parsed.cc].flat()[0]?.text).toBe('bob@example.com');
  expect(parsed.replyTo?.text).toBe('help@example.com');
  expect(parsed.subject).toBe(`Grüße =?x? ${'long '.repeat(30)}end`);
  expect(parsed.text?.trimEnd()).toBe('Schöne Grüße\n.dot');
  expect(parsed.html).toContain('<p>Schöne <img src="cid:logo"></p>');
  expect(
    parsed.attachments.map(({ filename, contentType, content, cid, related, contentDisposition }) => [
      ...[filename, contentType, content.toString('latin1'), cid, related, contentDisposition],
    ]),
  ).toEqual([
    ['logo.png', 'image/png', '\x00\xff\r\n.', 'logo', true, 'inline'],
    ['Übersicht.pdf', 'application/pdf', 'a file\n', undefined, undefined, 'attachment'],
    ['note.txt', 'text/plain', Buffer.from('ein Wörtchen').toString('latin1'), undefined, undefined, 'attachment'],
  ]);
  expect(text).toContain('multipart/mixed');
  expect(text).toContain('multipart/related; type="multipart/alternative"');
});

behaviour(
  { ids: ['LETTER-CONTENT'], title: 'HTML with nothing but shown images is related as a whole' },
  async (bench) => {
    const peer = await smtpServer(opening(), message(), QUIT);
    const attachments = [{ content: 'x', name: 'a.gif', cid: 'a@here' }];
    await send(bench, { server: peer.server, text: undefined, html: '<img src="cid:a@here">', attachments });
    const text = await arrived(peer);
    expect(text).toContain('\r\nContent-Type: multipart/related; type="text/html"; boundary="=_');
    expect(text).not.toContain('multipart/mixed');
    expect(text).toContain('\r\nContent-ID: <a@here>\r\nContent-Disposition: inline; filename="a.gif"\r\n');
  },
);

behaviour({ ids: ['LETTER-CONTENT'], title: 'a complete message goes out as it is' }, async (bench) => {
  const complete = 'Received: by x\nFrom: else@example.com\nSubject: complete\n\n.first\r\nlast';
  const file = join(directory, `complete-${bench.engine}-${bench.mode}.eml`);
  writeFileSync(file, complete);
  for (const whole of [complete, Buffer.from(complete), { file }]) {
    const peer = await smtpServer(opening(), message(), QUIT);
    const sent = await send(bench, {
      server: peer.server,
      message: whole,
      from: undefined,
      to: undefined,
      subject: undefined,
      text: undefined,
      envelope: { from: 'me@example.com', to: ['ann@example.com'] },
    });
    await peer.finished();
    expect(sent.messageId).toBeNull();
    expect(await arrived(peer)).toBe(`${complete.replace(/\r?\n/g, '\r\n')}\r\n`);
  }
});

behaviour({ ids: ['LETTER-ENVELOPE'], title: 'an empty reverse-path, and addresses beyond ASCII' }, async (bench) => {
  const sender: Step = { expect: 'MAIL FROM:<> SMTPUTF8\r\n' };
  const recipient: Step = {
    expect: Buffer.from('RCPT TO:<jörg@bücher.example>\r\nRCPT TO:<ann@xn--bcher-kva.example>\r\n', 'utf8'),
  };
  const ok: Step = { send: Buffer.from('250 2.1.0 schön\r\n', 'utf8') };
  const data = message().slice(4, -1);
  const peer = await smtpServer(opening('SMTPUTF8', 'PIPELINING'), sender, recipient, ok, ok, ok, data, ok, QUIT);
  const sent = await send(bench, {
    server: peer.server,
    to: 'Jörg <jörg@bücher.example>, ann@bücher.example',
    from: 'MAILER-DAEMON <postmaster@example.com>',
    envelope: { from: '<>' },
  });
  await peer.finished();
  expect(sent.accepted).toEqual(['jörg@bücher.example', 'ann@xn--bcher-kva.example']);
  const to = 'To: =?UTF-8?Q?J=C3=B6rg?= <jörg@bücher.example>, ann@xn--bcher-kva.example';
  expect(Buffer.from(await arrived(peer), 'latin1').toString('utf8')).toContain(`\r\n${to}\r\n`);
  expect(sent.reply.text).toBe('2.1.0 schön');
});

behaviour(
  { ids: ['LETTER-RESULT', 'LETTER-ENVELOPE'], title: 'the rejected are listed with partial' },
  async (bench) => {
    const recipients: readonly Step[] = [
      { expect: 'RCPT TO:<ann@example.com>\r\n' },
      { send: '250 ok\r\n' },
      { expect: 'RCPT TO:<bob@example.com>\r\n' },
      { send: '550 5.1.1 unknown\r\n' },
    ];
    const to = 'ann@example.com, bob@example.com';
    const rejected = [{ recipient: 'bob@example.com', code: 550, text: '5.1.1 unknown' }];
    const first = await smtpServer(opening(), message().slice(0, 2), recipients, message().slice(4), QUIT);
    const sent = await send(bench, { server: first.server, to, partial: true });
    await first.finished();
    expect(sent).toMatchObject({ accepted: ['ann@example.com'], rejected });

    const second = await smtpServer(opening(), message().slice(0, 2), recipients, QUIT);
    const error = await failure(bench, { server: second.server, to });
    await second.finished();
    expect(error).toMatchObject({ status: 550, delivery: 'impossible', rejected, refusal: null });
    expect(error.message).toBe('RCPT TO:<bob@example.com>: 550 5.1.1 unknown; nothing was delivered');
  },
);

behaviour({ ids: ['MAIL-PIPELINING'], title: 'commands go one at a time where that is asked for' }, async (bench) => {
  const peer = await smtpServer(opening('PIPELINING'), message().slice(0, 1), { send: '451 not now\r\n' }, QUIT);
  const error = await failure(bench, { server: peer.server, pipelining: false });
  await peer.finished();
  expect(error).toMatchObject({ status: 451, delivery: 'impossible' });
});

behaviour(
  { ids: ['LETTER-TLS', 'LETTER-RESULT'], title: 'STARTTLS is required, the result shows it', options },
  async (bench) => {
    const login: readonly Step[] = [
      { expect: `AUTH PLAIN ${Buffer.from('\0jörg\0geheim', 'utf8').toString('base64')}\r\n` },
      { send: '235 2.7.0 welcome\r\n' },
    ];
    const upgrade: readonly Step[] = [{ expect: 'STARTTLS\r\n' }, { send: '220 go\r\n' }, { startTls: {} }, EHLO];
    const auth = { username: 'jörg', password: 'geheim' };
    const peer = await smtpServer(opening('STARTTLS'), upgrade, capabilities('AUTH PLAIN'), login, message(), QUIT);
    const sent = await send(bench, { server: peer.server, tls: undefined, auth });
    await peer.finished();
    expect(sent.authenticated).toBe('PLAIN');
    expect(sent.tls).toMatchObject({
      engine: bench.engine,
      version: 'TLSv1.3',
      suite: expect.stringMatching(/^TLS_/),
      servername: 'localhost',
      verify: { result: 'verified', reasons: [] },
      peer: { subject: 'CN=localhost' },
    });

    const direct = await smtpServer({ startTls: {} }, opening(), message(), QUIT);
    expect((await send(bench, { server: direct.server, tls: 'implicit' })).tls?.version).toBe('TLSv1.3');
    const without = await smtpServer(opening(), message(), QUIT);
    expect((await send(bench, { server: without.server, tls: 'prefer' })).tls).toBeNull();
  },
);

behaviour({ ids: ['LETTER-OPTIONS'], title: 'a job of its own' }, async ({ engine, mode }) => {
  const peer = await smtpServer({ startTls: {} }, opening(), message(), QUIT);
  const given = { ...LETTER, server: peer.server, tls: 'implicit', engine, tlsOptions: { ca: pki.ca } } as const;
  const sent = mode === 'sync' ? sendMailSync(given) : await sendMail(given);
  expect(sent.engine).toBe(engine);
  await peer.finished();
});

behaviour({ ids: ['LETTER-CONTENT'], title: 'progress is told, in order and to the end' }, async (bench) => {
  const peer = await smtpServer(opening(), message(), QUIT);
  const seen: [number, number][] = [];
  const attachments = [{ content: Buffer.alloc(200_000), name: 'a.bin' }];
  const onProgress = (done: number, total: number) => seen.push([done, total]);
  const { size } = await send(bench, { server: peer.server, attachments, onProgress });
  expect(seen.length).toBeGreaterThan(3);
  expect(seen.map(([done]) => done)).toEqual(seen.map(([done]) => done).sort((a, b) => a - b));
  expect(seen.at(-1)).toEqual([size, size]);
  expect(seen.every(([, total]) => total === size)).toBe(true);
});

behaviour({ ids: ['LETTER-FAULTS'], title: 'what cannot be read is found before connecting' }, async (bench) => {
  const peer = await smtpServer({ expectEnd: 'any' });
  const { server } = peer;
  const empty = join(directory, 'empty.txt');
  writeFileSync(empty, '');
  const cases: readonly (readonly [Parameters<typeof failure>[1], number, string, string])[] = [
    [{ attachments: [{ file: '/nonexistent/a.pdf' }] }, EMS_BADATT, 'attachmentUnreadable', '/nonexistent/a.pdf'],
    [{ attachments: [{ file: empty }] }, EMS_BADATT, 'attachmentEmpty', 'empty.txt'],
    [{ attachments: [{ content: '', name: 'a' }] }, EMS_BADATT, 'attachmentEmpty', 'attachments[0]'],
    [
      { message: `X: ${'x'.repeat(2000)}\n\nx`, subject: undefined, text: undefined },
      EMS_NOBODY,
      'badHeader',
      'more than the 998',
    ],
  ];
  for (const [given, status, refusal, named] of cases) {
    const error = await failure(bench, { server, ...given });
    expect(error, named).toMatchObject({ status, refusal, delivery: 'impossible', reply: null, tls: null });
    expect(error.message).toContain(named);
    expect(error.message).toMatch(/; nothing was delivered$/);
  }
  expect((await peer.report()).connections).toEqual([]);
  expect(await said(peer).catch(() => '')).toBe('');
});

const wrong: readonly (readonly [string, object, RegExp])[] = [
  ['no server', { server: undefined }, /^server: the server '' is no host name or address/],
  ['a server with a scheme', { server: 'smtp://mx' }, /^server: the server 'smtp:\/\/mx' is no host name/],
  ['a server that is no text', { server: 25 }, /^server is a string, not number/],
  ['an unknown option', { secure: true }, /^option 'secure' is unknown; there are server, tls, from/],
  [
    'TLS options as tls',
    { tls: { ca: 'x' } },
    /^tls is one of require, prefer, implicit, never, not object; certificates/,
  ],
  ['a use of TLS', { tls: 'always' }, /^tls is one of .*, not "always"/],
  ['a bad name for EHLO', { host: 'a b' }, /^host: the host 'a b' cannot be announced/],
  ['no sender', { from: undefined }, /^from is missing/],
  ['two senders', { from: 'a@x.example, b@x.example' }, /^from names more than one sender/],
  ['a sender that is none', { from: 'me' }, /^from: "me" is no address such as/],
  ['no recipient', { to: undefined }, /^there is no recipient/],
  ['a recipient that is none', { to: ['ann@example.com', 'bob'] }, /^to: "bob" is no address such as/],
  ['recipients without a comma', { to: '<a@x.example> <b@x.example>' }, /^to: "<a@x.*" is not one address: separate/],
  ['a list of something else', { cc: [7] }, /^cc is a string, not number/],
  ['an injected recipient', { to: 'a@x.example\r\nRCPT TO:<b@x.example>' }, /^to holds a control character/],
  ['a recipient that is too long', { to: `${'a'.repeat(300)}@x.example` }, /longer than 254 octets/],
  ['an injected subject', { subject: 'a\r\nBcc: b@x.example' }, /^subject holds a control character/],
  ['a subject that is no text', { subject: 7 }, /^subject is a string, not number/],
  ['a header that has an option', { headers: { SUBJECT: 'x' } }, /^headers: SUBJECT is set by an option/],
  ['a header that is none', { headers: { 'a b': 'x' } }, /^headers: "a b" is no name/],
  ['an injected header', { headers: { 'X-A': 'a\nb' } }, /^headers\.X-A holds a control character/],
  [
    'a header that no line holds',
    { headers: { 'X-A': 'x'.repeat(2000) } },
    /^headers\.X-A has a word of more than 896/,
  ],
  ['headers as text', { headers: 'X-A: b' }, /^headers is an object, not string/],
  ['nothing to say', { text: undefined }, /^a message needs text, html, both, or message/],
  ['text that is none', { text: 7 }, /^text is a string, not number/],
  ['a message beside text', { message: 'x\n\ny' }, /^message is complete already: subject does not go with it/],
  [
    'a message that is none',
    { message: 7, subject: undefined, text: undefined },
    /^message is a string, a Uint8Array,/,
  ],
  ['credentials as text', { auth: 'me:secret' }, /^auth is an object, not string$/],
  ['no password', { auth: { username: 'me' } }, /^auth\.password is a string, not undefined$/],
  ['a blank user name', { auth: { username: '', password: 'x' } }, /^auth\.username is blank$/],
  [
    'a password with its line end',
    { auth: { username: 'me', password: 'hunter2\n' } },
    /^auth\.password holds a control/,
  ],
  ['nodemailer’s names', { auth: { user: 'me', pass: 'x' } }, /^option 'auth\.user' is unknown; there are username, /],
  [
    'a mechanism',
    { auth: { username: 'a', password: 'b', mechanism: 'NTLM' } },
    /^auth\.mechanism is one of AUTO, PLAIN/,
  ],
  ['a flag', { partial: 'yes' }, /^partial is true or false, not string/],
  ['patience', { patience: 0 }, /^patience is a number of milliseconds from 1 to 2147483647, not 0/],
  ['a timeout', { timeout: Number.NaN }, /^timeout is a number of milliseconds .* not NaN/],
  ['progress', { onProgress: 'x' }, /^onProgress is a function, not string/],
  ['injected', { injected: 'keep' }, /^injected is one of reject, drop, not "keep"/],
  ['an engine', { engine: 'openssl' }, /^engine is one of auto, gnutls, node, not 'openssl'/],
  ['a file of certificates', { tlsOptions: { ca: '/nonexistent' } }, /^tlsOptions\.ca: cannot read the file/],
  ['a job that is none', { job: {} }, /^job is one that createJob made/],
  ['an envelope', { envelope: { sender: 'x' } }, /^option 'envelope\.sender' is unknown; there are from, to/],
  ['attachments', { attachments: { file: 'x' } }, /^attachments is a list, not object/],
  ['an attachment', { attachments: ['a.pdf'] }, /^attachments\[0\] is an object, not string/],
  ['an attachment of nothing', { attachments: [{}] }, /^attachments\[0\] needs either file or content/],
  ['an attachment without name', { attachments: [{ content: 'x' }] }, /^attachments\[0\]\.name is needed beside/],
  ['nodemailer’s name', { attachments: [{ path: 'x' }] }, /^option 'attachments\[0\]\.path' is unknown/],
  ['an encoding', { attachments: [{ file: 'x', encoding: 'hex' }] }, /^attachments\[0\]\.encoding is one of base64/],
  [
    'a URL',
    { attachments: [{ file: new URL('http://x.example/') }] },
    /^attachments\[0\]\.file is a path or a file: URL/,
  ],
  ['a cid', { html: 'x', attachments: [{ file: 'x', cid: 'a>b' }] }, /^attachments\[0\]\.cid is a name such as logo/],
  ['a cid without HTML', { attachments: [{ file: 'x', cid: 'a' }] }, /^attachments\[0\]\.cid is for html/],
];

// covers('LETTER-OPTIONS')
describe('options that make no sense', () => {
  it.each(wrong)('%s', async (_what, given, text) => {
    const all = Object.entries({ ...LETTER, server: 'localhost:1', ...given }).filter(
      ([, value]) => value !== undefined,
    );
    const asked = Object.fromEntries(all) as unknown as MailOptions;
    const error = await sendMail(asked).then(
      () => expect.fail('it was sent'),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ message: expect.stringMatching(text) });
    expect(JSON.stringify(error)).not.toContain('hunter2');
    expect(() => sendMailSync(asked)).toThrow(text);
  });

  it('a signal cannot end what blocks its thread, nor can a stream be waited for', () => {
    const given = { ...LETTER, server: 'localhost:1' };
    const withSignal: object = { signal: new AbortController().signal };
    expect(() => sendMailSync({ ...given, ...withSignal })).toThrow(/^signal cannot end a call that blocks/);
    const stream = (async function* () {})();
    const attachments = [{ content: stream, name: 'a' }];
    expect(() => sendMailSync({ ...given, attachments })).toThrow(/^attachments\[0\]\.content is a stream/);
  });

  it('a job has an engine already', async () => {
    const engine: EngineName = 'node';
    const job: object = { caller: () => {} };
    const given = { ...LETTER, server: 'localhost:1', engine, job } as unknown as MailOptions;
    await expect(sendMail(given)).rejects.toThrow(/^job has an engine and TLS options of its own/);
  });
});

it('composes without sending', () => {
  const { message: composed, envelope } = composeMail({ ...LETTER, server: 'localhost', bcc: 'jörg@example.com' });
  const text = Buffer.concat(Array.from(composed.chunks(), (chunk) => Buffer.from(chunk))).toString('latin1');
  composed.close();
  expect(envelope).toEqual({ from: 'me@example.com', to: ['ann@example.com', 'jörg@example.com'] });
  expect(text).toContain('\r\nSubject: greetings\r\n');
  expect(text).not.toMatch(/bcc|rg@/i);
  expect(() => composeMail({ ...LETTER, server: 'x', attachments: [{ file: '/nonexistent' }] })).toThrow(MailError);
});
