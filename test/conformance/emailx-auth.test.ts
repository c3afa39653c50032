import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { F } from 'tcpx';
import {
  EMF_CLOSEONLY,
  EMF_LEAVEOPEN,
  EMF_OPENONLY,
  EMF_TLS,
  EMS_BADCFG,
  EMS_BADRESP,
  EMS_NOSOCKET,
  EMS_TIMEOUT,
} from 'tcpx/ashell.def';
import { afterEach, expect } from 'vitest';
import { type Bench, behaviour, guardDescriptors } from '../support/conformance.ts';
import { cleanUpAfterAll, tempDir } from '../support/peer.ts';
import { makePki } from '../support/pki.ts';
import { type Step, startPeerHost, stopPeers } from '../support/scripted-peer.ts';
import { file, mail, message, opening, QUIT, said, smtpServer } from './emailx-mail.ts';

const pki = await makePki();
await startPeerHost();
guardDescriptors();
afterEach(stopPeers);
cleanUpAfterAll();

const options = { tls: { ca: pki.ca } };
const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64');
const USER = { username: 'ann', password: 'opensesame' };

/** The whole session over TLS, with these AUTH mechanisms and this dialogue. */
async function login(bench: Bench, mechanisms: string, steps: readonly Step[], auth = '') {
  const peer = await smtpServer({ startTls: {} }, opening(`AUTH ${mechanisms}`), steps, message(), QUIT);
  const cfgfile = auth === '' ? '' : file('emailx.cfg', `AUTH = ${auth}\n`);
  const result = await mail(bench, { opflags: EMF_TLS, server: peer.server, cfgfile, ...USER });
  return { result, peer };
}

const ACCEPTED: Step = { send: '235 2.7.0 welcome\r\n' };
const PLAIN: readonly Step[] = [{ expect: `AUTH PLAIN ${base64('\0ann\0opensesame')}\r\n` }, ACCEPTED];
const LOGIN: readonly Step[] = [
  { expect: 'AUTH LOGIN\r\n' },
  { send: `334 ${base64('Username:')}\r\n` },
  { expect: `${base64('ann')}\r\n` },
  { send: `334 ${base64('Password:')}\r\n` },
  { expect: `${base64('opensesame')}\r\n` },
  ACCEPTED,
];
const CRAM: readonly Step[] = [
  { expect: 'AUTH CRAM-MD5\r\n' },
  { send: `334 ${base64('<1896.697170952@postoffice.example.net>')}\r\n` },
  // HMAC-MD5 of the challenge, computed with openssl dgst -md5 -hmac opensesame.
  { expect: `${base64('ann a64d8e758373abf30f0df041722e896b')}\r\n` },
  ACCEPTED,
];

behaviour(
  { ids: ['MAIL-AUTH'], title: 'AUTO takes LOGIN before PLAIN, by credentials alone', options },
  async (bench) => {
    for (const [mechanisms, steps] of [
      ['PLAIN LOGIN', LOGIN],
      ['CRAM-MD5 PLAIN', PLAIN],
      ['GSSAPI CRAM-MD5', CRAM],
      ['login', LOGIN],
    ] as const) {
      const { result, peer } = await login(bench, mechanisms, steps);
      expect(result, mechanisms).toEqual({ status: 0, errmsg: '' });
      await peer.finished();
    }
  },
);

behaviour({ ids: ['MAIL-AUTH'], title: 'the configuration chooses the mechanism', options }, async (bench) => {
  const token = `user=ann\x01auth=Bearer opensesame\x01\x01`;
  for (const [auth, steps] of [
    ['PLAIN', PLAIN],
    ['*', LOGIN],
    ['XOAUTH2', [{ expect: `AUTH XOAUTH2 ${base64(token)}\r\n` }, ACCEPTED]],
  ] as const) {
    const { result, peer } = await login(bench, 'PLAIN LOGIN XOAUTH2 CRAM-MD5', steps, auth);
    expect(result, auth).toEqual({ status: 0, errmsg: '' });
    await peer.finished();
  }
});

behaviour(
  { ids: ['MAIL-AUTH-REFUSED'], title: 'a refused token is concluded with an empty answer', options },
  async (bench) => {
    const peer = await smtpServer(
      { startTls: {} },
      opening('AUTH XOAUTH2'),
      { expectUntil: '\r\n' },
      { send: `334 ${base64('{"status":"400"}')}\r\n` },
      { expect: '\r\n' },
      { send: '535 5.7.8 expired: opensesame\r\n' },
      QUIT,
    );
    const cfgfile = file('emailx.cfg', 'AUTH = XOAUTH2\n');
    const result = await mail(bench, { opflags: EMF_TLS, server: peer.server, cfgfile, ...USER });
    expect(result).toEqual({ status: 535, errmsg: '5.7.8 expired: ****' });
    await peer.finished();
  },
);

behaviour({ ids: ['MAIL-AUTH-CLEAR'], title: 'no password in clear, unless an option allows it' }, async (bench) => {
  const peer = await smtpServer(opening('AUTH PLAIN LOGIN'), QUIT);
  const refused = await mail(bench, { server: peer.server, ...USER });
  expect(refused.status).toBe(EMS_BADCFG);
  expect(refused.errmsg).toContain('clearAuth');
  await peer.finished();
  expect(await said(peer)).not.toContain('AUTH');

  const allowed = await smtpServer(opening('AUTH PLAIN'), PLAIN, message(), QUIT);
  const job = bench.newJob({ emailx: { assume: { clearAuth: true } } });
  const xcall: typeof bench.xcall = async (routine, ...args) =>
    bench.mode === 'sync' ? job.xcall(routine, ...args) : job.xcall.async(routine, ...args);
  expect((await mail({ ...bench, xcall }, { server: allowed.server, ...USER })).status).toBe(0);
});

behaviour({ ids: ['MAIL-AUTH'], title: 'a server without a mechanism that fits is 75', options }, async (bench) => {
  for (const offer of ['AUTH GSSAPI', 'SIZE 1000']) {
    const peer = await smtpServer({ startTls: {} }, opening(offer), QUIT);
    const { status, errmsg } = await mail(bench, { opflags: EMF_TLS, server: peer.server, ...USER });
    expect(status).toBe(EMS_BADRESP);
    expect(errmsg).toContain('AUTH AUTO is wanted');
  }
});

behaviour(
  { ids: ['MAIL-AUTH-REFUSED', 'MAIL-LOG'], title: 'the password shows in no log, errmsg or trace', options },
  async (bench) => {
    for (const trace of [['socks', 'xdebug'], ['data']] as const) {
      const directory = tempDir('tcpx-emailx-');
      const log = join(directory, 'mail.log');
      const traceFile = join(directory, 'trace.log');
      const peer = await smtpServer(
        { startTls: {} },
        opening('AUTH PLAIN LOGIN'),
        LOGIN.slice(0, -1),
        { send: `535-5.7.8 you said ${base64('opensesame')}\r\n535 5.7.8 that is opensesame\r\n` },
        QUIT,
      );
      const job = bench.newJob({ ...options, trace, traceFile });
      const xcall: typeof bench.xcall = async (routine, ...args) =>
        bench.mode === 'sync' ? job.xcall(routine, ...args) : job.xcall.async(routine, ...args);
      const cfgfile = file('emailx.cfg', `LOGFILE = ${log}\nLOGLVL = 5\n`);
      const result = await mail({ ...bench, xcall }, { opflags: EMF_TLS, server: peer.server, cfgfile, ...USER });
      expect(result).toEqual({ status: 535, errmsg: '5.7.8 you said **** 5.7.8 that is ****' });
      job.close();
      const dumped = [...readFileSync(traceFile, 'latin1').matchAll(/ [<>] [0-9a-f]{4} {2}((?:[0-9a-f]{2} )+)/g)];
      const hex = dumped.map(([, row = '']) => row.replaceAll(' ', '')).join('');
      const seen = readFileSync(log, 'latin1') + result.errmsg + Buffer.from(hex, 'hex').toString('latin1');
      expect(seen).toContain('> EHLO client.example');
      expect(seen).toContain('< 250-mx.example');
      expect(seen).toContain('AUTH [secret]');
      for (const secret of ['opensesame', base64('opensesame')]) expect(seen).not.toContain(secret);
    }
  },
);

behaviour({ ids: ['MAIL-LOG'], title: 'a log that cannot be written fails nothing' }, async (bench) => {
  const peer = await smtpServer(opening(), message(), QUIT);
  const cfgfile = file('emailx.cfg', 'LOGFILE = /nonexistent/mail.log\nLOGLVL = 5\n');
  expect(await mail(bench, { cfgfile, server: peer.server })).toEqual({ status: 0, errmsg: '' });
});

behaviour({ ids: ['MAIL-LOG'], title: 'level 2 has a line per message' }, async (bench) => {
  const log = join(tempDir('tcpx-emailx-'), 'mail.log');
  const peer = await smtpServer(opening(), message(), QUIT);
  const cfgfile = file('emailx.cfg', `LOGFILE = ${log}\nLOGLVL = 2\n`);
  expect((await mail(bench, { cfgfile, server: peer.server })).status).toBe(0);
  expect(readFileSync(log, 'latin1')).toMatch(
    /message from <me@example.com> to ann@example.com: status 0 2.0.0 taken\n$/,
  );
});

behaviour({ ids: ['MAIL-LOG'], title: 'a setting that is refused is logged' }, async (bench) => {
  const log = join(tempDir('tcpx-emailx-'), 'mail.log');
  const cfgfile = file('emailx.cfg', `LOGFILE = ${log}\n`);
  expect((await mail(bench, { cfgfile, server: 'no server' })).status).toBe(EMS_NOSOCKET);
  expect(readFileSync(log, 'latin1')).toMatch(/ error 76: the server 'no server' is no host name or address/);
});

behaviour({ ids: ['MAIL-CONNLOCK'], title: 'one session at a time' }, async (bench) => {
  const emailx = { assume: { lockDirectory: join(tempDir('tcpx-emailx-'), 'lock'), waitUnit: 300 } };
  const cfgfile = file('emailx.cfg', 'CONNLOCK = 1\nWAIT = 1\n');
  const job = bench.newJob({ emailx });
  const xcall: typeof bench.xcall = async (routine, ...args) =>
    bench.mode === 'sync' ? job.xcall(routine, ...args) : job.xcall.async(routine, ...args);
  const locked = { ...bench, xcall };
  const peer = await smtpServer(opening(), QUIT);
  const socket = F();
  expect((await mail(locked, { opflags: EMF_OPENONLY, cfgfile, server: peer.server, socket })).status).toBe(0);
  const second = await smtpServer({ expectEnd: 'any' });
  const late = await mail(locked, { cfgfile, server: second.server });
  expect(late.status).toBe(EMS_TIMEOUT);
  expect(late.errmsg).toContain('CONNLOCK');
  expect((await mail(locked, { opflags: EMF_CLOSEONLY, cfgfile, socket })).status).toBe(0);
  const third = await smtpServer(opening(), message(), QUIT);
  expect((await mail(locked, { cfgfile, server: third.server })).status).toBe(0);
});

behaviour({ ids: ['MAIL-CONNLOCK'], title: 'a job that closes lets go of the lock' }, async (bench) => {
  const emailx = { assume: { lockDirectory: join(tempDir('tcpx-emailx-'), 'lock'), waitUnit: 300 } };
  const cfgfile = file('emailx.cfg', 'CONNLOCK = 1\nWAIT = 1\n');
  for (const opflags of [EMF_LEAVEOPEN, EMF_OPENONLY, EMF_LEAVEOPEN]) {
    const job = bench.newJob({ emailx });
    const xcall: typeof bench.xcall = async (routine, ...args) =>
      bench.mode === 'sync' ? job.xcall(routine, ...args) : job.xcall.async(routine, ...args);
    const peer = await smtpServer(opening(), opflags === EMF_LEAVEOPEN ? message() : [], { expectEnd: 'any' });
    expect(await mail({ ...bench, xcall }, { opflags, cfgfile, server: peer.server })).toEqual({
      status: 0,
      errmsg: '',
    });
    job.close();
    await peer.finished();
  }
});

behaviour(
  { ids: ['MAIL-CANCEL'], title: 'an aborted call lets go of its connection' },
  async ({ job, mode, status }) => {
    if (mode === 'sync') {
      // There is nobody who could abort a call that blocks its thread.
      expect(job.sockets).toEqual([]);
      return;
    }
    const peer = await smtpServer(opening(), { expectUntil: '\r\n' }, { expectEnd: 'any' });
    const abort = new AbortController();
    const sending = job.xcall.async(
      'EMAILX',
      0,
      '',
      'ann@example.com',
      'Subject: x',
      'Hello\r\n',
      status,
      'me@example.com',
      '',
      '',
      '',
      '',
      peer.server,
      'client.example',
      { signal: abort.signal },
    );
    while (!(await said(peer)).includes('MAIL')) await new Promise((resolve) => setTimeout(resolve, 5));
    abort.abort();
    expect(await sending).toBe(-125);
    expect(status.value).toBe(-125);
    expect(job.sockets).toEqual([]);
    await peer.finished();
  },
);
