// `tcpx exec` at a terminal: a pseudo-terminal of Python's stands in for one.
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { engineReports } from 'tcpx';
import { afterEach, describe, expect, it } from 'vitest';
import { main } from '../support/command.ts';
import { cleanUpAfterAll, startProcess, tempDir, toolPath } from '../support/peer.ts';
import { blackholeListener, startPeer, stopPeers } from '../support/scripted-peer.ts';

const native = engineReports().some(({ name, available }) => name === 'gnutls' && available);

afterEach(stopPeers);
cleanUpAfterAll();

describe('the prompt', () => {
  const python = hasPython();
  if (!python) process.stderr.write('SKIPPED the prompt: python3 with its module pty is not there\n');

  // A pseudo-terminal whose keys are this process's standard input.
  const PTY = 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)';

  async function prompt(engine: string, env: Record<string, string> = {}) {
    const terminal = await startProcess({
      command: 'python3',
      args: ['-c', PTY, process.execPath, main, 'exec', '--engine', engine],
      env: { TERM: 'xterm', ...env },
      ready: /tcpx \w+> /,
    });
    return {
      /** Types, and waits for what should appear. */
      async type(keys: string, shows: RegExp) {
        const before = terminal.stdout().length;
        terminal.write(keys);
        // What was shown earlier does not count.
        await expect.poll(() => terminal.stdout().slice(before), { timeout: 15_000, interval: 20 }).toMatch(shows);
      },
      finished: () => terminal.finished(),
      write: (keys: string) => terminal.write(keys),
    };
  }

  it.skipIf(!python).each(native ? ['gnutls', 'node'] : ['node'])(
    'on %s: a call that waits ends with Ctrl+C',
    async (engine) => {
      const hole = await blackholeListener();
      const peer = await startPeer({ steps: [{ send: 'hi\r\n' }, { echo: true }] });
      const at = await prompt(engine);
      await at.type(`connect 127.0.0.1 ${peer.port}\r`, /STATUS 0 [\s\S]*sockport 1 plain> /);
      await at.type('read\r', /< hi\\r\\n[\s\S]*> /);
      // Nothing more comes: this waits for ever.
      await at.type('read\r', /read\s*\n/);
      await at.type('\x03', /STATUS -125[\s\S]*cancelled[\s\S]*sockport 1 plain> /);
      await at.type('write "again"\r', /STATUS 5[\s\S]*> /);
      await at.type('read 5\r', /< again/);
      await at.type(`connect 127.0.0.1 ${hole.port} AS other\r`, /other\s*\n/);
      await at.type('\x03', /STATUS -125 {2}sockport -1[\s\S]*> /);
      await at.type('nonsense\r', /'nonsense' is no opcode/);
      await at.type('\x03', /QUIT or Ctrl\+D leaves/);
      at.write('quit\r');
      expect((await at.finished()).code).toBe(0);
    },
  );

  it.skipIf(!python)('completes, and keeps the history in the file that TCPX_HISTORY names', async () => {
    const file = join(tempDir(), 'history');
    writeFileSync(file, 'ERRMSG -5\n');
    chmodSync(file, 0o600);
    const at = await prompt('node', { TCPX_HISTORY: file });
    await at.type('\x1b[A', /ERRMSG -5/);
    await at.type('\r', /Input\/output error/);
    await at.type('star', /star/);
    // Only what is new is drawn.
    await at.type('\t', /ttls/);
    await at.type('\r', /STATUS -9/);
    at.write('\x04');
    expect((await at.finished()).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toMatch(/^ERRMSG -5\nstarttls ?\n$/);
    expect(statSync(file).mode & 0o077).toBe(0);
  });
});

function hasPython(): boolean {
  return toolPath('python3') !== undefined && process.platform === 'linux';
}
