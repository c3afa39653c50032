// Letters of any subject and any names: what a parser that is not ours reads is what was given, blank for blank.
import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import { describe, expect, it } from 'vitest';
import { composeMail } from '../../src/emailx/send-mail.ts';
import { octetsOf } from '../support/mail-message.ts';
import { withinTime } from '../support/time-box.ts';

const TIME = 3_000;

const word = fc.oneof(
  fc.stringMatching(/^[!-~]{1,30}$/),
  fc.constantFrom('=?utf-8?q?x?=', '=?', '?=', '=20', '_', '"', '(a)', '<b@c>', 'ß', '日本', '👩‍👩‍👧'),
  fc.integer({ min: 60, max: 1100 }).map((length) => 'x'.repeat(length)),
);
const blanks = fc.oneof(
  fc.constantFrom(' ', ' ', ' ', '  ', '\t'),
  fc.integer({ min: 1, max: 1100 }).map((length) => ' '.repeat(length)),
);
const subjects = fc
  .array(fc.oneof({ weight: 3, arbitrary: word }, { weight: 3, arbitrary: blanks }), { maxLength: 20 })
  .map((pieces) => pieces.join(''));

describe('a subject', () => {
  it('of any words and blanks arrives, in lines that may be', async () => {
    await withinTime(
      TIME,
      fc.asyncProperty(subjects, async (subject) => {
        const letter = { server: 'localhost', host: 'here.example', from: 'a@x.example', to: 'b@x.example', text: 'x' };
        const { message } = composeMail({ ...letter, subject });
        const octets = octetsOf(message);
        message.close();
        const [header = ''] = octets.toString('latin1').split('\r\n\r\n');
        const lines = header.split('\r\n');
        expect(lines.filter((line) => /^[ \t]*$/.test(line) || line.length > 998)).toEqual([]);
        expect((await simpleParser(octets)).subject ?? '').toBe(subject);
      }),
    );
  });
});
