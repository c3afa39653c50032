// PostgreSQL. Refuses to run as root, who runs it as the user postgres.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProcess, startProcess, withFreePort } from './peer.ts';
import type { PkiPaths } from './pki.ts';
import { copyCertificates, giveTo, isRoot, type Server, type ServerOptions, serverDirectory } from './server.ts';

export interface PostgresServer extends Server {
  readonly port: number;
  /** From 17 on it takes TLS from the first byte, too. */
  readonly version: number;
  /** Logs in by SCRAM-SHA-256. */
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/**
 * Starts PostgreSQL with a cluster of its own; ready when it answers queries. Without `tls` an SSLRequest is answered
 * by `N`; with `requireTls` a login in clear is refused with an error of class 28000.
 */
export function startPostgresServer(pki: PkiPaths, options: ServerOptions = {}): Promise<PostgresServer> {
  const { identity = pki.good, tls = true, requireTls = false } = options;
  return withFreePort(async (port) => {
    const owner = isRoot() ? { user: 'postgres' } : {};
    const directory = serverDirectory('tcpx-postgres-');
    const [user, password, database] = ['ann', 'secret', 'postgres'];
    const at = (name: string) => join(directory, name);
    writeFileSync(at('password'), password);
    const { ca, cert, key } = copyCertificates(pki, identity, directory);
    giveTo('postgres', directory);
    const initdb = await runProcess({
      command: 'initdb',
      args: [
        ...['-D', at('data'), '-U', user, `--pwfile=${at('password')}`, '-A', 'scram-sha-256'],
        ...['-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions'],
      ],
      cwd: directory,
      ...owner,
    });
    if (initdb.code !== 0) throw new Error(`initdb: ${initdb.output}`);
    const access = requireTls ? 'hostssl' : 'host';
    writeFileSync(at('data/pg_hba.conf'), `${access} all all 127.0.0.1/32 scram-sha-256\n`);
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'off',
      ...(tls ? { ssl: 'on', ssl_cert_file: cert, ssl_key_file: key, ssl_ca_file: ca } : {}),
    };
    const server = await startProcess({
      command: 'postgres',
      args: ['-D', at('data'), '-p', `${port}`, ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`])],
      ready: /database system is ready to accept connections/,
      cwd: directory,
      outputToFile: true,
      ...owner,
    });
    const log = () => server.output();
    // The first line of its log: starting PostgreSQL 15.1 (...) on ...
    const version = Number(/starting PostgreSQL (\d+)/.exec(log())?.[1]);
    return { port, version, user, password, database, log, stop: () => server.stop() };
  });
}
