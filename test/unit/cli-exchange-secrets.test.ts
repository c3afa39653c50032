// What a server shows of its clients: everything but what they prove themselves with.
import { describe, expect, it } from 'vitest';
import { ExchangeSecrets } from '../../src/cli/exchange-secrets.ts';
import { dialectNamed } from '../../src/starttls/dialects.ts';

/** `C: ` is a line of the client, `S: ` one of the server; everything inside TLS. Resolves to what is shown of it. */
function shown(name: string, lines: readonly string[], encrypted = true): string[] {
  const secrets = new ExchangeSecrets(dialectNamed(name));
  return lines.map((line) => {
    const from = line.startsWith('C: ') ? 'client' : 'server';
    const text = from === 'client' ? line.slice(3) : `${line.slice(3)}\r\n`;
    const bytes = Buffer.from(text, 'latin1');
    const result = secrets.show({ from, bytes, encrypted, secret: false, bulk: false });
    if (result.kind === 'words') return `C: (${bytes.length}) ${result.words}`;
    const { exchange } = result;
    return exchange.bulk
      ? `(${exchange.bytes.length})`
      : line.slice(0, 3) + Buffer.from(exchange.bytes).toString('latin1').replace(/\r\n$/, '');
  });
}

describe('lines', () => {
  it.each([
    ['smtp', ['C: AUTH PLAIN AGFubgBzZXNhbWU='], ['C: AUTH [secret]']],
    [
      'smtp',
      ['C: AUTH LOGIN', 'S: 334 VXNlcm5hbWU6', 'C: YW5u', 'S: 334 UGFzc3dvcmQ6', 'C: c2VzYW1l', 'S: 235 ok', 'C: NOOP'],
      [
        'C: AUTH [secret]',
        'S: 334 VXNlcm5hbWU6',
        'C: [secret]',
        'S: 334 UGFzc3dvcmQ6',
        'C: [secret]',
        'S: 235 ok',
        'C: NOOP',
      ],
    ],
    ['imap', ['C: a LOGIN ann sesame', 'S: a OK in', 'C: b NOOP'], ['C: a LOGIN [secret]', 'S: a OK in', 'C: b NOOP']],
    [
      'imap',
      ['C: a LOGIN {3}', 'S: + go on', 'C: ann {6}', 'S: + go on', 'C: sesame'],
      ['C: a LOGIN [secret]', 'S: + go on', 'C: [secret]', 'S: + go on', 'C: [secret]'],
    ],
    [
      'pop3',
      ['C: USER ann', 'S: +OK', 'C: PASS sesame', 'S: +OK'],
      ['C: USER ann', 'S: +OK', 'C: PASS [secret]', 'S: +OK'],
    ],
    ['pop3', ['C: APOP ann c4c9334bac560ecc979e58001b3e22fb'], ['C: APOP ann [secret]']],
    ['ftp', ['C: PASS sesame'], ['C: PASS [secret]']],
    ['nntp', ['C: AUTHINFO PASS sesame'], ['C: AUTHINFO PASS [secret]']],
    [
      'sieve',
      ['C: AUTHENTICATE "PLAIN" {16+}', 'C: AGFubgBzZXNhbWU=', 'S: OK'],
      ['C: AUTHENTICATE [secret]', 'C: [secret]', 'S: OK'],
    ],
    ['irc', ['C: PASS sesame', 'C: NICK ann'], ['C: PASS [secret]', 'C: NICK ann']],
    [
      'http',
      ['C: GET / HTTP/1.1', 'C: Authorization: Basic YW5uOnNlc2FtZQ==', 'C: cookie: id=sesame'],
      ['C: GET / HTTP/1.1', 'C: Authorization: [secret]', 'C: cookie: [secret]'],
    ],
  ])('%s', (name, lines, expected) => {
    expect(shown(name, lines)).toEqual(expected);
    // In clear nothing is shown that would not be inside TLS.
    expect(shown(name, lines, false)).toEqual(expected);
  });
});

describe('XML', () => {
  it('shows tags, wherever they are cut', () => {
    const auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFubgBzZXNhbWU=</auth>";
    expect(shown('xmpp', [`C: ${auth}`])).toEqual([`C: ${auth.replace('AGFubgBzZXNhbWU=', '[secret]')}`]);
    for (let cut = 1; cut < auth.length; cut += 1) {
      const parts = shown('xmpp', [`C: ${auth.slice(0, cut)}`, `C: ${auth.slice(cut)}`])
        .join('')
        .replaceAll('C: ', '');
      expect(parts, String(cut)).not.toMatch(/AGF|bgBz|YW1l/);
      expect(parts.replace(/(?:\[secret\])+/, 'AGFubgBzZXNhbWU=')).toBe(auth);
    }
  });

  it('takes CDATA for text', () => {
    const data = '<password><![CDATA[sesame<a>b]]></password>';
    expect(shown('xmpp', [`C: ${data}`]).join('')).not.toMatch(/sesame|b]]/);
  });

  it('shows what the server says', () => {
    const challenge = "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>cj1h</challenge>";
    expect(shown('xmpp-server', [`S: ${challenge}`])).toEqual([`S: ${challenge}`]);
  });
});

describe('messages', () => {
  it('are told by their kind', () => {
    const bind = Buffer.from('3016020101601102010304' + '06636e3d616e6e800473656372', 'hex').toString('latin1');
    const [line] = shown('ldap', [`C: ${bind}`]);
    expect(line).toMatch(/^C: \(24\) /);
    expect(line).not.toMatch(/ann|secr/);
    const password = Buffer.from('p\0\0\0\x0bsesame\0', 'latin1').toString('latin1');
    expect(shown('postgres', [`C: ${password}`])).toEqual(['C: (12) messages "p"']);
  });
});

it('what nobody knows, and what is typed, is counted', () => {
  expect(shown('tls', ['C: sesame', 'S: sesame'])).toEqual(['(6)', '(8)']);
  expect(shown('telnet', ['C: s', 'S: s'])).toEqual(['(1)', '(3)']);
  // In clear it is negotiation.
  expect(shown('telnet', ['C: \xff\xfb.'], false)).toEqual(['C: (3) WILL START_TLS']);
});
