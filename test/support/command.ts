/** The command as users have it, in a process of its own. */
import { fileURLToPath } from 'node:url';
import { runProcess } from './peer.ts';

/** For node: `tcpx` of the package. */
export const main: string = fileURLToPath(new URL('../../dist/bin/tcpx.cjs', import.meta.url));

export interface Run {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs it to its end, with whichever engine is there. */
export function tcpx(args: readonly string[], { input = '', env = {} }: Run = {}) {
  return runProcess({ command: process.execPath, args: [main, ...args], input, env: { TCPX_ENGINE: '', ...env } });
}
