/// <reference types="node" preserve="true" />
/**
 * tcpx/starttls: from clear text to TLS in every protocol that has a way there.
 *
 * {@link starttls} connects, or takes a TCPX socket or a Node stream, and gives the encrypted connection with the facts
 * of how it came about. {@link ftp} goes on from there, because FTP's data need connections of their own.
 * {@link serveStarttls} is a server to try clients against.
 */
import '../tcpx/engine-native.ts';
import '../tcpx/engine-node.ts';

export { CancelledError, EngineError, TcpxError, UsageError } from '../core/errors.ts';
export type { CertificateFacts } from '../tls/certificate.ts';
export type { PeerCertificate, RefusedPeer, StapledResponse, TlsInfo, VerifyResult } from '../tls/info.ts';
export type { StapledStatus } from '../tls/ocsp.ts';
export type { VerifyReason } from '../tls/verify.ts';
export { ATTACKS, type AttackRow } from './attacks.ts';
export { ChannelError, type Origin, type Role, type Stray } from './channel.ts';
export type { ChannelDuplex as StarttlsStream } from './channel-duplex.ts';
export type { Attack, Reply } from './dialect.ts';
export { DialogueError, type DialogueFault } from './dialogue-error.ts';
export { type Ftp, type FtpClient, type FtpClientSync, type FtpOptions, ftp } from './ftp-client.ts';
export type { FtpReply } from './ftp-reply.ts';
export type { FtpTransfer, TakePart } from './ftp-transfer.ts';
export { INJECTION_CHANNEL, type Injection, type InjectionPolicy } from './injections.ts';
export type { Negotiation, Outcome, Timings, UpgradePolicy } from './negotiation.ts';
export type {
  HostOptions,
  SocketOptions,
  StarttlsOptions,
  StreamOptions,
  SyncOptions,
  UrlOptions,
} from './options.ts';
export { type StarttlsServer, serveStarttls } from './server.ts';
export type { ConnectionEnd, ConnectionFacts, ServerEvent, ServiceOutcome } from './server-events.ts';
export type { ServerOptions, ServerSession } from './server-options.ts';
export { NegotiationError, type Starttls, starttls, type Upgraded, type UpgradedSync } from './starttls.ts';
export { type Mode, SCHEMES, type Scheme } from './target.ts';
export type { Exchange } from './wire.ts';
