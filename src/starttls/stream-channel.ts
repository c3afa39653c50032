/** A channel on any Node stream, whose TLS comes from the Node engine. For operations that `runAsync` drives. */
import type { Duplex } from 'node:stream';
import { type Deadline, NEVER, NOW } from '../core/deadline.ts';
import { ERRNO } from '../core/errno.ts';
import { IoError, TlsError } from '../core/errors.ts';
import { type Op, READABLE, waitOp } from '../core/op.ts';
import type { Address, Endpoint, PlainEndpoint } from '../net/endpoint.ts';
import { DuplexEndpoint } from '../net/node-duplex.ts';
import { nodeEngine } from '../net/node-engine.ts';
import { readOp, shutdownOp, upgradeOp, writeOp } from '../net/ops.ts';
import { StrayBytesError, startsClientHello } from '../net/stray-bytes.ts';
import type { TlsInfo } from '../tls/info.ts';
import type { TlsSettings } from '../tls/settings.ts';
import { VerifyError } from '../tls/verify-error.ts';
import { ChannelError, type Role, type StreamingChannel } from './channel.ts';
import { printable } from './quoted.ts';

const RECEIVE_SIZE = 65_536;

export class StreamChannel implements StreamingChannel {
  readonly #plain: PlainEndpoint;
  #endpoint: Endpoint;
  readonly #host: string;
  readonly #settings: TlsSettings;
  readonly #received = new Uint8Array(RECEIVE_SIZE);
  /** See the fields of the same names in `xcall-channel.ts`. */
  #sendCut = false;
  #receiveCut = false;

  /**
   * Takes the stream over: from now on nobody else reads or writes it.
   *
   * @param host what a client sends by SNI and verifies, where the settings name no other
   * @throws UsageError for a stream that does not carry bytes, is at its end, or is being read by somebody
   */
  constructor(stream: Duplex, host: string, settings: TlsSettings) {
    this.#plain = new DuplexEndpoint(stream);
    this.#endpoint = this.#plain;
    this.#host = host;
    this.#settings = settings;
  }

  get tls(): TlsInfo | null {
    return this.#endpoint.tls;
  }

  get remote(): Address {
    return this.#endpoint.remote;
  }

  *receiveOp(until: Deadline, most: number = RECEIVE_SIZE): Op<Uint8Array | 'timeout'> {
    const into = most < RECEIVE_SIZE ? this.#received.subarray(0, most) : this.#received;
    this.#receiveCut = true;
    try {
      let count = yield* readOp(this.#endpoint, into, until);
      if (count === 'timeout' && until === NOW && (yield* nodeEngine.settleOp())) {
        count = yield* readOp(this.#endpoint, into, NOW);
      }
      this.#receiveCut = count === 'timeout' && until !== NOW;
      return count === 'timeout' ? count : into.subarray(0, count);
    } catch (error) {
      throw channelError(error);
    }
  }

  *helloOp(until: Deadline): Op<boolean | 'timeout'> {
    try {
      while (this.#endpoint.probe() === 'idle') {
        if ((yield* waitOp(this.#endpoint, READABLE, until)) === 'timeout') return 'timeout';
      }
    } catch (error) {
      throw channelError(error);
    }
    if (this.tls !== null) return false;
    const { count, head } = this.#plain.stray('client');
    return count > 0 && startsClientHello(head);
  }

  *sendOp(bytes: Uint8Array, until: Deadline, patience = Number.POSITIVE_INFINITY): Op<'sent' | 'timeout'> {
    this.#sendCut = true;
    try {
      for (let rest = bytes; ; ) {
        const count = yield* writeOp(this.#endpoint, rest, until.atMost(patience));
        if (count === rest.length) {
          this.#sendCut = false;
          return 'sent';
        }
        if (count === 0 || until.expired) return 'timeout';
        rest = rest.subarray(count);
      }
    } catch (error) {
      throw channelError(error);
    }
  }

  *upgradeOp(role: Role, until: Deadline): Op<TlsInfo> {
    const start = { settings: this.#settings, role, host: this.#host, priority: '', sessions: null, log: null };
    try {
      const secure = yield* upgradeOp(nodeEngine, this.#plain, start, until, 'dialogue');
      this.#endpoint = secure;
      return secure.tls;
    } catch (error) {
      throw channelError(error);
    }
  }

  *endOp(): Op<void> {
    try {
      yield* shutdownOp(this.#endpoint, 'send', NEVER);
    } catch (error) {
      throw channelError(error);
    }
  }

  closeOp(): Op<void> {
    if (this.#sendCut || this.#receiveCut) this.#endpoint.discard();
    return this.#endpoint.closeOp();
  }
}

/** A stream of the program's own, such as a proxy's tunnel, fails in words of its own, which no number stands for. */
function ioMessage({ errnoName, message, cause }: IoError): string {
  const own = errnoName === 'EIO' && cause instanceof Error && !('syscall' in cause) ? cause.message : '';
  return own === '' ? message : `the stream failed: ${printable(own)}`;
}

/** What TCPX would report; what is not of the network is thrown on as it is. */
function channelError(error: unknown): unknown {
  if (error instanceof VerifyError) {
    return new ChannelError(error.status, 'tls', error.message, null, error.refusedPeer);
  }
  if (error instanceof TlsError) return new ChannelError(error.status, 'tls', error.message);
  if (error instanceof IoError) return new ChannelError(-error.errno, 'errno', ioMessage(error));
  if (error instanceof StrayBytesError) {
    const { count, head } = error;
    return new ChannelError(-ERRNO.EBADMSG.linux, 'errno', error.message, { count, head });
  }
  return error;
}
