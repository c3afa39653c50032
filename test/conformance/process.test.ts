/** What a program's process does while it calls: signals, and how long it lives (tcpx §1, design §8). */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { engineReports } from 'tcpx';
import { afterEach, describe, expect, it } from 'vitest';
import { behaviour } from '../support/conformance.ts';
import { DIVERGENCES } from '../support/divergences.ts';
import { freePort, type RunningProcess, startProcess } from '../support/peer.ts';
import { startPeer, stopPeers } from '../support/scripted-peer.ts';
import { capabilities, GREETING, message, smtpServer } from './emailx-mail.ts';

const programs: RunningProcess[] = [];
afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.stop()));
  await stopPeers();
});

async function run(engine: string, what: string, peer: { host: string; port: number }): Promise<RunningProcess> {
  const file = fileURLToPath(new URL('children/program.mjs', import.meta.url));
  const program = await startProcess({
    command: process.execPath,
    args: [file, engine, what, peer.host, String(peer.port)],
    input: '',
  });
  programs.push(program);
  return program;
}

/**
 * Sends a signal until the program says what it is to say: one that comes before the thread waits is served only after
 * the wait.
 */
async function signalUntil(program: RunningProcess, signal: NodeJS.Signals, pattern: RegExp): Promise<void> {
  const sending = setInterval(() => process.kill(program.pid, signal), 30);
  try {
    await program.waitFor(pattern);
  } finally {
    clearInterval(sending);
  }
}

behaviour(
  {
    ids: ['SIGNAL-EINTR', 'AUTO-CLOSE-NOT'],
    title: 'a signal with a listener ends a READ that blocks, not one that is awaited',
    diverges: [DIVERGENCES.signalDuringWait],
  },
  async ({ engine, mode }) => {
    const peer = await startPeer({ steps: [{ expectEnd: 'any' }] });
    const program = await run(engine, mode === 'sync' ? 'read-listening' : 'read-listening-async', peer);
    await program.waitFor(/reading/);
    await signalUntil(program, 'SIGINT', /read -?\d+/);
    await program.finished();
    expect(program.stdout()).toContain(mode === 'sync' ? 'read -4 sock true\nagain -11' : 'listener');
    if (mode === 'async') expect(program.stdout()).toContain('read -11 sock true');
  },
);

it.each(['gnutls', 'node', 'auto'])('a job of the engine %s loads nothing that only TLS needs', (engine) => {
  const program = `import { createJob, engineReports } from 'tcpx';
    if (engineReports().some(({ name, available }) => available && ('${engine}' === 'auto' || name === '${engine}'))) {
      createJob({ engine: '${engine}' });
    }
    console.log(process.moduleLoadList.filter((name) => /NativeModule (tls|crypto)$/.test(name)).join());`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: '' },
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(stdout).toBe('\n');
});

const native = engineReports().some(({ name, available }) => name === 'gnutls' && available);

describe.skipIf(!native)('signals during a blocking call of the native engine', () => {
  // covers('ACCEPT-INTERRUPTED')
  it('one with a listener ends an ACCEPT with -4, and the port stays', async () => {
    const program = await run('gnutls', 'accept-listening', { host: '', port: await freePort() });
    await program.waitFor(/accepting/);
    await signalUntil(program, 'SIGTERM', /accept -?\d+/);
    await program.finished();
    expect(program.stdout()).toMatch(/accept -4 port kept true/);
  });

  // covers('SIGNAL-OTHERS')
  it('the exit of a child, and signals nobody listens to, end nothing', async () => {
    const peer = await startPeer({ steps: [{ expectEnd: 'any' }] });
    const program = await run('gnutls', 'read-others', peer);
    await program.waitFor(/reading/);
    for (const signal of ['SIGCHLD', 'SIGWINCH', 'SIGURG', 'SIGCONT'] as const) process.kill(program.pid, signal);
    await program.finished();
    expect(program.stdout()).toMatch(/read -11/);
  });
});

describe.each(['gnutls', 'node'])('%s', (engine) => {
  // covers('SIGNAL-EINTR')
  it.skipIf(engine === 'gnutls' && !native)('without a listener Ctrl+C ends the process', async () => {
    const peer = await startPeer({ steps: [{ expectEnd: 'any' }] });
    const program = await run(engine, 'read-deaf', peer);
    await program.waitFor(/reading/);
    process.kill(program.pid, 'SIGINT');
    const exit = await program.finished(5_000);
    expect(program.stdout()).not.toMatch(/read -/);
    expect(exit).toEqual({ code: null, signal: 'SIGINT' });
  });

  // covers('ASYNC-KEEPS-ALIVE')
  it.skipIf(engine === 'gnutls' && !native)('idle sockets do not keep the process alive', async () => {
    const peer = await startPeer({ steps: [{ expectEnd: 'any' }], count: 2 });
    const program = await run(engine, 'idle', peer);
    const exit = await program.finished(5_000);
    expect(program.stdout()).toBe('connected 0\nlistening 0\nblocking 0\nended by itself\n');
    expect(exit.code).toBe(0);
    await peer.finished();
  });

  // covers('ASYNC-KEEPS-ALIVE')
  it.skipIf(engine === 'gnutls' && !native).each(['pending', 'pending-worker'])(
    'a call keeps it alive: %s',
    async (what) => {
      const peer = await startPeer({ steps: [{ waitFor: 'go' }, { send: 'late' }, { expectEnd: 'any' }] });
      const program = await run(engine, what, peer);
      await program.waitFor(/waiting/);
      await peer.release('go');
      const exit = await program.finished(5_000);
      expect(program.stdout()).toBe('waiting\nread 4 late\nended by itself\n');
      expect(exit.code).toBe(0);
      await peer.finished();
    },
  );

  // covers('CLOSE-SENDS')
  it.skipIf(engine === 'gnutls' && !native).each(['write-closed', 'write-job-closed', 'write-open'])(
    'what WRITE has reported as sent arrives after the end of the process: %s',
    async (what) => {
      const peer = await startPeer({ steps: [{ waitFor: 'read' }, { discard: 'end' }] });
      const program = await run(engine, what, peer);
      await program.waitFor(/sent \d+/);
      await peer.release('read');
      await program.finished();
      const [connection] = (await peer.finished()).connections;
      expect(connection?.end).toBe('fin');
      expect(program.stdout()).toContain(`sent ${connection?.receivedBytes} `);
    },
  );

  // covers('LETTER-ABORT')
  it.skipIf(engine === 'gnutls' && !native).each(['mail-given-up', 'mail-given-up-sync'])(
    'what is left of a message that was given up does not: %s',
    async (what) => {
      const peer = await smtpServer([GREETING, { expectUntil: '\r\n' }, capabilities()], message().slice(0, 6), {
        neverRead: true,
      });
      const program = await run(engine, what, peer);
      await program.waitFor(/given up: impossible/);
      await program.finished(10_000);
    },
  );

  // covers('ASYNC-KEEPS-ALIVE')
  it.skipIf(engine === 'gnutls' && !native)('so does a look-up', async () => {
    const program = await run(engine, 'lookup', { host: '', port: 25 });
    await program.finished(20_000);
    expect(program.stdout()).toMatch(/connect -2/);
  });
});
