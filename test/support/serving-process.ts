// A server of one of our dialects by XCALLs, in a process of its own and in every column, for real clients: see serving-process-child.ts.
import { fileURLToPath } from 'node:url';
import type { Column } from './conformance.ts';
import { startProcess } from './peer.ts';

export interface ServerSettings extends Column {
  /** The name of the dialect. */
  readonly protocol: string;
  /** TLS from the first byte. */
  readonly direct: boolean;
  /** Files, PEM. */
  readonly cert: string;
  readonly key: string;
}

/** What came of the connection. */
export interface ServedConnection {
  /** Of TLS; null when the client never got there. */
  readonly version: string | null;
  readonly commandsInClear: number;
  readonly commandsInTls: number;
}

export interface ServingProcess {
  readonly port: number;
  /** Waits until the client has left; rejects with what went wrong. */
  served(): Promise<ServedConnection>;
}

const program = fileURLToPath(new URL('../../dist/test/support/serving-process-child.js', import.meta.url));

/** Starts a server for one connection; ready when it listens. */
export async function startServingProcess(settings: ServerSettings): Promise<ServingProcess> {
  const args = [program, JSON.stringify(settings)];
  const server = await startProcess({ command: process.execPath, args, ready: /"port":\d+\}\n/ });
  const { port } = JSON.parse(server.stdout()) as { port: number };
  return {
    port,
    async served() {
      const { code } = await server.finished();
      const [, last = ''] = server.stdout().trim().split('\n');
      if (code !== 0 || last === '') throw new Error(`the server failed: ${server.output()}`);
      return JSON.parse(last) as ServedConnection;
    },
  };
}
