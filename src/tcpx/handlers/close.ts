/** TCPOP_SHUTDOWN (5) and TCPOP_CLOSE (6); reference tcpx §2, §3.3. */
import { NEVER, NOW } from '../../core/deadline.ts';
import { IoError, UsageError } from '../../core/errors.ts';
import type { Op } from '../../core/op.ts';
import type { Direction } from '../../net/endpoint.ts';
import { shutdownOp } from '../../net/ops.ts';
import { type Call, type Outcome, succeeded } from '../call.ts';
import { countBelowTlsBit } from '../flags.ts';
import type { Runtime } from '../runtime.ts';
import { closeSocketOp } from '../sockets.ts';
import { outcomeOf } from '../status.ts';
import { establishedOp } from './connecting.ts';
import { streamOf } from './stream.ts';

/** The values of shutdown(2), ASSUMED in reference tcpx §3.3. */
const DIRECTIONS: readonly Direction[] = ['receive', 'send', 'both'];

export function* shutdownOpcodeOp(runtime: Runtime, call: Call): Op<Outcome> {
  const found = streamOf(runtime, call);
  const socket = found.kind === 'stream' ? found : yield* establishedOp(runtime, found, NOW);
  if (socket === null) throw new IoError('ENOTCONN', `socket ${call.sockport} is still connecting`);
  const direction = DIRECTIONS[countBelowTlsBit(call.flags, runtime.bits)];
  if (direction === undefined) throw new UsageError('flags of SHUTDOWN is 0 to receive, 1 to send, 2 for both');
  if (direction !== 'send') yield* runtime.engine.settleOp();
  yield* shutdownOp(socket.endpoint, direction, NEVER);
  return succeeded(0);
}

/** Closing -1 is harmless and says so. */
export function* closeOpcodeOp(runtime: Runtime, call: Call): Op<Outcome> {
  if (call.sockport === -1) return { status: -1, origin: 'tcpx', text: 'the socket was already closed' };
  const socket = runtime.sockets.find(call.sockport);
  runtime.sockets.remove(socket);
  try {
    yield* closeSocketOp(socket);
    return { ...succeeded(0), sockport: -1 };
  } catch (error) {
    // It is closed, whatever became of the bytes.
    return { ...outcomeOf(error, runtime.assumptions), sockport: -1 };
  }
}
