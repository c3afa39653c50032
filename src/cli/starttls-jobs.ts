/** Jobs for the connections of one command: those with the same TLS options share one, and what is dear to make. */
import type { CheckSettings, InjectionSettings } from '../starttls/check.ts';
import { tlsOptionsOf } from '../starttls/options.ts';
import type { Target } from '../starttls/target.ts';
import type { Caller, EngineName, EngineRequest } from '../tcpx/index.ts';
import { createJob, type Job } from '../tcpx/job.ts';
import { loadEngineFor } from './starttls-engine.ts';
import type { StarttlsCommand } from './starttls-options.ts';

export class Jobs {
  readonly #engine: EngineRequest | null;
  readonly #command: StarttlsCommand;
  readonly #jobs = new Map<string, Job>();

  /**
   * @param engine null for that of the environment
   * @throws UsageError for TLS options that the engine cannot use; EngineError
   */
  static async open(command: StarttlsCommand, engine: EngineRequest | null): Promise<Jobs> {
    await loadEngineFor(engine, command.tls);
    return new Jobs(command, engine);
  }

  private constructor(command: StarttlsCommand, engine: EngineRequest | null) {
    this.#command = command;
    this.#engine = engine;
  }

  /**
   * Makes asynchronous calls for connections to a target.
   *
   * @param byAddress connections will go to an address: the name to send and to check is then part of the options
   */
  caller(target: Target, byAddress = false): Caller {
    return this.#job(target, byAddress).caller('async');
  }

  /** The engine that connections to a target are made with. */
  engine(target: Target): EngineName {
    return this.#job(target, false).engine;
  }

  #job(target: Target, byAddress: boolean): Job {
    const { tls, trace } = this.#command;
    const named = byAddress ? { servername: target.parties.host } : {};
    const options = { ...named, ...tlsOptionsOf(tls, target) };
    const key = JSON.stringify([options.alpn, options.servername]);
    let job = this.#jobs.get(key);
    if (job === undefined) {
      const engine = this.#engine === null ? {} : { engine: this.#engine };
      job = createJob({ ...engine, tls: options, ...(trace.length > 0 ? { trace } : {}) });
      this.#jobs.set(key, job);
    }
    return job;
  }

  close(): void {
    for (const job of this.#jobs.values()) job.close();
  }
}

/** How a command wants a target to be treated. */
export function checkSettings(
  { policy, injected, timeout }: StarttlsCommand,
  target: Target,
  jobs: Jobs,
  watch: Pick<CheckSettings, 'observer' | 'connected'>,
): CheckSettings {
  return { target, caller: jobs.caller(target), policy, injected, timeout, ...watch };
}

export function injectionSettings({ attackOk }: StarttlsCommand, target: Target, jobs: Jobs): InjectionSettings {
  return { caller: () => jobs.caller(target, true), hosts: attackOk };
}
