/** Servers of every dialect in one process, in clear first and with TLS at once: prints their ports as one line of JSON. */
import { readFileSync } from 'node:fs';
import { DIALECTS } from '../../../src/starttls/dialects.ts';
import { startDialectServer } from '../../support/dialect-server.ts';

const [cert = '', key = ''] = process.argv.slice(2).map((path) => readFileSync(path, 'latin1'));

export interface Ports {
  readonly clear: number;
  /** 0 where the dialect has no direct TLS. */
  readonly direct: number;
}

const ports: Record<string, Ports> = {};
for (const dialect of DIALECTS) {
  const alpn = dialect.alpn === null ? [] : [dialect.alpn];
  const options = { identity: { cert, key }, alpn };
  const clear = await startDialectServer(dialect, options);
  const hasDirect = dialect.directScheme !== null || dialect.directPort !== null;
  const direct = hasDirect ? await startDialectServer(dialect, { ...options, direct: true }) : null;
  ports[dialect.name] = { clear: clear.port, direct: direct?.port ?? 0 };
}
console.log(JSON.stringify(ports));
