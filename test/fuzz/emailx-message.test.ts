// Messages of any octets, as a parser that is not ours reads them: the same names, the same octets in every part.
import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import { describe, expect, it } from 'vitest';
import { readAttachments } from '../../src/emailx/attachments.ts';
import { DotStuffer } from '../../src/emailx/dot-stuffing.ts';
import { UNIQUES } from '../../src/emailx/generated-fields.ts';
import { withCrlf } from '../../src/emailx/line-ends.ts';
import { LONGEST_LINE, lineFacts } from '../../src/emailx/line-facts.ts';
import type { Message } from '../../src/emailx/message.ts';
import { arriving, attachment, normalised, octets, someOctets } from '../support/any-mail.ts';
import { messageOf, octetsOf } from '../support/mail-message.ts';
import { withinTime } from '../support/time-box.ts';

const run = (property: fc.IProperty<unknown[]> | fc.IAsyncProperty<unknown[]>) => withinTime(4_000, property);

const parts = fc.record({
  body: someOctets,
  signature: fc.option(someOctets),
  html: fc.boolean(),
  attachments: fc.array(attachment, { maxLength: 10 }),
  contentDisposition: fc.boolean(),
});

type Given = typeof parts extends fc.Arbitrary<infer T> ? T : never;

function build({ body, signature, html, attachments, contentDisposition }: Given): Message {
  return messageOf(
    {
      header: `Subject: s${html ? '' : '\r\nContent-Type: text/plain; charset=iso-8859-1'}`,
      body: { bytes: body },
      signature: signature === null ? null : { bytes: signature },
      html,
      attachments: readAttachments(attachments),
    },
    { charset: 'iso-8859-1', contentDisposition },
    UNIQUES,
  );
}

/** The text as it must arrive. Only a message without parts has to end in a line end. */
function expectedText({ body, signature, attachments }: Given): string {
  const complete = (text: string) => (text === '' || text.endsWith('\r\n') ? text : `${text}\r\n`);
  const text = normalised(body).toString('latin1');
  const signed = signature === null ? text : complete(text) + normalised(signature).toString('latin1');
  return attachments.length === 0 ? complete(signed) : signed;
}

/** Cuts octets at positions that fast-check chooses. */
function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const positions = [0, ...at.map((value) => value % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return positions.slice(1).map((end, index) => bytes.subarray(positions[index], end));
}
const positions = fc.array(fc.nat(), { maxLength: 12 });

const lines = (message: Buffer) => message.toString('latin1').split('\r\n');

describe('any message', () => {
  it('has the size, the lines and the kinds of octets that it says', async () => {
    await run(
      fc.property(parts, (given) => {
        const message = build(given);
        const sent = octetsOf(message);
        expect(sent.length).toBe(message.size);
        expect(sent.subarray(-2).toString()).toBe('\r\n');
        expect(message.eightBit).toBe(sent.some((octet) => octet > 127));
        const alone = /\r(?!\n)|(?<!\r)\n|\0/.test(sent.toString('latin1'));
        if (!message.binary) {
          expect(alone).toBe(false);
          expect(message.longestLine).toBe(Math.max(...lines(sent).map((line) => line.length)));
          expect(message.longestLine).toBeLessThanOrEqual(LONGEST_LINE);
        } else {
          expect(alone || message.longestLine > LONGEST_LINE).toBe(true);
        }
        message.close();
      }),
    );
  });

  it('arrives as it was sent', async () => {
    await run(
      fc.asyncProperty(parts, fc.boolean(), async (given, ascii) => {
        const built = build(given);
        const message = ascii ? built.encodedFor({ eightBitMime: false, binaryMime: false }) : built;
        const sent = octetsOf(message);
        message.close();
        if (ascii) expect(sent.every((octet) => octet > 0 && octet < 128)).toBe(true);
        const parsed = await simpleParser(sent, { skipTextToHtml: true, skipHtmlToText: true, skipImageLinks: true });
        expect(parsed.subject).toBe('s');
        expect(parsed.attachments.map(({ filename }) => filename)).toEqual(given.attachments.map(({ name }) => name));
        parsed.attachments.forEach(({ content }, index) => {
          const original = given.attachments[index] ?? expect.fail('one too many');
          expect(content.toString('latin1')).toBe(arriving(original).toString('latin1'));
        });
        const text = given.html ? parsed.html : parsed.text;
        expect(text).toBe(expectedText(given).replaceAll('\r\n', '\n'));
      }),
    );
  });
});

describe('octets in chunks', () => {
  it('are the same text wherever they are cut', async () => {
    await run(
      fc.property(octets, positions, (bytes, at) => {
        const made = Buffer.concat(Array.from(withCrlf(cut(bytes, at)), (chunk) => Buffer.from(chunk)));
        expect(made.equals(normalised(bytes))).toBe(true);
        expect(lineFacts(cut(made, at))).toEqual(lineFacts([made]));
      }),
    );
  });

  it('are stuffed and unstuffed to the same, and end once', async () => {
    await run(
      fc.property(octets, positions, (bytes, at) => {
        const stuffer = new DotStuffer();
        const copies = cut(bytes, at).map((chunk) => Buffer.from(stuffer.stuff(chunk)));
        const sent = Buffer.concat([...copies, stuffer.end()]).toString('latin1');
        const end = /(?:^|\n)\.\r?\n/.exec(sent);
        expect(sent.slice(end?.index)).toMatch(/^\n?\.\r\n$/);
        const text = bytes.toString('latin1');
        const complete = text === '' || text.endsWith('\r\n') ? text : `${text}\r\n`;
        expect(sent.slice(0, -3).replace(/(^|\n)\./g, '$1')).toBe(complete);
      }),
    );
  });
});
