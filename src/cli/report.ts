/** What a line of a script came to; render.ts turns it into text or JSON. */
import type { SocketFacts } from '../tcpx/facts.ts';
import type { TlsInfo } from '../tls/info.ts';
import type { Statement } from './statement.ts';

export interface CallReport {
  readonly kind: 'call';
  readonly statement: Statement;
  readonly routine: string;
  /** Name of the opcode, or its number when it has none; `EXPECT`. */
  readonly opcode: string;
  readonly status: number;
  /** Null for an opcode without a socket, and for a literal. */
  readonly sockport: number | null;
  /** What the buffer received; null when the call receives nothing. */
  readonly received: Uint8Array | null;
  /** How many bytes were to be sent, for an opcode that sends. */
  readonly wanted: number | null;
  /** Why it failed, or what a STATUS of 0 means here; empty otherwise. */
  readonly text: string;
  readonly ms: number;
  /** The session that the call began. */
  readonly tls: TlsInfo | null;
  readonly failed: boolean;
}

export interface NamedSocket {
  readonly facts: SocketFacts;
  /** The variables that hold its number. */
  readonly names: readonly string[];
  readonly current: boolean;
}

export interface InfoReport {
  readonly kind: 'info';
  readonly statement: Statement;
  readonly socket: NamedSocket;
}

export interface SocketsReport {
  readonly kind: 'sockets';
  readonly statement: Statement;
  readonly sockets: readonly NamedSocket[];
}

export interface PrintReport {
  readonly kind: 'print';
  readonly statement: Statement;
  readonly values: readonly { readonly label: string; readonly value: number | Uint8Array }[];
}

export interface HelpReport {
  readonly kind: 'help';
  readonly statement: Statement;
  readonly text: string;
}

export type Report = CallReport | InfoReport | SocketsReport | PrintReport | HelpReport;
