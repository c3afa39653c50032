/** What a server tells of its connections. */
import type { Address } from '../net/endpoint.ts';
import type { TlsInfo } from '../tls/info.ts';
import type { Outcome } from './negotiation.ts';
import type { Exchange } from './wire.ts';

/** A connection that has come to TLS. */
export interface ConnectionFacts {
  /** Counted from 1. */
  readonly connection: number;
  readonly remote: Address;
  readonly local: Address;
  readonly tls: TlsInfo;
}

/**
 * How a connection ended, in the client's words as far as they fit: `upgraded` and `direct` came to TLS and were left,
 * `clear` was left in clear. `injected`: the client sent plaintext where only TLS may follow. `handshake`: TLS did not
 * come about, as when the client does not accept the certificate. `wrongMode`: TLS where clear text was due, or the other
 * way round. `cancelled`: the server was closed. `failed`: a bug, or what the program's session has thrown.
 */
export type ServiceOutcome =
  | Extract<
      Outcome,
      | 'upgraded'
      | 'direct'
      | 'clear'
      | 'injected'
      | 'unverified'
      | 'handshake'
      | 'wrongMode'
      | 'timeout'
      | 'closed'
      | 'malformed'
    >
  | 'cancelled'
  | 'failed';

/** What came of a connection. */
export interface ConnectionEnd {
  readonly outcome: ServiceOutcome;
  /** What went wrong; empty when nothing did. */
  readonly reason: string;
  /** The STATUS that TCPX gives for it; 0 when the failure is the dialogue's. */
  readonly status: number;
  /** With `failed`: what was thrown. */
  readonly error?: unknown;
  /** Null when the client never came to TLS. */
  readonly tls: TlsInfo | null;
  readonly commandsInClear: number;
  /** Whether it has shown a password in clear, to a server whose attack invited it to. */
  readonly loginInClear: boolean;
  /** Those that the protocol's own service has answered. */
  readonly commandsInTls: number;
  /** Plaintext that was refused or dropped, and a sample of it in hexadecimal. Null when some of it could not be counted. */
  readonly discardedBytes: number | null;
  readonly discardedSample: string;
  /** From the first byte to the last, in ms. */
  readonly duration: number;
}

/**
 * `login`: the client has proved itself, as far as this server looks. `trigger`: it asked for TLS and is granted it.
 * `injected`: plaintext stood behind that.
 */
export type ServerEvent =
  | { readonly kind: 'connected'; readonly connection: number; readonly remote: Address }
  | { readonly kind: 'exchange'; readonly connection: number; readonly exchange: Exchange }
  | { readonly kind: 'login'; readonly connection: number; readonly encrypted: boolean }
  | { readonly kind: 'trigger'; readonly connection: number }
  | {
      readonly kind: 'injected';
      readonly connection: number;
      /** Null when they came once the handshake had begun: the TLS library has taken them, and does not tell how many. */
      readonly bytes: number | null;
      /** The first of them, in hexadecimal; empty where nobody saw them. */
      readonly sample: string;
      readonly dropped: boolean;
    }
  | { readonly kind: 'tls'; readonly connection: number; readonly tls: TlsInfo }
  | { readonly kind: 'ended'; readonly connection: number; readonly end: ConnectionEnd }
  /** The system could not give a connection, for want of descriptors or memory: the server tries again. */
  | { readonly kind: 'delayed'; readonly reason: string; readonly status: number };
