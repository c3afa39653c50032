// Certificates made on the fly. One root signs most of them, a second root stands for "somebody else's CA".
//
//   root ── intermediate ── chained
//     ├── good, goodRsa, expired, notYetValid, wrongName, client
//   otherRoot ── unknownIssuer, unknownClient
//   selfSigned
//
// Everything lives for a day at most, so that no key made here is worth keeping.

import { webcrypto } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as X509 from '@peculiar/x509';
import {
  constructed,
  decode,
  ENUMERATED,
  encode,
  INTEGER,
  integer,
  OCTET_STRING,
  primitive,
  SEQUENCE,
} from '../../src/core/ber.ts';

/** A certificate chain without its root, leaf first, and the leaf's key (PKCS#8), both as PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** Names of the identities that servers present; all but `wrongName` are for localhost, 127.0.0.1 and ::1. */
export const serverNames = [
  'good',
  'goodRsa',
  'chained',
  'expired',
  'notYetValid',
  'selfSigned',
  'wrongName',
  'unknownIssuer',
] as const;

/** Names of the identities that clients present. */
export const clientNames = ['client', 'unknownClient'] as const;

const identityNames = [...serverNames, ...clientNames] as const;

export type IdentityName = (typeof identityNames)[number];

export interface Pki extends Readonly<Record<IdentityName, Identity>> {
  /** The trusted root, PEM. */
  readonly ca: string;
  readonly intermediate: string;
  /** The root that nobody trusts, PEM. */
  readonly otherCa: string;
}

/** Absolute paths of the files that `writePki` wrote. */
export interface PkiPaths extends Readonly<Record<IdentityName, Identity>> {
  readonly ca: string;
  readonly intermediate: string;
  readonly otherCa: string;
}

/** What a server's certificate has that is out of the ordinary; the rest is as in `good`. */
export interface OddCertificate {
  /** Default: `CN=localhost`. */
  readonly subject?: string;
  /** Subject alternative names; null for a certificate without the extension. */
  readonly names?: readonly { readonly type: X509.GeneralNameType; readonly value: string }[] | null;
  /** Default: digitalSignature. */
  readonly keyUsage?: readonly (keyof typeof X509.KeyUsageFlags)[];
  /** Object identifiers; default: that of servers. */
  readonly purposes?: readonly string[];
  readonly isCa?: boolean;
  readonly algorithm?: 'ecdsa' | 'rsa';
  /** Whether clients are to insist on a stapled status (RFC 7633). */
  readonly mustStaple?: boolean;
}

/** What a server may staple. `stale`: good, until yesterday. `early`: good, from tomorrow on. */
export const stapleKinds = ['good', 'revoked', 'unknown', 'stale', 'early'] as const;

export type StapleKind = (typeof stapleKinds)[number];

/** An identity, and what the root says of it. */
export interface OddIdentity extends Identity {
  /** OCSP responses, DER. */
  readonly staples: Readonly<Record<StapleKind, Uint8Array>>;
}

interface Made {
  readonly pki: Pki;
  readonly issue: (odd: OddCertificate) => Promise<OddIdentity>;
}

let made: Promise<Made> | undefined;

function make(): Promise<Made> {
  made ??= build();
  return made;
}

/** The certificates of this process, made at the first call. */
export async function makePki(): Promise<Pki> {
  return (await make()).pki;
}

/** One more identity for servers, by the root of `makePki`. */
export async function makeOddServer(odd: OddCertificate): Promise<OddIdentity> {
  return (await make()).issue(odd);
}

/** Writes the certificates of `makePki` below `dir`, keys readable by the owner only. */
export async function writePki(dir: string): Promise<PkiPaths> {
  const pki = await makePki();
  await mkdir(dir, { recursive: true });
  const put = async (name: string, text: string, mode: number) => {
    const path = join(dir, name);
    await writeFile(path, text, { mode });
    await chmod(path, mode);
    return path;
  };
  const pair = async (name: IdentityName): Promise<Identity> => ({
    cert: await put(`${name}.crt`, pki[name].cert, 0o644),
    key: await put(`${name}.key`, pki[name].key, 0o600),
  });
  return {
    ca: await put('ca.crt', pki.ca, 0o644),
    intermediate: await put('intermediate.crt', pki.intermediate, 0o644),
    otherCa: await put('other-ca.crt', pki.otherCa, 0o644),
    good: await pair('good'),
    goodRsa: await pair('goodRsa'),
    chained: await pair('chained'),
    expired: await pair('expired'),
    notYetValid: await pair('notYetValid'),
    selfSigned: await pair('selfSigned'),
    wrongName: await pair('wrongName'),
    unknownIssuer: await pair('unknownIssuer'),
    client: await pair('client'),
    unknownClient: await pair('unknownClient'),
  };
}

const hour = 3_600_000;
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const rsa = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 2048,
};

interface Authority {
  readonly name: string;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly pem: string;
}

interface Lifetime {
  readonly from: number;
  readonly to: number;
}

const now = Date.now();
const today: Lifetime = { from: now - hour, to: now + 23 * hour };
const past: Lifetime = { from: now - 48 * hour, to: now - 24 * hour };
const future: Lifetime = { from: now + 24 * hour, to: now + 48 * hour };

async function build(): Promise<Made> {
  installReflectMetadata();
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto);
  const { KeyUsageFlags: usage } = x509;

  const keyPair = (algorithm: typeof ecdsa | typeof rsa = ecdsa) =>
    webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

  async function authority(name: string, issuer?: Authority): Promise<Authority> {
    const keys = await keyPair();
    const signer = issuer?.keys ?? keys;
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: `CN=${name}`,
      issuer: `CN=${issuer?.name ?? name}`,
      // A day on both sides, so that the expired and the future leaves fail for their own dates only.
      notBefore: new Date(past.from - hour),
      notAfter: new Date(issuer === undefined ? future.to + hour : today.to),
      publicKey: keys.publicKey,
      signingKey: signer.privateKey,
      signingAlgorithm: ecdsa,
      extensions: [
        new x509.BasicConstraintsExtension(true, issuer === undefined ? 1 : 0, true),
        new x509.KeyUsagesExtension(usage.keyCertSign | usage.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(signer.publicKey),
      ],
    });
    return { name, keys, pem: pemOf(certificate) };
  }

  interface Leaf extends Pick<OddCertificate, 'subject' | 'keyUsage' | 'purposes' | 'isCa' | 'mustStaple'> {
    readonly name: string;
    /** Undefined: signed by its own key. */
    readonly issuer: Authority | undefined;
    readonly purpose: 'serverAuth' | 'clientAuth';
    readonly names?: OddCertificate['names'];
    readonly life?: Lifetime;
    readonly algorithm?: typeof rsa;
    readonly chain?: string;
  }

  async function leaf(wanted: Leaf): Promise<Identity & { readonly serial: string }> {
    const { name, issuer, purpose, names, life = today, algorithm, chain = '', subject = `CN=${name}` } = wanted;
    const { keyUsage = algorithm === rsa ? ['digitalSignature', 'keyEncipherment'] : ['digitalSignature'] } = wanted;
    const keys = await keyPair(algorithm);
    const signer = issuer?.keys ?? keys;
    const serialNumber = serial();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber,
      subject,
      issuer: `CN=${issuer?.name ?? name}`,
      notBefore: new Date(life.from),
      notAfter: new Date(life.to),
      publicKey: keys.publicKey,
      signingKey: signer.privateKey,
      signingAlgorithm: issuer === undefined ? (algorithm ?? ecdsa) : ecdsa,
      extensions: [
        new x509.BasicConstraintsExtension(wanted.isCa === true, undefined, true),
        new x509.KeyUsagesExtension(
          keyUsage.reduce((flags, flag) => flags | usage[flag], 0),
          true,
        ),
        new x509.ExtendedKeyUsageExtension([...(wanted.purposes ?? [x509.ExtendedKeyUsage[purpose]])]),
        ...(names === undefined || names === null ? [] : [new x509.SubjectAlternativeNameExtension([...names])]),
        ...(wanted.mustStaple === true ? [new x509.Extension(TLS_FEATURE, false, STATUS_REQUEST)] : []),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(signer.publicKey),
      ],
    });
    const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    const key = `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`;
    return { cert: pemOf(certificate) + chain, key, serial: serialNumber };
  }

  const [root, otherRoot] = await Promise.all([authority('tcpx test root'), authority('tcpx other root')]);
  const intermediate = await authority('tcpx test intermediate', root);
  const names = [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
  ] as const;
  const server = (over: Partial<Leaf>) =>
    leaf({ name: 'localhost', issuer: root, purpose: 'serverAuth', names, ...over });

  const [good, goodRsa, chained, expired, notYetValid, selfSigned, wrongName, unknownIssuer, client, unknownClient] =
    await Promise.all([
      server({}),
      server({ algorithm: rsa }),
      server({ issuer: intermediate, chain: intermediate.pem }),
      server({ life: past }),
      server({ life: future }),
      server({ issuer: undefined }),
      server({ name: 'other.example', names: [{ type: 'dns', value: 'other.example' }] }),
      server({ issuer: otherRoot }),
      leaf({ name: 'tcpx client', issuer: root, purpose: 'clientAuth' }),
      leaf({ name: 'tcpx unknown client', issuer: otherRoot, purpose: 'clientAuth' }),
    ]);
  const pki = {
    ca: root.pem,
    intermediate: intermediate.pem,
    otherCa: otherRoot.pem,
    good,
    goodRsa,
    chained,
    expired,
    notYetValid,
    selfSigned,
    wrongName,
    unknownIssuer,
    client,
    unknownClient,
  };
  const issue = async ({ algorithm, ...odd }: OddCertificate): Promise<OddIdentity> => {
    const { serial: number, ...identity } = await server({
      ...odd,
      ...(algorithm === 'rsa' ? { algorithm: rsa } : {}),
    });
    const issuer = new x509.X509Certificate(root.pem);
    const responses = await Promise.all(
      stapleKinds.map(async (kind) => [kind, await ocspResponse(issuer, root.keys, number, kind)] as const),
    );
    return { ...identity, staples: Object.fromEntries(responses) as Record<StapleKind, Uint8Array> };
  };
  return { pki, issue };
}

/** The extension of RFC 7633, and its value that asks for a stapled status: SEQUENCE { INTEGER 5 }. */
const TLS_FEATURE = '1.3.6.1.5.5.7.1.24';
const STATUS_REQUEST = Uint8Array.of(0x30, 0x03, 0x02, 0x01, 0x05);

/** An OCSP response (RFC 6960 §4.2.1), signed by the issuer, about the certificate with a serial number. */
async function ocspResponse(
  issuer: X509.X509Certificate,
  keys: webcrypto.CryptoKeyPair,
  number: string,
  kind: StapleKind,
): Promise<Uint8Array> {
  const oid = (hex: string) => primitive(0x06, Buffer.from(hex, 'hex'));
  const time = (at: number) => primitive(0x18, `${new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '')}`);
  const sha1 = async (bytes: Uint8Array) =>
    new Uint8Array(await webcrypto.subtle.digest('SHA-1', bytes as webcrypto.BufferSource));
  const [, publicKey] = decode(new Uint8Array(await webcrypto.subtle.exportKey('spki', keys.publicKey)), 'key').items;
  // A BIT STRING begins with the count of its unused bits.
  const keyHash = primitive(OCTET_STRING, await sha1((publicKey?.bytes ?? Buffer.alloc(1)).subarray(1)));
  const nameHash = primitive(OCTET_STRING, await sha1(new Uint8Array(issuer.subjectName.toArrayBuffer())));
  const algorithm = constructed(SEQUENCE, oid('2b0e03021a'), primitive(0x05, ''));
  const certificate = constructed(
    SEQUENCE,
    algorithm,
    nameHash,
    keyHash,
    primitive(INTEGER, Buffer.from(number, 'hex')),
  );
  const { from, to } = kind === 'stale' ? past : kind === 'early' ? future : today;
  const status =
    kind === 'revoked' ? constructed(0xa1, time(from - hour)) : primitive(kind === 'unknown' ? 0x82 : 0x80, '');
  const single = constructed(SEQUENCE, certificate, status, time(from), constructed(0xa0, time(to)));
  const data = constructed(SEQUENCE, constructed(0xa2, keyHash), time(from), constructed(SEQUENCE, single));
  const signed = await webcrypto.subtle.sign(ecdsa, keys.privateKey, encode(data) as webcrypto.BufferSource);
  const half = signed.byteLength / 2;
  const part = (at: number) => {
    // The shortest form that does not look negative.
    const digits = Buffer.from(signed, at, half)
      .toString('hex')
      .replace(/^(00)+/, '');
    return primitive(INTEGER, Buffer.from(/^[89a-f]/.test(digits) ? `00${digits}` : digits, 'hex'));
  };
  const signature = encode(constructed(SEQUENCE, part(0), part(half)));
  const basic = constructed(
    SEQUENCE,
    data,
    constructed(SEQUENCE, oid('2a8648ce3d040302')),
    primitive(0x03, Buffer.concat([Buffer.alloc(1), signature])),
  );
  const typed = constructed(SEQUENCE, oid('2b0601050507300101'), primitive(OCTET_STRING, encode(basic)));
  return encode(constructed(SEQUENCE, integer(0, ENUMERATED), constructed(0xa0, typed)));
}

/** Sixteen random bytes as hex, positive in DER. */
function serial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

function pemOf(certificate: X509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

/**
 * @peculiar/x509 asks for a Reflect.getMetadata before it loads. It keeps its own constructor types there and
 * nothing else, so a map per target that follows the prototype chain is enough.
 */
function installReflectMetadata(): void {
  if ('getMetadata' in Reflect) return;
  const store = new WeakMap<object, Map<unknown, unknown>>();
  const own = (key: unknown, target: object) => store.get(target)?.get(key);
  const define = (key: unknown, value: unknown, target: object) => {
    const entries = store.get(target) ?? new Map<unknown, unknown>();
    store.set(target, entries.set(key, value));
  };
  Object.assign(Reflect, {
    defineMetadata: define,
    getOwnMetadata: own,
    getMetadata(key: unknown, target: object): unknown {
      for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at)) {
        const value = own(key, at);
        if (value !== undefined) return value;
      }
      return undefined;
    },
    metadata: (key: unknown, value: unknown) => (target: object) => define(key, value, target),
  });
}
