// Names with several addresses, of which some do not answer: the hosts file of a mount namespace names them.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineReports } from 'tcpx';
import { afterEach, describe, expect, it } from 'vitest';
import { COLUMNS, type Column } from '../support/conformance.ts';
import { cleanUpAfterAll, interopRequired, runProcess, tempDir } from '../support/peer.ts';
import { blackholeListener, type Loopback, startPeer, stopPeers } from '../support/scripted-peer.ts';

/** Nobody listens at the first two; the last comes after them in the order of RFC 6724 too. */
const [REFUSING, SILENT, SERVING] = ['127.0.0.2', '127.0.0.3', '127.0.0.200'] as const;
/** connect(2) has no route to it, and nothing is sent. */
const UNREACHABLE = '255.255.255.255';

const program = fileURLToPath(new URL('connect-program.mjs', import.meta.url));
const directory = tempDir();
cleanUpAfterAll();
afterEach(stopPeers);

/** Runs a command where /etc/hosts is another file. */
function withHosts(hosts: string, ...command: string[]): { command: string; args: string[] } {
  const script = 'mount --bind "$0" /etc/hosts && exec "$@"';
  const namespaces = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--map-root-user'];
  return { command: 'unshare', args: [...namespaces, '--', 'sh', '-c', script, hosts, ...command] };
}

function hostsFile(name: string, addresses: readonly string[]): string {
  const file = join(directory, `hosts-${name}`);
  writeFileSync(
    file,
    ['127.0.0.1 localhost', ...addresses.map((address) => `${address} ${name}.example`), ''].join('\n'),
  );
  return file;
}

const possible = (() => {
  const { command, args } = withHosts(hostsFile('probe', ['127.0.0.1']), 'true');
  return spawnSync(command, args).status === 0;
})();

interface Outcome {
  readonly status: number;
  readonly remote: string | null;
  readonly elapsed: number;
  readonly text: string;
}

let names = 0;

async function connect(
  { engine, mode }: Column,
  addresses: readonly string[],
  port: number,
  timer: number,
  ...more: string[]
): Promise<Outcome> {
  names += 1;
  const name = `many${names}`;
  const arguments_ = [program, engine, mode, `${name}.example`, String(port), String(timer), ...more];
  const exit = await runProcess(withHosts(hostsFile(name, addresses), process.execPath, ...arguments_));
  expect(exit.code, exit.output).toBe(0);
  return JSON.parse(exit.stdout) as Outcome;
}

/** A port with a server at one address, and at another a queue that is full. */
async function servedPort(at: Loopback = SERVING): Promise<number> {
  const { port } = await blackholeListener(SILENT);
  await startPeer({ listen: { host: at, port }, steps: [{ send: 'hi' }] });
  return port;
}

describe.each(COLUMNS)('a name with several addresses, $engine $mode', (column) => {
  const available = engineReports().some(({ name, available }) => name === column.engine && available);
  const runs = possible && available;
  if (!runs) {
    const reason = available ? 'mount namespaces are not allowed here' : 'the engine is not available';
    if (interopRequired) it('can be tried', () => expect.unreachable(reason));
    process.stderr.write(
      `SKIPPED interop "a name with several addresses" ${column.engine} ${column.mode}: ${reason}\n`,
    );
  }
  const each = it.skipIf(!runs);

  each('those that refuse are passed over', async () => {
    const outcome = await connect(column, [REFUSING, '127.0.0.4', SERVING], await servedPort(), 5_000);
    expect(outcome).toMatchObject({ status: 0, remote: SERVING });
  });

  each('so is one without a route', async () => {
    const outcome = await connect(column, [UNREACHABLE, SERVING], await servedPort(), 5_000);
    expect(outcome).toMatchObject({ status: 0, remote: SERVING });
  });

  each('one that never answers gets its share of the timer', async () => {
    const outcome = await connect(column, [SILENT, SERVING], await servedPort(), 3_000);
    expect(outcome).toMatchObject({ status: 0, remote: SERVING });
    expect(outcome.elapsed).toBeGreaterThan(1_400);
    expect(outcome.elapsed).toBeLessThan(3_000);
  });

  each('IPv4 comes first, and IPv6 after it has refused', async () => {
    const port = await servedPort('::1');
    expect(await connect(column, ['::1', REFUSING], port, 5_000)).toMatchObject({ status: 0, remote: '::1' });
    await startPeer({ listen: { host: SERVING, port }, steps: [{ send: 'hi' }] });
    expect(await connect(column, ['::1', SERVING], port, 5_000)).toMatchObject({ status: 0, remote: SERVING });
  });

  each('when none answers, STATUS and text are those of the last', async () => {
    const port = await servedPort();
    const refused = await connect(column, [REFUSING, '127.0.0.4'], port, 5_000);
    expect(refused.status).toBe(-111);
    expect(refused.text).toMatch(/^127\.0\.0\.[24] port \d+: Connection refused$/);
    const silent = await connect(column, [SILENT], port, 200);
    expect(silent.status).toBe(-110);
    expect(silent.elapsed).toBeGreaterThanOrEqual(198);
    const both = await connect(column, [SILENT, REFUSING], port, 400);
    expect(both.elapsed).toBeLessThan(5_000);
    expect([-110, -111]).toContain(both.status);
  });

  each('an asynchronous CONNECT goes through them too', async () => {
    const outcome = await connect(column, [REFUSING, '127.0.0.4', SERVING], await servedPort(), 5_000, 'ASYNC');
    expect(outcome).toMatchObject({ status: 1, remote: SERVING });
  });
});
