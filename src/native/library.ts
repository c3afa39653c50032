/**
 * Loads koffi and shared libraries. koffi is an optional dependency: this is the only way to it, and its absence is
 * an ordinary answer.
 */
import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import type koffiModule from 'koffi';
import { EngineError } from '../core/errors.ts';

export type Koffi = typeof koffiModule;
export type Library = ReturnType<Koffi['load']>;

let loaded: Koffi | EngineError | undefined;

/**
 * The koffi module.
 *
 * @throws EngineError that says what is missing
 */
export function loadKoffi(): Koffi {
  loaded ??= tryKoffi();
  if (loaded instanceof EngineError) throw loaded;
  return loaded;
}

function tryKoffi(): Koffi | EngineError {
  if (process.platform !== 'linux') {
    return new EngineError(`the gnutls engine runs on Linux only, this is ${process.platform}; use engine 'node'`);
  }
  if (endianness() !== 'LE') {
    return new EngineError("the gnutls engine runs on little-endian machines only; use engine 'node'");
  }
  try {
    return createRequire(import.meta.url)('koffi') as Koffi;
  } catch (cause) {
    return new EngineError(
      "the gnutls engine needs the npm package koffi, which is not installed here: 'npm install koffi', " +
        "or use engine 'node'",
      { cause },
    );
  }
}

/**
 * Opens the first of several file names of one library.
 *
 * @throws EngineError that names the Debian package
 */
export function openLibrary(names: readonly string[], debianPackage: string): Library {
  const koffi = loadKoffi();
  let cause: unknown;
  for (const name of names) {
    try {
      return koffi.load(name);
    } catch (error) {
      cause = error;
    }
  }
  throw new EngineError(
    `${names[0] ?? 'the library'} cannot be loaded; on Debian: 'apt-get install ${debianPackage}', or use engine 'node'`,
    { cause },
  );
}
