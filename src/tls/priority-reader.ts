/**
 * The reading half of priority strings: items in, lists of names out. The rules are at the head of priority.ts.
 */
import { TlsError } from '../core/errors.ts';
import { nodeCrypto } from '../core/on-demand.ts';
import { GNUTLS_E } from './gnutls-errors.ts';
import {
  CIPHERS,
  GROUP_FAMILIES,
  GROUPS,
  KEY_EXCHANGES,
  KEYWORDS,
  type Keyword,
  MACS,
  NORMAL_CIPHERS,
  NORMAL_KX,
  NORMAL_MACS,
  NORMAL_SIGNATURES,
  SIGNATURES,
  SPECIALS,
  type Special,
  SUITES,
  VERSIONS,
  type VersionName,
} from './priority-tables.ts';

/** The lists as they grow. Sets keep the order of insertion, which is the order of preference. */
export interface Wish {
  /** true: asked for by its own name, false: came with a keyword or VERS-ALL. */
  readonly versions: Map<VersionName, boolean>;
  readonly ciphers: Set<string>;
  readonly macs: Set<string>;
  readonly kx: Set<string>;
  readonly groups: Set<string>;
  readonly signatures: Set<string>;
  x509: boolean;
  oldWanted: boolean;
  keywordLevel: number | null;
  profile: { readonly level: number; readonly name: string } | null;
  serverPrecedence: boolean;
  tickets: boolean;
  options: number;
}

/** @throws {TlsError} -50 with the item's name and position. */
export function readPriority(text: string): Wish {
  const wish: Wish = {
    versions: new Map(),
    ciphers: new Set(),
    macs: new Set(),
    kx: new Set(),
    groups: new Set(),
    signatures: new Set(),
    x509: true,
    oldWanted: false,
    keywordLevel: null,
    profile: null,
    serverPrecedence: false,
    tickets: true,
    options: 0,
  };
  for (const item of itemsOf(text)) apply(wish, item);
  return wish;
}

interface Item {
  readonly text: string;
  /** Counted from 1, as people do. */
  readonly position: number;
  readonly first: boolean;
}

function itemsOf(text: string): Item[] {
  let offset = 0;
  return text.split(':').map((raw, index) => {
    const blanks = index === 0 ? 0 : raw.length - raw.replace(/^ +/, '').length;
    const item = { text: raw.slice(blanks), position: offset + blanks + 1, first: index === 0 };
    offset += raw.length + 1;
    return item;
  });
}

function refuse(item: Item, why: string): never {
  const shown = item.text.length > 60 ? `${item.text.slice(0, 60)}...` : item.text;
  throw new TlsError(
    GNUTLS_E.INVALID_REQUEST,
    `priority string: "${shown.replaceAll(/[^ -~]/g, '?')}" at position ${item.position}: ${why}`,
  );
}

function apply(wish: Wish, item: Item): void {
  const { text } = item;
  if (text === '') refuse(item, 'an empty item');
  const sign = text.charAt(0);
  if (sign === '%') applySpecial(wish, item, text.slice(1));
  else if (sign === '+' || sign === '-' || sign === '!') applyAlgorithm(wish, item, sign === '+');
  else applyKeyword(wish, item, text.toUpperCase());
}

function applyKeyword(wish: Wish, item: Item, name: string): void {
  if (item.first && name === 'NONE') return;
  const keyword = lookUp(KEYWORDS, name === '@SYSTEM' && item.first ? 'NORMAL' : name);
  if (keyword === undefined) refuse(item, 'not a keyword; items are added with + and removed with -');
  addKeyword(wish, keyword, name, item.first);
}

function addKeyword(wish: Wish, keyword: Keyword, name: string, first: boolean): void {
  // Later keywords bring no versions of their own (NORMAL:-VERS-TLS1.3:NORMAL stays without), but Suite B does
  if (first || name.startsWith('SUITEB')) addVersions(wish, keyword.versions);
  append(wish.ciphers, keyword.ciphers);
  append(wish.macs, keyword.macs);
  append(wish.kx, keyword.kx);
  append(wish.signatures, keyword.signatures);
  append(wish.groups, keyword.groups);
  wish.tickets &&= keyword.tickets;
  wish.oldWanted ||= name === 'LEGACY';
  // Of several keywords the strictest counts
  if (keyword.level !== null) wish.keywordLevel = Math.max(wish.keywordLevel ?? 0, keyword.level);
  else if (wish.keywordLevel === 0) wish.keywordLevel = null;
}

function applySpecial(wish: Wish, item: Item, name: string): void {
  const special: Special | undefined = lookUp(SPECIALS, name);
  if (special === undefined) refuse(item, 'not a special that GnuTLS knows (they are written in capitals)');
  switch (special.does) {
    case 'nothing':
      return;
    case 'refuse':
      refuse(item, `cannot be had on the Node engine: ${special.because}`);
      break;
    case 'server-precedence':
      wish.serverPrecedence = true;
      return;
    case 'no-tickets':
      wish.tickets = false;
      return;
    case 'option':
      wish.options |= nodeCrypto().constants[`SSL_OP_${special.option}`];
      return;
    case 'unsafe-renegotiation':
      wish.options |= unsafeRenegotiation();
      return;
    case 'level':
      wish.profile = { level: special.level, name: item.text };
      return;
  }
}

/** One `+`, `-` or `!` item. The families are told apart by their prefix, the bare names by the tables. */
function applyAlgorithm(wish: Wish, item: Item, add: boolean): void {
  const name = item.text.slice(1).toUpperCase();
  const keyword = lookUp(KEYWORDS, name);
  const [, family, member = ''] = /^(VERS|GROUP|CURVE|CTYPE|SIGN|COMP)-(.*)$/.exec(name) ?? [];
  if (keyword !== undefined && add) addKeyword(wish, keyword, name, item.first);
  else if (name === 'CIPHER-ALL') bulk(wish.ciphers, NORMAL_CIPHERS, add);
  else if (name === 'MAC-ALL') bulk(wish.macs, NORMAL_MACS, add);
  else if (name === 'KX-ALL') bulk(wish.kx, NORMAL_KX, add);
  else if (name === 'SIGN-ALL') bulk(wish.signatures, NORMAL_SIGNATURES, add);
  else if (family === 'VERS') applyVersion(wish, item, member, add);
  else if (family === 'GROUP' || family === 'CURVE') applyGroup(wish, item, member, add);
  else if (family === 'CTYPE') applyCertificateType(wish, item, member, add);
  else if (family === 'SIGN') applySignature(wish, item, member, add);
  else if (CIPHERS.includes(name)) putChecked(wish.ciphers, item, 'cipher', name, add);
  else if (MACS.includes(name)) putChecked(wish.macs, item, 'mac', name, add);
  else if (KEY_EXCHANGES.includes(name)) putChecked(wish.kx, item, 'kx', name, add);
  // Compression is gone from GnuTLS and switched off in OpenSSL, so its items change nothing
  else if (family !== 'COMP' || !/^(ALL|NULL|DEFLATE)$/.test(member))
    refuse(item, 'not an algorithm that GnuTLS knows');
}

function applySignature(wish: Wish, item: Item, name: string, add: boolean): void {
  const signature = lookUp(SIGNATURES, name);
  if (signature === undefined) refuse(item, 'not a signature algorithm that GnuTLS knows');
  if (add && signature === null) refuse(item, 'OpenSSL has no such signature algorithm for TLS');
  put(wish.signatures, name, add);
}

function applyVersion(wish: Wish, item: Item, name: string, add: boolean): void {
  if (name === 'ALL' || name === 'TLS-ALL') {
    if (add) addVersions(wish, [...VERSIONS].reverse());
    else wish.versions.clear();
    return;
  }
  if (/^DTLS(-ALL|0\.9|1\.0|1\.2)$/.test(name)) return; // of no concern to a stream
  const version = VERSIONS.find((known) => name === `TLS${known}`);
  if (version !== undefined) {
    if (add) wish.versions.set(version, true);
    else wish.versions.delete(version);
  } else if (name !== 'SSL3.0') refuse(item, 'not a protocol version that GnuTLS knows');
  else if (add) refuse(item, 'OpenSSL is built without SSL 3.0');
}

function applyGroup(wish: Wish, item: Item, name: string, add: boolean): void {
  const members: readonly string[] | undefined = lookUp(GROUP_FAMILIES, name);
  if (name === 'ALL' && !add) wish.groups.clear();
  else if (members !== undefined) for (const member of members) put(wish.groups, member, add);
  else {
    const group = lookUp(GROUPS, name);
    if (group === undefined) refuse(item, 'not a group that GnuTLS knows');
    if (add && group === null) refuse(item, 'OpenSSL has no such group');
    put(wish.groups, name, add);
  }
}

function applyCertificateType(wish: Wish, item: Item, name: string, add: boolean): void {
  const type = name.replace(/^(CLI|SRV)-/, '');
  if (type === 'ALL' || type === 'X509' || type === 'X.509') wish.x509 = add;
  else if (type !== 'RAWPK' && type !== 'OPENPGP') refuse(item, 'not a certificate type that GnuTLS knows');
  else if (add) refuse(item, 'Node knows X.509 certificates only');
}

/** Refuses what GnuTLS has suites for and OpenSSL has none; names without any suite do nothing on either side. */
function putChecked(list: Set<string>, item: Item, field: 'cipher' | 'mac' | 'kx', name: string, add: boolean): void {
  const concerned = SUITES.filter((suite) => suite[field] === name);
  if (add && concerned.length > 0 && concerned.every((suite) => suite.openssl === null)) {
    refuse(item, 'there is no cipher suite with it on the Node engine');
  }
  put(list, name, add);
}

function put(list: Set<string>, name: string, add: boolean): void {
  if (add) list.add(name);
  else list.delete(name);
}

function append(list: Set<string>, names: readonly string[]): void {
  for (const name of names) list.add(name);
}

function bulk(list: Set<string>, names: readonly string[], add: boolean): void {
  if (add) append(list, names);
  else list.clear();
}

function addVersions(wish: Wish, versions: readonly VersionName[]): void {
  for (const version of versions) if (!wish.versions.has(version)) wish.versions.set(version, false);
}

/** The row of a table, undefined for names that only Object.prototype has. */
export function lookUp<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function unsafeRenegotiation(): number {
  const { SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION, SSL_OP_LEGACY_SERVER_CONNECT } = nodeCrypto().constants;
  return SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION | SSL_OP_LEGACY_SERVER_CONNECT;
}
