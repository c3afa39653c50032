/** Data ports that make XCALLs: listening sockets beside that of a server's dialogue. */
import type { Deadline } from '../core/deadline.ts';
import type { Op } from '../core/op.ts';
import type { Caller } from '../tcpx/index.ts';
import type { DataPorts } from './beside.ts';
import type { Channel } from './channel.ts';
import { XcallListener } from './xcall-listener.ts';

export class XcallDataPorts implements DataPorts {
  readonly address: string;
  readonly #caller: Caller;
  /** The host that may connect. */
  readonly #client: string;
  #listener: XcallListener | null = null;

  /** @param socket the TCPX socket of the dialogue. @throws UsageError when there is none */
  constructor(caller: Caller, socket: number) {
    const { local, remote } = caller.socket(socket);
    this.#caller = caller;
    this.address = local.host;
    this.#client = remote.host;
  }

  *openOp(): Op<number> {
    yield* this.closeOp();
    this.#listener = yield* XcallListener.listenOp(this.#caller, 0);
    return this.#listener.local.port;
  }

  *acceptOp(until: Deadline): Op<Channel | 'timeout'> {
    if (this.#listener === null) throw new Error('no port is open');
    for (;;) {
      const channel = yield* this.#listener.acceptOp(until);
      if (channel === 'timeout') return 'timeout';
      if (channel.facts?.remote.host === this.#client) {
        yield* this.closeOp();
        return channel;
      }
      yield* channel.closeOp();
    }
  }

  *closeOp(): Op<void> {
    const listener = this.#listener;
    this.#listener = null;
    if (listener !== null) yield* listener.closeOp();
  }
}
