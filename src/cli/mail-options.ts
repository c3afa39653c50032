/** The options of `tcpx mail`. */
import { UsageError } from '../core/errors.ts';
import { parseTopics, type TraceTopic } from '../core/trace.ts';
import type { MailAttachment } from '../emailx/mail-attachments.ts';
import type { TlsUse } from '../emailx/mail-options.ts';
import type { MechanismName } from '../emailx/sasl.ts';
import type { TlsOptions } from '../tls/settings.ts';
import { type CommandLine, chosen, numberOption, type OptionTable, parseOptions } from './option-table.ts';

export const OPTIONS = {
  server: { type: 'string', short: 's', value: 'HOST[:PORT]', help: 'the SMTP server; port 587, with --tls 465' },
  from: {
    type: 'string',
    short: 'f',
    value: 'ADDRESS',
    help: "the sender, as me@example.com or 'Me <me@example.com>'",
  },
  to: { type: 'string', value: 'ADDRESS', multiple: true, help: 'recipients: may be repeated, and a list with commas' },
  cc: { type: 'string', value: 'ADDRESS', multiple: true, help: 'further recipients' },
  bcc: { type: 'string', value: 'ADDRESS', multiple: true, help: 'recipients that no header line names' },
  'reply-to': { type: 'string', value: 'ADDRESS', multiple: true, help: 'where answers go' },
  subject: { type: 'string', value: 'TEXT', help: 'the subject' },
  text: { type: 'string', value: 'TEXT', help: 'the message; without any, standard input is' },
  'text-file': { type: 'string', value: 'FILE', help: 'the message from a file, - is standard input; UTF-8' },
  'html-file': { type: 'string', value: 'FILE', help: 'the message as HTML, beside or instead of the text; UTF-8' },
  attach: {
    type: 'string',
    short: 'a',
    value: 'FILE[:TYPE]',
    multiple: true,
    help: 'attach a file, as report.pdf or data:text/csv',
  },
  header: { type: 'string', value: "'NAME: TEXT'", multiple: true, help: 'a further header line' },
  message: {
    type: 'boolean',
    short: 't',
    help: 'standard input is a complete message; To, Cc and Bcc receive it, Bcc lines are taken out',
  },
  'envelope-from': {
    type: 'string',
    value: 'ADDRESS',
    help: 'whom the server tells of failures, instead of --from; <> for nobody',
  },
  config: {
    type: 'string',
    value: 'FILE',
    help: 'an EMAILX configuration file for what the command line does not say',
  },
  tls: { type: 'boolean', help: 'TLS from the first byte' },
  starttls: { type: 'boolean', help: 'TLS by STARTTLS, or nothing is sent; the default' },
  'prefer-starttls': { type: 'boolean', help: 'STARTTLS where the server offers it, else in clear' },
  'no-tls': { type: 'boolean', help: 'in clear' },
  user: { type: 'string', short: 'u', value: 'NAME', help: 'log in by this name' },
  'password-file': { type: 'string', value: 'FILE', help: 'the password is the one line of this file' },
  'password-env': { type: 'string', value: 'NAME', help: 'the password is in this variable of the environment' },
  auth: {
    type: 'string',
    value: 'MECHANISM',
    help: 'AUTO (default), PLAIN, LOGIN, CRAM-MD5, SCRAM-SHA-256 or XOAUTH2 (with a token)',
  },
  'clear-auth': { type: 'boolean', help: 'let the password cross in clear' },
  host: { type: 'string', value: 'NAME', help: 'what EHLO names; default this host' },
  verify: {
    type: 'string',
    value: 'full|none',
    help: 'check certificate and name of the server; default full, or TCPX_TLS_VERIFY',
  },
  ca: { type: 'string', value: 'FILE', help: 'trusted certificates (PEM) instead of those of the system' },
  cert: { type: 'string', value: 'FILE', help: 'own certificate with its chain (PEM)' },
  key: { type: 'string', value: 'FILE', help: 'private key of --cert (PEM)' },
  servername: { type: 'string', value: 'NAME', help: 'name to send and to check, where it is not the host' },
  engine: {
    type: 'string',
    value: 'auto|gnutls|node',
    help: 'engine; default TCPX_ENGINE, else auto, which is node with --no-tls',
  },
  partial: { type: 'boolean', help: 'a refused recipient leaves the others alone' },
  'no-pipelining': {
    type: 'boolean',
    help: 'one command at a time, for a server that offers PIPELINING and cannot do it',
  },
  timeout: { type: 'string', value: 'MS', help: 'the end of it all, once the text or header is read; default none' },
  patience: { type: 'string', value: 'MS', help: 'the longest silence of the server; default 30000' },
  'dry-run': { type: 'boolean', help: 'print envelope and message, connect to nobody' },
  json: { type: 'boolean', help: 'the result as one line of JSON' },
  verbose: { type: 'boolean', short: 'v', help: 'the conversation with the server to standard error' },
  trace: { type: 'string', value: 'TOPICS', help: 'socks, xdebug, data, separated by commas: trace to standard error' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const satisfies OptionTable;

type Line = CommandLine<keyof typeof OPTIONS>;

/** What the command line says; null where it says nothing. */
export interface MailCommand {
  readonly help: boolean;
  readonly server: string | null;
  readonly from: string | null;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
  readonly replyTo: readonly string[];
  readonly subject: string | null;
  readonly text: string | null;
  readonly textFile: string | null;
  readonly htmlFile: string | null;
  readonly attachments: readonly MailAttachment[];
  readonly headers: Readonly<Record<string, string>>;
  /** Standard input is a complete message. */
  readonly complete: boolean;
  readonly envelopeFrom: string | null;
  readonly config: string | null;
  readonly use: TlsUse | null;
  readonly user: string | null;
  readonly password: { readonly file: string | null; readonly variable: string | null };
  readonly auth: MechanismName | 'AUTO' | null;
  readonly clearAuth: boolean;
  readonly host: string | null;
  readonly tls: TlsOptions;
  readonly engine: 'auto' | 'gnutls' | 'node' | null;
  readonly partial: boolean;
  readonly pipelining: boolean;
  readonly timeout: number | null;
  readonly patience: number | null;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly trace: readonly TraceTopic[] | null;
}

const AUTH = ['AUTO', 'PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256', 'XOAUTH2'] as const satisfies readonly (
  | MechanismName
  | 'AUTO'
)[];
/** What makes a message, and has no place beside a complete one. */
const OF_LETTERS = [
  'to',
  'cc',
  'bcc',
  'reply-to',
  'header',
  'attach',
  'subject',
  'text',
  'text-file',
  'html-file',
] as const;
const TLS_USES = { tls: 'implicit', starttls: 'require', 'prefer-starttls': 'prefer', 'no-tls': 'never' } as const;
/** What a timer of Node can be. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** @throws UsageError that names the option and the remedy */
export function parseMailOptions(args: readonly string[]): MailCommand {
  const line = parseOptions(OPTIONS, args);
  const { one, all, is, positionals } = line;
  // An argument that is no option could be a password; it is not shown.
  if (positionals.length > 0) throw new UsageError('there are no arguments without an option; recipients are --to');
  const complete = is('message');
  const beside = complete ? OF_LETTERS.find((name) => one(name) !== null || all(name).length > 0) : undefined;
  if (beside !== undefined) throw new UsageError(`with -t the message is complete: --${beside} does not go with it`);
  if (one('text') !== null && one('text-file') !== null) throw new UsageError('--text or --text-file, not both');
  if (one('text-file') === '-' && one('html-file') === '-') {
    throw new UsageError('standard input is the text or the HTML, not both: --text-file - or --html-file -');
  }
  const trace = one('trace');
  return {
    help: is('help'),
    server: one('server'),
    from: one('from'),
    to: all('to'),
    cc: all('cc'),
    bcc: all('bcc'),
    replyTo: all('reply-to'),
    subject: one('subject'),
    text: one('text'),
    textFile: one('text-file'),
    htmlFile: one('html-file'),
    attachments: all('attach').map(attachment),
    headers: headersOf(all('header')),
    complete,
    envelopeFrom: one('envelope-from'),
    config: one('config'),
    use: tlsUse(line),
    user: one('user'),
    password: { file: one('password-file'), variable: one('password-env') },
    auth: chosen('auth', one('auth')?.toUpperCase() ?? null, AUTH),
    clearAuth: is('clear-auth'),
    host: one('host'),
    tls: tlsOptions(line),
    engine: chosen('engine', one('engine'), ['auto', 'gnutls', 'node'] as const),
    partial: is('partial'),
    pipelining: !is('no-pipelining'),
    timeout: numberOption('timeout', one('timeout'), 1, LONGEST_TIMER),
    patience: numberOption('patience', one('patience'), 1, LONGEST_TIMER),
    dryRun: is('dry-run'),
    json: is('json'),
    verbose: is('verbose'),
    trace: trace === null ? null : [...parseTopics(trace.split(','))],
  };
}

function tlsUse({ is }: Line): TlsUse | null {
  const given = (['tls', 'starttls', 'prefer-starttls', 'no-tls'] as const).filter(is);
  const [first, second] = given;
  if (second !== undefined) throw new UsageError(`--${first} or --${second}, not both`);
  return first === undefined ? null : TLS_USES[first];
}

function tlsOptions({ one }: Line): TlsOptions {
  const text = (key: 'ca' | 'cert' | 'key' | 'servername') => {
    const value = one(key);
    return value === null ? {} : { [key]: value };
  };
  const verify = chosen('verify', one('verify'), ['full', 'none'] as const);
  return {
    ...text('ca'),
    ...text('cert'),
    ...text('key'),
    ...text('servername'),
    ...(verify === null ? {} : { verify }),
  };
}

/** `report.pdf`, or `data:text/csv; charset=utf-8` where the name does not tell the type. */
function attachment(text: string): MailAttachment {
  const [, file = text, contentType] = /^(.+):([A-Za-z]+\/[A-Za-z0-9.+-]+(?: *;.*)?)$/s.exec(text) ?? [];
  if (file === '') throw new UsageError('--attach needs a file');
  return { file, ...(contentType === undefined ? {} : { contentType }) };
}

function headersOf(lines: readonly string[]): Record<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = /^([^:\s]+)\s*:\s*(.*)$/s.exec(line) ?? [];
    if (name === undefined || value === undefined) {
      throw new UsageError(`--header is written as 'Name: text', not '${line.slice(0, 40)}'`);
    }
    if (headers.has(name)) throw new UsageError(`--header ${name} is there twice`);
    headers.set(name, value);
  }
  return Object.fromEntries(headers);
}
