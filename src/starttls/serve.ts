/** The server's side of a connection, the same for every dialect: go-ahead, refusal of injected bytes, TLS, a new session. */
import type { Op } from '../core/op.ts';
import type { TlsInfo } from '../tls/info.ts';
import type { DataPorts } from './beside.ts';
import type { Stray } from './channel.ts';
import type { Attack, Dialect, Session } from './dialect.ts';
import { DialogueError } from './dialogue-error.ts';
import type { Wire } from './wire.ts';

/**
 * What happened: a command was answered, the client has logged in, it asked for TLS and will get it, plaintext was waiting
 * behind that and was thrown away, TLS began.
 */
export type ServiceStep =
  | { readonly kind: 'command'; readonly encrypted: boolean }
  | { readonly kind: 'login'; readonly encrypted: boolean }
  | { readonly kind: 'trigger' }
  | { readonly kind: 'dropped'; readonly stray: Stray }
  | { readonly kind: 'tls'; readonly tls: TlsInfo };

export interface ServeOptions {
  /** What the server calls itself. */
  readonly host: string;
  /** A deception to play on the client; null for an honest server. */
  readonly attack?: Attack | null;
  /** Sends byte by byte with a pause of so many ms; null for all at once. */
  readonly drip?: number | null;
  /** For data connections, which FTP needs. They are closed at the end. */
  readonly ports?: DataPorts | null;
  /** Told of each step, as it happens. */
  readonly observer?: ((step: ServiceStep) => void) | null;
  /** Whether somebody else goes on inside TLS: then the service ends where TLS begins. */
  readonly handOver?: boolean;
}

export interface Service {
  /** Null when the client never got to TLS. */
  readonly tls: TlsInfo | null;
  /** How many commands were answered in clear, and inside TLS. */
  readonly commandsInClear: number;
  readonly commandsInTls: number;
}

/**
 * Serves one connection until the client leaves. The wire's role is `server`; a connection that is encrypted already is
 * direct TLS.
 *
 * @throws DialogueError injected for bytes behind the trigger (the connection is closed), timeout, malformed; ChannelError
 */
export function* serveOp(dialect: Dialect, wire: Wire, options: ServeOptions): Op<Service> {
  try {
    return yield* serviceOp(dialect, wire, options);
  } finally {
    if (options.ports) yield* options.ports.closeOp();
  }
}

function* serviceOp(dialect: Dialect, wire: Wire, options: ServeOptions): Op<Service> {
  const { server } = dialect;
  const { host, attack = null, ports = null, handOver = false } = options;
  const begin = (): Session => ({ host, encrypted: wire.encrypted, attack, ports, memory: new Map() });
  const commands = { clear: 0, tls: 0 };
  const note = (step: ServiceStep) => options.observer?.(step);
  if (attack === 'silence') {
    yield* wire.ignoreOp();
    return { tls: null, commandsInClear: 0, commandsInTls: 0 };
  }
  const drip = options.drip ?? (attack === 'drip' ? 0 : null);
  if (drip !== null) wire.sendInSegments(1, drip);
  let session = begin();
  yield* server.greetOp(wire, session);
  for (;;) {
    const known = session.memory.has('user');
    const served = yield* server.commandOp(wire, session);
    if (!known && session.memory.has('user')) note({ kind: 'login', encrypted: session.encrypted });
    if (served.kind === 'closed') break;
    if (session.encrypted) commands.tls += 1;
    else commands.clear += 1;
    note({ kind: 'command', encrypted: session.encrypted });
    if (served.kind === 'served') continue;
    if (session.encrypted) throw new DialogueError('malformed', `${dialect.title}: an upgrade inside TLS`);
    note({ kind: 'trigger' });
    const { goAhead } = served;
    // Where nothing is to be said, a ClientHello may be there already; the channel tells it from plaintext.
    if (goAhead.length > 0 || wire.unread > 0) yield* wire.clearOp();
    if (wire.dropped !== null) note({ kind: 'dropped', stray: wire.dropped });
    yield* wire.sendOp(withInjection(goAhead, server.injection, attack));
    note({ kind: 'tls', tls: yield* wire.upgradeOp() });
    if (handOver) break;
    session = begin();
    yield* server.renewedOp(wire, session);
  }
  return { tls: wire.channel.tls, commandsInClear: commands.clear, commandsInTls: commands.tls };
}

/** The go-ahead, and in the same segment what an attacker puts behind it. Without one, the dialect's messages hold it. */
function withInjection(goAhead: Uint8Array, injection: Uint8Array, attack: Attack | null): Uint8Array {
  if (goAhead.length === 0) return goAhead;
  if (attack === 'inject-half-line') return Buffer.concat([goAhead, injection.subarray(0, injection.length >> 1)]);
  const injects = attack === 'inject-line' || attack === 'inject-multiline';
  return injects ? Buffer.concat([goAhead, injection]) : goAhead;
}
