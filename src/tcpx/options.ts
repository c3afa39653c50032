/** A job's options, as a caller writes them and as the job keeps them. */
import type { SymbolSet } from '../basic/index.ts';
import { UsageError } from '../core/errors.ts';
import { isIP } from '../core/ip.ts';
import { parseTopics, type TraceTopic } from '../core/trace.ts';
import { parseTlsOptions, type TlsOptions, type TlsPolicy } from '../tls/settings.ts';
import { type Assumptions, parseAssumptions } from './assumptions.ts';
import type { EngineRequest } from './engines.ts';
import { FLAG_BITS, type FlagBits, flagBitsOf } from './flags.ts';
import { OPCODES } from './opcodes.ts';
import type { StatusFamily } from './status.ts';

export interface JobOptions {
  /** `auto` (default, or environment TCPX_ENGINE) takes gnutls where it is available, else node. */
  readonly engine?: EngineRequest;
  readonly tls?: TlsOptions;
  /** What to trace: `socks`, `xdebug`, `data`. Environment TCPX_TRACE, separated by commas. */
  readonly trace?: readonly TraceTopic[];
  /** Where traces go, instead of standard error. Environment TCPX_TRACE_FILE. */
  readonly traceFile?: string;
  /**
   * Where the Node engine's sockets live: with `caller` (default) those opened by asynchronous calls live on the
   * caller's event loop, with `worker` all live in the worker, so that synchronous and asynchronous calls mix.
   */
  readonly home?: 'caller' | 'worker';
  /** Numbers of system errors: `linux` (default) or `windows` (-10035 and so on). */
  readonly statusFamily?: StatusFamily;
  /** The IP address that ACCEPT binds to; all IPv4 interfaces without it, as the original. `::` is both families. */
  readonly bind?: string;
  /** A site's own ashell.def: its numbers win over the built-in ones. */
  readonly symbols?: SymbolSet;
  /** What nobody knows of the original, where a site knows better. */
  readonly assume?: Partial<Assumptions>;
  /** Options of the routines that are built on TCPX, by their names. */
  readonly programs?: Readonly<Record<string, unknown>>;
}

export interface JobSettings {
  readonly engine: EngineRequest;
  readonly tls: TlsPolicy;
  readonly trace: ReadonlySet<TraceTopic>;
  readonly traceFile: string | null;
  readonly home: 'caller' | 'worker';
  readonly statusFamily: StatusFamily;
  readonly bind: string;
  readonly assumptions: Assumptions;
  readonly bits: FlagBits;
  /** A site's opcode numbers to ours; null when they are the same. */
  readonly opcodes: ReadonlyMap<number, number> | null;
  readonly programs: Readonly<Record<string, unknown>>;
}

const KNOWN: Readonly<Record<keyof JobOptions, true>> = {
  engine: true,
  tls: true,
  trace: true,
  traceFile: true,
  home: true,
  statusFamily: true,
  bind: true,
  symbols: true,
  assume: true,
  programs: true,
};

/** @throws UsageError for an engine that there is not */
export function requestedEngine({ engine }: JobOptions, environment: NodeJS.ProcessEnv): EngineRequest {
  return oneOf('engine', engine ?? (environment.TCPX_ENGINE || 'auto'), ['auto', 'gnutls', 'node']);
}

/** @throws UsageError that names the option and what it may be */
export function parseJobOptions(options: JobOptions = {}, environment: NodeJS.ProcessEnv = process.env): JobSettings {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(KNOWN, name)) {
      throw new UsageError(`job option '${name}' is unknown; there are ${Object.keys(KNOWN).join(', ')}`);
    }
  }
  const { symbols } = options;
  return Object.freeze({
    engine: requestedEngine(options, environment),
    tls: parseTlsOptions(options.tls, environment),
    trace: parseTopics(options.trace ?? (environment.TCPX_TRACE ?? '').split(',')),
    traceFile: options.traceFile ?? (environment.TCPX_TRACE_FILE || null),
    home: oneOf('home', options.home ?? 'caller', ['caller', 'worker']),
    statusFamily: oneOf('statusFamily', options.statusFamily ?? 'linux', ['linux', 'windows']),
    bind: ipLiteral('bind', options.bind ?? ''),
    assumptions: parseAssumptions(options.assume),
    bits: symbols === undefined ? FLAG_BITS : flagBitsOf(symbols),
    opcodes: symbols === undefined ? null : opcodeNumbers(symbols),
    programs: Object.freeze({ ...options.programs }),
  });
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new UsageError(`${name} is one of ${allowed.join(', ')}, not '${value}'`);
  return found;
}

/** A name would have to be resolved, and could stand for several interfaces. */
function ipLiteral(name: string, value: string): string {
  if (value === '' || isIP(value) !== 0) return value;
  throw new UsageError(`${name} is an IP address such as 127.0.0.1 or ::1, not '${value}'`);
}

function opcodeNumbers(symbols: SymbolSet): ReadonlyMap<number, number> | null {
  const numbers = new Map(
    OPCODES.map(({ symbol, code }) => [symbols.has(symbol) ? symbols.number(symbol) : code, code] as const),
  );
  return [...numbers].every(([site, ours]) => site === ours) ? null : numbers;
}
