// What the command keeps of its compiled files: used by the next run, never when somebody else could have written it. V8
// itself tells what it writes and reads, in bytes.
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { main } from '../support/command.ts';
import { cleanUpAfterAll, runProcess, tempDir } from '../support/peer.ts';

cleanUpAfterAll();

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  /** Sizes of what V8 has serialized and deserialized, in bytes. */
  readonly wrote: readonly number[];
  readonly read: readonly number[];
}

async function run(
  caches: string,
  args: readonly string[] = ['--version'],
  env: Record<string, string> = {},
  file = main,
) {
  const { code, stdout } = await runProcess({
    command: process.execPath,
    args: ['--profile-deserialization', file, ...args],
    env: { XDG_CACHE_HOME: caches, NODE_DISABLE_COMPILE_CACHE: '', ...env },
  });
  const sizes = (pattern: RegExp) => [...stdout.matchAll(pattern)].map(([, size]) => Number(size));
  const outcome: Outcome = {
    code,
    stdout,
    wrote: sizes(/^\[Serializing to (\d+) bytes/gm),
    read: sizes(/^\[Deserializing from (\d+) bytes/gm),
  };
  return outcome;
}

/** The one file in a directory of caches. */
function kept(caches: string): string {
  const [name, ...others] = readdirSync(join(caches, 'tcpx'));
  expect(others).toEqual([]);
  return join(caches, 'tcpx', `${name}`);
}

describe.concurrent('the command', () => {
  it('compiles its files once', async () => {
    const caches = tempDir();
    const first = await run(caches);
    expect(first.code).toBe(0);
    expect(first.wrote.length).toBeGreaterThan(0);
    const second = await run(caches);
    expect(second.stdout).toMatch(/^\d+\.\d+\.\d+$/m);
    expect(second.read).toEqual(expect.arrayContaining([...first.wrote]));
    expect(second.wrote).toEqual([]);
  });

  it('keeps it for nobody else to read or write', async () => {
    const caches = tempDir();
    await run(caches);
    expect(statSync(join(caches, 'tcpx')).mode & 0o777).toBe(0o700);
    expect(statSync(kept(caches)).mode & 0o777).toBe(0o600);
  });

  it('keeps nothing of a run that failed, and nothing when it is told so', async () => {
    const caches = tempDir();
    expect((await run(caches, ['frob'])).code).toBe(2);
    expect((await run(caches, ['--version'], { NODE_DISABLE_COMPILE_CACHE: '1' })).code).toBe(0);
    expect(existsSync(join(caches, 'tcpx'))).toBe(false);
  });

  it('keeps files of its own for each subcommand', async () => {
    const caches = tempDir();
    await run(caches, ['--version']);
    await run(caches, ['mail', '--help']);
    expect(readdirSync(join(caches, 'tcpx')).map((name) => name.replace(/-.*/, ''))).toEqual(['help', 'mail']);
  });

  it('keeps one file for all copies of the package', async () => {
    const caches = tempDir();
    const copy = tempDir();
    cpSync(dirname(main), copy, { recursive: true });
    const { wrote } = await run(caches);
    const elsewhere = await run(caches, ['--version'], {}, join(copy, 'tcpx.cjs'));
    expect(elsewhere.read).toEqual(expect.arrayContaining([...wrote]));
    expect(elsewhere.wrote).toEqual([]);
  });

  it('keeps what a run was asked for, and nothing of what it was told', async () => {
    const caches = tempDir();
    await run(caches, ['exec', '--engine=node', '-eERRMSG -1', '--trace-file=/dev/null']);
    const text = readFileSync(kept(caches), 'latin1');
    const header = JSON.parse(text.slice(8, 8 + Number(text.slice(0, 8)))) as { asked: string[] };
    expect(header.asked).toEqual(['--engine', '-e', '--trace-file']);
  });

  it('adds what a later run has compiled besides', async () => {
    const caches = tempDir();
    const calls = ['exec', '--engine', 'node', '-e', 'QUIT'];
    await run(caches, calls);
    const help = await run(caches, ['exec', '--help']);
    expect(help.wrote.length).toBeGreaterThan(0);
    for (const args of [calls, ['exec', '--help']]) expect((await run(caches, args)).wrote).toEqual([]);
  });

  it.each([
    [
      'of other files',
      (content: Buffer) => Buffer.from(content.toString('latin1').replace(/"build":"../, '"build":"zz'), 'latin1'),
    ],
    ['that is cut off', (content: Buffer) => content.subarray(0, content.length - 1)],
    ['that is longer', (content: Buffer) => Buffer.concat([content, Buffer.alloc(1)])],
    ['whose header is cut off', (content: Buffer) => content.subarray(0, 60)],
    ['that is empty', () => Buffer.alloc(0)],
    ['that is none', () => Buffer.alloc(5_000, 0xff)],
  ])('does without a cache %s, and replaces it', async (_what, change) => {
    const caches = tempDir();
    const { wrote } = await run(caches);
    writeFileSync(kept(caches), change(readFileSync(kept(caches))));
    const next = await run(caches);
    expect(next.code).toBe(0);
    expect(next.wrote).toHaveLength(wrote.length);
    expect((await run(caches)).read).toEqual(expect.arrayContaining([...next.wrote]));
  });

  it('does not run what others could have written', async () => {
    const caches = tempDir();
    const { wrote } = await run(caches);
    for (const [path, open, closed] of [
      [kept(caches), 0o620, 0o600],
      [join(caches, 'tcpx'), 0o777, 0o700],
    ] as const) {
      chmodSync(path, open);
      const { code, read } = await run(caches);
      expect(code).toBe(0);
      for (const size of wrote) expect(read).not.toContain(size);
      chmodSync(path, closed);
    }
  });

  it.runIf(process.getuid?.() === 0)('leaves the directory of another user alone', async () => {
    const caches = tempDir();
    const directory = join(caches, 'tcpx');
    mkdirSync(directory, { mode: 0o700 });
    chownSync(directory, 65_534, 65_534);
    expect((await run(caches)).code).toBe(0);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('works where nothing can be kept', async () => {
    const caches = tempDir();
    symlinkSync('/nonexistent/caches', join(caches, 'tcpx'));
    expect(await run(caches)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+$/m) });
    const nowhere = { XDG_CACHE_HOME: '', HOME: '' };
    expect((await run(caches, ['--version'], nowhere)).code).toBe(0);
  });
});
