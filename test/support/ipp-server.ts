// CUPS, the last well-known server with the HTTP upgrade of RFC 2817. Needs root, to run its parts as other users.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProcess, withFreePort } from './peer.ts';
import type { PkiPaths } from './pki.ts';
import { copyCertificates, type Server, type ServerOptions, serverDirectory } from './server.ts';

export interface IppServer extends Server {
  /** HTTP with Upgrade, and TLS from the first byte when that is what comes. */
  readonly port: number;
}

/**
 * Starts cupsd without printers; ready when it accepts. Whatever its configuration says, it neither demands an upgrade
 * (426) from a client on loopback nor refuses one.
 *
 * What arrives in clear behind the upgrading request is executed as if it had come by TLS, whole requests and the
 * beginning of one: a real server with that flaw.
 */
export function startIppServer(pki: PkiPaths, options: Pick<ServerOptions, 'identity'> = {}): Promise<IppServer> {
  const { identity = pki.good } = options;
  return withFreePort(async (port) => {
    const directory = serverDirectory('tcpx-cups-', ['cache', 'documents', 'keys', 'root', 'spool', 'state', 'tmp']);
    const at = (name: string) => join(directory, name);
    copyCertificates(pki, identity, at('keys'), 'localhost');
    writeFileSync(
      at('cups-files.conf'),
      `
ServerRoot ${at('root')}
ServerKeychain ${at('keys')}
CreateSelfSignedCerts no
DocumentRoot ${at('documents')}
RequestRoot ${at('spool')}
CacheDir ${at('cache')}
StateDir ${at('state')}
TempDir ${at('tmp')}
AccessLog ${at('access.log')}
PageLog ${at('page.log')}
ErrorLog stderr
User lp
Group lp
FatalErrors config listen
`,
    );
    writeFileSync(
      at('cupsd.conf'),
      `
Listen 127.0.0.1:${port}
ServerName localhost
ServerAlias *
HostNameLookups Off
LogLevel debug
Browsing Off
WebInterface No
DefaultEncryption IfRequested
<Location />
  Order allow,deny
  Allow all
</Location>
<Policy default>
  <Limit All>
    Order deny,allow
    Allow all
  </Limit>
</Policy>
`,
    );
    const server = await startProcess({
      command: 'cupsd',
      args: ['-f', '-c', at('cupsd.conf'), '-s', at('cups-files.conf')],
      ready: { tcpPort: port },
      outputToFile: true,
    });
    const log = () => server.output();
    return { port, log, stop: () => server.stop() };
  });
}
