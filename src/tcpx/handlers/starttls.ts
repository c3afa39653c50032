/** TCPOP_STARTTLS (12); reference tcpx §8. */
import type { Op } from '../../core/op.ts';
import { upgradeOp } from '../../net/ops.ts';
import { type Call, type Outcome, succeeded } from '../call.ts';
import { describeTls } from '../facts.ts';
import { hasFlag } from '../flags.ts';
import { type Runtime, timerDeadline } from '../runtime.ts';
import { CallError, refused } from '../status.ts';
import { tlsStart } from './open.ts';
import { streamOf } from './stream.ts';

export function* starttlsOp(runtime: Runtime, call: Call): Op<Outcome> {
  if (runtime.sockets.find(call.sockport).kind === 'listener') {
    throw new CallError(`STARTTLS: socket ${call.sockport} is listening`);
  }
  const socket = streamOf(runtime, call);
  if (!hasFlag(call.flags, runtime.bits.tls)) throw new CallError('STARTTLS needs TCPXFLG_TLS in flags');
  if (socket === 'connecting') throw new CallError('STARTTLS: the connection is still being made');
  if (socket.upgradable === null) {
    const state = socket.state === 'tls' ? 'is TLS already' : 'was not opened with TCPXFLG_STARTTLS';
    throw new CallError(`STARTTLS: socket ${call.sockport} ${state}`);
  }
  if (socket.reading || socket.writing) return refused('EALREADY', 'another call waits on this socket');
  socket.reading = true;
  socket.writing = true;
  try {
    const until = timerDeadline(call);
    const secure = yield* upgradeOp(runtime.engine, socket.upgradable, tlsStart(runtime, socket), until, 'dialogue');
    socket.endpoint = secure;
    socket.state = 'tls';
    socket.upgradable = null;
    runtime.detail?.(describeTls(socket.number, secure.tls));
    return succeeded(0);
  } finally {
    socket.reading = false;
    socket.writing = false;
  }
}
