import { describe, expect, it } from 'vitest';
import { trimmed, trimmedEnd } from '../../src/core/characters.ts';
import { envelopeOf, splitAddresses } from '../../src/emailx/addresses.ts';
import { EMAILX_DEFAULTS } from '../../src/emailx/assumptions.ts';
import { attachmentFields } from '../../src/emailx/content-type.ts';
import { checkHeader } from '../../src/emailx/head.ts';
import { cpuTime } from '../support/cpu-time.ts';

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
