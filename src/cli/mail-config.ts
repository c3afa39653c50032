/** An EMAILX configuration file behind the options of `tcpx mail`: what the command line says wins. */
import { UsageError } from '../core/errors.ts';
import { type AuthMode, type ConfigFile, type ConfigItems, readConfig, type Security } from '../emailx/config-file.ts';
import { connLockOp, lockDirectory } from '../emailx/connlock.ts';
import { contentOf } from '../emailx/content.ts';
import { EmailxError } from '../emailx/error.ts';
import { type MailLog, openLog } from '../emailx/log.ts';
import { conversationLogger } from '../emailx/log-exchange.ts';
import type { MailOptions, TlsUse } from '../emailx/mail-options.ts';
import { type EmailxPolicy, parseEmailxOptions } from '../emailx/options.ts';
import { Redactor } from '../emailx/redactor.ts';
import type { Adjustments } from '../emailx/send-mail.ts';
import type { ServerAddress } from '../emailx/server-address.ts';
import {
  type CallSettings,
  type ConnectionSettings,
  type EmailxSettings,
  logSettings,
  mergeSettings,
} from '../emailx/settings.ts';
import { readable } from '../emailx/text.ts';
import type { MailCommand } from './mail-options.ts';

export interface ConfiguredMail {
  readonly options: Pick<MailOptions, 'server'> & Partial<MailOptions>;
  readonly adjustments: Adjustments;
  /** What was not understood, for people. */
  readonly remarks: readonly string[];
  readonly log: MailLog;
}

const USES: Readonly<Record<Security, TlsUse>> = { none: 'never', tls: 'implicit', starttls: 'require' };

/** A file of which it is known what it says. */
export interface MailConfig extends ConfigFile {
  readonly path: string;
}

/** @throws UsageError for a file that cannot be read, or is none */
export function readMailConfig(path: string): MailConfig {
  return { ...asUsage(() => readConfig(path, 'ignored')), path };
}

/**
 * @param password in bytes as Latin-1; blank for that of the file
 * @throws UsageError for settings that cannot be used
 */
export function configuredMail(config: MailConfig, command: MailCommand, password: string): ConfiguredMail {
  const policy = parseEmailxOptions({ jobName: `tcpx-mail-${process.pid}` });
  // Whoever names a user wants to log in, as with both credentials in a call.
  const auth = command.auth ?? (command.user === null ? null : loginOf(config.items.auth));
  const items = { ...config.items, ...(auth === null ? {} : { auth }) };
  const log = openLog(logSettings(items, policy.assume), policy, new Redactor());
  const remarks = config.ignored.map(
    ({ line, item }) => `${config.path} line ${line}: there is no item ${item}; ignored`,
  );
  for (const remark of remarks) log.step(remark);
  try {
    const settings = mergeSettings(callOf(command, password), items, policy.assume);
    const adjustments = adjustmentsOf(settings, command, policy, log);
    return { options: optionsOf(settings, items, command), adjustments, remarks, log };
  } catch (error) {
    if (error instanceof EmailxError) log.error(error.status, error.message);
    log.close();
    return asUsage(() => {
      throw error;
    });
  }
}

function loginOf(auth: ConfigItems['auth']): Exclude<AuthMode, 'NONE'> {
  return auth === null || auth === 'NONE' ? 'AUTO' : auth;
}

function callOf({ server, host, user }: MailCommand, password: string): CallSettings {
  const bytes = (text: string | null) => Buffer.from(text ?? '', 'utf8').toString('latin1');
  return {
    opflags: 0,
    from: '',
    signature: '',
    server: server ?? '',
    host: bytes(host),
    username: bytes(user),
    password,
  };
}

function optionsOf(settings: EmailxSettings, items: ConfigItems, command: MailCommand): ConfiguredMail['options'] {
  const { sender, replyTo } = settings;
  const from = command.from ?? (sender === '' ? null : readable(sender));
  const answers =
    command.replyTo.length > 0 || replyTo === '' || command.complete ? {} : { replyTo: readable(replyTo) };
  return {
    server: command.server ?? addressOf(connectionOf(settings).server),
    tls: command.use ?? (items.secure === null ? 'require' : USES[items.secure]),
    ...(from === null ? {} : { from }),
    ...answers,
  };
}

function adjustmentsOf(
  settings: EmailxSettings,
  { patience }: MailCommand,
  { assume, files }: EmailxPolicy,
  log: MailLog,
): Adjustments {
  const { helo, secureHello, credentials, connLock } = connectionOf(settings);
  const { wait, dataWait, finalWait, domain, redirect, addBcc } = settings;
  const signature = contentOf(settings.signature);
  return {
    delivery: {
      host: helo,
      auth: credentials && {
        mechanism: credentials.mode,
        credentials: { username: credentials.username, password: credentials.password.reveal() },
      },
      secondHello: secureHello,
      ...(patience === null ? { patience: wait, dataPatience: dataWait, finalPatience: finalWait } : {}),
      lockOp: connLock ? (until) => connLockOp(lockDirectory(assume.lockDirectory), until) : null,
      log,
      observer: log.wants('conversation') ? conversationLogger(log) : null,
    },
    content: {
      domain: readable(domain),
      redirect: readable(redirect),
      addBcc: addBcc.map(readable),
      signature:
        signature === null || 'bytes' in signature
          ? signature
          : { file: files.locate(signature.file, 'signatureUnreadable', 'SIGNATURE') },
    },
  };
}

function connectionOf({ connection }: EmailxSettings): ConnectionSettings {
  if (connection === null) throw new Error('a mail opens a session');
  return connection;
}

function addressOf({ host, port }: ServerAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function asUsage<T>(use: () => T): T {
  try {
    return use();
  } catch (cause) {
    throw cause instanceof EmailxError ? new UsageError(cause.message, { cause }) : cause;
  }
}
