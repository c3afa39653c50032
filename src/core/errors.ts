/**
 * The errors of the project: one small family, each with a stable `code`.
 *
 * Would-block and end of stream are values, never errors. Inside an XCALL every error but a
 * {@link UsageError} without a status variable becomes a STATUS (`src/tcpx/status.ts`).
 */
import { ERRNO, type ErrnoName } from './errno.ts';

/** Which kind of error it is: the `code` of a {@link TcpxError}. */
export type TcpxErrorCode =
  | 'TCPX_USAGE'
  | 'TCPX_PROTOCOL'
  | 'TCPX_IO'
  | 'TCPX_TLS'
  | 'TCPX_CANCELLED'
  | 'TCPX_ENGINE'
  | 'TCPX_CHANNEL'
  | 'TCPX_EMAILX'
  | 'TCPX_MAIL'
  | 'TCPX_NEGOTIATION';

/** What all errors of this package are. The name is that of the class, the `code` is stable. */
export abstract class TcpxError extends Error {
  abstract readonly code: TcpxErrorCode;
  override get name(): string {
    return this.constructor.name;
  }
}

/** The caller's mistake: a wrong argument, option or order of calls. The message says what to do instead. */
export class UsageError extends TcpxError {
  readonly code = 'TCPX_USAGE';
}

/** The peer broke the protocol that is being spoken, for example by sending bytes ahead of an upgrade. */
export class ProtocolError extends TcpxError {
  readonly code = 'TCPX_PROTOCOL';
}

/** A system call failed. `errno` is the Linux number, whatever the platform. */
export class IoError extends TcpxError {
  readonly code = 'TCPX_IO';
  readonly errno: number;
  readonly errnoName: ErrnoName;

  constructor(errnoName: ErrnoName, what: string, options?: ErrorOptions) {
    super(`${what}: ${ERRNO[errnoName].text}`, options);
    this.errnoName = errnoName;
    this.errno = ERRNO[errnoName].linux;
  }
}

/** The TLS library refused to go on. `status` is a `GNUTLS_E_*` number on both engines. */
export class TlsError extends TcpxError {
  readonly code = 'TCPX_TLS';
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** The call was ended by CLOSE or by its AbortSignal. */
export class CancelledError extends TcpxError {
  readonly code = 'TCPX_CANCELLED';
}

/** An engine cannot be used here; the message names the missing piece and how to install it. */
export class EngineError extends TcpxError {
  readonly code = 'TCPX_ENGINE';
}
