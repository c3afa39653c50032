/**
 * Any Node stream as a connection of the Node engine: TLS inside a proxy's tunnel, over a pipe, or on a socket that
 * the program has opened by other means.
 */
import type { Duplex } from 'node:stream';
import { UsageError } from '../core/errors.ts';
import type { Address } from './endpoint.ts';
import { NodePlainEndpoint } from './node-plain.ts';

export class DuplexEndpoint extends NodePlainEndpoint {
  /**
   * Takes the stream over: from now on nobody else reads or writes it.
   *
   * @throws UsageError for a stream that does not carry bytes, is at its end, or is being read by somebody
   */
  constructor(stream: Duplex) {
    requireUsable(stream);
    super(stream);
    // A stream that its owner has paused does not flow because somebody listens.
    stream.resume();
  }

  /** Known once the stream is connected, as it may not be yet. */
  get local(): Address {
    return addressOf(this.socket, 'local');
  }

  get remote(): Address {
    return addressOf(this.socket, 'remote');
  }
}

function requireUsable(stream: Duplex): void {
  if (stream.destroyed || stream.writableEnded || stream.readableEnded) {
    throw new UsageError('the stream has ended or was destroyed: give one that is open in both directions');
  }
  if (stream.readableObjectMode || stream.writableObjectMode) {
    throw new UsageError('the stream is in object mode: give one that carries bytes');
  }
  if (stream.readableEncoding !== null) {
    throw new UsageError('the stream decodes what it receives (setEncoding): give one that carries bytes');
  }
  if (stream.listenerCount('readable') > 0) {
    throw new UsageError("somebody reads the stream ('readable' listener): take the listener off first");
  }
}

/** As node:net's sockets, and those made after them, tell of themselves. */
function addressOf(stream: Duplex, end: 'local' | 'remote'): Address {
  const host: unknown = Reflect.get(stream, `${end}Address`);
  const port: unknown = Reflect.get(stream, `${end}Port`);
  return { host: typeof host === 'string' ? host : '', port: typeof port === 'number' ? port : 0 };
}
