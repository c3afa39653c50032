/**
 * tcpx: XCALL TCPX for Node.js.
 *
 * `xcall` works on a default job, made on first use from the environment (TCPX_ENGINE, TCPX_TLS_VERIFY, TCPX_TRACE,
 * TCPX_TRACE_FILE). A program that needs other options makes its own with {@link createJob}.
 */

import './engine-native.ts';
import './engine-node.ts';
import type { Argument, ListArgument } from './frame.ts';
import { type CallOptions, createJob, type Job, type Xcall } from './job.ts';

export {
  type ArrayVariable,
  B,
  builtInSymbols,
  dim,
  F,
  I,
  isVariable,
  loadAshellDef,
  type NumberVariable,
  parseAshellDef,
  type RawVariable,
  resolveSymbol,
  S,
  type Sockary,
  type StringVariable,
  type SymbolSet,
  sockary,
  type Variable,
  X,
} from '../basic/index.ts';
export { EngineError, TcpxError, UsageError } from '../core/errors.ts';
export type { TraceTopic } from '../core/trace.ts';
export type { EngineName } from '../net/endpoint.ts';
export type { PeerCertificate, TlsInfo, VerifyResult } from '../tls/info.ts';
export type { TlsOptions } from '../tls/settings.ts';
export { ASSUMPTIONS, type Assumptions } from './assumptions.ts';
export type { CallResult } from './call.ts';
export type { Caller, CallMode } from './caller.ts';
export { type EngineReport, type EngineRequest, engineReports } from './engines.ts';
export type { SocketFacts } from './facts.ts';
export type { Argument, ListArgument } from './frame.ts';
export { type CallOptions, createJob, type Job, type Xcall } from './job.ts';
export { OPCODES, type Opcode } from './opcodes.ts';
export type { JobOptions } from './options.ts';
export { peerOf } from './peer-of.ts';
export type { Output, Program, ProgramResult } from './program.ts';
export { ROUTINES, registerProgram } from './routines.ts';

let job: Job | undefined;

/** The job behind the bare `xcall`. */
export function defaultJob(): Job {
  job ??= createJob();
  return job;
}

const call = (routine: string, ...args: (Argument | ListArgument)[]): number => defaultJob().xcall(routine, ...args);
call.async = (routine: string, ...args: (Argument | ListArgument | CallOptions)[]): Promise<number> =>
  defaultJob().xcall.async(routine, ...args);

/** Calls a routine on the default job. See {@link Xcall}. */
export const xcall: Xcall = call;
