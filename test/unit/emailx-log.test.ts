// The log of LOGFILE and LOGLVL (reference emailx §15).
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LOG_LEVELS, MailLog, openLog } from '../../src/emailx/log.ts';
import { parseEmailxOptions } from '../../src/emailx/options.ts';
import { Redactor } from '../../src/emailx/redactor.ts';
import { cleanUpAfterAll, openDescriptors, tempDir } from '../support/peer.ts';

cleanUpAfterAll();

const AT = '2026-11-21 04:03:07 JOB1';
const now = () => new Date(2026, 10, 21, 4, 3, 7);

function logAt(level: number, path = join(tempDir(), 'emailx.log')) {
  const redactor = new Redactor();
  const problems: string[] = [];
  const warn = (problem: string) => problems.push(problem);
  const log = new MailLog({ path, level, jobName: 'JOB1', redactor, now, warn });
  return { log, path, redactor, problems, text: () => readFileSync(path, 'latin1') };
}

/** Everything that can be logged, in the order of a call. */
function wholeCall(log: MailLog): void {
  log.step('connected to smtp.example.com port 587');
  log.server('220 smtp.example.com ESMTP\r\n');
  log.client('EHLO example.com');
  log.server('250-smtp.example.com\r\n250-PIPELINING\r\n250 AUTH PLAIN');
  log.client('AUTH PLAIN AHUAaHVudGVyMg==', 'AHUAaHVudGVyMg==');
  log.server('235 ok');
  log.client('DATA');
  log.data(Buffer.from('Subject: x\r\n\r\nHello\r\n'));
  log.data(Buffer.from('.\r\n'));
  log.server('550 5.7.1 no\nthank you');
  log.error(550, '5.7.1 no\r\nthank you');
  log.message({ sender: 'a@x', recipients: ['b@x', 'c@x'], redirected: [], status: 550, text: '5.7.1 no' });
  log.close();
}

const ERROR = `${AT} error 550: 5.7.1 no thank you`;
const MESSAGE = `${AT} message from <a@x> to b@x, c@x: status 550 5.7.1 no`;
const STEP = `${AT} connected to smtp.example.com port 587`;
const BEFORE = [
  `${AT} < 220 smtp.example.com ESMTP`,
  `${AT} > EHLO example.com`,
  `${AT} < 250-smtp.example.com`,
  '250-PIPELINING',
  '250 AUTH PLAIN',
  `${AT} > AUTH PLAIN ****`,
  `${AT} < 235 ok`,
  `${AT} > DATA`,
];
const DATA = [`${AT} message data, 24 octets`, '| Subject: x', '| ', '| Hello', '| .'];
const AFTER = [`${AT} < 550 5.7.1 no`, 'thank you'];

describe('level', () => {
  it.each([
    [1, [ERROR]],
    [2, [ERROR, MESSAGE]],
    [3, [STEP, ERROR, MESSAGE]],
    [4, [STEP, ...BEFORE, ...AFTER, ERROR, MESSAGE]],
    [5, [STEP, ...BEFORE, ...DATA, ...AFTER, ERROR, MESSAGE]],
  ])('%i', (level, lines) => {
    const { log, text, problems } = logAt(level);
    wholeCall(log);
    expect(text()).toBe(`${lines.join('\n')}\n`);
    expect(problems).toEqual([]);
  });

  it('0 does not even make the file, nor does a blank name', () => {
    const { log, text } = logAt(0);
    wholeCall(log);
    expect(text).toThrow('ENOENT');
    const nameless = logAt(5, '');
    wholeCall(nameless.log);
    expect(nameless.log.problem).toBeNull();
    expect(nameless.log.wants('conversation')).toBe(false);
  });

  it('tells what it wants', () => {
    const wants = (level: number) => {
      const { log } = logAt(level);
      return [log.wants('conversation'), log.wants('data')];
    };
    expect([0, 3, 4, 5].map(wants)).toEqual([
      [false, false],
      [false, false],
      [true, false],
      [true, true],
    ]);
    expect(LOG_LEVELS).toHaveLength(6);
  });
});

describe('an entry', () => {
  it('is appended to what is there', () => {
    const { log, path, text } = logAt(1);
    writeFileSync(path, 'earlier\n');
    log.error(-111, 'refused');
    log.close();
    log.close();
    expect(text()).toBe(`earlier\n${AT} error -111: refused\n`);
  });

  it('names the envelope that REDIRECT replaced', () => {
    const { log, text } = logAt(2);
    log.message({ sender: '', recipients: ['t@x'], redirected: ['a@x', 'b@x'], status: 0, text: '2.0.0 queued' });
    log.close();
    expect(text()).toBe(`${AT} message from <> to t@x instead of a@x, b@x: status 0 2.0.0 queued\n`);
  });

  it('cannot be forged or drive a terminal', () => {
    const { log, text } = logAt(4);
    log.error(500, `x\n${AT} error 0: fine\r\n\x1b[2J`);
    log.server('220 a\rb\x07\0');
    log.step('a\x7fb\tc');
    log.close();
    expect(text().split('\n')).toEqual([
      `${AT} error 500: x ${AT} error 0: fine \\x1b[2J`,
      `${AT} < 220 a\\x0db\\x07\\x00`,
      `${AT} a\\x7fb\tc`,
      '',
    ]);
  });

  it('keeps bytes as they are, and encodes what is none', () => {
    const { log, path } = logAt(3);
    log.step('J\xfcrgen');
    log.step('Łódź');
    log.close();
    const bytes = readFileSync(path);
    expect(bytes.includes(Buffer.from('J\xfcrgen\n', 'latin1'))).toBe(true);
    expect(bytes.includes(Buffer.from('Łódź\n', 'utf8'))).toBe(true);
  });

  it('of data holds the first 64 KiB and says how much there was', () => {
    const { log, text } = logAt(5);
    for (let sent = 0; sent < 100; sent++) log.data(Buffer.alloc(1000, 97));
    log.step('done');
    log.data(Buffer.from('second'));
    log.close();
    const [head, data, step, ...rest] = text().split('\n');
    expect(head).toBe(`${AT} message data, the first 65536 of 100000 octets`);
    expect(data).toBe(`| ${'a'.repeat(65_536)}`);
    expect([step, ...rest]).toEqual([`${AT} done`, `${AT} message data, 6 octets`, '| second', '']);
  });

  it('of data does not change with the memory of the sender', () => {
    const { log, text } = logAt(5);
    const bytes = Buffer.from('before');
    log.data(bytes);
    bytes.write('after!');
    log.close();
    expect(text()).toContain('| before\n');
  });
});

describe('a secret', () => {
  it('is replaced where it was sent and wherever it comes back', () => {
    const { log, redactor, text } = logAt(5);
    redactor.add('hunter2');
    log.client('AUTH LOGIN');
    log.client('dXNlcg==', 'dXNlcg==');
    log.client('aHVudGVyMg==', 'aHVudGVyMg==');
    log.server('535 no aHVudGVyMg== for you: hunter2');
    log.error(535, 'no hunter2');
    log.data(Buffer.from('the password is hun'));
    log.data(Buffer.from('ter2, dXNlcg=='));
    log.message({ sender: 'a@x', recipients: ['b@x'], redirected: [], status: 535, text: 'hunter2' });
    log.close();
    expect(text()).not.toMatch(/hunter2|aHVudGVyMg|dXNlcg/);
    expect(text().split('\n').slice(0, 5)).toEqual([
      `${AT} > AUTH LOGIN`,
      `${AT} > ****`,
      `${AT} > ****`,
      `${AT} < 535 no **** for you: ****`,
      `${AT} error 535: no ****`,
    ]);
  });

  it.each(['AUTH PLAIN abc', 'auth xoauth2  abc', 'AUTH PLAIN abc def'])(
    'in %j is not shown, even if nobody names it',
    (line) => {
      const { log, text } = logAt(4);
      log.client(line);
      log.client('AUTH LOGIN');
      log.close();
      expect(text()).toMatch(/> auth (plain|xoauth2) +\*{4}\n.*> AUTH LOGIN\n/i);
      expect(text()).not.toMatch(/abc|def/);
    },
  );
});

describe('a log that cannot be written', () => {
  it.each<[string, (path: string) => string, string]>([
    ['in a directory that is missing', (path) => join(path, 'a', 'b'), 'no such file or directory'],
    ['that is a directory', (path) => path, 'illegal operation on a directory'],
    [
      'that is a pipe without a reader',
      (path) => {
        execFileSync('mkfifo', [join(path, 'pipe')]);
        return join(path, 'pipe');
      },
      'no such device or address',
    ],
    ['on a full disk', () => '/dev/full', 'no space left on device'],
  ])('%s is silent and warns once', (_what, make, reason) => {
    const path = make(tempDir());
    const before = openDescriptors();
    const { log, problems } = logAt(5, path);
    wholeCall(log);
    expect(problems).toEqual([expect.stringContaining(`the mail log '${path}' cannot be written: ${reason}`)]);
    expect(log.problem).toBe(problems[0]);
    expect(log.wants('conversation')).toBe(false);
    expect(openDescriptors()).toBe(before);
  });
});

describe('openLog', () => {
  const open = (file: string, level: number, directory: string) =>
    openLog(
      { file, level },
      parseEmailxOptions({ files: { devices: { DSK0: directory } }, jobName: 'J' }),
      new Redactor(),
    );

  it('finds the file by its filespec', () => {
    const directory = tempDir();
    mkdirSync(join(directory, '100005'));
    const log = open('DSK0:EMAILX.LOG[100,5]', 1, directory);
    log.error(1, 'x');
    log.close();
    const path = join(directory, '100005', 'emailx.log');
    expect(readFileSync(path, 'latin1')).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d J error 1: x\n$/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('is silent without LOGFILE and at level 0', () => {
    for (const log of [open('', 5, '/nonexistent'), open('DSK9:A.B[1,4]', 0, '/nonexistent')]) {
      wholeCall(log);
      expect(log.problem).toBeNull();
    }
  });

  it('warns as a process does, once, where the filespec means nothing', async () => {
    const warnings: Error[] = [];
    const listener = (warning: Error) => warnings.push(warning);
    process.on('warning', listener);
    for (let call = 0; call < 3; call++) {
      const log = open('DSK9:A.B[1,4]', 5, '/nonexistent');
      wholeCall(log);
      expect(log.problem).toContain('there is no mail log: LOGFILE');
    }
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listener);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatchObject({ code: 'TCPX_EMAILX_LOG', message: expect.stringContaining('DSK9:[1,4]') });
  });
});
