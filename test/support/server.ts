// What the servers of the interop tests have in common.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { publicDirectory } from './peer.ts';
import type { Identity, PkiPaths } from './pki.ts';

/** A server on ports of 127.0.0.1, started from a temporary directory and ended by process id. */
export interface Server {
  /** What it has logged so far. */
  log(): string;
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** Default: `pki.good`. */
  readonly identity?: Identity;
  /** Without TLS it refuses to upgrade, or does not know how. Default: true. */
  readonly tls?: boolean;
  /** Refuses to go on in clear where it matters to that server. Default: false. */
  readonly requireTls?: boolean;
}

/** Root, who has to become somebody else for servers that refuse to run as root. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * A temporary directory with directories in it, all of which belong to `user` where root asks. Paths may be nested.
 */
export function serverDirectory(prefix: string, subdirectories: readonly string[] = [], user?: string): string {
  const directory = publicDirectory(prefix);
  for (const name of subdirectories) mkdirSync(join(directory, name), { recursive: true, mode: 0o755 });
  if (user !== undefined) giveTo(user, directory);
  return directory;
}

/** Has everything in a directory belong to `user`; without root it does already. */
export function giveTo(user: string, directory: string): void {
  if (isRoot()) execFileSync('chown', ['-R', `${user}:`, directory]);
}

export interface Certificates extends Identity {
  /** The root that a client's certificate is verified against. */
  readonly ca: string;
}

/** Copies for servers that run as somebody else or insist on owning their key; `giveTo` comes after it. */
export function copyCertificates(pki: PkiPaths, identity: Identity, directory: string, name = 'server'): Certificates {
  const copy = (from: string, name: string) => {
    const to = join(directory, name);
    copyFileSync(from, to);
    return to;
  };
  return {
    ca: copy(pki.ca, 'ca.crt'),
    cert: copy(identity.cert, `${name}.crt`),
    key: copy(identity.key, `${name}.key`),
  };
}
