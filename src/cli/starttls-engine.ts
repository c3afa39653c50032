/** The engine of a command, with TLS options that it can work with: whether it can shows before anything is connected. */
import { TlsError, UsageError } from '../core/errors.ts';
import { chooseEngine } from '../tcpx/engines.ts';
import type { EngineName, EngineRequest } from '../tcpx/index.ts';
import { loadEngine } from '../tcpx/open-job.ts';
import { requestedEngine } from '../tcpx/options.ts';
import { parseTlsOptions, type TlsOptions, type TlsSettings, tlsSettings } from '../tls/settings.ts';

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
  const { name } = chooseEngine(requestedEngine(options, process.env)).engine;
  // The system's trusted certificates are dear to load, and nobody has written them on the command line.
  const given = ca === undefined ? { ...tls, verify: 'none' as const } : tls;
  const settings = tlsSettings(parseTlsOptions(given));
  try {
    await TRIALS[name](settings);
  } catch (error) {
    // What else the options say was read by then.
    if (error instanceof TlsError) throw new UsageError(`tls.priority: ${error.message}`, { cause: error });
    throw error;
  }
}

/** What each engine makes of its TLS options for its first connection. They throw UsageError, or TlsError of a priority string. */
const TRIALS: Readonly<Record<EngineName, (settings: TlsSettings) => Promise<void>>> = {
  async gnutls(settings) {
    const { credentialsOf, parsedPriority } = await import('../net/gnutls-credentials.ts');
    parsedPriority(settings.priority);
    credentialsOf(settings);
  },
  async node(settings) {
    const { secureContextOf } = await import('../net/node-secure-context.ts');
    secureContextOf(settings, 'client', settings.priority);
  },
};
