/**
 * A server of a dialect on a TCP port, in this process and on the Node engine: for clients that live in another process, or
 * that leave the event loop free.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Deadline } from '../../src/core/deadline.ts';
import { runAsync } from '../../src/core/run.ts';
import { ChannelError } from '../../src/starttls/channel.ts';
import type { Attack, Dialect } from '../../src/starttls/dialect.ts';
import { DialogueError } from '../../src/starttls/dialogue-error.ts';
import { type Service, serveOp } from '../../src/starttls/serve.ts';
import { StreamChannel } from '../../src/starttls/stream-channel.ts';
import { Wire } from '../../src/starttls/wire.ts';
import { parseTlsOptions, tlsSettings } from '../../src/tls/settings.ts';
import { type Identity, makePki } from './pki.ts';

export interface DialectServerOptions {
  readonly attack?: Attack;
  /** Default: `pki.good`. PEM, not paths. */
  readonly identity?: Identity;
  /** TLS from the first byte. */
  readonly direct?: boolean;
  readonly alpn?: readonly string[];
}

export interface DialectServer {
  readonly port: number;
  /** How each connection went, in the order in which they ended. */
  readonly connections: readonly (Service | Error)[];
  stop(): Promise<void>;
}

const open = new Set<DialectServer>();

/** The longest that one connection is served, in ms. */
const LIMIT = 20_000;

export async function startDialectServer(dialect: Dialect, options: DialectServerOptions = {}): Promise<DialectServer> {
  const { attack = null, direct = false, alpn = [] } = options;
  const { cert, key } = options.identity ?? (await makePki()).good;
  const settings = tlsSettings(parseTlsOptions({ cert, key, alpn, verify: 'none' }, {}));
  const connections: (Service | Error)[] = [];
  const serve = async (socket: Duplex) => {
    const channel = new StreamChannel(socket, '', settings);
    const until = Deadline.after(LIMIT);
    try {
      if (direct) await runAsync(channel.upgradeOp('server', until));
      const wire = new Wire(channel, { until, role: 'server' });
      connections.push(await runAsync(serveOp(dialect, wire, { host: 'mx.example', attack })));
    } catch (error) {
      // What a client may do to a server.
      if (!(error instanceof ChannelError || error instanceof DialogueError)) throw error;
      connections.push(error);
    } finally {
      await runAsync(channel.closeOp());
    }
  };
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    void serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const running: DialectServer = {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    connections,
    async stop() {
      if (!open.delete(running)) return;
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  open.add(running);
  return running;
}

/** For `afterEach`. */
export async function stopDialectServers(): Promise<void> {
  await Promise.all([...open].map((server) => server.stop()));
}
