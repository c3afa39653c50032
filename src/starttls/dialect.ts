/**
 * The shape of a dialect: what a protocol says to get from clear text to TLS, as a client and as a server. One record
 * per protocol, all in the table of `dialects.ts`; `negotiate.ts` and `serve.ts` drive them and alone decide about
 * policy, injection and TLS.
 */
import type { Op } from '../core/op.ts';
import type { DataPorts } from './beside.ts';
import type { Role } from './channel.ts';
import type { Wire } from './wire.ts';

/** Who speaks, and to whom. */
export interface Parties {
  /** The host, or the domain, that the user named: SNI, verification, and what protocols call the service. */
  readonly host: string;
  /** What a client calls itself: EHLO and LHLO name, `from` of a server's XMPP stream. */
  readonly self: string;
}

/** Whether the server said that it can upgrade. `unasked`: the protocol, or this server, has no way to say so. */
export type Offer = 'offered' | 'missing' | 'unasked';

/** What a server let a client see before TLS. Nothing of it may be used after. */
export interface Opening {
  /** The first thing it said; empty where the client speaks first. */
  readonly greeting: string;
  /** Capabilities as the protocol lists them, one entry each. */
  readonly capabilities: readonly string[];
  readonly offer: Offer;
  /** Why an upgrade is impossible although the server answers, such as IMAP's PREAUTH; null when nothing stands in its way. */
  readonly obstacle: 'preauth' | null;
  /** What in the clear part looks like somebody removed the offer; null when nothing does. */
  readonly suspicion: string | null;
  /** What the server wants instead of an upgrade, for the message that there is no offer. */
  readonly instead?: string;
}

/** The answer to the trigger. */
export interface Reply {
  readonly accepted: boolean;
  /** The protocol's own word or number: `220`, `OK`, `S`, `0`; empty where there is none (MySQL). */
  readonly code: string;
  /** Enhanced status code (RFC 3463), where the reply has one. */
  readonly enhanced: string | null;
  readonly text: string;
  /** Whether the server ends the connection with this refusal, so that no policy can go on in clear. */
  readonly final?: boolean;
}

export interface ClientDialogue {
  /** Everything up to the trigger: greeting, introduction, capabilities. Also the first thing inside direct TLS. */
  openOp(wire: Wire, parties: Parties): Op<Opening>;
  /** Sends the trigger and reads its reply to the last byte, and no further. */
  requestOp(wire: Wire, parties: Parties): Op<Reply>;
  /** The trigger, for people: `STARTTLS`, `SSLRequest`. */
  readonly trigger: string;
  /** Inside TLS: asks again for what was said in clear; null where nothing can be asked before the user logs in. */
  renewOp(wire: Wire, parties: Parties): Op<readonly string[] | null>;
  /** Takes leave, as far as the protocol has a way to; does not wait for an answer. */
  leaveOp(wire: Wire): Op<void>;
  /** Whether a user may log in, or send what matters, although the connection is in clear, going by the opening. */
  credentialsInClear(opening: Opening): boolean | null;
}

/** A way in which a server deceives its clients, for tests of clients (reference starttls-protocols §4). */
export type Attack =
  | 'inject-line'
  | 'inject-half-line'
  | 'inject-multiline'
  | 'omit'
  | 'rename'
  | 'refuse'
  | 'preauth'
  | 'no-hello'
  | 'tamper'
  | 'early-greeting'
  | 'garbage'
  | 'silence'
  | 'drip';

/** What a server remembers of one connection. A new one is made when TLS starts, so that nothing said in clear survives. */
export interface Session {
  readonly host: string;
  readonly encrypted: boolean;
  readonly attack: Attack | null;
  /** Where it can be connected to once more, for FTP's data; null when this server has no means to. */
  readonly ports: DataPorts | null;
  /** Whatever the dialect keeps: names, states, envelopes. `user` is there once the client has logged in. */
  readonly memory: Map<string, string>;
}

/** What a command led to. With `upgrade`, `goAhead` is what the server says last in clear; it may be empty (MySQL). */
export type Served =
  | { readonly kind: 'served' }
  | { readonly kind: 'upgrade'; readonly goAhead: Uint8Array }
  | { readonly kind: 'closed' };

export interface ServerDialogue {
  /** What the server says on connecting, and first of all inside direct TLS. */
  greetOp(wire: Wire, session: Session): Op<void>;
  /** Reads one command and answers it. */
  commandOp(wire: Wire, session: Session): Op<Served>;
  /** What the server says unasked after an upgrade (ManageSieve's capabilities, HTTP's answer). */
  renewedOp(wire: Wire, session: Session): Op<void>;
  /** What this protocol's attacker injects behind the go-ahead: a whole message, which half of it is cut from. */
  readonly injection: Uint8Array;
  /** The attacks that make sense in this protocol. */
  readonly attacks: readonly Attack[];
}

export interface Dialect {
  readonly name: string;
  readonly title: string;
  readonly spec: string;
  /** Schemes of URLs in which the connection begins in clear, and with TLS at once; null where there is no such thing. */
  readonly scheme: string | null;
  readonly directScheme: string | null;
  /** The port where TLS is asked for; null where none is assigned. */
  readonly port: number | null;
  readonly directPort: number | null;
  /** The ALPN id for TLS from the first byte; null where none is assigned. */
  readonly alpn: string | null;
  /** Whether the ALPN id is also sent on an upgraded connection. */
  readonly alpnOnUpgrade: boolean;
  /** What has to be asked or said again after TLS, in words. */
  readonly redo: string;
  /** Whether the service is a domain, which may be on a host of another name: `xmpp://domain@host`. */
  readonly addressesDomain?: boolean;
  /** One exchange in words, for protocols whose messages are not text. Never throws, whatever the bytes are. */
  readonly describe?: (from: Role, bytes: Uint8Array) => string;
  readonly client: ClientDialogue;
  readonly server: ServerDialogue;
}
