/** TCPOP_STARTTLS (12); reference tcpx §8. */
import { NOW } from '../../core/deadline.ts';
import type { Op } from '../../core/op.ts';
import { upgradeOp } from '../../net/ops.ts';
import { type Call, type Outcome, succeeded } from '../call.ts';
import { describeTls } from '../facts.ts';
import { hasFlag } from '../flags.ts';
import { type Runtime, timerDeadline } from '../runtime.ts';
import type { UpgradeState } from '../sockets.ts';
import { CallError, refused } from '../status.ts';
import { establishedOp, STILL_CONNECTING } from './connecting.ts';
import { tlsStart } from './open.ts';
import { streamOf } from './stream.ts';

export function* starttlsOp(runtime: Runtime, call: Call): Op<Outcome> {
  if (runtime.sockets.find(call.sockport).kind === 'listener') {
    throw new CallError(`STARTTLS: socket ${call.sockport} is listening`);
  }
  const found = streamOf(runtime, call);
  if (!hasFlag(call.flags, runtime.bits.tls)) throw new CallError('STARTTLS needs TCPXFLG_TLS in flags');
  if (found.kind === 'connecting' && found.state !== 'starttls-pending') throw notUpgradable(call, found.state);
  const until = timerDeadline(call);
  const socket = found.kind === 'stream' ? found : yield* establishedOp(runtime, found, call.timer > 0 ? until : NOW);
  if (socket === null) return refused('EAGAIN', STILL_CONNECTING);
  if (socket.upgradable === null) throw notUpgradable(call, socket.state);
  if (socket.reading || socket.writing) return refused('EALREADY', 'another call waits on this socket');
  socket.reading = true;
  socket.writing = true;
  try {
    const secure = yield* upgradeOp(runtime.engine, socket.upgradable, tlsStart(runtime, socket), until, 'dialogue');
    socket.endpoint = secure;
    socket.state = 'tls';
    socket.upgradable = null;
    socket.connect = 'known';
    runtime.detail?.(describeTls(socket.number, secure.tls));
    return succeeded(0);
  } finally {
    socket.reading = false;
    socket.writing = false;
  }
}

function notUpgradable(call: Call, state: UpgradeState): CallError {
  const why = state === 'tls' ? 'is TLS already' : 'was not opened with TCPXFLG_STARTTLS';
  return new CallError(`STARTTLS: socket ${call.sockport} ${why}`);
}
