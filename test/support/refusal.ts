import { EmailxError } from '../../src/emailx/error.ts';

/** The refusal that `run` ends with. Throws when it succeeds, and everything else that it throws. */
export function refusal(run: () => unknown): EmailxError {
  try {
    run();
  } catch (error) {
    if (error instanceof EmailxError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
