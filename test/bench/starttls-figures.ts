/**
 * How long it takes from nothing to an encrypted connection, per protocol: by the library, by the command, and by the tools
 * that people use for it; and what an upgrade costs beside TLS at once.
 *
 * One server for all: our own dialects, in a process on the other core. A tool's time is that of its whole process, up to
 * the end of standard input, which is there from the start. What it takes to start, and do nothing, is measured beside it.
 *
 * Whatever else the machine does makes things slower, never faster: of several processes the fastest counts.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DIALECTS } from '../../src/starttls/dialects.ts';
import { type Bench, type Contender, plainEnvironment, sample } from './harness.ts';
import type { Ports } from './servers/dialects.ts';

export interface ProtocolFigures {
  readonly name: string;
  readonly title: string;
  /** Up to the end of the handshake, in a process that runs already, in ms. */
  readonly upgrade: Readonly<Record<Column, number>>;
  /** The same with TLS from the first byte; null where the protocol has none. */
  readonly direct: Readonly<Record<Column, number>> | null;
  /** Whole processes; null for a tool that cannot, or is not there. */
  readonly command: number;
  readonly sClient: number | null;
  readonly gnutlsCli: number | null;
}

export interface StarttlsFigures {
  readonly protocols: readonly ProtocolFigures[];
  /** What a process takes that does nothing. */
  readonly start: { readonly command: number; readonly sClient: number | null; readonly gnutlsCli: number | null };
}

export type Column = 'gnutls sync' | 'gnutls async' | 'node async';
export const COLUMNS: readonly Column[] = ['gnutls sync', 'gnutls async', 'node async'];

/** By the tools' own names; their options beside that. */
const S_CLIENT: Readonly<Record<string, readonly string[]>> = {
  smtp: ['smtp'],
  submission: ['smtp'],
  lmtp: ['lmtp'],
  imap: ['imap'],
  pop3: ['pop3'],
  sieve: ['sieve'],
  nntp: ['nntp'],
  ftp: ['ftp'],
  irc: ['irc'],
  xmpp: ['xmpp', '-name', 'localhost'],
  'xmpp-server': ['xmpp-server', '-name', 'localhost'],
  postgres: ['postgres'],
  mysql: ['mysql'],
  ldap: ['ldap'],
  telnet: ['telnet'],
};
const GNUTLS_CLI: Readonly<Record<string, string>> = {
  smtp: 'smtp',
  submission: 'smtp',
  lmtp: 'lmtp',
  imap: 'imap',
  pop3: 'pop3',
  sieve: 'sieve',
  nntp: 'nntp',
  ftp: 'ftp',
  xmpp: 'xmpp',
  postgres: 'postgres',
  ldap: 'ldap',
};

const RUNS = 9;
const QUICK_RUNS = 3;
/** Processes that each report a fast connection: nine tenths were slower. */
const SAMPLES = 3;
const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export async function measureStarttls(bench: Bench): Promise<StarttlsFigures> {
  const runs = bench.quick ? QUICK_RUNS : RUNS;
  const server = await startServers(bench);
  try {
    const timed = (command: readonly string[] | null) =>
      command === null ? null : fastest(runs, () => timedRun(command));
    const start = {
      command: (await timed([process.execPath, file('../../bin/tcpx.cjs'), '--version'])) ?? Number.NaN,
      sClient: await timed(tool('openssl', 'version')),
      gnutlsCli: await timed(tool('gnutls-cli', '--version')),
    };
    const protocols: ProtocolFigures[] = [];
    for (const { name, title, scheme, directScheme, alpn } of DIALECTS) {
      const ports = server.ports[name];
      if (ports === undefined || scheme === null) continue;
      const url = `${scheme}://localhost:${ports.clear}`;
      const ids = alpn === null ? [] : [alpn];
      const directUrl =
        directScheme === null ? `${url}?sslnegotiation=direct` : `${directScheme}://localhost:${ports.direct}`;
      const sClient = S_CLIENT[name];
      const gnutlsCli = GNUTLS_CLI[name];
      protocols.push({
        name,
        title,
        upgrade: await inProcess(bench, url, ids),
        direct:
          ports.direct === 0
            ? null
            : await inProcess(bench, directUrl.replace(`:${ports.clear}`, `:${ports.direct}`), ids),
        command: (await timed(ours(bench, url))) ?? Number.NaN,
        sClient: await timed(
          sClient === undefined
            ? null
            : tool(
                'openssl',
                's_client',
                '-connect',
                `localhost:${ports.clear}`,
                '-CAfile',
                bench.ca,
                '-starttls',
                ...sClient,
              ),
        ),
        gnutlsCli: await timed(
          gnutlsCli === undefined
            ? null
            : tool(
                'gnutls-cli',
                `--starttls-proto=${gnutlsCli}`,
                `--x509cafile=${bench.ca}`,
                `--port=${ports.clear}`,
                'localhost',
              ),
        ),
      });
    }
    return { protocols, start };
  } finally {
    server.child.kill();
    await once(server.child, 'exit');
  }
}

async function startServers({ cert, key }: Bench): Promise<{ child: ChildProcess; ports: Record<string, Ports> }> {
  const command = ['-c', '1', process.execPath, file('./servers/dialects.js'), cert, key];
  const child = spawn('taskset', command, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error('the servers ended before they listened'))),
  ])) as [string];
  return { child, ports: JSON.parse(line) as Record<string, Ports> };
}

/** The library in each column, in a process of its own that connects over and over. */
async function inProcess(bench: Bench, url: string, alpn: readonly string[]): Promise<Record<Column, number>> {
  const figures: Record<string, number> = {};
  for (const column of COLUMNS) {
    const [engine, mode] = column.split(' ');
    const order = { url, engine, mode, ca: bench.ca, alpn, warmup: 10, amount: bench.quick ? 20 : 60 };
    const contender: Contender = { command: [process.execPath, file('./clients/starttls.js'), JSON.stringify(order)] };
    figures[column] = await fastest(bench.quick ? 1 : SAMPLES, async () => (await sample(contender)).ms);
  }
  return figures as Record<Column, number>;
}

function ours(bench: Bench, url: string): readonly string[] {
  return [process.execPath, file('../../bin/tcpx.cjs'), 'starttls', '--quit', '--ca', bench.ca, url];
}

/** Null where the program is not installed. */
function tool(name: string, ...args: readonly string[]): readonly string[] | null {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0 ? [name, ...args] : null;
}

async function fastest(runs: number, measure: () => Promise<number | undefined>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run += 1) least = Math.min(least, (await measure()) ?? Number.NaN);
  return least;
}

/** One process from its start to its end, on the client's core, in ms. */
async function timedRun(command: readonly string[]): Promise<number> {
  const begun = performance.now();
  const child = spawn('taskset', ['-c', '0', ...command], { stdio: 'ignore', env: plainEnvironment() });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`);
  return performance.now() - begun;
}
