/** Data ports that make XCALLs: listening sockets beside that of a server's dialogue. */
import {
  TCPOP_ACCEPT,
  TCPOP_CHECK,
  TCPOP_CLOSE,
  TCPXFLG_ASYNC,
  TCPXFLG_BLOCK,
  TCPXFLG_KEEPLISTEN,
  TCPXFLG_LISTEN,
  TCPXFLG_STARTTLS,
  TCPXFLG_TLS,
} from '../../ashell.def.ts';
import { F } from '../basic/index.ts';
import type { Deadline } from '../core/deadline.ts';
import type { Op } from '../core/op.ts';
import type { Caller, CallResult } from '../tcpx/index.ts';
import type { DataPorts } from './beside.ts';
import type { Channel } from './channel.ts';
import { channelError, LONGEST_TIMER, timer, XcallChannel } from './xcall-channel.ts';

const ACCEPT_FLAGS = TCPXFLG_BLOCK + TCPXFLG_ASYNC + TCPXFLG_KEEPLISTEN + TCPXFLG_TLS + TCPXFLG_STARTTLS;

export class XcallDataPorts implements DataPorts {
  readonly address: string;
  readonly #caller: Caller;
  /** The host that may connect. */
  readonly #client: string;
  readonly #listener = F(-1);

  /** @param socket the TCPX socket of the dialogue. @throws UsageError when there is none */
  constructor(caller: Caller, socket: number) {
    const { local, remote } = caller.socket(socket);
    this.#caller = caller;
    this.address = local.host;
    this.#client = remote.host;
  }

  *openOp(): Op<number> {
    yield* this.closeOp();
    const listener = F(0);
    checked(yield* this.#caller.xcallOp('TCPX', TCPOP_ACCEPT, F(), '', listener, TCPXFLG_LISTEN));
    this.#listener.value = listener.value;
    return this.#caller.socket(listener.value).local.port;
  }

  *acceptOp(until: Deadline): Op<Channel | 'timeout'> {
    for (;;) {
      // ACCEPT waits for as long as it takes: CHECK looks first.
      const wait = until.isFinite ? timer(until) : LONGEST_TIMER;
      const check = yield* this.#caller.xcallOp('TCPX', TCPOP_CHECK, F(), '', this.#listener, 0, wait);
      if (checked(check).status === 0) return 'timeout';
      const accepted = F(this.#listener.value);
      checked(yield* this.#caller.xcallOp('TCPX', TCPOP_ACCEPT, F(), '', accepted, ACCEPT_FLAGS));
      const channel = new XcallChannel(this.#caller, accepted.value);
      if (this.#caller.socket(accepted.value).remote.host === this.#client) {
        yield* this.closeOp();
        return channel;
      }
      yield* channel.closeOp();
    }
  }

  *closeOp(): Op<void> {
    if (this.#listener.value < 0) return;
    yield* this.#caller.xcallOp('TCPX', TCPOP_CLOSE, F(), '', this.#listener, 0);
  }
}

function checked(result: CallResult): CallResult {
  if (result.status < 0) throw channelError(result);
  return result;
}
