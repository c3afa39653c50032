// How sendMail fails: what the error says of it.

import { inspect } from 'node:util';
import { EMF_TLS, EMS_BADCFG, EMS_BADRESP, EMS_TIMEOUT } from 'tcpx/ashell.def';
import { afterEach, expect } from 'vitest';
import { behaviour, guardDescriptors } from '../support/conformance.ts';
import { cleanUpAfterAll } from '../support/peer.ts';
import { makePki } from '../support/pki.ts';
import { type Peer, type Step, startPeer, startPeerHost, stopPeers } from '../support/scripted-peer.ts';
import { EHLO, GREETING, mail, message, opening, QUIT, said, smtpServer } from './emailx-mail.ts';
import { failure, send } from './letter.ts';

const pki = await makePki();
await startPeerHost();
guardDescriptors();
afterEach(stopPeers);
cleanUpAfterAll();

const options = { tls: { ca: pki.ca } };
const UP_TO_DATA = message().slice(0, 6);

behaviour({ ids: ['LETTER-FAULTS'], title: 'a refusal is told with its command and its words' }, async (bench) => {
  const peer = await smtpServer(opening(), message().slice(0, 1), { send: '451-4.7.1 not\r\n451 4.7.1 now\r\n' }, QUIT);
  const error = await failure(bench, { server: peer.server });
  await peer.finished();
  expect(error).toMatchObject({
    name: 'MailError',
    code: 'TCPX_MAIL',
    message: 'MAIL FROM: 451 4.7.1 not 4.7.1 now; nothing was delivered',
    status: 451,
    refusal: null,
    delivery: 'impossible',
    reply: { code: 451, text: '4.7.1 not 4.7.1 now' },
  });
});

behaviour(
  { ids: ['LETTER-FAULTS'], title: 'only silence behind the whole message leaves open what became of it' },
  async (bench) => {
    for (const [steps, delivery] of [
      [[...opening(), ...message().slice(0, 5)], 'impossible'],
      [[...opening(), ...UP_TO_DATA, { expectUntil: '\r\n.\r\n' }], 'unknown'],
    ] as const) {
      const peer = await smtpServer(steps, { close: 'rst' });
      const error = await failure(bench, { server: peer.server });
      await peer.outcome();
      expect(error.delivery).toBe(delivery);
      expect(error.status).toBeLessThan(0);
      expect(error.message).toContain(delivery === 'unknown' ? 'is unknown' : 'nothing was delivered');
    }
  },
);

/** More than the buffers of both ends hold. */
const LARGE = { content: Buffer.alloc(24_000_000, 'x'), name: 'large.bin' };

behaviour(
  { ids: ['LETTER-FAULTS', 'LETTER-TLS'], title: 'clear text within TLS says nothing of the port', options },
  async (bench) => {
    const peer = await smtpServer({ startTls: {} }, opening(), message().slice(0, 1), { sendRaw: '250 in clear\r\n' });
    const error = await failure(bench, { server: peer.server, tls: 'implicit' });
    await peer.outcome();
    expect(error).toMatchObject({ portSpeaks: null, delivery: 'impossible' });
    expect(error.message).not.toContain('use tls');
    const other = await smtpServer({ startTls: {} }, opening(), message().slice(0, 1), { sendRaw: '250 in clear\r\n' });
    const { status, errmsg } = await mail(bench, { opflags: EMF_TLS, server: other.server });
    await other.outcome();
    expect(status).toBe(error.status);
    expect(errmsg).not.toContain('EMF_STARTTLS');
  },
);

behaviour(
  { ids: ['LETTER-FAULTS'], title: 'what a server says before it has all of a message is no answer to it' },
  async (bench) => {
    const early = /the server answers the message before it has all of it: "250 /;
    const refused = /4\.3\.1 no room/;
    const chunk: readonly Step[] = [{ expect: 'BDAT 262144\r\n' }, { expect: 262_144 }];
    for (const [steps, status, reason, given] of [
      [[...message().slice(0, 5), { send: '354 go\r\n250 ok\r\n' }], EMS_BADRESP, early, {}],
      [[...message().slice(0, 5), { send: '354 go\r\n452 4.3.1 no room\r\n' }], 452, refused, {}],
      [[...UP_TO_DATA, { expect: 99_999 }, { send: '250 ok\r\n' }], EMS_BADRESP, early, { attachments: [LARGE] }],
    ] as const) {
      const peer = await smtpServer(opening(), steps, { discard: 'end' });
      const error = await failure(bench, { server: peer.server, ...given });
      await peer.outcome();
      expect(error).toMatchObject({ status, delivery: 'impossible', reason: expect.stringMatching(reason) });
    }
    const chunked = await smtpServer(
      opening('CHUNKING'),
      message().slice(0, 4),
      [...chunk, { send: '250 ok\r\n250 ok\r\n' }],
      { discard: 'end' },
    );
    const content = Buffer.alloc(2_000_000);
    const error = await failure(bench, { server: chunked.server, attachments: [{ content, name: 'a.bin' }] });
    expect(error).toMatchObject({ status: EMS_BADRESP, delivery: 'impossible', reason: expect.stringMatching(early) });
  },
);

behaviour(
  { ids: ['LETTER-FAULTS', 'LETTER-TLS'], title: 'a server that is silent where TLS is to begin is given up', options },
  async (bench) => {
    for (const [steps, tls] of [
      [[...opening('STARTTLS'), { expect: 'STARTTLS\r\n' }, { send: '220 go\r\n' }], 'require'],
      [[], 'implicit'],
    ] as const) {
      const peer = await smtpServer(steps, { discard: 'end' });
      const began = performance.now();
      const error = await failure(bench, { server: peer.server, tls, patience: 500 });
      expect(performance.now() - began).toBeLessThan(3_000);
      expect(error).toMatchObject({ status: EMS_TIMEOUT, refusal: 'responseTimeout', delivery: 'impossible' });
    }
  },
);

behaviour(
  { ids: ['LETTER-TLS'], title: 'without STARTTLS nothing is sent, nor to somebody else', options },
  async (bench) => {
    const peer = await smtpServer(opening('PIPELINING'), QUIT);
    const missing = await failure(bench, { server: peer.server, tls: 'require' });
    await peer.finished();
    expect(missing).toMatchObject({ status: EMS_BADRESP, refusal: 'startTlsMissing', tls: null });

    const impostor = await smtpServer({ startTls: { identity: pki.selfSigned } });
    const unverified = await failure(bench, { server: impostor.server, tls: 'implicit' });
    await impostor.outcome();
    expect(unverified).toMatchObject({ status: -348, refusal: null, portSpeaks: null });
  },
);

behaviour({ ids: ['LETTER-TLS'], title: 'where STARTTLS is only preferred, HELO will do' }, async (bench) => {
  const refused: readonly Step[] = [GREETING, EHLO, { send: '502 what?\r\n' }];
  const old = await smtpServer(refused, { expect: 'HELO client.example\r\n' }, { send: '250 mx\r\n' }, message(), QUIT);
  expect(await send(bench, { server: old.server, tls: 'prefer' })).toMatchObject({ tls: null });
  await old.finished();
  const strict = await smtpServer(refused, QUIT);
  expect((await failure(bench, { server: strict.server, tls: 'require' })).status).toBe(502);
  await strict.finished();
});

behaviour({ ids: ['LETTER-TLS'], title: 'a password does not cross in clear' }, async (bench) => {
  const peer = await smtpServer(opening('AUTH PLAIN'), QUIT);
  const auth = { username: 'ann', password: 'opensesame' };
  const error = await failure(bench, { server: peer.server, auth });
  await peer.finished();
  expect(error).toMatchObject({ status: EMS_BADCFG, refusal: 'clearAuth' });
  expect(error.message).toContain("use tls 'require' or 'implicit', or allow it with clearAuth");
  expect(await said(peer)).not.toContain('AUTH');
});

behaviour(
  { ids: ['LETTER-FAULTS'], title: 'TLS shows in the error of what fails behind it', options },
  async (bench) => {
    const blob = Buffer.from('\0jörg\0gehäim', 'utf8').toString('base64');
    const words = `535 5.7.8 no: ${Buffer.from('gehäim', 'utf8').toString('latin1')} ${blob}\r\n`;
    const peer = await smtpServer(
      { startTls: {} },
      opening('AUTH PLAIN'),
      { expectUntil: '\r\n' },
      { send: words },
      QUIT,
    );
    const auth = { username: 'jörg', password: 'gehäim' };
    const error = await failure(bench, { server: peer.server, tls: 'implicit', auth });
    await peer.finished();
    expect(error.status).toBe(535);
    expect(error.message).toBe('AUTH PLAIN: 535 5.7.8 no: **** ****; nothing was delivered');
    expect(error.reply?.text).toBe('5.7.8 no: **** ****');
    expect(error.tls).toMatchObject({ version: 'TLSv1.3', verify: { result: 'verified' } });
  },
);

behaviour(
  { ids: ['LETTER-FAULTS'], title: 'a password that the server repeats is nowhere in what comes of it' },
  async (bench) => {
    const auth = { username: 'bob', password: 'sekrit1', mechanism: 'PLAIN' } as const;
    const echo = `sekrit1 c2Vrcml0MQ== ${Buffer.from('\0bob\0sekrit1').toString('base64')}`;
    const secret = /sekrit1|c2Vrcml0MQ|c2Vrcml0M|AGJvYgBzZWtyaXQx/;
    const given = { auth, clearAuth: true, partial: true, to: ['ann@example.com', 'bob@example.com'] };
    const login: readonly Step[] = [...opening('AUTH PLAIN'), { expectUntil: '\r\n' }];
    for (const [answer, end] of [
      [`535 password ${echo} wrong\r\n`, QUIT],
      [`what ${'.'.repeat(100)} ${echo}\r\n`, { expectEnd: 'any' }],
    ] as const) {
      const peer = await smtpServer(login, { send: answer }, end);
      const error = await failure(bench, { server: peer.server, ...given });
      expect(inspect(error, { depth: 9 })).not.toMatch(secret);
      expect(inspect(error, { depth: 9 })).toContain('****');
    }
    const peer = await smtpServer(
      login,
      { send: '235 ok\r\n' },
      message().slice(0, 4),
      [{ expectUntil: '\r\n' }, { send: `550 not with ${echo}\r\n` }],
      message().slice(4, -1),
      { send: `250 taken ${echo}\r\n` },
      QUIT,
    );
    const sent = await send(bench, { server: peer.server, ...given });
    expect(inspect(sent, { depth: 9 })).not.toMatch(secret);
    expect(sent.reply.text).toBe('taken **** **** ****');
    expect(sent.rejected).toEqual([{ recipient: 'bob@example.com', code: 550, text: 'not with **** **** ****' }]);
    await peer.finished();
  },
);

behaviour(
  { ids: ['LETTER-FAULTS'], title: 'what onProgress throws comes out, and the connection ends' },
  async (bench) => {
    const peer = await smtpServer(opening(), UP_TO_DATA, { expectEnd: 'any' });
    const mine = new Error('mine');
    const onProgress = () => {
      throw mine;
    };
    await expect(send(bench, { server: peer.server, onProgress })).rejects.toBe(mine);
    expect(bench.job.sockets).toEqual([]);
  },
);

/** A port that expects TLS first: silent on the first connection, which speaks in clear, and answering on the second. */
async function tlsFirst(identity = pki.good): Promise<Peer & { server: string }> {
  const peer = await startPeer({ tls: { identity }, connections: [[{ expectEnd: 'any' }], [{ expectEnd: 'any' }]] });
  return { ...peer, server: `localhost:${peer.port}` };
}

behaviour(
  { ids: ['MAIL-WRONG-MODE'], title: 'a port that expects TLS first is found out soon', options },
  async (bench) => {
    for (const [tls, identity] of [
      ['require', pki.good],
      ['never', pki.selfSigned],
    ] as const) {
      const peer = await tlsFirst(identity);
      const began = performance.now();
      const auth = { username: 'ann', password: 'opensesame' };
      const error = await failure(bench, { server: peer.server, tls, auth, patience: 1_000 });
      expect(performance.now() - began).toBeLessThan(10_000);
      expect(error).toMatchObject({
        portSpeaks: 'tls',
        refusal: 'tlsExpected',
        status: EMS_TIMEOUT,
        delivery: 'impossible',
      });
      expect(error.message).toContain("this port expects TLS first; use tls 'implicit', usually with port 465");
      expect(bench.job.sockets).toEqual([]);
      const { connections } = await peer.outcome();
      // Nothing is said on either of the two but what TLS says by itself.
      expect(connections.map(({ received }) => received.length)).toEqual([0, 0]);
    }
    const peer = await tlsFirst();
    const { status, errmsg } = await mail(bench, { server: peer.server });
    expect(status).toBe(EMS_TIMEOUT);
    expect(errmsg).toBe(
      'the server says nothing in clear: this port expects TLS first; use EMF_TLS, usually with port 465',
    );
  },
);

behaviour({ ids: ['MAIL-WRONG-MODE'], title: 'a server that is only slow has all of its time' }, async (bench) => {
  const peer = await startPeer({
    connections: [
      [{ waitFor: 'second look' }, ...opening(), ...message(), ...QUIT],
      // Whoever speaks in clear takes no ClientHello.
      [{ expect: 1 }, { close: 'fin' }],
    ],
  });
  const sending = send({ ...bench, mode: 'async' }, { server: `localhost:${peer.port}`, patience: 1_000 });
  while ((await peer.report()).connections.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  await peer.release('second look');
  expect((await sending).reply.code).toBe(250);
});

behaviour(
  { ids: ['MAIL-WRONG-MODE'], title: 'a port that speaks in clear is told from broken TLS', options },
  async (bench) => {
    const peer = await startPeer({ connections: [[...opening()].slice(0, 1), [...opening()].slice(0, 1)], count: 2 });
    const server = `localhost:${peer.port}`;
    const error = await failure(bench, { server, tls: 'implicit' });
    expect(error).toMatchObject({ portSpeaks: 'clear', delivery: 'impossible' });
    expect(error.message).toMatch(/plaintext.*; use tls 'require', usually with port 587; nothing was delivered$/);
    const { status, errmsg } = await mail(bench, { server, opflags: 1024 });
    expect(status).toBe(-15);
    expect(errmsg).toContain('; use EMF_STARTTLS, usually with port 587');
  },
);

behaviour(
  { ids: ['MAIL-WRONG-MODE'], title: 'plaintext behind the go-ahead is an injection, however late', options },
  async (bench) => {
    const late: Step[] = [{ expect: 'STARTTLS\r\n' }, { send: '220 go\r\n' }, { expect: 5 }, { send: '250-evil\r\n' }];
    const peer = await startPeer({ steps: [...opening('STARTTLS'), ...late], count: 2 });
    const server = `localhost:${peer.port}`;
    const error = await failure(bench, { server, tls: 'require' });
    expect(error).toMatchObject({ status: -74, portSpeaks: null, delivery: 'impossible' });
    expect(error.message).toContain('the server sent plaintext where only TLS may follow');
    const { status } = await mail(bench, { server, opflags: 2048 });
    expect(status).toBe(-74);
  },
);
