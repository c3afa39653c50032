/**
 * GnuTLS priority strings for the Node engine: `NORMAL:-VERS-ALL:+VERS-TLS1.3` becomes options of a node:tls context.
 *
 * A program gives such a string in the buffer of CONNECT (reference tcpx §7). GnuTLS reads it natively; here it is
 * read by the same rules, then put into OpenSSL's words. What has no counterpart is refused by name, never dropped:
 * a program that asks for more than it gets would believe itself safer, or better connected, than it is.
 *
 *   text -> items -> lists in order of preference (versions, ciphers, macs, kx, groups, signatures) -> NodePriority
 *
 * Rules, measured on GnuTLS 3.7.9: the first item may be a keyword, later keywords append their lists; `+` appends
 * unless present, `-` and `!` remove; names ignore case, `%` items do not; blanks are allowed before an item, not
 * after it; an empty item is an error. TLS 1.2 and 1.3 need signature algorithms; 1.3 needs a group, and disappears
 * when 1.2 is missing while an older version is there, and with RSA-PSK or NULL. A string that leaves nothing
 * is -326 (GNUTLS_E_NO_PRIORITIES_WERE_SET), everything else that is wrong -50.
 *
 * Three differences from GnuTLS are deliberate:
 * - The keywords stand for TLS 1.0 to 1.3 in GnuTLS. OpenSSL allows 1.0 and 1.1 only at security level 0, where it
 *   accepts weak keys too. So they are used when LEGACY or `+VERS-TLS1.0` asks for them or nothing else is left.
 * - Without a group, GnuTLS still offers ECDHE suites; OpenSSL cannot, so they are left out.
 * - OpenSSL's levels for the stricter profiles also exclude some suites (level 3 those without forward secrecy).
 */
import { TlsError } from '../core/errors.ts';
import { nodeCrypto } from '../core/on-demand.ts';
import { GNUTLS_E } from './gnutls-errors.ts';
import { lookUp, readPriority, type Wish } from './priority-reader.ts';
import { GROUPS, SIGNATURES, SUITES, type Suite, VERSIONS, type VersionName } from './priority-tables.ts';

/** Spread it into the options of `tls.connect`, `tls.createServer` or `tls.createSecureContext`. */
export interface NodePriority {
  readonly minVersion: NodeVersion;
  readonly maxVersion: NodeVersion;
  /** TLS 1.3 suites and older ones in order of preference, with `@SECLEVEL=n` where OpenSSL's default does not fit. */
  readonly ciphers: string;
  /** Groups in order of preference; absent when the string leaves none, and then no suite needs one. */
  readonly ecdhCurve?: string;
  /** Absent when only TLS 1.0 and 1.1 are left, which have no such list. */
  readonly sigalgs?: string;
  /** On a server: our order counts (`%SERVER_PRECEDENCE`). Node's own default is true, GnuTLS's false. */
  readonly honorCipherOrder: boolean;
  /** On a server: DHE suites work only with this. */
  readonly dhparam?: 'auto';
  readonly secureOptions: number;
  /** False with `%NO_TICKETS` and PFS; contained in secureOptions. */
  readonly tickets: boolean;
}

export type NodeVersion = `TLSv1${'' | '.1' | '.2' | '.3'}`;

/**
 * Translates a priority string.
 * @throws {TlsError} and nothing else: -50 names the item and its position, -326 means that nothing is left.
 */
export function translatePriority(text: string): NodePriority {
  return settle(readPriority(text));
}

const isOld = (version: VersionName): boolean => version === '1.0' || version === '1.1';

function settle(wish: Wish): NodePriority {
  if (!wish.x509) nothingLeft('no certificate type');
  const suites = suitesOf(wish);
  const versions = versionsOf(wish, suites);
  const [lowest] = versions;
  const highest = versions.at(-1);
  if (lowest === undefined || highest === undefined) nothingLeft('no version is left that has a cipher suite');
  refuseGaps(versions);

  const used = suites.filter((suite) => (suite.since === '1.3' ? highest === '1.3' : suite.since <= highest));
  const older = used.filter((suite) => suite.since !== '1.3' && lowest !== '1.3');
  const groups = [...wish.groups].flatMap((name) => lookUp(GROUPS, name) ?? []);
  const signatures = new Set([...wish.signatures].flatMap((name) => lookUp(SIGNATURES, name) ?? []));
  const noTicket = wish.tickets ? 0 : nodeCrypto().constants.SSL_OP_NO_TICKET;
  return {
    minVersion: nodeVersion(lowest),
    maxVersion: nodeVersion(highest),
    ciphers: cipherString(
      used.filter((suite) => suite.since === '1.3'),
      older,
      levelOf(wish, lowest, older),
    ),
    ...(groups.length > 0 && { ecdhCurve: groups.join(':') }),
    ...(!isOld(highest) && signatures.size > 0 && { sigalgs: [...signatures].join(':') }),
    honorCipherOrder: wish.serverPrecedence,
    ...(older.some((suite) => suite.kx.startsWith('DHE-')) && { dhparam: 'auto' as const }),
    secureOptions: wish.options | noTicket,
    tickets: wish.tickets,
  };
}

/** GnuTLS's order: the TLS 1.3 suites by cipher, then for every key exchange the ciphers, and for each the MACs. */
function suitesOf(wish: Wish): Suite[] {
  const found: Suite[] = [];
  for (const kx of ['', ...wish.kx]) {
    if (kx.startsWith('ECDHE-') && wish.groups.size === 0) continue;
    for (const cipher of wish.ciphers) {
      for (const mac of wish.macs) {
        // Only GnuTLS's AEAD suites of TLS 1.3 have no key exchange, and there is one for each cipher
        const suite = SUITES.find((row) => row.kx === kx && row.cipher === cipher && row.mac === mac);
        if (suite !== undefined && suite.openssl !== null) found.push(suite);
      }
    }
  }
  return found;
}

/** The versions that remain, oldest first. */
function versionsOf(wish: Wish, suites: readonly Suite[]): VersionName[] {
  const left = new Set(wish.versions.keys());
  if (wish.kx.has('RSA-PSK') || wish.ciphers.has('NULL') || wish.groups.size === 0) left.delete('1.3');
  if (wish.signatures.size === 0) {
    left.delete('1.2');
    left.delete('1.3');
  }
  if (!left.has('1.2') && (left.has('1.0') || left.has('1.1'))) left.delete('1.3');

  const since = new Set(suites.map((suite) => suite.since));
  const served = VERSIONS.filter((version) => left.has(version) && hasSuite(version, since));
  // Naming TLS 1.0 keeps 1.1 too; versions that nobody named stay if they are all there is
  const oldest = wish.oldWanted
    ? '1.0'
    : (served.find((version) => isOld(version) && wish.versions.get(version)) ?? '1.2');
  const kept = served.filter((version) => version >= oldest);
  return kept.length > 0 ? kept : served;
}

function hasSuite(version: VersionName, since: ReadonlySet<Suite['since']>): boolean {
  if (version === '1.3') return since.has('1.3');
  return since.has('1.0') || (version === '1.2' && since.has('1.2'));
}

function refuseGaps(versions: readonly VersionName[]): void {
  const [lowest] = versions;
  const highest = versions.at(-1);
  const gap = VERSIONS.find(
    (version) => version > (lowest ?? '') && version < (highest ?? '') && !versions.includes(version),
  );
  if (gap === undefined) return;
  throw new TlsError(
    GNUTLS_E.INVALID_REQUEST,
    `priority string: TLS ${lowest} and ${highest} without VERS-TLS${gap} between them cannot be had on the Node engine`,
  );
}

/** The level to write into the cipher string, or null to leave OpenSSL's default alone. */
function levelOf(wish: Wish, lowest: VersionName, older: readonly Suite[]): number | null {
  const bare = older.find((suite) => suite.cipher === 'NULL' || suite.mac === 'MD5');
  const wanted = wish.profile?.level ?? wish.keywordLevel;
  if (!isOld(lowest) && bare === undefined) return wanted;
  if (wanted !== null && wanted > 0) {
    throw new TlsError(
      GNUTLS_E.INVALID_REQUEST,
      `priority string: ${bare?.openssl ?? `VERS-TLS${lowest}`} needs OpenSSL's security level 0, ` +
        `but ${wish.profile?.name ?? 'the keyword'} demands level ${wanted}`,
    );
  }
  return 0;
}

/**
 * `TLS_…` names go to TLS 1.3, the others to older versions, in Node's one string. OpenSSL takes a level only with a
 * suite of the old kind, so a list for TLS 1.3 alone gets one that its version bounds keep from being used.
 */
function cipherString(modern: readonly Suite[], older: readonly Suite[], level: number | null): string {
  const names = [...modern, ...older].flatMap((suite) => suite.openssl ?? []);
  if (level === null) return names.join(':');
  const carrier = older.length === 0 ? ['ECDHE-RSA-AES256-GCM-SHA384'] : [];
  return [...names, ...carrier, `@SECLEVEL=${level}`].join(':');
}

function nodeVersion(version: VersionName): NodeVersion {
  return version === '1.0' ? 'TLSv1' : `TLSv${version}`;
}

function nothingLeft(why: string): never {
  throw new TlsError(GNUTLS_E.NO_PRIORITIES_WERE_SET, `priority string leaves nothing to negotiate with: ${why}`);
}
