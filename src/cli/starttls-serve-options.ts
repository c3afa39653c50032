/** The options of `tcpx starttls --serve`. */
import { UsageError } from '../core/errors.ts';
import { ATTACKS, isAttack } from '../starttls/attacks.ts';
import type { Attack } from '../starttls/dialect.ts';
import type { InjectionPolicy } from '../starttls/injections.ts';
import type { EngineRequest } from '../tcpx/index.ts';
import type { TlsOptions } from '../tls/settings.ts';
import { chosen, numberOption, type OptionTable, parseOptions } from './option-table.ts';
import { hint } from './suggest.ts';

export const SERVE_OPTIONS = {
  serve: {
    type: 'string',
    value: 'PROTOCOL',
    help: 'what to speak: smtp, imap, postgres; imaps and its like begin with TLS',
  },
  port: {
    type: 'string',
    value: 'N',
    help: 'port to listen on; default 0: the system chooses, and the first line tells',
  },
  'port-file': { type: 'string', value: 'FILE', help: 'file that holds the port number while the server listens' },
  bind: { type: 'string', value: 'ADDR', help: 'address to listen on; default 127.0.0.1' },
  cert: { type: 'string', value: 'FILE', help: 'certificate with its chain (PEM)' },
  key: { type: 'string', value: 'FILE', help: 'private key of --cert (PEM)' },
  'client-auth': { type: 'string', value: 'none|request|require', help: 'certificate asked of clients; default none' },
  ca: { type: 'string', value: 'FILE', help: 'who may have issued those (PEM); default: whom the system trusts' },
  verify: {
    type: 'string',
    value: 'full|none',
    help: 'none accepts any certificate of a client; default full, or TCPX_TLS_VERIFY',
  },
  name: { type: 'string', value: 'NAME', help: 'what the server calls itself; default the name of this host' },
  direct: { type: 'boolean', help: 'TLS from the first byte' },
  attack: {
    type: 'string',
    value: 'NAME',
    multiple: true,
    help: 'how to deceive clients; list explains; drip goes with any other',
  },
  'drip-ms': { type: 'string', value: 'MS', help: 'pause behind each byte; implies --attack drip' },
  injected: {
    type: 'string',
    value: 'reject|drop',
    help: 'plaintext that a client puts behind its request for TLS; default reject',
  },
  timeout: { type: 'string', value: 'MS', help: 'longest connection, with --exec up to TLS; default 300000' },
  connections: { type: 'string', value: 'N', help: 'leave when so many have been served' },
  jobs: { type: 'string', value: 'N', help: 'connections at a time, others wait; default 256' },
  exec: { type: 'string', value: 'COMMAND', help: 'inside TLS connect the client to this program, through the shell' },
  alpn: { type: 'string', value: 'a,b', help: 'protocols to accept by ALPN, instead of that of the protocol' },
  priority: { type: 'string', value: 'STRING', help: 'GnuTLS priority string; OpenSSL gets its translation' },
  engine: { type: 'string', value: 'auto|gnutls|node', help: 'engine; default auto, or TCPX_ENGINE' },
  'echo-commands': { type: 'boolean', help: 'show what is said as well, secrets replaced' },
  json: { type: 'boolean', help: 'one line of JSON per event, what is said included' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const satisfies OptionTable;

export interface ServeCommand {
  readonly protocol: string;
  readonly port: number;
  readonly portFile: string | null;
  readonly bind: string | null;
  readonly tls: TlsOptions;
  readonly name: string | null;
  readonly direct: boolean;
  /** `list` asks for an explanation instead of a server. */
  readonly attacks: readonly Attack[] | 'list';
  readonly drip: number | null;
  readonly injected: InjectionPolicy;
  readonly timeout: number | null;
  readonly connections: number | null;
  readonly jobs: number | null;
  readonly exec: string | null;
  readonly engine: EngineRequest | null;
  readonly echo: boolean;
  readonly json: boolean;
}

/** What a timer of Node can be. */
const LONGEST_TIMER = 2 ** 31 - 1;
const MOST_JOBS = 100_000;

const NO_CERTIFICATE = `--serve needs --cert FILE and --key FILE; a pair for tests is made by
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \\
    -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \\
    -keyout key.pem -out cert.pem
and clients trust it with --ca cert.pem, --cacert cert.pem or what they call it.`;

/** @throws UsageError that names the option and the remedy; null where help is asked for */
export function parseServeOptions(args: readonly string[]): ServeCommand | null {
  // Also as `--serve --help`, where nobody knows yet what to serve.
  if (args.includes('--help') || args.includes('-h')) return null;
  const { one, all, is, positionals } = parseOptions(SERVE_OPTIONS, args);
  const [target] = positionals;
  if (target !== undefined) throw new UsageError('--serve takes no target; --port and --bind say where to listen');
  const attacks = attacksOption(all('attack'));
  const cert = one('cert');
  const key = one('key');
  if (attacks !== 'list' && (cert === null || key === null)) throw new UsageError(NO_CERTIFICATE);
  return {
    protocol: one('serve') ?? '',
    port: numberOption('port', one('port'), 0, 65_535) ?? 0,
    portFile: one('port-file'),
    bind: one('bind'),
    tls: tlsOptions(one),
    name: one('name'),
    direct: is('direct'),
    attacks,
    drip: numberOption('drip-ms', one('drip-ms'), 0, LONGEST_TIMER),
    injected: chosen('injected', one('injected'), ['reject', 'drop'] as const) ?? 'reject',
    timeout: numberOption('timeout', one('timeout'), 1, LONGEST_TIMER),
    connections: numberOption('connections', one('connections'), 1, LONGEST_TIMER),
    jobs: numberOption('jobs', one('jobs'), 1, MOST_JOBS),
    exec: one('exec'),
    engine: chosen('engine', one('engine'), ['auto', 'gnutls', 'node'] as const),
    echo: is('echo-commands'),
    json: is('json'),
  };
}

function attacksOption(names: readonly string[]): readonly Attack[] | 'list' {
  if (names.includes('list')) return 'list';
  return names.map((name) => {
    if (isAttack(name)) return name;
    throw new UsageError(
      `there is no attack '${name}'${hint(name, Object.keys(ATTACKS))}; --attack list explains them`,
    );
  });
}

function tlsOptions(one: (name: keyof typeof SERVE_OPTIONS) => string | null): TlsOptions {
  const text = (key: 'ca' | 'cert' | 'key' | 'priority') => {
    const value = one(key);
    return value === null ? {} : { [key]: value };
  };
  const verify = chosen('verify', one('verify'), ['full', 'none'] as const);
  const clientAuth = chosen('client-auth', one('client-auth'), ['none', 'request', 'require'] as const);
  const alpn = one('alpn');
  return {
    ...text('ca'),
    ...text('cert'),
    ...text('key'),
    ...text('priority'),
    ...(verify === null ? {} : { verify }),
    ...(clientAuth === null ? {} : { clientAuth }),
    ...(alpn === null ? {} : { alpn: alpn === '' ? [] : alpn.split(',') }),
  };
}
