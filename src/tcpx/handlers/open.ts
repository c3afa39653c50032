/** What CONNECT, old connect and ACCEPT share: ports, the new socket, TLS from the first byte. */
import { decodeLatin1 } from '../../core/bytes.ts';
import type { Deadline } from '../../core/deadline.ts';
import { UsageError } from '../../core/errors.ts';
import type { Op } from '../../core/op.ts';
import { isSecure, type PlainEndpoint, type TlsRole, type TlsStart } from '../../net/endpoint.ts';
import { upgradeOp } from '../../net/ops.ts';
import type { Call } from '../call.ts';
import { describeTls } from '../facts.ts';
import { hasFlag } from '../flags.ts';
import type { Runtime } from '../runtime.ts';
import type { StreamSocket } from '../sockets.ts';

/** @throws UsageError (EINVAL) for what is not a port */
export function portOf(call: Call, least: 0 | 1): number {
  const port = call.sockport;
  if (!Number.isInteger(port) || port < least || port > 65_535) {
    const given = Number.isNaN(port) ? 'it is not a number' : `not ${port}`;
    throw new UsageError(`sockport must be a port from ${least} to 65535 here; ${given}`);
  }
  return port;
}

/** Text up to the first NUL: a string's value, or what raw data means as text. */
export function textOf(call: Call): Uint8Array {
  const whole = call.buffer.bytes.subarray(0, call.buffer.size);
  const end = whole.indexOf(0);
  return end < 0 ? whole : whole.subarray(0, end);
}

/** Which TLS a new connection is to have: both bits, or STARTTLS alone, mean clear first. */
export function upgradeStateOf(runtime: Runtime, call: Call): StreamSocket['state'] {
  if (hasFlag(call.flags, runtime.bits.startTls)) return 'starttls-pending';
  return hasFlag(call.flags, runtime.bits.tls) ? 'tls' : 'plain';
}

/** How TLS begins on a socket; its lines in the trace carry its number. */
export function tlsStart({ tls, detail }: Runtime, { number, role, host, priority, beside }: StreamSocket): TlsStart {
  const log = detail === null ? null : (line: string) => detail(`sock ${number} ${line}`);
  // A session is not resumed under a priority string that might not have allowed it.
  const live = beside !== null && beside.priority === priority ? beside.endpoint : null;
  return { settings: tls, role, host, priority, log, sessions: live !== null && isSecure(live) ? live.besides : null };
}

/**
 * Makes the socket of a new connection and, when it is to be TLS from the first byte, shakes hands.
 *
 * @param host the name to verify; empty for a server
 * @param beside the connection to the same peer that it is made beside; null when there is none
 */
export function* openStreamOp(
  runtime: Runtime,
  call: Call,
  endpoint: PlainEndpoint,
  role: TlsRole,
  host: string,
  until: Deadline,
  beside: StreamSocket | null = null,
): Op<StreamSocket> {
  const state = upgradeStateOf(runtime, call);
  const given = role === 'client' && state !== 'plain' ? decodeLatin1(textOf(call)) : '';
  const priority = given === '' && beside !== null ? beside.priority : given;
  const socket: StreamSocket = {
    kind: 'stream',
    number: call.reserved,
    tasks: [],
    role,
    blocking: hasFlag(call.flags, runtime.bits.block),
    host,
    priority,
    beside,
    endpoint,
    state,
    upgradable: state === 'starttls-pending' ? endpoint : null,
    reading: false,
    writing: false,
    heard: false,
    connect: 'known',
  };
  if (state === 'tls') {
    const secure = yield* upgradeOp(runtime.engine, endpoint, tlsStart(runtime, socket), until, 'nothing');
    socket.endpoint = secure;
    runtime.detail?.(describeTls(call.reserved, secure.tls));
  }
  return socket;
}
