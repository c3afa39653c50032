/** The options of `tcpx exec`. */
import { UsageError } from '../core/errors.ts';
import type { TlsOptions } from '../tls/settings.ts';
import { chosen, numberOption, type OptionTable, parseOptions } from './option-table.ts';

export const OPTIONS = {
  execute: {
    type: 'string',
    short: 'e',
    value: 'LINE',
    multiple: true,
    help: 'run this line; may be repeated; FILE comes after them',
  },
  engine: { type: 'string', value: 'auto|gnutls|node', help: 'engine; default auto, or TCPX_ENGINE' },
  ca: { type: 'string', value: 'FILE', help: 'trusted certificates (PEM) instead of those of the system' },
  cert: {
    type: 'string',
    value: 'FILE',
    help: 'own certificate with its chain (PEM), for ACCEPT with TLS or as a client',
  },
  key: { type: 'string', value: 'FILE', help: 'private key of --cert (PEM)' },
  verify: {
    type: 'string',
    value: 'full|none',
    help: 'check certificate and name of the server; default full, or TCPX_TLS_VERIFY',
  },
  servername: { type: 'string', value: 'NAME', help: 'name to send and to check, where it is not the host of CONNECT' },
  alpn: { type: 'string', value: 'a,b', help: 'protocols to offer by ALPN, the preferred one first' },
  priority: { type: 'string', value: 'STRING', help: 'GnuTLS priority string for connections that give none' },
  'client-auth': {
    type: 'string',
    value: 'none|request|require',
    help: 'certificate asked of clients of ACCEPT with TLS; default none',
  },
  'handshake-timeout': {
    type: 'string',
    value: 'MS',
    help: 'longest TLS handshake, beside the timer of the call; default 40000',
  },
  'no-resume': { type: 'boolean', help: 'no TLS session is resumed, as client or server' },
  trace: { type: 'string', value: 'TOPICS', help: 'socks, xdebug, data, separated by commas: trace to standard error' },
  'trace-file': { type: 'string', value: 'FILE', help: 'append traces to this file instead' },
  json: { type: 'boolean', help: 'one line of JSON per call' },
  full: { type: 'boolean', help: 'show long buffers as a whole' },
  async: { type: 'boolean', help: 'use the asynchronous form of the call; always so at the prompt' },
  home: {
    type: 'string',
    value: 'caller|worker',
    help: 'where the sockets of --async live on the engine node; default caller',
  },
  'status-family': { type: 'string', value: 'linux|windows', help: 'numbers of system errors; default linux' },
  bind: { type: 'string', value: 'ADDR', help: 'address that ACCEPT binds to; default all of IPv4' },
  assume: {
    type: 'string',
    value: 'NAME=VALUE',
    multiple: true,
    help: 'what nobody knows of the original, of EMAILX as emailx.NAME; repeatable',
  },
  symbols: { type: 'string', value: 'ashell.def', help: 'symbols of a site; its numbers win' },
  'buffer-size': { type: 'string', value: 'N', help: 'size of the variable buffer in bytes; default 8192' },
  timer: {
    type: 'string',
    value: 'MS',
    help: 'timer of short forms that give none, but CHECK and asynchronous CONNECT or ACCEPT',
  },
  'keep-going': { type: 'boolean', help: 'go on after a call that failed; the exit status is 1 all the same' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const satisfies OptionTable;

export interface ExecOptions {
  readonly help: boolean;
  readonly file: string | null;
  readonly lines: readonly string[];
  readonly engine: string | null;
  readonly tls: TlsOptions;
  readonly trace: readonly string[] | null;
  readonly traceFile: string | null;
  readonly json: boolean;
  readonly full: boolean;
  readonly asynchronous: boolean;
  readonly home: 'caller' | 'worker' | null;
  readonly statusFamily: 'linux' | 'windows';
  readonly bind: string | null;
  readonly assume: Readonly<Record<string, string | number | boolean>>;
  readonly symbols: string | null;
  readonly bufferSize: number;
  readonly timer: number | null;
  readonly keepGoing: boolean;
}

const DEFAULT_BUFFER = 8192;
const LARGEST_BUFFER = 64 * 2 ** 20;
/** What a timer of Node can be. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** @throws UsageError that names the option and the remedy */
export function parseExecOptions(args: readonly string[]): ExecOptions {
  const { one, all, is, positionals } = parseOptions(OPTIONS, joined(args));
  const [file, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`one FILE at most, not ${positionals.length}; options start with --`);
  const text = (key: 'ca' | 'cert' | 'key' | 'servername' | 'priority') => {
    const value = one(key);
    return value === null ? {} : { [key]: value };
  };
  const verify = chosen('verify', one('verify'), ['full', 'none'] as const);
  const alpn = one('alpn');
  const clientAuth = chosen('client-auth', one('client-auth'), ['none', 'request', 'require'] as const);
  const handshakeTimeout = numberOption('handshake-timeout', one('handshake-timeout'), 1, LONGEST_TIMER);
  return {
    help: is('help'),
    file: file ?? null,
    lines: all('execute'),
    engine: one('engine'),
    tls: {
      ...text('ca'),
      ...text('cert'),
      ...text('key'),
      ...text('servername'),
      ...text('priority'),
      ...(verify === null ? {} : { verify }),
      ...(alpn === null ? {} : { alpn: alpn.split(',') }),
      ...(clientAuth === null ? {} : { clientAuth }),
      ...(handshakeTimeout === null ? {} : { handshakeTimeout }),
      ...(is('no-resume') ? { resume: false } : {}),
    },
    trace: one('trace')?.split(',') ?? null,
    traceFile: one('trace-file'),
    json: is('json'),
    full: is('full'),
    asynchronous: is('async'),
    home: chosen('home', one('home'), ['caller', 'worker'] as const),
    statusFamily: chosen('status-family', one('status-family'), ['linux', 'windows'] as const) ?? 'linux',
    bind: one('bind'),
    assume: Object.fromEntries(all('assume').map(assumption)),
    symbols: one('symbols'),
    bufferSize: numberOption('buffer-size', one('buffer-size'), 1, LARGEST_BUFFER) ?? DEFAULT_BUFFER,
    timer: numberOption('timer', one('timer'), 0, LONGEST_TIMER),
    keepGoing: is('keep-going'),
  };
}

/** A line may start with `-`, which parseArgs takes for an option: `-e -READ` becomes `--execute=-READ`. */
function joined(args: readonly string[]): string[] {
  const result: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const argument = args[at] ?? '';
    if (argument === '--') return [...result, ...args.slice(at)];
    const line = args[at + 1];
    if ((argument === '-e' || argument === '--execute') && line !== undefined) {
      result.push(`--execute=${line}`);
      at += 1;
    } else result.push(argument);
  }
  return result;
}

/** `NAME=VALUE`; which names there are and what they may be, the job knows. */
function assumption(text: string): [name: string, value: string | number | boolean] {
  const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new UsageError(`--assume is NAME=VALUE, not '${text}'`);
  if (value === 'true' || value === 'false') return [name, value === 'true'];
  return [name, /^-?\d+$/.test(value) ? Number(value) : value];
}
