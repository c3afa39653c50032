/// <reference types="node" preserve="true" />
/**
 * tcpx: XCALL TCPX and XCALL EMAILX for Node.js.
 *
 * `xcall` works on a default job, made on first use from the environment (TCPX_ENGINE, TCPX_TLS_VERIFY, TCPX_TRACE,
 * TCPX_TRACE_FILE). A program that needs other options makes its own with {@link createJob}.
 */
import type { EmailxOptions } from './emailx/options.ts';
import { EMAILX } from './emailx/routine.ts';
import {
  createJob as createTcpxJob,
  type Job,
  loadAshellDef,
  registerProgram,
  type SymbolSet,
  type JobOptions as TcpxJobOptions,
} from './tcpx/index.ts';

export type { EmailxAssumptions } from './emailx/assumptions.ts';
export type { AttachmentOptions, TransferEncoding } from './emailx/attachments.ts';
export type { HostFilesOptions } from './emailx/filespec.ts';
export type { EmailxOptions } from './emailx/options.ts';
export * from './tcpx/index.ts';

registerProgram(EMAILX);

/** What a job is made of; all of it has defaults, some of them from the environment. */
export interface JobOptions extends Omit<TcpxJobOptions, 'programs' | 'symbols'> {
  /** What XCALL EMAILX goes by. */
  readonly emailx?: EmailxOptions;
  /** A site's own ashell.def, as a path or loaded: its numbers win over the built-in ones. */
  readonly symbols?: string | SymbolSet;
}

/**
 * Makes a job.
 *
 * @throws UsageError that names the option; EngineError when the engine that was asked for is not available
 */
export function createJob({ emailx, symbols, ...options }: JobOptions = {}): Job {
  return createTcpxJob({
    ...options,
    ...(emailx === undefined ? {} : { programs: { [EMAILX.name]: emailx } }),
    ...(symbols === undefined ? {} : { symbols: typeof symbols === 'string' ? loadAshellDef(symbols) : symbols }),
  });
}
