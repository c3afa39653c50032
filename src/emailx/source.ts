/**
 * Where the octets of a part come from: memory, or a file that is opened when the message is built and stays open until
 * it has been sent. A file counts with the size it had then: what is appended later is not read. One that has become
 * shorter is an error, and so is one of the same size that was written to since it was first read.
 */
import { isAscii } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { basename } from 'node:path';
import { asBuffer } from '../core/bytes.ts';
import { reasonOf } from '../core/reason.ts';
import { EmailxError } from './error.ts';
import type { Origin } from './segments.ts';
import type { Refusal } from './statuses.ts';
import { quoted } from './text.ts';

export interface Source extends Origin {
  /** Octets in all. */
  readonly size: number;
  /**
   * The octets from `position` on, `length` of them, which lie within `size`: a view of the source's own memory, or of
   * `scratch`, which must have room for them.
   *
   * @throws EmailxError when the file has become shorter or cannot be read
   */
  block(position: number, length: number, scratch: Buffer): Buffer;
  close(): void;
}

/** What a file is for. */
export interface Purpose {
  /** For messages: `the body`, `attachment 2`. */
  readonly what: string;
  readonly unreadable: Refusal;
  readonly empty: Refusal;
  /** When it fails while it is being sent. */
  readonly failed: Refusal;
  /** Instead of the statuses of `unreadable` and `empty`. */
  readonly status?: number;
}

/** The path that a filespec names; throws an EmailxError with the status of `refusal` for one that names none. */
export type Locate = (spec: string, refusal: Refusal, what: string) => string;

export class MemorySource implements Source {
  readonly #bytes: Buffer;
  readonly #what: string;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = asBuffer(bytes);
    this.#what = what;
  }

  get size(): number {
    return this.#bytes.length;
  }

  block(position: number, length: number): Buffer {
    return this.#bytes.subarray(position, position + length);
  }

  /** The program's own memory is looked at by its size alone. */
  isUnchanged(): boolean {
    return true;
  }

  changed(): EmailxError {
    return new EmailxError('encodingFailed', `${this.#what} was changed by the program while it was being sent`);
  }

  close(): void {}
}

export class FileSource implements Source {
  readonly size: number;
  readonly #fd: number;
  readonly #label: string;
  readonly #failed: Refusal;
  /** When it was last written to before it was first read, in ms; null ahead of that. */
  #written: number | null = null;
  #open = true;

  /** @throws EmailxError for a file that is not there, cannot be read, is empty or is not a file */
  constructor(spec: string, path: string, purpose: Purpose) {
    const { what, status } = purpose;
    const label = `${what} ${quoted(spec)}`;
    const options = status === undefined ? {} : { status };
    const fd = openOrRefuse(path, (cause) => {
      const reason = `${label} cannot be read: ${reasonOf(cause)}`;
      return new EmailxError(purpose.unreadable, reason, { ...options, cause });
    });
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.size === 0) {
      closeSync(fd);
      if (stats.isFile()) {
        const advice = 'a program that has just written it must close it first';
        throw new EmailxError(purpose.empty, `${label} is empty (${path}); ${advice}`, options);
      }
      throw new EmailxError(purpose.unreadable, `${label} is not a file but a directory or device (${path})`, options);
    }
    this.size = stats.size;
    this.#fd = fd;
    this.#label = label;
    this.#failed = purpose.failed;
  }

  block(position: number, length: number, scratch: Buffer): Buffer {
    this.#written ??= this.#state().mtimeMs;
    let filled = 0;
    while (filled < length) {
      const count = this.#read(scratch, filled, length - filled, position + filled);
      if (count === 0) {
        throw new EmailxError(this.#failed, `${this.#label} has become shorter while it was being sent`);
      }
      filled += count;
    }
    return scratch.length === length ? scratch : scratch.subarray(0, length);
  }

  /** A file that has grown is taken for a log, of which the beginning stays: nobody can tell. */
  isUnchanged(): boolean {
    const { size, mtimeMs } = this.#state();
    return mtimeMs === (this.#written ?? mtimeMs) || size > this.size;
  }

  changed(): EmailxError {
    return new EmailxError(this.#failed, `${this.#label} was written to while it was being sent`);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  }

  #state(): Stats {
    try {
      return fstatSync(this.#fd);
    } catch (cause) {
      throw this.#unreadable(cause);
    }
  }

  #read(into: Buffer, offset: number, length: number, position: number): number {
    try {
      return readSync(this.#fd, into, offset, length, position);
    } catch (cause) {
      throw this.#unreadable(cause);
    }
  }

  #unreadable(cause: unknown): EmailxError {
    return new EmailxError(this.#failed, `${this.#label} cannot be read to its end: ${reasonOf(cause)}`, { cause });
  }
}

/** The name that a recipient sees: without directories, in the case of the file. */
export function shownName(path: string): string {
  return basename(path);
}

/** Not blocking, or opening a named pipe would wait for a writer. Windows has no such flag and no such pipes. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** A name with Latin-1 characters is looked for in UTF-8 first, then as these bytes, which is how A-Shell writes it. */
function openOrRefuse(path: string, refusal: (cause: unknown) => EmailxError): number {
  try {
    return openSync(path, FLAGS);
  } catch (cause) {
    const bytes = Buffer.from(path, 'latin1');
    if (isMissing(cause) && !isAscii(bytes) && bytes.toString('latin1') === path) {
      try {
        return openSync(bytes, FLAGS);
      } catch {
        // Neither is there: the name as people write it is the one to report.
      }
    }
    throw refusal(cause);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
