import { describe, expect, it } from 'vitest';
import { CTE_7BIT, CTE_8BIT, CTE_BASE64, CTE_BINARY, CTE_QP } from '../../ashell.def.ts';
import { dim, F, S, X } from '../../src/basic/index.ts';
import { EMAILX_DEFAULTS } from '../../src/emailx/assumptions.ts';
import { type AttachmentRules, readAttachments } from '../../src/emailx/attachments.ts';
import { contentOf } from '../../src/emailx/content.ts';
import { attachmentFields } from '../../src/emailx/content-type.ts';
import { EmailxError } from '../../src/emailx/error.ts';

interface Element {
  readonly file?: string;
  readonly type?: string;
  readonly encoding?: number;
}

/** MAP1 ATTACHMENTS, as a program fills it. */
function structure(count: number, elements: readonly Element[]): Buffer {
  const bytes = Buffer.alloc(2 + 256 * elements.length);
  bytes.writeUInt16LE(count, 0);
  elements.forEach(({ file = '', type = '', encoding = 0 }, index) => {
    const at = 2 + 256 * index;
    bytes.write(file, at, 128, 'latin1');
    bytes.write(type, at + 128, 127, 'latin1');
    bytes.writeUInt8(encoding, at + 255);
  });
  return bytes;
}

const files = (count: number) => Array.from({ length: count }, (_, index) => ({ file: `f${index + 1}` }));
const refusal = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    if (error instanceof EmailxError) return `${error.status} ${error.message}`;
    throw error;
  }
  return 'not refused';
};

describe('the structure', () => {
  it('has a count and elements of 256 bytes', () => {
    const bytes = structure(2, [
      { file: 'DSK0:A.PDF[100,5]  ', type: 'application/pdf ', encoding: CTE_BINARY },
      { file: 'n'.repeat(128), type: 't'.repeat(127), encoding: CTE_QP },
      { file: 'not counted' },
    ]);
    expect(readAttachments(X(bytes.length, bytes))).toEqual([
      {
        label: 'attachment 1',
        content: { file: 'DSK0:A.PDF[100,5]' },
        name: null,
        contentType: 'application/pdf',
        encoding: 'binary',
        contentId: null,
      },
      {
        label: 'attachment 2',
        content: { file: 'n'.repeat(128) },
        name: null,
        contentType: 't'.repeat(127),
        encoding: 'quoted-printable',
        contentId: null,
      },
    ]);
  });

  it.each([
    [CTE_BASE64, 'base64'],
    [CTE_7BIT, '7bit'],
    [CTE_8BIT, '8bit'],
    [CTE_BINARY, 'binary'],
    [CTE_QP, 'quoted-printable'],
  ])('has encoding %i for %s', (encoding, name) => {
    expect(readAttachments(structure(1, [{ file: 'f', encoding }]))[0]?.encoding).toBe(name);
  });

  it('has another number for quoted-printable where a site knows it', () => {
    const rules: AttachmentRules = { ...EMAILX_DEFAULTS, quotedPrintable: 9 };
    expect(readAttachments(structure(1, [{ file: 'f', encoding: 9 }]), rules)[0]?.encoding).toBe('quoted-printable');
    expect(refusal(() => readAttachments(structure(1, [{ file: 'f', encoding: 4 }]), rules))).toBe(
      '80 attachment 1 has the encoding 4; there are 0, 1, 2, 3, 9',
    );
  });

  it('counts with the low byte first', () => {
    const bytes = structure(0, files(1));
    bytes[1] = 1;
    expect(refusal(() => readAttachments(bytes, { ...EMAILX_DEFAULTS, attachmentsPast10: 'refused' }))).toMatch(
      /^80 the structure counts 256 attachments/,
    );
  });

  it('may be an S, a dynamic variable, or an array of X from any element on', () => {
    const bytes = structure(2, files(2));
    const array = dim(3, 'X', 257);
    array.bytes.set(bytes, 257);
    const text = S(bytes.length);
    text.bytes.set(bytes);
    for (const variable of [X(bytes.length, bytes), X(0, bytes), text, array.at(2), bytes, new Uint8Array(bytes)]) {
      expect(readAttachments(variable).map(({ content }) => content)).toEqual([{ file: 'f1' }, { file: 'f2' }]);
    }
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a null string', ''],
    ['an empty S', S(0)],
    ['an S with NULs', S(20)],
    ['an X with NULs', X(2562)],
    ['a list without items', []],
  ])('%s is no attachments', (_, argument) => {
    expect(readAttachments(argument)).toEqual([]);
  });

  it.each<[AttachmentRules['attachmentsPast10'], number | string]>([
    ['ignored', 10],
    ['sent', 12],
    ['refused', '80 the structure counts 12 attachments; there are at most 10'],
  ])('more than ten are %s', (attachmentsPast10, expected) => {
    const read = () => readAttachments(structure(12, files(12)), { ...EMAILX_DEFAULTS, attachmentsPast10 });
    if (typeof expected === 'number') expect(read()).toHaveLength(expected);
    else expect(refusal(read)).toBe(expected);
  });

  it.each<[string, Buffer, string]>([
    [
      'counts more than it has',
      structure(3, files(2)),
      '80 the structure counts 3 attachments, for which it needs 770 bytes, and has 514',
    ],
    ['is one byte', Buffer.from([1]), '80 the structure counts 1 attachments, for which it needs 258 bytes, and has 1'],
    [
      'has a blank element',
      structure(2, [{ file: 'f' }, { file: '  ' }]),
      '80 attachment 2 names no file; the count must be that of the used elements',
    ],
    [
      'has an unknown encoding',
      structure(1, [{ file: 'f', encoding: 5 }]),
      '80 attachment 1 has the encoding 5; there are 0, 1, 2, 3, 4',
    ],
  ])('%s', (_, bytes, expected) => {
    expect(refusal(() => readAttachments(bytes))).toBe(expected);
  });
});

describe('the list', () => {
  it('has files, and contents with a name', () => {
    const list = [
      { file: 'a.pdf' },
      { file: 'b.txt', name: 'Bericht.txt', contentType: 'text/plain', encoding: '8BIT' },
      { content: 'ä', name: 'c.txt', encoding: 4 },
      { content: new Uint8Array([1]), name: 'd', encoding: 'quoted-printable' },
    ];
    expect(
      readAttachments(list).map(({ content, name, contentType, encoding }) => [content, name, contentType, encoding]),
    ).toEqual([
      [{ file: 'a.pdf' }, null, '', 'base64'],
      [{ file: 'b.txt' }, 'Bericht.txt', 'text/plain', '8bit'],
      [{ bytes: Buffer.from('ä') }, 'c.txt', '', 'quoted-printable'],
      [{ bytes: Buffer.from([1]) }, 'd', '', 'quoted-printable'],
    ]);
  });

  it('may be longer than ten', () => {
    expect(readAttachments(Array.from({ length: 30 }, () => ({ file: 'a' })))).toHaveLength(30);
  });

  it.each<[string, unknown, RegExp]>([
    ['no object', ['a.pdf'], /^attachment 1 is an object such as \{ file: 'report.pdf' \}, not string/],
    [
      'an unknown option',
      [{ file: 'a' }, { file: 'a', filename: 'b' }],
      /^attachment 2: 'filename' is unknown; there are file, content, name/,
    ],
    ['neither file nor content', [{ name: 'a' }], /^attachment 1 needs either 'file' or 'content'/],
    ['both', [{ file: 'a', content: 'b', name: 'c' }], /needs either 'file' or 'content'/],
    ['content without name', [{ content: 'b' }], /^attachment 1 needs a 'name' beside its content/],
    ['a number for a file', [{ file: 1 }], /'file' is a string, not number/],
    ['a number for content', [{ content: 1, name: 'a' }], /'content' is a Uint8Array or a string, not number/],
    [
      'an unknown encoding',
      [{ file: 'a', encoding: 'uuencode' }],
      /'encoding' is one of base64, 7bit, 8bit, binary, quoted-printable or 0, 1, 2, 3, 4$/,
    ],
    ['an unknown number', [{ file: 'a', encoding: 7 }], /'encoding' is one of/],
    ['a name of a file', 'report.pdf', /^attachments is the structure ATTACHMENTS as X or S, a list/],
    ['a number', F(1), /^attachments is the structure/],
  ])('%s is a mistake of the program', (_, argument, message) => {
    expect(() => readAttachments(argument)).toThrow(message);
    expect(isRefusedWith80(argument)).toBe(true);
  });
});

const isRefusedWith80 = (argument: unknown) => {
  try {
    readAttachments(argument);
  } catch (error) {
    return error instanceof EmailxError && error.status === 80;
  }
  return false;
};

describe('the fields of an attachment', () => {
  const fields = (contentType: string, fileName = 'a b.pdf', name: string | null = null) => {
    const attachment = {
      label: 'attachment 1',
      content: { file: 'x' },
      name,
      contentType,
      encoding: 'base64',
      contentId: null,
    } as const;
    const lines = attachmentFields(attachment, fileName, 'base64', true).split('\r\n');
    expect(lines.pop()).toBe('');
    expect(lines.filter((line) => !line.startsWith(' ')).length).toBe(3);
    return lines.filter((line) => line !== 'Content-Transfer-Encoding: base64').join('\n');
  };

  it.each<[string, string, string]>([
    ['blank', '', 'application/octet-stream; name="a b.pdf"'],
    ['a type', 'image/jpeg', 'image/jpeg; name="a b.pdf"'],
    ['with the name of the field', 'Content-Type: image/jpeg', 'image/jpeg; name="a b.pdf"'],
    ['in other letters', 'CONTENT-TYPE :image/jpeg;', 'image/jpeg; name="a b.pdf"'],
    ['with other parameters', 'text/plain; charset="a;name=b"', 'text/plain; charset="a;name=b"; name="a b.pdf"'],
    ['folded', 'text/plain;\r\n charset=x', 'text/plain;\n charset=x; name="a b.pdf"'],
  ])('%s', (_, contentType, expected) => {
    expect(fields(contentType)).toBe(`Content-Type: ${expected}\nContent-Disposition: attachment; filename="a b.pdf"`);
  });

  it.each<[string, string]>([
    ['image/gif; name=own.gif', 'filename=own.gif'],
    ['image/gif; charset=x; NAME = "own \\"1\\".gif"', 'filename="own \\"1\\".gif"'],
    ["image/gif; name*=utf-8''%C3%A4.gif", "filename*=utf-8''%C3%A4.gif"],
    ["image/gif; name*0*=utf-8''%C3%A4; name*1=b", "filename*0*=utf-8''%C3%A4; filename*1=b"],
    ['image/gif; name="=?utf-8?q?=C3=A4?="', 'filename="=?utf-8?q?=C3=A4?="'],
  ])('the program’s own name stays and is the file’s: %s', (contentType, expected) => {
    expect(fields(contentType)).toBe(`Content-Type: ${contentType}\nContent-Disposition: attachment; ${expected}`);
  });

  it('show a name that was given for the file', () => {
    expect(fields('', 'tmp1', 'x.pdf')).toBe(
      'Content-Type: application/octet-stream; name="x.pdf"\nContent-Disposition: attachment; filename="x.pdf"',
    );
  });

  it.each(['a"b', 'a\\b', 'ä.txt', '日本語のとても長いファイル名.pdf'.repeat(6), 'a\nb', '=?utf-8?q?x?=', '😀.png'])(
    'have no other characters than printable ASCII in short lines: %j',
    (name) => {
      for (const line of fields('', name).split('\n')) {
        expect(line).toMatch(/^[ -~]+$/);
        expect(line.length).toBeLessThan(150);
      }
    },
  );

  it('encode every piece of a long name, as some readers trim blanks in quotes', () => {
    expect(fields('', `${'ä'.repeat(8)} b "c"`)).toMatch(
      /;\n filename\*0\*=utf-8''(?:%C3%A4){8};\n filename\*1\*=%20b%20%22c%22$/,
    );
    expect(fields('', 'ä b')).toMatch(/;\n filename\*=utf-8''%C3%A4%20b$/);
  });

  it.each(['a/b\rc', 'a/b\nX: 1', 'a/b\r\nX: 1', 'a/b\0'])('refuse %j', (contentType) => {
    expect(refusal(() => fields(contentType))).toMatch(/^80 attachment 1: the Content-Type 'a\/b/);
  });
});

describe('text or filespec', () => {
  const bytes = (text: string) => ({ bytes: new Uint8Array(Buffer.from(text, 'latin1')) });
  it.each<[string, string, ReturnType<typeof contentOf>]>([
    ['blank', '', null],
    ['blanks', ' \t ', null],
    ['a short line', 'body.txt', { file: 'body.txt' }],
    ['a short line with blanks around', ' body.txt ', { file: 'body.txt' }],
    ['a short line with LF', 'a\nb', { file: 'a\nb' }],
    ['127 characters', 'x'.repeat(127), { file: 'x'.repeat(127) }],
    ['128 characters', 'x'.repeat(128), bytes('x'.repeat(128))],
    ['a CR', '\r', bytes('\r')],
    ['a line with CRLF', 'Hello\r\n', bytes('Hello\r\n')],
    ['octets', 'gr\xfc\xdfe\r\n', bytes('gr\xfc\xdfe\r\n')],
  ])('%s', (_, parameter, expected) => {
    expect(contentOf(parameter)).toEqual(expected);
  });

  it('is no text with other characters than octets', () => {
    expect(() => contentOf('\u20ac\r\n')).toThrow(/does not fit in one byte/);
  });
});
