/** Blocking calls into a worker: a caller that blocks sees the worker's end, however it comes. */
import { copyFileSync, cpSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../src/core/errors.ts';
import { Bridge, type BridgeOptions } from '../../src/sync/bridge.ts';
import { cleanUpAfterAll, runProcess, tempDir } from '../support/peer.ts';

cleanUpAfterAll();

const bridge = (file: string, options: BridgeOptions = {}) =>
  new Bridge<string, string>(new URL(`children/${file}`, import.meta.url), options);
const QUICK = { aliveCheck: 20, mostSilentChecks: 100 };

describe('a blocking request', () => {
  it('is answered, also after several looks whether anybody is there', () => {
    const served = bridge('bridge-worker.mjs', QUICK);
    expect(served.request('one')).toBe('heard one');
    expect(served.request('late')).toBe('heard late');
  });

  it('throws what no handler expected, and the next one is served', () => {
    const served = bridge('bridge-worker.mjs');
    expect(() => served.request('fail')).toThrow('not foreseen');
    expect(served.request('two')).toBe('heard two');
  });

  it.each(['leave', 'vanish'])('ends when the worker does (%s)', (question) => {
    const served = bridge('bridge-worker.mjs', QUICK);
    expect(served.request('one')).toBe('heard one');
    expect(() => served.request(question)).toThrow(EngineError);
    expect(() => served.request('again')).toThrow(/worker thread of the Node engine is gone/);
  });

  it('ends when the worker never comes to serve', () => {
    const served = bridge('bridge-stuck.mjs', QUICK);
    expect(() => served.request('one')).toThrow(/does not answer/);
  });

  it('is not begun without the file of the worker', () => {
    expect(() => bridge('no-such-worker.mjs')).toThrow(/no-such-worker\.mjs is missing.*bundle/);
  });
});

it('an asynchronous request ends when the worker does', async () => {
  const served = bridge('bridge-worker.mjs');
  expect(await served.requestAsync('one')).toBe('heard one');
  await expect(served.requestAsync('vanish')).rejects.toThrow(EngineError);
});

it('a call without the file of the worker has a STATUS and a text that tells what to do', async () => {
  const root = new URL('../../', import.meta.url);
  const bundle = tempDir();
  cpSync(new URL('dist/lib', root), join(bundle, 'lib'), { recursive: true });
  copyFileSync(new URL('package.json', root), join(bundle, 'package.json'));
  symlinkSync(new URL('node_modules', root), join(bundle, 'node_modules'));
  rmSync(join(bundle, 'lib/worker.js'));
  const program = `
    import { createJob, F } from '${pathToFileURL(join(bundle, 'lib/index.js'))}';
    for (const home of ['caller', 'worker']) {
      const job = createJob({ engine: 'node', home });
      const status = F();
      if (home === 'caller') job.xcall('TCPX', 9, status, '', F(1), 1, 5000, '127.0.0.1');
      else await job.xcall.async('TCPX', 9, status, '', F(1), 1, 5000, '127.0.0.1');
      console.log(status.value, job.lastStatus.text);
      job.close();
    }`;
  const exit = await runProcess({ command: process.execPath, args: ['--input-type=module', '-e', program] });
  expect(exit.code, exit.output).toBe(0);
  expect(exit.stdout).toMatch(/^-95 \S+worker\.js is missing.*bundle\n-95 \S+worker\.js is missing.*bundle\n$/);
});
