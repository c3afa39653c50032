/**
 * The settings of one call: its arguments and the configuration file merged, by the rule that a non-blank argument
 * wins (reference emailx §2, §12, §13).
 */
import { EMF_ALREADYOPEN, EMF_CLOSEONLY, EMF_OPENONLY, EMF_STARTTLS, EMF_TLS } from '../../ashell.def.ts';
import { hasControl, trimmed } from '../core/characters.ts';
import type { EmailxAssumptions } from './assumptions.ts';
import type { AuthMode, ConfigItems, Security } from './config-file.ts';
import { EmailxError } from './error.ts';
import { fromDecimal, openPassword } from './pwcrypt.ts';
import { Secret } from './secret.ts';
import { heloName, isHostName, parseServer, type ServerAddress } from './server-address.ts';
import { quoted } from './text.ts';

/** The arguments of a call that a configuration can stand in for; blank where the call has none. */
export interface CallSettings {
  readonly opflags: number;
  readonly from: string;
  readonly signature: string;
  readonly server: string;
  readonly host: string;
  readonly username: string;
  /** Clear, encrypted, or a token. */
  readonly password: string;
}

export interface Credentials {
  readonly mode: Exclude<AuthMode, 'NONE'>;
  readonly username: string;
  /** In clear. */
  readonly password: Secret;
}

/** What a call needs that opens a session. */
export interface ConnectionSettings {
  readonly server: ServerAddress;
  /** The name to announce in EHLO. */
  readonly helo: string;
  readonly security: Security;
  /** Whether EHLO is sent again after STARTTLS. */
  readonly secureHello: boolean;
  /** Null for no authentication. */
  readonly credentials: Credentials | null;
  /** Whether the session holds the system's lock. */
  readonly connLock: boolean;
}

export interface EmailxSettings {
  /** Null for a call that opens no session: what it would need is not looked at. */
  readonly connection: ConnectionSettings | null;
  /** Longest silence of the server, in ms. */
  readonly wait: number;
  /** The same while it takes the data. */
  readonly dataWait: number;
  /** The same for the reply to the end of the data. */
  readonly finalWait: number;
  /** Filespec or text, blank for none. */
  readonly signature: string;
  /** The address of a Reply-To line; blank for none. */
  readonly replyTo: string;
  /** As written, without the domain: `addresses.ts` makes the envelope. Blank for the empty reverse-path. */
  readonly sender: string;
  readonly domain: string;
  readonly redirect: string;
  readonly addBcc: readonly string[];
}

export interface LogSettings {
  /** A filespec; blank for no log. */
  readonly file: string;
  /** 0 to 5. */
  readonly level: number;
}

/**
 * Merges a call with its configuration into complete, frozen settings.
 *
 * @param items the configuration; NO_CONFIG without one
 * @throws EmailxError 76 for a server that is missing or none, 78 for any other setting that cannot be used
 */
export function mergeSettings(call: CallSettings, items: ConfigItems, assume: EmailxAssumptions): EmailxSettings {
  const wait = (items.wait ?? assume.wait) * assume.waitUnit;
  const { domain } = items;
  if (!isHostName(domain) && domain !== '') {
    throw new EmailxError('badConfig', `DOMAIN ${quoted(domain)} is not a domain such as example.com`);
  }
  return Object.freeze({
    connection: opensSession(call.opflags) ? connectionOf(call, items, assume) : null,
    wait,
    dataWait: Math.max(wait, assume.dataWait * 1000),
    finalWait: Math.max(wait, assume.finalWait * 1000),
    signature: given(call.signature, items.signature),
    replyTo: items.replyTo,
    sender: given(call.from, items.returnAddress),
    domain,
    redirect: items.redirect,
    addBcc: items.addBcc,
  });
}

/** The log of a configuration: wanted before the rest, so that it can tell why the rest was refused. */
export function logSettings(items: ConfigItems, assume: EmailxAssumptions): LogSettings {
  const level = items.logFile === '' ? 0 : (items.logLevel ?? assume.logLevel);
  return Object.freeze({ file: items.logFile, level });
}

/** True unless the call works on an open session. OPENONLY with CLOSEONLY tries whether a session can be opened. */
export function opensSession(opflags: number): boolean {
  if ((opflags & EMF_ALREADYOPEN) !== 0) return false;
  return (opflags & EMF_CLOSEONLY) === 0 || (opflags & EMF_OPENONLY) !== 0;
}

function connectionOf(call: CallSettings, items: ConfigItems, assume: EmailxAssumptions): ConnectionSettings {
  const server = trimmed(given(call.server, items.server));
  if (server === '') {
    const remedy = "give it as the argument 'server' or as SERVER in the configuration file";
    throw new EmailxError('noServer', `no SMTP server is named: ${remedy}`, { status: assume.missingServer });
  }
  return Object.freeze({
    server: Object.freeze(parseServer(server)),
    helo: heloName(trimmed(given(call.host, items.host))),
    security: securityOf(call.opflags, items, assume),
    secureHello: items.secureHello,
    credentials: credentialsOf(call, items, assume),
    connLock: items.connLock,
  });
}

/** Blank is nothing, or blanks alone. */
function given(argument: string, item: string): string {
  return trimmed(argument) === '' ? item : argument;
}

function securityOf(opflags: number, items: ConfigItems, assume: EmailxAssumptions): Security {
  const tls = (opflags & EMF_TLS) !== 0;
  const startTls = (opflags & EMF_STARTTLS) !== 0;
  if (tls && startTls) return assume.tlsAndStartTls;
  if (tls) return 'tls';
  return startTls ? 'starttls' : (items.secure ?? 'none');
}

/**
 * Both credentials without AUTH mean AUTO, but the password of the configuration counts only with AUTH
 * (reference emailx §13).
 */
function credentialsOf(call: CallSettings, items: ConfigItems, assume: EmailxAssumptions): Credentials | null {
  const { auth } = items;
  if (auth === 'NONE') return null;
  const username = given(call.username, items.username);
  const own = trimmed(call.password) !== '';
  const raw = own ? call.password : auth === null ? '' : items.password.reveal();
  if (username === '' || raw === '') {
    if (auth === null || assume.authIncomplete === 'skipped') return null;
    const missing = username === '' ? 'user name' : 'password';
    throw new EmailxError(
      'authIncomplete',
      `AUTH is set, but there is no ${missing}: give it in the call or the configuration`,
    );
  }
  const mode = auth ?? 'AUTO';
  const value = own || !assume.decimalPassword ? raw : (fromDecimal(raw) ?? raw);
  // A token is never encrypted, and may be of any length and characters of base64.
  const password = openPassword(value, username, assume.printedPassword && mode !== 'XOAUTH2');
  checkCredential('user name', username, mode);
  checkCredential('password', password, mode);
  return Object.freeze({ mode, username, password: new Secret(password) });
}

/** NUL separates the parts of PLAIN, Control-A those of XOAUTH2; a line end is a token read with its line. */
function checkCredential(what: string, value: string, mode: AuthMode): void {
  const isBad = mode === 'XOAUTH2' ? hasControl(value) : /[\0\r\n]/.test(value);
  if (!isBad) return;
  const rule = mode === 'XOAUTH2' ? 'a control character, which XOAUTH2 cannot carry' : 'CR, LF or NUL';
  throw new EmailxError('badSetting', `the ${what} holds ${rule}; perhaps it was read together with its line end`);
}
