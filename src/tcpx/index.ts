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
  type AshellDefOptions,
  B,
  builtInSymbols,
  type ConstantValue,
  dim,
  F,
  I,
  type Included,
  isVariable,
  loadAshellDef,
  type NumberType,
  type NumberVariable,
  parseAshellDef,
  type RawVariable,
  resolveSymbol,
  S,
  type Sockary,
  type SockaryEntry,
  type StringVariable,
  type SymbolEntry,
  type SymbolSet,
  sockary,
  type TypeLetter,
  type Variable,
  X,
} from '../basic/index.ts';
export type { ErrnoName } from '../core/errno.ts';
export { EngineError, TcpxError, type TcpxErrorCode, UsageError } from '../core/errors.ts';
export type { Op } from '../core/op.ts';
export type { TraceTopic } from '../core/trace.ts';
export type { Address, EngineName } from '../net/endpoint.ts';
export type { PeerCertificate, RefusedPeer, StapledResponse, TlsInfo, VerifyResult } from '../tls/info.ts';
export type { ClientAuth, TlsOptions, VerifyPolicy } from '../tls/settings.ts';
export type { VerifyReason } from '../tls/verify.ts';
export { ASSUMPTIONS, type Assumptions } from './assumptions.ts';
export type { CallResult, StatusOrigin, Stray } from './call.ts';
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
export type { UpgradeState } from './sockets.ts';
export type { StatusFamily } from './status.ts';

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
