/** Mail from programs: `sendMail` for new code. XCALL EMAILX is called through `xcall` of the package itself. */
export type { TlsInfo } from '../tcpx/index.ts';
export type { AttachmentOptions, TransferEncoding } from './attachments.ts';
export type { Letter } from './compose-mail.ts';
export type { Message } from './message.ts';
export type { MechanismName } from './sasl.ts';
export {
  composeMail,
  type MailCredentials,
  MailError,
  type MailOptions,
  type SentMail,
  type ServerReply,
  sendMail,
  sendMailSync,
  type TlsUse,
} from './send-mail.ts';
export type { Delivery, Envelope, RefusedRecipient } from './transaction.ts';
