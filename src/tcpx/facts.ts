/** What can be known about a socket besides its number. Plain data: it crosses threads. */
import type { Address, EngineName } from '../net/endpoint.ts';
import type { TlsInfo } from '../tls/info.ts';
import type { TcpxSocket, UpgradeState } from './sockets.ts';

export interface SocketFacts {
  readonly number: number;
  readonly engine: EngineName;
  readonly kind: 'stream' | 'listener' | 'connecting';
  readonly state: UpgradeState;
  readonly role: 'client' | 'server';
  readonly blocking: boolean;
  readonly local: Address;
  readonly remote: Address;
  /** The facts of the TLS session; null while the connection is in clear. */
  readonly tls: TlsInfo | null;
}

const NOWHERE: Address = { host: '', port: 0 };

export function factsOf(socket: TcpxSocket, engine: EngineName): SocketFacts {
  const { number, kind } = socket;
  if (kind === 'stream') {
    const { state, role, blocking, endpoint } = socket;
    return {
      number,
      engine,
      kind,
      state,
      role,
      blocking,
      local: endpoint.local,
      remote: endpoint.remote,
      tls: endpoint.tls,
    };
  }
  const local = kind === 'listener' ? socket.listener.local : NOWHERE;
  const role = kind === 'listener' ? 'server' : 'client';
  return { number, engine, kind, state: 'plain', role, blocking: false, local, remote: NOWHERE, tls: null };
}

/** The facts of a session in one line, for traces. */
export function describeTls(number: number, tls: TlsInfo): string {
  const peer = tls.peer === null ? 'no certificate' : tls.peer.subject;
  const verify =
    tls.verify.result === 'verified' ? 'verified' : `${tls.verify.result} ${tls.verify.reasons.join(', ')}`;
  const parts = [tls.version, tls.suite, tls.group, tls.alpn === null ? null : `ALPN ${tls.alpn}`];
  if (tls.resumed) parts.push('resumed');
  return `sock ${number} ${tls.role} ${parts.filter((part) => part !== null).join(' ')}, peer ${peer} (${verify.trim()})`;
}
