/** From the options of `tcpx exec` to those of its job. */
import { parseTopics } from '../core/trace.ts';
import type { Assumptions } from '../tcpx/assumptions.ts';
import type { EngineRequest } from '../tcpx/engines.ts';
import type { JobOptions } from '../tcpx/options.ts';
import type { ExecOptions } from './exec-options.ts';

/**
 * The routines of which there are assumptions have to be loaded.
 *
 * @param symbols those of a site's ashell.def, where --symbols names one
 * @throws UsageError for a trace topic that does not exist
 */
export function jobOptionsOf(options: ExecOptions, symbols: JobOptions['symbols']): JobOptions {
  const { engine, tls, trace, traceFile, home, statusFamily, bind, assume } = options;
  const ownAssumptions = Object.entries(assume).filter(([name]) => !name.startsWith(EMAILX));
  const emailx = emailxAssumptions(options);
  return {
    // Names that do not exist are refused by the job, which knows them.
    ...(engine === null ? {} : { engine: engine as EngineRequest }),
    tls,
    ...(trace === null ? {} : { trace: [...parseTopics(trace)] }),
    ...(traceFile === null ? {} : { traceFile }),
    ...(home === null ? {} : { home }),
    statusFamily,
    ...(bind === null ? {} : { bind }),
    ...(options.symbols === null || symbols === undefined ? {} : { symbols }),
    assume: Object.fromEntries(ownAssumptions) as Partial<Assumptions>,
    ...(Object.keys(emailx).length === 0 ? {} : { programs: { EMAILX: { assume: emailx } } }),
  };
}

const EMAILX = 'emailx.';

/** Assumptions about EMAILX, which are written with its name in front. */
export function emailxAssumptions({ assume }: Pick<ExecOptions, 'assume'>): ExecOptions['assume'] {
  const entries = Object.entries(assume).filter(([name]) => name.startsWith(EMAILX));
  return Object.fromEntries(entries.map(([name, value]) => [name.slice(EMAILX.length), value]));
}
