/** The job of a sendMail that was given none: for one call, with whatever engine is wanted. */
import { UsageError } from '../core/errors.ts';
import { createJob, type Job } from '../tcpx/index.ts';
import type { MailOptions } from './mail-options.ts';

/** @throws UsageError, EngineError */
export function ownJob({ engine, tlsOptions }: MailOptions): Job {
  try {
    return createJob({
      ...(engine === undefined ? {} : { engine }),
      ...(tlsOptions === undefined ? {} : { tls: tlsOptions }),
    });
  } catch (cause) {
    // `tls` is another option here.
    if (cause instanceof UsageError) throw new UsageError(cause.message.replace(/^tls\./, 'tlsOptions.'), { cause });
    throw cause;
  }
}
