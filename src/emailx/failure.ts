/** From errors to statuses of EMAILX: the one place (reference emailx §5). */
import { CancelledError, UsageError } from '../core/errors.ts';
import { ChannelError } from '../starttls/channel.ts';
import { DialogueError } from '../starttls/dialogue-error.ts';
import type { Caller, CallResult } from '../tcpx/index.ts';
import { GNUTLS_E } from '../tls/gnutls-errors.ts';
import { EmailxError } from './error.ts';
import { SmtpRefusal } from './smtp-session.ts';
import { REFUSALS } from './statuses.ts';

/** Whether the server said nothing for too long: in the dialogue, or where TLS was to begin. */
export function isSilence(error: unknown): error is DialogueError | ChannelError {
  if (error instanceof DialogueError) return error.fault === 'timeout';
  return error instanceof ChannelError && error.origin === 'tls' && error.status === GNUTLS_E.TIMEDOUT;
}

/** STATUS of a failure and the reason. What is not one of ours is a bug and is thrown on. */
export function failureOf(error: unknown, caller: Caller): CallResult {
  if (error instanceof EmailxError) return { status: error.status, origin: 'tcpx', text: error.message };
  if (error instanceof SmtpRefusal) return { status: error.status, origin: 'tcpx', text: error.replyText };
  if (isSilence(error)) return { status: REFUSALS.responseTimeout.status, origin: 'tcpx', text: error.message };
  if (error instanceof ChannelError) return { status: error.status, origin: error.origin, text: error.message };
  if (error instanceof DialogueError) {
    const text = error.message;
    switch (error.fault) {
      case 'closed':
        return { status: caller.errnoStatus('ECONNRESET'), origin: 'errno', text };
      case 'injected':
        return { status: caller.errnoStatus('EBADMSG'), origin: 'errno', text };
      default:
        return { status: REFUSALS.badResponse.status, origin: 'tcpx', text };
    }
  }
  if (error instanceof CancelledError) {
    return { status: caller.errnoStatus('ECANCELED'), origin: 'errno', text: error.message };
  }
  if (error instanceof UsageError) {
    return { status: caller.errnoStatus('EINVAL'), origin: 'errno', text: error.message };
  }
  throw error;
}
