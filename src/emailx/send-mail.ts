/**
 * Mail for new code: one call, typed options, and a result that says what the server took, in which words, and over which
 * TLS session. It speaks through the same session and transaction as XCALL EMAILX.
 */
import { CancelledError } from '../core/errors.ts';
import { runAsync } from '../core/run.ts';
import { errnoStatus } from '../tcpx/status.ts';
import { deliverOp, refusedMail, type SentMail } from './deliver.ts';
import { EmailxError } from './error.ts';
import { type ContentDefaults, type MailContent, NO_DEFAULTS, prepareContent } from './mail-content.ts';
import { type DeliverySettings, type MailOptions, parseDelivery } from './mail-options.ts';
import { MailStreams } from './mail-streams.ts';
import type { Message } from './message.ts';
import type { Spool } from './spool.ts';
import { readable } from './text.ts';

/** What stands beside the options where they come from the command line and a configuration file. */
export interface Adjustments {
  readonly delivery: Partial<DeliverySettings>;
  readonly content: ContentDefaults;
}

const NONE: Adjustments = { delivery: {}, content: NO_DEFAULTS };

/**
 * Sends one message over a connection of its own. Every file is opened and every address checked before the first byte
 * goes out. The event loop stays free.
 *
 * @throws MailError when the message could not be sent, or may not have been; UsageError for options that make no sense;
 *   EngineError where the engine that was asked for is not available
 */
export async function sendMail(options: MailOptions): Promise<SentMail> {
  return sendAdjusted(options, NONE);
}

/** {@link sendMail} with what a configuration file says. */
export async function sendAdjusted(options: MailOptions, adjustments: Adjustments): Promise<SentMail> {
  return usingContent(options, adjustments, (content, settings) => deliver(options, settings, content));
}

async function deliver(options: MailOptions, settings: DeliverySettings, content: MailContent): Promise<SentMail> {
  const { signal } = settings;
  if (signal?.aborted === true) throw new CancelledError('the call was aborted before it began');
  const job = options.job ?? (await import('./own-job.ts')).ownJob(options);
  try {
    return await runAsync(deliverOp(settings, content, job.caller('async'), job.engine), signal);
  } finally {
    if (options.job === undefined) job.close();
  }
}

/** The contents while `use` works with them, with what streams brought. */
async function usingContent<T>(
  options: MailOptions,
  { delivery, content: defaults }: Adjustments,
  use: (content: MailContent, settings: DeliverySettings) => Promise<T>,
): Promise<T> {
  const streams = new MailStreams(options);
  let spool: Spool | null = null;
  try {
    const settings = { ...parseDelivery(options), ...delivery };
    if (streams.any) spool = new (await import('./spool.ts')).Spool(streams, settings.until, settings.signal);
    const content = prepareContent(spool === null ? options : await spool.take(options), defaults);
    try {
      // They are open: where a name is not needed for that, none is left behind by a process that is killed.
      if (process.platform !== 'win32') await spool?.dispose();
      return await use(content, settings);
    } finally {
      content.message.close();
    }
  } catch (error) {
    throw refusal(error);
  } finally {
    streams.end();
    await spool?.dispose();
  }
}

/** What `composeMail` gives. */
export interface ComposedMail {
  /** In the form for a server that takes any octets. To be closed. */
  readonly message: Message;
  readonly envelope: { readonly from: string; readonly to: readonly string[] };
}

/**
 * The message and envelope that {@link sendMail} would send.
 *
 * @throws UsageError; MailError for a file that is missing, empty or cannot be sent
 */
export function composeMail(options: MailOptions): ComposedMail {
  parseDelivery(options);
  return composedMail(prepare(options));
}

/** {@link composeMail} with what a configuration file says, and with streams. The message is closed after `use`. */
export function composeAdjusted<T>(
  options: MailOptions,
  adjustments: Adjustments,
  use: (composed: ComposedMail) => Promise<T>,
): Promise<T> {
  return usingContent(options, adjustments, (content) => use(composedMail(content)));
}

function composedMail({ message, envelope }: MailContent): ComposedMail {
  return { message, envelope: { from: readable(envelope.sender), to: envelope.recipients.map(readable) } };
}

/** The contents, or the one error of this library. */
export function prepare(options: MailOptions): MailContent {
  try {
    return prepareContent(options, NO_DEFAULTS);
  } catch (error) {
    throw refusal(error);
  }
}

/** What was refused before anything was sent, as the one error of this library. */
function refusal(error: unknown): unknown {
  if (error instanceof EmailxError) return refusedMail(error, error.status);
  return error instanceof CancelledError ? refusedMail(error, errnoStatus('ECANCELED')) : error;
}
