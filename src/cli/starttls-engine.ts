/** The engine of a command, with TLS options that it can work with: whether it can shows before anything is connected. */
import { TlsError, UsageError } from '../core/errors.ts';
import { runAsync } from '../core/run.ts';
import { chooseEngine } from '../tcpx/engines.ts';
import type { EngineRequest } from '../tcpx/index.ts';
import { loadEngine } from '../tcpx/open-job.ts';
import { requestedEngine } from '../tcpx/options.ts';
import { parseTlsOptions, type TlsOptions, tlsSettings } from '../tls/settings.ts';

/**
 * Loads the engine that jobs with this request will take, null being that of the environment.
 *
 * @throws UsageError that names the TLS option which this engine cannot use; EngineError
 */
export async function loadEngineFor(request: EngineRequest | null, tls: TlsOptions): Promise<void> {
  const options = request === null ? {} : { engine: request };
  await loadEngine(options);
  const { ca, cert, priority } = tls;
  if (ca === undefined && cert === undefined && priority === undefined) return;
  const { engine } = chooseEngine(requestedEngine(options, process.env));
  await runAsync(engine.loadTlsOp());
  // The system's trusted certificates are dear to load, and nobody has written them on the command line.
  const given = ca === undefined ? { ...tls, verify: 'none' as const } : tls;
  const settings = tlsSettings(parseTlsOptions(given));
  try {
    engine.prepareClient(settings);
  } catch (error) {
    // What else the options say was read by then.
    if (error instanceof TlsError) throw new UsageError(`tls.priority: ${error.message}`, { cause: error });
    throw error;
  }
}
