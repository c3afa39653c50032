/** The Node engine: node:net and node:tls, on the event loop of the thread that it runs in. */
import { NEVER } from '../core/deadline.ts';
import { IoError } from '../core/errors.ts';
import { READABLE, type Source, waitOp } from '../core/op.ts';
import type { Engine } from './endpoint.ts';
import { connectInTurnOp } from './lookup.ts';
import { connectNodeOp, NodeListener } from './node.ts';
import { NodePlainEndpoint } from './node-plain.ts';
import { secureContextOf } from './node-secure-context.ts';
import { NodeTlsEndpoint } from './node-tls.ts';

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

  prepareServer(settings) {
    secureContextOf(settings, 'server', settings.priority);
  },

  startTls(plain, start) {
    if (!(plain instanceof NodePlainEndpoint)) throw new IoError('EOPNOTSUPP', 'TLS on a socket of another engine');
    return new NodeTlsEndpoint(plain, start);
  },
};
