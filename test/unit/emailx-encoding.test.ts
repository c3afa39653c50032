// Line ends, base64, quoted-printable and dot-stuffing, on octets in chunks.
import { describe, expect, it } from 'vitest';
import { base64Of, base64Size } from '../../src/emailx/base64.ts';
import { BLOCK_SIZE, blocksOf } from '../../src/emailx/blocks.ts';
import { DotStuffer } from '../../src/emailx/dot-stuffing.ts';
import { withCrlf } from '../../src/emailx/line-ends.ts';
import { type LineFacts, lineFacts } from '../../src/emailx/line-facts.ts';
import { quotedPrintable, quotedPrintableData } from '../../src/emailx/quoted-printable.ts';
import { MemorySource } from '../../src/emailx/source.ts';

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const joined = (chunks: Iterable<Buffer>) => Buffer.concat(Array.from(chunks, (chunk) => Buffer.from(chunk)));
const memory = (bytes: Buffer) => new MemorySource(bytes, 'test');

/** All ways to cut a short text into two or three chunks, and the one into single octets. */
function* cuts(bytes: Buffer): Generator<Buffer[]> {
  yield [bytes];
  yield Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  for (let one = 0; one <= bytes.length; one += 1) {
    for (let two = one; two <= bytes.length; two += 1) {
      yield [bytes.subarray(0, one), bytes.subarray(one, two), bytes.subarray(two)];
    }
  }
}

describe('line ends', () => {
  it.each([
    ['', ''],
    ['a', 'a'],
    ['a\r\nb\r\n', 'a\r\nb\r\n'],
    ['a\nb\n', 'a\r\nb\r\n'],
    ['a\rb\r', 'a\r\nb\r\n'],
    ['\n\n', '\r\n\r\n'],
    ['\r\r', '\r\n\r\n'],
    ['\r\r\n\n', '\r\n\r\n\r\n'],
    ['\n\r', '\r\n\r\n'],
    ['a\r\n\rb\n\r\n', 'a\r\n\r\nb\r\n\r\n'],
  ])('%j becomes %j, wherever it is cut', (text, expected) => {
    for (const chunks of cuts(latin1(text))) expect(joined(withCrlf(chunks)).toString('latin1')).toBe(expected);
  });

  it('are not copied where they are right', () => {
    const block = latin1('a\r\nb');
    expect([...withCrlf([block])][0]?.buffer).toBe(block.buffer);
  });
});

describe('facts', () => {
  const none: LineFacts = {
    size: 0,
    eightBit: false,
    nul: false,
    loneLineEnd: false,
    longestLine: 0,
    longestLineNumber: 0,
    endsWithLineEnd: false,
    found: false,
  };

  it.each<[string, Partial<LineFacts>]>([
    ['', {}],
    ['abc', { longestLine: 3, longestLineNumber: 1 }],
    ['a\r\nabc\r\nab', { longestLine: 3, longestLineNumber: 2 }],
    ['\r\n', { endsWithLineEnd: true }],
    ['a\0\xff', { eightBit: true, nul: true, longestLine: 3, longestLineNumber: 1 }],
    ['a\nb', { loneLineEnd: true, longestLine: 1, longestLineNumber: 1 }],
    ['a\rb', { loneLineEnd: true, longestLine: 3, longestLineNumber: 1 }],
    ['a\r', { loneLineEnd: true, longestLine: 2, longestLineNumber: 1 }],
    ['\na', { loneLineEnd: true, longestLine: 1, longestLineNumber: 2 }],
    ['a\r\r\n', { loneLineEnd: true, endsWithLineEnd: true, longestLine: 2, longestLineNumber: 1 }],
    ['x--=_by', { found: true, longestLine: 7, longestLineNumber: 1 }],
    ['x--=_', { longestLine: 5, longestLineNumber: 1 }],
  ])('of %j, wherever it is cut', (text, expected) => {
    for (const chunks of cuts(latin1(text))) {
      expect(lineFacts(chunks, '--=_b')).toEqual({ ...none, size: text.length, ...expected });
    }
  });
});

describe('base64', () => {
  const octets = (count: number) => Buffer.from(Array.from({ length: count }, (_, at) => (at * 31) & 0xff));
  const expected = (bytes: Buffer) => bytes.toString('base64').replace(/.{76}(?!$)/g, '$&\r\n');

  it.each([
    1,
    2,
    3,
    55,
    56,
    57,
    58,
    113,
    114,
    115,
    171,
    BLOCK_SIZE - 1,
    BLOCK_SIZE,
    BLOCK_SIZE + 1,
    3 * BLOCK_SIZE + 7,
  ])('of %i octets, in rows of 76 characters', (count) => {
    const bytes = octets(count);
    const encoded = joined(base64Of(memory(bytes))).toString('latin1');
    expect(encoded).toBe(expected(bytes));
    expect(base64Size(count)).toBe(encoded.length);
  });

  it('of every octet in every position', () => {
    const bytes = Buffer.from(Array.from({ length: 256 * 57 }, (_, at) => (at + Math.floor(at / 256)) & 0xff));
    expect(joined(base64Of(memory(bytes))).toString('latin1')).toBe(expected(bytes));
  });
});

describe('quoted-printable', () => {
  const decoded = (text: string) =>
    latin1(
      text
        .replace(/=\r\n/g, '')
        .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    );

  it.each([
    ['plain text\r\nin lines\r\n', 'plain text\r\nin lines\r\n'],
    ['a=b', 'a=3Db'],
    ['\xe4\0\x7f', '=E4=00=7F'],
    ['blank \r\ntab\t\r\n', 'blank=20\r\ntab=09\r\n'],
    ['end ', 'end=20'],
    ['a\nb\rc', 'a=0Ab=0Dc'],
    ['\r\r\n\n', '=0D\r\n=0A'],
  ])('of %j', (text, expected) => {
    expect(joined(quotedPrintable([latin1(text)])).toString('latin1')).toBe(expected);
  });

  it.each(['a \r\n\xe4\r\r\n \n=\t\r', 'x\r\n', '\r\n\r\n', '  \r', '\n\n'])(
    'of %j decodes to it, wherever it is cut',
    (text) => {
      for (const chunks of cuts(latin1(text))) {
        const encoded = joined(quotedPrintable(chunks)).toString('latin1');
        expect(decoded(encoded).toString('latin1')).toBe(text);
        expect(encoded).toMatch(/^(?:[!-~\t ]{0,76}\r\n)*[!-~\t ]{0,76}$/);
        expect(encoded).not.toMatch(/[ \t](?:\r\n|$)/);
      }
    },
  );

  it.each(['a \r\n\xe4\r\r\n \n=\t\r', 'x\r\n', '\r\n\r\n', '  \r', '', `${'long '.repeat(40)}\r\n`])(
    'of data %j has line ends of its own alone, wherever it is cut',
    (text) => {
      for (const chunks of cuts(latin1(text))) {
        const encoded = joined(quotedPrintableData(chunks)).toString('latin1');
        expect(decoded(encoded).toString('latin1')).toBe(text);
        expect(encoded.replaceAll('=\r\n', '')).not.toMatch(/[\r\n]/);
        expect(encoded).toMatch(/^(?:[!-~\t ]{0,76}\r\n)*[!-~\t ]{0,76}$/);
        expect(encoded).not.toMatch(/[ \t](?:\r\n|$)/);
      }
    },
  );

  it('breaks a line that is longer than a block', () => {
    const bytes = Buffer.alloc(3 * BLOCK_SIZE + 5, 'line \xe4 ', 'latin1');
    const encoded = joined(quotedPrintable(blocksOf(memory(bytes)))).toString('latin1');
    expect(decoded(encoded).equals(bytes)).toBe(true);
    expect(encoded).toMatch(/^(?:[!-~\t ]{0,76}\r\n)*[!-~\t ]{0,76}$/);
  });
});

describe('dot-stuffing', () => {
  const stuffed = (chunks: Iterable<Buffer>) => {
    const stuffer = new DotStuffer();
    const copies = Array.from(chunks, (chunk) => Buffer.from(stuffer.stuff(chunk)));
    return Buffer.concat([...copies, stuffer.end()]).toString('latin1');
  };

  it.each([
    ['', '.\r\n'],
    ['a', 'a\r\n.\r\n'],
    ['a\r\n', 'a\r\n.\r\n'],
    ['.', '..\r\n.\r\n'],
    ['.\r\n', '..\r\n.\r\n'],
    ['..\r\n.a\r\nb.\r\n', '...\r\n..a\r\nb.\r\n.\r\n'],
    ['.\r\n.\r\n.\r\n', '..\r\n..\r\n..\r\n.\r\n'],
    ['a\r\n\r\n.', 'a\r\n\r\n..\r\n.\r\n'],
    ['a\n.\nb', 'a\n..\nb\r\n.\r\n'],
    ['\n.\n.\n.', '\n..\n..\n..\r\n.\r\n'],
    ['a\n', 'a\n\r\n.\r\n'],
    ['a\r', 'a\r\r\n.\r\n'],
  ])('%j becomes %j, wherever it is cut', (text, expected) => {
    for (const chunks of cuts(latin1(text))) expect(stuffed(chunks)).toBe(expected);
  });

  it('does not copy what has no such line', () => {
    const stuffer = new DotStuffer();
    const chunk = latin1('a.\r\nb.');
    expect(stuffer.stuff(chunk)).toBe(chunk);
  });

  it('begins anew after the end', () => {
    const stuffer = new DotStuffer();
    stuffer.stuff(latin1('a'));
    stuffer.end();
    expect(stuffer.stuff(latin1('.')).toString()).toBe('..');
  });
});
