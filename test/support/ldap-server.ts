// OpenLDAP's slapd. Needs no privileges.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProcess, startProcess, withFreePorts } from './peer.ts';
import type { PkiPaths } from './pki.ts';
import { type Server, type ServerOptions, serverDirectory } from './server.ts';

export interface LdapServer extends Server {
  /** With StartTLS. */
  readonly ldapPort: number;
  /** TLS from the first byte. */
  readonly ldapsPort: number;
  /** The one entry, an organization with the attribute `o` of value `tcpx`. */
  readonly suffix: string;
  /** Who may log in by a simple bind. */
  readonly bindDn: string;
  readonly password: string;
}

/**
 * Starts slapd; ready when both ports accept. With `requireTls` everything but StartTLS and the root DSE is answered by
 * 13 confidentialityRequired until TLS is up. OpenLDAP's own tools take the name localhost for the name of the
 * machine: they have to connect to 127.0.0.1.
 */
export function startLdapServer(pki: PkiPaths, options: ServerOptions = {}): Promise<LdapServer> {
  const { identity = pki.good, tls = true, requireTls = false } = options;
  return withFreePorts(2, async (ldapPort = 0, ldapsPort = 0) => {
    const directory = serverDirectory('tcpx-slapd-', ['data']);
    const [suffix, bindDn, password] = ['dc=example,dc=com', 'cn=admin,dc=example,dc=com', 'secret'];
    const file = join(directory, 'slapd.conf');
    const certificates = `
TLSCACertificateFile ${pki.ca}
TLSCertificateFile ${identity.cert}
TLSCertificateKeyFile ${identity.key}`;
    writeFileSync(
      file,
      `
modulepath /usr/lib/ldap
moduleload back_mdb
include /etc/ldap/schema/core.schema
pidfile ${directory}/pid
${tls ? certificates : ''}
${requireTls ? 'security tls=1' : ''}
database mdb
directory ${directory}/data
suffix ${suffix}
rootdn ${bindDn}
rootpw ${password}
`,
    );
    const entry = `dn: ${suffix}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: tcpx\n`;
    const { code, output } = await runProcess({ command: 'slapadd', args: ['-q', '-f', file], input: entry });
    if (code !== 0) throw new Error(`slapadd: ${output}`);
    const urls = [`ldap://127.0.0.1:${ldapPort}`, `ldaps://127.0.0.1:${ldapsPort}`];
    const server = await startProcess({
      command: 'slapd',
      args: ['-d', 'stats', '-f', file, '-h', (tls ? urls : urls.slice(0, 1)).join(' ')],
      ready: { tcpPort: tls ? [ldapPort, ldapsPort] : ldapPort },
      outputToFile: true,
    });
    const log = () => server.output();
    return { ldapPort, ldapsPort, suffix, bindDn, password, log, stop: () => server.stop() };
  });
}
