// Postfix and Dovecot under one name.

export { type Account, type Dovecot, type DovecotOptions, type Mechanism, startDovecot } from './dovecot.ts';
export { type MailDirectory, withoutTrace } from './mail-directory.ts';
export {
  type Postfix,
  type PostfixOptions,
  type SaslOptions,
  type SmtpSink,
  type SmtpSinkOptions,
  startPostfix,
  startSmtpSink,
} from './postfix.ts';
