/** `--exec`: inside TLS a client is connected to a program's standard input and output. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import type { ChannelDuplex } from '../starttls/channel-duplex.ts';
import type { ConnectionFacts } from '../starttls/server-events.ts';
import type { ServerSession } from '../starttls/server-options.ts';
import { escapeText } from './buffer-text.ts';

/** What a program can know of its client, by environment variable. What comes from the client is escaped. */
export const FACTS = {
  TCPX_PROTOCOL: ({ protocol }) => protocol,
  TCPX_CONNECTION: ({ connection }) => String(connection),
  TCPX_REMOTE_ADDRESS: ({ remote }) => remote.host,
  TCPX_REMOTE_PORT: ({ remote }) => String(remote.port),
  TCPX_LOCAL_ADDRESS: ({ local }) => local.host,
  TCPX_LOCAL_PORT: ({ local }) => String(local.port),
  TCPX_TLS_VERSION: ({ tls }) => tls.version,
  TCPX_TLS_SUITE: ({ tls }) => tls.suite,
  TCPX_TLS_ALPN: ({ tls }) => tls.alpn ?? '',
  TCPX_TLS_SERVERNAME: ({ tls }) => tls.servername ?? '',
  TCPX_PEER_SUBJECT: ({ tls }) => tls.peer?.subject ?? '',
  TCPX_PEER_FINGERPRINT: ({ tls }) => tls.peer?.fingerprint256 ?? '',
  TCPX_PEER_VERIFY: ({ tls }) => tls.verify.result,
} as const satisfies Readonly<Record<string, (facts: ProgramFacts) => string>>;

export interface ProgramFacts extends ConnectionFacts {
  readonly protocol: string;
}

/** What a program needs that runs for strangers: nothing else of ours is its business. */
const PASSED =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TZ|LANG|LANGUAGE|LC_\w+|SystemRoot|ComSpec|PATHEXT|TEMP|TMP|USERPROFILE)$/i;

/** How long a program may take to leave when its client has gone, and a client when its program has, in ms. */
const PATIENCE = 2_000;

export function programEnvironment(
  facts: ProgramFacts,
  environment: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const passed = Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && PASSED.test(name) ? [[name, value] as const] : [],
  );
  const known = Object.entries(FACTS).map(([name, tell]) => [name, escapeText(tell(facts))] as const);
  return Object.fromEntries([...passed, ...known]);
}

/** How a program ended that did not end well. */
export class ProgramError extends Error {}

/** Runs a command for each client, its standard error being ours. Its exit status other than 0 is a ProgramError. */
export function programSession(command: string, protocol: string): ServerSession {
  return async (stream, facts) => {
    const child = spawn(command, {
      shell: true,
      // A group of its own, so that what the shell has started ends with it.
      detached: process.platform !== 'win32',
      stdio: ['pipe', 'pipe', 'inherit'],
      env: programEnvironment({ protocol, ...facts }),
    });
    const closed = once(child, 'close');
    const end = () => void terminate(child, closed);
    // Once it is closed there is nobody to talk to.
    stream.once('close', end);
    if (stream.closed) end();
    try {
      connect(stream, child);
      const [code, signal] = await closed;
      if (stream.destroyed) return;
      await finished(stream.end(), { readable: false });
      await drained(stream);
      if (code !== 0) throw new ProgramError(`the program ended with ${code === null ? signal : `status ${code}`}`);
    } finally {
      stream.off('close', end);
    }
  };
}

function connect(stream: ChannelDuplex, { stdin, stdout }: ChildProcess): void {
  // A program that leaves without having read everything is no concern of the connection.
  stdin?.on('error', () => stream.resume());
  if (stdin) stream.pipe(stdin);
  stdout?.pipe(stream, { end: false });
}

/**
 * Reads away what the client still sends, until it has closed: closing over unread bytes would reset the connection, and
 * what the program has said last might be lost.
 */
async function drained(stream: ChannelDuplex): Promise<void> {
  if (stream.readableEnded) return;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), PATIENCE);
  stream.unpipe().resume();
  // Whatever ends it, it is over.
  await finished(stream, { writable: false, signal: late.signal }).catch(() => {});
  clearTimeout(timer);
}

async function terminate(child: ChildProcess, closed: Promise<unknown>): Promise<void> {
  signal(child, 'SIGTERM');
  const late = setTimeout(() => signal(child, 'SIGKILL'), PATIENCE);
  await closed.catch(() => {});
  clearTimeout(late);
}

function signal({ pid }: ChildProcess, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, name);
  } catch (error) {
    // It has ended meanwhile.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
