/** The error of a mail that is refused here, before or without an answer of the server. */
import { TcpxError } from '../core/errors.ts';
import { REFUSALS, type Refusal } from './statuses.ts';

export interface EmailxErrorOptions extends ErrorOptions {
  /** Instead of the status of the row, where an assumption says so. */
  readonly status?: number;
}

/**
 * A call that EMAILX refuses. `refusal` is the row of the table in `statuses.ts`, `status` what XCALL gives back. The
 * message becomes `errmsg`: it says what was wrong, on what, and what to do, and never holds a password.
 */
export class EmailxError extends TcpxError {
  readonly code = 'TCPX_EMAILX';
  readonly refusal: Refusal;
  readonly status: number;

  constructor(refusal: Refusal, message: string, options: EmailxErrorOptions = {}) {
    const { status, ...rest } = options;
    super(message, rest);
    this.refusal = refusal;
    this.status = status ?? REFUSALS[refusal].status;
  }
}
