// Standard input of `tcpx mail -t`: random bytes are refused or sent, however they come in pieces, and no Bcc gets through.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { completeInput } from '../../src/cli/mail-input.ts';
import { UsageError } from '../../src/core/errors.ts';
import { withinTime } from '../support/time-box.ts';

const TIME = 2_000;
const SETTINGS = { from: null, otherwise: 'me@example.com', domain: '' };

async function* inPieces(bytes: Buffer, at: readonly number[]): AsyncGenerator<Buffer> {
  const cuts = [0, ...at.map((value) => value % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (const [index, end] of cuts.slice(1).entries()) yield bytes.subarray(cuts[index], end);
}

async function read(
  bytes: Buffer,
  at: readonly number[],
): Promise<{ from: string; to: readonly string[]; text: string }> {
  const { message, from, to } = await completeInput(inPieces(bytes, at), SETTINGS);
  const chunks: Uint8Array[] = [];
  for await (const chunk of message) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('latin1');
  return { from, to, text: text.replace(/^(?:Date|Message-ID): .*\r\n/gm, '') };
}

const line = fc.oneof(
  fc.constantFrom(
    'To: ann@example.com',
    'Bcc: eve@example.com',
    'BCC : eve@example.com,',
    '\teve2@example.com',
    'Cc:',
    '',
  ),
  fc.constantFrom('From: Me <me@example.com>', 'Resent-To: bob@example.com', 'Resent-Bcc: eve@example.com', ' folded'),
  fc.string({ maxLength: 40 }),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
);
const lineEnd = fc.constantFrom('\n', '\r\n', '\r');
const input = fc
  .array(fc.tuple(line, lineEnd), { maxLength: 12 })
  .map((lines) => Buffer.from(lines.map(([text, end]) => text + end).join(''), 'latin1'));
const positions = fc.array(fc.nat(), { maxLength: 8 });

describe('a complete message', () => {
  it('is the same however it comes, or is refused in words', async () => {
    await withinTime(
      TIME,
      fc.asyncProperty(input, positions, async (bytes, at) => {
        const whole = await read(bytes, []).catch((error: unknown) => error);
        const parts = await read(bytes, at).catch((error: unknown) => error);
        if (whole instanceof Error) {
          expect(whole).toBeInstanceOf(UsageError);
          expect(parts).toMatchObject({ message: whole.message });
        } else expect(parts).toEqual(whole);
      }),
    );
  });

  it('hides those of Bcc', async () => {
    const known = fc.constantFrom(
      'To: ann@example.com',
      'Bcc: eve@example.com',
      'BCC :eve@example.com',
      'X: y\n folded',
    );
    await withinTime(
      TIME,
      fc.asyncProperty(fc.array(known, { maxLength: 8 }), positions, async (lines, at) => {
        const message = ['To: ann@example.com', ...lines, '', 'body', ''].join('\n');
        const { to, text } = await read(Buffer.from(message), at);
        expect(text).not.toContain('eve');
        const hidden = lines.filter((each) => /^bcc/i.test(each));
        expect(to.filter((address) => address === 'eve@example.com').length).toBe(hidden.length);
      }),
    );
  });
});
