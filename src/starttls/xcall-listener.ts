/** A listening TCPX socket, whose connections begin in clear with TLS to follow as a server. */
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
import type { Address } from '../net/endpoint.ts';
import type { Caller, CallResult } from '../tcpx/index.ts';
import { channelError, LONGEST_TIMER, timer, XcallChannel } from './xcall-channel.ts';

const UPGRADABLE = TCPXFLG_TLS + TCPXFLG_STARTTLS;
const ACCEPT_FLAGS = TCPXFLG_BLOCK + TCPXFLG_ASYNC + TCPXFLG_KEEPLISTEN + UPGRADABLE;

export class XcallListener {
  readonly #caller: Caller;
  readonly #socket = F(-1);

  private constructor(caller: Caller, socket: number) {
    this.#caller = caller;
    this.#socket.value = socket;
  }

  /**
   * Listens on the address that the job binds to; port 0 lets the system choose.
   *
   * @throws ChannelError with the STATUS of ACCEPT: the port is in use, the certificate cannot be a server's
   */
  static *listenOp(caller: Caller, port: number): Op<XcallListener> {
    const socket = F(port);
    checked(yield* caller.xcallOp('TCPX', TCPOP_ACCEPT, F(), '', socket, TCPXFLG_LISTEN + UPGRADABLE));
    return new XcallListener(caller, socket.value);
  }

  /** Where it listens. */
  get local(): Address {
    return this.#caller.socket(this.#socket.value).local;
  }

  /** The next connection. With an endless deadline it waits in ACCEPT itself. @throws ChannelError */
  *acceptOp(until: Deadline): Op<XcallChannel | 'timeout'> {
    // ACCEPT waits for as long as it takes: CHECK looks first.
    if (until.isFinite && (yield* this.#waitOp(timer(until))) === 0) return 'timeout';
    const accepted = F(this.#socket.value);
    checked(yield* this.#caller.xcallOp('TCPX', TCPOP_ACCEPT, F(), '', accepted, ACCEPT_FLAGS));
    return new XcallChannel(this.#caller, accepted.value);
  }

  *#waitOp(milliseconds: number): Op<number> {
    const limit = Math.min(milliseconds, LONGEST_TIMER);
    return checked(yield* this.#caller.xcallOp('TCPX', TCPOP_CHECK, F(), '', this.#socket, 0, limit)).status;
  }

  /** Stops listening; harmless when it has. */
  *closeOp(): Op<void> {
    if (this.#socket.value < 0) return;
    yield* this.#caller.xcallOp('TCPX', TCPOP_CLOSE, F(), '', this.#socket, 0);
  }
}

function checked(result: CallResult): CallResult {
  if (result.status < 0) throw channelError(result);
  return result;
}
