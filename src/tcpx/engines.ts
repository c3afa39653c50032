/** Which engines there are here, and which one a job takes. */
import { EngineError } from '../core/errors.ts';
import { gnutlsVersion } from '../native/gnutls.ts';
import { loadKoffi } from '../native/library.ts';
import type { Engine, EngineName } from '../net/endpoint.ts';
import { nativeEngine } from '../net/native-engine.ts';
import { nodeEngine } from '../net/node-engine.ts';

export type EngineRequest = 'auto' | EngineName;

export interface EngineReport {
  readonly name: EngineName;
  readonly available: boolean;
  /** Libraries and versions. */
  readonly versions: string;
  /** Why it is not available; empty when it is. */
  readonly reason: string;
}

/** What is available here, and why something is not. */
export function engineReports(): EngineReport[] {
  const node: EngineReport = {
    name: 'node',
    available: true,
    versions: `Node.js ${process.versions.node}, OpenSSL ${process.versions.openssl}`,
    reason: '',
  };
  return [nativeReport(), node];
}

function nativeReport(): EngineReport {
  try {
    const version = gnutlsVersion();
    const versions = `koffi ${loadKoffi().version}, GnuTLS ${version}`;
    return { name: 'gnutls', available: true, versions, reason: '' };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { name: 'gnutls', available: false, versions: '', reason: error.message };
  }
}

export interface EngineChoice {
  readonly engine: Engine;
  /** Why this one: a sentence for people. */
  readonly reason: string;
}

/**
 * Takes the engine that was asked for; `auto` takes gnutls where it is available.
 *
 * @throws EngineError when gnutls was asked for and is missing; the message names the missing piece
 */
export function chooseEngine(request: EngineRequest): EngineChoice {
  if (request === 'node') return { engine: nodeEngine, reason: 'asked for' };
  const report = nativeReport();
  if (report.available) {
    return { engine: nativeEngine, reason: request === 'auto' ? `available (${report.versions})` : 'asked for' };
  }
  if (request === 'gnutls') throw new EngineError(report.reason);
  return { engine: nodeEngine, reason: report.reason };
}
