/** Writes what `code-cache.ts` reads in the next run: what V8 has made of the command's own files in this one. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { Script } from 'node:vm';
import { type CodeCache, cachedPart, type Header, isOurs, LENGTH } from './code-cache.ts';

export interface Run {
  /** Names the command's own files. */
  readonly build: string;
  /** What the run was asked for. */
  readonly asked: readonly string[];
  /** By name: the files that it loaded. */
  readonly scripts: ReadonlyMap<string, Script>;
}

/**
 * Writes all scripts with what was compiled of them so far, beside what was kept before.
 *
 * @param directory is made when it is not there; in one that is not the user's alone nothing is written
 * @throws Error of the file system
 */
export function writeCodeCache(directory: string, file: string, run: Run, before: CodeCache | null): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (isOurs(statSync(directory))) write(file, content(run, before));
}

/** V8 does not look whether a part is whole, so that none may ever be seen that is not. */
function write(file: string, bytes: Uint8Array): void {
  const draft = `${file}.${process.pid}`;
  try {
    const descriptor = openSync(draft, 'wx', 0o600);
    try {
      writeFileSync(descriptor, bytes);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

function content({ build, asked, scripts }: Run, before: CodeCache | null): Uint8Array {
  const places: Record<string, [number, number]> = {};
  const parts: Buffer[] = [];
  let size = 0;
  for (const name of new Set([...scripts.keys(), ...Object.keys(before?.places ?? {})])) {
    // Of files that this run had no use for, the next one may have.
    const part = scripts.get(name)?.createCachedData() ?? (before === null ? undefined : cachedPart(before, name));
    if (part === undefined) continue;
    places[name] = [size, part.length];
    parts.push(part, Buffer.alloc(padding(part.length)));
    size += part.length + padding(part.length);
  }
  const everAsked = [...new Set([...asked, ...(before?.asked ?? [])])];
  const facts = JSON.stringify({ build, asked: everAsked, size, places } satisfies Header);
  const header = facts + ' '.repeat(padding(facts.length));
  return Buffer.concat([Buffer.from(String(header.length).padEnd(LENGTH) + header, 'latin1'), ...parts]);
}

function padding(length: number): number {
  return -length & (LENGTH - 1);
}
