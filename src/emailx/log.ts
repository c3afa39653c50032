/**
 * The log of LOGFILE and LOGLVL (reference emailx §15). Each entry is one write at the end of the file, so that several
 * jobs may share it. A log that cannot be written never makes a send fail: it falls silent and warns once per file.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { trimmedEnd } from '../core/characters.ts';
import { reasonOf } from '../core/reason.ts';
import { EmailxError } from './error.ts';
import type { EmailxPolicy } from './options.ts';
import { Redactor } from './redactor.ts';
import type { LogSettings } from './settings.ts';

/** What each level adds. The README's table is derived from this one. */
export const LOG_LEVELS = [
  'nothing',
  'errors',
  'a line per message: sender, recipients, status',
  'steps of the session: connection, TLS, login, end; names and sizes of attachments',
  'the SMTP conversation without the message',
  'the message, up to 64 KiB of it',
] as const;

/** The levels by name. */
const ERRORS = 1;
const MESSAGES = 2;
const STEPS = 3;
const CONVERSATION = 4;
const DATA = 5;

const MOST_DATA = 65_536;

export interface LogOptions {
  /** The file, or why there is none; blank for no log. */
  readonly path: string;
  readonly level: number;
  readonly jobName: string;
  /** Takes secrets out of every entry; those that `client` is told of are added to it. */
  readonly redactor?: Redactor;
  readonly now?: () => Date;
  /** Receives the first problem; by default a process warning, once per file. */
  readonly warn?: (problem: string) => void;
}

export interface LoggedMessage {
  readonly sender: string;
  readonly recipients: readonly string[];
  /** Whom REDIRECT replaced. */
  readonly redirected: readonly string[];
  readonly status: number;
  /** The server's last reply, or the reason. */
  readonly text: string;
}

const warned = new Set<string>();

function warnOnce(problem: string): void {
  if (warned.has(problem)) return;
  warned.add(problem);
  process.emitWarning(problem, { code: 'TCPX_EMAILX_LOG' });
}

/** One call's view of the log. The file is opened by the first entry. */
export class MailLog {
  readonly #path: string;
  readonly #level: number;
  readonly #jobName: string;
  readonly #redactor: Redactor;
  readonly #now: () => Date;
  readonly #warn: (problem: string) => void;
  #fd: number | null = null;
  #problem: string | null = null;
  #data: Uint8Array[] = [];
  #kept = 0;
  #dataLength = 0;

  constructor({ path, level, jobName, redactor, now, warn }: LogOptions) {
    this.#path = path;
    this.#level = path === '' ? 0 : level;
    this.#jobName = jobName;
    this.#redactor = redactor ?? new Redactor();
    this.#now = now ?? (() => new Date());
    this.#warn = warn ?? warnOnce;
  }

  /** Why nothing more is logged; null while all is well. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Whether entries of that kind are wanted, for a caller that would have to build them. */
  wants(kind: 'conversation' | 'data'): boolean {
    return this.#problem === null && this.#level >= (kind === 'data' ? DATA : CONVERSATION);
  }

  /** Reports a log that cannot be had, such as a filespec that means no path. Nothing is logged from then on. */
  fail(reason: string): void {
    if (this.#problem !== null) return;
    this.#problem = reason;
    this.close();
    this.#warn(reason);
  }

  error(status: number, text: string): void {
    this.#entry(ERRORS, `error ${status}: ${line(text)}`);
  }

  message({ sender, recipients, redirected, status, text }: LoggedMessage): void {
    const instead = redirected.length === 0 ? '' : ` instead of ${redirected.join(', ')}`;
    this.#entry(
      MESSAGES,
      `message from <${sender}> to ${recipients.join(', ')}${instead}: status ${status} ${line(text)}`,
    );
  }

  step(text: string): void {
    this.#entry(STEPS, line(text));
  }

  /**
   * A line that the client sent, without its line end.
   *
   * @param secret the part of it that must not be shown, now and wherever it appears later
   */
  client(text: string, secret = ''): void {
    this.#redactor.add(secret);
    // A second guard, for an AUTH whose argument was not named.
    const safe =
      secret === '' ? text.replace(/^(AUTH[ \t]+\S+[ \t]+)\S.*$/is, '$1****') : text.replaceAll(secret, '****');
    this.#entry(CONVERSATION, `> ${line(safe)}`);
  }

  /** A reply of the server, with all its lines; only the first one is marked. */
  server(reply: string): void {
    this.#entry(CONVERSATION, `< ${block(reply)}`);
  }

  /** A piece of the message. The beginning is kept and written with the next entry. */
  data(bytes: Uint8Array): void {
    if (!this.wants('data')) return;
    const room = MOST_DATA - this.#kept;
    if (room > 0) this.#data.push(Buffer.from(bytes.subarray(0, room)));
    this.#kept += Math.min(room, bytes.length);
    this.#dataLength += bytes.length;
  }

  /** Writes what is left and closes the file. Harmless twice. */
  close(): void {
    this.#flushData();
    const fd = this.#fd;
    this.#fd = null;
    if (fd === null) return;
    try {
      closeSync(fd);
    } catch (error) {
      this.fail(`the mail log '${this.#path}' may be incomplete: ${reasonOf(error)}`);
    }
  }

  #entry(level: number, text: string): void {
    this.#flushData();
    this.#write(level, text);
  }

  #flushData(): void {
    if (this.#dataLength === 0) return;
    const text = Buffer.concat(this.#data).toString('latin1');
    const count = this.#kept < this.#dataLength ? `the first ${this.#kept} of ${this.#dataLength}` : `${this.#kept}`;
    this.#data = [];
    this.#kept = 0;
    this.#dataLength = 0;
    // Marked, as a message may hold lines that look like entries.
    this.#write(DATA, `message data, ${count} octets\n${block(text).replace(/^/gm, '| ')}`);
  }

  #write(level: number, text: string): void {
    if (this.#level < level || this.#problem !== null) return;
    const entry = `${stamp(this.#now())} ${this.#jobName} ${this.#redactor.apply(text)}\n`;
    const bytes = Buffer.from(entry, /[\u0100-\uffff]/.test(entry) ? 'utf8' : 'latin1');
    try {
      this.#fd ??= openSync(this.#path, APPEND, 0o600);
      if (writeSync(this.#fd, bytes) < bytes.length) throw new Error('only a part of an entry was written');
    } catch (error) {
      this.fail(`the mail log '${this.#path}' cannot be written: ${reasonOf(error)}`);
    }
  }
}

/**
 * The log that the settings of a call ask for; a silent one without LOGFILE. Nothing is opened before the first entry.
 */
export function openLog(log: LogSettings, policy: EmailxPolicy, redactor: Redactor): MailLog {
  const { jobName, files } = policy;
  const { level } = log;
  if (log.file === '' || level === 0) return new MailLog({ path: '', level, jobName, redactor });
  try {
    return new MailLog({ path: files.locate(log.file, 'badConfig', 'LOGFILE'), level, jobName, redactor });
  } catch (error) {
    if (!(error instanceof EmailxError)) throw error;
    const silent = new MailLog({ path: '', level, jobName, redactor });
    silent.fail(`there is no mail log: ${error.message}`);
    return silent;
  }
}

/** Appends; a pipe that nobody reads is an error instead of a wait. */
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NONBLOCK ?? 0);

/** Local time: `2026-11-21 14:03:07`. */
function stamp(date: Date): string {
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** One line: line ends become blanks. */
function line(text: string): string {
  return block(text).replaceAll('\n', ' ');
}

/** Lines that end in LF, without one at the end; other control characters are spelled out. */
function block(text: string): string {
  return trimmedEnd(text.replace(/\r\n/g, '\n'), '\n').replace(
    CONTROL,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\0-\x08\x0b-\x1f\x7f]/g;
