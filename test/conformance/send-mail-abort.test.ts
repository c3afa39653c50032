// How a call of sendMail ends before its mail does: by its signal or its timeout at every stage, and with its streams.

import { createReadStream, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { EMS_BADATT, EMS_TIMEOUT } from 'tcpx/ashell.def';
import { type MailOptions, sendMail } from 'tcpx/emailx';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { behaviour, guardDescriptors } from '../support/conformance.ts';
import { cleanUpAfterAll } from '../support/peer.ts';
import { makePki } from '../support/pki.ts';
import { blackholeListener, type Peer, type Step, startPeerHost, stopPeers } from '../support/scripted-peer.ts';
import { EHLO, GREETING, message, opening, QUIT, smtpServer } from './emailx-mail.ts';
import { arrived, failure, LETTER, send } from './letter.ts';

const pki = await makePki();
await startPeerHost();
guardDescriptors();
afterEach(stopPeers);
cleanUpAfterAll();

const options = { tls: { ca: pki.ca } };
const UP_TO_DATA = message().slice(0, 6);

/** Every place where a call may be waiting, and what is then known of the message. */
const STAGES: readonly (readonly [string, readonly Step[], Partial<MailOptions>, 'impossible' | 'unknown'])[] = [
  ['the greeting', [], {}, 'impossible'],
  ['EHLO', [GREETING, EHLO], {}, 'impossible'],
  ['STARTTLS', [...opening('STARTTLS'), { expect: 'STARTTLS\r\n' }], { tls: 'require' }, 'impossible'],
  [
    'the handshake',
    [...opening('STARTTLS'), { expect: 'STARTTLS\r\n' }, { send: '220 go\r\n' }, { expect: 5 }],
    { tls: 'require' },
    'impossible',
  ],
  [
    'AUTH',
    [...opening('AUTH PLAIN'), { expectUntil: '\r\n' }],
    { auth: { username: 'ann', password: 'opensesame' }, clearAuth: true },
    'impossible',
  ],
  ['MAIL', [...opening(), ...message().slice(0, 1)], {}, 'impossible'],
  ['RCPT', [...opening(), ...message().slice(0, 3)], {}, 'impossible'],
  ['DATA', [...opening(), ...message().slice(0, 5)], {}, 'impossible'],
  ['the answer', [...opening(), ...UP_TO_DATA, { expectUntil: '\r\n.\r\n' }], {}, 'unknown'],
];

const NEVER_READ: Step = { neverRead: true };
/** More than the buffers of both ends hold. */
const LARGE = { content: Buffer.alloc(24_000_000, 'x'), name: 'large.bin' };

behaviour(
  { ids: ['LETTER-ABORT'], title: 'a timeout ends the call at every stage', options, timeout: 60_000 },
  async (bench) => {
    for (const [stage, steps, given, delivery] of STAGES) {
      const within = async (timeout: number) => {
        const peer = await smtpServer(steps, { discard: 'end' });
        const error = await failure(bench, { server: peer.server, timeout, ...given });
        expect(error.message, stage).toMatch(new RegExp(`^the ${timeout} ms of timeout are over: `));
        expect(bench.job.sockets, stage).toEqual([]);
        return error.delivery;
      };
      // A loaded machine may not have come to the stage by then.
      if ((await within(200)) !== delivery) expect(await within(3_000), stage).toBe(delivery);
    }
    const peer = await smtpServer(opening(), UP_TO_DATA, NEVER_READ);
    const error = await failure(bench, { server: peer.server, timeout: 300, attachments: [LARGE] });
    expect(error.delivery).toBe('impossible');
    const hole = await blackholeListener();
    const unconnected = await failure(bench, { server: `${hole.host}:${hole.port}`, timeout: 200 });
    expect(unconnected).toMatchObject({ status: -110, delivery: 'impossible' });
    await hole.stop();
  },
);

behaviour(
  { ids: ['LETTER-ABORT'], title: 'what is left of a message that is given up is not waited for', options },
  async (bench) => {
    for (const [begin, tls] of [
      [[], 'never'],
      [[{ startTls: {} }], 'implicit'],
    ] as const) {
      const peer = await smtpServer([...begin, ...opening()], UP_TO_DATA, NEVER_READ);
      const began = performance.now();
      const error = await failure(bench, { server: peer.server, tls, timeout: 400, attachments: [LARGE] });
      expect(error).toMatchObject({ status: EMS_TIMEOUT, delivery: 'impossible' });
      // CLOSE of a socket that somebody still writes to gives the peer two seconds.
      expect(performance.now() - began, tls).toBeLessThan(1_900);
      expect(bench.job.sockets).toEqual([]);
    }
  },
);

behaviour(
  { ids: ['LETTER-FAULTS'], title: 'a server that rests while it takes a message is not silent' },
  async (bench) => {
    const peer = await smtpServer(opening(), UP_TO_DATA, { delay: 900 }, message().slice(6), QUIT);
    await send(bench, { server: peer.server, patience: 300, attachments: [LARGE] });
    await peer.finished();

    const chunked = await smtpServer(
      opening('CHUNKING'),
      message().slice(0, 4),
      Array.from({ length: 4 }, (): Step[] => [
        { expect: 'BDAT 262144\r\n' },
        { expect: 262_144 },
        { delay: 450 },
        { send: '250 ok\r\n' },
      ]).flat(),
      { expectUntil: ' LAST\r\n' },
      { expectUntil: '--\r\n' },
      { send: '250 2.0.0 taken\r\n' },
      QUIT,
    );
    const content = Buffer.alloc(300_000, 'x');
    const attachments = [
      { content, name: 'a.txt' },
      { content: Buffer.alloc(500_000), name: 'a.bin' },
    ];
    await send(bench, { server: chunked.server, patience: 300, attachments });
    await chunked.finished();
  },
);

/** Waits until the peer has come so far that the client can only be waiting. */
async function reached(peer: Peer, steps: readonly Step[]): Promise<void> {
  const waited = steps.filter((step) => 'expect' in step || 'expectUntil' in step).length;
  for (;;) {
    const { connections } = await peer.report();
    const heard = (
      Buffer.from(connections[0]?.received ?? [])
        .toString('latin1')
        .match(/\r\n/g) ?? []
    ).length;
    if (connections.length > 0 && heard >= waited) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

behaviour(
  { ids: ['LETTER-ABORT'], title: 'a signal ends the call at every stage', options, timeout: 60_000 },
  async (bench) => {
    // Nobody could abort a call that blocks its thread; it takes no signal.
    if (bench.mode === 'sync')
      return expect(() => send(bench, { signal: AbortSignal.abort() })).rejects.toThrow(/^signal/);
    for (const [stage, steps, given, delivery] of STAGES) {
      const peer = await smtpServer(steps, { discard: 'end' });
      const abort = new AbortController();
      const failing = failure(bench, { server: peer.server, signal: abort.signal, ...given });
      await reached(peer, stage === 'the handshake' ? steps.slice(0, -1) : steps);
      abort.abort();
      const error = await failing;
      expect(error, stage).toMatchObject({ status: -125, delivery });
      expect(bench.job.sockets, stage).toEqual([]);
    }
    const hole = await blackholeListener();
    const connecting = failure(bench, { server: `${hole.host}:${hole.port}`, signal: AbortSignal.timeout(100) });
    expect(await connecting).toMatchObject({ status: -125, delivery: 'impossible' });
    await hole.stop();
    const before = await failure(bench, { server: 'localhost:1', signal: AbortSignal.abort() });
    expect(before.reason).toBe('the call was aborted before it began');
  },
);

behaviour(
  { ids: ['LETTER-ABORT'], title: 'a signal ends the call in the middle of a message', options },
  async (bench) => {
    if (bench.mode === 'sync')
      return expect(() => send(bench, { signal: AbortSignal.abort() })).rejects.toThrow(/^signal/);
    const peer = await smtpServer(opening(), UP_TO_DATA, NEVER_READ);
    const abort = new AbortController();
    let seen = 0;
    const onProgress = (sent: number) => {
      seen = sent;
    };
    const failing = failure(bench, { server: peer.server, signal: abort.signal, attachments: [LARGE], onProgress });
    for (let last = -1; seen === 0 || seen !== last; ) {
      last = seen;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    abort.abort();
    expect(await failing).toMatchObject({ status: -125, delivery: 'impossible' });
    expect(seen).toBeLessThan(LARGE.content.length);
    expect(bench.job.sockets).toEqual([]);
  },
);

const { TMPDIR } = process.env;
/** Where streams are kept while this file runs; other tests keep theirs elsewhere. */
process.env.TMPDIR = mkdtempSync(join(tmpdir(), 'tcpx-kept-'));

/** Directories of streams that were kept. */
const kept = () => readdirSync(tmpdir()).filter((name) => name.startsWith('tcpx-mail-'));
afterAll(() => {
  rmSync(tmpdir(), { recursive: true });
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
});

behaviour({ ids: ['LETTER-CONTENT'], title: 'streams, short and long, are sent whole' }, async (bench) => {
  // A call that blocks its thread cannot wait for a stream.
  if (bench.mode === 'sync') return;
  const long = Buffer.alloc(3_000_000, 'abc\r\n.def');
  const chunks = Array.from({ length: 47 }, (_, index) => long.subarray(index * 64_000, (index + 1) * 64_000));
  const peer = await smtpServer(opening('8BITMIME'), message(['ann@example.com'], ' BODY=8BITMIME'), QUIT);
  const attachments = [
    { content: Readable.from(chunks), name: 'long.txt', encoding: '8bit' as const },
    { content: Readable.from(['schö', 'n']), name: 'short.txt', encoding: '8bit' as const },
  ];
  const named: string[][] = [];
  const onProgress = () => named.push(kept());
  const sent = await send(bench, { server: peer.server, attachments, onProgress });
  await peer.finished();
  // What is open needs no name: a process that is killed leaves none behind.
  expect(named.length).toBeGreaterThan(0);
  expect(named.flat()).toEqual([]);
  const text = await arrived(peer);
  expect(sent.size).toBe(text.length);
  expect(text.includes(long.toString('latin1'))).toBe(true);
  expect(text.includes(Buffer.from('\r\n\r\nschön\r\n--', 'utf8').toString('latin1'))).toBe(true);

  const whole = await smtpServer(opening(), message(), QUIT);
  const stream = (async function* () {
    yield 'Subject: streamed\n';
    yield* ['\n', 'from ', 'a generator'];
  })();
  await send(bench, { server: whole.server, message: stream, subject: undefined, text: undefined });
  expect(await arrived(whole)).toBe('Subject: streamed\r\n\r\nfrom a generator\r\n');
  expect(kept()).toEqual([]);
});

// covers('LETTER-ABORT')
describe('a stream', () => {
  const sent = (content: AsyncIterable<Uint8Array>, more: Partial<MailOptions> = {}) =>
    sendMail({ ...LETTER, server: 'localhost:1', attachments: [{ content, name: 'a' }], ...more });
  const silent = () => {
    const stream = new Readable({ read() {} });
    stream.push(Buffer.alloc(2_000_000));
    return stream;
  };

  it('that fails fails the call', async () => {
    const cause = new Error('the disk is on fire');
    const content = (async function* () {
      yield Buffer.alloc(2_000_000);
      throw cause;
    })();
    await expect(sent(content)).rejects.toMatchObject({
      refusal: 'attachmentUnreadable',
      reason: 'attachments[0].content ended with an error: the disk is on fire',
    });
    expect(kept()).toEqual([]);
  });

  it('that never ends is left, and ended, by the timeout and the signal', async () => {
    const first = silent();
    await expect(sent(first, { timeout: 200 })).rejects.toMatchObject({ status: EMS_TIMEOUT });
    const second = silent();
    await expect(sent(second, { signal: AbortSignal.timeout(200) })).rejects.toMatchObject({ status: -125 });
    expect([first.destroyed, second.destroyed]).toEqual([true, true]);
    expect(kept()).toEqual([]);
  });

  it('that never lets a timer have its turn is left as well', async () => {
    const restless = async function* () {
      for (const end = performance.now() + 3_000; performance.now() < end; ) yield new Uint8Array(0);
    };
    await expect(sent(restless(), { timeout: 50 })).rejects.toMatchObject({ status: EMS_TIMEOUT });
  });

  it('that fails before its turn fails the call, not the process', async () => {
    const first = createReadStream('/dev/zero', { end: 20_000_000 });
    const attachments = [
      { content: first, name: 'a' },
      { content: createReadStream('/nonexistent'), name: 'b' },
    ];
    await expect(sendMail({ ...LETTER, server: 'localhost:1', attachments })).rejects.toMatchObject({
      status: EMS_BADATT,
      reason: expect.stringMatching(/^attachments\[1\]\.content ended with an error: no such file/),
    });
    expect(first.destroyed).toBe(true);
    expect(kept()).toEqual([]);
  });

  it('behind one that fails is ended with the call', async () => {
    let begun = false;
    const generator = (async function* () {
      begun = true;
      yield '';
    })();
    const rest = [createReadStream('/dev/zero'), new ReadableStream(), generator];
    const attachments = [createReadStream('/nonexistent'), ...rest].map((content) => ({ content, name: 'a' }));
    await expect(sendMail({ ...LETTER, server: 'localhost:1', attachments })).rejects.toMatchObject({
      status: EMS_BADATT,
    });
    expect(attachments[1]?.content).toMatchObject({ destroyed: true });
    expect(await attachments[2]?.content[Symbol.asyncIterator]().next()).toMatchObject({ done: true });
    expect([await generator.next(), begun]).toEqual([{ done: true, value: undefined }, false]);
  });

  it('is ended by a call that makes no sense', async () => {
    const content = createReadStream('/nonexistent');
    await expect(sent(content, { server: 'no server' })).rejects.toThrow(/^server: /);
    expect(content.destroyed).toBe(true);
  });

  it('of something else is refused', async () => {
    const content = (async function* () {
      yield 7 as unknown as Uint8Array;
    })();
    await expect(sent(content)).rejects.toThrow(/^attachments\[0\]\.content brings number, where text or octets/);
  });
});
