// AMOS and native filespecs (reference emailx §16).
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/core/errors.ts';
import { type FilespecRules, HostFiles, type HostFilesOptions } from '../../src/emailx/filespec.ts';
import { parseEmailxOptions } from '../../src/emailx/options.ts';
import { cleanUpAfterAll, tempDir } from '../support/peer.ts';
import { refusal } from '../support/refusal.ts';

cleanUpAfterAll();

const RULES: FilespecRules = { fspecNative: true, filespecCase: 'insensitive' };
const DEVICES = { DSK0: '/vm/dsk0/', 'DSK1:[31,3]': '/usr/include', DSK1: '/vm/dsk1', 'WEB0:[]': '/srv/web' };
const TABLE: HostFilesOptions = {
  devices: DEVICES,
  ersatz: { SYS: 'DSK0:[1,4]', work: 'DSK1:', MAIL: 'DSK1:[31,3]' },
  login: 'DSK0:[100,5]',
};

const locate = (spec: string, options: HostFilesOptions = TABLE, rules: Partial<FilespecRules> = {}) =>
  new HostFiles(options, { ...RULES, ...rules }).locate(spec, 'bodyUnreadable', 'the body');

describe('a filespec', () => {
  it.each([
    ['DSK0:COPY.LIT[1,4]', '/vm/dsk0/001004/copy.lit'],
    ['dsk0:Copy.Lit[1,4]', '/vm/dsk0/001004/copy.lit'],
    ['DSK0:[1,4]COPY.LIT', '/vm/dsk0/001004/copy.lit'],
    ['DSK1:TEST.DAT[31,5]', '/vm/dsk1/031005/test.dat'],
    ['DSK1:TSTCPY.CPY[31,3]', '/usr/include/tstcpy.cpy'],
    ['DSK1:A[100,222]', '/vm/dsk1/100222/a'],
    ['DSK0:A.B[ 999 , 999 ]', '/vm/dsk0/999999/a.b'],
    ['DSK0:A.B[1,0]', '/vm/dsk0/001000/a.b'],
    ['DSK0:INVOICE_2026-11@X$.PDF[1,4]  ', '/vm/dsk0/001004/invoice_2026-11@x$.pdf'],
    ['SYS:EMAILX.CFG', '/vm/dsk0/001004/emailx.cfg'],
    ['sys:emailx.cfg', '/vm/dsk0/001004/emailx.cfg'],
    ['MAIL:A.TXT', '/usr/include/a.txt'],
    ['WORK:A.TXT[7,6]', '/vm/dsk1/007006/a.txt'],
    ['WORK:A.TXT', '/vm/dsk1/100005/a.txt'],
    ['DSK1:A.TXT', '/vm/dsk1/100005/a.txt'],
    ['WEB0:INDEX.HTM', '/srv/web/index.htm'],
    ['A.TXT', '/vm/dsk0/100005/a.txt'],
    ['EMAILX', '/vm/dsk0/100005/emailx'],
    ['EMAILX.', '/vm/dsk0/100005/emailx'],
    ['A.TXT[1,4]', '/vm/dsk0/001004/a.txt'],
    ['/tmp/Some File.TXT', '/tmp/Some File.TXT'],
    ['/tmp/DSK0:A.B[1,4]', '/tmp/DSK0:A.B[1,4]'],
    ['./Mixed.Case', '/vm/dsk0/100005/Mixed.Case'],
    ['../100006/X', '/vm/dsk0/100006/X'],
    ['my file.txt', '/vm/dsk0/100005/my file.txt'],
    ['Rechnung (2).pdf  ', '/vm/dsk0/100005/Rechnung (2).pdf'],
    ['a,b', '/vm/dsk0/100005/a,b'],
    ['Report.Final.pdf', '/vm/dsk0/100005/Report.Final.pdf'],
    ['.profile', '/vm/dsk0/100005/.profile'],
    ['A.EXTENSION', '/vm/dsk0/100005/A.EXTENSION'],
    [`${'A'.repeat(72)}.B`, `/vm/dsk0/100005/${'a'.repeat(72)}.b`],
    [`${'A'.repeat(73)}.B`, `/vm/dsk0/100005/${'A'.repeat(73)}.B`],
    ['\xfcber.txt', '/vm/dsk0/100005/über.txt'],
    ['\xc3\xbcber.txt', '/vm/dsk0/100005/über.txt'],
    ['Łódź.txt', '/vm/dsk0/100005/Łódź.txt'],
  ])('%j is %s', (spec, path) => {
    expect(locate(spec)).toBe(path);
  });

  it.each([
    [
      'DSK7:A.B[1,4]',
      "the body 'DSK7:A.B[1,4]' is in DSK7:[1,4], which emailx.files.devices lacks; it has DSK0, DSK1, DSK1:[31,3], WEB0",
    ],
    ['WEB0:A.B[1,4]', 'is in WEB0:[1,4], which emailx.files.devices lacks'],
    ['SYS:A.B[1,4]', 'names an account, but SYS: is one already'],
    ['DSK0:[1,4]A.B[1,4]', 'has two accounts'],
    ['DSK0:A.B[0,4]', 'has an account outside of [1,0] to [999,999]'],
    ['DSK0:A.B[1000,4]', 'is no AMOS filespec'],
    ['DSK0:A.B[1]', 'is no AMOS filespec'],
    ['DSK0:..[1,4]', 'is no AMOS filespec'],
    ['DSK0:.A[1,4]', 'is no AMOS filespec'],
    ['DSK0:A.B.C[1,4]', 'is no AMOS filespec'],
    ['DSK0:A B[1,4]', 'is no AMOS filespec'],
    ['DSK0:', 'is no AMOS filespec'],
    ['DSK0:\xdcBER.TXT[1,4]', 'is no AMOS filespec'],
    [':A', 'is no AMOS filespec'],
    ['', 'is blank'],
    ['  ', 'is blank'],
    ['/tmp/a\0b', 'holds a NUL'],
    ['A\0B', 'holds a NUL'],
  ])('%j has the status that its use has, and a reason', (spec, reason) => {
    const error = refusal(() => locate(spec));
    expect(error).toMatchObject({ status: 74, refusal: 'bodyUnreadable' });
    expect(error.message).toContain(reason);
    expect(error.message).toMatch(/^the body '/);
    expect(error.message).not.toMatch(/\p{Cc}/u);
  });

  it('without a table is relative to the working directory', () => {
    expect(locate('my file', {})).toBe(join(process.cwd(), 'my file'));
    expect(locate('README', {})).toBe(join(process.cwd(), 'readme'));
    expect(refusal(() => locate('DSK0:A.B[1,4]', {})).message).toContain('files.devices lacks; it has none');
    expect(refusal(() => locate('A.B[1,4]', {})).message).toContain('has no device; set emailx.files.login');
    expect(refusal(() => locate('DSK0:A.B', { devices: DEVICES })).message).toContain(
      'has no [p,pn]; write DSK0:NAME.EXT[p,pn], or set emailx.files.login',
    );
  });

  it('with a blank is an AMOS spec that is wrong where FSPECNATIVE is off, and no path', () => {
    expect(locate('MY FILE', TABLE, { fspecNative: false })).toBe('/vm/dsk0/100005/MY FILE');
    expect(locate('c:\\a b', TABLE, { fspecNative: false })).toBe('/vm/dsk0/100005/c:\\a b');
    expect(refusal(() => locate('A:B;1', TABLE, { fspecNative: false })).message).toContain('is no AMOS filespec');
    expect(locate('A:B;1')).toBe('/vm/dsk0/100005/A:B;1');
  });

  it('has %NAME% expanded where it is native and the environment knows it', () => {
    process.env.TCPX_TEST_DIRECTORY = '/tmp/mail';
    try {
      expect(locate('%TCPX_TEST_DIRECTORY%/a.txt')).toBe('/tmp/mail/a.txt');
      expect(locate('/a/%TCPX_TEST_NOWHERE%/100%')).toBe('/a/%TCPX_TEST_NOWHERE%/100%');
    } finally {
      delete process.env.TCPX_TEST_DIRECTORY;
    }
  });
});

describe('the case of a name', () => {
  let base = '';
  const files = (login?: string): HostFilesOptions => ({
    devices: { DSK0: base },
    ...(login === undefined ? {} : { login }),
  });
  const account = (name: string) => join(base, '100005', name);

  beforeAll(() => {
    base = tempDir();
    for (const directory of ['100005', '100000']) mkdirSync(join(base, directory));
    for (const name of ['lower.txt', 'Mixed.Txt', 'TWICE.A', 'Twice.a', 'both.b', 'BOTH.B']) {
      writeFileSync(account(name), name);
    }
    for (const name of ['library.txt', 'lower.txt']) writeFileSync(join(base, '100000', name), name);
  });

  it.each([
    ['DSK0:LOWER.TXT[100,5]', 'insensitive', 'lower.txt'],
    ['DSK0:MIXED.TXT[100,5]', 'insensitive', 'Mixed.Txt'],
    ['DSK0:BOTH.B[100,5]', 'insensitive', 'BOTH.B'],
    ['DSK0:Both.b[100,5]', 'insensitive', 'both.b'],
    ['DSK0:NEW.LOG[100,5]', 'insensitive', 'new.log'],
    ['DSK0:BOTH.B[100,5]', 'lower', 'both.b'],
    ['DSK0:MIXED.TXT[100,5]', 'lower', 'mixed.txt'],
    ['DSK0:MIXED.TXT[100,5]', 'exact', 'MIXED.TXT'],
    ['DSK0:BOTH.B[100,5]', 'exact', 'BOTH.B'],
  ] as const)('%s, %s, is %s', (spec, filespecCase, name) => {
    expect(locate(spec, files(), { filespecCase })).toBe(account(name));
  });

  it('that is two files in no case of theirs is an error', () => {
    expect(refusal(() => locate('DSK0:twice.A[100,5]', files())).message).toContain(
      'could be any of TWICE.A, Twice.a; give the case of one of them',
    );
  });

  it('is looked for in the account, then in the library account of its project', () => {
    expect(locate('LOWER.TXT', files('DSK0:[100,5]'))).toBe(account('lower.txt'));
    expect(locate('LIBRARY.TXT', files('DSK0:[100,5]'))).toBe(join(base, '100000', 'library.txt'));
    expect(locate('NEW.TXT', files('DSK0:[100,5]'))).toBe(account('new.txt'));
    expect(locate('LOWER.TXT', files('DSK0:[100,0]'))).toBe(join(base, '100000', 'lower.txt'));
    expect(locate('DSK0:LIBRARY.TXT[100,5]', files('DSK0:[100,5]'))).toBe(account('library.txt'));
  });

  it('of an account that has no directory is what it would be', () => {
    expect(locate('DSK0:A.B[7,7]', files())).toBe(join(base, '007007', 'a.b'));
  });

  const before = process.cwd();
  afterAll(() => process.chdir(before));
  it('in the working directory is found like any other', () => {
    process.chdir(join(base, '100005'));
    expect(locate('MIXED.TXT', {})).toBe(join(process.cwd(), 'Mixed.Txt'));
  });
});

describe('the table', () => {
  it.each<[HostFilesOptions, string]>([
    [{ devices: { '': '/a' } }, "files.devices: '' is not a device such as DSK0"],
    [{ devices: { 'DSK0:[0,1]': '/a' } }, "files.devices: 'DSK0:[0,1]' is not a device"],
    [{ devices: { 'DSK0:[1,1000]': '/a' } }, 'is not a device'],
    [{ devices: { '../x': '/a' } }, 'is not a device'],
    [{ devices: { DSK0: '' } }, 'files.devices.DSK0 names no directory'],
    [{ devices: JSON.parse('{ "DSK0": 7 }') }, 'files.devices.DSK0 names no directory'],
    [{ devices: { DSK0: '/a\0' } }, 'files.devices.DSK0 names no directory'],
    [{ ersatz: { 'SYS:[1,4]': 'DSK0:' } }, "files.ersatz: 'SYS:[1,4]' is a name without [p,pn]"],
    [{ ersatz: { SYS: '/vm' } }, "files.ersatz.SYS: '/vm' is not a device"],
    [{ login: 'DSK0:[1,4]' }, "files.login: emailx.files.devices does not have 'DSK0:[1,4]'"],
    [{ devices: DEVICES, login: 'DSK0' }, "files.login is a device with [p,pn], not 'DSK0'"],
    [{ devices: DEVICES, login: '[1,4]' }, 'files.login'],
  ])('%j is a usage error', (options, message) => {
    expect(() => parseEmailxOptions({ files: options })).toThrow(UsageError);
    expect(() => parseEmailxOptions({ files: options })).toThrow(message);
  });

  it('takes an ersatz device as login', () => {
    expect(locate('A', { ...TABLE, login: 'SYS:' })).toBe('/vm/dsk0/001004/a');
  });
});
