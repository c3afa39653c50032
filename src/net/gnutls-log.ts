/**
 * GnuTLS's own log, for the trace option XDEBUG.
 *
 * The log function and its level belong to the whole process, and GnuTLS calls the function in whichever thread works.
 * koffi hands a call from another thread over to the main thread's event loop and makes the caller wait: with the main
 * thread blocked, perhaps by what that very caller is to answer, for ever. So the log is taken only while the main thread
 * is the only one that uses GnuTLS, and only for as long as a call of a session that is traced runs.
 *
 * The level is never above 5: at 9 GnuTLS prints write keys.
 */
import type { Gnutls } from '../native/gnutls.ts';
import { asSoleThread } from '../native/sole-thread.ts';

/** 2 debug, 3 asserted conditions, 4 handshake, 5 records (lib/errors.h of GnuTLS). */
const LEVEL = 5;

/** The most lines of one call: a peer that sends a flood of records is not to fill memory. */
const MOST_LINES = 2000;

let installed = false;
const lines: string[] = [];

/** Called from C: nothing may be thrown, and no caller's code may run before C has returned. */
function collect(level: number, text: string): void {
  try {
    if (level <= LEVEL && lines.length < MOST_LINES) lines.push(`gnutls <${level}> ${withoutAddress(text)}`);
  } catch {
    // A line that cannot be taken is a line less.
  }
}

/** `HSK[0x55d0c8f6e9a0]: text` names the session by its address, which the socket's number says better. */
function withoutAddress(text: string): string {
  return text.trimEnd().replace(/\[0x[0-9a-f]+\]/, '');
}

/** Sessions, by where their lines go, that were told why there is no log. */
const told = new WeakSet<(line: string) => void>();

/**
 * Runs a call into GnuTLS and gives `log` what the library says meanwhile, once it has returned. In a worker thread, and
 * beside one that uses GnuTLS, the call runs without.
 */
export function withGnutlsLog<T>(gnutls: Gnutls, log: (line: string) => void, call: () => T): T {
  const logged = asSoleThread(() => collected(gnutls, call));
  if (logged === null) {
    if (!told.has(log)) log('gnutls has no log beside worker threads that use GnuTLS, nor in one');
    told.add(log);
    return call();
  }
  for (const line of lines.splice(0)) log(line);
  return logged.result;
}

function collected<T>(gnutls: Gnutls, call: () => T): T {
  if (!installed) gnutls.setLogFunction(collect);
  installed = true;
  lines.length = 0;
  gnutls.gnutls_global_set_log_level(LEVEL);
  try {
    return call();
  } finally {
    gnutls.gnutls_global_set_log_level(0);
  }
}
