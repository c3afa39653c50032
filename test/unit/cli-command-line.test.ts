// Around the script: options, lines of a stream, completion, EXPECT's search, suggestions.
import { describe, expect, it } from 'vitest';
import { builtInSymbols } from '../../src/basic/index.ts';
import { complete } from '../../src/cli/complete.ts';
import { help } from '../../src/cli/exec-help.ts';
import { parseExecOptions } from '../../src/cli/exec-options.ts';
import { searchFor } from '../../src/cli/expect.ts';
import { helpLines } from '../../src/cli/help-lines.ts';
import { jobOptionsOf } from '../../src/cli/job-options.ts';
import { LONGEST_LINE, linesOf, linesOfOptions } from '../../src/cli/lines.ts';
import { nearest } from '../../src/cli/suggest.ts';
import type { JobOptions } from '../../src/tcpx/options.ts';
import type { TlsOptions } from '../../src/tls/settings.ts';

describe('options', () => {
  it('have defaults', () => {
    expect(parseExecOptions([])).toMatchObject({ file: null, lines: [], bufferSize: 8192, timer: null, json: false });
  });

  it('take lines that start with a minus', () => {
    expect(parseExecOptions(['-e', '-READ', '--execute', '- CLOSE', 'file', '--json'])).toMatchObject({
      lines: ['-READ', '- CLOSE'],
      file: 'file',
      json: true,
    });
  });

  it('go to TLS, jobs and timers', () => {
    const args = '--ca c --cert x --key y --verify none --alpn a,b --timer 5 --buffer-size 100 --trace socks,data';
    expect(parseExecOptions(args.split(' '))).toMatchObject({
      tls: { ca: 'c', cert: 'x', key: 'y', verify: 'none', alpn: ['a', 'b'] },
      timer: 5,
      bufferSize: 100,
      trace: ['socks', 'data'],
    });
  });

  it('reach every option of a job and of its TLS policy', () => {
    const args = [
      ...['--engine', 'node', '--home', 'worker', '--bind', '::1', '--status-family', 'windows', '--symbols', 'def'],
      ...['--trace', 'socks', '--trace-file', 'log', '--assume', 'backlog=9', '--assume', 'answerInFlags=true'],
      ...['--assume', 'acceptTimer=waits', '--verify', 'none', '--ca', 'a', '--cert', 'c', '--key', 'k', '--alpn', 'p'],
      ...['--servername', 'n', '--priority', 'NORMAL', '--client-auth', 'require', '--handshake-timeout', '70'],
      '--no-resume',
    ];
    // A new option of a job or of TLS does not compile here before it can be reached. `programs` is for other routines.
    const tls = {
      verify: 'none',
      ca: 'a',
      cert: 'c',
      key: 'k',
      alpn: ['p'],
      servername: 'n',
      priority: 'NORMAL',
      clientAuth: 'require',
      handshakeTimeout: 70,
      resume: false,
    } satisfies Required<TlsOptions>;
    const expected = {
      engine: 'node',
      tls,
      trace: ['socks'],
      traceFile: 'log',
      home: 'worker',
      statusFamily: 'windows',
      bind: '::1',
      symbols: builtInSymbols,
      assume: { backlog: 9, answerInFlags: true, acceptTimer: 'waits' },
    } satisfies Required<Omit<JobOptions, 'programs'>>;
    expect(jobOptionsOf(parseExecOptions(args), builtInSymbols)).toEqual(expected);
  });

  it('leave the defaults to the job', () => {
    expect(jobOptionsOf(parseExecOptions([]), undefined)).toEqual({ tls: {}, statusFamily: 'linux', assume: {} });
  });

  it.each([
    [['--client-auth', 'maybe'], "--client-auth is one of none, request, require, not 'maybe'"],
    [['--handshake-timeout', '0'], '--handshake-timeout is a whole number from 1'],
    [['--home', 'here'], "--home is one of caller, worker, not 'here'"],
    [['--assume', 'backlog'], "--assume is NAME=VALUE, not 'backlog'"],
    [['--jsn'], "unknown option '--jsn' (did you mean --json?)"],
    [['-x'], "unknown option '-x'"],
    [['a', 'b'], 'one FILE at most'],
    [['--timer', 'x'], "--timer is a whole number from 0 to 2147483647, not 'x'"],
    [['--timer', '-5'], "the value of --timer starts with '-'; write it as --timer=VALUE"],
    [['--buffer-size', '0'], '--buffer-size is a whole number from 1'],
    [['--verify', 'maybe'], "--verify is one of full, none, not 'maybe'"],
    [['--ca'], "Option '--ca <value>' argument missing"],
    [['--json=yes'], "Option '--json' does not take an argument"],
  ])('%j is refused', (args, message) => expect(() => parseExecOptions(args)).toThrow(message));

  it('are all in the help', () => {
    for (const option of ['-e, --execute LINE', '--status-family linux|windows', '--keep-going']) {
      expect(help()).toContain(option);
    }
    expect(help()).toContain('CONNECT host port [FLAGS]');
  });

  it('HELP explains one opcode or command', () => {
    expect(helpLines('starttls', builtInSymbols)).toMatch(
      /^STARTTLS \[timer=MS\]\n {2}TCPOP_STARTTLS \(12\): begins TLS/,
    );
    expect(helpLines('use', builtInSymbols)).toMatch(/^USE name\|number\n/);
    expect(helpLines('conect', builtInSymbols)).toContain('did you mean CONNECT?');
  });
});

describe('lines of a stream', () => {
  async function lines(...chunks: (string | Uint8Array)[]): Promise<string[]> {
    async function* stream() {
      for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    }
    const found: string[] = [];
    for await (const { text, origin } of linesOf('in', stream())) found.push(`${origin.line}:${text}`);
    return found;
  }

  it('may end in CR LF, come in pieces and lack the last line end', async () => {
    expect(await lines('a\r', '\nb', 'c\n\n', 'd')).toEqual(['1:a', '2:bc', '3:', '4:d']);
  });

  it('may begin with a byte order mark and cut a character in two', async () => {
    expect(await lines('\ufeffa\n', Uint8Array.of(0xc3), Uint8Array.of(0xbc))).toEqual(['1:a', '2:ü']);
  });

  it('are refused when they are no text, or have no end', async () => {
    await expect(lines('a\n', Uint8Array.of(0xff, 10))).rejects.toThrow('in line 2: this is not text in UTF-8');
    await expect(lines('\0\n')).rejects.toThrow('in line 1: the line holds a NUL');
    const chunk = 'x'.repeat(LONGEST_LINE);
    await expect(lines(chunk, 'x')).rejects.toThrow('in line 1: the line is longer than 1048576 bytes');
  });

  it('an option may hold several', () => {
    expect([...linesOfOptions(['a', 'b\nc'])].map(({ text, origin }) => `${origin.line}${text}`)).toEqual([
      '1a',
      '2b',
      '3c',
    ]);
  });
});

describe('completion', () => {
  const context = { symbols: builtInSymbols, names: ['STATUS', 'MAIL'], files: (prefix: string) => [`${prefix}1`] };
  it.each([
    ['CONN', ['CONNECT', 'CONNECT_OLD'], 'CONN'],
    ['-start', ['starttls '], 'start'],
    ['connect h 1 BLOCK+ST', ['STARTTLS'], 'ST'],
    ['connect h 1 ti', ['timer='], 'ti'],
    ['on ma', ['mail'], 'ma'],
    ['on mail shut', ['shutdown '], 'shut'],
    ['shutdown r', ['receive'], 'r'],
    ['write @x', ['@x1'], '@x'],
    ['xcall TC', ['TCPX', 'TCPCLI', 'TCPSRV'], 'TC'],
    ['xcall tcpx, TCPOP_S', ['TCPOP_SHUTDOWN', 'TCPOP_STARTTLS'], 'TCPOP_S'],
    ['xcall tcpx,stat', ['status'], 'stat'],
    ['use m', ['mail'], 'm'],
    ['nonsense x', [], 'x'],
  ])('%s', (line, candidates, fragment) => expect(complete(line, context)).toEqual([candidates, fragment]));
});

describe('search of EXPECT', () => {
  /** Feeds as many bytes as the search asks for, as EXPECT does, and tells how many were taken. */
  function taken(search: ReturnType<typeof searchFor>, text: string): number {
    let at = 0;
    while (search.missing > 0 && at < text.length) {
      const count = search.missing;
      search.feed(Buffer.from(text.slice(at, at + count), 'latin1'));
      at += count;
    }
    return search.missing === 0 ? at : -1;
  }

  it.each([
    ['abc', 'xxabcyy', 5],
    ['aab', 'aaab', 4],
    ['\r\n', '\r\r\n\n', 3],
    ['abab', 'abaabab!', 7],
    ['x', 'yyy', -1],
  ])('%j in %j takes %d bytes, and none beyond', (data, text, count) => {
    expect(taken(searchFor({ kind: 'text', data }), text)).toBe(count);
  });

  it('a regular expression matches at the first byte that completes it', () => {
    expect(taken(searchFor({ kind: 'regex', regex: /^250 .*\r\n/m }), '250-a\r\n250 b\r\nmore')).toBe(14);
  });

  it('a regular expression sees the last lines of a long text', () => {
    const text = `${'line\n'.repeat(8000)}end\n`;
    expect(taken(searchFor({ kind: 'regex', regex: /^end$/m }), text)).toBe(text.length - 1);
  });
});

describe('suggestions', () => {
  it('are near', () => {
    expect(nearest('conect', ['CONNECT', 'CLOSE'])).toBe('CONNECT');
    expect(nearest('xyz', ['CONNECT', 'CLOSE'])).toBeUndefined();
  });
});
