// C-Kermit, the one telnet peer of Debian with the option START_TLS (46). The telnetd packages know AUTHENTICATION (37)
// only, telnetd-ssl with a type of its own for TLS, and answer DONT to 46. Needs no privileges.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProcess, withFreePort } from './peer.ts';
import type { PkiPaths } from './pki.ts';
import { type Server, type ServerOptions, serverDirectory } from './server.ts';

export interface TelnetServer extends Server {
  /** For one connection. */
  readonly port: number;
}

export interface TelnetServerOptions extends ServerOptions {
  /** Offers what a terminal needs, too, in the same breath as START_TLS and again after TLS. Default: false. */
  readonly otherOptions?: boolean;
}

/** Options that go one way take one word, the others one for each way. */
const others = [
  ...['auth', 'echo', 'naws', 'new-environment', 'terminal-type'].map((option) => `${option} refused`),
  ...['binary', 'encryption', 'kermit', 'sga'].map((option) => `${option} refused refused`),
];

/**
 * Starts C-Kermit as a telnet server that offers DO START_TLS. It takes a single connection, on which it
 * sends one line back, and ends: a new server for each connection. With `requireTls` it hangs up on a client that will
 * not.
 */
export function startTelnetServer(pki: PkiPaths, options: TelnetServerOptions = {}): Promise<TelnetServer> {
  const { identity = pki.goodRsa, tls = true, requireTls = false, otherOptions = false } = options;
  const policy = tls ? (requireTls ? 'required' : 'requested') : 'refused';
  return withFreePort(async (port) => {
    const file = join(serverDirectory('tcpx-kermit-'), 'server.ksc');
    writeFileSync(
      file,
      `
set tcp address 127.0.0.1
set tcp reverse-dns-lookup off
set auth tls rsa-cert-file ${identity.cert}
set auth tls rsa-key-file ${identity.key}
set telopt /server start-tls ${policy}
${otherOptions ? '' : others.map((option) => `set telopt /server ${option}\n`).join('')}
set host * ${port} /telnet
if fail exit 1
input 30 \\10
output \\v(input)
exit 0
`,
    );
    const server = await startProcess({
      // By line, or it would say that it listens when all is over. A connection to find out would be its only one.
      command: 'stdbuf',
      args: ['-oL', 'kermit', '-Y', '-C', `take ${file}`],
      input: '',
      ready: /Waiting to Accept/,
      outputToFile: true,
    });
    const log = () => server.output();
    return { port, log, stop: () => server.stop() };
  });
}
