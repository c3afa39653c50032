// InspIRCd, which still has the IRC STARTTLS command; ngIRCd has not. Needs no privileges.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProcess, withFreePorts } from './peer.ts';
import type { PkiPaths } from './pki.ts';
import { isRoot, type Server, type ServerOptions, serverDirectory } from './server.ts';

export interface IrcServer extends Server {
  /** With STARTTLS, and the capabilities `tls` and `sts`. */
  readonly ircPort: number;
  /** TLS from the first byte. */
  readonly ircsPort: number;
  readonly name: string;
}

/**
 * Starts InspIRCd; ready when both ports accept. Without `tls` STARTTLS is an unknown command: there is no answer to it
 * until a client has registered, and 421 from then on.
 *
 * What arrives in clear behind STARTTLS is executed as if it had come by TLS, whole lines and the beginning of one: a
 * real server with that flaw.
 */
export function startIrcServer(pki: PkiPaths, options: Omit<ServerOptions, 'requireTls'> = {}): Promise<IrcServer> {
  const { identity = pki.good, tls = true } = options;
  return withFreePorts(2, async (ircPort = 0, ircsPort = 0) => {
    const directory = serverDirectory('tcpx-inspircd-', ['data', 'log']);
    const name = 'irc.localhost';
    const file = join(directory, 'inspircd.conf');
    const encryption = `
<module name="ssl_gnutls">
<module name="starttls">
<module name="ircv3_sts">
<sslprofile name="main" provider="gnutls" cafile="${pki.ca}" certfile="${identity.cert}" keyfile="${identity.key}">
<starttls profile="main">
<sts host="*" duration="1h" port="${ircsPort}">
<bind address="127.0.0.1" port="${ircsPort}" type="clients" sslprofile="main">`;
    writeFileSync(
      file,
      `
<server name="${name}" description="tests" network="tests">
<admin name="Ann" nick="ann" email="ann@localhost">
<path datadir="${directory}/data" logdir="${directory}/log">
<module name="cap">
<bind address="127.0.0.1" port="${ircPort}" type="clients">
${tls ? encryption : ''}
<connect allow="*" localmax="1000" globalmax="1000" resolvehostnames="no" useconnectban="no" usests="yes">
<performance nouserdns="yes">
<dns server="127.0.0.1">
`,
    );
    const server = await startProcess({
      command: 'inspircd',
      args: [`--config=${file}`, '--nofork', '--nopid', ...(isRoot() ? ['--runasroot'] : [])],
      ready: /is now running as/,
      cwd: directory,
      outputToFile: true,
    });
    const log = () => server.output();
    return { ircPort, ircsPort, name, log, stop: () => server.stop() };
  });
}
