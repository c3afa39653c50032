// Messages as they go out: every line of a transcript ends in CRLF.
import { describe, expect, it } from 'vitest';
import { EMAILX_DEFAULTS, parseEmailxAssumptions } from '../../src/emailx/assumptions.ts';
import { readAttachments } from '../../src/emailx/attachments.ts';
import { EmailxError } from '../../src/emailx/error.ts';
import type { MessageParts, MessageRules } from '../../src/emailx/message.ts';
import { literal, messageOf, octetsOf, transcript } from '../support/mail-message.ts';

interface Case {
  readonly parts: Partial<MessageParts>;
  readonly rules?: Partial<MessageRules>;
  readonly lines: string;
}

const text = (lines: string) => lines.replaceAll('\n', '\r\n');
const pdf = readAttachments([{ content: 'PDF', name: 'report.pdf' }]);

const PLAIN: Record<string, Case> = {
  'header, empty line, body, with X-Mailer first': {
    parts: { header: 'From: a@x.example\r\nSubject: hello', body: literal('Hello\r\n') },
    rules: { xMailer: EMAILX_DEFAULTS.xMailer },
    lines: `\
X-Mailer: EMAILX 5.1(142)
From: a@x.example
Subject: hello

Hello
`,
  },
  'one line end between header and body, however many there are': {
    parts: { header: 'Subject: hello\r\n\r\n\r\n', body: literal('Hello\r\n') },
    lines: 'Subject: hello\n\nHello\n',
  },
  'folded lines and blanks before the colon as they are': {
    parts: { header: 'Subject  : a\r\n\tb\r\nX-Own: c', body: literal('Hello\r\n') },
    lines: 'Subject  : a<09>b\nX-Own: c\n\nHello\n'.replace('<09>', '\n<09>'),
  },
  'generated lines last': {
    parts: { header: 'Subject: hello', body: literal('Hello\r\n'), replyTo: 'r@x.example' },
    rules: { generatedLines: 'last', xMailer: 'm' },
    lines: 'Subject: hello\nX-Mailer: m\nReply-To: r@x.example\n\nHello\n',
  },
  'X-Mailer and Reply-To of the program win': {
    parts: { header: 'reply-to : own\r\nx-mailer: own', body: literal('Hello\r\n'), replyTo: 'r@x.example' },
    rules: { xMailer: 'm' },
    lines: 'reply-to : own\nx-mailer: own\n\nHello\n',
  },
  'a second Reply-To where that is asked for': {
    parts: { header: 'Reply-To: own', body: literal('Hello\r\n'), replyTo: 'r@x.example' },
    rules: { replyTo: 'always' },
    lines: 'Reply-To: r@x.example\nReply-To: own\n\nHello\n',
  },
  'Date and Message-ID where they are asked for': {
    parts: { header: 'Subject: hello', body: literal('Hello\r\n'), host: 'mail.x.example' },
    rules: { dateAndMessageId: true },
    lines: `\
Date: Sat, 21 Nov 2026 08:07:06 +0000
Message-ID: <unique@mail.x.example>
Subject: hello

Hello
`,
  },
  'Date and Message-ID of the program': {
    parts: { header: 'DATE: own\r\nMessage-Id: own', body: literal('Hello\r\n') },
    rules: { dateAndMessageId: true },
    lines: 'DATE: own\nMessage-Id: own\n\nHello\n',
  },
  'a host that is no domain is not in a Message-ID': {
    parts: { header: 'Date: own', body: literal('Hello\r\n'), host: '[127.0.0.1]' },
    rules: { dateAndMessageId: true },
    lines: 'Message-ID: <unique@localhost>\nDate: own\n\nHello\n',
  },
  'lone CR and lone LF as line ends': {
    parts: { header: 'A: 1\nB: 2\rC: 3', body: literal('one\ntwo\rthree\r\n\n\r\r\n') },
    lines: 'A: 1\nB: 2\nC: 3\n\none\ntwo\nthree\n\n\n\n',
  },
  'a body without line end gets one': {
    parts: { header: 'A: 1', body: literal('one\r\ntwo') },
    lines: 'A: 1\n\none\ntwo\n',
  },
  'eight-bit octets as they are': {
    parts: { header: 'Subject: \xe4', body: literal('\xc3\xa4\xff\r\n') },
    lines: 'Subject: <e4>\n\n<c3><a4><ff>\n',
  },
  'leading dots as they are': {
    parts: { header: 'A: 1', body: literal('.\r\n..\r\n') },
    lines: 'A: 1\n\n.\n..\n',
  },
  'a signature behind the body': {
    parts: { header: 'A: 1', body: literal('Hello\r\n'), signature: literal('Ann\nx.example') },
    lines: 'A: 1\n\nHello\nAnn\nx.example\n',
  },
  'a signature on a line of its own': {
    parts: { header: 'A: 1', body: literal('Hello\r'), signature: literal('\nAnn') },
    lines: 'A: 1\n\nHello\n\nAnn\n',
  },
  'a signature behind a body without line end': {
    parts: { header: 'A: 1', body: literal('Hello'), signature: literal('Ann\r\n') },
    lines: 'A: 1\n\nHello\nAnn\n',
  },
};

const ALWAYS: Record<string, Case> = {
  'a text that is not encoded': {
    parts: { header: 'A: 1', body: literal('Hello\r\n') },
    rules: { mimeHeaders: 'always', charset: 'utf-8' },
    lines: 'MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nA: 1\n\nHello\n',
  },
  'octets above 127': {
    parts: { header: 'A: 1', body: literal('\xc3\xa4\r\n') },
    rules: { mimeHeaders: 'always' },
    lines: 'MIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: 8bit\nA: 1\n\n<c3><a4>\n',
  },
  'what the program wrote itself': {
    parts: {
      header: 'mime-version: 1.0\r\nContent-type: text/x\r\nContent-Transfer-Encoding: 8bit',
      body: literal('\xe4\r\n'),
    },
    rules: { mimeHeaders: 'always' },
    lines: 'mime-version: 1.0\nContent-type: text/x\nContent-Transfer-Encoding: 8bit\n\n<e4>\n',
  },
};

const JOINED: Record<string, Case> = {
  'header lines in the body': {
    parts: { body: literal('From: a@x.example\r\nSubject: s\r\n t\r\n\r\nHello: world\r\n') },
    lines: 'From: a@x.example\nSubject: s\n t\n\nHello: world\n',
  },
  'generated lines see what the body begins with': {
    parts: { body: literal('Reply-To: own\r\n\r\nHello\r\n'), replyTo: 'r@x.example' },
    lines: 'Reply-To: own\n\nHello\n',
  },
  'an empty line before a body that only looks like a header': {
    parts: { body: literal('Note: this is text\r\nand so is this\r\n\r\nbye\r\n') },
    lines: '\nNote: this is text\nand so is this\n\nbye\n',
  },
  'an empty line before a body without one': {
    parts: { header: '  \r\n', body: literal('Note: this is text\r\n') },
    lines: '\nNote: this is text\n',
  },
  'an empty line before a body that begins with one': {
    parts: { body: literal('\r\nHello\r\n') },
    lines: '\n\nHello\n',
  },
  'no empty line where a site wants none': {
    parts: { body: literal('Hello\r\n\r\nworld\r\n') },
    rules: { blankHeader: 'asWritten' },
    lines: 'Hello\n\nworld\n',
  },
  'HDRCAT: joined in the middle of a line': {
    parts: { header: 'A: 1\r\nSubject: he', body: literal('llo\r\nB: 2\r\n\r\nHello\r\n'), joinHeader: true },
    lines: 'A: 1\nSubject: hello\nB: 2\n\nHello\n',
  },
  'HDRCAT: joined in the middle of a line end': {
    parts: { header: 'A: 1\r', body: literal('\nB: 2\r\n\r\nHello\r\n'), joinHeader: true },
    lines: 'A: 1\nB: 2\n\nHello\n',
  },
  'HDRCAT: an empty line in the header': {
    parts: { header: 'A: 1\r\n\r\nHe', body: literal('llo\r\n\r\nworld\r\n'), joinHeader: true },
    lines: 'A: 1\n\nHello\n\nworld\n',
  },
  'HDRCAT: an empty line from both': {
    parts: { header: 'A: 1\r\n', body: literal('\r\nHello\r\n'), joinHeader: true },
    lines: 'A: 1\n\nHello\n',
  },
  'HDRCAT: no empty line, no text': {
    parts: { header: 'A: 1', body: literal('2\r\nB: 3'), joinHeader: true },
    lines: 'A: 12\nB: 3\n\n',
  },
  'HDRCAT with attachments: the body gives header and text': {
    parts: { header: 'A: 1\r\n', body: literal('B: 2\n\nHello'), joinHeader: true, attachments: pdf },
    lines: `\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_b"
A: 1
B: 2

--=_b
Content-Type: text/plain

Hello
--=_b
Content-Type: application/octet-stream; name="report.pdf"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="report.pdf"

UERG
--=_b--
`,
  },
  'an empty line within the header ends it, and nothing is lost': {
    parts: { header: 'A: 1\r\n\r\nthis is text', body: literal('Hello\r\n') },
    lines: 'A: 1\n\nthis is text\n\nHello\n',
  },
};

const MIME: Record<string, Case> = {
  HTML: {
    parts: { header: 'A: 1', body: literal('<p>Hello\r\n'), html: true },
    lines: 'MIME-Version: 1.0\nContent-Type: text/html\nA: 1\n\n<p>Hello\n',
  },
  'HTML with a charset and eight-bit octets': {
    parts: { header: 'A: 1', body: literal('<p>\xe4\r\n'), html: true },
    rules: { charset: 'iso-8859-1' },
    lines: `\
MIME-Version: 1.0
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: 8bit
A: 1

<p><e4>
`,
  },
  'HTML with the program’s own fields': {
    parts: { header: 'Mime-Version: 1.0\r\nContent-type: text/html; charset=x', body: literal('<p>\r\n'), html: true },
    lines: 'Mime-Version: 1.0\nContent-type: text/html; charset=x\n\n<p>\n',
  },
  'HTML with attachments': {
    parts: { header: 'A: 1', body: literal('<p>Hello\r\n'), html: true, attachments: pdf },
    lines: `\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_b"
A: 1

--=_b
Content-Type: text/html

<p>Hello

--=_b
Content-Type: application/octet-stream; name="report.pdf"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="report.pdf"

UERG
--=_b--
`,
  },
  MIMEBODY: {
    parts: {
      header: 'A: 1\r\n\r\n',
      body: literal('Content-Type: text/calendar\r\n\r\nBEGIN\r\n'),
      mimeBody: true,
      html: true,
      signature: literal('not added\r\n'),
    },
    lines: 'MIME-Version: 1.0\nA: 1\nContent-Type: text/calendar\n\nBEGIN\n',
  },
  'MIMEBODY with a version of its own and no header': {
    parts: { body: literal('Mime-version: 1.0\r\nContent-Type: text/x\r\n\r\nBEGIN\r\n'), mimeBody: true },
    lines: 'Mime-version: 1.0\nContent-Type: text/x\n\nBEGIN\n',
  },
  'MIMEBODY with attachments': {
    parts: {
      header: 'A: 1',
      body: literal('Content-Type: text/calendar\r\n\r\nBEGIN'),
      mimeBody: true,
      attachments: pdf,
    },
    rules: { contentDisposition: false },
    lines: `\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_b"
A: 1

--=_b
Content-Type: text/calendar

BEGIN
--=_b
Content-Type: application/octet-stream; name="report.pdf"
Content-Transfer-Encoding: base64

UERG
--=_b--
`,
  },
  'the program’s Content- fields go with the text': {
    parts: {
      header: 'A: 1\r\nContent-Type: text/plain;\r\n charset=utf-8\r\nContent-Language: de\r\nB: 2',
      body: literal('\xc3\xa4\r\n'),
      attachments: readAttachments([{ content: 'ab\ncd', name: 'a.txt', contentType: 'text/plain', encoding: '7bit' }]),
    },
    lines: `\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_b"
Content-Transfer-Encoding: 8bit
A: 1
B: 2

--=_b
Content-Type: text/plain;
 charset=utf-8
Content-Language: de
Content-Transfer-Encoding: 8bit

<c3><a4>

--=_b
Content-Type: text/plain; name="a.txt"
Content-Transfer-Encoding: 7bit
Content-Disposition: attachment; filename="a.txt"

ab
cd
--=_b--
`,
  },
  'a multipart of the program becomes the first part': {
    parts: {
      header: 'Content-Type: multipart/alternative; boundary=own\r\nMIME-Version: 1.0',
      body: literal(text('--own\n\none\n--own\n\ntwo\n--own--\n')),
      attachments: pdf,
    },
    lines: `\
Content-Type: multipart/mixed; boundary="=_b"
MIME-Version: 1.0

--=_b
Content-Type: multipart/alternative; boundary=own

--own

one
--own

two
--own--

--=_b
Content-Type: application/octet-stream; name="report.pdf"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="report.pdf"

UERG
--=_b--
`,
  },
  'all encodings, line ends of text normalised in 7bit and 8bit alone': {
    parts: {
      header: 'A: 1',
      body: literal('text\r\n'),
      signature: literal('sig'),
      attachments: readAttachments([
        { content: 'a\nb\r', name: '0', encoding: 0 },
        { content: 'a\nb\r', name: '1', encoding: 1 },
        { content: Buffer.from('a\n\xe4\r', 'latin1'), name: '2', encoding: 2 },
        { content: 'a\nb\r', name: '3', encoding: 3 },
        { content: Buffer.from('a = \xe4 \n \r\n.\r', 'latin1'), name: '4', encoding: 4 },
        { content: 'a \r\nb\n', name: '5', encoding: 4, contentType: 'Content-Type: Text/plain' },
      ]),
    },
    rules: { contentDisposition: false },
    lines: `\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_b"
Content-Transfer-Encoding: binary
A: 1

--=_b
Content-Type: text/plain

text
sig
--=_b
Content-Type: application/octet-stream; name="0"
Content-Transfer-Encoding: base64

YQpiDQ==
--=_b
Content-Type: application/octet-stream; name="1"
Content-Transfer-Encoding: 7bit

a
b

--=_b
Content-Type: application/octet-stream; name="2"
Content-Transfer-Encoding: 8bit

a
<e4>

--=_b
Content-Type: application/octet-stream; name="3"
Content-Transfer-Encoding: binary

a<0a>b<0d>
--=_b
Content-Type: application/octet-stream; name="4"
Content-Transfer-Encoding: quoted-printable

a =3D =E4=20=0A=20=0D=0A.=0D
--=_b
Content-Type: Text/plain; name="5"
Content-Transfer-Encoding: quoted-printable

a=20
b=0A
--=_b--
`,
  },
  '7bit that is not is labelled 8bit': {
    parts: {
      header: 'A: 1',
      body: literal('text\r\n'),
      attachments: readAttachments([{ content: '\xe4', name: 'a', encoding: '7bit' }]),
    },
    rules: { contentDisposition: false },
    lines: `\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_b"
Content-Transfer-Encoding: 8bit
A: 1

--=_b
Content-Type: text/plain

text

--=_b
Content-Type: application/octet-stream; name="a"
Content-Transfer-Encoding: 8bit

<c3><a4>
--=_b--
`,
  },
};

describe.each([
  ['plain', PLAIN],
  ['MIME headers always', ALWAYS],
  ['header and body', JOINED],
  ['MIME', MIME],
])('%s', (_, cases) => {
  it.each(Object.entries(cases))('%s', (_name, { parts, rules, lines }) => {
    expect(transcript(messageOf(parts, rules))).toBe(lines);
  });

  it.each(Object.entries(cases))('%s: the size is known before', (_name, { parts, rules }) => {
    const message = messageOf(parts, rules);
    expect(message.size).toBe(octetsOf(message).length);
  });
});

describe('what the server has to know', () => {
  const facts = (parts: Partial<MessageParts>) => {
    const { eightBit, utf8Headers, longestLine, binary } = messageOf(parts);
    return { eightBit, utf8Headers, longestLine, binary };
  };
  const none = { eightBit: false, utf8Headers: false, longestLine: 12, binary: false };

  it.each<[string, Partial<MessageParts>, object]>([
    ['ASCII', { header: 'A: 1', body: literal('twelve bytes\r\nx') }, none],
    ['a long header line', { header: 'Abcdefghi: 12', body: literal('x\r\n') }, { ...none, longestLine: 13 }],
    ['eight-bit text', { header: 'A: 1', body: literal('twelve byte\xe4') }, { ...none, eightBit: true }],
    [
      'a UTF-8 header',
      { header: 'Abcdefg: \xc3\xa41', body: literal('x\r\n') },
      { ...none, eightBit: true, utf8Headers: true },
    ],
    ['a Latin-1 header', { header: 'Abcdefgh: \xe41', body: literal('x\r\n') }, { ...none, eightBit: true }],
  ])('%s', (_, parts, expected) => {
    expect(facts(parts)).toEqual(expected);
  });

  it.each<[string, string, boolean]>([
    ['NUL', 'a\0b', true],
    ['a lone LF', 'a\nb', true],
    ['a lone CR', 'a\rb', true],
    ['a final CR', 'ab\r', true],
    ['a first LF', '\nab', true],
    ['a line of 999 octets', 'x'.repeat(999), true],
    ['a line of 998 octets', `${'x'.repeat(998)}\r\n`, false],
    ['text', 'a\r\nb', false],
  ])('a binary attachment with %s', (_, content, binary) => {
    const attachments = readAttachments([{ content, name: 'a', encoding: 'binary' }]);
    const message = messageOf({ header: 'A: 1', body: literal('x\r\n'), attachments });
    expect(message.binary).toBe(binary);
    expect(octetsOf(message).includes(`\r\n\r\n${content}\r\n--`)).toBe(true);
    const fitted = message.encodedFor({ eightBitMime: true, binaryMime: false });
    expect(fitted === message).toBe(!binary);
    expect(fitted.binary).toBe(false);
    expect(fitted.attachments).toEqual([
      { name: 'a', size: Buffer.byteLength(content), encoding: binary ? 'base64' : 'binary' },
    ]);
  });

  it('goes in ASCII to a server that takes nothing else', () => {
    const attachments = readAttachments([
      { content: 'ä\n', name: '8', encoding: '8bit' },
      { content: 'ä\r\n', name: 'b', encoding: 'binary' },
      { content: 'a\r\n', name: '7', encoding: '7bit' },
    ]);
    const message = messageOf({ header: 'A: 1', body: literal('\xe4\r\n'), attachments });
    const fitted = message.encodedFor({ eightBitMime: false, binaryMime: false });
    expect(message.eightBit).toBe(true);
    expect(fitted.eightBit).toBe(false);
    expect(fitted.attachments.map(({ encoding }) => encoding)).toEqual(['quoted-printable', 'base64', '7bit']);
    expect(octetsOf(fitted).length).toBe(fitted.size);
    expect(transcript(fitted)).toContain('Content-Transfer-Encoding: quoted-printable\n\n=E4\n');
  });

  it('cannot encode for it what the program has described as something else', () => {
    const parts = { header: 'Content-Transfer-Encoding: 8bit', body: literal('\xe4\r\n') };
    expect(messageOf(parts).encodedFor({ eightBitMime: false, binaryMime: false }).eightBit).toBe(true);
  });
});

describe('a line of more than 998 octets', () => {
  const long = `${'x'.repeat(999)}\r\n`;
  const plain = { header: 'A: 1', body: literal(`one\r\n${long}`) };
  const refused = (parts: Partial<MessageParts>, rules: Partial<MessageRules> = {}) => {
    try {
      messageOf(parts, rules);
    } catch (error) {
      if (error instanceof EmailxError) return `${error.status} ${error.message}`;
      throw error;
    }
    return 'not refused';
  };

  it('is encoded, and the text says so', () => {
    const lines = transcript(messageOf(plain)).split('\n');
    expect(lines.slice(0, 7)).toEqual([
      'MIME-Version: 1.0',
      'Content-Type: text/plain',
      'Content-Transfer-Encoding: quoted-printable',
      'A: 1',
      '',
      'one',
      `${'x'.repeat(75)}=`,
    ]);
    expect(Math.max(...lines.map((line) => line.length))).toBe(76);
  });

  it('is not one of 998', () => {
    expect(transcript(messageOf({ header: 'A: 1', body: literal(long.slice(1)) }))).toBe(
      `A: 1\n\n${long.slice(1, -2)}\n`,
    );
  });

  it('is encoded beside a Content-Type of the program', () => {
    const header = 'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8';
    const shown = transcript(messageOf({ ...plain, header }));
    expect(shown).toMatch(
      /^Content-Transfer-Encoding: quoted-printable\nMIME-Version: 1.0\nContent-Type: .*\n\none\nx/,
    );
  });

  it.each([
    ['Content-Transfer-Encoding: 8bit', {}],
    ['Content-Type: multipart/mixed; boundary=x', {}],
    ['A: 1', { mimeBody: true, body: literal(`Content-Type: text/x\r\n\r\none\r\n${long}`) }],
  ])('is refused where the program has encoded the text: %s', (header, more) => {
    expect(refused({ ...plain, header, ...more })).toBe(
      '74 line 2 has 999 octets, more than the 998 that SMTP allows, in the text; break the lines, or encode the text yourself',
    );
  });

  it('is refused where a site wants that', () => {
    expect(refused(plain, { longLines: 'refused' })).toBe(
      '74 line 2 has 999 octets, more than the 998 that SMTP allows, in the text; set longLines to encoded',
    );
  });

  it('is sent where a site wants that', () => {
    expect(transcript(messageOf(plain, { longLines: 'sent' }))).toBe(`A: 1\n\none\n${long.trim()}\n`);
  });

  it('is refused in a header, which is the program’s alone', () => {
    expect(refused({ ...plain, header: `A: ${long}` })).toMatch(/^74 the header has a line of 1002 octets/);
    expect(transcript(messageOf({ header: `A: ${long}`, body: literal('x\r\n') }, { longLines: 'sent' }))).toContain(
      'xxx',
    );
  });

  it('is encoded in an attachment that says 7bit, or refused', () => {
    const attachments = readAttachments([{ content: long, name: 'a', encoding: '7bit' }]);
    const parts = { header: 'A: 1', body: literal('x\r\n'), attachments };
    expect(messageOf(parts).attachments[0]?.encoding).toBe('quoted-printable');
    expect(refused(parts, { longLines: 'refused' })).toBe(
      '80 line 1 has 999 octets, more than the 998 that SMTP allows, in attachment 1; use base64 instead of 7bit',
    );
  });

  it('is no matter in base64', () => {
    const attachments = readAttachments([{ content: long, name: 'a' }]);
    expect(
      messageOf({ header: 'A: 1', body: literal('x\r\n'), attachments }, { longLines: 'refused' }).longestLine,
    ).toBe(76);
  });

  it('a NUL is treated in the same way', () => {
    const parts = { header: 'A: 1', body: literal('a\0b\r\n') };
    expect(transcript(messageOf(parts))).toContain('\n\na=00b\n');
    expect(refused(parts, { longLines: 'refused' })).toBe('74 there is a NUL in the text; set longLines to encoded');
    expect(messageOf(parts, { longLines: 'sent' }).binary).toBe(true);
  });
});

describe('what is refused', () => {
  const refusal = (parts: Partial<MessageParts>, rules: Partial<MessageRules> = {}) => {
    try {
      messageOf(parts, rules);
    } catch (error) {
      if (error instanceof EmailxError) return [error.status, error.refusal, error.message];
      throw error;
    }
    return [];
  };
  const body = literal('x\r\n');

  it.each<[string, Partial<MessageParts>, number, string, RegExp]>([
    ['a blank body', { body: null }, 74, 'noBody', /^the body is blank/],
    ['a body without octets', { body: literal('') }, 74, 'noBody', /^the body is empty/],
    ['a NUL in the header', { header: 'A: \0', body }, 74, 'badHeader', /NUL/],
    ['a NUL in header lines of the body', { body: literal('A: \0\r\n\r\nx') }, 74, 'badHeader', /NUL/],
    [
      'a LF in a field name',
      { header: 'A: 1\r\nBcc\nX: 2', body },
      74,
      'badHeader',
      /'Bcc.X: 2' holds a CR or LF alone/,
    ],
    ['a CR in a field name', { header: 'A\rX: 2', body }, 74, 'badHeader', /holds a CR or LF alone/],
    ['a Reply-To of two lines', { body, replyTo: 'a\r\nBcc: b' }, 78, 'badSetting', /REPLYTO/],
    [
      'a Content-Type of two fields',
      { body, attachments: readAttachments([{ content: 'x', name: 'a', contentType: 'text/plain\r\nX: 1' }]) },
      80,
      'badAttachment',
      /^attachment 1: the Content-Type 'text\/plain/,
    ],
    [
      'an attachment without contents',
      { body, attachments: readAttachments([{ content: '', name: 'a' }]) },
      80,
      'attachmentEmpty',
      /^attachment 1 is empty/,
    ],
  ])('%s', (_, parts, status, refused, message) => {
    expect(refusal(parts)).toEqual([status, refused, expect.stringMatching(message)]);
  });

  it.each(['Subject: a\nX-Evil: 1', 'A: 1\r\nSubject: a\rX-Evil: 1', 'Subject: a\n\nX-Evil: 1'])(
    'a CR or LF alone, where that is wanted: %j',
    (header) => {
      const refused = [74, 'badHeader', expect.stringMatching(/^the header line 'Subject: a.* holds a CR or LF alone/)];
      expect(refusal({ header, body }, { headerLineEnds: 'refused' })).toEqual(refused);
      expect(refusal({ header: 'A: 1\r\nB: 2\n\n', body }, { headerLineEnds: 'refused' })).toEqual([]);
      expect(refusal({ header, body })).toEqual([]);
    },
  );

  it('a header in the body that does not end', () => {
    const parts = { body: literal('A: 1\r\n'.repeat(50_000)), joinHeader: true };
    expect(refusal(parts)).toEqual([74, 'badHeader', expect.stringMatching(/^no empty line ends the header within/)]);
  });

  it('characters that are no octets', () => {
    expect(() => messageOf({ header: 'Subject: \u20ac', body })).toThrow(/does not fit in one byte/);
  });
});

it('takes another boundary when one occurs in a part that is not encoded', () => {
  const boundaries = ['=_one', '=_two', '=_three'];
  let count = 0;
  const boundary = () => boundaries[count++] ?? '';
  const attachments = readAttachments([{ content: 'x--=_two', name: 'a', encoding: 'binary' }]);
  const uniques = { boundary, date: () => new Date(0), messageId: () => '' };
  const shown = transcript(messageOf({ header: 'A: 1', body: literal('--=_one\r\n'), attachments }, {}, uniques));
  expect(count).toBe(3);
  expect(shown).toContain('boundary="=_three"');
  expect(shown).toMatch(/--=_three--\n$/);
});

it('takes its rules from the assumptions of a site', () => {
  const rules: MessageRules = parseEmailxAssumptions({ xMailer: 'site', charset: 'utf-8' });
  const message = messageOf({ header: 'A: 1', body: literal('<p>\r\n'), html: true }, rules);
  expect(transcript(message)).toBe(
    'X-Mailer: site\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\nA: 1\n\n<p>\n',
  );
});

it('makes boundaries that differ and need no more than printable ASCII', async () => {
  const { UNIQUES } = await import('../../src/emailx/generated-fields.ts');
  const some = Array.from({ length: 200 }, () => UNIQUES.boundary());
  expect(new Set(some).size).toBe(200);
  for (const boundary of some) expect(boundary).toMatch(/^=_[0-9a-z_]{20,60}$/);
});
