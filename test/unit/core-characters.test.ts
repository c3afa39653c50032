import { describe, expect, it } from 'vitest';
import { isLatin1 } from '../../src/core/bytes.ts';
import {
  hasAny,
  hasControl,
  hasLineEnd,
  isAscii,
  isDigits,
  isVisible,
  trimmed,
  trimmedEnd,
} from '../../src/core/characters.ts';
import { envelopeOf, splitAddresses } from '../../src/emailx/addresses.ts';
import { EMAILX_DEFAULTS } from '../../src/emailx/assumptions.ts';
import { attachmentFields } from '../../src/emailx/content-type.ts';
import { checkHeader } from '../../src/emailx/head.ts';
import { isPlainAddress } from '../../src/emailx/plain-address.ts';
import { cpuTime } from '../support/cpu-time.ts';

const UNITS = Array.from({ length: 0x1_0000 }, (_, code) => String.fromCharCode(code));
/** Each unit of UTF-16 alone, and between others. */
const TEXTS = ['', ...UNITS, ...UNITS.map((unit) => `a${unit}1`), '\ud83d\ude00'];

describe('a text is told as by the expression for', () => {
  it.each<[string, (text: string) => boolean, RegExp]>([
    ['ASCII', isAscii, /^[\0-\x7f]*$/],
    ['Latin-1', isLatin1, /^[\0-\xff]*$/],
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    ['control characters', hasControl, /[\0-\x1f\x7f]/],
    ['visible characters', isVisible, /^[!-~]+$/],
    ['digits', isDigits, /^[0-9]+$/],
    ['line ends', hasLineEnd, /[\r\n]/],
    ['some characters', (text) => hasAny(text, ' @]'), /[ @\]]/],
    ['a local part', (text) => isPlainAddress(`${text}@b`), /^[A-Za-z0-9._+-]+$/],
    ['a domain', (text) => isPlainAddress(`a@${text}`), /^[A-Za-z0-9._+-]+$/],
  ])('%s', (_what, tells, expression) => {
    expect(TEXTS.filter((text) => tells(text) !== expression.test(text))).toEqual([]);
  });

  it('an address with one @', () => {
    expect(['@', 'a@', '@b', 'a', 'a@b@c', ''].filter(isPlainAddress)).toEqual([]);
    expect(isPlainAddress('ann.lee+list@mail_1.example-2.com')).toBe(true);
  });
});

describe('trimming', () => {
  it.each([
    ['', ''],
    [' \t ', ''],
    ['\t a b\t', 'a b'],
    ['\u00a0a\u00a0', '\u00a0a\u00a0'],
    ['\na\r', '\na\r'],
  ])('takes blanks and tabs from %j and nothing else', (text, expected) => {
    expect(trimmed(text)).toBe(expected);
  });

  it('takes from the end what it is told', () => {
    expect(trimmedEnd('a\r\n\n', '\r\n')).toBe('a');
    expect(trimmedEnd('\n', '\r\n')).toBe('');
  });
});

/** Many seconds of work, in which each character of a text is a new beginning; else a few ms. */
const MANY = 150_000;
const LIMIT = 1_000;

const settings = { sender: 'a@example.com', domain: '', redirect: '', addBcc: [] };
const attachment = { label: 'x', content: { file: 'x' }, name: null, encoding: 'base64', contentId: null } as const;

describe('time does not grow with the square of', () => {
  it.each<[string, () => unknown]>([
    ['blanks in a recipient', () => splitAddresses(`a${' '.repeat(MANY)}b`)],
    [
      'quotes in a name that is not closed',
      () => envelopeOf(`"${'\\"'.repeat(MANY)}<b@example.com>`, settings, EMAILX_DEFAULTS),
    ],
    ['line ends in a header', () => checkHeader(`a${'\r\r\n'.repeat(MANY)}b`, 'normalised')],
    [
      'blanks in a Content-Type',
      () => attachmentFields({ ...attachment, contentType: `a/b${' ;'.repeat(MANY)}c` }, 'x', 'base64', false),
    ],
  ])('%s', (_what, work) => {
    const time = cpuTime(() => {
      try {
        work();
      } catch {
        // Whether it is refused is for other tests.
      }
    });
    expect(time).toBeLessThan(LIMIT);
  });
});
