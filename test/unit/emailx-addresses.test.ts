// The envelope (reference emailx §7, §6.2).
import { describe, expect, it } from 'vitest';
import { type EnvelopeSettings, envelopeOf, splitAddresses } from '../../src/emailx/addresses.ts';
import { type EmailxAssumptions, parseEmailxAssumptions } from '../../src/emailx/assumptions.ts';
import { refusal } from '../support/refusal.ts';

const SETTINGS: EnvelopeSettings = { sender: 'shop@example.com', domain: '', redirect: '', addBcc: [] };

const envelope = (to: string, settings: Partial<EnvelopeSettings> = {}, assume: Partial<EmailxAssumptions> = {}) =>
  envelopeOf(to, { ...SETTINGS, ...settings }, parseEmailxAssumptions(assume));

describe('a list of recipients', () => {
  it.each([
    ['a@x', ['a@x']],
    ['a@x\rb@x', ['a@x', 'b@x']],
    ['a@x\r\nb@x\r\n', ['a@x', 'b@x']],
    ['\r\r a@x \t\r  \r\tb@x', ['a@x', 'b@x']],
    ['a@x\ra@x', ['a@x', 'a@x']],
    ['a@x,b@x', ['a@x,b@x']],
    ['', []],
    [' \r\n \r', []],
  ])('%j', (to, items) => {
    expect(splitAddresses(to)).toEqual(items);
  });

  it.each([
    ['a@x\nb@x', 'a LF without a CR'],
    ['\na@x', 'a LF without a CR'],
    ['a@x\r\n\nb@x', 'a LF without a CR'],
    ['a@x\0', 'a NUL'],
    ['a@x\r\0', 'a NUL'],
  ])('%j is refused with 73', (to, reason) => {
    const error = refusal(() => splitAddresses(to));
    expect(error).toMatchObject({ status: 73, refusal: 'badRecipient' });
    expect(error.message).toContain(`'to' holds ${reason}`);
  });
});

describe('an address', () => {
  it.each([
    ['a@example.com', 'a@example.com'],
    ['  a@example.com\t', 'a@example.com'],
    ['bob', 'bob'],
    ['Ann <ann@example.com>', 'ann@example.com'],
    ['"Doe, Ann" <ann@example.com>', 'ann@example.com'],
    ['ann@old.example <ann@example.com>', 'ann@example.com'],
    ['<ann@example.com>', 'ann@example.com'],
    ['< ann@example.com >', 'ann@example.com'],
    ["a+b=c!#$%&'*/?^_`{|}~-@example.com", "a+b=c!#$%&'*/?^_`{|}~-@example.com"],
    ['john..doe.@docomo.example', 'john..doe.@docomo.example'],
    ['"a b@c>"@example.com', '"a b@c>"@example.com'],
    ['"a\\"b"@example.com', '"a\\"b"@example.com'],
    ['a@[127.0.0.1]', 'a@[127.0.0.1]'],
    ['a@[IPv6:2001:db8::1]', 'a@[IPv6:2001:db8::1]'],
    ['a@xn--mller-kva.example', 'a@xn--mller-kva.example'],
    ['a@m\xc3\xbcller.example', 'a@xn--mller-kva.example'],
    ['j\xc3\xbcrgen@m\xc3\xbcller.example', 'j\xc3\xbcrgen@m\xc3\xbcller.example'],
    [`${'a'.repeat(242)}@example.com`, `${'a'.repeat(242)}@example.com`],
  ])('%j goes out as %j', (text, address) => {
    expect(envelope(text).recipients).toEqual([address]);
    expect(envelope('b@x', { sender: text }).sender).toBe(address);
  });

  const LIST = 'holds a comma or semicolon: recipients are separated by chr(13)';
  it.each([
    ['a@x,b@x', LIST],
    ['a@x;b@x', LIST],
    ['Ann <ann@x>, Bob <bob@x>', LIST],
    ['ann@x, <bob@x>', LIST],
    ['<ann@x> <bob@x>', 'holds < or >'],
    ['a@x> SIZE=1', 'holds < or >'],
    ['<a@x', 'holds < or >'],
    ['a@x>', 'holds < or >'],
    ['<a@x><b@x>', 'holds < or >'],
    ['<>', 'is no address'],
    ['Ann <>', 'is no address'],
    ['a b@x', 'holds a blank'],
    ['a@x y', 'holds a blank'],
    ['a@x NOTIFY=NEVER', 'holds a blank'],
    ['a\tb@x', 'holds a control character'],
    ['a\x7fb@x', 'holds a control character'],
    ['a\x1b@x', 'holds a control character'],
    ['@x', 'has nothing in front of the @'],
    ['a@', 'has nothing behind the @'],
    ['a@b@c', 'holds @ where no address has it'],
    ['a"b@c', 'holds " where no address has it'],
    ['"ab@c', 'holds " where no address has it'],
    ['"ab"c@d', 'holds " where no address has it'],
    ['a\\b@c', 'holds \\ where no address has it'],
    ['a(comment)@c', 'holds ( where no address has it'],
    ['a:b@c', 'holds : where no address has it'],
    ['@relay:a@c', 'has nothing in front of the @'],
    ['a@[1.2.3.4', 'has no address in its [ ]'],
    ['a@[]', 'has no address in its [ ]'],
    ['a@[1 2]', 'has no address in its [ ]'],
    ['a@b[1]', 'holds [ where no address has it'],
    ['j\xfcrgen@x', 'is neither ASCII nor UTF-8'],
    ['a@\xef\xbc\x91.\xef\xbc\x92.\xef\xbc\x93.\xef\xbc\x94', 'has a domain that no name can be made of'],
    ['a@\xc2\xad', 'has a domain that no name can be made of'],
    ['a@\xc3\xbc.example/x', 'has a domain that no name can be made of'],
    ['a@\xc3\xbc.example#x', 'has a domain that no name can be made of'],
    ['a@\xc3\xbc%41.example', 'has a domain that no name can be made of'],
    ['a@\xc3\xbc\xc2\xad.example', 'has a domain that no name can be made of'],
    ['\u0141@x', 'holds a character above U+00FF: encode the text as UTF-8 first'],
    [`${'a'.repeat(243)}@example.com`, 'is longer than 254 octets'],
    [`${'\xc3\xbc'.repeat(122)}@example.com`, 'is longer than 254 octets'],
  ])('%j is refused with 73', (text, reason) => {
    const error = refusal(() => envelope(`ok@x\r${text}`));
    expect(error).toMatchObject({ status: 73, refusal: 'badRecipient' });
    expect(error.message).toContain(reason);
    expect(error.message).toMatch(/^the recipient '/);
    expect(error.message).not.toMatch(/\p{Cc}/u);
    if (text !== '<>') {
      expect(refusal(() => envelope('ok@x', { sender: text }))).toMatchObject({ status: 73, refusal: 'badSender' });
    }
  });

  it('in brackets is refused where the site says so', () => {
    const error = refusal(() => envelope('Ann <ann@x>', {}, { angleBrackets: 'refused' }));
    expect(error.message).toContain('holds < or >: write the address alone');
  });
});

describe('the envelope', () => {
  it('keeps the order and the duplicates, with ADDBCC at the end', () => {
    expect(envelope('b@x\ra@x\rb@x', { addBcc: ['c@x', 'a@x'] })).toEqual({
      sender: 'shop@example.com',
      recipients: ['b@x', 'a@x', 'b@x', 'c@x', 'a@x'],
      redirected: [],
      needsSmtpUtf8: false,
    });
  });

  it('completes what has no domain', () => {
    const settings = { domain: 'example.com', sender: 'shop', addBcc: ['log'] };
    expect(envelope('bob\rann@x\rBob <carl>\r"a@b"', settings)).toMatchObject({
      sender: 'shop@example.com',
      recipients: ['bob@example.com', 'ann@x', 'carl@example.com', '"a@b"', 'log@example.com'],
    });
    expect(envelope('a', { domain: 'example.com', redirect: 'test' }).recipients).toEqual(['test@example.com']);
  });

  it('is redirected as a whole, and remembers to whom it was', () => {
    const settings = { redirect: 'test@x', addBcc: ['log@x'] };
    expect(envelope('a@x\rb@x', settings)).toMatchObject({
      recipients: ['test@x'],
      redirected: ['a@x', 'b@x', 'log@x'],
    });
    expect(envelope('a@x', settings, { redirectedAddBcc: 'kept' }).recipients).toEqual(['test@x', 'log@x']);
  });

  it.each([
    ['blank', ''],
    ['in brackets', '<>'],
    ['blanks', '  '],
  ])('has the empty reverse-path for a sender that is %s', (_what, sender) => {
    expect(envelope('a@x', { sender }).sender).toBe('');
  });

  it('is refused without a sender where the site says so, but not for <>', () => {
    const assume = { noSender: 'refused' } as const;
    expect(refusal(() => envelope('a@x', { sender: '' }, assume))).toMatchObject({ status: 73, refusal: 'badSender' });
    expect(envelope('a@x', { sender: '<>' }, assume).sender).toBe('');
  });

  it.each(['a@x\rb@x', 'a@x\r\n', 'a@x\n', 'a@x\0'])('is refused with 73 for the sender %j', (sender) => {
    expect(refusal(() => envelope('a@x', { sender }))).toMatchObject({ status: 73, refusal: 'badSender' });
  });

  it.each(['', ' ', '\r\r\n'])('is refused with 73 for the recipients %j, also under REDIRECT', (to) => {
    expect(refusal(() => envelope(to, { redirect: 'test@x', addBcc: ['b@x'] }))).toMatchObject({
      status: 73,
      refusal: 'noRecipient',
    });
  });

  it.each<[string, Partial<EnvelopeSettings>]>([
    ['ADDBCC', { addBcc: ['a b'] }],
    ['REDIRECT', { redirect: 'a@x, b@x' }],
  ])('is refused with 78 for a bad %s', (item, settings) => {
    const error = refusal(() => envelope('a@x', settings));
    expect(error).toMatchObject({ status: 78, refusal: 'badConfig' });
    expect(error.message).toContain(`${item} '`);
  });

  it.each<[string, string, Partial<EnvelopeSettings>, boolean]>([
    ['ASCII', 'a@x', {}, false],
    ['a domain alone', 'a@m\xc3\xbcller.example', {}, false],
    ['a recipient', 'j\xc3\xbcrgen@x', {}, true],
    ['the sender', 'a@x', { sender: 'j\xc3\xbcrgen@x' }, true],
    ['ADDBCC', 'a@x', { addBcc: ['j\xc3\xbcrgen@x'] }, true],
    ['REDIRECT', 'a@x', { redirect: 'j\xc3\xbcrgen@x' }, true],
    ['a recipient that REDIRECT replaced', 'j\xc3\xbcrgen@x', { redirect: 'a@x' }, false],
    ['an address without @', 'j\xc3\xbcrgen', {}, true],
  ])('knows whether it needs SMTPUTF8: %s', (_what, to, settings, needs) => {
    expect(envelope(to, settings).needsSmtpUtf8).toBe(needs);
  });

  it('has as many recipients as there are, or as the site says', () => {
    const to = Array.from({ length: 101 }, (_, index) => `a${index}@x`).join('\r');
    expect(envelope(to).recipients).toHaveLength(101);
    expect(envelope(to, {}, { recipientsPast100: 'ignored' }).recipients.at(-1)).toBe('a99@x');
    expect(refusal(() => envelope(to, {}, { recipientsPast100: 'refused' }))).toMatchObject({
      status: 73,
      refusal: 'tooManyRecipients',
    });
    const hundred = to.slice(0, to.lastIndexOf('\r'));
    expect(envelope(hundred, {}, { recipientsPast100: 'refused' }).recipients).toHaveLength(100);
  });
});
