/**
 * What V8 has made of the command's own files, kept for the next run: compiling them takes longer than sending a mail.
 * Node's compile cache (22 and later) keeps a third of that, as it leaves out most functions that are compiled when they
 * are first called.
 *
 * What is read here is run: only a file counts that belongs to the user, in a directory that nobody else may write to.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { Script } from 'node:vm';

/** More than all of the command comes to. */
const LARGEST = 16_777_216;
const OTHERS_MAY_WRITE = 0o022;

/** Where each file's part lies behind the header, in bytes. */
type Places = Readonly<Record<string, readonly [start: number, length: number]>>;

interface Header {
  /** Of which files it was made. */
  readonly build: string;
  /** What the runs that made it were asked for. */
  readonly asked: readonly string[];
  /** Of all parts, in bytes. */
  readonly size: number;
  readonly places: Places;
}

/*
 * file = length of the header:4 (little endian) header (JSON, ASCII) parts
 *
 * The header and each part end with padding, so that a part begins where V8 takes it as it is: any other it copies first.
 */
const LENGTH = 4;
const ALIGNMENT = 8;

/** Where caches are, by the XDG base directories; null when there is no such place, or none is wanted. */
export function cacheDirectory(environment: NodeJS.ProcessEnv): string | null {
  if (environment.NODE_DISABLE_COMPILE_CACHE) return null;
  const { XDG_CACHE_HOME: caches, HOME: home } = environment;
  // A relative path is to be ignored, by the specification.
  if (caches?.startsWith('/')) return `${caches}/tcpx`;
  return home?.startsWith('/') ? `${home}/.cache/tcpx` : null;
}

export class CodeCache {
  readonly #directory: string;
  readonly #file: string;
  readonly #build: string;
  readonly #asked: Set<string>;
  readonly #parts = new Map<string, Buffer>();
  readonly #scripts = new Map<string, Script>();
  #complete = true;

  /**
   * @param directory of caches; made when something is kept
   * @param name of the file in it
   * @param build names the files to be compiled; what was kept of any others does not count
   * @param asked what this run was asked for: what none was before may call functions that none has
   */
  constructor(directory: string, name: string, build: string, asked: readonly string[]) {
    this.#directory = directory;
    this.#file = `${directory}/${name}`;
    this.#build = build;
    this.#asked = new Set(asked);
    this.#read();
  }

  /** The script of a source, compiled or as it was kept. `name` is what stack traces show, and what it is kept by. */
  script(name: string, source: string): Script {
    const cachedData = this.#parts.get(name);
    const script = new Script(source, { filename: name, ...(cachedData === undefined ? {} : { cachedData }) });
    if (cachedData === undefined || script.cachedDataRejected) this.#complete = false;
    this.#scripts.set(name, script);
    return script;
  }

  /**
   * Keeps all scripts with what was compiled of them so far, if one of them was not there before or the run was asked for
   * something new. Whatever stands in the way, such as a home that cannot be written to: then nothing is kept.
   */
  keep(): void {
    if (this.#complete) return;
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      if (ours(statSync(this.#directory))) this.#write();
    } catch {}
  }

  #read(): void {
    let descriptor: number | undefined;
    try {
      descriptor = openSync(this.#file, 'r');
      const about = fstatSync(descriptor);
      if (!ours(about) || about.size > LARGEST || !ours(statSync(this.#directory))) return;
      const kept = readFileSync(descriptor);
      const end = LENGTH + kept.readUInt32LE(0);
      const { build, asked, size, places } = JSON.parse(kept.toString('latin1', LENGTH, end)) as Header;
      if (build !== this.#build || end + size !== kept.length) return;
      for (const [name, [start, length]] of Object.entries(places)) {
        this.#parts.set(name, kept.subarray(end + start, end + start + length));
      }
      for (const thing of this.#asked) this.#complete &&= asked.includes(thing);
      for (const thing of asked) this.#asked.add(thing);
    } catch {
      this.#parts.clear();
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  }

  /** V8 does not look whether a part is whole, so that none may ever be seen that is not. */
  #write(): void {
    const draft = `${this.#file}.${process.pid}`;
    try {
      const descriptor = openSync(draft, 'wx', 0o600);
      try {
        writeFileSync(descriptor, this.#content());
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      renameSync(draft, this.#file);
    } catch (error) {
      rmSync(draft, { force: true });
      throw error;
    }
  }

  #content(): Uint8Array {
    const places: Record<string, [number, number]> = {};
    const parts: Buffer[] = [];
    let size = 0;
    for (const name of new Set([...this.#scripts.keys(), ...this.#parts.keys()])) {
      // Of files that this run had no use for, the next one may have.
      const part = this.#scripts.get(name)?.createCachedData() ?? (this.#parts.get(name) as Buffer);
      places[name] = [size, part.length];
      parts.push(part, Buffer.alloc(padding(part.length)));
      size += part.length + padding(part.length);
    }
    const facts = JSON.stringify({ build: this.#build, asked: [...this.#asked], size, places } satisfies Header);
    const header = Buffer.from(facts + ' '.repeat(padding(LENGTH + facts.length)), 'latin1');
    const length = Buffer.alloc(LENGTH);
    length.writeUInt32LE(header.length);
    return Buffer.concat([length, header, ...parts]);
  }
}

function padding(length: number): number {
  return -length & (ALIGNMENT - 1);
}

function ours({ uid, mode }: Stats): boolean {
  return uid === process.geteuid?.() && (mode & OTHERS_MAY_WRITE) === 0;
}
