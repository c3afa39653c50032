// `tcpx starttls` without its connections: options, the ladder, reports, lists of targets, line ends.
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { exchangeLines, Ladder } from '../../src/cli/ladder.ts';
import { compared } from '../../src/cli/starttls-compare.ts';
import { help } from '../../src/cli/starttls-help.ts';
import { OPTIONS, parseStarttlsOptions } from '../../src/cli/starttls-options.ts';
import { certificateText, checkLine, headLine, reportText, timeLeft } from '../../src/cli/starttls-report.ts';
import { LineEnds } from '../../src/cli/starttls-session.ts';
import { csvLine, parseTargets } from '../../src/cli/starttls-targets.ts';
import { UsageError } from '../../src/core/errors.ts';
import type { CheckReport } from '../../src/starttls/check.ts';
import type { Negotiation } from '../../src/starttls/negotiation.ts';
import { SCHEMES, targetOf } from '../../src/starttls/target.ts';
import type { Exchange } from '../../src/starttls/wire.ts';
import type { TlsInfo } from '../../src/tls/info.ts';
import { negotiationOf } from '../support/negotiation.ts';

const TARGET = 'smtp://mx.example:2525';

describe('options', () => {
  it('have defaults', () => {
    expect(parseStarttlsOptions([TARGET])).toEqual({
      help: false,
      target: TARGET,
      targets: null,
      proto: null,
      engine: null,
      tls: { resume: false },
      timeout: 15_000,
      expiresWithin: 14,
      policy: 'require',
      injected: 'reject',
      action: 'session',
      attackOk: [],
      jobs: 32,
      format: null,
      trace: [],
    });
  });

  it('go where they belong', () => {
    const words =
      '--proto smtp --servername n --verify none --ca c --cert x --key y --alpn a,b --priority NORMAL --engine both ' +
      '--timeout 5 --expires-within 30 --policy prefer --injected drop --attack-ok a.example --attack-ok ::1 --trace socks';
    expect(parseStarttlsOptions([...words.split(' '), 'mx.example:25'])).toMatchObject({
      target: 'mx.example:25',
      proto: 'smtp',
      engine: 'both',
      tls: { servername: 'n', verify: 'none', ca: 'c', cert: 'x', key: 'y', alpn: ['a', 'b'], priority: 'NORMAL' },
      timeout: 5,
      expiresWithin: 30,
      policy: 'prefer',
      injected: 'drop',
      attackOk: ['a.example', '::1'],
      trace: ['socks'],
    });
  });

  it.each([
    [[TARGET], 'session'],
    [['--quit', TARGET], 'report'],
    [['--json', TARGET], 'report'],
    [['--check', TARGET], 'check'],
    [['--check', '--json', TARGET], 'check'],
    [['--targets', 'list'], 'check'],
  ])('%j leads to a %s', (args, action) => {
    expect(parseStarttlsOptions(args).action).toBe(action);
  });

  it('--alpn without a value offers nothing', () => {
    expect(parseStarttlsOptions(['--alpn=', TARGET]).tls.alpn).toEqual([]);
  });

  it.each([
    [['--targets', 'list', TARGET], 'give either a target or --targets FILE'],
    [['--jobs', '0', '--targets', 'list'], '--jobs is a whole number from 1 to 1000'],
    [['--expires-within', '-1', TARGET], "the value of --expires-within starts with '-'"],
    [['--injected', 'eat', TARGET], '--injected is one of reject, drop'],
    [['--attack-ok', '*', TARGET], '--attack-ok is the name or address of one host'],
  ])('%j is refused', (args, message) => {
    expect(() => parseStarttlsOptions(args)).toThrow(UsageError);
    expect(() => parseStarttlsOptions(args)).toThrow(message);
  });

  it('are all in the help, and so is every protocol', () => {
    for (const name of Object.keys(OPTIONS)) expect(help()).toContain(`--${name}`);
    for (const { scheme } of SCHEMES) expect(help()).toMatch(new RegExp(`[ ,]${scheme}[ ,(\n]`));
    expect(
      help()
        .split('\n')
        .filter((line) => line.length > 125),
    ).toEqual([]);
  });
});

const said = (from: Exchange['from'], text: string, more: Partial<Exchange> = {}): Exchange => ({
  from,
  bytes: Buffer.from(text, 'latin1'),
  encrypted: false,
  secret: false,
  bulk: false,
  ...more,
});

describe('the ladder', () => {
  it('has a line for each line of either side', () => {
    expect(exchangeLines(said('server', '220 mx'), undefined)).toEqual(['S: 220 mx']);
    expect(exchangeLines(said('client', 'a\r\nb\n\r\n'), undefined)).toEqual(['C: a', 'C: b', 'C:']);
    expect(exchangeLines(said('client', ''), undefined)).toEqual(['C:']);
  });

  it('shows neither secrets nor contents', () => {
    expect(exchangeLines(said('client', 'AUTH PLAIN c2VjcmV0', { secret: true }), undefined)).toEqual(['C: (secret)']);
    expect(exchangeLines(said('client', 'Dear Ann', { bulk: true }), undefined)).toEqual(['C: (8 bytes)']);
  });

  it('lets nothing of a peer reach the terminal as a command', () => {
    const [line] = exchangeLines(
      said('server', '220 \x1b[2J\x07\x9b1m\u202e'.replace('\u202e', '\xe2\x80\xae')),
      undefined,
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    expect(line).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/);
    expect(line).toContain('\\x1b[2J\\x07');
  });

  it('cuts what is too long to read', () => {
    expect(exchangeLines(said('server', 'x'.repeat(5000)), undefined)).toEqual([
      `S: ${'x'.repeat(400)}... (5000 bytes)`,
    ]);
  });

  it('shows bytes in hexadecimal, with what the dialect makes of them', () => {
    const describe = (from: string) => `said by the ${from}\n`;
    expect(exchangeLines(said('client', '\x00\x08'), describe)).toEqual(['C: 00 08  said by the client\\n']);
    expect(exchangeLines(said('server', 'S'.repeat(17)), describe)).toEqual([
      `S: ${'53 '.repeat(16)}... (17 bytes)  said by the server\\n`,
    ]);
  });

  it('marks where TLS begins, once', () => {
    const lines: string[] = [];
    const ladder = new Ladder({}, (line) => lines.push(line));
    ladder.note(said('client', 'STARTTLS\r\n'));
    ladder.note(said('client', 'EHLO a\r\n', { encrypted: true }));
    ladder.note(said('server', '250 ok', { encrypted: true }));
    ladder.upgraded();
    expect(lines).toEqual(['C: STARTTLS', '<TLS>', 'C: EHLO a', 'S: 250 ok']);
    const cut = new Ladder({}, (line) => lines.push(line));
    cut.failed();
    cut.upgraded();
    expect(lines.slice(4)).toEqual(['<TLS> failed']);
  });
});

const TLS_INFO: TlsInfo = {
  engine: 'gnutls',
  role: 'client',
  version: 'TLSv1.3',
  suite: 'TLS_AES_256_GCM_SHA384',
  group: 'x25519',
  alpn: null,
  servername: 'mx.example',
  resumed: false,
  earlyData: false,
  ocsp: null,
  verify: { result: 'verified', reasons: [] },
  peer: null,
};

const CHAIN: Negotiation['chain'] = [
  {
    subject: 'CN=mx.example\x1b[31m',
    issuer: 'CN=Issuer',
    names: ['mx.example', '*.example'],
    validFrom: '2026-09-01T00:00:00.000Z',
    validTo: '2026-12-01T12:30:00.000Z',
    daysLeft: 10.2,
    fingerprint256: 'AB:CD',
  },
];

const UPGRADED = negotiationOf({
  tls: TLS_INFO,
  chain: CHAIN,
  preTlsCapabilities: ['STARTTLS', 'PIPELINING'],
  postTlsCapabilities: ['AUTH PLAIN', 'PIPELINING'],
  ocsp: { status: 'good', thisUpdate: null, nextUpdate: '2026-11-27T09:30:00.000Z', checked: false },
});

function reportOf(over: Partial<CheckReport>): CheckReport {
  return {
    target: targetOf(TARGET),
    verdict: 'good',
    reason: '',
    result: UPGRADED,
    remote: { host: '192.0.2.1', port: 2525 },
    otherMode: null,
    injection: null,
    ...over,
  };
}

describe('a report', () => {
  it('tells what was negotiated', () => {
    expect(headLine(targetOf(TARGET), { host: '192.0.2.1', port: 2525 }, 'gnutls')).toBe(
      'smtp://mx.example:2525 (SMTP relay), 192.0.2.1 port 2525, engine gnutls',
    );
    expect(reportText(UPGRADED)).toBe(`
upgraded: TLSv1.3 TLS_AES_256_GCM_SHA384 x25519, verified
  SNI          mx.example
  ALPN         none
  resumed      no
  certificate  CN=mx.example\\x1b[31m
    names      mx.example, *.example
    issuer     CN=Issuer
    valid      2026-09-01 00:00 to 2026-12-01 12:30 UTC, 10 days left
  OCSP         good, good until 2026-11-27 09:30 UTC, not checked by the library
  verify       verified
  in clear     the server takes no credentials before TLS
  gone         STARTTLS
  new          AUTH PLAIN
  forgotten    greeting, capabilities
  times        connect 1.0 ms, opening 2.0 ms, STARTTLS 3.0 ms, handshake 4.0 ms, after TLS 5.0 ms; 4 round trips
`);
  });

  it('says why a connection is in clear, and what was dropped', () => {
    const clear = negotiationOf({
      outcome: 'clear',
      reason: 'the server refuses STARTTLS: 454 \x07',
      credentialsInClear: true,
      discardedBytes: 3,
      discardedSample: '616263',
    });
    expect(reportText(clear)).toContain('\nin clear: the server refuses STARTTLS: 454 \\x07\n');
    expect(reportText(clear)).toContain('\n  in clear     the server takes credentials before TLS\n');
    expect(reportText(clear)).toContain('\n  dropped      3 bytes of plaintext, 616263\n');
  });

  it('shows certificates that were not accepted', () => {
    expect(certificateText(negotiationOf({ chain: CHAIN }))).toMatch(/^\n {2}certificate {2}CN=mx\.example/);
    expect(certificateText(negotiationOf())).toBe('');
  });

  it.each([
    [61.9, '61 days left'],
    [2, '2 days left'],
    [1.9, '45 hours left'],
    [0, '0 hours left'],
    [-0.1, 'expired 2 hours ago'],
    [-3.5, 'expired 3 days ago'],
  ])('%f days are %s', (days, text) => {
    expect(timeLeft(days)).toBe(text);
  });
});

describe('a check', () => {
  it.each([
    [
      reportOf({ injection: [{ vector: 'whole line', result: 'refused' }] }),
      'good: smtp://mx.example:2525 TLSv1.3 TLS_AES_256_GCM_SHA384, verified, 10 days left; ' +
        'credentials not in clear; injected commands refused',
    ],
    [
      reportOf({
        verdict: 'injectable',
        injection: [
          { vector: 'whole line', result: 'executed' },
          { vector: 'half line', result: 'dropped' },
        ],
      }),
      'injectable: smtp://mx.example:2525 TLSv1.3 TLS_AES_256_GCM_SHA384, verified, 10 days left; ' +
        'credentials not in clear; injected commands whole line executed, half line dropped',
    ],
    [
      reportOf({
        verdict: 'not-offered',
        reason: 'no offer \x07',
        result: negotiationOf({ outcome: 'notOffered', credentialsInClear: true }),
      }),
      'not-offered: smtp://mx.example:2525 no offer \\x07; credentials in clear',
    ],
  ])('is one line', (report, line) => {
    expect(checkLine(report)).toBe(line);
  });

  it('with two engines marks what differs', () => {
    const rows = compared([
      reportOf({}),
      reportOf({ result: { ...UPGRADED, tls: { ...TLS_INFO, group: 'secp256r1' } } }),
    ]);
    expect(rows.filter(({ differs }) => differs)).toEqual([
      { name: 'group', values: ['x25519', 'secp256r1'], differs: true },
    ]);
    expect(rows.find(({ name }) => name === 'reason')).toBeUndefined();
  });
});

describe('a list of targets', () => {
  it('has one a line, with comments', () => {
    const text = '# mail\r\nsmtp://mx.example # the first\n\n  imap.example:25\t\nsmtp://b.example#x\n';
    expect(parseTargets(text, 'list', { proto: 'smtp' }).map(({ url }) => url)).toEqual([
      'smtp://mx.example:25',
      'smtp://imap.example:25',
      'smtp://b.example:25',
    ]);
  });

  it('names the line that is none', () => {
    expect(() => parseTargets('smtp://a\nsmtp://b:99999\n', 'list', {})).toThrow('list line 2: ');
  });

  it('becomes CSV that is safe to open', () => {
    expect(csvLine(['a', 'b,c', 'say "x"', '', '-2', '-2+3', '=1+1', '+1', '@x'])).toBe(
      `a,"b,c","say ""x""",,-2,'-2+3,'=1+1,'+1,'@x\r\n`,
    );
  });
});

describe('line ends', () => {
  const convert = async (...chunks: string[]) =>
    (await buffer(Readable.from(chunks.map((chunk) => Buffer.from(chunk))).pipe(new LineEnds()))).toString();

  it('are CR LF, and stay so', async () => {
    expect(await convert('a\nb\r\nc')).toBe('a\r\nb\r\nc');
    expect(await convert('\n\n')).toBe('\r\n\r\n');
    expect(await convert('')).toBe('');
  });

  it('are the same wherever the text is cut', async () => {
    const text = 'EHLO a\nMAIL\r\n\r\n\nx\r\ry\n';
    const whole = await convert(text);
    expect(whole).toBe('EHLO a\r\nMAIL\r\n\r\n\r\nx\r\ry\r\n');
    for (let at = 0; at <= text.length; at += 1) expect(await convert(text.slice(0, at), text.slice(at))).toBe(whole);
    expect(await convert(...text)).toBe(whole);
  });
});
