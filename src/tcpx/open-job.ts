/** A job of which only the engine is loaded that it takes: for commands, which do one thing and end. */

import { engineReport } from './engines.ts';
import type { Job } from './job.ts';
import { createJob } from './job.ts';
import type { JobOptions } from './options.ts';

/** @throws UsageError, EngineError, as createJob */
export async function openJob(options: JobOptions, environment: NodeJS.ProcessEnv = process.env): Promise<Job> {
  const request = options.engine ?? (environment.TCPX_ENGINE || 'auto');
  if (request !== 'node') await import('./engine-native.ts');
  if (request === 'node' || (request !== 'gnutls' && !engineReport('gnutls').available))
    await import('./engine-node.ts');
  return createJob(options);
}
