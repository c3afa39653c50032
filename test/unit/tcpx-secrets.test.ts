// Secrets never reach a trace, however the dialogue is cut into calls.
import { describe, expect, it } from 'vitest';
import { SecretFilter } from '../../src/tcpx/secrets.ts';
import { cpuTime } from '../support/cpu-time.ts';

/** Lines of a dialogue: `C:` from the client, `S:` from the server. */
type Line = readonly ['C' | 'S', string];

const SECRET = 'aHVudGVyMg==';

const dialogues: Readonly<Record<string, readonly Line[]>> = {
  'SMTP AUTH PLAIN in one line': [
    ['S', '220 mail.example.com ESMTP\r\n'],
    ['C', 'EHLO client\r\n'],
    ['S', '250-mail.example.com\r\n250 AUTH PLAIN LOGIN\r\n'],
    ['C', `AUTH PLAIN ${SECRET}\r\n`],
    ['S', '235 ok\r\n'],
    ['C', 'MAIL FROM:<a@example.com>\r\n'],
  ],
  'SMTP AUTH PLAIN with a challenge': [
    ['C', 'AUTH PLAIN\r\n'],
    ['S', '334 \r\n'],
    ['C', `${SECRET}\r\n`],
    ['S', '235 ok\r\n'],
    ['C', 'MAIL FROM:<a@example.com>\r\n'],
  ],
  'SMTP AUTH LOGIN': [
    ['C', 'auth login\r\n'],
    ['S', '334 VXNlcm5hbWU6\r\n'],
    ['C', `${SECRET}\r\n`],
    ['S', '334 UGFzc3dvcmQ6\r\n'],
    ['C', `${SECRET}\r\n`],
    ['S', '535 no\r\n'],
    ['C', 'MAIL FROM:<a@example.com>\r\n'],
  ],
  'SMTP AUTH LOGIN by a client in a hurry': [
    ['C', `AUTH LOGIN\r\n${SECRET}\r\n${SECRET}\r\n`],
    ['S', '334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n235 ok\r\n'],
    ['C', 'MAIL FROM:<a@example.com>\r\n'],
  ],
  'SMTP AUTH XOAUTH2 that fails': [
    ['C', `AUTH XOAUTH2 ${SECRET}\r\n`],
    ['S', '334 eyJzdGF0dXMiOiI0MDAifQ==\r\n'],
    ['C', `${SECRET}\r\n`],
    ['S', '535 no\r\n'],
    ['C', 'MAIL FROM:<a@example.com>\r\n'],
  ],
  'IMAP LOGIN': [
    ['S', '* OK ready\r\n'],
    ['C', `a1 LOGIN user ${SECRET}\r\n`],
    ['S', 'a1 OK\r\n'],
    ['C', 'MAIL FROM:<a@example.com>\r\n'],
  ],
  'IMAP LOGIN with literals': [
    ['C', 'a1 LOGIN {4}\r\n'],
    ['S', '+ go on\r\n'],
    ['C', `user {${SECRET.length}}\r\n`],
    ['S', '+ go on\r\n'],
    ['C', `${SECRET}\r\n`],
    ['S', 'a1 OK\r\n'],
    ['C', 'MAIL FROM:<a@example.com>\r\n'],
  ],
  'IMAP AUTHENTICATE PLAIN': [
    ['C', 'a1 AUTHENTICATE PLAIN\r\n'],
    ['S', '* OK still here\r\n+ \r\n'],
    ['C', `${SECRET}\r\n`],
    ['S', '* CAPABILITY IMAP4rev1\r\na1 OK [CAPABILITY IMAP4rev1] done\r\n'],
    ['C', 'MAIL FROM:<a@example.com>\r\n'],
  ],
  'POP3 PASS': [
    ['S', '+OK\r\n'],
    ['C', 'USER user\r\n'],
    ['S', '+OK\r\n'],
    ['C', `PASS ${SECRET}\r\n`],
    ['S', '+OK\r\n'],
    ['C', 'MAIL FROM:<a@example.com>\r\n'],
  ],
  'POP3 AUTH': [
    ['C', 'AUTH PLAIN\r\n'],
    ['S', '+ \r\n'],
    ['C', `${SECRET}\r\n`],
    ['S', '+OK\r\n'],
    ['C', 'MAIL FROM:<a@example.com>\r\n'],
  ],
  'NNTP AUTHINFO': [
    ['C', 'AUTHINFO USER user\r\n'],
    ['S', '381 more\r\n'],
    ['C', `AUTHINFO PASS ${SECRET}\r\n`],
    ['S', '281 ok\r\n'],
    ['C', `AUTHINFO SASL PLAIN ${SECRET}\r\n`],
    ['S', '383 =\r\n'],
    ['C', `${SECRET}\r\n`],
    ['S', '281 ok\r\n'],
    ['C', 'MAIL FROM:<a@example.com>\r\n'],
  ],
  'ManageSieve AUTHENTICATE': [
    ['C', `AUTHENTICATE "PLAIN" {${SECRET.length}+}\r\n${SECRET}\r\n`],
    ['S', 'OK\r\n'],
    ['C', 'MAIL FROM:<a@example.com>\r\n'],
  ],
  'FTP PASS with bare newlines': [
    ['S', '331 password\n'],
    ['C', `pass ${SECRET}\n`],
    ['S', '230 ok\n'],
    ['C', 'MAIL FROM:<a@example.com>\n'],
  ],
};

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));

/** What a trace shows of a dialogue whose lines are cut by `cut`. */
function shown(lines: readonly Line[], cut: (text: string) => readonly string[]): string {
  const filter = new SecretFilter();
  let sent = '';
  for (const [side, text] of lines) {
    let received = '';
    for (const part of cut(text)) {
      if (side === 'C') sent += Buffer.from(filter.sent(bytes(part))).toString('latin1');
      else received += Buffer.from(filter.received(bytes(part))).toString('latin1');
    }
    // What could have begun a secret comes with what shows that it did not.
    if (side === 'S') expect(received).toBe(text);
  }
  return sent;
}

describe('secret filter', () => {
  for (const [name, lines] of Object.entries(dialogues)) {
    // covers('TRACE-XDEBUG')
    it(`${name}: whole, in two at every position, byte by byte`, () => {
      const longest = Math.max(...lines.map(([, text]) => text.length));
      const cuts = [(text: string) => [text], (text: string) => [...text]];
      for (let at = 1; at < longest; at += 1) {
        cuts.push((text) => [text.slice(0, at), text.slice(at)].filter((part) => part !== ''));
      }
      for (const [index, cut] of cuts.entries()) {
        const output = shown(lines, cut);
        // Not even a piece of it: four characters in a row.
        for (let at = 0; at + 4 <= SECRET.length; at += 1) {
          expect(output, `cut ${index}`).not.toContain(SECRET.slice(at, at + 4));
        }
        expect(output).toContain('[secret]');
        // What comes after the dialogue is shown again, and line ends stay.
        expect(output).toContain('MAIL FROM:<a@example.com>');
        const ends = (text: string) => text.split('\n').length;
        expect(ends(output)).toBe(ends(lines.map(([side, text]) => (side === 'C' ? text : '')).join('')));
      }
    });
  }

  it('leaves everything else as it is', () => {
    const filter = new SecretFilter();
    const text = 'EHLO x\r\nPASSAGE of text\r\nAUTHOR: me\r\n\0\xff binary \r\r\n\n';
    expect(Buffer.from(filter.sent(bytes(text))).toString('latin1')).toBe(text);
    expect(filter.sent(new Uint8Array(0)).length).toBe(0);
  });

  it('names the command and nothing more', () => {
    const filter = new SecretFilter();
    const of = (text: string) => Buffer.from(filter.sent(bytes(text))).toString('latin1');
    expect(of('PASS hunter2\r\n')).toBe('PASS [secret]\r\n');
    expect(of('a.1 LOGIN "a user" hunter2\r\n')).toBe('a.1 LOGIN [secret]\r\n');
    filter.received(bytes('a.1 NO\r\n'));
    expect(of('AUTH PLAIN x\r\n')).toBe('AUTH [secret]\r\n');
  });

  it('keeps little of a line without an end', () => {
    const filter = new SecretFilter();
    for (let round = 0; round < 100; round += 1) filter.received(new Uint8Array(10_000).fill(65));
    filter.received(bytes('\r\n334 \r\n'));
    expect(Buffer.from(filter.sent(bytes('hunter2'))).toString('latin1')).toBe('[secret]');
  });
});

describe('what a server repeats', () => {
  const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64');
  const shown = (commands: readonly Line[], ...chunks: readonly string[]) => {
    const filter = new SecretFilter();
    for (const [side, line] of commands) {
      const bytes = Buffer.from(line, 'latin1');
      if (side === 'C') filter.sent(bytes);
      else filter.received(bytes);
    }
    return chunks.map((chunk) => Buffer.from(filter.received(Buffer.from(chunk, 'latin1'))).toString('latin1'));
  };
  const plain = base64('\0bob\0sekrit1');

  it.each<readonly [string, readonly Line[]]>([
    ['PLAIN', [['C', `AUTH PLAIN ${plain}\r\n`]]],
    [
      'LOGIN',
      [
        ['C', 'AUTH LOGIN\r\n'],
        ['S', '334 VXNlcm5hbWU6\r\n'],
        ['C', `${base64('bob')}\r\n`],
        ['S', '334 UGFzc3dvcmQ6\r\n'],
        ['C', `${base64('sekrit1')}\r\n`],
      ],
    ],
    ['XOAUTH2', [['C', `AUTH XOAUTH2 ${base64('user=bob\x01auth=Bearer sekrit1\x01\x01')}\r\n`]]],
    ['PASS', [['C', 'PASS sekrit1\r\n']]],
    ['IMAP LOGIN', [['C', 'a1 LOGIN bob "sekrit1"\r\n']]],
  ])('is hidden after %s, and the name is not', (_name, commands) => {
    expect(shown(commands, `535 bob: password sekrit1 ${base64('sekrit1')} wrong\r\n`)).toEqual([
      '535 bob: password [secret] [secret] wrong\r\n',
    ]);
  });

  it('is hidden in the form that was sent, and in pieces', () => {
    const login: readonly Line[] = [['C', `AUTH PLAIN ${plain}\r\n`]];
    expect(shown(login, `535 ${plain}\r\n`)).toEqual(['535 [secret]\r\n']);
    expect(shown(login, '535 sek', 'rit', '1 and sek', 't\r\n')).toEqual(['535 ', '', '[secret] and ', 'sekt\r\n']);
  });
});

it('keeps little of data without lines', () => {
  const filter = new SecretFilter();
  const data = new Uint8Array(65_536);
  const time = cpuTime(() => {
    for (let count = 0; count < 400; count += 1) expect(filter.sent(data)).toHaveLength(data.length);
  });
  expect(time).toBeLessThan(1_500);
});
