import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  cleanUpAfterAll,
  freePort,
  openDescriptors,
  requireTool,
  runProcess,
  startProcess,
  tempDir,
  toolPath,
  withFreePort,
} from '../support/peer.ts';

cleanUpAfterAll();

const node = process.execPath;
const script = (source: string) => ({ command: node, args: ['-e', source] });

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('startProcess', () => {
  it('waits for a text, then collects both streams', async () => {
    const child = await startProcess({
      ...script("console.error('warming up'); console.log('ready on 7'); setInterval(() => {}, 1000)"),
      ready: /ready on (\d)/,
    });
    expect(child.stdout()).toBe('ready on 7\n');
    expect(child.stderr()).toBe('warming up\n');
    expect(alive(child.pid)).toBe(true);
    await child.stop();
    expect(alive(child.pid)).toBe(false);
    await child.stop();
  });

  it('waits for a port', async () => {
    const port = await freePort();
    const child = await startProcess({
      ...script(`setTimeout(() => require('net').createServer().listen(${port}, '127.0.0.1'), 50)`),
      ready: { tcpPort: port },
    });
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.destroy();
    await child.stop();
  });

  it('waits for several ports', async () => {
    const ports = [await freePort(), await freePort()];
    const listen = (port: number | undefined) => `require('net').createServer().listen(${port}, '127.0.0.1')`;
    const child = await startProcess({
      ...script(`${listen(ports[0])}; setTimeout(() => { console.log('second'); ${listen(ports[1])} }, 50)`),
      ready: { tcpPort: ports },
    });
    await child.waitFor(/second/);
    await child.stop();
    const single = startProcess({
      ...script(`${listen(ports[0])}`),
      ready: { tcpPort: ports },
      // Long enough for a busy machine to start the program, or the first port would be the one that is missed.
      deadline: 2_000,
    });
    await expect(single).rejects.toThrow(`port ${ports[1]} did not accept within 2000 ms`);
  });

  it.runIf(process.getuid?.() === 0 && toolPath('setpriv') !== undefined)('runs as another user', async () => {
    const { stdout } = await runProcess({ command: 'id', args: ['-un'], user: 'nobody' });
    expect(stdout).toBe('nobody\n');
  });

  it('fails with the output of a program that ends early', async () => {
    const start = startProcess({ ...script("console.error('no such option'); process.exit(3)"), ready: /ready/ });
    await expect(start).rejects.toThrow(/exit code 3[\s\S]*no such option/);
  });

  it('fails when the program is not ready in time, and ends it', async () => {
    const start = startProcess({
      ...script('console.log(process.pid); setInterval(() => {}, 1000)'),
      ready: /ready/,
      deadline: 300,
    });
    const message = await start.then(String, String);
    expect(message).toMatch(/did not print \/ready\/ within 300 ms/);
    expect(alive(Number(message.match(/^(\d+)$/m)?.[1]))).toBe(false);
  });

  it('fails for a program that does not exist', async () => {
    await expect(startProcess({ command: 'tcpx-no-such-tool' })).rejects.toThrow(/cannot start tcpx-no-such-tool/);
  });

  it('kills what ignores SIGTERM, with the children it has', async () => {
    const source = `process.on('SIGTERM', () => {});
      const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
      console.log('child', child.pid); setInterval(() => {}, 1000)`;
    const child = await startProcess({ ...script(source), ready: /child \d+/ });
    const grandchild = Number(child.output().match(/child (\d+)/)?.[1]);
    await child.stop();
    expect((await child.exited).signal).toBe('SIGKILL');
    await expect.poll(() => alive(grandchild)).toBe(false);
  });

  it('runs a program with input to its end', async () => {
    const source = 'process.stdin.pipe(process.stdout); process.exitCode = 4';
    expect(await runProcess({ ...script(source), input: 'some text' })).toMatchObject({ code: 4, stdout: 'some text' });
  });

  it('ends a program that runs too long', async () => {
    const run = runProcess({ ...script('setInterval(() => {}, 1000)'), deadline: 200 });
    await expect(run).rejects.toThrow(/did not end within 200 ms/);
  });
});

describe('ports, tools, descriptors, directories', () => {
  it('gives different free ports', async () => {
    const ports = await Promise.all(Array.from({ length: 20 }, () => freePort()));
    expect(new Set(ports).size).toBe(20);
  });

  it('tries other ports when one is taken', async () => {
    const tried: number[] = [];
    const port = await withFreePort(async (port) => {
      tried.push(port);
      if (tried.length < 3) throw new Error('listen EADDRINUSE: address already in use');
      return port;
    });
    expect(tried).toHaveLength(3);
    expect(port).toBe(tried[2]);
    await expect(withFreePort(() => Promise.reject(new Error('other')))).rejects.toThrow('other');
  });

  it('finds tools, also system daemons', () => {
    expect(toolPath('sh')).toMatch(/\/sh$/);
    expect(toolPath('tcpx-no-such-tool')).toBeUndefined();
    expect(requireTool('sh', 'dash')).toBe(true);
  });

  it.runIf(process.platform === 'linux')('counts descriptors', async () => {
    const before = openDescriptors();
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    expect(openDescriptors()).toBe(before + 1);
    await new Promise((resolve) => server.close(resolve));
    expect(openDescriptors()).toBe(before);
  });

  it('makes directories of its own', () => {
    const [one, other] = [tempDir(), tempDir()];
    expect(one).not.toBe(other);
    expect(existsSync(one) && existsSync(other)).toBe(true);
  });
});
