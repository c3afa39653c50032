// Messages whose parts are files: what is refused before anything is sent, and what happens to a file meanwhile.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readAttachments } from '../../src/emailx/attachments.ts';
import { BLOCK_SIZE } from '../../src/emailx/blocks.ts';
import { EmailxError } from '../../src/emailx/error.ts';
import type { Message, MessageParts } from '../../src/emailx/message.ts';
import { literal, messageOf, octetsOf, transcript } from '../support/mail-message.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tcpx-message-'));
  mkdirSync(join(directory, 'folder'));
  writeFileSync(join(directory, 'empty'), '');
});
afterAll(() => rmSync(directory, { recursive: true }));

const descriptors = () => readdirSync('/proc/self/fd').length;
let before: number;
beforeEach(() => {
  before = descriptors();
});
afterEach(() => expect(descriptors()).toBe(before));

const path = (name: string) => join(directory, name);
function file(name: string, contents: string | Buffer): string {
  writeFileSync(path(name), contents);
  return path(name);
}

const TEXT = { header: 'A: 1', body: literal('text\r\n') };
const attached = (...options: object[]) => ({ ...TEXT, attachments: readAttachments(options) });

function refusal(run: () => unknown): [number, string] {
  try {
    run();
  } catch (error) {
    if (error instanceof EmailxError) return [error.status, error.message];
    throw error;
  }
  return [0, 'not refused'];
}

describe('a file that cannot be sent is found before, and nothing stays open', () => {
  const good = () => file('good', 'good');

  it.each<[string, number, RegExp, () => Partial<MessageParts>]>([
    [
      'body missing',
      74,
      /^the body '.*none' cannot be read: no such file or directory$/,
      () => ({ body: { file: path('none') } }),
    ],
    ['body empty', 74, /^the body '.*empty' is empty/, () => ({ body: { file: path('empty') } })],
    ['body a directory', 74, /^the body '.*folder' is not a file/, () => ({ body: { file: path('folder') } })],
    [
      'signature missing',
      79,
      /^the signature '.*none' cannot be read: no such file or directory$/,
      () => ({ body: { file: good() }, signature: { file: path('none') } }),
    ],
    [
      'signature empty',
      79,
      /^the signature '.*empty' is empty/,
      () => ({ ...TEXT, signature: { file: path('empty') } }),
    ],
    [
      'second attachment missing',
      80,
      /^attachment 2 '.*none' cannot be read: no such file or directory$/,
      () => attached({ file: good() }, { file: path('none') }),
    ],
    [
      'attachment empty',
      80,
      /^attachment 1 '.*empty' is empty \(.*\); a program that has just written it must close it first$/,
      () => attached({ file: path('empty') }),
    ],
    ['attachment a directory', 80, /^attachment 1 '.*folder' is not a file/, () => attached({ file: path('folder') })],
    ['attachment with a NUL', 80, /^attachment 1 'a.b' cannot be read: /, () => attached({ file: 'a\0b' })],
    [
      'long line in a text attachment',
      80,
      /^line 1 has 999 octets/,
      () => attached({ file: good() }, { file: file('long', 'x'.repeat(999)), encoding: '8bit' }),
    ],
  ])('%s', (_, status, message, parts) => {
    expect(refusal(() => messageOf(parts(), { longLines: 'refused' }))).toEqual([
      status,
      expect.stringMatching(message),
    ]);
  });

  it('with the status that a site knows', () => {
    expect(refusal(() => messageOf({ body: { file: path('none') } }, { missingBody: 17 }))[0]).toBe(17);
    expect(refusal(() => messageOf({ body: { file: path('empty') } }, { missingBody: 17 }))[0]).toBe(17);
  });

  it('a named pipe without waiting for a writer', () => {
    execFileSync('mkfifo', [path('pipe')]);
    expect(refusal(() => messageOf(attached({ file: path('pipe') })))).toEqual([
      80,
      expect.stringMatching(/is not a file/),
    ]);
  });

  it('a filespec that names no path', () => {
    const locate = (spec: string, refused: 'attachmentUnreadable' | string, what: string) => {
      throw new EmailxError(refused === 'attachmentUnreadable' ? refused : 'noBody', `${what} ${spec}`);
    };
    expect(refusal(() => messageOf({ ...attached({ file: 'DSK9:A' }), locate }))).toEqual([80, 'attachment 1 DSK9:A']);
  });
});

describe('files', () => {
  it('are found by their filespec, and shown by the name of the file', () => {
    const found = file('Report.PDF', 'PDF');
    const locate = (spec: string) => (spec === 'DSK0:REPORT.PDF[1,4]' ? found : spec);
    const parts = { ...attached({ file: 'DSK0:REPORT.PDF[1,4]' }), locate };
    expect(transcript(messageOf(parts, { contentDisposition: false }))).toContain('; name="Report.PDF"\n');
  });

  it.each([
    ['UTF-8', 'caf\u00e9.txt', Buffer.from('caf\u00e9.txt')],
    ['Latin-1', 'caf\u00e9.txt', Buffer.from('caf\u00e9.txt', 'latin1')],
    ['UTF-8 as a program holds it', 'caf\xc3\xa9.txt', Buffer.from('caf\u00e9.txt')],
  ])('have names in %s', (_, spec, name) => {
    const folder = mkdtempSync(path('names-'));
    const at = Buffer.concat([Buffer.from(`${folder}/`), name]);
    writeFileSync(at, 'x');
    const message = messageOf(attached({ file: join(folder, spec) }));
    expect(message.attachments[0]).toEqual({ name: spec, size: 1, encoding: 'base64' });
    message.close();
  });

  it('give header, text and signature', () => {
    const body = { file: file('body', 'A: 1\nB: 2\n\nHello\n.') };
    const signature = { file: file('signature', 'Ann\n') };
    expect(transcript(messageOf({ body, signature }))).toBe('A: 1\nB: 2\n\nHello\n.\nAnn\n');
  });

  it('larger than a block are text as well, wherever blocks are cut', () => {
    for (const offset of [-2, -1, 0, 1]) {
      const lines = `${'x'.repeat(70)}\n`.repeat(2 * BLOCK_SIZE).slice(0, BLOCK_SIZE + offset);
      const contents = `${lines}\r\n\r\rend`;
      const body = { file: file('large', `A: 1\r\n\r\n${contents}`) };
      const message = messageOf({ body, attachments: readAttachments([{ content: 'x', name: 'y' }]) });
      const octets = octetsOf(message).toString('latin1');
      message.close();
      expect(octets.length).toBe(message.size);
      expect(octets).toContain(`text/plain\r\n\r\n${contents.replace(/\r\n|\r|\n/g, '\r\n')}\r\n--`);
    }
  });

  it('are sent with the size that they had when they were opened', () => {
    const at = file('grows', Buffer.alloc(2 * BLOCK_SIZE, 'a'));
    const message = messageOf(attached({ file: at }, { file: at, encoding: 'binary' }));
    appendFileSync(at, 'more');
    const octets = octetsOf(message);
    message.close();
    expect(octets.length).toBe(message.size);
    expect(octets.includes('more')).toBe(false);
  });

  it.each([
    ['base64', 81],
    ['binary', 81],
    ['7bit', 81],
    ['quoted-printable', 81],
  ])('that become shorter break the iteration: %s', (encoding, status) => {
    const at = file('shrinks', `${'a'.repeat(70)}\r\n`.repeat(5000));
    const message = messageOf(attached({ file: at, encoding }));
    truncateSync(at, 3 * BLOCK_SIZE);
    let sent = 0;
    const send = () => {
      for (const chunk of message.chunks()) sent += chunk.length;
    };
    expect(refusal(send)).toEqual([
      status,
      expect.stringMatching(/^attachment 1 '.*' has become shorter while it was being sent$/),
    ]);
    expect(sent).toBeGreaterThan(BLOCK_SIZE);
    expect(sent).toBeLessThan(message.size);
    message.close();
  });

  it.each([
    ['fewer', '\n', 'a'],
    ['more', 'a', '\n'],
  ])('that have %s lines than before break the iteration', (_, first, second) => {
    const contents = (character: string) => `${'a'.repeat(70)}\n`.repeat(2000) + character;
    const at = file('changes', contents(first));
    const message = messageOf({ body: { file: at }, header: 'A: 1' });
    writeFileSync(at, contents(second));
    expect(refusal(() => octetsOf(message))).toEqual([
      74,
      expect.stringMatching(/^the body '.*' was written to while/),
    ]);
    message.close();
  });

  it.each([
    ['base64', 'attachment 1', 81],
    ['binary', 'attachment 1', 81],
    ['7bit', 'attachment 1', 81],
    ['quoted-printable', 'attachment 1', 81],
    ['none', 'the body', 74],
    ['none', 'the signature', 79],
  ])('that are written over break the iteration before its end: %s, %s', (encoding, what, status) => {
    const contents = (character: string) => `${character.repeat(70)}\r\n`.repeat(5000);
    const at = file('rewritten', contents('a'));
    utimesSync(at, 1, 1);
    const parts = {
      'attachment 1': attached({ file: at, ...(encoding === 'none' ? {} : { encoding }) }),
      'the body': { body: { file: at }, header: 'A: 1' },
      'the signature': { ...TEXT, signature: { file: at } },
    };
    const message = messageOf(parts[what as keyof typeof parts]);
    let sent = 0;
    const send = () => {
      for (const chunk of message.chunks()) {
        sent += chunk.length;
        // Behind the header there is something of the file.
        if (chunk.length > 1_000 && sent < 2 * BLOCK_SIZE) writeFileSync(at, contents('b'));
      }
    };
    const told = new RegExp(`^${what} '.*' was written to while it was being sent$`);
    expect(refusal(send)).toEqual([status, expect.stringMatching(told)]);
    expect(sent).toBeLessThan(message.size);
    message.close();
  });

  it('of up to a block are text that nobody can change any more', () => {
    const at = file('small', 'Hello\n');
    const message = messageOf({ body: { file: at }, header: 'A: 1' });
    truncateSync(at, 0);
    expect(transcript(message)).toBe('A: 1\n\nHello\n');
  });

  it('of up to a block are so in quoted-printable, too', () => {
    const at = file('long', `${'a'.repeat(1200)}\n`);
    utimesSync(at, 1, 1);
    const message = messageOf({ body: { file: at }, header: 'A: 1' });
    writeFileSync(at, `${'b'.repeat(1200)}\n`);
    const sent = transcript(message);
    expect(sent).toContain('Content-Transfer-Encoding: quoted-printable');
    expect(sent).toContain('aaa');
    expect(sent).not.toContain('b'.repeat(60));
  });

  it('that were written to before they were read are sent as they are then', () => {
    const at = file('touched', Buffer.alloc(2 * BLOCK_SIZE, 'a'));
    utimesSync(at, 1, 1);
    const message = messageOf(attached({ file: at }));
    writeFileSync(at, Buffer.alloc(2 * BLOCK_SIZE, 'b'));
    const octets = octetsOf(message).toString('latin1');
    message.close();
    expect(octets.length).toBe(message.size);
    expect(octets).toContain(Buffer.from('b'.repeat(30)).toString('base64'));
  });

  it('that changed are the ones that are named', () => {
    const body = file('blamed', `${'a'.repeat(70)}\n`.repeat(3000));
    const signature = file('signature', 'Ann\n');
    const message = messageOf({ body: { file: body }, header: 'A: 1', signature: { file: signature } });
    writeFileSync(body, `${'b'.repeat(6)}\n`.repeat(40_000));
    expect(refusal(() => octetsOf(message))).toEqual([
      74,
      expect.stringMatching(/^the body '.*' was written to while/),
    ]);
    message.close();
  });

  it('can be sent again, and by two readers in turn', () => {
    const contents = Buffer.from(Array.from({ length: 3 * BLOCK_SIZE }, (_, at) => at & 0xff));
    const message = messageOf(attached({ file: file('twice', contents) }));
    const expected = octetsOf(message);
    const one: Buffer[] = [];
    const two: Buffer[] = [];
    const other = message.chunks()[Symbol.iterator]();
    for (const chunk of message.chunks()) {
      const next = other.next();
      if (next.done !== true) two.push(Buffer.from(next.value));
      one.push(Buffer.from(chunk));
    }
    expect(Buffer.concat(one).equals(expected)).toBe(true);
    expect(Buffer.concat(two).equals(expected)).toBe(true);
    message.close();
  });

  it('are closed once, together with those of other forms of the message', () => {
    const message = messageOf(attached({ file: file('b', 'a\nb\0'), encoding: 'binary' }));
    const fitted = message.encodedFor({ eightBitMime: true, binaryMime: false });
    fitted.close();
    message.close();
    expect(() => octetsOf(message)).toThrow('the message is closed');
    expect(() => octetsOf(fitted)).toThrow('the message is closed');
    expect(() => message.encodedFor({ eightBitMime: false, binaryMime: false })).toThrow('the message is closed');
  });
});

describe('memory', () => {
  const MIB = 2 ** 20;

  it.each(['base64', 'binary'])('does not grow with an attachment of 200 MiB: %s', (encoding) => {
    const at = file('sparse', 'x');
    truncateSync(at, 200 * MIB);
    const drain = (message: Message) => {
      let most = 0;
      let sent = 0;
      for (const chunk of message.chunks()) {
        sent += chunk.length;
        most = Math.max(most, process.memoryUsage.rss());
      }
      message.close();
      expect(sent).toBe(message.size);
      return most;
    };
    drain(messageOf(attached({ content: Buffer.alloc(10 * BLOCK_SIZE), name: 'warm', encoding })));
    const idle = process.memoryUsage.rss();
    // What the collector leaves lying about differs between versions of Node: a third of the attachment is no growth with it.
    expect(drain(messageOf(attached({ file: at, encoding }))) - idle).toBeLessThan(64 * MIB);
    rmSync(at);
  });
});
