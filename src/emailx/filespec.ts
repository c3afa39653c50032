/**
 * Filespecs: from `DSK0:NAME.EXT[100,5]` or a native name to a path of this system.
 *
 * A-Shell keeps a device in a directory and a PPN in a directory of six digits below it, and stores names in lower
 * case under UNIX (microsabio.net conref: device_sp, filespecs; MIAME.INI, ERSATZ.INI). A spec that is neither native
 * by its characters nor legal as an AMOS name is taken as native, unless it has a device or a PPN: those are what the
 * table says, or an error.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { trimmedEnd } from '../core/characters.ts';
import { UsageError } from '../core/errors.ts';
import { EmailxError } from './error.ts';
import type { Refusal } from './statuses.ts';
import { quoted, readable } from './text.ts';

/** The job option `emailx.files`: where the devices and accounts of AMOS filespecs are. */
export interface HostFilesOptions {
  /**
   * As the DEVICE lines of MIAME.INI: `DSK0` and the directory above its PPN directories, `DSK1:[31,3]` and the one
   * directory of that PPN, `WEB0:[]` and the directory of a device without PPNs.
   */
  readonly devices?: Readonly<Record<string, string>>;
  /** As the lines of ERSATZ.INI: `SYS` and `DSK0:[1,4]`, or `WORK` and `DSK3:`. */
  readonly ersatz?: Readonly<Record<string, string>>;
  /** Where the job is logged in, such as `DSK0:[100,5]`. Without it names are relative to the process's directory. */
  readonly login?: string;
}

export interface FilespecRules {
  readonly fspecNative: boolean;
  readonly filespecCase: 'insensitive' | 'lower' | 'exact';
}

interface Ppn {
  readonly project: number;
  readonly programmer: number;
}

/** A device, an account, or both. */
interface Place {
  readonly device: string | null;
  readonly ppn: Ppn | null;
}

/** The parts of a legal AMOS spec. */
interface AmosSpec extends Place {
  readonly name: string;
}

/** The options as a caller writes them. */
const DEVICES = 'emailx.files.devices';
const ERSATZ = 'emailx.files.ersatz';
const LOGIN = 'emailx.files.login';

/** Devices and ersatz devices are told apart by the table, not by their form. */
const DEVICE = '[A-Z][A-Z0-9]{0,9}';
const PPN = '\\[\\s*(\\d{1,3})\\s*,\\s*(\\d{1,3})\\s*\\]';
const PLACE = new RegExp(`^(${DEVICE}):?(?:${PPN}|(\\[\\]))?$`, 'i');
/** 72 characters and an extension of 8; the account stands on either side of the name. */
const AMOS = new RegExp(`^(?:(${DEVICE}):)?(?:${PPN})?([A-Z0-9$_@-]{1,72}(?:\\.[A-Z0-9$_@-]{0,8})?)(?:${PPN})?$`, 'i');
const SLASH = /[/\\]/;
const NATIVE_MARK = /[<>(){};= \t\r\n,]/;

/** The reason why a spec means no path; {@link HostFiles.locate} gives it a status. */
class FilespecError extends UsageError {}

/** The devices and directories of a host. Reads directories, but no files; blocks for as long as that takes. */
export class HostFiles {
  readonly #rules: FilespecRules;
  readonly #bases: ReadonlyMap<string, string>;
  readonly #accounts: ReadonlyMap<string, string>;
  readonly #flat: ReadonlyMap<string, string>;
  readonly #ersatz: ReadonlyMap<string, Place>;
  readonly #login: Place | null;
  /** Where bare names are looked for; null for the process's directory. */
  readonly #own: readonly string[] | null;

  /** @throws UsageError that names the entry */
  constructor(options: HostFilesOptions, rules: FilespecRules) {
    const bases = new Map<string, string>();
    const accounts = new Map<string, string>();
    const flat = new Map<string, string>();
    for (const [key, directory] of Object.entries(options.devices ?? {})) {
      const { device, ppn, isFlat } = placeOf(key, DEVICES);
      if (typeof directory !== 'string' || directory === '' || directory.includes('\0'))
        throw new UsageError(`${DEVICES}.${key} names no directory`);
      if (isFlat) flat.set(device, directory);
      else if (ppn === null) bases.set(device, directory);
      else accounts.set(accountKey(device, ppn), directory);
    }
    this.#ersatz = new Map(
      Object.entries(options.ersatz ?? {}).map(([key, target]) => {
        const alias = placeOf(key, ERSATZ);
        if (alias.ppn !== null || alias.isFlat) throw new UsageError(`${ERSATZ}: '${key}' is a name without [p,pn]`);
        return [alias.device, placeOf(target, `${ERSATZ}.${key}`)];
      }),
    );
    this.#rules = rules;
    this.#bases = bases;
    this.#accounts = accounts;
    this.#flat = flat;
    this.#login = null;
    this.#own = null;
    if (options.login === undefined) return;
    const login = this.#real(placeOf(options.login, LOGIN));
    if (login.ppn === null) throw new UsageError(`${LOGIN} is a device with [p,pn], not ${quoted(options.login)}`);
    const own = this.#mapped(login.device, login.ppn);
    if (own === null) throw new UsageError(`${LOGIN}: ${DEVICES} does not have ${quoted(options.login)}`);
    // A bare name is looked for in the account, then in the library account of its project (conref: open_random).
    const library = this.#mapped(login.device, { ...login.ppn, programmer: 0 });
    this.#login = { ...login, ppn: login.ppn };
    this.#own = library === null || library === own ? [own] : [own, library];
  }

  /**
   * The path that a filespec names; whether there is such a file is not looked at. Bytes above 0x7f are UTF-8 if they
   * can be, else Latin-1.
   *
   * @param what what the file is, for the message: 'the signature'
   * @throws EmailxError with the status of `refusal`
   */
  locate(spec: string, refusal: Refusal, what: string): string {
    try {
      return this.#path(trimmedEnd(spec, ' \t'));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      throw new EmailxError(refusal, `${what} ${quoted(spec)} ${error.message}`, { cause: error });
    }
  }

  #path(spec: string): string {
    if (spec === '') throw new FilespecError('is blank');
    if (spec.includes('\0')) throw new FilespecError('holds a NUL');
    const amos = this.#isNative(spec) ? null : amosSpec(spec);
    if (amos === null) {
      return resolve(this.#own?.[0] ?? process.cwd(), expanded(readable(spec)));
    }
    const isBare = amos.device === null && amos.ppn === null;
    const directories = isBare ? (this.#own ?? [process.cwd()]) : [this.#directory(this.#real(amos))];
    const found = directories.map((directory) => this.#find(directory, amos.name)).find((path) => path !== null);
    return found ?? join(directories[0] ?? '', this.#rules.filespecCase === 'exact' ? amos.name : lower(amos.name));
  }

  /** By its characters alone (conref: openingnativefiles, fspecnative). */
  #isNative(spec: string): boolean {
    return SLASH.test(spec) || (this.#rules.fspecNative && NATIVE_MARK.test(spec) && !spec.includes('['));
  }

  /** With the ersatz device resolved; ersatz definitions come before devices (conref: ersatzdefinitionfiles). */
  #real(place: Place): Place {
    const target = place.device === null ? undefined : this.#ersatz.get(place.device);
    if (target === undefined) return place;
    if (target.ppn !== null && place.ppn !== null) {
      throw new FilespecError(`names an account, but ${place.device}: is one already`);
    }
    return { device: target.device, ppn: target.ppn ?? place.ppn };
  }

  #directory(place: Place): string {
    const device = place.device ?? this.#login?.device ?? null;
    if (device === null) throw new FilespecError(`has no device; set ${LOGIN}, such as 'DSK0:[100,5]'`);
    const flat = this.#flat.get(device);
    if (flat !== undefined && place.ppn === null) return flat;
    const ppn = place.ppn ?? this.#login?.ppn ?? null;
    if (ppn === null) throw new FilespecError(`has no [p,pn]; write ${device}:NAME.EXT[p,pn], or set ${LOGIN}`);
    const mapped = this.#mapped(device, ppn);
    if (mapped !== null) return mapped;
    const known = [...this.#bases.keys(), ...this.#accounts.keys(), ...this.#flat.keys()].join(', ') || 'none';
    throw new FilespecError(`is in ${accountKey(device, ppn)}, which ${DEVICES} lacks; it has ${known}`);
  }

  /** The directory of an account; null for a device that the table lacks. */
  #mapped(device: string | null, ppn: Ppn): string | null {
    if (device === null) return null;
    const base = this.#bases.get(device);
    return this.#accounts.get(accountKey(device, ppn)) ?? (base === undefined ? null : join(base, sixDigits(ppn)));
  }

  /** The file of that name, by the rule of case; null if there is none. */
  #find(directory: string, name: string): string | null {
    const { filespecCase } = this.#rules;
    const names = filespecCase === 'exact' ? [name] : filespecCase === 'lower' ? [lower(name)] : [name, lower(name)];
    for (const candidate of names) {
      const path = join(directory, candidate);
      if (existsSync(path)) return path;
    }
    if (filespecCase !== 'insensitive') return null;
    const alike = entriesOf(directory).filter((entry) => lower(entry) === lower(name));
    if (alike.length > 1) {
      throw new FilespecError(`could be any of ${alike.sort().join(', ')}; give the case of one of them`);
    }
    return alike[0] === undefined ? null : join(directory, alike[0]);
  }
}

/** The parts of an AMOS spec; null for one that can only be native. */
function amosSpec(spec: string): AmosSpec | null {
  const match = AMOS.exec(spec);
  if (match === null) {
    if (!/[:[\]]/.test(spec)) return null;
    throw new FilespecError(
      'is no AMOS filespec: DEV:NAME.EXT[p,pn]; a native name with : or [ needs a directory, as ./NAME',
    );
  }
  const [, device, p1, pn1, name = '', p2, pn2] = match;
  if (p1 !== undefined && p2 !== undefined) throw new FilespecError('has two accounts');
  return { device: device?.toUpperCase() ?? null, ppn: ppnOf(p1 ?? p2, pn1 ?? pn2), name: name.replace(/\.$/, '') };
}

/** A device of an option, with or without an account. */
function placeOf(text: string, option: string): Place & { readonly device: string; readonly isFlat: boolean } {
  const [, device, project, programmer, empty] = PLACE.exec(String(text).trim()) ?? [];
  if (device === undefined || Number(project) === 0) {
    throw new UsageError(
      `${option}: ${quoted(String(text))} is not a device such as DSK0, or DSK0:[1,4] up to [999,999]`,
    );
  }
  return { device: device.toUpperCase(), ppn: ppnOf(project, programmer), isFlat: empty !== undefined };
}

function ppnOf(project: string | undefined, programmer: string | undefined): Ppn | null {
  if (project === undefined || programmer === undefined) return null;
  const ppn = { project: Number(project), programmer: Number(programmer) };
  if (ppn.project === 0) throw new FilespecError('has an account outside of [1,0] to [999,999]');
  return ppn;
}

function sixDigits({ project, programmer }: Ppn): string {
  return String(project).padStart(3, '0') + String(programmer).padStart(3, '0');
}

function accountKey(device: string, { project, programmer }: Ppn): string {
  return `${device}:[${project},${programmer}]`;
}

/** ASCII letters alone: AMOS names have no others. */
function lower(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // A directory that cannot be listed has no such file; opening the name gives the reason.
    return [];
  }
}

/** `%NAME%` as A-Shell expands it when a file is opened; a name that the environment lacks stays. */
function expanded(spec: string): string {
  return spec.replace(/%([A-Za-z_][A-Za-z0-9_]*)%/g, (whole, name: string) => process.env[name] ?? whole);
}
