// Large mail from a process of its own to a server that forgets it, for the soak and its smaller sister among the interop
// tests. Both programs are compiled ones: child processes of Node 20 do not run TypeScript.
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DrainOptions } from '../soak/mail-drain.ts';
import type { Sending, Sent } from '../soak/mail-sender.ts';

/** What a mail of any size may add to the resident memory, in MiB. */
export const MOST_ADDED = 64;

const programs = import.meta.url.endsWith('.ts') ? '../../dist/test/soak/' : '../soak/';
const program = (name: string) => fileURLToPath(new URL(`${programs}${name}.js`, import.meta.url));

/** A file of so many MiB that takes no room on the disk. */
export function sparseFile(mebibytes: number): { readonly path: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'tcpx-large-'));
  const path = join(directory, 'large.bin');
  const fd = openSync(path, 'w');
  ftruncateSync(fd, mebibytes * 2 ** 20);
  closeSync(fd);
  return { path, remove: () => rmSync(directory, { recursive: true }) };
}

export interface Drain {
  readonly port: number;
  stop(): void;
}

/** Starts a server that forgets what it is sent. */
export async function startDrain(options: DrainOptions): Promise<Drain> {
  const child = fork(program('mail-drain'), { execArgv: [] });
  child.send(options);
  const [port] = (await once(child, 'message')) as [number];
  return { port, stop: () => child.kill() };
}

/** Sends in a process of its own. */
export async function sendLarge(sending: Sending): Promise<Sent> {
  const { stdout } = await promisify(execFile)(process.execPath, [program('mail-sender'), JSON.stringify(sending)]);
  return JSON.parse(stdout) as Sent;
}
