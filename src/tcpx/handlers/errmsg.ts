/** TCPOP_ERRMSG (11); reference tcpx §6.4. */
import { encodeLatin1 } from '../../core/bytes.ts';
import { type Call, type CallResult, type Outcome, succeeded } from '../call.ts';
import { hasFlag } from '../flags.ts';
import type { Runtime } from '../runtime.ts';
import { type StatusFamily, statusText } from '../status.ts';

/**
 * The text for a status. The job's own last status is explained by its origin, with what happened; any other by the
 * TLS library's table when the TLS bit is set (in flags, or in the fourth argument as a sample of A-Shell's has it),
 * else by the system's.
 */
export function explainStatus(status: number, last: CallResult | null, tlsBit: boolean, family: StatusFamily): string {
  if (last !== null && last.status === status && last.text !== '') return last.text;
  if (last !== null && last.status === status && last.origin === 'tcpx') return last.text;
  return statusText(status, last?.status === status ? last.origin : tlsBit ? 'tls' : 'errno', family);
}

/** ERRMSG needs no socket and no waiting; the job answers it where it keeps its last status. */
export function errmsgOutcome(
  call: Call,
  runtime: Pick<Runtime, 'bits'>,
  last: CallResult | null,
  family: StatusFamily,
): Outcome {
  const tlsBit = hasFlag(call.flags, runtime.bits.tls) || hasFlag(Math.max(0, call.sockport || 0), runtime.bits.tls);
  const text = explainStatus(call.status, last, tlsBit, family);
  return { ...succeeded(call.status), received: encodeLatin1(text) };
}
