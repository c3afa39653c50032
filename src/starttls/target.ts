/**
 * Where to go and what to speak there, from a URL: `smtp://mx.example:587`, `imaps://mail.example`,
 * `postgres://db.example?sslnegotiation=direct`, `xmpp://example.org@chat.example.org`, `tls://[2001:db8::1]:8443`.
 *
 * The schemes are those of the dialect table: `scheme` begins in clear, `directScheme` with TLS. User names, passwords,
 * paths and queries beside `sslnegotiation` mean nothing here and are not kept.
 */
import { hostname } from 'node:os';
import { domainToASCII } from 'node:url';
import { UsageError } from '../core/errors.ts';
import { harmless } from '../core/harmless.ts';
import { vanishes } from '../core/host-name.ts';
import { isIP } from '../core/ip.ts';
import type { Dialect, Parties } from './dialect.ts';
import { ALIASES, DIALECTS } from './dialects.ts';
import { DIRECT_SERVICES, TLS } from './direct.ts';

/** `upgrade`: in clear first. `direct`: TLS from the first byte. */
export type Mode = 'upgrade' | 'direct';

/** A scheme of URLs, and what it stands for. */
export interface Scheme {
  readonly scheme: string;
  readonly dialect: Dialect;
  readonly mode: Mode;
  /** Null where none is assigned, so that the URL has to name one. */
  readonly port: number | null;
  /** The ALPN id to send; null for none. */
  readonly alpn: string | null;
  readonly title: string;
}

export interface Target {
  /** As a URL, with the port, and without what means nothing here: to be shown. */
  readonly url: string;
  readonly dialect: Dialect;
  readonly mode: Mode;
  /** Where to connect: a name or a literal address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** `parties.host` is what to send as SNI and to verify: a service's domain need not be the host it is on. */
  readonly parties: Parties;
  /** The ALPN id to send; null for none. */
  readonly alpn: string | null;
}

export interface TargetOptions {
  /** The scheme of a target that has none, so that `host:port` is enough. */
  readonly proto?: string;
  /** Overrides the mode of the scheme: `direct` for a service that has TLS on a port of its own choice. */
  readonly mode?: Mode;
  /** What the client calls itself. Default: the name of this host. */
  readonly self?: string;
}

function upgradeScheme(dialect: Dialect, scheme: string): Scheme {
  const { port, title } = dialect;
  return { scheme, dialect, mode: 'upgrade', port, alpn: dialect.alpnOnUpgrade ? dialect.alpn : null, title };
}

function directScheme(dialect: Dialect, scheme: string): Scheme {
  const { directPort: port, alpn, title } = dialect;
  return { scheme, dialect, mode: 'direct', port, alpn, title };
}

/** Every scheme there is, those of the dialects first. */
export const SCHEMES: readonly Scheme[] = [
  ...DIALECTS.flatMap((dialect) => [
    ...(dialect.scheme === null ? [] : [upgradeScheme(dialect, dialect.scheme)]),
    ...(dialect.directScheme === null ? [] : [directScheme(dialect, dialect.directScheme)]),
  ]),
  ...DIRECT_SERVICES.map(({ scheme, port, alpn, title }): Scheme => {
    return { scheme, dialect: TLS, mode: 'direct', port, alpn, title };
  }),
];

const byScheme = new Map(SCHEMES.map((scheme) => [scheme.scheme, scheme]));

/** @throws UsageError that lists the schemes there are */
export function schemeNamed(name: string): Scheme {
  const lower = name.toLowerCase();
  const found = byScheme.get(ALIASES.get(lower) ?? lower);
  if (found !== undefined) return found;
  throw new UsageError(`there is no protocol '${name}'; there are ${[...byScheme.keys()].join(', ')}`);
}

/*
 * [scheme "://"] [userinfo "@"] host [":" port] [path] [query] [fragment]
 */
const TARGET =
  /^(?:(?<scheme>[a-z][a-z0-9+.-]*):\/\/)?(?:(?<user>[^/?#]*)@)?(?<host>\[[^\]]*\]|[^:/?#@[\]]*)(?::(?<port>\d{1,5}))?(?<rest>[/?#].*)?$/is;

/**
 * Reads one target.
 *
 * @throws UsageError for what is no target, a protocol that there is not, a port out of range, and a missing one
 */
export function targetOf(text: string, { proto, mode, self = hostname() }: TargetOptions = {}): Target {
  const { scheme: named = proto, user = '', host = '', port, rest = '' } = TARGET.exec(text.trim())?.groups ?? {};
  if (host === '') throw new UsageError(`not a target: '${withoutUser(text)}'; write protocol://host:port`);
  if (named === undefined) {
    throw new UsageError(
      `'${withoutUser(text)}' does not say which protocol; write for example smtp://${harmless(host)}`,
    );
  }
  const written = schemeNamed(named);
  const scheme = withMode(written, modeOf(rest, written) ?? mode);
  const domain = scheme.dialect.addressesDomain === true && user !== '' ? domainOf(user) : null;
  return targetIn(scheme, host, port === undefined ? undefined : Number(port), domain, self);
}

/**
 * A target by its parts. The host is a name or an address, and nothing else of a URL.
 *
 * @throws UsageError as {@link targetOf}
 */
export function targetAt(host: string, port: number | undefined, proto: string, self: string = hostname()): Target {
  return targetIn(schemeNamed(proto), host, port, null, self);
}

function targetIn(scheme: Scheme, host: string, port: number | undefined, domain: string | null, self: string): Target {
  const { dialect } = scheme;
  const address = hostOf(host);
  const number = portOf(port, scheme);
  const place = `${isIP(address) === 6 ? `[${address}]` : address}:${number}`;
  const query = scheme.mode === 'direct' && sharesPort(dialect) ? `?${NEGOTIATION}=direct` : '';
  return {
    url: `${scheme.scheme}://${domain === null ? '' : `${domain}@`}${place}${query}`,
    dialect,
    mode: scheme.mode,
    host: address,
    port: number,
    parties: { host: domain ?? address, self },
    alpn: scheme.alpn,
  };
}

/** Both modes on one port under one scheme, as PostgreSQL has them. */
function sharesPort({ scheme, directScheme, directPort }: Dialect): boolean {
  return scheme !== null && directScheme === null && directPort !== null;
}

const NEGOTIATION = 'sslnegotiation';
const NEGOTIATIONS: ReadonlyMap<string, Mode> = new Map([
  ['direct', 'direct'],
  ['postgres', 'upgrade'],
]);

/** The mode that libpq's parameter asks for. */
function modeOf(rest: string, { dialect }: Scheme): Mode | undefined {
  const query = /\?([^#]*)/.exec(rest)?.[1];
  const asked = new URLSearchParams(query ?? '').get(NEGOTIATION);
  if (asked === null || !sharesPort(dialect)) return undefined;
  const mode = NEGOTIATIONS.get(asked);
  if (mode !== undefined) return mode;
  throw new UsageError(`${NEGOTIATION} is ${[...NEGOTIATIONS.keys()].join(' or ')}, not '${asked}'`);
}

/** The same protocol in another mode. @throws UsageError where there is none */
export function withMode(scheme: Scheme, mode: Mode | undefined): Scheme {
  if (mode === undefined || mode === scheme.mode) return scheme;
  const { dialect } = scheme;
  if (mode === 'direct') return directScheme(dialect, dialect.directScheme ?? scheme.scheme);
  if (dialect.scheme === null) throw new UsageError(`${scheme.title} has no upgrade: TLS is there from the first byte`);
  return upgradeScheme(dialect, dialect.scheme);
}

function hostOf(text: string): string {
  const bracketed = /^\[(.*)\]$/s.exec(text)?.[1];
  if (bracketed === undefined ? isIP(text) !== 0 : isIP(bracketed) === 6) return bracketed ?? text;
  const ascii = [...text].every(isNameable) ? domainToASCII(text) : '';
  if (ascii === '') throw new UsageError(`'${harmless(text)}' is neither a host name nor an address`);
  return ascii;
}

/** The domain of a service at another host. What is none may be a user with a password: a message does not repeat it. */
function domainOf(user: string): string {
  try {
    return hostOf(user);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(
      'what stands before the @ is the domain of the service, and neither a host name nor an address',
    );
  }
}

/** Characters that are more than a name to a URL, and those that vanish from it, would lead to a host that nobody wrote. */
function isNameable(character: string): boolean {
  return character < '\x80' ? /[\w.-]/.test(character) : !vanishes(character);
}

function portOf(number: number | undefined, { scheme, port }: Scheme): number {
  if (number === undefined) {
    if (port !== null) return port;
    throw new UsageError(`${scheme}:// has no port of its own; write ${scheme}://host:port`);
  }
  if (Number.isInteger(number) && number >= 1 && number <= 65_535) return number;
  throw new UsageError(`a port is 1 to 65535, not ${number}`);
}

/** The text of a target for a message: a URL may hold a password, and a password an @ or a slash. */
function withoutUser(text: string): string {
  return harmless(text.replace(/^(\s*[a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1...@'));
}
