// Encrypted passwords (reference emailx §14).
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/core/errors.ts';
import { fromDecimal, openPassword, sealPassword, toDecimal } from '../../src/emailx/pwcrypt.ts';
import { refusal } from '../support/refusal.ts';

const open = (value: string, username = 'u') => openPassword(value, username, true);

describe('an encrypted password', () => {
  it.each(['x', 'secret123', 'p\xe4ss;wo=rd\x01\0\xff', 'a'.repeat(8192)])('comes back: %j', (password) => {
    const sealed = sealPassword(password, 'u\xfc@example.com');
    expect(sealed).toMatch(/^\$tcpx1\$[A-Za-z0-9_-]+$/);
    expect(open(sealed, 'u\xfc@example.com')).toBe(password);
    expect(open(`\x03${sealed}`, 'u\xfc@example.com')).toBe(password);
    expect(open(fromDecimal(toDecimal(`\x03${sealed}`)) ?? '', 'u\xfc@example.com')).toBe(password);
  });

  it('is another one each time', () => {
    expect(sealPassword('p', 'u')).not.toBe(sealPassword('p', 'u'));
  });

  it('stands in a line of the configuration: no ; and no blank', () => {
    expect(sealPassword('p'.repeat(500), 'u')).not.toMatch(/[;\s]/);
  });

  it.each<[string, (sealed: string) => string, string]>([
    ['another user name', (sealed) => sealed, 'v'],
    ['no user name', (sealed) => sealed, ''],
    ['a changed byte', (sealed) => sealed.slice(0, -2) + (sealed.endsWith('AA') ? 'BB' : 'AA'), 'u'],
    [
      'a changed salt',
      (sealed) => sealed.replace(/^(\$tcpx1\$)./, (all) => (all.endsWith('A') ? '$tcpx1$B' : '$tcpx1$A')),
      'u',
    ],
    ['its end missing', (sealed) => sealed.slice(0, -4), 'u'],
    ['nearly all missing', (sealed) => sealed.slice(0, 20), 'u'],
    ['nothing behind the mark', () => '$tcpx1$', 'u'],
    ['other characters', (sealed) => `${sealed}!`, 'u'],
    ['too much', (sealed) => sealed + 'A'.repeat(20_000), 'u'],
  ])('with %s is refused with 78 and not shown', (_what, change, username) => {
    const value = change(sealPassword('hunter2', 'u'));
    const error = refusal(() => open(value, username));
    expect(error).toMatchObject({ status: 78, refusal: 'wrongPasswordKey' });
    expect(error.message).toMatch(/npx tcpx pwcrypt --user NAME/);
    expect(error.message).not.toContain('hunter2');
    expect(error.message).not.toContain(value.slice(8, 16) || '$tcpx1$');
  });

  it.each([
    ['', 'u', 'the password is blank'],
    ['p', '', 'the user name is blank'],
    ['a'.repeat(8193), 'u', 'longer than 8192 bytes'],
  ])('is not made of %#', (password, username, message) => {
    expect(() => sealPassword(password, username)).toThrow(UsageError);
    expect(() => sealPassword(password, username)).toThrow(message);
  });
});

describe("A-Shell's values", () => {
  const BASE64 = '4VnnLkfd0RyrS7Mo9kpo7bJLnzC1F678/KJ99wB1q2wOKW87Nhivb36Qi4y5sYmX+ppD';
  it.each([
    ['mode 1', '\x01abc', 'MX_PWCRYPT mode 1'],
    ['mode 2', '\x02!|\x01b\r\x7f4,', 'MX_PWCRYPT mode 2'],
    ['mode 3', `\x03${BASE64}`, 'MX_PWCRYPT mode 3'],
    ['mode 3, cut off', '\x03', 'MX_PWCRYPT mode 3'],
    ['mode 3 as it is printed', `C${BASE64}`, 'MX_PWCRYPT mode 3) and printed'],
  ])('of %s are refused with 78 and a remedy', (_what, value, what) => {
    const error = refusal(() => open(value));
    expect(error).toMatchObject({ status: 78, refusal: 'foreignPassword' });
    expect(error.message).toContain(what);
    expect(error.message).toContain("make a new one with 'npx tcpx pwcrypt --user NAME'");
    expect(error.message).not.toContain(BASE64.slice(0, 8));
  });

  it.each([
    'secret123',
    '',
    '\x04abc',
    'tcpx1$abc',
    '$tcpx2$abc',
    ` $tcpx1$abc`,
    `C${BASE64}=`,
    `D${BASE64}`,
    `C${BASE64.slice(1)}`,
  ])('are not %j, which is clear', (value) => {
    expect(open(value)).toBe(value);
  });

  it('that were printed are clear where the site says so', () => {
    expect(openPassword(`C${BASE64}`, 'u', false)).toBe(`C${BASE64}`);
  });
});

describe('a list of codes', () => {
  it.each([
    ['2, 65, 66', '\x02AB'],
    ['065,0066 ', null],
    [' 255 ,0\t', '\xff\0'],
    ['65', null],
    ['65,', null],
    [',65', null],
    ['65,,66', null],
    ['65,256', null],
    ['65, x', null],
    ['65 66', null],
    ['-1,2', null],
    ['1.5,2', null],
    ['', null],
  ])('%j', (value, text) => {
    expect(fromDecimal(value)).toBe(text);
  });

  it('is what toDecimal writes', () => {
    const all = String.fromCharCode(...Array(256).keys());
    expect(fromDecimal(toDecimal(all))).toBe(all);
  });
});
