import { F, X } from 'tcpx';
import {
  EMF_ALREADYOPEN,
  EMF_CLOSEONLY,
  EMF_LEAVEOPEN,
  EMF_OPENONLY,
  EMS_BADATT,
  EMS_BADCFG,
  EMS_BADSIG,
  EMS_NOBODY,
  EMS_NOCFG,
  EMS_NOSOCKET,
  EMS_NOTO,
  EMS_TOOFEW,
} from 'tcpx/ashell.def';
import { afterEach, expect } from 'vitest';
import { behaviour, guardDescriptors } from '../support/conformance.ts';
import { cleanUpAfterAll } from '../support/peer.ts';
import { startPeerHost, stopPeers } from '../support/scripted-peer.ts';
import { file, type MailCall, mail, message, opening, QUIT, said, smtpServer } from './emailx-mail.ts';

await startPeerHost();
guardDescriptors();
afterEach(stopPeers);
cleanUpAfterAll();

behaviour({ ids: ['MAIL-SEND', 'MAIL-HEADER'], title: 'one call opens, sends and closes' }, async (bench) => {
  const peer = await smtpServer(opening(), message(), QUIT);
  expect(await mail(bench, { server: peer.server })).toEqual({ status: 0, errmsg: '' });
  await peer.finished();
  expect(await said(peer)).toBe(
    [
      'EHLO client.example',
      'MAIL FROM:<me@example.com>',
      'RCPT TO:<ann@example.com>',
      'DATA',
      'X-Mailer: EMAILX 5.1(142)',
      'Subject: greetings',
      'From: me@example.com',
      '',
      'Hello',
      '.',
      'QUIT',
      '',
    ].join('\r\n'),
  );
});

behaviour({ ids: ['MAIL-TOO-FEW'], title: 'fewer than six arguments is 71' }, async ({ xcall, job }) => {
  expect(await xcall('EMAILX', 0, '', 'ann@example.com', 'Subject: x', 'Hello\r\n')).toBe(EMS_TOOFEW);
  expect(job.lastStatus?.text).toContain('6 to 15 arguments, not 5');
});

behaviour({ ids: ['MAIL-OPEN-EXPLICIT', 'MAIL-SOCKET-CLOSED'], title: '4, 3, 3, 8 is one session' }, async (bench) => {
  const peer = await smtpServer(opening(), message(), message(['bob@example.com']), QUIT);
  const socket = F();
  expect((await mail(bench, { opflags: EMF_OPENONLY, server: peer.server, socket })).status).toBe(0);
  expect(socket.value).toBeGreaterThan(0);
  const opflags = EMF_ALREADYOPEN + EMF_LEAVEOPEN;
  expect((await mail(bench, { opflags, socket })).status).toBe(0);
  expect((await mail(bench, { opflags, socket, to: 'bob@example.com' })).status).toBe(0);
  expect((await mail(bench, { opflags: EMF_CLOSEONLY, socket })).status).toBe(0);
  expect(socket.value).toBe(-1);
  await peer.finished();
});

behaviour({ ids: ['MAIL-OPEN-IMPLICIT'], title: '1, 3, 2 is one session' }, async (bench) => {
  const peer = await smtpServer(opening(), message(), message(), message(), QUIT);
  const socket = F();
  const send = (opflags: number) => mail(bench, { opflags, socket, server: peer.server });
  expect((await send(EMF_LEAVEOPEN)).status).toBe(0);
  expect((await send(EMF_ALREADYOPEN + EMF_LEAVEOPEN)).status).toBe(0);
  expect((await send(EMF_ALREADYOPEN)).status).toBe(0);
  expect(socket.value).toBe(-1);
  await peer.finished();
});

behaviour({ ids: ['MAIL-OPEN-IMPLICIT'], title: 'a session goes on in the other mode of call' }, async (bench) => {
  const peer = await smtpServer(opening(), message(), message(), QUIT);
  const job = bench.newJob({ home: 'worker' });
  const socket = F();
  const send = (opflags: number, mode: 'sync' | 'async') => {
    const xcall = async (
      routine: string,
      ...args: Parameters<typeof job.xcall> extends [string, ...infer A] ? A : never
    ) => (mode === 'sync' ? job.xcall(routine, ...args) : job.xcall.async(routine, ...args));
    return mail({ ...bench, xcall }, { opflags, socket, server: peer.server });
  };
  const other = bench.mode === 'sync' ? 'async' : 'sync';
  expect((await send(EMF_LEAVEOPEN, bench.mode)).status).toBe(0);
  expect((await send(EMF_ALREADYOPEN, other)).status).toBe(0);
  await peer.finished();
});

behaviour({ ids: ['MAIL-CONNECTIVITY'], title: 'OPENONLY with CLOSEONLY tries the server' }, async (bench) => {
  const peer = await smtpServer(opening(), QUIT);
  const socket = F();
  expect(await mail(bench, { opflags: EMF_OPENONLY + EMF_CLOSEONLY, server: peer.server, socket })).toEqual({
    status: 0,
    errmsg: '',
  });
  expect(socket.value).toBe(-1);
  await peer.finished();
});

behaviour({ ids: ['MAIL-NO-SOCKET'], title: 'a session call without a session is 76' }, async (bench) => {
  for (const opflags of [EMF_ALREADYOPEN, EMF_ALREADYOPEN + EMF_LEAVEOPEN, EMF_CLOSEONLY]) {
    for (const number of [0, -1, 99]) {
      const { status, errmsg } = await mail(bench, { opflags, socket: F(number) });
      expect(status).toBe(EMS_NOSOCKET);
      expect(errmsg).toContain('nothing was sent');
    }
  }
});

behaviour({ ids: ['MAIL-NO-SOCKET'], title: 'a session that the server has left is over' }, async (bench) => {
  const peer = await smtpServer(opening(), message(), { send: '421 4.4.2 idle for too long\r\n' }, { close: 'fin' });
  const socket = F();
  expect((await mail(bench, { opflags: EMF_LEAVEOPEN, server: peer.server, socket })).status).toBe(0);
  await peer.finished();
  const again = await mail(bench, { opflags: EMF_ALREADYOPEN + EMF_LEAVEOPEN, socket });
  expect(again).toEqual({ status: 421, errmsg: '4.4.2 idle for too long' });
  expect(socket.value).toBe(-1);
  expect((await mail(bench, { opflags: EMF_ALREADYOPEN, socket })).status).toBe(EMS_NOSOCKET);
});

behaviour(
  { ids: ['MAIL-ENVELOPE', 'MAIL-CONFIG', 'MAIL-SENDER'], title: 'the configuration completes the envelope' },
  async (bench) => {
    const peer = await smtpServer(
      opening(),
      { expect: 'MAIL FROM:<noreply@site.example>\r\n' },
      { send: '250 ok\r\n' },
      ['ann@site.example', 'bob@other.example', 'boss@site.example'].flatMap((name) => [
        { expect: `RCPT TO:<${name}>\r\n` },
        { send: '250 ok\r\n' },
      ]),
      { expect: 'DATA\r\n' },
      { send: '354 go\r\n' },
      { expectUntil: '\r\n.\r\n' },
      { send: '250 ok\r\n' },
      QUIT,
    );
    const cfgfile = file(
      'emailx.cfg',
      `; a comment\r\nServer = ${peer.server} ; and another\nHOST=client.example\ndomain = site.example\nRTNADDR = noreply\nADDBCC = boss\nREPLYTO = help@site.example\n`,
    );
    const call: MailCall = { cfgfile, to: 'ann\r<bob@other.example>', from: '', host: '' };
    expect(await mail(bench, call)).toEqual({ status: 0, errmsg: '' });
    await peer.finished();
    expect(await said(peer)).toContain('\r\nReply-To: help@site.example\r\n');
  },
);

behaviour({ ids: ['MAIL-ENVELOPE'], title: 'REDIRECT replaces all recipients' }, async (bench) => {
  const peer = await smtpServer(opening(), message(['test@example.com']), QUIT);
  const cfgfile = file('emailx.cfg', 'REDIRECT = test@example.com\nADDBCC = boss@example.com\n');
  expect((await mail(bench, { cfgfile, to: 'ann@example.com\rbob@example.com', server: peer.server })).status).toBe(0);
  await peer.finished();
});

behaviour(
  { ids: ['MAIL-NO-TO', 'MAIL-INJECTION'], title: 'addresses that break a command are refused' },
  async (bench) => {
    const peer = await smtpServer({ expectEnd: 'any' });
    for (const to of [
      '',
      ' \r ',
      'ann@example.com\nRSET',
      'ann@example.com> BODY=8BITMIME',
      'a b@example.com',
      'a\0@x',
    ]) {
      expect((await mail(bench, { to, server: peer.server })).status, JSON.stringify(to)).toBe(EMS_NOTO);
    }
    expect((await mail(bench, { from: 'me@example.com\nRSET', server: peer.server })).status).toBe(EMS_NOTO);
    expect((await mail(bench, { host: 'client\r\nRSET', server: peer.server })).status).toBe(EMS_BADCFG);
    expect((await peer.report()).connections).toEqual([]);
  },
);

behaviour(
  { ids: ['MAIL-NO-BODY', 'MAIL-FILES-FIRST'], title: 'what cannot be read is found before connecting' },
  async (bench) => {
    const peer = await smtpServer({ expectEnd: 'any' });
    const empty = file('empty.txt', '');
    const { server } = peer;
    const cases: readonly (readonly [MailCall, number, string])[] = [
      [{ body: '' }, EMS_NOBODY, 'body'],
      [{ body: '/nonexistent/letter.txt' }, EMS_NOBODY, '/nonexistent/letter.txt'],
      [{ body: empty }, EMS_NOBODY, 'empty.txt'],
      [{ signature: '/nonexistent/sig.txt' }, EMS_BADSIG, '/nonexistent/sig.txt'],
      [{ attachments: [{ file: '/nonexistent/a.pdf' }] }, EMS_BADATT, '/nonexistent/a.pdf'],
      [{ attachments: [{ file: empty }] }, EMS_BADATT, 'empty.txt'],
      [{ attachments: [{ file: empty, encoding: 9 }] }, EMS_BADATT, "attachment 1: 'encoding' is one of base64"],
      [{ attachments: 5 }, EMS_BADATT, 'attachments is the structure ATTACHMENTS'],
      [{ cfgfile: '/nonexistent/emailx.cfg' }, EMS_NOCFG, '/nonexistent/emailx.cfg'],
      [{ cfgfile: file('bad.cfg', 'SERVER mx.example\n') }, EMS_BADCFG, 'line 1'],
    ];
    for (const [call, status, named] of cases) {
      const result = await mail(bench, { ...call, server });
      expect(result.status, named).toBe(status);
      expect(result.errmsg).toContain(named);
    }
    expect((await peer.report()).connections).toEqual([]);
  },
);

behaviour(
  { ids: ['MAIL-CONFIG-MISSING'], title: 'a missing configuration is 77, a malformed one 78' },
  async (bench) => {
    expect((await mail(bench, { cfgfile: 'no-such-file.cfg' })).status).toBe(EMS_NOCFG);
    expect((await mail(bench, { cfgfile: file('emailx.cfg', 'WAIT = soon\n') })).status).toBe(EMS_BADCFG);
  },
);

behaviour(
  { ids: ['MAIL-DOTS'], title: 'a dot at the beginning of a line is doubled, a missing end is added' },
  async (bench) => {
    const peer = await smtpServer(opening(), message(), QUIT);
    const body = file('letter.txt', '.first\n..second\nmiddle.\n.');
    expect((await mail(bench, { body, server: peer.server })).status).toBe(0);
    await peer.finished();
    expect(await said(peer)).toContain('\r\n\r\n..first\r\n...second\r\nmiddle.\r\n..\r\n.\r\n');
  },
);

behaviour({ ids: ['MAIL-ATTACHMENTS'], title: 'the structure and a list send the same' }, async (bench) => {
  const path = file('report.txt', 'Zwölf\n');
  const structure = X(2 + 256 * 2);
  const bytes = Buffer.alloc(2 + 256 * 2);
  bytes.writeUInt16LE(1, 0);
  bytes.write(path, 2, 'latin1');
  bytes.write('text/plain', 130, 'latin1');
  structure.value = bytes;
  const seen: string[] = [];
  for (const attachments of [structure, [{ file: path, contentType: 'text/plain' }]]) {
    const peer = await smtpServer(opening(), message(), QUIT);
    expect(await mail(bench, { attachments, server: peer.server })).toEqual({ status: 0, errmsg: '' });
    await peer.finished();
    const text = await said(peer);
    const boundary = /boundary="([^"]+)"/.exec(text)?.[1] ?? 'none';
    seen.push(text.replaceAll(boundary, 'BOUNDARY'));
  }
  expect(seen[0]).toBe(seen[1]);
  expect(seen[0]).toContain('Content-Type: text/plain; name="report.txt"\r\nContent-Transfer-Encoding: base64\r\n');
  expect(seen[0]).toContain(Buffer.from('Zwölf\n').toString('base64'));
});
