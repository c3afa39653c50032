/**
 * One call as the opcodes see it: plain values, which may cross threads, instead of BASIC variables.
 */
import type { RefusedPeer } from '../tls/info.ts';

/** The buffer argument: bytes at an address and the size that counts as "the whole buffer". */
export interface CallBuffer {
  /**
   * The bytes from the variable's address to the end of what may be reached: to the end of the array for a subscripted
   * element, else just the variable. READ stores into them.
   */
  readonly bytes: Uint8Array;
  /** Declared size, or current length of a dynamic variable. */
  readonly size: number;
  /** True for S,0 and X,0, which grow to fit. */
  readonly dynamic: boolean;
  /** True for a string, whose value ends at the first NUL. */
  readonly isString: boolean;
  /**
   * True for memory that the program goes on using while the call lasts: it is not written before the end of the call,
   * and not read after a wait.
   */
  readonly lent: boolean;
}

export interface Call {
  readonly opcode: number;
  readonly status: number;
  readonly buffer: CallBuffer;
  /** Port, socket number or index; NaN when it is not a number. */
  readonly sockport: number;
  readonly flags: number;
  /** Milliseconds, 0 or more. */
  readonly timer: number;
  /** The host to connect to, or what `peerOf` gives for it. */
  readonly hostname: string;
  /** The ST_SOCKARY array, changed in place at the end of the call; null in the plain form. */
  readonly sockary: Uint8Array | null;
  /** The index that the last CHECK of this whole array answered, 0 before the first. */
  readonly lastReady: number;
  /** The socket number for a connection that this call opens; 0 in a call that opens none. */
  readonly reserved: number;
}

/** The same call with bytes of its own, for one that waits before it looks at them. */
export function unlent(call: Call): Call {
  const { buffer } = call;
  return buffer.lent ? { ...call, buffer: { ...buffer, bytes: buffer.bytes.slice(), lent: false } } : call;
}

/** Whose number a status is, so that ERRMSG explains it by the right table (reference tcpx §6.4). */
export type StatusOrigin = 'errno' | 'tls' | 'tcpx';

/** Plaintext that stood in the way of an upgrade. */
export interface Stray {
  readonly count: number;
  /** The first of the bytes. */
  readonly head: Uint8Array;
}

export interface Outcome {
  readonly status: number;
  readonly origin: StatusOrigin;
  /** What happened beyond the number; empty on success. */
  readonly text: string;
  /** The new value of sockport or sockidx; undefined leaves it alone. */
  readonly sockport?: number | undefined;
  /** What the buffer receives; undefined leaves it alone. May be a part of `call.buffer.bytes` itself. */
  readonly received?: Uint8Array | undefined;
  /** What refused an upgrade; absent otherwise. */
  readonly stray?: Stray | undefined;
  /** The peer whose certificate was not accepted; absent otherwise. */
  readonly refusedPeer?: RefusedPeer | undefined;
}

/** A success. All properties are there, so that whoever looks at outcomes sees one shape of object on the hot path. */
export function succeeded(status: number, received?: Uint8Array): Outcome {
  return { status, origin: 'errno', text: '', sockport: undefined, received };
}

/** What is left of an outcome once its results are written: STATUS in the job's number family, and what happened. */
export interface CallResult {
  readonly status: number;
  readonly origin: StatusOrigin;
  /** Empty on success. */
  readonly text: string;
  /** The plaintext that refused an upgrade; absent otherwise. */
  readonly stray?: Stray | undefined;
  /** The peer whose certificate was not accepted; absent otherwise. */
  readonly refusedPeer?: RefusedPeer | undefined;
}
