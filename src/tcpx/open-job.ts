/** A job of which only the engine is loaded that it takes: for commands, which do one thing and end. */
import { engineReport } from './engines.ts';
import { createJob, type Job } from './job.ts';
import { type JobOptions, requestedEngine } from './options.ts';

/** @throws UsageError, EngineError, as createJob */
export async function openJob(options: JobOptions): Promise<Job> {
  await loadEngine(options);
  return createJob(options);
}

/** Loads the engine that createJob will take for these options. @throws UsageError */
export async function loadEngine(options: Pick<JobOptions, 'engine'>): Promise<void> {
  const request = requestedEngine(options, process.env);
  if (request !== 'node') await import('./engine-native.ts');
  const takesNode = request === 'node' || (request === 'auto' && !engineReport('gnutls').available);
  if (takesNode) await import('./engine-node.ts');
}
