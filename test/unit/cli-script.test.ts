// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is what is tested
// The parser of `tcpx exec`: lines to statements, and messages for lines that make no sense.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtInSymbols, parseAshellDef } from '../../src/basic/index.ts';
import { FORMS, usageOf } from '../../src/cli/forms.ts';
import { ScriptError } from '../../src/cli/scanner.ts';
import { ScriptParser } from '../../src/cli/script.ts';
import type { Command, OpcodeCall } from '../../src/cli/statement.ts';
import { OPCODES } from '../../src/tcpx/opcodes.ts';

const environment = { HOST: 'mail.example', PORT: '587', EVIL: '" x\\r\\n${HOST}', UMLAUT: 'ü' };

function parser(symbols = builtInSymbols): ScriptParser {
  return new ScriptParser({ symbols, environment });
}

function statement(line: string, on = parser()) {
  const parsed = on.parse(line, { source: 'test', line: 7 });
  if (parsed === null) throw new Error(`'${line}' says nothing`);
  return parsed;
}

const command = (line: string): Command => statement(line).command;

function call(line: string): OpcodeCall {
  const parsed = command(line);
  if (parsed.kind !== 'call') throw new Error(`'${line}' is a ${parsed.kind}`);
  return parsed;
}

function written(line: string): string {
  return call(line)
    .data.map((piece) => (piece.kind === 'bytes' ? Buffer.from(piece.bytes).toString('latin1') : `@${piece.path}`))
    .join('|');
}

function refusal(line: string, on = parser()): string {
  try {
    on.parse(line, { source: 'test', line: 7 });
  } catch (error) {
    if (error instanceof ScriptError) return error.message;
    throw error;
  }
  throw new Error(`'${line}' was taken`);
}

describe('forms', () => {
  it('exist for every opcode of the table', () => {
    expect(FORMS.map(({ opcode }) => opcode)).toEqual(OPCODES);
  });

  it('show how each is typed', () => {
    expect(FORMS.map(usageOf)).toEqual([
      'ACCEPT [port] [FLAGS] [greeting="..."] [timer=MS] [AS name]',
      'WRITE "text"|hex:0d0a|@file ... [count=N] [timer=MS]',
      'READ [count] [timer=MS]',
      'SHUTDOWN receive|send|both|0|1|2',
      'CLOSE',
      'CHECK [timer=MS]',
      'CHKQTY',
      'CONNECT host port [FLAGS] [priority="..."] [timer=MS] [AS name]',
      'CONNECT_OLD host port [FLAGS] [priority="..."] [timer=MS] [AS name]',
      'ERRMSG [status] [FLAGS]',
      'STARTTLS [timer=MS]',
    ]);
  });
});

describe('opcodes', () => {
  it('CONNECT takes host, port, flags, timer, priority and a name', () => {
    expect(
      call('CONNECT localhost 587 BLOCK+TLS+STARTTLS timer=5000 priority="NORMAL:-VERS-ALL" AS mail'),
    ).toMatchObject({
      host: 'localhost',
      port: 587,
      flags: 0x300001,
      timer: 5000,
      priority: 'NORMAL:-VERS-ALL',
      as: 'MAIL',
    });
  });

  it.each(['connect ::1 25', 'TCPOP_CONNECT ::1 25', "tcpop'connect ::1 25", '  Connect\t::1  25  # a comment'])(
    'names are found in any case, with or without TCPOP_: %s',
    (line) => expect(call(line)).toMatchObject({ opcode: { name: 'CONNECT' }, host: '::1', port: 25, flags: null }),
  );

  it('flags are names, symbols, numbers and their sums', () => {
    const flags = (text: string) => call(`CONNECT h 1 ${text}`).flags;
    expect([flags('0'), flags('block'), flags('TCPXFLG_TLS+1'), flags('TLS|STARTTLS'), flags('&h200000+0x1')]).toEqual([
      0, 1, 0x100001, 0x300000, 0x200001,
    ]);
    // The bit twice would be another bit.
    expect(flags('BLOCK+BLOCK')).toBe(1);
  });

  it("the numbers of a site's ashell.def win", () => {
    const site = parser(parseAshellDef('define TCPXFLG_TLS = &h400000\n'));
    expect(statement('CONNECT h 1 TLS', site).command).toMatchObject({ flags: 0x400000 });
  });

  it('ACCEPT takes a port or none, and a greeting in both spellings', () => {
    expect(call('ACCEPT 25 BLOCK greeting "220 hi\\r\\n" AS s')).toMatchObject({
      port: 25,
      flags: 1,
      greeting: '220 hi\r\n',
    });
    expect(call('ACCEPT BLOCK+ASYNC greeting="x"')).toMatchObject({ port: null, flags: 9, greeting: 'x' });
  });

  it('READ, SHUTDOWN, CHECK, ERRMSG and STARTTLS take their words', () => {
    expect(call('READ')).toMatchObject({ count: 0, timer: null });
    expect(call('READ 100 timer=5')).toMatchObject({ count: 100, timer: 5 });
    expect(['receive', 'SEND', 'both', '1'].map((word) => call(`SHUTDOWN ${word}`).direction)).toEqual([0, 1, 2, 1]);
    expect(call('CHECK timer=&h10').timer).toBe(16);
    expect(call('ERRMSG -111')).toMatchObject({ status: -111, flags: null });
    expect(call('ERRMSG TLS')).toMatchObject({ status: null, flags: 0x100000 });
    expect(call('STARTTLS timer=5000').timer).toBe(5000);
  });

  it('WRITE takes strings, bytes in hexadecimal and files, several of them', () => {
    expect(written('WRITE "a\\r\\n" hex:00fF @"my file" @x')).toBe('a\r\n|\x00\xff|@my file|@x');
    expect(call('WRITE "abc" count=2').count).toBe(2);
  });

  it('text is UTF-8, and \\xNN is one byte', () => {
    expect(written('WRITE "ü\\xfc\\0\\t\\\\\\"\\$"')).toBe('\xc3\xbc\xfc\0\t\\"$');
  });

  it('expands variables of the environment in words and strings, and nothing inside them', () => {
    expect(call('CONNECT ${HOST} ${PORT}')).toMatchObject({ host: 'mail.example', port: 587 });
    expect(written('WRITE "<${EVIL}>${UMLAUT}"')).toBe('<" x\\r\\n${HOST}>\xc3\xbc');
    expect(written('WRITE "\\${HOST}"')).toBe('${HOST}');
  });

  it('a minus in front allows a failure, ON names a socket', () => {
    const both = parser();
    statement('CONNECT h 1 AS mail', both);
    expect(statement('- ON mail READ 5', both)).toMatchObject({ mayFail: true, on: 'MAIL', command: { count: 5 } });
    expect(statement('-CLOSE')).toMatchObject({ mayFail: true, on: null });
    expect(statement('ON 12 CLOSE')).toMatchObject({ mayFail: false, on: '12' });
  });
});

describe('commands', () => {
  it('XCALL takes literals, symbols, sums and variables', () => {
    const parsed = command(
      'XCALL TCPX, TCPOP_CONNECT, status, buffer, sockport, TCPXFLG_BLOCK+1, -5, "local, host" ! so',
    );
    expect(parsed).toMatchObject({ kind: 'xcall', routine: 'TCPX' });
    if (parsed.kind !== 'xcall') return;
    expect(parsed.args.map((operand) => (operand.kind === 'name' ? operand.name : operand.kind))).toEqual([
      'expression',
      'STATUS',
      'BUFFER',
      'SOCKPORT',
      'expression',
      'expression',
      'text',
    ]);
  });

  it('XCALL takes brackets, and subscripts inside them', () => {
    const site = parser();
    statement('DIM set,SOCKARY,10', site);
    expect(statement('xcall tcpx(7, status, buffer, sockport, (0+1), 0, "", set(1))', site).command).toMatchObject({
      args: { length: 8, 7: { kind: 'name', name: 'SET', subscript: 1 } },
    });
  });

  it('DIM, SET, PRINT, USE, INFO and SLEEP', () => {
    const on = parser();
    expect(statement('DIM name,S,100', on).command).toEqual({ kind: 'dim', name: 'NAME', type: 'S', size: 100 });
    expect(statement('map1 n, b, 2', on).command).toEqual({ kind: 'dim', name: 'N', type: 'B', size: 2 });
    expect(statement('DIM f,F', on).command).toMatchObject({ size: 6 });
    expect(statement('SET name = "x"', on).command).toMatchObject({ kind: 'set', name: 'NAME', value: { data: 'x' } });
    expect(statement('PRINT name, 1+2', on).command).toMatchObject({ values: { length: 2 } });
    expect(statement('PRINT', on).command).toMatchObject({ values: { length: 6 } });
    expect(statement('USE n', on).command).toEqual({ kind: 'use', socket: 'N' });
    expect(statement('INFO', on).command).toEqual({ kind: 'info', socket: null });
    expect(statement('SLEEP 5', on).command).toEqual({ kind: 'sleep', ms: 5 });
  });

  it('EXPECT takes a text or a regular expression', () => {
    expect(command('EXPECT "a # b\\r\\n" timer=5')).toMatchObject({ pattern: { data: 'a # b\r\n' }, timer: 5 });
    const parsed = command('EXPECT /^250 ü\\/.*\\n/im');
    // Bytes are matched, so the pattern is in UTF-8 as well.
    expect(parsed).toMatchObject({ pattern: { regex: /^250 \xc3\xbc\/.*\n/im }, timer: null });
  });

  it.each(['', '   ', '# comment', '  ! comment'])('says nothing: %j', (line) => {
    expect(parser().parse(line, { source: '', line: 1 })).toBeNull();
  });
});

describe('refusals name line, column and what was expected', () => {
  it.each([
    ['CONECT h 1', "test line 7, column 1: 'CONECT' is no opcode or command (did you mean CONNECT?); HELP lists them"],
    [
      'CONNECT',
      'test line 7, column 8: the host is missing: CONNECT host port [FLAGS] [priority="..."] [timer=MS] [AS name]',
    ],
    ['CONNECT h', 'test line 7, column 10: the port is missing'],
    ['CONNECT h x', "column 11: 'x' is not a port number"],
    ['CONNECT h 1 BLOK', "column 13: 'BLOK' is not a flag (did you mean BLOCK?); flags are BLOCK, LISTEN, ASYNC"],
    ['CONNECT h 1 BLOCK+', 'column 13: flags are BLOCK'],
    ['CONNECT h 1 BLOCK x', "column 19: 'x' is one word too many"],
    ['CONNECT h 1 timer=-5', 'column 13: timer is a whole number of milliseconds, 0 or more'],
    ['CONNECT h 1 greeting="x"', 'column 13: CONNECT has no greeting'],
    ['CONNECT h 1 AS', 'AS needs one name'],
    ['READ AS x', 'AS is for opcodes that open a socket'],
    ['READ many', "column 6: 'many' is not a number of bytes"],
    ['SHUTDOWN left', "column 10: 'left' is not a direction"],
    ['CLOSE now', "column 7: 'now' is one word too many: CLOSE"],
    ['WRITE', 'column 6: nothing to send is given'],
    ['WRITE "a"b', 'a space is missing behind the closing quote'],
    ['WRITE "abc', 'column 7: a string has no closing quote'],
    ['WRITE "a\\q"', 'column 9: unknown escape'],
    ['WRITE hex:0', 'pairs of hexadecimal digits'],
    ['WRITE @', 'a file name is missing'],
    ['WRITE "${NOPE}"', 'column 8: ${NOPE} is not set in the environment'],
    ['WRITE "${"', '${ is not followed by a name'],
    ['-', 'column 2: an opcode or a command is missing'],
    ['ON', 'ON needs a socket'],
    ['ON nobody READ', "column 4: there is no socket 'nobody'"],
    ['ON 1 PRINT', 'ON is for opcodes'],
    ['XCALL', 'a routine is missing'],
    ['XCALL FOO, 1', 'XCALL FOO: there is no such routine; there are TCPX, TCPCLI, TCPSRV'],
    ['XCALL TCPX 9', 'a comma is missing after TCPX'],
    ['XCALL TCPX, 9,', 'an argument is missing'],
    ['XCALL TCPX, statu', 'STATU is neither a variable nor a symbol of ashell.def (did you mean STATUS?)'],
    ['XCALL TCPX(9, status', 'a closing bracket is missing'],
    ['XCALL TCPX, 9 "x"', 'the line should end after XCALL'],
    ['DIM', 'a name is missing'],
    ['DIM x', 'a type is missing (F, B, I, S, X or SOCKARY)'],
    ['DIM x,B,9', 'column 9'],
    ['DIM x,S,999999999', 'bytes are too many'],
    ['SET x = 1', "there is no variable 'x'"],
    ['SET status 1', "'=' is missing"],
    ['EXPECT', 'a text in quotes or a regular expression is missing'],
    ['EXPECT /a', 'no closing /'],
    ['EXPECT /(/', 'not a regular expression'],
    ['EXPECT /a/g', "'g' is not a flag"],
    ['EXPECT "a" soon', "'soon': only timer=MS may follow"],
    ['SLEEP soon', 'SLEEP needs a whole number of milliseconds'],
    ['QUIT now', 'the line should end after QUIT'],
  ])('%s', (line, message) => expect(refusal(line)).toContain(message));

  it('shows neither quoted text nor what a variable stands for', () => {
    const messages = [
      refusal('WRITE PASS-hunter2'),
      refusal('WRITE "hunter2" hex:zz'),
      refusal('READ ${EVIL}'),
      refusal('"hunter2"'),
      refusal('XCALL TCPX, 9, "hunter2" x'),
    ];
    for (const message of messages) expect(message).not.toMatch(/hunter2|x\\r/);
  });

  it('a line that was refused declares nothing', () => {
    const on = parser();
    refusal('DIM x,F,6 more', on);
    refusal('CONNECT h 1 x y AS z', on);
    expect([...on.names]).toEqual(['STATUS', 'BUFFER', 'SOCKPORT']);
  });

  it('whatever is typed becomes a statement or a ScriptError', () => {
    const word = fc.constantFrom(
      ...[
        'CONNECT',
        'ACCEPT',
        'READ',
        'WRITE',
        'ERRMSG',
        'XCALL',
        'TCPX',
        'DIM',
        'SET',
        'EXPECT',
        'ON',
        'AS',
        'status',
      ],
      ...[
        '"',
        '"a"',
        '/a/',
        '(',
        ')',
        ',',
        '=',
        '-',
        '+',
        '@',
        'hex:',
        'timer=',
        '${',
        '${HOST}',
        '\\',
        '\\x4',
        '1',
        '&h',
      ],
    );
    const line = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.oneof(word, fc.string())).map((all) => all.join(' ')),
    );
    fc.assert(
      fc.property(line, (text) => {
        try {
          parser().parse(text, { source: 'test', line: 1 });
        } catch (error) {
          expect(error).toBeInstanceOf(ScriptError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('says where only when there is a source', () => {
    expect(() => parser().parse('X', { source: '', line: 3 })).toThrow(/^column 1: /);
  });
});
