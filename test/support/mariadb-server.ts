// MariaDB. Needs no privileges.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProcess, startProcess, withFreePort } from './peer.ts';
import type { PkiPaths } from './pki.ts';
import { isRoot, type Server, type ServerOptions, serverDirectory } from './server.ts';

export interface MariadbServer extends Server {
  readonly port: number;
  /** Logs in by mysql_native_password. */
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/**
 * Starts MariaDB with a data directory of its own; ready when it answers queries. Without `tls` its greeting lacks
 * CLIENT_SSL; with `requireTls` a login in clear is refused with error 1045 (a newer
 * MariaDB: 3159).
 */
export function startMariadbServer(pki: PkiPaths, options: ServerOptions = {}): Promise<MariadbServer> {
  const { identity = pki.good, tls = true, requireTls = false } = options;
  return withFreePort(async (port) => {
    const directory = serverDirectory('tcpx-mariadb-', ['tmp']);
    const [user, password, database] = ['ann', 'secret', 'example'];
    const at = (name: string) => join(directory, name);
    const common = [
      // Temporary tables of two servers have the same names.
      ...['--no-defaults', `--datadir=${at('data')}`, `--tmpdir=${at('tmp')}`, '--skip-name-resolve'],
      // Tables are kept by Aria alone: InnoDB would take a hundred megabytes.
      ...['--innodb=OFF', '--default-storage-engine=Aria'],
      ...(isRoot() ? ['--user=root'] : []),
    ];
    const install = await runProcess({
      command: 'mariadb-install-db',
      args: [...common, '--auth-root-authentication-method=socket', '--skip-test-db'],
    });
    if (install.code !== 0) throw new Error(`mariadb-install-db: ${install.output}`);
    // One statement a line.
    writeFileSync(
      at('init.sql'),
      `CREATE DATABASE ${database};
CREATE USER '${user}'@'%' IDENTIFIED BY '${password}';
GRANT ALL ON ${database}.* TO '${user}'@'%';
`,
    );
    const server = await startProcess({
      command: 'mariadbd',
      args: [
        ...common,
        ...['--bind-address=127.0.0.1', `--port=${port}`, `--socket=${at('socket')}`, `--pid-file=${at('pid')}`],
        `--init-file=${at('init.sql')}`,
        ...(tls ? [`--ssl-ca=${pki.ca}`, `--ssl-cert=${identity.cert}`, `--ssl-key=${identity.key}`] : ['--skip-ssl']),
        ...(requireTls ? ['--require-secure-transport=ON'] : []),
      ],
      ready: /ready for connections/,
      outputToFile: true,
    });
    const log = () => server.output();
    return { port, user, password, database, log, stop: () => server.stop() };
  });
}
