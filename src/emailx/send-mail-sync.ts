/** sendMail for programs that wait. */
import { UsageError } from '../core/errors.ts';
import { runSync, sleeper } from '../core/run.ts';
import { deliverOp, type SentMail } from './deliver.ts';
import { type MailOptions, parseDelivery } from './mail-options.ts';
import { ownJob } from './own-job.ts';
import { prepare } from './send-mail.ts';

/** As sendMail, blocking the thread until the server has answered. It cannot be aborted and takes no streams. */
export function sendMailSync(options: Omit<MailOptions, 'signal'>): SentMail {
  if ('signal' in options) throw new UsageError('signal cannot end a call that blocks its thread; timeout can');
  const settings = parseDelivery(options);
  const content = prepare(options);
  try {
    const job = options.job ?? ownJob(options);
    try {
      return runSync(deliverOp(settings, content, job.caller('sync'), job.engine), sleeper);
    } finally {
      if (options.job === undefined) job.close();
    }
  } finally {
    content.message.close();
  }
}
