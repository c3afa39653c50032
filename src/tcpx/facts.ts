/** What can be known about a socket besides its number. Plain data: it crosses threads. */
import type { Address, EngineName } from '../net/endpoint.ts';
import { startsClientHello } from '../net/stray-bytes.ts';
import type { TlsInfo } from '../tls/info.ts';
import type { StreamSocket, TcpxSocket, UpgradeState } from './sockets.ts';

/** What is known of a socket beside its number. */
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
  /** Of a server that has not upgraded yet: whether what is unread begins like a ClientHello. */
  readonly hello: boolean;
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
      hello: hello(socket),
    };
  }
  const local = kind === 'listener' ? socket.listener.local : NOWHERE;
  const role = kind === 'listener' ? 'server' : 'client';
  return {
    number,
    engine,
    kind,
    state: 'plain',
    role,
    blocking: false,
    local,
    remote: NOWHERE,
    tls: null,
    hello: false,
  };
}

/** See {@link SocketFacts.hello}. */
export function hello({ role, upgradable }: StreamSocket): boolean {
  if (role !== 'server' || upgradable === null) return false;
  const { count, head } = upgradable.stray('client');
  return count > 0 && startsClientHello(head);
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
