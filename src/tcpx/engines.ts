/**
 * Which engines there are here, and which one a job takes. An engine is known once its module is loaded (`engine-native.ts`,
 * `engine-node.ts`); the package loads both.
 */
import { EngineError } from '../core/errors.ts';
import type { Waiter } from '../core/run.ts';
import type { Engine, EngineName } from '../net/endpoint.ts';

/** What may be asked for: `auto` is gnutls where it is available, else node. */
export type EngineRequest = 'auto' | EngineName;

/** An engine with what surrounds it. */
export interface EngineKit {
  readonly engine: Engine;
  /** Libraries and versions. @throws EngineError that names the missing piece */
  versions(): string;
  /** What blocks this thread for its operations; null for an engine whose synchronous calls go to a worker. */
  readonly waiter: (() => Waiter) | null;
}

/** Whether an engine can be used here. */
export interface EngineReport {
  readonly name: EngineName;
  readonly available: boolean;
  /** Libraries and versions. */
  readonly versions: string;
  /** Why it is not available; empty when it is. */
  readonly reason: string;
}

const kits = new Map<EngineName, EngineKit>();

/** Makes an engine known. Called once, when its module is loaded. */
export function provideEngine(kit: EngineKit): void {
  kits.set(kit.engine.name, kit);
}

function kitOf(name: EngineName): EngineKit {
  const kit = kits.get(name);
  if (kit === undefined) throw new Error(`the module of the engine ${name} is not loaded`);
  return kit;
}

/** What is available here, and why something is not. */
export function engineReports(): EngineReport[] {
  return [engineReport('gnutls'), engineReport('node')];
}

export function engineReport(name: EngineName): EngineReport {
  try {
    return { name, available: true, versions: kitOf(name).versions(), reason: '' };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { name, available: false, versions: '', reason: error.message };
  }
}

export interface EngineChoice extends Pick<EngineKit, 'engine' | 'waiter'> {
  /** Why this one: a sentence for people. */
  readonly reason: string;
}

/**
 * Takes the engine that was asked for; `auto` takes gnutls where it is available.
 *
 * @throws EngineError when gnutls was asked for and is missing; the message names the missing piece
 */
export function chooseEngine(request: EngineRequest): EngineChoice {
  if (request === 'node') return { ...kitOf('node'), reason: 'asked for' };
  const report = engineReport('gnutls');
  if (report.available) {
    return { ...kitOf('gnutls'), reason: request === 'auto' ? `available (${report.versions})` : 'asked for' };
  }
  if (request === 'gnutls') throw new EngineError(report.reason);
  return { ...kitOf('node'), reason: report.reason };
}
