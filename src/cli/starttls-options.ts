/** The options of `tcpx starttls`. */
import { UsageError } from '../core/errors.ts';
import { isIP } from '../core/ip.ts';
import { parseTopics, type TraceTopic } from '../core/trace.ts';
import type { InjectionPolicy } from '../starttls/injections.ts';
import type { UpgradePolicy } from '../starttls/negotiation.ts';
import { schemeNamed } from '../starttls/target.ts';
import type { TlsOptions } from '../tls/settings.ts';
import { chosen, numberOption, type OptionTable, parseOptions } from './option-table.ts';

export const OPTIONS = {
  proto: { type: 'string', value: 'NAME', help: 'protocol of targets that are written without one, as host:port' },
  servername: { type: 'string', value: 'NAME', help: 'name to send and to check, where it is not the host' },
  verify: { type: 'string', value: 'full|none', help: 'check certificate and name; default full, or TCPX_TLS_VERIFY' },
  ca: { type: 'string', value: 'FILE', help: 'trusted certificates (PEM) instead of those of the system' },
  cert: { type: 'string', value: 'FILE', help: 'own certificate with its chain (PEM)' },
  key: { type: 'string', value: 'FILE', help: 'private key of --cert (PEM)' },
  alpn: { type: 'string', value: 'a,b', help: 'protocols to offer by ALPN, instead of that of the protocol' },
  priority: { type: 'string', value: 'STRING', help: 'GnuTLS priority string; OpenSSL gets its translation' },
  engine: {
    type: 'string',
    value: 'auto|gnutls|node|both',
    help: 'both: one after the other, with the differences; default auto',
  },
  timeout: {
    type: 'string',
    value: 'MS',
    help: 'for each connection, up to the last answer inside TLS; default 15000',
  },
  'expires-within': {
    type: 'string',
    value: 'DAYS',
    help: 'a certificate that expires sooner is not good; default 14',
  },
  policy: {
    type: 'string',
    value: 'require|prefer|never',
    help: 'prefer and never let the connection stay in clear; default require',
  },
  injected: { type: 'string', value: 'reject|drop', help: 'plaintext where only TLS may follow; default reject' },
  quit: { type: 'boolean', help: 'leave after the report, without a session' },
  check: { type: 'boolean', help: 'one line with a verdict, and its exit status' },
  'attack-ok': {
    type: 'string',
    value: 'HOST',
    multiple: true,
    help: 'with --check: this host may be sent injected commands too',
  },
  json: { type: 'boolean', help: 'JSON; with --targets one line each' },
  targets: {
    type: 'string',
    value: 'FILE',
    help: 'check many: one target a line, # begins a comment, - is standard input',
  },
  jobs: { type: 'string', value: 'N', help: 'targets at a time; default 32' },
  format: { type: 'string', value: 'table|json|csv', help: 'of the result of --targets; default table' },
  serve: {
    type: 'string',
    value: 'PROTOCOL',
    help: 'be a server to try clients against; --serve --help tells its options',
  },
  trace: { type: 'string', value: 'TOPICS', help: 'socks, xdebug, data, separated by commas: trace to standard error' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const satisfies OptionTable;

export type EngineChoice = 'auto' | 'gnutls' | 'node' | 'both';
export type Format = 'table' | 'json' | 'csv';

export interface StarttlsCommand {
  readonly help: boolean;
  /** The target as it was written; null with `targets`. */
  readonly target: string | null;
  readonly targets: string | null;
  readonly proto: string | null;
  readonly engine: EngineChoice | null;
  readonly tls: TlsOptions;
  readonly timeout: number;
  readonly expiresWithin: number;
  readonly policy: UpgradePolicy;
  readonly injected: InjectionPolicy;
  /** What to do once the connection is there, or is not. */
  readonly action: 'session' | 'report' | 'check';
  readonly attackOk: readonly string[];
  readonly jobs: number;
  readonly format: Format | null;
  readonly trace: readonly TraceTopic[];
}

const DEFAULT_TIMEOUT = 15_000;
const DEFAULT_EXPIRES_WITHIN = 14;
const DEFAULT_JOBS = 32;
const MOST_JOBS = 1_000;
/** What a timer of Node can be. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** A century. */
const MOST_DAYS = 36_500;

/** @throws UsageError that names the option and the remedy */
export function parseStarttlsOptions(args: readonly string[]): StarttlsCommand {
  const { one, all, is, positionals } = parseOptions(OPTIONS, args);
  const [target = null, ...more] = positionals;
  const targets = one('targets');
  if (more.length > 0) throw new UsageError('one target at a time; --targets FILE takes many');
  if (target !== null && targets !== null) throw new UsageError('give either a target or --targets FILE');
  if (target === null && targets === null && !is('help')) {
    throw new UsageError('a target is missing, such as smtp://mail.example:587');
  }
  const format = chosen('format', one('format'), ['table', 'json', 'csv'] as const);
  if (format !== null && targets === null) throw new UsageError('--format is for --targets; one target has --json');
  const proto = one('proto');
  if (proto !== null) schemeNamed(proto);
  const attackOk = all('attack-ok');
  for (const host of attackOk) requireHost(host);
  return {
    help: is('help'),
    target,
    targets,
    proto,
    engine: chosen('engine', one('engine'), ['auto', 'gnutls', 'node', 'both'] as const),
    tls: tlsOptions(one),
    timeout: numberOption('timeout', one('timeout'), 1, LONGEST_TIMER) ?? DEFAULT_TIMEOUT,
    expiresWithin: numberOption('expires-within', one('expires-within'), 0, MOST_DAYS) ?? DEFAULT_EXPIRES_WITHIN,
    policy: chosen('policy', one('policy'), ['require', 'prefer', 'never'] as const) ?? 'require',
    injected: chosen('injected', one('injected'), ['reject', 'drop'] as const) ?? 'reject',
    action: is('check') || targets !== null ? 'check' : is('quit') || is('json') ? 'report' : 'session',
    attackOk,
    jobs: numberOption('jobs', one('jobs'), 1, MOST_JOBS) ?? DEFAULT_JOBS,
    format: is('json') ? 'json' : format,
    trace: [...parseTopics(one('trace')?.split(',') ?? [])],
  };
}

function tlsOptions(one: (name: keyof typeof OPTIONS) => string | null): TlsOptions {
  const text = (key: 'ca' | 'cert' | 'key' | 'servername' | 'priority') => {
    const value = one(key);
    return value === null ? {} : { [key]: value };
  };
  const verify = chosen('verify', one('verify'), ['full', 'none'] as const);
  const alpn = one('alpn');
  return {
    ...text('ca'),
    ...text('cert'),
    ...text('key'),
    ...text('servername'),
    ...text('priority'),
    ...(verify === null ? {} : { verify }),
    ...(alpn === null ? {} : { alpn: alpn === '' ? [] : alpn.split(',') }),
    // A resumed session shows neither its certificate's status nor how long a handshake takes.
    resume: false,
  };
}

/** A host is named by itself: a pattern, or a URL, would allow more than was meant. */
function requireHost(host: string): void {
  if (/^[A-Za-z0-9._-]+$/.test(host) || isIP(host) !== 0) return;
  throw new UsageError(`--attack-ok is the name or address of one host, not '${host}'`);
}
