/** The Node engine: node:net and node:tls, on the event loop of the thread that it runs in. */
import { NEVER } from '../core/deadline.ts';
import { IoError } from '../core/errors.ts';
import { READABLE, type Source, waitOp } from '../core/op.ts';
import { promiseOp } from '../core/promise-op.ts';
import type { Engine } from './endpoint.ts';
import { connectInTurnOp } from './lookup.ts';
import { connectNodeOp, NodeListener } from './node.ts';
import { NodePlainEndpoint } from './node-plain.ts';

/**
 * Bytes that wait in the kernel reach JavaScript only after turns of the event loop. A first turn may be the one that is
 * already under way; the poll phase lies between the first and the second.
 */
const TWO_TURNS: Source = {
  watch(_events, wake) {
    let immediate = setImmediate(() => {
      immediate = setImmediate(wake);
    });
    return () => clearImmediate(immediate);
  },
};

type NodeTls = typeof import('./node-tls.ts');

/** Half of the engine, for which node:tls is loaded besides: connections in clear do without. */
let loadedTls: NodeTls | null = null;

function nodeTlsPart(): NodeTls {
  if (loadedTls === null) throw new Error('loadTlsOp comes before TLS');
  return loadedTls;
}

export const nodeEngine: Engine = {
  name: 'node',
  observer: null,
  asksKernel: false,

  *settleOp() {
    yield* waitOp(TWO_TURNS, READABLE, NEVER);
    return true;
  },

  connectOp: (host, port, until) => connectInTurnOp(host, port, until, connectNodeOp),

  *listenOp(host, port, backlog) {
    const listener = new NodeListener(host === '' ? '0.0.0.0' : host, port, backlog);
    let bound = false;
    try {
      while (!listener.listening) yield* waitOp(listener, READABLE, NEVER);
      bound = true;
      return listener;
    } finally {
      if (!bound) listener.destroy();
    }
  },

  *loadTlsOp() {
    if (loadedTls !== null) return;
    const loaded = yield* promiseOp(import('./node-tls.ts'), NEVER);
    if (loaded !== 'timeout') loadedTls = loaded;
  },

  prepareServer: (settings) => nodeTlsPart().prepareNodeTls(settings, 'server'),
  prepareClient: (settings) => nodeTlsPart().prepareNodeTls(settings, 'client'),

  startTls(plain, start) {
    if (!(plain instanceof NodePlainEndpoint)) throw new IoError('EOPNOTSUPP', 'TLS on a socket of another engine');
    return new (nodeTlsPart().NodeTlsEndpoint)(plain, start);
  },
};
