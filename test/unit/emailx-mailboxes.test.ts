// Addresses as people write them: whom a list names, and what is refused because somebody would be missed.
import { describe, expect, it } from 'vitest';
import { parseMailboxes } from '../../src/emailx/mailboxes.ts';

const named = (list: string, domain = '') =>
  parseMailboxes('to', list, domain).map(({ name, address }) => (name === '' ? address : `${name} | ${address}`));

describe('a list', () => {
  it.each<[string, readonly string[]]>([
    ['', []],
    ['ann@example.com', ['ann@example.com']],
    ['a@x.example, b@x.example,c@x.example', ['a@x.example', 'b@x.example', 'c@x.example']],
    [' ,a@x.example,, b@x.example , ', ['a@x.example', 'b@x.example']],
    ['a@x.example; b@x.example;', ['a@x.example', 'b@x.example']],
    ['<ann@x.example>', ['ann@x.example']],
    ['Ann <a@x.example>, Bob B. Brown <b@x.example>', ['Ann | a@x.example', 'Bob B. Brown | b@x.example']],
    ['Ann   Miller<a@x.example>', ['Ann Miller | a@x.example']],
    ['"Ann, A." <a@x.example>', ['Ann, A. | a@x.example']],
    ['"Ann" Miller <a@x.example>', ['Ann Miller | a@x.example']],
    [String.raw`"a \"b\" <c@d>" <a@x.example>`, ['a "b" <c@d> | a@x.example']],
    ['Jörg Müller <jörg@bücher.example>', ['Jörg Müller | jörg@bücher.example']],
    ['ann@bücher.example', ['ann@xn--bcher-kva.example']],
    // What no name can be made of, or only one that nobody wrote, is left as it is, and refused with the envelope.
    ['ann@bücher.example/shop, ann@bücher.example?shop', ['ann@bücher.example/shop', 'ann@bücher.example?shop']],
    ['ann@bü\u00adcher.example, ann@１２７.0.0.1', ['ann@bü\u00adcher.example', 'ann@１２７.0.0.1']],
    ['Ann [Berlin] <a@x.example>', ['Ann [Berlin] | a@x.example']],
    ['a@x.example (Ann)', ['Ann | a@x.example']],
    ['(nobody) a@x.example', ['nobody | a@x.example']],
    [String.raw`Ann (at (w@rk\), c@x.example)) <a@x.example>, b@x.example`, ['Ann | a@x.example', 'b@x.example']],
    ['a (b) @ (c) x.example', ['b c | a@x.example']],
    ['(only this), a@x.example', ['a@x.example']],
    ['undisclosed-recipients:;', []],
    ['a group: Ann <a@x.example>, b@x.example;', ['Ann | a@x.example', 'b@x.example']],
    ['c@x.example, "the, group": a@x.example;, d@x.example', ['c@x.example', 'a@x.example', 'd@x.example']],
    ['one: a@x.example; two: b@x.example', ['a@x.example', 'b@x.example']],
    ['"j d"@x.example', ['"j d"@x.example']],
    ['"a@b, c"@x.example, Ann <"j\\"d"@x.example>', ['"a@b, c"@x.example', 'Ann | "j\\"d"@x.example']],
    ['"needless.quotes"@x.example, "j\\o\\.h"@x.example', ['needless.quotes@x.example', 'jo.h@x.example']],
    ['"a..b"@x.example, a..b@x.example, ""@x.example', ['"a..b"@x.example', 'a..b@x.example', '""@x.example']],
    ['u@[127.0.0.1], U <u@[IPv6:::1]>', ['u@[127.0.0.1]', 'U | u@[IPv6:::1]']],
  ])('%s', (list, mailboxes) => {
    expect(named(list)).toEqual(mailboxes);
  });

  it.each<[string, string, readonly string[]]>([
    ['bob, ann@x.example', 'd.example', ['bob@d.example', 'ann@x.example']],
    ['Bob B. <bob>', 'd.example', ['Bob B. | bob@d.example']],
    ['"j d"', 'd.example', ['"j d"@d.example']],
    ['bob', 'bücher.example', ['bob@xn--bcher-kva.example']],
  ])('%s of %s', (list, domain, mailboxes) => {
    expect(named(list, domain)).toEqual(mailboxes);
  });

  it('may be several', () => {
    expect(parseMailboxes('to', ['a@x.example', 'b@x.example, c@x.example']).length).toBe(3);
    expect(parseMailboxes('to', undefined)).toEqual([]);
  });
});

describe('is refused', () => {
  const several = 'is not one address: separate addresses by commas, and put a name with an @ into quotes';
  const none = 'is no address such as ann@example.com';

  it.each<[string, string, string]>([
    ['<a@x.example> <b@x.example>', '<a@x.example> <b@x.example>', several],
    ['b@x.example c@x.example', 'b@x.example c@x.example', several],
    ['a@x.example, b@x.example c@x.example', 'b@x.example c@x.example', several],
    ['Ann <d@x.example> Bob <e@x.example>', 'Ann <d@x.example> Bob <e@x.example>', several],
    ['g: a@x.example b@x.example;', 'a@x.example b@x.example', several],
    ['ann@x.example <ann@x.example>', 'ann@x.example <ann@x.example>', several],
    ['<@relay.example:ann@x.example>', '<@relay.example', none],
    ['a@b@x.example', 'a@b@x.example', several],
    ['a@x.example Bob', 'a@x.example Bob', none],
    ['Ann a@x.example', 'Ann a@x.example', none],
    ['Ann <>', 'Ann <>', none],
    ['<a@x.example', '<a@x.example', none],
    ['<a, b@x.example>', '<a', none],
    ['Ann <a@x.example> Bob', 'Ann <a@x.example> Bob', none],
    ['"Ann <a@x.example>', '"Ann <a@x.example>', none],
    ['Ann (Miller <a@x.example>', 'Ann (Miller <a@x.example>', none],
    [String.raw`a\b@x.example`, String.raw`a\b@x.example`, none],
    ['a@[x@y]', 'a@[x@y]', none],
    ['a@', 'a@', none],
    ['@x.example', '@x.example', none],
    ['"a" "b"@x.example', '"a" "b"@x.example', none],
    ['a@x.example[1]', 'a@x.example[1]', none],
    ['a: b: c@x.example;', 'b', none],
    [': c@x.example;', '', none],
    ['a@x: c@x.example;', 'a@x', none],
    ['a\u00a0b@x.example', 'a\u00a0b@x.example', none],
    ['bob', 'bob', none],
  ])('%s', (list, item, reason) => {
    expect(() => parseMailboxes('cc', list)).toThrow(`cc: ${JSON.stringify(item)} ${reason}`);
  });

  it('a domain makes no address of several words', () => {
    expect(() => named('Bob Miller', 'd.example')).toThrow('"Bob Miller" is no address');
  });

  it('in no more than a moment, however long it is', () => {
    for (const unit of ['"\\', '(', '<', '\\"', 'a ', ', ', '(\\']) {
      expect(() => named(`x ${unit.repeat(60_000)}`), unit).toThrow(/ is no address/);
    }
  }, 5_000);
});
