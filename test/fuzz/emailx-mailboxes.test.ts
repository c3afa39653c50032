// Lists of addresses: legal ones name whom they name, and of any others nobody is missed.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/core/errors.ts';
import { parseMailboxes } from '../../src/emailx/mailboxes.ts';
import { withinTime } from '../support/time-box.ts';

const TIME = 3_000;

/** A piece of a list as it is written, and what it says. */
interface Written {
  readonly text: string;
  readonly says: string;
}

const atom = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,12}$/);
const dotAtom = fc.array(atom, { minLength: 1, maxLength: 3 }).map((atoms) => atoms.join('.'));
const same = (text: string): Written => ({ text, says: text });
const quoted = fc.stringMatching(/^[ -~äß]{0,16}$/).map((says) => ({ text: `"${escaped(says)}"`, says }));
const escaped = (text: string) => text.replace(/["\\]/g, '\\$&');

const { comment } = fc.letrec<{ comment: string }>((tie) => ({
  comment: fc
    .array(
      fc.oneof(fc.stringMatching(/^[ !-'*-[\]-~]{0,10}$/), fc.constantFrom('\\)', '\\(', '\\\\'), tie('comment')),
      {
        maxLength: 3,
      },
    )
    .map((pieces) => `(${pieces.join('')})`),
}));
/** What may stand anywhere between tokens; a fold is a blank by the time that a list is read. */
const gap = fc.array(fc.oneof(fc.constantFrom(' ', '  '), comment), { maxLength: 2 }).map((pieces) => pieces.join(''));

const local = fc.oneof(
  dotAtom.map(same),
  quoted.map(({ text, says }) => ({ text, says: isDotAtom(says) ? says : `"${escaped(says)}"` })),
);
const isDotAtom = (text: string) => /^[^\s<>()[\],;:\\".@]+(\.[^\s<>()[\],;:\\".@]+)*$/.test(text);
const domain = fc.oneof(
  fc.stringMatching(/^[a-z][a-z0-9]{0,8}(\.[a-z]{2,5}){1,2}$/),
  fc.constantFrom('[127.0.0.1]', '[IPv6:::1]', '[IPv6:2001:db8::1]'),
);
const address = fc
  .tuple(local, gap, gap, domain)
  .map(([of, before, behind, at]) => ({ text: `${of.text}${before}@${behind}${at}`, says: `${of.says}@${at}` }));
const phrase = fc
  .array(fc.oneof(atom.map(same), quoted), { minLength: 1, maxLength: 3 })
  .map((words) => words.map(({ text }) => text).join(' '));
const mailbox = fc.oneof(
  address,
  fc
    .tuple(fc.option(phrase, { nil: '' }), gap, gap, address, gap)
    .map(([name, before, inside, { text, says }, behind]) => ({
      text: `${name}${before}<${inside}${text}>${behind}`,
      says,
    })),
);
const mailboxes = fc.array(fc.tuple(gap, mailbox, gap), { maxLength: 4 }).map((items) => ({
  text: items.map(([before, { text }, behind]) => before + text + behind).join(','),
  says: items.map(([, { says }]) => says),
}));
const group = fc.tuple(phrase, gap, mailboxes).map(([name, before, { text, says }]) => ({
  text: `${name}${before}:${text};`,
  says,
}));
const legal = fc
  .array(fc.oneof(group, mailboxes), { maxLength: 4 })
  .map((lists) => ({ text: lists.map(({ text }) => text).join(','), says: lists.flatMap(({ says }) => says) }));

const anything = fc
  .array(
    fc.oneof(
      fc.constantFrom('@', ',', ';', ':', '<', '>', '"', '(', ')', '[', ']', '\\', ' ', '.'),
      fc.constantFrom('a@x.example', '<b@x.example>', 'Ann', '"c@d"', '(e@f)', '"g h"@x.example', 'i@[127.0.0.1]'),
      fc.string({ maxLength: 5 }),
    ),
    { maxLength: 14 },
  )
  .map((pieces) => pieces.join(''));

/** How many @ stand outside of quoted strings and comments. */
function ats(list: string): number {
  let [count, depth, isQuoted] = [0, 0, false];
  for (let at = 0; at < list.length; at += 1) {
    const character = list[at];
    if (character === '\\') at += 1;
    else if (character === '"' && depth === 0) isQuoted = !isQuoted;
    else if (character === '(' && !isQuoted) depth += 1;
    else if (character === ')' && !isQuoted && depth > 0) depth -= 1;
    else if (character === '@' && !isQuoted && depth === 0) count += 1;
  }
  return count;
}

describe('a list of addresses', () => {
  it('that is legal names whom it names', async () => {
    await withinTime(
      TIME,
      fc.property(legal, ({ text, says }) => {
        expect(parseMailboxes('to', text).map(({ address: each }) => each)).toEqual(says);
      }),
    );
  });

  it('is refused, or has a recipient for each @', async () => {
    await withinTime(
      TIME,
      fc.property(anything, (list) => {
        try {
          expect(parseMailboxes('to', list).length).toBe(ats(list));
        } catch (error) {
          if (!(error instanceof UsageError)) throw error;
        }
      }),
    );
  });

  it('is read again as what it was read as', async () => {
    await withinTime(
      TIME,
      fc.property(legal, ({ text }) => {
        for (const { address: each } of parseMailboxes('to', text)) {
          expect(parseMailboxes('to', each)).toEqual([{ name: '', address: each }]);
        }
      }),
    );
  });
});
