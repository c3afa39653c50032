/** From the command line of `tcpx mail`, a configuration file and standard input to the options of sendMail. */
import { UsageError } from '../core/errors.ts';
import { reasonOf } from '../core/reason.ts';
import { NO_DEFAULTS } from '../emailx/mail-content.ts';
import type { MailOptions } from '../emailx/mail-options.ts';
import type { Adjustments } from '../emailx/send-mail.ts';
import type { MailConfig } from './mail-config.ts';
import type { MailCommand } from './mail-options.ts';

export interface MailRequest {
  readonly options: MailOptions;
  readonly adjustments: Adjustments;
  /** For people: what in the configuration was not understood. */
  readonly remarks: readonly string[];
  /** To be called when the mail is sent. */
  close(): void;
}

/** Text that is typed or written; what is larger is an attachment, in bytes. */
const LONGEST_TEXT = 67_108_864;

/** @throws UsageError for what does not make a mail */
export async function requestOf(command: MailCommand): Promise<MailRequest> {
  const config = command.config === null ? null : (await import('./mail-config.ts')).readMailConfig(command.config);
  const password = await passwordOf(command, config);
  const base = config === null ? plain(command, password) : await configured(config, command, password);
  try {
    const contents = command.complete ? await completeOf(command, base) : await letterOf(command);
    const { timeout, patience, partial, pipelining, clearAuth } = command;
    const options = {
      ...base.options,
      ...contents,
      partial,
      pipelining,
      clearAuth,
      ...(timeout === null ? {} : { timeout }),
      ...(patience === null ? {} : { patience }),
    };
    return { ...base, options };
  } catch (error) {
    base.close();
    throw error;
  }
}

function plain(command: MailCommand, password: string | null): MailRequest {
  const { server, from, use, host, user, auth } = command;
  if (server === null) throw new UsageError('--server HOST is missing, or --config FILE that names one');
  if (auth !== null && user === null) throw new UsageError('--auth needs --user');
  const username = Buffer.from(user ?? '', 'utf8').toString('latin1');
  const credentials = password === null ? null : { mechanism: auth ?? 'AUTO', credentials: { username, password } };
  return {
    options: {
      server,
      ...(from === null ? {} : { from }),
      ...(use === null ? {} : { tls: use }),
      ...(host === null ? {} : { host }),
    },
    adjustments: { delivery: credentials === null ? {} : { auth: credentials }, content: NO_DEFAULTS },
    remarks: [],
    close() {},
  };
}

async function configured(config: MailConfig, command: MailCommand, password: string | null): Promise<MailRequest> {
  const { configuredMail } = await import('./mail-config.ts');
  const { log, ...mail } = configuredMail(config, command, password ?? '');
  return { ...mail, close: () => log.close() };
}

/** In bytes as Latin-1; null where nobody logs in, or the configuration knows it. */
async function passwordOf(command: MailCommand, config: MailConfig | null): Promise<string | null> {
  const { user, password, dryRun } = command;
  const isGiven = password.file !== null || password.variable !== null;
  if (user === null && config === null) {
    if (isGiven) throw new UsageError('--password-file and --password-env need --user');
    return null;
  }
  if (dryRun || (!isGiven && (user === null || config?.items.password.isBlank === false))) return null;
  const fromInput = password.file === '-' || !isGiven;
  if (fromInput && readsInput(command)) {
    throw new UsageError('standard input is the message: give the password by --password-file or --password-env');
  }
  const { readSecret } = await import('./secret-input.ts');
  return await readSecret(password, `Password of ${user ?? 'the configuration’s user'}`, false);
}

/** Whether standard input is read for the message. */
export function readsInput({ complete, text, textFile, htmlFile }: MailCommand): boolean {
  return complete || textFile === '-' || htmlFile === '-' || (text === null && textFile === null && htmlFile === null);
}

type Contents = Partial<MailOptions>;

async function completeOf({ from, envelopeFrom }: MailCommand, base: MailRequest): Promise<Contents> {
  const { completeInput } = await import('./mail-input.ts');
  const { message, ...envelope } = await completeInput(process.stdin, {
    from,
    otherwise: base.options.from ?? null,
    domain: base.adjustments.content.domain,
  });
  return { message, envelope: { ...envelope, ...(envelopeFrom === null ? {} : { from: envelopeFrom }) } };
}

async function letterOf(command: MailCommand): Promise<Contents> {
  const { to, cc, bcc, replyTo, subject, attachments, headers, envelopeFrom } = command;
  const html = command.htmlFile === null ? null : await fileText('--html-file', command.htmlFile);
  const text = await textOf(command);
  return {
    ...(to.length === 0 ? {} : { to }),
    ...(cc.length === 0 ? {} : { cc }),
    ...(bcc.length === 0 ? {} : { bcc }),
    ...(replyTo.length === 0 ? {} : { replyTo }),
    ...(subject === null ? {} : { subject }),
    ...(text === null ? {} : { text }),
    ...(html === null ? {} : { html }),
    ...(attachments.length === 0 ? {} : { attachments }),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    ...(envelopeFrom === null ? {} : { envelope: { from: envelopeFrom } }),
  };
}

/** Null where the message is HTML alone. */
async function textOf({ text, textFile, htmlFile }: MailCommand): Promise<string | null> {
  if (text !== null) return text;
  if (textFile !== null) return await fileText('--text-file', textFile);
  return htmlFile === null ? await fileText('standard input', '-') : null;
}

async function fileText(what: string, file: string): Promise<string> {
  const { createReadStream } = await import('node:fs');
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of file === '-' ? process.stdin : createReadStream(file)) {
      length += chunk.length;
      if (length > LONGEST_TEXT) throw new UsageError(`${what} holds more than ${LONGEST_TEXT} bytes: attach it`);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`${what} ${file} cannot be read: ${reasonOf(cause)}`, { cause });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks, length));
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new UsageError(`${what} is not UTF-8: convert it, or attach it`, { cause });
  }
}
