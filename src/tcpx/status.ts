/** From errors to STATUS numbers: the one place (design: statuses on a TLS connection are GnuTLS numbers). */
import { ERRNO, type ErrnoName, lookUpErrno } from '../core/errno.ts';
import { CancelledError, EngineError, IoError, TlsError, UsageError } from '../core/errors.ts';
import { StrayBytesError } from '../net/stray-bytes.ts';
import { gnutlsErrorText } from '../tls/gnutls-errors.ts';
import { VerifyError } from '../tls/verify-error.ts';
import type { Assumptions } from './assumptions.ts';
import type { Outcome, StatusOrigin } from './call.ts';

/** Whose numbers system errors have: EWOULDBLOCK is -11 or -10035. */
export type StatusFamily = 'linux' | 'windows';

export function errnoStatus(name: ErrnoName): number {
  return -ERRNO[name].linux;
}

/** A failure that is a value, not an exception: would-block above all. */
export function refused(name: ErrnoName, text: string): Outcome {
  return { status: errnoStatus(name), origin: 'errno', text, sockport: undefined, received: undefined };
}

/** Thrown inside an opcode for a call that makes no sense; the status is the assumption `usageError`. */
export class CallError extends UsageError {}

/** The outcome of an error. What is not one of ours is a bug and is thrown on. */
export function outcomeOf(error: unknown, assumptions: Assumptions): Outcome {
  if (error instanceof VerifyError) {
    const { status, message: text, refusedPeer } = error;
    return { status, origin: 'tls', text, refusedPeer };
  }
  if (error instanceof TlsError) return { status: error.status, origin: 'tls', text: error.message };
  if (error instanceof IoError) {
    const status = error.errnoName === 'ENOENT' ? assumptions.hostNotFound : -error.errno;
    return { status, origin: 'errno', text: error.message };
  }
  if (error instanceof CancelledError) return refused('ECANCELED', error.message);
  if (error instanceof StrayBytesError) {
    const { count, head } = error;
    return { ...refused('EBADMSG', error.message), stray: { count, head } };
  }
  if (error instanceof CallError) return { status: assumptions.usageError, origin: 'tcpx', text: error.message };
  if (error instanceof UsageError) return refused('EINVAL', error.message);
  if (error instanceof EngineError) return refused('EOPNOTSUPP', error.message);
  throw error;
}

/** True for an error after which the connection cannot be used: TCPX closes it and sets sockport to -1. */
export function isFatal(error: unknown): boolean {
  if (error instanceof TlsError || error instanceof StrayBytesError) return true;
  return error instanceof IoError && error.errnoName !== 'EINTR' && error.errnoName !== 'EAGAIN';
}

/** A status in the family that the job's programs compare against. TLS numbers are the same in both. */
export function inFamily(status: number, origin: StatusOrigin, family: StatusFamily): number {
  if (family === 'linux' || status >= 0 || origin !== 'errno') return status;
  const name = lookUpErrno(status, 'linux');
  return name === undefined ? status : -ERRNO[name].windows;
}

/** The text for a status, as ERRMSG gives it. Either sign is accepted. */
export function statusText(status: number, origin: StatusOrigin, family: StatusFamily): string {
  if (status === 0) return 'Success';
  if (origin === 'tls') return gnutlsErrorText(-Math.abs(status));
  const name = lookUpErrno(status, family);
  return name === undefined ? `Unknown error ${Math.abs(status)}` : ERRNO[name].text;
}
