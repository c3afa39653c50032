import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { envelopeOf, splitAddresses } from '../../src/emailx/addresses.ts';
import { parseEmailxAssumptions } from '../../src/emailx/assumptions.ts';
import { DIRECTIVES, parseConfig } from '../../src/emailx/config-file.ts';
import { EmailxError } from '../../src/emailx/error.ts';
import { HostFiles } from '../../src/emailx/filespec.ts';
import { checkHeader, fieldsOf, splitHead } from '../../src/emailx/head.ts';
import { fromDecimal, openPassword, toDecimal } from '../../src/emailx/pwcrypt.ts';
import { Redactor } from '../../src/emailx/redactor.ts';
import { parseServer } from '../../src/emailx/server-address.ts';
import { mergeSettings } from '../../src/emailx/settings.ts';
import { MemorySource } from '../../src/emailx/source.ts';

// Whatever a program or a file says: it is either refused with EMAILX's status and one line of reason, or what comes
// out of it can stand in an SMTP command and nothing of it is lost.

const TIME = 2_500;
const ASSUME = parseEmailxAssumptions();

const run = <T>(property: fc.IProperty<T>): void => {
  fc.assert(property, { numRuns: 1_000_000, interruptAfterTimeLimit: TIME, markInterruptAsFailure: false });
};

/** The result, or the refusal after a look at it. */
function refusedOr<T>(statuses: readonly number[], secret: string, make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof EmailxError)) throw error;
    expect(statuses).toContain(error.status);
    expect(error.message).not.toMatch(/\p{Cc}/u);
    if (secret.length > 3) expect(error.message).not.toContain(secret);
    return null;
  }
}

/** Characters that mean something to a parser of ours stand out among the rest. */
const character = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...'ab@.<>"\\,;:[]() \t\r\n\0=\x01\x03\x7f\xe9%/') },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) },
  { weight: 1, arbitrary: fc.constantFrom('\r\n', '\xc3\xbc', 'example.com', '@example.com', 'SERVER=', 'PASSWORD=') },
);
const text = (maxLength: number) => fc.array(character, { maxLength }).map((parts) => parts.join(''));

/** Whether a text is one word of a command: quoted strings aside, no blank, no bracket, no control character. */
function isOneArgument(address: string): boolean {
  let quoted = false;
  for (let at = 0; at < address.length; at++) {
    const here = address[at] ?? '';
    if (here < ' ' || here === '\x7f') return false;
    if (quoted && here === '\\') at += 1;
    else if (here === '"') quoted = !quoted;
    else if (!quoted && ' <>'.includes(here)) return false;
  }
  return !quoted;
}

/** An empty line and the line end before it; a CR is a line end of its own only where no LF follows. */
const EMPTY_LINE = /(?:^|\r\n|\r(?!\n)|\n)(?:\r\n|\r(?!\n)|\n)/;
const lines = fc.array(fc.constantFrom('\r', '\n', '\r\n', 'a', 'A-b: ', ' ', '\t', ':', '\x7f'), { maxLength: 12 });
const head = lines.map((parts) => parts.join(''));

describe('a header', () => {
  const crlf = (given: string) => given.replace(/\r\n|\r|\n/g, '\r\n');

  it('ends at the first empty line, and with the text where there is none', () => {
    run(
      fc.property(head, (given) => {
        const split = splitHead('', new MemorySource(Buffer.from(given, 'latin1'), ''));
        const found = EMPTY_LINE.exec(given);
        const cut = found === null ? given : given.slice(0, found.index);
        const isWhole = cut === '' || (found === null && /[\r\n]$/.test(cut));
        expect(split.lines).toBe(crlf(isWhole ? cut : `${cut}\r\n`));
        expect(split.bodyStart).toBe(found === null ? given.length : found.index + found[0].length);
        const inHeader = found === null ? null : splitHead(given, new MemorySource(Buffer.alloc(0), ''));
        if (inHeader !== null) expect(inHeader.remainder).toBe(given.slice(split.bodyStart));
      }),
    );
  });

  it('has fields as RFC 5322 has them', () => {
    run(
      fc.property(head, (given) => {
        const fields = fieldsOf(crlf(given));
        expect(fields.map((field) => field.text).join('')).toBe(crlf(given));
        for (const field of fields) {
          expect(field.name).toBe(/^([!-9;-~]+)[ \t]*:/.exec(field.text)?.[1]?.toLowerCase() ?? '');
        }
      }),
    );
  });

  it('is refused for a name that is cut by a line end', () => {
    run(
      fc.property(head, (given) => {
        const [fields = ''] = given.split(/(?:^|\r\n)\r\n/, 1);
        const isCut = fields
          .replace(/[\r\n]+$/, '')
          .split('\r\n')
          .some((line) => /^(?![ \t])[^:]*[\r\n][^:]*:/.test(line));
        expect(refusedOr([74], '', () => checkHeader(given, 'normalised')) === null).toBe(isCut);
      }),
    );
  });
});

describe('addresses', () => {
  it('are refused, or each of them is one argument of a command', () => {
    run(
      fc.property(text(40), text(20), text(20), text(12), (to, sender, redirect, domain) => {
        const settings = { sender, redirect, domain: domain.includes('@') ? '' : domain, addBcc: [] };
        const envelope = refusedOr([73, 78], '', () => envelopeOf(to, settings, ASSUME));
        if (envelope === null) return;
        for (const address of [envelope.sender, ...envelope.recipients, ...envelope.redirected]) {
          expect(isOneArgument(address)).toBe(true);
          expect(address.length).toBeLessThanOrEqual(254);
          expect(isUtf8(Buffer.from(address, 'latin1'))).toBe(true);
        }
        const named = envelope.redirected.length > 0 ? envelope.redirected : envelope.recipients;
        expect(named).toHaveLength(splitAddresses(to).length);
        expect(envelope.needsSmtpUtf8).toBe(
          [envelope.sender, ...envelope.recipients].some((address) => /[\x80-\xff]/.test(address)),
        );
      }),
    );
  });

  const plain = fc
    .tuple(
      fc.stringMatching(/^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,30}$/),
      fc.stringMatching(/^[a-z0-9-]{1,20}\.[a-z]{2,6}$/),
    )
    .map(([local, domain]) => `${local}@${domain}`);
  const separator = fc.constantFrom('\r', '\r\n', ' \r\t', '\r\r', '\r\n\r\n');

  it('that are plain come out as they went in, in their order', () => {
    run(
      fc.property(fc.array(fc.tuple(plain, separator), { minLength: 1, maxLength: 20 }), (list) => {
        const envelope = envelopeOf(
          list.flat().join(''),
          { sender: 'a@example.com', domain: 'x', redirect: '', addBcc: [] },
          ASSUME,
        );
        expect(envelope.recipients).toEqual(list.map(([address]) => address));
      }),
    );
  });
});

describe('a configuration', () => {
  it('is refused with its line, or holds no line end and no NUL', () => {
    run(
      fc.property(
        fc.oneof(
          text(120),
          fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
        ),
        (file) => {
          const secret = /PASSWORD=\s*(\S+)/i.exec(file)?.[1]?.replace(/;.*/s, '') ?? '';
          const config = refusedOr([78], secret, () =>
            parseConfig(Buffer.from(file, 'latin1'), 'emailx.cfg', 'ignored'),
          );
          if (config === null) return;
          const { password, ...rest } = config.items;
          const values = Object.values(rest)
            .flat()
            .filter((value) => typeof value === 'string');
          for (const value of values) expect(value).not.toMatch(/[\r\n\0;]/);
          expect(password.reveal()).not.toMatch(/[\n;]/);
          const call = { opflags: 0, from: '', signature: '', server: 'a', host: '', username: '', password: '' };
          const settings = refusedOr([76, 78], password.reveal(), () => mergeSettings(call, config.items, ASSUME));
          const connection = settings?.connection;
          if (connection != null) expect(`${connection.helo}${connection.server.host}`).toMatch(/^[^ \t\r\n\0]+$/);
        },
      ),
    );
  });

  const ITEMS = Object.values(DIRECTIVES).map(({ item }) => item);
  const FREE = [
    'DOMAIN',
    'HOST',
    'LOGFILE',
    'REDIRECT',
    'REPLYTO',
    'RTNADDR',
    'SERVER',
    'SIGNATURE',
    'USERNAME',
  ] as const;
  const KEYS = new Map(Object.entries(DIRECTIVES).map(([key, { item }]) => [item, key]));
  const value = fc.stringMatching(/^[!-:<-~\xa0-\xff](?:[ -:<-~\xa0-\xff]{0,20}[!-:<-~\xa0-\xff])?$/);
  const spaces = fc.constantFrom('', ' ', '\t', '   ');
  const cased = (item: string) => fc.mixedCase(fc.constant(item), { toggleCase: (letter) => letter.toLowerCase() });
  const line = fc
    .constantFrom(...FREE)
    .chain((item) =>
      fc.tuple(fc.constant(item), cased(item), value, spaces, spaces, spaces, fc.constantFrom('', ';', '; x = y')),
    );

  it('that is well-formed says what was written, however it is spaced', () => {
    expect(ITEMS).toEqual(expect.arrayContaining([...FREE]));
    run(
      fc.property(fc.array(line, { maxLength: 12 }), fc.constantFrom('\n', '\r\n'), (lines, end) => {
        const file = lines
          .map(([, item, text, a, b, c, comment]) => `${a}${item}${b}=${c}${text}${a}${comment}`)
          .join(end);
        const { items } = parseConfig(Buffer.from(file, 'latin1'), 'emailx.cfg', 'refused');
        const expected = new Map(lines.map(([item, , text]) => [KEYS.get(item) ?? '', text]));
        const said = new Map(Object.entries(items).filter(([key]) => expected.has(key)));
        expect(said).toEqual(expected);
      }),
    );
  });
});

describe('other arguments', () => {
  it('a server is refused, or is a host and a port', () => {
    run(
      fc.property(text(30), (server) => {
        const address = refusedOr([76], '', () => parseServer(server));
        if (address === null) return;
        expect(address.host).toMatch(/^[^ \t\r\n\0@/]+$/);
        expect(address.port).toBeGreaterThan(0);
        expect(address.port).toBeLessThan(65_536);
      }),
    );
  });

  const files = new HostFiles(
    { devices: { DSK0: '/vm/dsk0', 'DSK1:[1,2]': '/srv/one', 'WEB0:[]': '/srv/web' }, ersatz: { SYS: 'DSK0:[1,4]' } },
    { fspecNative: true, filespecCase: 'insensitive' },
  );
  const spec = fc
    .tuple(
      fc.constantFrom('DSK0:', 'dsk1:', 'WEB0:', 'SYS:', 'DSK9:', ':', ''),
      fc.oneof(text(8), fc.constantFrom('..', '.', 'A.B', '..\\..', '../..', '%HOME%', '[1,2]..')),
      fc.constantFrom('', '[1,2]', '[1,4]', '[999,999]', '[0,1]', '[..,..]', '[1,2]/..', '[]'),
    )
    .map((parts) => parts.join(''));

  it('an AMOS filespec is refused, or stays where the table puts it', () => {
    run(
      fc.property(spec, (name) => {
        const path = refusedOr([80], '', () => files.locate(name, 'attachmentUnreadable', 'the attachment'));
        // What is native by its characters goes wherever it says.
        if (path === null || /[/\\<>(){};= \t\r\n,]/.test(name.replace(/\[[\d\s,]*\]/g, '')) || !name.includes(':'))
          return;
        expect(path).toMatch(/^(\/vm\/dsk0\/\d{6}|\/srv\/one|\/srv\/web)\/[a-z0-9$_@-][a-z0-9$_@.-]*$/);
      }),
    );
  });

  it('a password is itself, or is refused and not shown', () => {
    run(
      fc.property(text(90), (password) => {
        const opened = refusedOr([78], password, () => openPassword(password, 'u', true));
        if (opened !== null) expect(opened).toBe(password);
        if (password.length > 1) expect(fromDecimal(toDecimal(password))).toBe(password);
      }),
    );
  });

  // Asterisks are what secrets are replaced with.
  const secretText = text(12).map((secret) => `s${secret.replaceAll('*', '')}`);

  it('a secret is in no text that was redacted', () => {
    run(
      fc.property(secretText, text(12), text(20), text(20), (secret, other, before, after) => {
        const redactor = new Redactor();
        redactor.add(secret);
        redactor.add(other);
        const encoded = Buffer.from(secret, 'latin1').toString('base64');
        const result = redactor.apply(`${before}${secret}${encoded}${after}`);
        expect(result).not.toContain(secret);
        expect(result).not.toContain(encoded);
      }),
    );
  });
});
