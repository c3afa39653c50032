/**
 * Where connections with the same TLS options share what is dear to make: trusted certificates, contexts, sessions to
 * resume, and a job for their sockets. The newest few are kept.
 */
import { createHash } from 'node:crypto';
import type { EngineRequest, TlsOptions } from '../tcpx/index.ts';
import { createJob, type Job } from '../tcpx/job.ts';
import { parseTlsOptions, type TlsPolicy, type TlsSettings, tlsSettings } from '../tls/settings.ts';

export class TlsHome {
  readonly settings: TlsSettings;
  readonly #engine: EngineRequest | undefined;
  #job: Job | null = null;

  constructor(policy: TlsPolicy, engine: EngineRequest | undefined) {
    this.settings = tlsSettings(policy);
    this.#engine = engine;
  }

  /** A job for sockets that nobody else knows of. Never closed: its sockets are, one by one. */
  get job(): Job {
    this.#job ??= ownJob(this.settings, this.#engine);
    return this.#job;
  }
}

/** A job with these TLS options. @throws UsageError, EngineError */
export function ownJob(policy: TlsPolicy, engine: EngineRequest | undefined): Job {
  return createJob({ tls: optionsOf(policy), ...(engine === undefined ? {} : { engine }) });
}

const homes = new Map<string, TlsHome>();
const MOST_HOMES = 32;

/**
 * The home of these options. Files that they name are read anew each time, so that a renewed certificate counts.
 *
 * @throws UsageError that names the option
 */
export function homeOf(options: TlsOptions, engine: EngineRequest | undefined): TlsHome {
  const policy = parseTlsOptions(options);
  const key = keyOf(policy, engine ?? process.env.TCPX_ENGINE ?? '');
  const home = homes.get(key) ?? new TlsHome(policy, engine);
  // The newest last: a map keeps the order in which its keys were set.
  homes.delete(key);
  homes.set(key, home);
  const oldest = homes.keys().next();
  if (homes.size > MOST_HOMES && !oldest.done) homes.delete(oldest.value);
  return home;
}

/** A digest: no key of a map should hold a private key. */
function keyOf(policy: TlsPolicy, engine: string): string {
  const plain = Object.entries(policy).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
  ]);
  return createHash('sha256')
    .update(JSON.stringify([engine, plain]))
    .digest('base64');
}

/** The options that a policy was parsed from, with files already read. */
function optionsOf(policy: TlsPolicy): TlsOptions {
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== null));
}
