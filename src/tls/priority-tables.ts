/**
 * What priority strings are made of: GnuTLS's cipher suites and lists, and what OpenSSL calls the same things.
 *
 * Source of the suites: `gnutls-cli --list` (3.7.9), joined by code point with `openssl ciphers -V` (3.0). The lists
 * behind the keywords were read with `gnutls-cli --list --priority KEYWORD`. Both are compared again by
 * test/unit/tls-priority.test.ts wherever those programs are installed.
 */

export interface Suite {
  /** The code point in hex, for example c02f. */
  readonly id: string;
  /** '' for TLS 1.3, whose suites do not name a key exchange. */
  readonly kx: string;
  readonly cipher: string;
  readonly mac: string;
  /** The first TLS version that has the suite. */
  readonly since: SuiteVersion;
  /**
   * The name in Node's `ciphers`. null where OpenSSL 3 has no such suite as Node is built (3DES, RC4, Camellia-GCM,
   * GOST), where Node has no way to supply the credentials (SRP), and for anonymous key exchange, which leaves no
   * certificate to verify.
   */
  readonly openssl: string | null;
}

type SuiteVersion = '1.0' | '1.2' | '1.3';
type Row = readonly [id: string, cipher: string, mac: string, since: SuiteVersion, openssl: string | null];

const ROWS_BY_KX = {
  '': [
    ['1301', 'AES-128-GCM', 'AEAD', '1.3', 'TLS_AES_128_GCM_SHA256'],
    ['1302', 'AES-256-GCM', 'AEAD', '1.3', 'TLS_AES_256_GCM_SHA384'],
    ['1303', 'CHACHA20-POLY1305', 'AEAD', '1.3', 'TLS_CHACHA20_POLY1305_SHA256'],
    ['1304', 'AES-128-CCM', 'AEAD', '1.3', 'TLS_AES_128_CCM_SHA256'],
    ['1305', 'AES-128-CCM-8', 'AEAD', '1.3', 'TLS_AES_128_CCM_8_SHA256'],
  ],
  'ECDHE-ECDSA': [
    ['c006', 'NULL', 'SHA1', '1.0', 'ECDHE-ECDSA-NULL-SHA'],
    ['c008', '3DES-CBC', 'SHA1', '1.0', null],
    ['c009', 'AES-128-CBC', 'SHA1', '1.0', 'ECDHE-ECDSA-AES128-SHA'],
    ['c00a', 'AES-256-CBC', 'SHA1', '1.0', 'ECDHE-ECDSA-AES256-SHA'],
    ['c007', 'ARCFOUR-128', 'SHA1', '1.0', null],
    ['c072', 'CAMELLIA-128-CBC', 'SHA256', '1.2', 'ECDHE-ECDSA-CAMELLIA128-SHA256'],
    ['c073', 'CAMELLIA-256-CBC', 'SHA384', '1.2', 'ECDHE-ECDSA-CAMELLIA256-SHA384'],
    ['c023', 'AES-128-CBC', 'SHA256', '1.2', 'ECDHE-ECDSA-AES128-SHA256'],
    ['c086', 'CAMELLIA-128-GCM', 'AEAD', '1.2', null],
    ['c087', 'CAMELLIA-256-GCM', 'AEAD', '1.2', null],
    ['c02b', 'AES-128-GCM', 'AEAD', '1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['c02c', 'AES-256-GCM', 'AEAD', '1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
    ['c024', 'AES-256-CBC', 'SHA384', '1.2', 'ECDHE-ECDSA-AES256-SHA384'],
    ['cca9', 'CHACHA20-POLY1305', 'AEAD', '1.2', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
    ['c0ac', 'AES-128-CCM', 'AEAD', '1.2', 'ECDHE-ECDSA-AES128-CCM'],
    ['c0ad', 'AES-256-CCM', 'AEAD', '1.2', 'ECDHE-ECDSA-AES256-CCM'],
    ['c0ae', 'AES-128-CCM-8', 'AEAD', '1.2', 'ECDHE-ECDSA-AES128-CCM8'],
    ['c0af', 'AES-256-CCM-8', 'AEAD', '1.2', 'ECDHE-ECDSA-AES256-CCM8'],
  ],
  'ECDHE-RSA': [
    ['c010', 'NULL', 'SHA1', '1.0', 'ECDHE-RSA-NULL-SHA'],
    ['c012', '3DES-CBC', 'SHA1', '1.0', null],
    ['c013', 'AES-128-CBC', 'SHA1', '1.0', 'ECDHE-RSA-AES128-SHA'],
    ['c014', 'AES-256-CBC', 'SHA1', '1.0', 'ECDHE-RSA-AES256-SHA'],
    ['c028', 'AES-256-CBC', 'SHA384', '1.2', 'ECDHE-RSA-AES256-SHA384'],
    ['c011', 'ARCFOUR-128', 'SHA1', '1.0', null],
    ['c076', 'CAMELLIA-128-CBC', 'SHA256', '1.2', 'ECDHE-RSA-CAMELLIA128-SHA256'],
    ['c077', 'CAMELLIA-256-CBC', 'SHA384', '1.2', 'ECDHE-RSA-CAMELLIA256-SHA384'],
    ['c027', 'AES-128-CBC', 'SHA256', '1.2', 'ECDHE-RSA-AES128-SHA256'],
    ['c02f', 'AES-128-GCM', 'AEAD', '1.2', 'ECDHE-RSA-AES128-GCM-SHA256'],
    ['c030', 'AES-256-GCM', 'AEAD', '1.2', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ['c08a', 'CAMELLIA-128-GCM', 'AEAD', '1.2', null],
    ['c08b', 'CAMELLIA-256-GCM', 'AEAD', '1.2', null],
    ['cca8', 'CHACHA20-POLY1305', 'AEAD', '1.2', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ],
  RSA: [
    ['0001', 'NULL', 'MD5', '1.0', 'NULL-MD5'],
    ['0002', 'NULL', 'SHA1', '1.0', 'NULL-SHA'],
    ['003b', 'NULL', 'SHA256', '1.2', 'NULL-SHA256'],
    ['0005', 'ARCFOUR-128', 'SHA1', '1.0', null],
    ['0004', 'ARCFOUR-128', 'MD5', '1.0', null],
    ['000a', '3DES-CBC', 'SHA1', '1.0', null],
    ['002f', 'AES-128-CBC', 'SHA1', '1.0', 'AES128-SHA'],
    ['0035', 'AES-256-CBC', 'SHA1', '1.0', 'AES256-SHA'],
    ['00ba', 'CAMELLIA-128-CBC', 'SHA256', '1.2', 'CAMELLIA128-SHA256'],
    ['00c0', 'CAMELLIA-256-CBC', 'SHA256', '1.2', 'CAMELLIA256-SHA256'],
    ['0041', 'CAMELLIA-128-CBC', 'SHA1', '1.0', 'CAMELLIA128-SHA'],
    ['0084', 'CAMELLIA-256-CBC', 'SHA1', '1.0', 'CAMELLIA256-SHA'],
    ['003c', 'AES-128-CBC', 'SHA256', '1.2', 'AES128-SHA256'],
    ['003d', 'AES-256-CBC', 'SHA256', '1.2', 'AES256-SHA256'],
    ['009c', 'AES-128-GCM', 'AEAD', '1.2', 'AES128-GCM-SHA256'],
    ['009d', 'AES-256-GCM', 'AEAD', '1.2', 'AES256-GCM-SHA384'],
    ['c07a', 'CAMELLIA-128-GCM', 'AEAD', '1.2', null],
    ['c07b', 'CAMELLIA-256-GCM', 'AEAD', '1.2', null],
    ['c09c', 'AES-128-CCM', 'AEAD', '1.2', 'AES128-CCM'],
    ['c09d', 'AES-256-CCM', 'AEAD', '1.2', 'AES256-CCM'],
    ['c0a0', 'AES-128-CCM-8', 'AEAD', '1.2', 'AES128-CCM8'],
    ['c0a1', 'AES-256-CCM-8', 'AEAD', '1.2', 'AES256-CCM8'],
  ],
  'DHE-RSA': [
    ['0016', '3DES-CBC', 'SHA1', '1.0', null],
    ['0033', 'AES-128-CBC', 'SHA1', '1.0', 'DHE-RSA-AES128-SHA'],
    ['0039', 'AES-256-CBC', 'SHA1', '1.0', 'DHE-RSA-AES256-SHA'],
    ['00be', 'CAMELLIA-128-CBC', 'SHA256', '1.2', 'DHE-RSA-CAMELLIA128-SHA256'],
    ['00c4', 'CAMELLIA-256-CBC', 'SHA256', '1.2', 'DHE-RSA-CAMELLIA256-SHA256'],
    ['0045', 'CAMELLIA-128-CBC', 'SHA1', '1.0', 'DHE-RSA-CAMELLIA128-SHA'],
    ['0088', 'CAMELLIA-256-CBC', 'SHA1', '1.0', 'DHE-RSA-CAMELLIA256-SHA'],
    ['0067', 'AES-128-CBC', 'SHA256', '1.2', 'DHE-RSA-AES128-SHA256'],
    ['006b', 'AES-256-CBC', 'SHA256', '1.2', 'DHE-RSA-AES256-SHA256'],
    ['009e', 'AES-128-GCM', 'AEAD', '1.2', 'DHE-RSA-AES128-GCM-SHA256'],
    ['009f', 'AES-256-GCM', 'AEAD', '1.2', 'DHE-RSA-AES256-GCM-SHA384'],
    ['c07c', 'CAMELLIA-128-GCM', 'AEAD', '1.2', null],
    ['c07d', 'CAMELLIA-256-GCM', 'AEAD', '1.2', null],
    ['ccaa', 'CHACHA20-POLY1305', 'AEAD', '1.2', 'DHE-RSA-CHACHA20-POLY1305'],
    ['c09e', 'AES-128-CCM', 'AEAD', '1.2', 'DHE-RSA-AES128-CCM'],
    ['c09f', 'AES-256-CCM', 'AEAD', '1.2', 'DHE-RSA-AES256-CCM'],
    ['c0a2', 'AES-128-CCM-8', 'AEAD', '1.2', 'DHE-RSA-AES128-CCM8'],
    ['c0a3', 'AES-256-CCM-8', 'AEAD', '1.2', 'DHE-RSA-AES256-CCM8'],
  ],
  'DHE-DSS': [
    ['0066', 'ARCFOUR-128', 'SHA1', '1.0', null],
    ['0013', '3DES-CBC', 'SHA1', '1.0', null],
    ['0032', 'AES-128-CBC', 'SHA1', '1.0', 'DHE-DSS-AES128-SHA'],
    ['0038', 'AES-256-CBC', 'SHA1', '1.0', 'DHE-DSS-AES256-SHA'],
    ['00bd', 'CAMELLIA-128-CBC', 'SHA256', '1.2', 'DHE-DSS-CAMELLIA128-SHA256'],
    ['00c3', 'CAMELLIA-256-CBC', 'SHA256', '1.2', 'DHE-DSS-CAMELLIA256-SHA256'],
    ['0044', 'CAMELLIA-128-CBC', 'SHA1', '1.0', 'DHE-DSS-CAMELLIA128-SHA'],
    ['0087', 'CAMELLIA-256-CBC', 'SHA1', '1.0', 'DHE-DSS-CAMELLIA256-SHA'],
    ['0040', 'AES-128-CBC', 'SHA256', '1.2', 'DHE-DSS-AES128-SHA256'],
    ['006a', 'AES-256-CBC', 'SHA256', '1.2', 'DHE-DSS-AES256-SHA256'],
    ['00a2', 'AES-128-GCM', 'AEAD', '1.2', 'DHE-DSS-AES128-GCM-SHA256'],
    ['00a3', 'AES-256-GCM', 'AEAD', '1.2', 'DHE-DSS-AES256-GCM-SHA384'],
    ['c080', 'CAMELLIA-128-GCM', 'AEAD', '1.2', null],
    ['c081', 'CAMELLIA-256-GCM', 'AEAD', '1.2', null],
  ],
  PSK: [
    ['008a', 'ARCFOUR-128', 'SHA1', '1.0', null],
    ['008b', '3DES-CBC', 'SHA1', '1.0', null],
    ['008c', 'AES-128-CBC', 'SHA1', '1.0', 'PSK-AES128-CBC-SHA'],
    ['008d', 'AES-256-CBC', 'SHA1', '1.0', 'PSK-AES256-CBC-SHA'],
    ['00ae', 'AES-128-CBC', 'SHA256', '1.2', 'PSK-AES128-CBC-SHA256'],
    ['00a9', 'AES-256-GCM', 'AEAD', '1.2', 'PSK-AES256-GCM-SHA384'],
    ['c08e', 'CAMELLIA-128-GCM', 'AEAD', '1.2', null],
    ['c08f', 'CAMELLIA-256-GCM', 'AEAD', '1.2', null],
    ['00a8', 'AES-128-GCM', 'AEAD', '1.2', 'PSK-AES128-GCM-SHA256'],
    ['002c', 'NULL', 'SHA1', '1.0', 'PSK-NULL-SHA'],
    ['00b0', 'NULL', 'SHA256', '1.2', 'PSK-NULL-SHA256'],
    ['c094', 'CAMELLIA-128-CBC', 'SHA256', '1.2', 'PSK-CAMELLIA128-SHA256'],
    ['c095', 'CAMELLIA-256-CBC', 'SHA384', '1.2', 'PSK-CAMELLIA256-SHA384'],
    ['00af', 'AES-256-CBC', 'SHA384', '1.2', 'PSK-AES256-CBC-SHA384'],
    ['00b1', 'NULL', 'SHA384', '1.2', 'PSK-NULL-SHA384'],
    ['c0a4', 'AES-128-CCM', 'AEAD', '1.2', 'PSK-AES128-CCM'],
    ['c0a5', 'AES-256-CCM', 'AEAD', '1.2', 'PSK-AES256-CCM'],
    ['c0a8', 'AES-128-CCM-8', 'AEAD', '1.2', 'PSK-AES128-CCM8'],
    ['c0a9', 'AES-256-CCM-8', 'AEAD', '1.2', 'PSK-AES256-CCM8'],
    ['ccab', 'CHACHA20-POLY1305', 'AEAD', '1.2', 'PSK-CHACHA20-POLY1305'],
  ],
  'DHE-PSK': [
    ['008e', 'ARCFOUR-128', 'SHA1', '1.0', null],
    ['008f', '3DES-CBC', 'SHA1', '1.0', null],
    ['0090', 'AES-128-CBC', 'SHA1', '1.0', 'DHE-PSK-AES128-CBC-SHA'],
    ['0091', 'AES-256-CBC', 'SHA1', '1.0', 'DHE-PSK-AES256-CBC-SHA'],
    ['00b2', 'AES-128-CBC', 'SHA256', '1.2', 'DHE-PSK-AES128-CBC-SHA256'],
    ['00aa', 'AES-128-GCM', 'AEAD', '1.2', 'DHE-PSK-AES128-GCM-SHA256'],
    ['002d', 'NULL', 'SHA1', '1.0', 'DHE-PSK-NULL-SHA'],
    ['00b4', 'NULL', 'SHA256', '1.2', 'DHE-PSK-NULL-SHA256'],
    ['00b5', 'NULL', 'SHA384', '1.2', 'DHE-PSK-NULL-SHA384'],
    ['00b3', 'AES-256-CBC', 'SHA384', '1.2', 'DHE-PSK-AES256-CBC-SHA384'],
    ['00ab', 'AES-256-GCM', 'AEAD', '1.2', 'DHE-PSK-AES256-GCM-SHA384'],
    ['c096', 'CAMELLIA-128-CBC', 'SHA256', '1.2', 'DHE-PSK-CAMELLIA128-SHA256'],
    ['c097', 'CAMELLIA-256-CBC', 'SHA384', '1.2', 'DHE-PSK-CAMELLIA256-SHA384'],
    ['c090', 'CAMELLIA-128-GCM', 'AEAD', '1.2', null],
    ['c091', 'CAMELLIA-256-GCM', 'AEAD', '1.2', null],
    ['c0a6', 'AES-128-CCM', 'AEAD', '1.2', 'DHE-PSK-AES128-CCM'],
    ['c0a7', 'AES-256-CCM', 'AEAD', '1.2', 'DHE-PSK-AES256-CCM'],
    ['c0aa', 'AES-128-CCM-8', 'AEAD', '1.2', 'DHE-PSK-AES128-CCM8'],
    ['c0ab', 'AES-256-CCM-8', 'AEAD', '1.2', 'DHE-PSK-AES256-CCM8'],
    ['ccad', 'CHACHA20-POLY1305', 'AEAD', '1.2', 'DHE-PSK-CHACHA20-POLY1305'],
  ],
  'ECDHE-PSK': [
    ['c034', '3DES-CBC', 'SHA1', '1.0', null],
    ['c035', 'AES-128-CBC', 'SHA1', '1.0', 'ECDHE-PSK-AES128-CBC-SHA'],
    ['c036', 'AES-256-CBC', 'SHA1', '1.0', 'ECDHE-PSK-AES256-CBC-SHA'],
    ['c037', 'AES-128-CBC', 'SHA256', '1.2', 'ECDHE-PSK-AES128-CBC-SHA256'],
    ['c038', 'AES-256-CBC', 'SHA384', '1.2', 'ECDHE-PSK-AES256-CBC-SHA384'],
    ['c033', 'ARCFOUR-128', 'SHA1', '1.0', null],
    ['c039', 'NULL', 'SHA1', '1.0', 'ECDHE-PSK-NULL-SHA'],
    ['c03a', 'NULL', 'SHA256', '1.2', 'ECDHE-PSK-NULL-SHA256'],
    ['c03b', 'NULL', 'SHA384', '1.0', 'ECDHE-PSK-NULL-SHA384'],
    ['c09a', 'CAMELLIA-128-CBC', 'SHA256', '1.2', 'ECDHE-PSK-CAMELLIA128-SHA256'],
    ['c09b', 'CAMELLIA-256-CBC', 'SHA384', '1.2', 'ECDHE-PSK-CAMELLIA256-SHA384'],
    ['ccac', 'CHACHA20-POLY1305', 'AEAD', '1.2', 'ECDHE-PSK-CHACHA20-POLY1305'],
  ],
  'RSA-PSK': [
    ['0092', 'ARCFOUR-128', 'SHA1', '1.0', null],
    ['0093', '3DES-CBC', 'SHA1', '1.0', null],
    ['0094', 'AES-128-CBC', 'SHA1', '1.0', 'RSA-PSK-AES128-CBC-SHA'],
    ['0095', 'AES-256-CBC', 'SHA1', '1.0', 'RSA-PSK-AES256-CBC-SHA'],
    ['c092', 'CAMELLIA-128-GCM', 'AEAD', '1.2', null],
    ['c093', 'CAMELLIA-256-GCM', 'AEAD', '1.2', null],
    ['00ac', 'AES-128-GCM', 'AEAD', '1.2', 'RSA-PSK-AES128-GCM-SHA256'],
    ['00b6', 'AES-128-CBC', 'SHA256', '1.2', 'RSA-PSK-AES128-CBC-SHA256'],
    ['002e', 'NULL', 'SHA1', '1.0', 'RSA-PSK-NULL-SHA'],
    ['00b8', 'NULL', 'SHA256', '1.2', 'RSA-PSK-NULL-SHA256'],
    ['00ad', 'AES-256-GCM', 'AEAD', '1.2', 'RSA-PSK-AES256-GCM-SHA384'],
    ['00b7', 'AES-256-CBC', 'SHA384', '1.2', 'RSA-PSK-AES256-CBC-SHA384'],
    ['00b9', 'NULL', 'SHA384', '1.2', 'RSA-PSK-NULL-SHA384'],
    ['c098', 'CAMELLIA-128-CBC', 'SHA256', '1.2', 'RSA-PSK-CAMELLIA128-SHA256'],
    ['c099', 'CAMELLIA-256-CBC', 'SHA384', '1.2', 'RSA-PSK-CAMELLIA256-SHA384'],
    ['ccae', 'CHACHA20-POLY1305', 'AEAD', '1.2', 'RSA-PSK-CHACHA20-POLY1305'],
  ],
  SRP: [
    ['c01a', '3DES-CBC', 'SHA1', '1.0', null],
    ['c01d', 'AES-128-CBC', 'SHA1', '1.0', null],
    ['c020', 'AES-256-CBC', 'SHA1', '1.0', null],
  ],
  'SRP-RSA': [
    ['c01b', '3DES-CBC', 'SHA1', '1.0', null],
    ['c01e', 'AES-128-CBC', 'SHA1', '1.0', null],
    ['c021', 'AES-256-CBC', 'SHA1', '1.0', null],
  ],
  'SRP-DSS': [
    ['c01c', '3DES-CBC', 'SHA1', '1.0', null],
    ['c01f', 'AES-128-CBC', 'SHA1', '1.0', null],
    ['c022', 'AES-256-CBC', 'SHA1', '1.0', null],
  ],
  'ANON-DH': [
    ['0018', 'ARCFOUR-128', 'MD5', '1.0', null],
    ['001b', '3DES-CBC', 'SHA1', '1.0', null],
    ['0034', 'AES-128-CBC', 'SHA1', '1.0', null],
    ['003a', 'AES-256-CBC', 'SHA1', '1.0', null],
    ['00bf', 'CAMELLIA-128-CBC', 'SHA256', '1.2', null],
    ['00c5', 'CAMELLIA-256-CBC', 'SHA256', '1.2', null],
    ['0046', 'CAMELLIA-128-CBC', 'SHA1', '1.0', null],
    ['0089', 'CAMELLIA-256-CBC', 'SHA1', '1.0', null],
    ['006c', 'AES-128-CBC', 'SHA256', '1.2', null],
    ['006d', 'AES-256-CBC', 'SHA256', '1.2', null],
    ['00a6', 'AES-128-GCM', 'AEAD', '1.2', null],
    ['00a7', 'AES-256-GCM', 'AEAD', '1.2', null],
    ['c084', 'CAMELLIA-128-GCM', 'AEAD', '1.2', null],
    ['c085', 'CAMELLIA-256-GCM', 'AEAD', '1.2', null],
  ],
  'ANON-ECDH': [
    ['c015', 'NULL', 'SHA1', '1.0', null],
    ['c017', '3DES-CBC', 'SHA1', '1.0', null],
    ['c018', 'AES-128-CBC', 'SHA1', '1.0', null],
    ['c019', 'AES-256-CBC', 'SHA1', '1.0', null],
    ['c016', 'ARCFOUR-128', 'SHA1', '1.0', null],
  ],
  'VKO-GOST-12': [['c102', 'GOST28147-TC26Z-CNT', 'GOST28147-TC26Z-IMIT', '1.2', null]],
} as const satisfies Record<string, readonly Row[]>;

export const SUITES: readonly Suite[] = Object.entries<readonly Row[]>(ROWS_BY_KX).flatMap(([kx, rows]) =>
  rows.map(([id, cipher, mac, since, openssl]) => ({ id, kx, cipher, mac, since, openssl })),
);

export type VersionName = '1.0' | '1.1' | '1.2' | '1.3';
export const VERSIONS = ['1.0', '1.1', '1.2', '1.3'] as const satisfies readonly VersionName[];

/** GROUP-name (or CURVE-name) -> OpenSSL's; null where OpenSSL has none. */
export const GROUPS = {
  SECP192R1: 'P-192',
  SECP224R1: 'P-224',
  SECP256R1: 'P-256',
  SECP384R1: 'P-384',
  SECP521R1: 'P-521',
  X25519: 'X25519',
  X448: 'X448',
  FFDHE2048: 'ffdhe2048',
  FFDHE3072: 'ffdhe3072',
  FFDHE4096: 'ffdhe4096',
  FFDHE6144: 'ffdhe6144',
  FFDHE8192: 'ffdhe8192',
  GC256A: null,
  GC256B: null,
  GC256C: null,
  GC256D: null,
  GC512A: null,
  GC512B: null,
  GC512C: null,
} as const satisfies Record<string, string | null>;

const EC_GROUPS = ['SECP256R1', 'SECP384R1', 'SECP521R1', 'X25519', 'X448'] as const;
const DH_GROUPS = ['FFDHE2048', 'FFDHE3072', 'FFDHE4096', 'FFDHE6144', 'FFDHE8192'] as const;
const ALL_GROUPS = [...EC_GROUPS, ...DH_GROUPS] as const;

/** The groups that GROUP-EC-ALL and so on stand for, in GnuTLS's order. */
export const GROUP_FAMILIES = { ALL: ALL_GROUPS, 'EC-ALL': EC_GROUPS, 'DH-ALL': DH_GROUPS } as const;

/**
 * SIGN-name -> OpenSSL's; null where OpenSSL has none. ECDSA-SHA256 and ECDSA-SECP256R1-SHA256 (and so on) are one
 * code point on the wire. RSA-PSS-SHA256 is for keys of type RSA-PSS, RSA-PSS-RSAE-SHA256 for ordinary RSA keys.
 */
export const SIGNATURES = {
  'RSA-SHA256': 'RSA+SHA256',
  'RSA-SHA384': 'RSA+SHA384',
  'RSA-SHA512': 'RSA+SHA512',
  'RSA-PSS-SHA256': 'rsa_pss_pss_sha256',
  'RSA-PSS-SHA384': 'rsa_pss_pss_sha384',
  'RSA-PSS-SHA512': 'rsa_pss_pss_sha512',
  'RSA-PSS-RSAE-SHA256': 'rsa_pss_rsae_sha256',
  'RSA-PSS-RSAE-SHA384': 'rsa_pss_rsae_sha384',
  'RSA-PSS-RSAE-SHA512': 'rsa_pss_rsae_sha512',
  'EDDSA-ED25519': 'ed25519',
  'EDDSA-ED448': 'ed448',
  'ECDSA-SHA256': 'ECDSA+SHA256',
  'ECDSA-SHA384': 'ECDSA+SHA384',
  'ECDSA-SHA512': 'ECDSA+SHA512',
  'ECDSA-SECP256R1-SHA256': 'ECDSA+SHA256',
  'ECDSA-SECP384R1-SHA384': 'ECDSA+SHA384',
  'ECDSA-SECP521R1-SHA512': 'ECDSA+SHA512',
  'RSA-SHA1': 'RSA+SHA1',
  'RSA-SHA224': 'RSA+SHA224',
  'ECDSA-SHA1': 'ECDSA+SHA1',
  'ECDSA-SHA224': 'ECDSA+SHA224',
  'DSA-SHA1': 'DSA+SHA1',
  'DSA-SHA224': 'DSA+SHA224',
  'DSA-SHA256': 'DSA+SHA256',
  'DSA-SHA384': 'DSA+SHA384',
  'DSA-SHA512': 'DSA+SHA512',
  'RSA-MD5': null,
  'RSA-MD2': null,
  'RSA-RMD160': null,
  'RSA-RAW': null,
  'RSA-SHA3-224': null,
  'RSA-SHA3-256': null,
  'RSA-SHA3-384': null,
  'RSA-SHA3-512': null,
  'ECDSA-SHA3-224': null,
  'ECDSA-SHA3-256': null,
  'ECDSA-SHA3-384': null,
  'ECDSA-SHA3-512': null,
  'DSA-SHA3-224': null,
  'DSA-SHA3-256': null,
  'DSA-SHA3-384': null,
  'DSA-SHA3-512': null,
  'GOSTR341012-512': null,
  'GOSTR341012-256': null,
  GOSTR341001: null,
} as const satisfies Record<string, string | null>;

/** The names GnuTLS knows; those without a suite in SUITES have no effect on TLS in GnuTLS either. */
export const CIPHERS = [
  ...['AES-256-GCM', 'AES-192-GCM', 'AES-128-GCM', 'CHACHA20-POLY1305', 'AES-256-CCM', 'AES-128-CCM'],
  ...['AES-256-CCM-8', 'AES-128-CCM-8', 'AES-256-CBC', 'AES-192-CBC', 'AES-128-CBC', '3DES-CBC', 'ARCFOUR-128'],
  ...['CAMELLIA-256-GCM', 'CAMELLIA-128-GCM', 'CAMELLIA-256-CBC', 'CAMELLIA-192-CBC', 'CAMELLIA-128-CBC'],
  ...['GOST28147-TC26Z-CNT', 'MAGMA-CTR-ACPKM', 'KUZNYECHIK-CTR-ACPKM', 'DES-CBC', 'NULL'],
];
export const MACS = ['AEAD', 'SHA1', 'SHA256', 'SHA384', 'SHA512', 'SHA224', 'MD5', 'GOST28147-TC26Z-IMIT'];
export const KEY_EXCHANGES = [
  ...['ECDHE-ECDSA', 'ECDHE-RSA', 'RSA', 'DHE-RSA', 'DHE-DSS', 'PSK', 'DHE-PSK', 'ECDHE-PSK', 'RSA-PSK'],
  ...['SRP', 'SRP-RSA', 'SRP-DSS', 'ANON-DH', 'ANON-ECDH', 'VKO-GOST-12', 'RSA-EXPORT'],
];

export interface Keyword {
  readonly versions: readonly VersionName[];
  readonly ciphers: readonly string[];
  readonly macs: readonly string[];
  readonly kx: readonly string[];
  readonly signatures: readonly string[];
  readonly groups: readonly string[];
  /**
   * OpenSSL's security level for the verification profile that comes with the keyword, null where OpenSSL's default
   * fits. Measured with RSA keys of 768 to 4096 bits: NORMAL wants 1024, SECURE192 3072, LEGACY takes anything.
   */
  readonly level: number | null;
  readonly tickets: boolean;
}

/** From the newest down; the order matters to nobody, as versions are not offered in an order of preference. */
const modern = ['1.3', '1.2', '1.1', '1.0'] as const;

/** What CIPHER-ALL, MAC-ALL, KX-ALL and SIGN-ALL add. */
export const NORMAL_CIPHERS = [
  ...['AES-256-GCM', 'CHACHA20-POLY1305', 'AES-256-CCM', 'AES-256-CBC', 'AES-128-GCM', 'AES-128-CCM', 'AES-128-CBC'],
];
export const NORMAL_MACS = ['SHA1', 'AEAD'];
export const NORMAL_KX = ['ECDHE-ECDSA', 'ECDHE-RSA', 'RSA', 'DHE-RSA'];
const signatures256 = [
  ...['RSA-SHA256', 'RSA-PSS-SHA256', 'RSA-PSS-RSAE-SHA256', 'ECDSA-SHA256', 'ECDSA-SECP256R1-SHA256'],
  'EDDSA-ED25519',
];
const signatures384 = [
  ...['RSA-SHA384', 'RSA-PSS-SHA384', 'RSA-PSS-RSAE-SHA384', 'ECDSA-SHA384', 'ECDSA-SECP384R1-SHA384'],
  ...['EDDSA-ED448', 'RSA-SHA512', 'RSA-PSS-SHA512', 'RSA-PSS-RSAE-SHA512', 'ECDSA-SHA512', 'ECDSA-SECP521R1-SHA512'],
];
export const NORMAL_SIGNATURES = [...signatures256, ...signatures384, 'RSA-SHA1', 'ECDSA-SHA1'];

const normal = {
  versions: modern,
  ciphers: NORMAL_CIPHERS,
  macs: NORMAL_MACS,
  kx: NORMAL_KX,
  signatures: NORMAL_SIGNATURES,
  groups: ALL_GROUPS,
  level: null,
  tickets: true,
} as const satisfies Keyword;

const secure192 = {
  ...normal,
  ciphers: ['AES-256-GCM', 'CHACHA20-POLY1305', 'AES-256-CBC', 'AES-256-CCM'],
  macs: ['AEAD'],
  signatures: signatures384,
  groups: ['SECP384R1', 'SECP521R1', 'FFDHE8192'],
  level: 3,
} as const satisfies Keyword;

const secure128 = {
  ...normal,
  ciphers: [
    ...['AES-256-GCM', 'CHACHA20-POLY1305', 'AES-256-CBC', 'AES-256-CCM', 'AES-128-GCM', 'AES-128-CBC', 'AES-128-CCM'],
  ],
  signatures: [...signatures256, ...signatures384],
} as const satisfies Keyword;

const suiteB128 = {
  versions: ['1.2'],
  ciphers: ['AES-256-GCM', 'AES-128-GCM'],
  macs: ['AEAD'],
  kx: ['ECDHE-ECDSA'],
  signatures: ['ECDSA-SHA256', 'ECDSA-SECP256R1-SHA256', 'ECDSA-SHA384', 'ECDSA-SECP384R1-SHA384'],
  groups: ['SECP256R1', 'SECP384R1'],
  level: 3,
  tickets: true,
} as const satisfies Keyword;

export const KEYWORDS = {
  NORMAL: normal,
  // The session tickets of TLS 1.2 work against forward secrecy, so GnuTLS does not offer them under PFS
  PFS: { ...normal, kx: ['ECDHE-ECDSA', 'ECDHE-RSA', 'DHE-RSA'], tickets: false },
  PERFORMANCE: {
    ...normal,
    ciphers: [
      ...['AES-128-GCM', 'AES-256-GCM', 'CHACHA20-POLY1305', 'AES-128-CCM', 'AES-256-CCM', 'AES-128-CBC'],
      'AES-256-CBC',
    ],
    kx: ['RSA', 'ECDHE-ECDSA', 'ECDHE-RSA', 'DHE-RSA'],
  },
  LEGACY: { ...normal, level: 0 },
  SECURE: secure128,
  SECURE128: secure128,
  SECURE192: secure192,
  SECURE256: secure192,
  SUITEB128: suiteB128,
  SUITEB192: {
    ...suiteB128,
    ciphers: ['AES-256-GCM'],
    signatures: ['ECDSA-SHA384', 'ECDSA-SECP384R1-SHA384'],
    groups: ['SECP384R1'],
    level: 4,
  },
} as const satisfies Record<string, Keyword>;

/** What a `%` item does to the Node engine. */
export type Special =
  | { readonly does: 'nothing'; readonly because: string }
  | { readonly does: 'refuse'; readonly because: string }
  | { readonly does: 'server-precedence' | 'no-tickets' }
  | { readonly does: 'option'; readonly option: 'NO_TICKET' | 'NO_ENCRYPT_THEN_MAC' | 'LEGACY_SERVER_CONNECT' }
  | { readonly does: 'unsafe-renegotiation' }
  | { readonly does: 'level'; readonly level: number };

const noSetting = { does: 'refuse', because: 'OpenSSL has no such setting' } as const;

/**
 * The list of gnutls_priority_string_list(GNUTLS_PRIORITY_LIST_SPECIAL). Profiles are OpenSSL's next level that is
 * not weaker: 64 bits of security -> 0, 80 -> 1, 96 and 112 -> 2, 128 -> 3, 192 -> 4, 256 -> 5.
 */
export const SPECIALS = {
  SERVER_PRECEDENCE: { does: 'server-precedence' },
  NO_TICKETS: { does: 'no-tickets' },
  // OpenSSL's option ends stateless tickets; TLS 1.3 goes on with tickets that the server keeps state for
  NO_TICKETS_TLS12: { does: 'option', option: 'NO_TICKET' },
  NO_ETM: { does: 'option', option: 'NO_ENCRYPT_THEN_MAC' },
  // GnuTLS drops extensions that old peers choke on, encrypt-then-MAC above all
  COMPAT: { does: 'option', option: 'NO_ENCRYPT_THEN_MAC' },
  SAFE_RENEGOTIATION: { does: 'nothing', because: 'OpenSSL 3 insists on it by default' },
  PARTIAL_RENEGOTIATION: { does: 'option', option: 'LEGACY_SERVER_CONNECT' },
  UNSAFE_RENEGOTIATION: { does: 'unsafe-renegotiation' },
  ALLOW_SMALL_RECORDS: { does: 'nothing', because: 'OpenSSL accepts small records' },
  VERIFY_DISABLE_CRL_CHECKS: { does: 'nothing', because: 'no revocation list is loaded unless asked for' },
  STATELESS_COMPRESSION: { does: 'nothing', because: 'obsolete, without effect in GnuTLS too' },
  NEW_PADDING: { does: 'nothing', because: 'obsolete, without effect in GnuTLS too' },
  PROFILE_VERY_WEAK: { does: 'level', level: 0 },
  PROFILE_LOW: { does: 'level', level: 1 },
  PROFILE_LEGACY: { does: 'level', level: 2 },
  PROFILE_MEDIUM: { does: 'level', level: 2 },
  PROFILE_HIGH: { does: 'level', level: 3 },
  PROFILE_ULTRA: { does: 'level', level: 4 },
  PROFILE_FUTURE: { does: 'level', level: 5 },
  PROFILE_SUITEB128: { does: 'level', level: 3 },
  PROFILE_SUITEB192: { does: 'level', level: 4 },
  DISABLE_SAFE_RENEGOTIATION: noSetting,
  DISABLE_TLS13_COMPAT_MODE: noSetting,
  DISABLE_WILDCARDS: noSetting,
  DUMBFW: noSetting,
  FALLBACK_SCSV: noSetting,
  FORCE_ETM: noSetting,
  LATEST_RECORD_VERSION: noSetting,
  NO_EXTENSIONS: noSetting,
  NO_SESSION_HASH: noSetting,
  SSL3_RECORD_VERSION: noSetting,
  DEBUG_ALLOW_KEY_USAGE_VIOLATIONS: noSetting,
  VERIFY_ALLOW_BROKEN: noSetting,
  VERIFY_ALLOW_SIGN_RSA_MD5: noSetting,
  VERIFY_ALLOW_X509_V1_CA_CRT: noSetting,
} as const satisfies Record<string, Special>;
