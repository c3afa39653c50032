// Prosody. Needs no privileges.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProcess, withFreePorts } from './peer.ts';
import type { PkiPaths } from './pki.ts';
import { type Server, type ServerOptions, serverDirectory } from './server.ts';

export interface XmppServer extends Server {
  /** Client streams with STARTTLS. */
  readonly clientPort: number;
  /** Server streams with STARTTLS; dialback is offered once TLS is up. */
  readonly serverPort: number;
  /** TLS from the first byte (XEP-0368). */
  readonly clientTlsPort: number;
  readonly serverTlsPort: number;
  /** The service, to be named in `to`. */
  readonly domain: string;
  /** Logs in by SCRAM-SHA-256, SCRAM-SHA-1 or PLAIN. */
  readonly user: string;
  readonly password: string;
}

/** Starts Prosody; ready when all ports accept. With `requireTls` its starttls feature says `<required/>`. */
export function startXmppServer(pki: PkiPaths, options: ServerOptions = {}): Promise<XmppServer> {
  const { identity = pki.good, tls = true, requireTls = false } = options;
  return withFreePorts(4, async (clientPort = 0, serverPort = 0, clientTlsPort = 0, serverTlsPort = 0) => {
    const directory = serverDirectory('tcpx-prosody-', ['data']);
    const [domain, user, password] = ['localhost', 'ann', 'secret'];
    const file = join(directory, 'prosody.cfg.lua');
    writeFileSync(
      file,
      `
run_as_root = true
daemonize = false
pidfile = "${directory}/pid"
data_path = "${directory}/data"
certificates = "${directory}"
log = { info = "*console" }
interfaces = { "127.0.0.1" }
use_ipv6 = false
c2s_ports = { ${clientPort} }
s2s_ports = { ${serverPort} }
c2s_direct_tls_ports = { ${tls ? clientTlsPort : ''} }
s2s_direct_tls_ports = { ${tls ? serverTlsPort : ''} }
modules_enabled = { "saslauth", "roster", "disco", "ping", "s2s", "dialback"${tls ? ', "tls"' : ''} }
authentication = "internal_plain"
storage = "internal"
allow_unencrypted_plain_auth = ${!tls}
c2s_require_encryption = ${requireTls}
s2s_require_encryption = ${requireTls}
ssl = { certificate = "${identity.cert}", key = "${identity.key}", cafile = "${pki.ca}" }
VirtualHost "${domain}"
`,
    );
    const accounts = join(directory, 'data', domain, 'accounts');
    mkdirSync(accounts, { recursive: true });
    writeFileSync(join(accounts, `${user}.dat`), `return { ["password"] = "${password}" };\n`);
    const server = await startProcess({
      command: 'prosody',
      args: ['-F', '--config', file],
      ready: { tcpPort: [clientPort, serverPort, ...(tls ? [clientTlsPort, serverTlsPort] : [])] },
      outputToFile: true,
    });
    const log = () => server.output();
    const ports = { clientPort, serverPort, clientTlsPort, serverTlsPort };
    return { ...ports, domain, user, password, log, stop: () => server.stop() };
  });
}
