/**
 * The configuration file: `item = value ; comment`, one directive a line, names in any case (reference emailx §6).
 * Text is bytes as Latin-1. What a directive may hold is a table; what it means beside the call's arguments is
 * `settings.ts`.
 */
import { boundedFile } from '../core/bounded-file.ts';
import { hasControl, trimmed } from '../core/characters.ts';
import { UsageError } from '../core/errors.ts';
import { reasonOf } from '../core/reason.ts';
import { EmailxError } from './error.ts';
import type { MechanismName } from './sasl.ts';
import { Secret } from './secret.ts';
import { quoted } from './text.ts';

export type AuthMode = MechanismName | 'AUTO' | 'NONE';
export type Security = 'none' | 'tls' | 'starttls';

/** What the file says; blank or null where it says nothing. */
export interface ConfigItems {
  readonly addBcc: readonly string[];
  readonly auth: AuthMode | null;
  readonly connLock: boolean;
  readonly domain: string;
  readonly host: string;
  readonly logFile: string;
  readonly logLevel: number | null;
  /** As written: perhaps encrypted, perhaps a list of decimals. */
  readonly password: Secret;
  readonly redirect: string;
  readonly replyTo: string;
  readonly returnAddress: string;
  readonly secure: Security | null;
  readonly secureHello: boolean;
  readonly server: string;
  readonly signature: string;
  readonly username: string;
  /** In units of the assumption `waitUnit`. */
  readonly wait: number | null;
}

export interface ConfigFile {
  readonly items: ConfigItems;
  /** Items that do not exist, with the line they stand in. */
  readonly ignored: readonly { readonly line: number; readonly item: string }[];
}

interface Directive<T> {
  /** The name in the file. */
  readonly item: string;
  readonly values: string;
  readonly effect: string;
  /** @throws ValueError saying what the value should be */
  readonly read: (value: string, before: T) => T;
}

class ValueError extends UsageError {}

const AUTH_VALUES: ReadonlyMap<string, AuthMode> = new Map([
  ['PLAIN', 'PLAIN'],
  ['LOGIN', 'LOGIN'],
  ['AUTO', 'AUTO'],
  ['*', 'AUTO'],
  ['XOAUTH2', 'XOAUTH2'],
  ['CRAM-MD5', 'CRAM-MD5'],
  ['SCRAM-SHA-256', 'SCRAM-SHA-256'],
  ['NONE', 'NONE'],
]);
const SECURE_VALUES: ReadonlyMap<string, Security> = new Map([
  ['TLS', 'tls'],
  ['SSL', 'tls'],
  ['STARTTLS', 'starttls'],
  ['NONE', 'none'],
  ['0', 'none'],
]);
const LOCK_VALUES: ReadonlyMap<string, boolean> = new Map([
  ['1', true],
  ['0', false],
]);
const LONGEST_WAIT = 86_400;
const HIGHEST_LEVEL = 5;

const text = (item: string, values: string, effect: string): Directive<string> => ({
  item,
  values,
  effect,
  read: (value) => value,
});

const number = (
  item: string,
  least: number,
  most: number,
  values: string,
  effect: string,
): Directive<number | null> => ({
  item,
  values,
  effect,
  read: (value) => {
    const found = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
    if (found >= least) return Math.min(found, most);
    throw new ValueError(`is a whole number from ${least} to ${most}`);
  },
});

function choice<T>(values: ReadonlyMap<string, T>): (value: string) => T {
  return (value) => {
    const found = values.get(value.toUpperCase());
    if (found === undefined) throw new ValueError(`is one of ${[...values.keys()].join(', ')}`);
    return found;
  };
}

/** Every directive of the file. The README's table is derived from this one. */
export const DIRECTIVES: { readonly [Key in keyof ConfigItems]: Directive<ConfigItems[Key]> } = {
  addBcc: {
    item: 'ADDBCC',
    values: 'an address',
    effect: 'one more recipient whom the header does not show; may be repeated',
    read: (value, before) => [...before, value],
  },
  auth: {
    item: 'AUTH',
    values: '`PLAIN`, `LOGIN`, `AUTO` or `*`, `XOAUTH2`, `CRAM-MD5`, `SCRAM-SHA-256`, `NONE`',
    effect: 'authentication; without it only when the call has user name and password, then `AUTO`',
    read: choice(AUTH_VALUES),
  },
  connLock: {
    item: 'CONNLOCK',
    values: '`1`, `0`',
    effect: 'one session at a time on this machine; others wait up to WAIT',
    read: choice(LOCK_VALUES),
  },
  domain: text('DOMAIN', 'a domain', 'appended as `@domain` to addresses that have none'),
  host: text('HOST', 'a name', 'the name announced in EHLO; without it the name of this machine'),
  logFile: text('LOGFILE', 'a filespec', 'the log, appended to'),
  logLevel: number('LOGLVL', 0, HIGHEST_LEVEL, '`0` to `5`', 'how much is logged, see below'),
  password: {
    item: 'PASSWORD',
    values: 'the password, encrypted or not, or its codes: `2, 65, 66`',
    effect: 'used with AUTH when the call has no password',
    read: (value) => new Secret(value),
  },
  redirect: text('REDIRECT', 'an address', 'all mail goes there instead; the header stays as it is'),
  replyTo: text('REPLYTO', 'an address', 'adds `Reply-To: `'),
  returnAddress: text('RTNADDR', 'an address', 'the sender when `from` is blank'),
  secure: {
    item: 'SECURE',
    values: '`TLS` or `SSL`, `STARTTLS`, `NONE` or `0`',
    effect: 'as EMF_TLS and EMF_STARTTLS, which win over it',
    read: choice(SECURE_VALUES),
  },
  secureHello: {
    item: 'SECUREHELLO',
    values: '`0`, `N` or `F` turn it off',
    effect: 'the second EHLO, after STARTTLS',
    read: (value) => !/^(?:0|no?|f(?:alse)?)$/i.test(value),
  },
  server: text(
    'SERVER',
    'a name or address and perhaps `:port`; IPv6 as `[address]:port`',
    'the SMTP server; port 25 without one',
  ),
  signature: text('SIGNATURE', 'a filespec', 'put after the body'),
  username: text('USERNAME', 'a name', 'the SMTP user'),
  wait: number('WAIT', 1, LONGEST_WAIT, 'seconds', 'how long the server may be silent'),
};

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

const keyOfItem: ReadonlyMap<string, keyof ConfigItems> = new Map(
  Object.entries(DIRECTIVES).map(([key, { item }]) => [item, key as keyof ConfigItems]),
);

/** The items of a file that says nothing. */
export const NO_CONFIG: ConfigItems = Object.freeze({
  addBcc: [],
  auth: null,
  connLock: false,
  domain: '',
  host: '',
  logFile: '',
  logLevel: null,
  password: new Secret(''),
  redirect: '',
  replyTo: '',
  returnAddress: '',
  secure: null,
  secureHello: true,
  server: '',
  signature: '',
  username: '',
  wait: null,
});

/** A later line wins over an earlier one, also with a blank value; only ADDBCC accumulates. */
function readInto<Key extends keyof ConfigItems>(items: Writable<ConfigItems>, key: Key, value: string): void {
  const directive: Directive<ConfigItems[Key]> = DIRECTIVES[key];
  if (value !== '') items[key] = directive.read(value, items[key]);
  else if (key !== 'addBcc') items[key] = NO_CONFIG[key];
}

/** Far more than any file needs; a wrong filespec must not load a mailbox. */
const LARGEST = 2 ** 20;

/**
 * Reads and parses a configuration file. Blocks for as long as the disk takes.
 *
 * @throws EmailxError 77 when it is not there, 78 with the line and the reason when it is malformed
 */
export function readConfig(path: string, unknownItem: 'ignored' | 'refused'): ConfigFile {
  let bytes: Uint8Array;
  try {
    bytes = boundedFile(path, LARGEST);
  } catch (cause) {
    throw new EmailxError(
      'configMissing',
      `the configuration file ${quoted(path)} cannot be read: ${reasonOf(cause)}`,
      { cause },
    );
  }
  return parseConfig(bytes, path, unknownItem);
}

/**
 * Parses the bytes of a configuration file. `name` is for messages, which never hold a value of PASSWORD.
 *
 * @throws EmailxError 78 with the line and the reason
 */
export function parseConfig(bytes: Uint8Array, name: string, unknownItem: 'ignored' | 'refused'): ConfigFile {
  const wrong = (line: number, reason: string) =>
    new EmailxError('badConfig', `the configuration file ${quoted(name)}, line ${line}: ${reason}`);
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    throw wrong(1, 'this is UTF-16; save it as plain text');
  }
  const items: Writable<ConfigItems> = { ...NO_CONFIG };
  const ignored: { line: number; item: string }[] = [];
  const content = Buffer.from(bytes).toString('latin1').replace(UTF8_MARK, '');
  for (const [index, line] of content.split(/\r?\n/).entries()) {
    const number = index + 1;
    try {
      const unknown = readLine(line, items);
      if (unknown === null) continue;
      if (unknownItem === 'refused') {
        throw new ValueError(`there is no item ${unknown}; there are ${[...keyOfItem.keys()].join(', ')}`);
      }
      ignored.push({ line: number, item: unknown });
    } catch (error) {
      if (error instanceof ValueError) throw wrong(number, error.message);
      throw error;
    }
  }
  return { items: Object.freeze(items), ignored };
}

/** The byte order mark of UTF-8, as Latin-1. */
const UTF8_MARK = /^\xef\xbb\xbf/;

/**
 * Reads one line into `items`. Returns the name of an item that does not exist, else null.
 *
 * @throws ValueError with the reason
 */
function readLine(line: string, items: Writable<ConfigItems>): string | null {
  const directive = line.split(';', 1)[0] ?? '';
  if (trimmed(directive) === '') return null;
  const equals = directive.indexOf('=');
  // Whatever such a line is, it may be a password: it is not shown.
  if (equals < 0) throw new ValueError("there is no '='; a line is 'item = value ; comment'");
  const item = trimmed(directive.slice(0, equals)).toUpperCase();
  const value = trimmed(directive.slice(equals + 1));
  const key = keyOfItem.get(item);
  if (key === undefined) {
    if (!/^[A-Z][A-Z0-9_'.-]*$/.test(item)) throw new ValueError("there is no item in front of the '='");
    return item;
  }
  // An encrypted password may hold any byte.
  if (key !== 'password' && hasControl(value.replaceAll('\t', ' '))) {
    throw new ValueError(`${item} holds a control character`);
  }
  try {
    readInto(items, key, value);
  } catch (error) {
    if (error instanceof ValueError) throw new ValueError(`${item} ${error.message}, not ${quoted(value)}`);
    throw error;
  }
  return null;
}
