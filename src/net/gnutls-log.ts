/**
 * GnuTLS's own log, for the trace option XDEBUG.
 *
 * The log function and its level belong to the whole process, and GnuTLS calls the function in whichever thread works.
 * koffi hands a call from another thread over to the main thread and makes the caller wait: with the main thread
 * blocked by that very caller, for ever. So the log is on only in the main thread, and there only while a call of a
 * session that is traced runs; between such calls its level is 0. A worker that calls GnuTLS in that very moment waits
 * until the main thread returns to its event loop.
 *
 * The level is never above 5: at 9 GnuTLS prints write keys.
 */
import { isMainThread } from 'node:worker_threads';
import type { Gnutls } from '../native/gnutls.ts';

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

/** Runs a call into GnuTLS and gives `log` what the library says meanwhile, once it has returned. */
export function withGnutlsLog<T>(gnutls: Gnutls, log: (line: string) => void, call: () => T): T {
  if (!isMainThread) return call();
  if (!installed) gnutls.setLogFunction(collect);
  installed = true;
  gnutls.gnutls_global_set_log_level(LEVEL);
  try {
    return call();
  } finally {
    gnutls.gnutls_global_set_log_level(0);
    for (const line of lines.splice(0)) log(line);
  }
}
