/// <reference types="node" preserve="true" />
/** Mail from programs: `sendMail` for new code. XCALL EMAILX is called through `xcall` of the package itself. */
export { EngineError, TcpxError, UsageError } from '../core/errors.ts';
export type { TlsInfo } from '../tcpx/index.ts';
export type { TransferEncoding } from './attachments.ts';
export type { AttachmentFacts, Carriage } from './compose.ts';
export type { Letter } from './compose-mail.ts';
export type { SentMail } from './deliver.ts';
export type { MailAttachment } from './mail-attachments.ts';
export { MailError, type MailFailure, type ServerReply } from './mail-error.ts';
export type {
  CompleteMessage,
  MailCredentials,
  MailEnvelope,
  MailOptions,
  MailStream,
  TlsUse,
} from './mail-options.ts';
export type { Message } from './message.ts';
export type { MechanismName } from './sasl.ts';
export { type ComposedMail, composeMail, sendMail } from './send-mail.ts';
export { sendMailSync } from './send-mail-sync.ts';
export type { Refusal } from './statuses.ts';
export type { Delivery, RefusedRecipient } from './transaction.ts';
export type { PortSpeech } from './wrong-mode.ts';
