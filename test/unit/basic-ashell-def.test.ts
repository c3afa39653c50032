import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as definitions from '../../ashell.def.ts';
import {
  type AshellDefOptions,
  builtInSymbols,
  loadAshellDef,
  parseAshellDef,
  resolveSymbol,
} from '../../src/basic/ashell-def.ts';
import { UsageError } from '../../src/core/errors.ts';

/** The tables of the references, typed out anew. */
const documented: Readonly<Record<string, number>> = {
  // tcpx §2
  TCPOP_ACCEPT: 1,
  TCPOP_WRITE: 2,
  TCPOP_READ: 4,
  TCPOP_SHUTDOWN: 5,
  TCPOP_CLOSE: 6,
  TCPOP_CHECK: 7,
  TCPOP_CHKQTY: 8,
  TCPOP_CONNECT: 9,
  TCPOP_CONNECT_OLD: 10,
  TCPOP_ERRMSG: 11,
  TCPOP_STARTTLS: 12,
  // tcpx §3.1
  TCPXFLG_BLOCK: 1,
  TCPXFLG_LISTEN: 4,
  TCPXFLG_ASYNC: 8,
  TCPXFLG_KEEPLISTEN: 16,
  TCPXFLG_TLS: 1048576,
  TCPXFLG_STARTTLS: 2097152,
  // emailx §3
  EMF_NORMAL: 0,
  EMF_LEAVEOPEN: 1,
  EMF_ALREADYOPEN: 2,
  EMF_OPENONLY: 4,
  EMF_CLOSEONLY: 8,
  EMF_HDRCAT: 16,
  EMF_HTMLBODY: 32,
  EMF_BODYHTML: 32,
  EMF_MIMEBODY: 64,
  EMF_TLS: 1024,
  EMF_STARTTLS: 2048,
  // emailx §5.2
  EMS_OK: 0,
  EMS_TOOFEW: 71,
  EMS_TIMEOUT: 72,
  EMS_NOTO: 73,
  EMS_NOBODY: 74,
  EMS_BADRESP: 75,
  EMS_NOSOCKET: 76,
  EMS_NOCFG: 77,
  EMS_BADCFG: 78,
  EMS_BADSIG: 79,
  EMS_BADATT: 80,
  EMS_B64ERR: 81,
  // emailx §11.3
  CTE_BASE64: 0,
  CTE_7BIT: 1,
  CTE_8BIT: 2,
  CTE_BINARY: 3,
  CTE_QP: 4,
};

describe('our own numbers', () => {
  test('are those of the references, no more and no fewer', () => {
    expect(Object.fromEntries(definitions.symbols)).toEqual(documented);
  });

  test('are exported one by one under the same names', () => {
    const exported = Object.entries(definitions).filter(([name]) => name !== 'symbols' && !name.endsWith('_STATUS'));
    expect(Object.fromEntries(exported)).toEqual(documented);
  });

  test('have the statuses that programs compare with, but not as symbols', () => {
    expect(definitions.EWOULDBLOCK_STATUS).toBe(-11);
    expect(definitions.ECONNRESET_STATUS).toBe(-104);
    expect(definitions.ALREADY_CLOSED_STATUS).toBe(-1);
    expect(resolveSymbol('EWOULDBLOCK_STATUS')).toBeUndefined();
  });

  test.each([
    ['EMF_HTMLBODY', 32],
    ["EMF'HTMLBODY", 32],
    ['emf\u2019bodyhtml', 32],
    ["Tcpop'Connect_Old", 10],
    ["cte'7bit", 1],
  ])('%s is found', (name, value) => {
    expect(resolveSymbol(name)).toBe(value);
    expect(builtInSymbols.number(name)).toBe(value);
    expect(builtInSymbols.has(name)).toBe(true);
    expect(builtInSymbols.origin(name)).toBe('built-in');
  });

  test('are not found under other names', () => {
    expect(resolveSymbol('EMF_')).toBeUndefined();
    expect(resolveSymbol('constructor')).toBeUndefined();
    expect(() => builtInSymbols.number('EMF_')).toThrow(UsageError);
  });
});

/** The value of V after a text. */
const valueAfter = (text: string, options?: AshellDefOptions) => parseAshellDef(text, undefined, options).get('V');

describe('DEFINE', () => {
  test.each<[string, number | string]>([
    ['10', 10],
    ['-10', -10],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['25e-2', 0.25],
    ['1.5E3', 1500],
    ['12345678901L', 12345678901],
    ['&hFF', 255],
    ['&HfF', 255],
    ['&o17', 15],
    ['&O17', 15],
    ['&h00200000', 2097152],
    ['&hFFFFFFFFFFFF', 281474976710655],
    ["'a'", 97],
    ["'!' ! comment", 33],
    ["':'", 58],
    ['"text"', 'text'],
    ['""', ''],
    ['"say ""hi"" ! : & now"', 'say "hi" ! : & now'],
    ['"a" + "b"', 'ab'],
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['7 - 2 - 1', 4],
    ['8 / 4 / 2', 1],
    ['-2 ^ 2', -4],
    ['2 ** -1', 0.5],
    ['-7 MOD 3', -1],
    ['- - 3', 3],
    ['+3', 3],
    ['2 * -3', -6],
    ['1 OR 2 AND 4', 0],
    ['1 OR (2 AND 4)', 1],
    ['&hFF xor &h0F', 240],
    ['NOT 1', -2],
    ['not not 5', 5],
    ['NOT 0 AND &hFFFFFFFFFF', 1099511627775],
    ['1 AND NOT 1', 0],
    ['2 > 1', -1],
    ['NOT 2 = 1', -1],
    ['2 # 2', 0],
    ['"a" < "b"', -1],
    ['TCPXFLG_TLS + tcpxflg_starttls', 3145728],
    ["EMF'TLS OR EMF_HTMLBODY", 1056],
  ])('V = %s is %j', (text, value) => {
    expect(valueAfter(`DEFINE V = ${text}`)).toBe(value);
  });

  test('is found with either mark, in any case, and with a suffix', () => {
    const set = parseAshellDef(`define Site'Port=25\r\nDefine SITE_NAME$ = "x"\rDEFINE COUNT% = 3`);
    expect(set.number('SITE_PORT')).toBe(25);
    expect(set.number("site'port")).toBe(25);
    expect(set.get('Site_Name$')).toBe('x');
    expect(set.get('SITE_NAME')).toBeUndefined();
    expect(set.number('count%')).toBe(3);
    expect(() => set.number('SITE_NAME$')).toThrow('ashell.def:2');
  });

  test('wins over our number, keeps the others, and leaves our set alone', () => {
    const set = parseAshellDef('! a site\nDEFINE TCPXFLG_TLS = &h400000', undefined, { file: 'site.def' });
    expect(set.number('TCPXFLG_TLS')).toBe(0x400000);
    expect(set.origin('TCPXFLG_TLS')).toBe('site.def:2');
    expect(set.number('TCPOP_CONNECT')).toBe(9);
    expect(set.origin('TCPOP_CONNECT')).toBe('built-in');
    expect(builtInSymbols.number('TCPXFLG_TLS')).toBe(0x100000);
    expect(set.size).toBe(builtInSymbols.size);
    expect(new Set(set.names())).toEqual(new Set(builtInSymbols.names()));
  });

  test('the last definition wins, also for symbols that used the name before', () => {
    expect(valueAfter('DEFINE V = A + 1\nDEFINE A = 1\nDEFINE A = 5')).toBe(6);
    expect(valueAfter('DEFINE V = TCPXFLG_TLS\nDEFINE TCPXFLG_TLS = 64')).toBe(64);
  });

  test('several can stand on one line, with a line number in front', () => {
    const set = parseAshellDef('100 DEFINE A = 1 : define B = ":" : DEFINE C = 3 ! : DEFINE D = 4\n200\n300 ! none');
    expect([set.get('A'), set.get('B'), set.get('C'), set.get('D')]).toEqual([1, ':', 3, undefined]);
  });

  test('UNDEF takes a symbol away, ours too, until it is defined again', () => {
    const set = parseAshellDef('DEFINE A = 1\nUNDEF A\nUNDEF TCPXFLG_TLS\nUNDEF B\nDEFINE B = 2');
    expect(set.has('A')).toBe(false);
    expect(set.has('TCPXFLG_TLS')).toBe(false);
    expect(set.number('B')).toBe(2);
  });

  test('any number is read as it was written', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(valueAfter(`DEFINE V = ${value}`)).toBe(value + 0);
      }),
    );
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 48 - 1 }), (value) => {
        expect(valueAfter(`DEFINE V = &h${value.toString(16)}`)).toBe(value);
        expect(valueAfter(`DEFINE V = &o${value.toString(8)}`)).toBe(value);
      }),
    );
  });
});

describe('lines', () => {
  test.each([
    ['DEFINE V = 1 + &\n 2', 3],
    ['DEFINE V = 1 + & ! a comment\n 2 + &\r\n3', 6],
    ['DEFINE V = 1 ! a comment that goes on &\nDEFINE V = 2', 1],
    ['DEFINE V = 1 + & ! goes on &\nDEFINE V = 9\n 2', 3],
    ['DEFINE V = 1 &', 1],
    ['DEFINE V = 1\n\x1a\0\0\0', 1],
    ['\u00ef\u00bb\u00bfDEFINE V = 1', 1],
    ['\tDEFINE V=1\t', 1],
  ])('%j', (text, value) => {
    expect(valueAfter(text)).toBe(value);
  });

  test('a string goes on over a joined line', () => {
    expect(valueAfter('DEFINE V = "a! &\nb"')).toBe('a! b');
  });

  test('a message names the first physical line', () => {
    expect(() => parseAshellDef('\n\nDEFINE A = 1 + &\n  2 +\n')).toThrow(/^ashell\.def:3: /);
  });
});

describe('MAP', () => {
  test.each<[string, number | string | undefined]>([
    ['MAP1 V,B,2,71', 71],
    ['map1 v , f , 6 , &h10', 16],
    ['MAP2 V,F,,5', 5],
    ['MAP9 V,I,,-1', -1],
    ['MAP1 V,B,,65537', 1],
    ['MAP1 V,B,1,-1', 255],
    ['MAP1 V,B,4,-1', 4294967295],
    ['MAP1 V,S,4,"localhost"', 'loca'],
    ['MAP1 V,S,,"localhost.local"', 'localhost.'],
    ['MAP1 V,S,0,"a, b: c"', 'a, b: c'],
    ['MAP1 V,S,8,2.5', '2.5'],
    ['MAP1 V,X,2,"abc"', 'ab'],
    ['MAP1 V,F,6,"12 apples"', 12],
    ['PRIVATE MAP1 V,B,WIDTH,(1 + 2) * 2', 6],
    ['MAP1 V,F', undefined],
    ['MAP1 V,B,2', undefined],
    ['MAP1 V', undefined],
    ['MAP1 V,B,2,@OTHER', undefined],
    ['MAP1 V(3,2),B,2,7', undefined],
    ['MAP1 V,ST_SOCKARY', undefined],
  ])('%s makes V %j', (text, value) => {
    expect(valueAfter(`DEFINE WIDTH = 2\n${text}`)).toBe(value);
  });
});

describe('directives', () => {
  test('++IFNDEF does not see our numbers, so that the site still wins', () => {
    const text = '++IFNDEF TCPXFLG_TLS\nDEFINE TCPXFLG_TLS = 64\n++ENDIF';
    const first = parseAshellDef(text);
    expect(first.number('TCPXFLG_TLS')).toBe(64);
    const second = parseAshellDef(text.replace('64', '128'), first);
    expect(second.number('TCPXFLG_TLS')).toBe(64);
    expect(parseAshellDef(`UNDEF TCPXFLG_TLS\n${text.replace('64', '128')}`, first).number('TCPXFLG_TLS')).toBe(128);
  });

  test.each([
    ['++IF 1\nDEFINE V = 1\n++ELSE\nDEFINE V = 2\n++ENDIF', 1],
    ['++if 0\nDEFINE V = 1\n++else\nDEFINE V = 2\n++endif', 2],
    ['++IF A = 2 AND NOT B\nDEFINE V = 1\n++ELSE\nDEFINE V = 2\n++ENDIF', 1],
    [
      '++IF A = 1\nDEFINE V = 1\n++ELIF A = 2\nDEFINE V = 2\n++ELIF A = 2\nDEFINE V = 3\n++ELSE\nDEFINE V = 4\n++ENDIF',
      2,
    ],
    ['++IFDEF A\nDEFINE V = 1\n++ELSE\nDEFINE V = 2\n++ENDIF', 1],
    ['++IFDEF NONE\nDEFINE V = 1\n++ELIFDEF A\nDEFINE V = 2\n++ENDIF', 2],
    ['++IFNDEF A\nDEFINE V = 1\n++ELIFNDEF A\nDEFINE V = 2\n++ELSE\nDEFINE V = 3\n++ENDIF', 3],
    ['++IFMAP M\nDEFINE V = 1\n++ENDIF', 1],
    ['++IFNMAP M\nDEFINE V = 1\n++ELIFNMAP Q\nDEFINE V = 2\n++ENDIF', 2],
    ['++IFLBL L\nDEFINE V = 1\n++ELSEIF 1\nDEFINE V = 2\n++ENDIF', 2],
    ['++IF 0\n++IF 1\nDEFINE V = 1\n++ELSE\nDEFINE V = 2\n++ENDIF\n++ELSE\nDEFINE V = 3\n++ENDIF', 3],
    ['++IF 1\n++IF 0\nDEFINE V = 1\n++ELSE\nDEFINE V = 2\n++ENDIF\n++ENDIF', 2],
    ['++IF 0 : DEFINE V = 1 : ++ELSE : DEFINE V = 2 : ++ENDIF', 2],
    ['++IF 0\nthis is (no BASIC "at all\n++IF (((\n++ENDIF\n++ERROR no\n++ENDIF\nDEFINE V = 5', 5],
    ['++IF V = 0 : DEFINE V = 1 : ++ENDIF : ++IF V = 1 : DEFINE V = 2 : ++ENDIF', 2],
    ['++PRAGMA ALIGN2\n++EXTERN v\n++MESSAGE hello: it\'s "me\nDEFINE V = 1', 1],
    ['DEFSTRUCT ST_SOCKARY\nMAP2 socket,b,3\nDEFINE V = 9\nENDSTRUCT\nDEFINE V = 1', 1],
    ['PROGRAM X,1.0(1)\nSTRSIZ 20\nDEFTYPE money = f,6\nDEFINE V = 1', 1],
  ])('%j makes V %d', (text, value) => {
    const set = parseAshellDef(`DEFINE A = 2\nMAP1 M,F\n${text}`);
    expect(set.get('V')).toBe(value);
    expect(set.notes).toEqual([]);
  });

  test('an unknown one becomes a note', () => {
    const set = parseAshellDef('++FROBNICATE 7\nDEFINE V = 1');
    expect(set.notes).toEqual(['ashell.def:1: ++FROBNICATE is not known and was ignored']);
    expect(set.get('V')).toBe(1);
  });

  test('++INCLUDE asks, reads in place, and names the included file in messages', () => {
    const asked: string[] = [];
    const include = (specification: string, from: string) => {
      asked.push(`${specification} from ${from}`);
      return { name: 'inner.def', text: 'DEFINE A = 7\nDEFINE B = C' };
    };
    const text = 'DEFINE A = 1\n++INCLUDE ashinc:inner.def[7,6] : DEFINE C = A\nDEFINE V = B';
    expect(valueAfter(text, { include, file: 'outer.def' })).toBe(7);
    expect(asked).toEqual(['ashinc:inner.def[7,6] from outer.def']);
    expect(() => parseAshellDef('\n++INCLUDE x', undefined, { include })).toThrow('inner.def:2: C is not defined');
  });

  test('a missing include becomes a note, unless it may be missing', () => {
    expect(parseAshellDef("++INCLUDE'IF'EXISTS a.def\n++INCLUDE b.def").notes).toEqual([
      'ashell.def:2: b.def was not found and is left out',
    ]);
  });

  test('++INCLUDE_ONCE compares name and extension only', () => {
    let count = 0;
    const include = () => ({ name: 'x', text: `DEFINE V = ${++count}` });
    const text = "++INCLUDE'ONCE BAS:a.def\n++INCLUDE_ONCE_IF_EXISTS A.DEF[1,2]\n++INCLUDE'ONCE b.def\n++INCLUDE a.def";
    expect(valueAfter(text, { include })).toBe(3);
  });
});

describe('a bad line', () => {
  test.each([
    ['DEFINE', 'no name and value'],
    ['DEFINE V', 'no name and value'],
    ['DEFINE V =', 'a value is missing'],
    ['DEFINE 1V = 2', '"1V" is not a name'],
    ['DEFINE V = 1 2', '2 is not expected there'],
    ['DEFINE V = 1 +', 'a value is missing at the end'],
    ['DEFINE V = (1', 'a closing bracket is missing'],
    ['DEFINE V = 1)', ') is not expected there'],
    ['DEFINE V = * 1', 'a value is missing in front of *'],
    ['DEFINE V = "abc', 'a string has no closing quote'],
    ['DEFINE V = 1 ~ 2', '"~ 2" is neither a number'],
    ['DEFINE V = &hG', '"&hG" is neither a number'],
    ['DEFINE V = &h1000000000000', 'more than 48 bits'],
    ['DEFINE V = 1 / 0', 'not a number'],
    ['DEFINE V = 0 / 0', 'not a number'],
    ['DEFINE V = 1E999', 'not a number'],
    ['DEFINE V = "a" + 1', 'needs a number, not the string "a"'],
    ['DEFINE V = -"a"', 'needs a number'],
    ['DEFINE V = NONE + 1', 'NONE is not defined'],
    ['DEFINE V = V', 'V is defined by itself'],
    ['DEFINE V = W : DEFINE W = V', 'is defined by itself'],
    [`DEFINE V = ${'('.repeat(101)}1${')'.repeat(101)}`, 'more than 100 brackets'],
    [`DEFINE V = ${'-'.repeat(2000)}1`, 'more than 100 brackets or signs'],
    [`DEFINE V = "${'x'.repeat(3100)}"`, 'more than 3070 characters'],
    ['x = 5', '"x = 5" is not a definition'],
    ['MAP1 V,Q,2,1', '"Q" is not a type'],
    ['MAP1 V,B,9,1', 'B has no size 9'],
    ['MAP1 V,B,"x",1', 'x is not a size'],
    ['MAP1 V,S,-1,1', '-1 is not a size'],
    ['MAP1 V,B,2,1,5', 'more parts'],
    ['MAP1 2V,B,2,1', '"2V" is not a name'],
    ['++IF 1', 'no ++ENDIF'],
    ['++ENDIF', '++ENDIF without ++IF'],
    ['++ELSE', '++ELSE without ++IF'],
    ['++IF 0 : ++ELSE : ++ELIF 1 : ++ENDIF', '++ELIF behind ++ELSE'],
    ['++IF (', 'a value is missing'],
    ['++IFDEF 5', '"5" is not a name'],
    ['++ERROR not for this system', '++ERROR not for this system'],
    ['++INCLUDE', 'without a file'],
    ['DEFSTRUCT S', 'no ENDSTRUCT'],
    ['ENDSTRUCT', 'ENDSTRUCT without DEFSTRUCT'],
    ['UNDEF +', '"+" is not a name'],
  ])('%s', (line, message) => {
    const parse = () => parseAshellDef(`DEFINE A = 1\n${line}\nDEFINE Z = 1`, undefined, { file: 'site.def' });
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow('site.def:2: ');
    expect(parse).toThrow(message);
  });
});

describe('bounds', () => {
  test('a text of more than 4 MiB is refused', () => {
    const comment = '!'.repeat(4 * 2 ** 20 - 12);
    expect(valueAfter(`DEFINE V=1\n${comment}`)).toBe(1);
    expect(() => parseAshellDef(`DEFINE V=1\n${comment}..`)).toThrow(UsageError);
  });

  test('includes end at 40 levels', () => {
    let level = 0;
    const include = (limit: number) => () => ({ name: 'x', text: ++level < limit ? '++INCLUDE x' : 'DEFINE V = 1' });
    expect(valueAfter('++INCLUDE x', { include: include(40) })).toBe(1);
    level = 0;
    expect(() => valueAfter('++INCLUDE x', { include: include(41) })).toThrow('more than 40 includes');
  });

  test('many includes of a large file end', () => {
    const text = `++INCLUDE a\n${'!'.repeat(2 ** 20)}\n`;
    const include = () => ({ name: 'a', text });
    expect(() => parseAshellDef(text, undefined, { include })).toThrow('bytes together');
  });

  test('strings that double end', () => {
    const lines = ['DEFINE S0 = "x"', ...Array.from({ length: 60 }, (_, i) => `DEFINE S${i + 1} = S${i} + S${i}`)];
    expect(() => parseAshellDef(lines.join('\n'))).toThrow('more than 3070 characters');
  });

  test('a long chain is computed forward, and refused backward', () => {
    const lines = ['DEFINE A0 = 1', ...Array.from({ length: 5000 }, (_, i) => `DEFINE A${i + 1} = A${i} + 1`)];
    expect(parseAshellDef(lines.join('\n')).number('A5000')).toBe(5001);
    expect(() => parseAshellDef(lines.reverse().join('\n'))).toThrow('too many symbols');
  });

  test('many joined lines and many values take no more than linear time', () => {
    const joined = 'DEFINE A = 1 + &\n 2 ! x &\n!\n'.repeat(50_000);
    expect(parseAshellDef(joined).number('A')).toBe(3);
  });

  test('any text is read or refused with a UsageError', () => {
    const piece = fc.constantFrom(
      ...['DEFINE', ' V', ' = ', '1', '"', "'", '&', '\n', ':', '!', '++IF ', '++ELSE', '++ENDIF', '(', ')', ','],
      ...['MAP1 ', 'S', '++INCLUDE x', 'NOT ', '-', '&hF', 'DEFSTRUCT', 'ENDSTRUCT', '@', '\0', 'UNDEF V', 'A$'],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        let outcome: unknown;
        try {
          outcome = parseAshellDef(pieces.join('')).size >= builtInSymbols.size - 1;
        } catch (error) {
          outcome = error instanceof UsageError || error;
        }
        expect(outcome).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a file', () => {
  let folder = '';
  const put = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, 'latin1');
    return join(folder, name);
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ashell-def-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test('is read as Latin-1, with the includes beside it', () => {
    put('More.Def', 'DEFINE EXTRA = 5');
    const path = put(
      'site.def',
      'DEFINE NAME$ = "caf\u00e9"\n++INCLUDE ashinc:more.def[907,16]\n++INCLUDE ../../gone.def',
    );
    const set = loadAshellDef(path);
    expect(set.get('NAME$')).toBe('caf\u00e9');
    expect(set.number('EXTRA')).toBe(5);
    expect(set.origin('EXTRA')).toBe(`${join(folder, 'More.Def')}:1`);
    expect(set.notes).toEqual([`${path}:3: ../../gone.def was not found and is left out`]);
  });

  test('can be loaded over another', () => {
    const first = loadAshellDef(put('first.def', 'DEFINE ONE = 1\nDEFINE TWO = 1'));
    const second = loadAshellDef(put('second.def', 'DEFINE TWO = 2'), first);
    expect([second.number('ONE'), second.number('TWO')]).toEqual([1, 2]);
    expect(first.number('TWO')).toBe(1);
  });

  test('takes an include function of the caller', () => {
    const path = put('own.def', '++INCLUDE anything');
    const include = () => ({ name: 'own', text: 'DEFINE V = 3' });
    expect(loadAshellDef(path, undefined, { include }).number('V')).toBe(3);
  });

  test('that is missing, too large or no file is a UsageError that names it', () => {
    const missing = join(folder, 'missing.def');
    expect(() => loadAshellDef(missing)).toThrow(UsageError);
    expect(() => loadAshellDef(missing)).toThrow(`${missing} cannot be read`);
    expect(() => loadAshellDef(folder)).toThrow(`${folder} is not a file`);
    const large = put('large.def', '!'.repeat(4 * 2 ** 20 + 1));
    expect(() => loadAshellDef(large)).toThrow(`${large} is larger than`);
  });
});
