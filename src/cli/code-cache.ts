/**
 * What V8 has made of the command's own files, kept from an earlier run: compiling them takes longer than sending a mail.
 * Node's compile cache (22 and later) keeps a third of that, as it leaves out most functions that are compiled when they
 * are first called.
 *
 * What is read here is run: only a file counts that belongs to the user, in a directory that nobody else may write to.
 * Every start compiles this file anew, so that it does no more than a start needs; `code-cache-writer.ts` writes.
 *
 *   file = length of the header:8 (decimal, blanks behind it) header (JSON, ASCII) parts
 *
 * The header and each part end with padding, so that a part begins where V8 takes it as it is: any other it copies first.
 */
import { closeSync, fstatSync, openSync, readFileSync, type Stats, statSync } from 'node:fs';

/** More than all of the command comes to. */
const LARGEST = 16_777_216;
const OTHERS_MAY_WRITE = 0o022;

/** Of the length that the file begins with, and what everything in it is padded to. */
export const LENGTH = 8;

export interface Header {
  /** Names the files that the code was made of. */
  readonly build: string;
  /** What the runs that made it were asked for. */
  readonly asked: readonly string[];
  /** Of all parts, in bytes. */
  readonly size: number;
  /** Where each file's part lies behind the header, in bytes. */
  readonly places: Readonly<Record<string, readonly [start: number, length: number]>>;
}

export interface CodeCache extends Header {
  readonly parts: Buffer;
}

/** Where kept code is, by the XDG base directories; null when there is no such place, or none is wanted. */
export function cacheDirectory(environment: NodeJS.ProcessEnv): string | null {
  if (environment.NODE_DISABLE_COMPILE_CACHE) return null;
  const { XDG_CACHE_HOME: caches, HOME: home } = environment;
  // A relative path is to be ignored, by the specification.
  if (caches?.startsWith('/')) return `${caches}/tcpx`;
  return home?.startsWith('/') ? `${home}/.cache/tcpx` : null;
}

/** What is kept in a file of this directory; null when there is nothing that may be used. */
export function readCodeCache(directory: string, file: string, build: string): CodeCache | null {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    const about = fstatSync(descriptor);
    if (!isOurs(about) || about.size > LARGEST || !isOurs(statSync(directory))) return null;
    const content = readFileSync(descriptor);
    const end = LENGTH + Number(content.toString('latin1', 0, LENGTH));
    const header = JSON.parse(content.toString('latin1', LENGTH, end)) as Header;
    const isWhole = header.build === build && end + header.size === content.length;
    return isWhole ? { ...header, parts: content.subarray(end) } : null;
  } catch {
    return null;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** What was kept of a file. */
export function cachedPart({ places, parts }: CodeCache, name: string): Buffer | undefined {
  const [start, length] = places[name] ?? [];
  return start === undefined || length === undefined ? undefined : parts.subarray(start, start + length);
}

/** Whether it belongs to the user, and nobody else may write to it. */
export function isOurs({ uid, mode }: Stats): boolean {
  return uid === process.geteuid?.() && (mode & OTHERS_MAY_WRITE) === 0;
}
