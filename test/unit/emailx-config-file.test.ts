// The configuration file, directive by directive (reference emailx §6).
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ConfigItems, DIRECTIVES, NO_CONFIG, parseConfig, readConfig } from '../../src/emailx/config-file.ts';
import { cleanUpAfterAll, tempDir } from '../support/peer.ts';
import { refusal } from '../support/refusal.ts';

cleanUpAfterAll();

const parse = (text: string, unknownItem: 'ignored' | 'refused' = 'ignored') =>
  parseConfig(Buffer.from(text, 'latin1'), 'emailx.cfg', unknownItem);

/** The items that differ from those of an empty file. */
function said(text: string): Partial<ConfigItems> {
  const blank: Readonly<Record<string, unknown>> = { ...NO_CONFIG };
  return Object.fromEntries(Object.entries(parse(text).items).filter(([key, value]) => value !== blank[key]));
}

describe('a directive', () => {
  it.each<[string, Partial<ConfigItems>]>([
    ['AUTH = PLAIN', { auth: 'PLAIN' }],
    ['AUTH = login', { auth: 'LOGIN' }],
    ['AUTH = Auto', { auth: 'AUTO' }],
    ['AUTH = *', { auth: 'AUTO' }],
    ['AUTH = XOAUTH2', { auth: 'XOAUTH2' }],
    ['AUTH = CRAM-MD5', { auth: 'CRAM-MD5' }],
    ['AUTH = SCRAM-SHA-256', { auth: 'SCRAM-SHA-256' }],
    ['AUTH = NONE', { auth: 'NONE' }],
    ['AUTH =', {}],
    ['CONNLOCK = 1', { connLock: true }],
    ['CONNLOCK = 0', {}],
    ['DOMAIN = example.com', { domain: 'example.com' }],
    ['HOST = client.example.com', { host: 'client.example.com' }],
    ['LOGFILE = DSK0:EMAILX.LOG[100,5]', { logFile: 'DSK0:EMAILX.LOG[100,5]' }],
    ['LOGLVL = 0', { logLevel: 0 }],
    ['LOGLVL = 5', { logLevel: 5 }],
    ['LOGLVL = 9', { logLevel: 5 }],
    ['REDIRECT = test@example.com', { redirect: 'test@example.com' }],
    ['REPLYTO = Help <help@example.com>', { replyTo: 'Help <help@example.com>' }],
    ['RTNADDR = noreply@example.com', { returnAddress: 'noreply@example.com' }],
    ['SECURE = TLS', { secure: 'tls' }],
    ['SECURE = ssl', { secure: 'tls' }],
    ['SECURE = StartTLS', { secure: 'starttls' }],
    ['SECURE = none', { secure: 'none' }],
    ['SECURE = 0', { secure: 'none' }],
    ['SECURE =', {}],
    ['SECUREHELLO = 0', { secureHello: false }],
    ['SECUREHELLO = N', { secureHello: false }],
    ['SECUREHELLO = f', { secureHello: false }],
    ['SECUREHELLO = No', { secureHello: false }],
    ['SECUREHELLO = 1', {}],
    ['SECUREHELLO = T', {}],
    ['SERVER = smtp.example.com:587', { server: 'smtp.example.com:587' }],
    ['SIGNATURE = EMAILX.SIG', { signature: 'EMAILX.SIG' }],
    ['USERNAME = shop@example.com', { username: 'shop@example.com' }],
    ['WAIT = 10', { wait: 10 }],
    ['WAIT = 999999', { wait: 86_400 }],
  ])('%s', (line, items) => {
    expect(said(line)).toEqual(items);
  });

  it('ADDBCC accumulates, and a blank one changes nothing', () => {
    expect(said('ADDBCC=a@x\nHOST=h\naddbcc = b@x ; second\nADDBCC =').addBcc).toEqual(['a@x', 'b@x']);
  });

  it('PASSWORD keeps its bytes and does not show itself', () => {
    const { items } = parse('PASSWORD = \x03abc\x80 d=e ');
    expect(items.password.reveal()).toBe('\x03abc\x80 d=e');
    expect(`${JSON.stringify(items)} ${String(items.password)}`).not.toContain('abc');
  });

  it('is in the table once, with a test of its own here', () => {
    expect(
      Object.values(DIRECTIVES)
        .map(({ item }) => item)
        .sort(),
    ).toEqual([
      'ADDBCC',
      'AUTH',
      'CONNLOCK',
      'DOMAIN',
      'HOST',
      'LOGFILE',
      'LOGLVL',
      'PASSWORD',
      'REDIRECT',
      'REPLYTO',
      'RTNADDR',
      'SECURE',
      'SECUREHELLO',
      'SERVER',
      'SIGNATURE',
      'USERNAME',
      'WAIT',
    ]);
  });
});

describe('a line', () => {
  it.each([
    ['spaces and tabs around both sides', ' \t Server\t=  smtp.example.com \t', { server: 'smtp.example.com' }],
    ['none at all', 'SERVER=smtp.example.com', { server: 'smtp.example.com' }],
    ['item names in any case', 'sErVeR=a', { server: 'a' }],
    ['CRLF', 'SERVER=a\r\nHOST=b\r\n', { server: 'a', host: 'b' }],
    ['LF', 'SERVER=a\nHOST=b', { server: 'a', host: 'b' }],
    ['a comment', 'SERVER=a ; b', { server: 'a' }],
    ['a comment without a blank', 'SERVER=a;b;c', { server: 'a' }],
    ['comments alone, blank lines', ';SERVER=a\n\n  \t\n   ; x\r\n', {}],
    ['an equals sign in the value', 'SIGNATURE=a=b', { signature: 'a=b' }],
    ['blanks inside a value', 'SIGNATURE=my file.txt', { signature: 'my file.txt' }],
    ['a tab inside a value', 'SIGNATURE=a\tb', { signature: 'a\tb' }],
    ['Latin-1, of which 0xa0 is not trimmed', 'USERNAME=\xa0J\xfcrgen\xa0', { username: '\xa0J\xfcrgen\xa0' }],
    ['UTF-8 with its mark', '\xef\xbb\xbfUSERNAME=J\xc3\xbcrgen', { username: 'J\xc3\xbcrgen' }],
    ['the last of two wins', 'SERVER=a\nSERVER=b', { server: 'b' }],
    ['also a blank one', 'SERVER=a\nSERVER= ; none', {}],
    ['an empty file', '', {}],
  ])('with %s', (_what, text, items) => {
    expect(said(text)).toEqual(items);
  });

  it('with an unknown item is ignored and named, or refused', () => {
    const { items, ignored } = parse('SERVER=a\nCHARSET = utf-8\nTimeout=3');
    expect(items.server).toBe('a');
    expect(ignored).toEqual([
      { line: 2, item: 'CHARSET' },
      { line: 3, item: 'TIMEOUT' },
    ]);
    const error = refusal(() => parse('SERVER=a\nCHARSET = utf-8', 'refused'));
    expect(error).toMatchObject({ status: 78, refusal: 'badConfig' });
    expect(error.message).toMatch(/'emailx\.cfg', line 2: there is no item CHARSET; there are ADDBCC, AUTH, .*WAIT$/);
  });

  it.each([
    ['no equals sign', 'SERVER=a\nUSERNAME secret', 2, "there is no '='"],
    ['no equals sign before the comment', 'SERVER ; = a', 1, "there is no '='"],
    ['no item', '= a', 1, "there is no item in front of the '='"],
    ['an item that is none', 'a b = c', 1, "there is no item in front of the '='"],
    ['a section', '[mail]', 1, "there is no '='"],
    [
      'AUTH',
      '\n\nAUTH = NTLM',
      3,
      "AUTH is one of PLAIN, LOGIN, AUTO, *, XOAUTH2, CRAM-MD5, SCRAM-SHA-256, NONE, not 'NTLM'",
    ],
    ['AUTH of an object', 'AUTH = constructor', 1, "not 'constructor'"],
    ['SECURE', 'SECURE = yes', 1, "SECURE is one of TLS, SSL, STARTTLS, NONE, 0, not 'yes'"],
    ['CONNLOCK', 'CONNLOCK = 2', 1, "CONNLOCK is one of 1, 0, not '2'"],
    ['LOGLVL', 'LOGLVL = high', 1, "LOGLVL is a whole number from 0 to 5, not 'high'"],
    ['LOGLVL below', 'LOGLVL = -1', 1, "not '-1'"],
    ['WAIT', 'WAIT = 0', 1, "WAIT is a whole number from 1 to 86400, not '0'"],
    ['WAIT of a fraction', 'WAIT = 1.5', 1, "not '1.5'"],
    ['a control character', 'SERVER = a\x01b', 1, 'SERVER holds a control character'],
    ['a NUL', 'HOST = a\0b', 1, 'HOST holds a control character'],
    ['a lone CR', 'HOST = a\rSERVER = b', 1, 'HOST holds a control character'],
    ['UTF-16', '\xff\xfeS\0', 1, 'this is UTF-16; save it as plain text'],
  ])('with %s is status 78, with its number and the reason', (_what, text, line, reason) => {
    const error = refusal(() => parse(text));
    expect(error).toMatchObject({ status: 78, refusal: 'badConfig', code: 'TCPX_EMAILX' });
    expect(error.message).toContain(`the configuration file 'emailx.cfg', line ${line}: `);
    expect(error.message).toContain(reason);
    expect(error.message).not.toContain('secret');
  });
});

describe('the file', () => {
  it('is read anew each time', () => {
    const path = join(tempDir(), 'emailx.cfg');
    writeFileSync(path, 'SERVER=a');
    expect(readConfig(path, 'ignored').items.server).toBe('a');
    writeFileSync(path, 'SERVER=b');
    expect(readConfig(path, 'ignored').items.server).toBe('b');
  });

  it('may be longer than one read', () => {
    const path = join(tempDir(), 'emailx.cfg');
    writeFileSync(path, `${'; a comment\n'.repeat(5000)}SERVER=last`);
    expect(readConfig(path, 'ignored').items.server).toBe('last');
  });

  it.each<[string, (path: string) => void, string]>([
    ['is missing', () => {}, 'no such file or directory'],
    ['is a directory', (path) => mkdirSync(path), 'illegal operation on a directory'],
    ['is a mailbox', (path) => writeFileSync(path, Buffer.alloc(2 ** 20 + 1)), 'more than 1048576 bytes'],
  ])('that %s is status 77', (_what, make, reason) => {
    const path = join(tempDir(), 'emailx.cfg');
    make(path);
    const error = refusal(() => readConfig(path, 'ignored'));
    expect(error).toMatchObject({ status: 77, refusal: 'configMissing' });
    expect(error.message).toContain(`the configuration file '${path}' cannot be read: `);
    expect(error.message).toContain(reason);
  });
});
