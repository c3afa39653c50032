// Mail of sendMail as octets: what stands in its header, how it is encoded, and for which server.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { describe, expect, it } from 'vitest';
import { EMS_BADSIG } from '../../ashell.def.ts';
import { NO_DEFAULTS, prepareContent } from '../../src/emailx/mail-content.ts';
import type { MailOptions } from '../../src/emailx/mail-options.ts';
import { composeMail } from '../../src/emailx/send-mail.ts';
import { octetsOf } from '../support/mail-message.ts';
import { cleanUpAfterAll, tempDir } from '../support/peer.ts';

cleanUpAfterAll();
const directory = tempDir();
const BASE = { server: 'localhost', host: 'client.example', from: 'me@example.com', to: 'ann@example.com' };
const ANY_OCTETS = { eightBitMime: true, binaryMime: true };
const ASCII = { eightBitMime: false, binaryMime: false };

function composed(options: Partial<MailOptions>, carriage = ANY_OCTETS): Buffer {
  const { message } = composeMail({ ...BASE, ...options });
  try {
    return octetsOf(message.encodedFor(carriage));
  } finally {
    message.close();
  }
}

const latin1 = (octets: Buffer) => octets.toString('latin1');
/** The lines of the header that say what the contents are. */
const described = (octets: Buffer) =>
  (latin1(octets).split('\r\n\r\n')[0] ?? '').split('\r\n').filter((line) => /^(mime-|content-)/i.test(line));

describe('a letter says what it holds', () => {
  const [version, plain, html] = ['MIME-Version: 1.0', 'text/plain; charset=utf-8', 'text/html; charset=utf-8'];
  const eightBit = 'Content-Transfer-Encoding: 8bit';
  const quotedPrintable = 'Content-Transfer-Encoding: quoted-printable';

  it.each<[string, Partial<MailOptions>, typeof ASCII, readonly string[]]>([
    ['text in ASCII', { text: 'hello' }, ANY_OCTETS, [version, `Content-Type: ${plain}`]],
    ['text beyond it', { text: 'grüß' }, ANY_OCTETS, [version, `Content-Type: ${plain}`, eightBit]],
    ['for a server without 8BITMIME', { text: 'grüß' }, ASCII, [version, `Content-Type: ${plain}`, quotedPrintable]],
    ['HTML in ASCII', { html: '<p>hello' }, ANY_OCTETS, [version, `Content-Type: ${html}`]],
    ['HTML beyond it', { html: '<p>grüß' }, ANY_OCTETS, [version, `Content-Type: ${html}`, eightBit]],
    [
      'text and HTML',
      { text: 'é', html: 'é' },
      ANY_OCTETS,
      [version, expect.stringMatching(/^Content-Type: multipart\/alternative; boundary="/)],
    ],
  ])('%s', (_, options, carriage, lines) => {
    expect(described(composed(options, carriage))).toEqual(lines);
  });

  it('in the part of its text, too', () => {
    const attachments = [{ content: 'x', name: 'a.bin' }];
    const part = `Content-Type: ${html}\r\n${eightBit}\r\n\r\n<p>grüß`;
    expect(composed({ html: '<p>grüß', attachments }).toString('utf8')).toContain(`\r\n${part}`);
  });
});

describe('an address that SMTP allows', () => {
  it.each(['"j d"@x.example', '"a@b"@x.example', 'u@[127.0.0.1]', 'u@[IPv6:::1]'])('%s', (address) => {
    for (const written of [address, `Ann <${address}>`]) {
      const { message, envelope } = composeMail({ ...BASE, text: 'x', from: written, to: written });
      const header = latin1(octetsOf(message));
      message.close();
      expect(envelope).toEqual({ from: address, to: [address] });
      expect(header).toContain(`\r\nFrom: ${written}\r\nTo: ${written}\r\n`);
    }
    const { message, envelope } = composeMail({ ...BASE, text: 'x', envelope: { from: address, to: address } });
    message.close();
    expect(envelope).toEqual({ from: address, to: [address] });
  });
});

describe('a complete message', () => {
  const complete = (message: string | Uint8Array | { file: string }, carriage = ANY_OCTETS) => {
    const { message: built } = composeMail({
      server: 'localhost',
      message,
      envelope: { from: '', to: 'ann@x.example' },
    });
    try {
      return latin1(octetsOf(built.encodedFor(carriage)));
    } finally {
      built.close();
    }
  };
  const header = 'From: a@x.example\r\nTo: b@x.example\r\nSubject: hi\r\n';
  const mbox = 'From a@x.example Sat Nov 21 10:00:00 2026\r\n';

  it.each([
    ['may have no text', header, `${header}\r\n`],
    ['nor the end of its last line', header.slice(0, -2), `${header}\r\n`],
    ['may come out of a mailbox', `${mbox}${header}\r\ntext\r\n`, `${mbox}${header}\r\ntext\r\n`],
    ['may begin oddly', `what?\r\n${header}\r\ntext\r\n`, `what?\r\n${header}\r\ntext\r\n`],
    ['may have no header', '\r\ntext: text\r\n', '\r\ntext: text\r\n'],
  ])('%s, and goes out as it is', (_, message, octets) => {
    expect(complete(message)).toBe(octets);
    const file = join(directory, 'complete.eml');
    writeFileSync(file, message);
    expect(complete({ file })).toBe(octets);
  });

  it.each<[string, Buffer, string]>([
    ['UTF-8', Buffer.from('grüß\r\n'), 'utf-8'],
    ['Latin-1', Buffer.from('gr\xfc\xdf\r\n', 'latin1'), 'unknown-8bit'],
    ['long lines of ASCII', Buffer.alloc(1_200, 'x'), 'utf-8'],
    ['much UTF-8', Buffer.from('日本\r\n'.repeat(50_000)), 'utf-8'],
    ['much Latin-1', Buffer.concat([Buffer.from('日本\r\n'.repeat(50_000)), Buffer.from([0xe4])]), 'unknown-8bit'],
  ])('that does not describe itself is labelled for what it is where it is encoded: %s', (_, text, charset) => {
    const octets = complete(Buffer.concat([Buffer.from(`${mbox}${header}\r\n`), text]), ASCII);
    const label = `Content-Type: text/plain; charset=${charset}\r\nContent-Transfer-Encoding: quoted-printable`;
    expect(octets.startsWith(`${mbox}${header}MIME-Version: 1.0\r\n${label}\r\n\r\n`)).toBe(true);
  });

  it('is refused where its header does not seem to end', () => {
    const long = 'X: 1\r\n'.repeat(50_000);
    expect(() => complete(`${header}${long}\r\ntext\r\n`)).toThrow(
      /^no empty line ends the header within the first 262144 octets; /,
    );
  });
});

describe('a signature of the configuration', () => {
  const signed = async (options: Partial<MailOptions>, signature: string | Uint8Array = '-- \nÄnn & <co>\n') => {
    const file = join(directory, 'signature');
    writeFileSync(file, signature);
    const { message } = prepareContent({ ...BASE, ...options }, { ...NO_DEFAULTS, signature: { file } });
    try {
      return await simpleParser(octetsOf(message), { skipTextToHtml: true, skipHtmlToText: true });
    } finally {
      message.close();
    }
  };
  const text = 'hello\n-- \nÄnn & <co>\n';
  const shown = '<pre>\n-- \nÄnn &amp; &lt;co&gt;\n</pre>\n';

  it('stands behind the text, however the letter is made', async () => {
    const attachments = [{ content: 'x', name: 'a.bin' }];
    for (const more of [{}, { html: '<p>hello' }, { attachments }, { html: '<p>hello', attachments }]) {
      expect((await signed({ text: 'hello', ...more })).text).toBe(text);
      expect((await signed({ text: 'hello\n', ...more })).text).toBe(text);
    }
  });

  it.each([
    ['<p>hello', `<p>hello\n${shown}`],
    ['<html><body><p>hello</body></html>\n', `<html><body><p>hello\n${shown}</body></html>\n`],
    ['<!-- </body> --><p>hello</BODY >', `<!-- </body> --><p>hello\n${shown}</BODY >`],
  ])('stands in the HTML as text: %s', async (html, all) => {
    const line = (lines: string | false) => `${lines}`.trimEnd();
    expect(line((await signed({ html })).html)).toBe(line(all));
    expect(line((await signed({ html, text: 'hello' })).html)).toBe(line(all));
  });

  it('may be in Latin-1', async () => {
    expect((await signed({ text: 'grüß' }, Buffer.from('\xc4nn', 'latin1'))).text).toBe('grüß\nÄnn\n');
  });

  it('that cannot be read is refused', () => {
    const signature = { file: join(directory, 'nonexistent') };
    expect(() => prepareContent({ ...BASE, text: 'x', html: 'x' }, { ...NO_DEFAULTS, signature })).toThrow(
      expect.objectContaining({ status: EMS_BADSIG }),
    );
  });

  it('is not for a complete message', async () => {
    expect((await signed({ message: 'A: b\n\nhello\n' })).text).toBe('hello\n');
  });
});

describe('the Content-Type of an attachment', () => {
  const attached = async (contentType: string) => {
    const octets = composed({ text: 'x', attachments: [{ content: 'x', name: 'a.bin', contentType }] });
    expect(octets.every((octet) => octet < 128)).toBe(true);
    expect(
      Math.max(
        ...latin1(octets)
          .split('\r\n')
          .map(({ length }) => length),
      ),
    ).toBeLessThanOrEqual(78);
    const { attachments } = await simpleParser(octets);
    return attachments.map(({ filename, contentType: type }) => [filename, type]);
  };
  const long = `${'日本'.repeat(40)}.txt`;

  it.each([
    ['text/plain; name="résumé.txt"', 'résumé.txt', 'text/plain'],
    ['text/plain; name=日本.txt; charset=utf-8', '日本.txt', 'text/plain'],
    [String.raw`text/plain; name="\"日本\" \\; x.txt"`, '"日本" \\; x.txt', 'text/plain'],
    [`application/x; name="${long}"`, long, 'application/x'],
    ['application/x; title="Übersicht"', 'a.bin', 'application/x'],
  ])('%s', async (contentType, name, type) => {
    expect(await attached(contentType)).toEqual([[name, type]]);
  });

  it('that cannot be encoded is refused', () => {
    for (const contentType of ['text/pläin', 'text/plain; näme=x', 'text/plain (für Ann)', "a/b; name*=utf-8''é"]) {
      expect(() => composed({ text: 'x', attachments: [{ content: 'x', name: 'a', contentType }] })).toThrow(
        /^attachments\[0\]\.contentType holds more than ASCII outside of a parameter's value$/,
      );
    }
  });
});

describe('a subject', () => {
  const wire = (options: Partial<MailOptions>) => {
    const octets = composed({ text: 'x', ...options });
    const lines = (latin1(octets).split('\r\n\r\n')[0] ?? '').split('\r\n');
    expect(lines.filter((line) => /^[ \t]*$/.test(line))).toEqual([]);
    return { octets, lines };
  };
  const subjectLines = (lines: readonly string[]) => {
    const from = lines.findIndex((line) => line.startsWith('Subject:'));
    const more = lines.slice(from + 1).findIndex((line) => !line.startsWith(' '));
    return lines.slice(from, from + 1 + more);
  };

  it.each<[string, string]>([
    ['of one long word', 'x'.repeat(2_000)],
    ['of a word that fills a line', 'x'.repeat(985)],
    ['with a long run of blanks', `a${' '.repeat(200)}b`],
    ['with a run at the end of a line', `${'x'.repeat(70)}${' '.repeat(20)}`],
    ['with a run where it is folded', `${'x'.repeat(60)}  ${'y'.repeat(60)}  z`],
    ['of blanks', '   '],
    ['that begins with one', ' x'],
    ['with tabs', 'a\tb \t c\t'],
    ['with what looks encoded', '=?utf-8?q?x?= y'],
    ['in foreign words', `${'grüße  '.repeat(40)} x `],
  ])('%s arrives as it is', async (_, subject) => {
    const { octets, lines } = wire({ subject });
    expect(Math.max(...subjectLines(lines).map(({ length }) => length))).toBeLessThanOrEqual(998);
    expect((await simpleParser(octets)).subject).toBe(subject);
  });

  it.each([
    ['short  one', ['Subject: short  one']],
    [`${'word '.repeat(20)}end`, [`Subject: ${'word '.repeat(13)}`.trim(), ` ${'word '.repeat(7)}end`]],
    [`${'x'.repeat(100)} y`, [`Subject: ${'x'.repeat(100)}`, ' y']],
  ])('%s is folded where a blank stands alone', (subject, folded) => {
    expect(subjectLines(wire({ subject }).lines)).toEqual(folded);
  });

  it('of another header line is refused by name where no line holds a word of it', () => {
    expect(() => wire({ headers: { 'X-Long': 'x'.repeat(1_000) } })).toThrow(
      /^headers\.X-Long has a word of more than 896 characters, which no line holds$/,
    );
  });

  it('has company: names of any length arrive', async () => {
    const name = 'x'.repeat(1_500);
    const parsed = await simpleParser(wire({ from: `${name} <me@example.com>` }).octets);
    expect(parsed.from?.value).toEqual([{ name, address: 'me@example.com' }]);
  });
});
