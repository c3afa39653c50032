/** The native engine: sockets through libc, TLS through GnuTLS, in the calling thread. */
import { IoError, TlsError } from '../core/errors.ts';
import { threadReactor } from '../native/reactor.ts';
import { beginLookup } from '../native/resolve.ts';
import { GNUTLS_E, gnutlsErrorText } from '../tls/gnutls-errors.ts';
import { requireOwnCertificate, type TlsSettings } from '../tls/settings.ts';
import type { Engine, Observer } from './endpoint.ts';
import { credentialsOf, parsedPriority } from './gnutls-credentials.ts';
import { connectInTurnOp } from './lookup.ts';
import { connectNativeOp, listenNative, NativeEndpoint, NativeListener } from './native.ts';
import { GnutlsEndpoint } from './native-tls.ts';

const observer: Observer = {
  source: {
    get fd() {
      return threadReactor().fd;
    },
    watch: (_events, wake) => threadReactor().watchAny(wake),
  },
  observe(source, tag) {
    if (source instanceof NativeEndpoint || source instanceof GnutlsEndpoint || source instanceof NativeListener) {
      source.owned.registration.tag = tag;
    }
  },
  changed: () => threadReactor().changedTags(),
};

export const nativeEngine: Engine = {
  name: 'gnutls',
  observer,
  asksKernel: true,
  // biome-ignore lint/correctness/useYield: nothing to wait for here; the interface allows for turns of the loop
  *settleOp() {
    return false;
  },
  connectOp: (host, port, until) => connectInTurnOp(host, port, until, connectNativeOp, beginLookup),
  // biome-ignore lint/correctness/useYield: listening never waits on this engine; the interface allows for it
  *listenOp(host, port, backlog) {
    return listenNative(host === '' ? '0.0.0.0' : host, port, backlog);
  },
  // GnuTLS is there with the engine.
  *loadTlsOp() {},
  prepareServer(settings) {
    requireOwnCertificate(settings);
    prepare(settings);
  },
  prepareClient: prepare,
  startTls(plain, start) {
    if (!(plain instanceof NativeEndpoint)) throw new IoError('EOPNOTSUPP', 'TLS on a socket of another engine');
    // The kernel tells of a reset once only.
    if (plain.failure !== null) {
      const code = GNUTLS_E.PULL_ERROR;
      throw new TlsError(code, `${gnutlsErrorText(code)}: ${plain.failure.message}`, { cause: plain.failure });
    }
    // After SHUTDOWN for receiving there is nothing to shake hands with; what comes in spite of it a kernel would still give.
    if (!plain.receives) {
      const code = GNUTLS_E.PREMATURE_TERMINATION;
      throw new TlsError(code, gnutlsErrorText(code));
    }
    return new GnutlsEndpoint(plain, start);
  },
};

function prepare(settings: TlsSettings): void {
  credentialsOf(settings);
  parsedPriority(settings.priority);
}
