// What `tcpx exec` shows: text for people, JSON for programs.
import { describe, expect, it } from 'vitest';
import { bufferLines, escapeText } from '../../src/cli/buffer-text.ts';
import { renderJson } from '../../src/cli/json.ts';
import { renderText } from '../../src/cli/render.ts';
import type { CallReport, InfoReport } from '../../src/cli/report.ts';
import type { Statement } from '../../src/cli/statement.ts';
import type { TlsInfo } from '../../src/tls/info.ts';

const statement: Statement = {
  origin: { source: 'test', line: 3 },
  text: 'READ timer=5',
  mayFail: false,
  on: null,
  command: { kind: 'quit' },
};

const read: CallReport = {
  kind: 'call',
  statement,
  routine: 'TCPX',
  opcode: 'READ',
  status: 6,
  sockport: 1,
  received: Buffer.from('220\xff\r\n', 'latin1'),
  wanted: null,
  text: '',
  ms: 1.23456,
  tls: null,
  failed: false,
};

const tls: TlsInfo = {
  engine: 'node',
  role: 'client',
  version: 'TLSv1.3',
  suite: 'TLS_AES_128_GCM_SHA256',
  group: 'x25519',
  alpn: 'smtp',
  servername: 'localhost',
  resumed: true,
  earlyData: false,
  ocsp: null,
  verify: { result: 'unchecked', reasons: ['self-signed'] },
  peer: {
    subject: 'CN=local\x1b[2Jhost',
    issuer: 'CN=root',
    names: 'DNS:localhost',
    validFrom: 'then',
    validTo: 'later',
    fingerprint256: 'AA:BB',
    chain: [new Uint8Array(3)],
  },
};

const options = { full: false, echo: true };

describe('text', () => {
  it('shows line, STATUS, sockport, time and what was received', () => {
    expect(renderText({ ...read, received: Buffer.from('220 hi\r\n') }, options)).toBe(
      `   3 READ timer=5${' '.repeat(30)}  STATUS 6  sockport 1  1.23 ms\n       < 220 hi\\r\\n\n`,
    );
  });

  it('at the prompt the line is not repeated', () => {
    expect(renderText({ ...read, received: null }, { ...options, echo: false })).toBe(
      'STATUS 6  sockport 1  1.23 ms\n',
    );
  });

  it('says why a call failed, and whether it was allowed to', () => {
    const failed: CallReport = { ...read, status: -111, sockport: -1, received: null, text: 'refused', failed: true };
    expect(renderText(failed, options)).toMatch(/STATUS -111 {2}sockport -1 {2}1\.23 ms\n {7}refused\n$/);
    const allowed = { ...failed, statement: { ...statement, mayFail: true } };
    expect(renderText(allowed, options)).toContain('refused (allowed)');
  });

  it('says how much of a WRITE went out, and what 0 means', () => {
    const text = renderText({ ...read, status: 3, wanted: 10, received: null }, options);
    expect(text).toContain('STATUS 3 of 10');
    expect(renderText({ ...read, status: 0, received: null, text: 'the peer has closed' }, options)).toContain(
      '(the peer has closed)',
    );
  });

  it('describes TLS without letting a certificate reach the terminal', () => {
    const text = renderText({ ...read, received: null, tls }, options);
    expect(text).toContain(
      'TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 ALPN smtp resumed, peer CN=local\\x1b[2Jhost (unchecked: self-signed)',
    );
  });
});

describe('buffers', () => {
  const lines = (text: string, full = false) => bufferLines(Buffer.from(text, 'utf8'), full);

  it('text has escapes and a line for each line', () => {
    expect(lines('a\tb\r\nü\\\n\x1b[0m')).toEqual(['a\\tb\\r\\n', 'ü\\\\\\n', '\\x1b[0m']);
    expect(lines('')).toEqual([]);
  });

  it('characters that hide or turn text are escaped', () => {
    expect(escapeText('a\u202eb\u200b\u2028\u0085')).toBe('a\\u{202e}b\\u{200b}\\u{2028}\\u{85}');
  });

  it('bytes that are no text become a dump', () => {
    expect(bufferLines(Uint8Array.of(0, 1, 255, 65), false)).toEqual([`0000  00 01 ff 41${' '.repeat(36)}  ...A`]);
  });

  it('Latin-1 is text, when most of it is ASCII', () => {
    expect(bufferLines(Buffer.from('caf\xe9 au lait', 'latin1'), false)).toEqual(['café au lait']);
  });

  it('long buffers are cut, unless all is asked for', () => {
    const many = 'line\n'.repeat(100);
    expect(lines(many)).toHaveLength(25);
    expect(lines(many).at(-1)).toBe('(500 bytes altogether; --full shows them)');
    expect(lines(many, true)).toHaveLength(100);
    const long = 'x'.repeat(5000);
    expect(lines(long)[0]).toHaveLength(2000);
    expect(lines(long, true)).toEqual([long]);
    expect(bufferLines(new Uint8Array(1000), false)).toHaveLength(17);
    expect(bufferLines(new Uint8Array(1000), true)).toHaveLength(63);
  });
});

describe('JSON', () => {
  it('has the shape that --help tells, with bytes as Latin-1', () => {
    expect(JSON.parse(renderJson(read))).toEqual({
      line: 3,
      opcode: 'READ',
      status: 6,
      sockport: 1,
      buffer: '220\xff\r\n',
      bytes: 6,
      ms: 1.235,
    });
    expect(renderJson(read).split('\n')).toHaveLength(2);
  });

  it('tells of failures and of TLS', () => {
    const report: CallReport = { ...read, status: -12, received: null, text: 'why', failed: true, tls };
    const json = JSON.parse(renderJson(report));
    expect(json).toMatchObject({ status: -12, buffer: null, text: 'why', failed: true, allowed: false });
    expect(json.tls).toMatchObject({ version: 'TLSv1.3', resumed: true, peer: { subject: 'CN=local\x1b[2Jhost' } });
    expect(json.tls.peer.chain).toBeUndefined();
  });

  it('a legacy routine is named, and bytes of a WRITE are what was sent', () => {
    const report: CallReport = { ...read, routine: 'TCPCLI', opcode: 'WRITE', status: 4, wanted: 9, received: null };
    expect(JSON.parse(renderJson(report))).toMatchObject({ routine: 'TCPCLI', bytes: 4, buffer: null });
  });

  it('INFO is an object', () => {
    const info: InfoReport = {
      kind: 'info',
      statement,
      socket: {
        names: ['mail'],
        current: true,
        facts: {
          number: 2,
          engine: 'node',
          kind: 'stream',
          state: 'tls',
          role: 'client',
          blocking: true,
          local: { host: '::1', port: 1 },
          remote: { host: '::1', port: 2 },
          tls,
          hello: false,
        },
      },
    };
    expect(JSON.parse(renderJson(info))).toMatchObject({ opcode: 'INFO', socket: { number: 2, names: ['mail'] } });
    const text = renderText(info, options);
    expect(text).toContain('socket 2 (mail)');
    expect(text).toContain('  remote   [::1]:2\n');
    expect(text).toContain('  subject  CN=local\\x1b[2Jhost\n');
  });
});
