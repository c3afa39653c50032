import { describe, expect, it } from 'vitest';
import { ALIASES, DIALECTS } from '../../src/starttls/dialects.ts';
import { DIRECT_SERVICES } from '../../src/starttls/direct.ts';
import { SCHEMES, schemeNamed, type TargetOptions, targetOf } from '../../src/starttls/target.ts';

const SELF = 'client.example';

function read(text: string, options: TargetOptions = {}) {
  const { dialect, ...target } = targetOf(text, { self: SELF, ...options });
  return { ...target, dialect: dialect.name };
}

describe('the schemes', () => {
  it('are unique, and each says where its port comes from', () => {
    const names = SCHEMES.map(({ scheme }) => scheme);
    expect(new Set(names).size).toBe(names.length);
    for (const { scheme, port } of SCHEMES) if (scheme !== 'tls') expect(port, scheme).toBeGreaterThan(0);
  });

  it('are those of the dialects, and of the services without a dialect', () => {
    for (const { scheme, directScheme } of DIALECTS) {
      if (scheme !== null) expect(schemeNamed(scheme).mode).toBe('upgrade');
      if (directScheme !== null) expect(schemeNamed(directScheme).mode).toBe('direct');
    }
    for (const { scheme, alpn } of DIRECT_SERVICES) {
      expect(schemeNamed(scheme)).toMatchObject({ mode: 'direct', alpn, dialect: { name: 'tls' } });
    }
  });

  it('have aliases that lead somewhere, and do not hide a scheme', () => {
    for (const [alias, name] of ALIASES) {
      expect(SCHEMES.map(({ scheme }) => scheme)).not.toContain(alias);
      expect(schemeNamed(alias).scheme, alias).toBe(name);
    }
  });

  it('are listed where there is none of that name', () => {
    expect(() => schemeNamed('gopher')).toThrow(/'gopher'; there are .*smtp.*tls/);
  });
});

describe('a target', () => {
  it('has the port and the mode of its scheme', () => {
    expect(read('smtp://mx.example')).toEqual({
      url: 'smtp://mx.example:25',
      dialect: 'smtp',
      mode: 'upgrade',
      host: 'mx.example',
      port: 25,
      parties: { host: 'mx.example', self: SELF },
      alpn: null,
    });
    expect(read('submissions://mx.example')).toMatchObject({ dialect: 'submission', mode: 'direct', port: 465 });
    expect(read('SMTPS://mx.example:4465')).toMatchObject({ dialect: 'submission', mode: 'direct', port: 4465 });
    expect(read('dot://dns.example')).toMatchObject({ dialect: 'tls', mode: 'direct', port: 853, alpn: 'dot' });
  });

  it('takes names, addresses and ports', () => {
    expect(read('tls://[2001:db8::1]:8443')).toMatchObject({ host: '2001:db8::1', url: 'tls://[2001:db8::1]:8443' });
    expect(read('smtp://192.0.2.1:2525/')).toMatchObject({ host: '192.0.2.1', port: 2525 });
    expect(read('smtp://M\u00dcnchen.Example')).toMatchObject({ host: 'xn--mnchen-3ya.example' });
  });

  it('may name a domain that is on another host', () => {
    expect(read('xmpp://example.org@chat.example')).toMatchObject({
      dialect: 'xmpp',
      host: 'chat.example',
      port: 5222,
      parties: { host: 'example.org', self: SELF },
      url: 'xmpp://example.org@chat.example:5222',
      alpn: null,
    });
    expect(read('xmpps://example.org')).toMatchObject({
      port: 5223,
      parties: { host: 'example.org' },
      alpn: 'xmpp-client',
    });
    expect(read('xmpp-server://example.org')).toMatchObject({ dialect: 'xmpp-server', port: 5269 });
    expect(() => read('xmpp://a b@chat.example')).toThrow(/neither a host name nor an address/);
  });

  it('may have both modes on one port under one scheme', () => {
    expect(read('postgres://db.example/data?sslmode=require')).toMatchObject({
      mode: 'upgrade',
      port: 5432,
      alpn: 'postgresql',
      url: 'postgres://db.example:5432',
    });
    expect(read('postgresql://user:secret@db.example:5433/data?x=y&sslnegotiation=direct#z')).toMatchObject({
      mode: 'direct',
      port: 5433,
      alpn: 'postgresql',
      url: 'postgres://db.example:5433?sslnegotiation=direct',
    });
    const again = read('postgres://db.example:5433?sslnegotiation=direct');
    expect(again.url).toBe('postgres://db.example:5433?sslnegotiation=direct');
    expect(read('postgres://db.example?sslnegotiation=postgres', { mode: 'direct' }).mode).toBe('upgrade');
    expect(() => read('postgres://db.example?sslnegotiation=x')).toThrow(/direct or postgres, not 'x'/);
    expect(read('ldap://dir.example?sslnegotiation=direct').mode).toBe('upgrade');
  });

  it('is of the mode and the port of its scheme in every protocol', () => {
    for (const [url, port, mode, alpn] of [
      ['https://www.example', 443, 'direct', 'http/1.1'],
      ['http://www.example', 80, 'upgrade', null],
      ['ipp://print.example', 631, 'upgrade', null],
      ['ipps://print.example', 631, 'direct', 'http/1.1'],
      ['ldap://dir.example', 389, 'upgrade', null],
      ['ldaps://dir.example', 636, 'direct', null],
      ['mariadb://db.example', 3306, 'upgrade', null],
      ['telnets://host.example', 992, 'direct', null],
    ] as const) {
      expect(read(url), url).toMatchObject({ port, mode, alpn });
    }
  });

  it('needs no scheme where the protocol is given otherwise', () => {
    expect(read('mx.example:2525', { proto: 'submission' })).toMatchObject({ dialect: 'submission', port: 2525 });
    expect(read('lmtp://mx.example', { proto: 'smtp' })).toMatchObject({ dialect: 'lmtp' });
  });

  it('can be of the other mode than its scheme', () => {
    expect(read('smtp://mx.example:465', { mode: 'direct' })).toMatchObject({
      mode: 'direct',
      url: 'smtp://mx.example:465',
    });
    expect(read('submissions://mx.example', { mode: 'upgrade' })).toMatchObject({ mode: 'upgrade', port: 587 });
    expect(() => read('tls://mx.example:1', { mode: 'upgrade' })).toThrow(/no upgrade/);
  });

  it('forgets users and passwords', () => {
    expect(JSON.stringify(read('smtp://user:secret@mx.example/path?x=secret'))).not.toMatch(/user|secret/);
    expect(() => read('smtp://user:secret@mx.example:99999')).toThrow(/^(?!.*secret)/);
    expect(() => read('smtp://user:secret@')).toThrow(/^(?!.*secret)/);
    for (const text of [
      'xmpp://user:secret@chat.example',
      'xmpp-server://user secret@chat.example',
      'imap://user:sec/ret@mx.example',
      'imap://user:pass@word@mx.example:x',
      'user:secret@mx.example',
      'smtp:user:secret@mx.example',
    ]) {
      expect(() => read(text)).toThrow(/^(?!.*(?:user|pass|word|sec|ret))/);
    }
  });

  it.each([
    ['', /not a target/],
    ['smtp://', /not a target/],
    ['mx.example:25', /does not say which protocol; write for example smtp:\/\/mx\.example/],
    ['gopher://mx.example', /there is no protocol/],
    ['smtp://mx.example:0', /1 to 65535/],
    ['smtp://mx.example:65536', /1 to 65535/],
    ['smtp://mx.example:x', /not a target/],
    ['smtp://mx example', /neither a host name nor an address/],
    ['smtp://a%0d%0ab', /neither a host name nor an address/],
    ['smtp://[mx.example]', /neither a host name nor an address/],
    ['smtp://mx.example\r\nRSET', /not a target|neither/],
    ['tls://mx.example', /tls:\/\/host:port/],
    ['smtp://localhost\\.evil.example:1', /neither a host name nor an address/],
    ['smtp://local\thost', /neither a host name nor an address/],
    ['smtp://local"host', /neither a host name nor an address/],
    ['smtp://local\u00adhost', /neither a host name nor an address/],
    ['smtp://local\u200bhost', /neither a host name nor an address/],
    ['smtp://local\ufe0fhost', /neither a host name nor an address/],
    ['smtp://localhost\uff0f.evil.example', /neither a host name nor an address/],
    ['xmpp://example.org\\.evil.example@chat.example', /neither a host name nor an address/],
    ['smtp://\x1b[31m', /^[ -~]*$/],
    ['smtp://\u202emx.example', /^[ -~]*$/],
    ['\u202emx.example', /^[ -~]*$/],
  ])('%j is refused', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});
