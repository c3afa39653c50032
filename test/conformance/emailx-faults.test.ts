import { F } from 'tcpx';
import {
  EMF_ALREADYOPEN,
  EMF_CLOSEONLY,
  EMF_LEAVEOPEN,
  EMF_STARTTLS,
  EMF_TLS,
  EMS_BADRESP,
  EMS_NOSOCKET,
  EMS_TIMEOUT,
} from 'tcpx/ashell.def';
import { afterEach, expect } from 'vitest';
import { behaviour, guardDescriptors } from '../support/conformance.ts';
import { cleanUpAfterAll } from '../support/peer.ts';
import { makePki } from '../support/pki.ts';
import { blackholeListener, type Step, startPeerHost, stopPeers } from '../support/scripted-peer.ts';
import { capabilities, EHLO, file, GREETING, mail, message, opening, QUIT, said, smtpServer } from './emailx-mail.ts';

const pki = await makePki();
await startPeerHost();
guardDescriptors();
afterEach(stopPeers);
cleanUpAfterAll();

const options = { tls: { ca: pki.ca } };
/** One second for each reply, also the last. */
const impatient = { tls: { ca: pki.ca }, emailx: { assume: { wait: 1, waitUnit: 400, dataWait: 0, finalWait: 0 } } };
const ANN: readonly string[] = ['ann@example.com'];
const UP_TO_DATA = message().slice(0, 6);

behaviour({ ids: ['MAIL-SMTP-CODE'], title: 'the first failing reply is the status' }, async (bench) => {
  const refusals: readonly (readonly [readonly Step[], number, string])[] = [
    [[{ send: '554 5.7.1 no\r\n' }], 554, '5.7.1 no'],
    [
      [GREETING, EHLO, { send: '550 5.7.1 who\r\n' }, { expect: 'HELO client.example\r\n' }, { send: '550 no\r\n' }],
      550,
      'no',
    ],
    [[...opening(), { expect: 'MAIL FROM:<me@example.com>\r\n' }, { send: '451 later\r\n' }], 451, 'later'],
    [
      [...opening(), ...message().slice(0, 3), { send: '550-5.1.1 no\r\n550 5.1.1 such user\r\n' }],
      550,
      '5.1.1 no 5.1.1 such user',
    ],
    [[...opening(), ...message().slice(0, 5), { send: '503 no\r\n' }], 503, 'no'],
    [
      [...opening(), ...UP_TO_DATA, { expectUntil: '\r\n.\r\n' }, { send: '552 5.3.4 too big\r\n' }],
      552,
      '5.3.4 too big',
    ],
  ];
  for (const [steps, status, errmsg] of refusals) {
    const peer = await smtpServer(steps, QUIT);
    expect(await mail(bench, { server: peer.server })).toEqual({ status, errmsg });
    await peer.finished();
  }
});

behaviour({ ids: ['MAIL-REFUSED-SESSION'], title: 'a refusal leaves an open session usable' }, async (bench) => {
  const peer = await smtpServer(
    opening(),
    message().slice(0, 3),
    { send: '550 5.1.1 unknown\r\n' },
    { expect: 'RSET\r\n' },
    { send: '250 ok\r\n' },
    message(),
    QUIT,
  );
  const socket = F();
  const refused = await mail(bench, { opflags: EMF_LEAVEOPEN, server: peer.server, socket });
  expect(refused).toEqual({ status: 550, errmsg: '5.1.1 unknown' });
  expect(socket.value).toBeGreaterThan(0);
  expect((await mail(bench, { opflags: EMF_ALREADYOPEN, socket })).status).toBe(0);
  await peer.finished();
});

behaviour({ ids: ['MAIL-PARTIAL'], title: 'one refused recipient aborts the message' }, async (bench) => {
  const recipients: readonly Step[] = [
    { expect: 'RCPT TO:<ann@example.com>\r\n' },
    { send: '250 ok\r\n' },
    { expect: 'RCPT TO:<bob@example.com>\r\n' },
    { send: '550 5.1.1 unknown\r\n' },
  ];
  const first = await smtpServer(opening(), message().slice(0, 2), recipients, QUIT);
  const to = 'ann@example.com\rbob@example.com';
  expect((await mail(bench, { to, server: first.server })).status).toBe(550);
  await first.finished();

  const second = await smtpServer(opening(), message().slice(0, 2), recipients, message().slice(4), QUIT);
  const job = bench.newJob({ emailx: { assume: { partialDelivery: true } } });
  const xcall: typeof bench.xcall = async (routine, ...args) =>
    bench.mode === 'sync' ? job.xcall(routine, ...args) : job.xcall.async(routine, ...args);
  const result = await mail({ ...bench, xcall }, { to, server: second.server });
  expect(result).toEqual({ status: 0, errmsg: 'bob@example.com: 550 5.1.1 unknown' });
  await second.finished();
});

behaviour(
  { ids: ['MAIL-PIPELINING', 'MAIL-EXTENSIONS'], title: 'commands go together, replies stay apart' },
  async (bench) => {
    const size =
      'Subject: greetings\r\nFrom: me@example.com\r\n'.length + 'X-Mailer: EMAILX 5.1(142)\r\n'.length + 2 + 7;
    const peer = await smtpServer(
      opening('PIPELINING', 'SIZE 1000000', '8BITMIME'),
      { expect: `MAIL FROM:<me@example.com> SIZE=${size}\r\nRCPT TO:<ann@example.com>\r\nDATA\r\n` },
      { send: '250 ok\r\n250 ok\r\n354 go\r\n' },
      { expectUntil: '\r\n.\r\n' },
      { send: '250 ok\r\n' },
      QUIT,
    );
    expect(await mail(bench, { server: peer.server })).toEqual({ status: 0, errmsg: '' });
    await peer.finished();
  },
);

/** A session up to the end of a message to one recipient, where commands go together. */
const PIPELINED: readonly Step[] = [
  ...opening('PIPELINING'),
  { expect: 'MAIL FROM:<me@example.com>\r\nRCPT TO:<ann@example.com>\r\nDATA\r\n' },
  { send: '250 ok\r\n250 ok\r\n354 go\r\n' },
  { expectUntil: '\r\n.\r\n' },
];

behaviour(
  { ids: ['MAIL-PIPELINING', 'MAIL-SMTP-CODE'], title: 'QUIT goes out with the last message of a session' },
  async (bench) => {
    for (const [answer, status, errmsg] of [
      ['250 2.0.0 taken', 0, ''],
      ['554 5.6.0 not this', 554, '5.6.0 not this'],
    ] as const) {
      const together = await smtpServer(PIPELINED, { expect: 'QUIT\r\n' }, { send: `${answer}\r\n221 bye\r\n` });
      expect(await mail(bench, { server: together.server })).toEqual({ status, errmsg });
      await together.finished();
    }
    const socket = F();
    const more = [...PIPELINED.slice(3), { send: '250 ok\r\n' }];
    const kept = await smtpServer(PIPELINED, { delay: 20 }, { send: '250 ok\r\n' }, more, more, QUIT);
    const { server } = kept;
    expect((await mail(bench, { opflags: EMF_LEAVEOPEN, server, socket })).status).toBe(0);
    expect((await mail(bench, { opflags: EMF_ALREADYOPEN + EMF_LEAVEOPEN, socket })).status).toBe(0);
    expect((await mail(bench, { opflags: EMF_ALREADYOPEN + EMF_LEAVEOPEN, socket })).status).toBe(0);
    expect((await mail(bench, { opflags: EMF_CLOSEONLY, socket })).status).toBe(0);
    await kept.finished();
  },
);

behaviour(
  {
    ids: ['MAIL-PIPELINING'],
    title: 'one command at a time for a server that cannot do what it offers',
    options: { emailx: { assume: { pipelining: false } } },
  },
  async (bench) => {
    const [first = EHLO] = message();
    const refusing = await smtpServer(opening('PIPELINING'), first, { send: '451 not now\r\n' }, QUIT);
    expect(await mail(bench, { server: refusing.server })).toEqual({ status: 451, errmsg: 'not now' });
    await refusing.finished();
  },
);

behaviour(
  { ids: ['MAIL-PIPELINING'], title: 'a server that hangs up behind its reply, before QUIT, has taken the message' },
  async (bench) => {
    for (const wait of [0, 0, 0, 20]) {
      const peer = await smtpServer(PIPELINED, { delay: wait }, { send: '250 2.0.0 taken\r\n' }, { close: 'fin' });
      expect(await mail(bench, { server: peer.server })).toEqual({ status: 0, errmsg: '' });
      await peer.outcome();
    }
  },
);

behaviour(
  {
    ids: ['MAIL-PIPELINING', 'MAIL-TIMEOUT'],
    title: 'the answer to a QUIT behind a message is waited for like any other',
  },
  async (bench) => {
    const cfgfile = file('emailx.cfg', 'WAIT = 1\n');
    for (const [answer, end, status, errmsg] of [
      ['250 2.0.0 taken', { expectEnd: 'any' }, 0, ''],
      ['554 5.6.0 not this', { close: 'fin' }, 554, '5.6.0 not this'],
    ] as const) {
      const peer = await smtpServer(PIPELINED, { expect: 'QUIT\r\n' }, { send: `${answer}\r\n` }, end);
      expect(await mail(bench, { cfgfile, server: peer.server })).toEqual({ status, errmsg });
      await peer.finished();
    }
  },
);

behaviour(
  { ids: ['MAIL-PIPELINING', 'MAIL-BAD-RESPONSE'], title: 'an answer to QUIT is none to the message ahead of it' },
  async (bench) => {
    const skipping = await smtpServer(PIPELINED, { expect: 'QUIT\r\n' }, { send: '221 bye\r\n' }, { expectEnd: 'any' });
    const skipped = await mail(bench, { server: skipping.server });
    expect(skipped.status).toBe(EMS_BADRESP);
    expect(skipped.errmsg).toContain('"221 bye"; whether the message was delivered is unknown');
    await skipping.finished();
    // Where nothing was asked after the message, any code of success is one.
    for (const answer of ['221 bye', '251 forwarded', '200 fine']) {
      const odd = await smtpServer(opening(), message().slice(0, -1), { send: `${answer}\r\n` }, QUIT);
      expect(await mail(bench, { server: odd.server })).toEqual({ status: 0, errmsg: '' });
      await odd.finished();
    }
  },
);

behaviour(
  { ids: ['MAIL-SMTP-CODE', 'MAIL-BAD-RESPONSE'], title: 'a message that is answered by 354 may have been delivered' },
  async (bench) => {
    const peer = await smtpServer(opening(), message().slice(0, -1), { send: '354 more\r\n' }, { expectEnd: 'any' });
    const { status, errmsg } = await mail(bench, { server: peer.server });
    expect(status).toBe(354);
    expect(errmsg).toMatch(/^more; whether the message was delivered is unknown/);
    await peer.finished();
  },
);

behaviour(
  { ids: ['MAIL-PIPELINING'], title: 'a refused recipient never lets an empty message through' },
  async (bench) => {
    const commands = 'MAIL FROM:<me@example.com>\r\nRCPT TO:<ann@example.com>\r\nDATA\r\n';
    const usual = await smtpServer(
      opening('PIPELINING'),
      { expect: commands },
      { send: '250 ok\r\n550 unknown\r\n503 no recipients\r\n' },
      QUIT,
    );
    expect(await mail(bench, { server: usual.server })).toEqual({ status: 550, errmsg: 'unknown' });
    await usual.finished();
    // A server that is ready for data all the same gets none, and no dot either.
    const odd = await smtpServer(
      opening('PIPELINING'),
      { expect: commands },
      { send: '250 ok\r\n550 unknown\r\n354 go\r\n' },
      { expectEnd: 'any' },
    );
    expect(await mail(bench, { server: odd.server })).toEqual({ status: 550, errmsg: 'unknown' });
    await odd.finished();
  },
);

behaviour(
  { ids: ['MAIL-PIPELINING', 'MAIL-PARTIAL'], title: 'mixed answers under PIPELINING are matched' },
  async (bench) => {
    const to = ['ann', 'bob', 'cem', 'dan'].map((name) => `${name}@example.com`);
    const peer = await smtpServer(
      opening('PIPELINING'),
      { expect: `MAIL FROM:<me@example.com>\r\n${to.map((name) => `RCPT TO:<${name}>\r\n`).join('')}` },
      {
        sendSlowly: '250 ok\r\n250 ok\r\n550 5.1.1 no bob\r\n251 will forward\r\n452-4.5.3\r\n452 not now\r\n',
        everyMs: 1,
      },
      { expect: 'DATA\r\n' },
      { send: '354 go\r\n' },
      { expectUntil: '\r\n.\r\n' },
      { send: '250 ok\r\n' },
      QUIT,
    );
    const job = bench.newJob({ emailx: { assume: { partialDelivery: true } } });
    const xcall: typeof bench.xcall = async (routine, ...args) =>
      bench.mode === 'sync' ? job.xcall(routine, ...args) : job.xcall.async(routine, ...args);
    const result = await mail({ ...bench, xcall }, { to: to.join('\r\n'), server: peer.server });
    expect(result).toEqual({
      status: 0,
      errmsg: 'bob@example.com: 550 5.1.1 no bob; dan@example.com: 452 4.5.3 not now',
    });
    await peer.finished();
  },
);

behaviour({ ids: ['MAIL-EXTENSIONS'], title: '8BITMIME, SMTPUTF8 and their absence' }, async (bench) => {
  const utf8 = Buffer.from('jörg@example.com', 'utf8').toString('latin1');
  const peer = await smtpServer(
    opening('8BITMIME', 'SMTPUTF8'),
    { expect: 'MAIL FROM:<me@example.com> BODY=8BITMIME SMTPUTF8\r\n' },
    { send: '250 ok\r\n' },
    { expect: Buffer.from('RCPT TO:<jörg@example.com>\r\n', 'utf8') },
    { send: '250 ok\r\n' },
    message().slice(4),
    QUIT,
  );
  expect((await mail(bench, { to: utf8, body: 'Gr\xfc\xdfe\r\n', server: peer.server })).status).toBe(0);
  await peer.finished();
  const without = await smtpServer(opening('8BITMIME'), QUIT);
  const refused = await mail(bench, { to: utf8, server: without.server });
  expect(refused.status).toBe(EMS_BADRESP);
  expect(refused.errmsg).toContain('SMTPUTF8');
  await without.finished();
});

behaviour({ ids: ['MAIL-EXTENSIONS'], title: 'a large message goes out in chunks' }, async (bench) => {
  const attachments = [{ file: file('large.bin', Buffer.alloc(1_500_000, 7)) }];
  let chunks = 0;
  const peer = await smtpServer(opening('CHUNKING', 'PIPELINING', '8BITMIME'), [
    { expect: 'MAIL FROM:<me@example.com>\r\nRCPT TO:<ann@example.com>\r\n' },
    { send: '250 ok\r\n250 ok\r\n' },
    ...Array.from({ length: 7 }, (): Step[] => [
      { expect: 'BDAT 262144\r\n' },
      { expect: 262_144 },
      { send: `250 chunk ${++chunks}\r\n` },
    ]).flat(),
    { expectUntil: ' LAST\r\n' },
    { expectUntil: '--\r\n' },
    { send: '250 2.0.0 all of it\r\n' },
    ...QUIT,
  ]);
  expect(await mail(bench, { attachments, server: peer.server })).toEqual({ status: 0, errmsg: '' });
  await peer.finished();
});

behaviour({ ids: ['MAIL-BAD-RESPONSE'], title: 'what is not SMTP is 75' }, async (bench) => {
  for (const garbage of ['hello\r\n', '22 short\r\n', '\x16\x03\x01\x00\x05hello\r\n', '2200 long\r\n']) {
    const peer = await smtpServer({ send: garbage }, { expectEnd: 'any' });
    const { status, errmsg } = await mail(bench, { server: peer.server });
    expect(status, garbage).toBe(EMS_BADRESP);
    expect(errmsg).toContain('not a reply');
  }
});

/** More than the buffers of both ends hold. */
const LARGE = 24_000_000;

behaviour(
  { ids: ['MAIL-TIMEOUT'], title: 'a server that takes nothing of a message is given up', options: impatient },
  async (bench) => {
    const attachments = [{ file: file('large.bin', Buffer.alloc(LARGE, 7)) }];
    const peer = await smtpServer(opening(), UP_TO_DATA, { neverRead: true });
    const { status, errmsg } = await mail(bench, { attachments, server: peer.server });
    expect(status).toBe(EMS_TIMEOUT);
    expect(errmsg).toMatch(/^the server did not take \d+ bytes in time; the message was not delivered$/);
  },
);

/** Every point at which a server may stop talking. */
const STAGES: readonly (readonly [string, readonly Step[], 'impossible' | 'unknown'])[] = [
  ['the connection', [], 'impossible'],
  ['the greeting', [GREETING, EHLO], 'impossible'],
  ['half a greeting', [{ send: '220-half\r\n22' }], 'impossible'],
  ['EHLO', [...opening(), { expect: 'MAIL FROM:<me@example.com>\r\n' }], 'impossible'],
  ['MAIL', [...opening(), ...message().slice(0, 3)], 'impossible'],
  ['RCPT', [...opening(), ...message().slice(0, 5)], 'impossible'],
  ['DATA', [...opening(), ...UP_TO_DATA, { expectUntil: '\r\n.\r\n' }], 'unknown'],
];

const FATE = { impossible: 'was not delivered', unknown: 'is unknown' };

behaviour({ ids: ['MAIL-TIMEOUT'], title: 'silence at every stage is 72', options: impatient }, async (bench) => {
  for (const [stage, steps, delivery] of STAGES) {
    const peer = await smtpServer(steps, { expectEnd: 'any' });
    const { status, errmsg } = await mail(bench, { server: peer.server });
    expect(status, stage).toBe(EMS_TIMEOUT);
    expect(errmsg, stage).toContain(FATE[delivery]);
    await peer.finished();
  }
});

behaviour(
  { ids: ['MAIL-TIMEOUT', 'MAIL-STARTTLS'], title: 'silence where TLS is to begin is 72 as well', options: impatient },
  async (bench) => {
    const started = performance.now();
    for (const [steps, opflags] of [
      [[...opening('STARTTLS'), { expect: 'STARTTLS\r\n' }, { send: '220 go\r\n' }], EMF_STARTTLS],
      [[], EMF_TLS],
    ] as const) {
      const peer = await smtpServer(steps, { discard: 'end' });
      const { status, errmsg } = await mail(bench, { opflags, server: peer.server });
      expect(status).toBe(EMS_TIMEOUT);
      expect(errmsg).toBe('the TLS handshake did not finish in time; the message was not delivered');
    }
    expect(performance.now() - started).toBeLessThan(4_000);
  },
);

/** In clear and inside TLS: how the connection begins, and the flags for it. */
const BEGINNINGS: readonly (readonly [readonly Step[], number])[] = [
  [[], EMF_LEAVEOPEN],
  [[{ startTls: {} }], EMF_LEAVEOPEN + EMF_TLS],
];

const ENDS = STAGES.flatMap(([stage, steps, delivery]) =>
  BEGINNINGS.flatMap(([beginning, opflags]) =>
    (['fin', 'rst', ...(opflags === EMF_LEAVEOPEN ? [] : (['no-close-notify'] as const))] as const).map(
      (close) => [stage, [...beginning, ...steps, { close }], opflags, delivery, close] as const,
    ),
  ),
);

behaviour(
  { ids: ['MAIL-BROKEN'], title: 'a connection that ends at any stage is negative', options },
  async (bench) => {
    for (const [stage, steps, opflags, delivery, close] of ENDS) {
      const peer = await smtpServer(steps);
      const socket = F();
      const { status, errmsg } = await mail(bench, { opflags, server: peer.server, socket });
      expect(status, `${stage} ${close}`).toBeLessThan(0);
      expect(errmsg, `${stage} ${close}`).toContain(FATE[delivery]);
      expect(socket.value).toBe(-1);
      await peer.outcome();
    }
  },
);

behaviour(
  { ids: ['MAIL-SMTP-CODE', 'MAIL-NO-SOCKET'], title: '421 at any stage ends the session', options },
  async (bench) => {
    for (const [beginning, opflags] of BEGINNINGS) {
      for (const [stage, steps] of STAGES) {
        if (stage === 'half a greeting') continue;
        const peer = await smtpServer(beginning, steps, { send: '421 4.3.2 going down\r\n' }, { close: 'fin' });
        const socket = F();
        const result = await mail(bench, { opflags, server: peer.server, socket });
        expect(result, stage).toEqual({ status: 421, errmsg: '4.3.2 going down' });
        expect(socket.value).toBe(-1);
        expect((await mail(bench, { opflags: EMF_ALREADYOPEN, socket })).status).toBe(EMS_NOSOCKET);
      }
    }
  },
);

behaviour({ ids: ['MAIL-SEND'], title: 'replies may come byte by byte' }, async (bench) => {
  const peer = await smtpServer(
    { sendSlowly: '220-mx.example\r\n220 ESMTP\r\n', everyMs: 1 },
    EHLO,
    { sendSlowly: '250-mx.example\r\n250 HELP\r\n', everyMs: 1 },
    message(),
    QUIT,
  );
  expect(await mail(bench, { server: peer.server })).toEqual({ status: 0, errmsg: '' });
});

behaviour({ ids: ['MAIL-CONNECT'], title: 'what CONNECT reports is the status', options: impatient }, async (bench) => {
  const closed = await smtpServer();
  await closed.stop();
  const refused = await mail(bench, { server: closed.server });
  expect(refused.status).toBe(-111);
  expect(refused.errmsg).toContain('was not delivered');
  expect((await mail(bench, { server: 'no-such-host.invalid' })).status).toBeLessThan(0);
  const hole = await blackholeListener();
  const silent = await mail(bench, { server: `${hole.host}:${hole.port}` });
  expect(silent.status).toBe(-110);
  await hole.stop();
});

behaviour({ ids: ['MAIL-TLS'], title: 'EMF_TLS is TLS from the first byte', options }, async (bench) => {
  const peer = await smtpServer({ startTls: {} }, opening(), message(), QUIT);
  expect(await mail(bench, { opflags: EMF_TLS, server: peer.server })).toEqual({ status: 0, errmsg: '' });
  await peer.finished();
});

const UPGRADE: readonly Step[] = [...opening('STARTTLS'), { expect: 'STARTTLS\r\n' }];

behaviour({ ids: ['MAIL-STARTTLS'], title: 'EMF_STARTTLS upgrades and says EHLO again', options }, async (bench) => {
  const peer = await smtpServer(
    UPGRADE,
    { send: '220 go\r\n' },
    { startTls: {} },
    EHLO,
    capabilities(),
    message(),
    QUIT,
  );
  expect(await mail(bench, { opflags: EMF_STARTTLS, server: peer.server })).toEqual({ status: 0, errmsg: '' });
  await peer.finished();
});

behaviour(
  { ids: ['MAIL-STARTTLS', 'MAIL-CONFIG'], title: 'SECUREHELLO off, STARTTLS from the configuration', options },
  async (bench) => {
    const peer = await smtpServer(UPGRADE, { send: '220 go\r\n' }, { startTls: {} }, message(), QUIT);
    const cfgfile = file('emailx.cfg', `SECURE = starttls\nSECUREHELLO = N\nSERVER = ${peer.server}\n`);
    expect(await mail(bench, { cfgfile })).toEqual({ status: 0, errmsg: '' });
    await peer.finished();
  },
);

behaviour({ ids: ['MAIL-STARTTLS-MISSING'], title: 'without the offer nothing is sent', options }, async (bench) => {
  for (const keywords of [['PIPELINING'], ['XXXXXXXA'], ['STARTTLSX']]) {
    const peer = await smtpServer(opening(...keywords), QUIT);
    const { status, errmsg } = await mail(bench, { opflags: EMF_STARTTLS, server: peer.server });
    expect(status).toBe(EMS_BADRESP);
    expect(errmsg).toContain('does not offer it');
    await peer.finished();
  }
  const refused = await smtpServer(UPGRADE, { send: '454 4.7.0 not now\r\n' }, QUIT);
  expect((await mail(bench, { opflags: EMF_STARTTLS, server: refused.server })).status).toBe(454);
});

behaviour(
  { ids: ['MAIL-STARTTLS-INJECTED'], title: 'plaintext behind the go-ahead ends the call', options },
  async (bench) => {
    for (const injected of ['250-x\r\n250 AUTH PLAIN\r\n', '250-x\r\n250 AUTH PL']) {
      const peer = await smtpServer(UPGRADE, { send: `220 go\r\n${injected}` }, { expectEnd: 'any' });
      const { status, errmsg } = await mail(bench, { opflags: EMF_STARTTLS, server: peer.server });
      expect(status).toBe(-74);
      expect(errmsg).toContain(`${injected.length} bytes`);
      await peer.finished();
    }
  },
);

behaviour({ ids: ['MAIL-VERIFY'], title: 'an unknown certificate ends the call', options }, async (bench) => {
  const peer = await smtpServer(UPGRADE, { send: '220 go\r\n' }, { startTls: { identity: pki.selfSigned } });
  const refused = await mail(bench, { opflags: EMF_STARTTLS, server: peer.server });
  expect(refused.status).toBe(-348);
  expect(refused.errmsg).toContain('was not delivered');
  await peer.outcome();
  const second = await smtpServer({ startTls: { identity: pki.selfSigned } }, opening(), message(), QUIT);
  const job = bench.newJob({ tls: { verify: 'none' } });
  const xcall: typeof bench.xcall = async (routine, ...args) =>
    bench.mode === 'sync' ? job.xcall(routine, ...args) : job.xcall.async(routine, ...args);
  expect((await mail({ ...bench, xcall }, { opflags: EMF_TLS, server: second.server })).status).toBe(0);
});

behaviour({ ids: ['MAIL-HELO'], title: 'HELO after a refused EHLO, where nothing hangs on it' }, async (bench) => {
  const helo: readonly Step[] = [GREETING, EHLO, { send: '502 no\r\n' }];
  const peer = await smtpServer(
    helo,
    { expect: 'HELO client.example\r\n' },
    { send: '250 mx\r\n' },
    message(ANN),
    QUIT,
  );
  expect((await mail(bench, { server: peer.server })).status).toBe(0);
  await peer.finished();
  const strict = await smtpServer(helo, QUIT);
  expect((await mail(bench, { opflags: EMF_STARTTLS, server: strict.server })).status).toBe(502);
  await strict.finished();
  expect(await said(strict)).not.toContain('HELO client.example\r\nHELO');
});
