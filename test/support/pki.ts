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

let made: Promise<Pki> | undefined;

/** The certificates of this process, made at the first call. */
export function makePki(): Promise<Pki> {
  made ??= build();
  return made;
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

async function build(): Promise<Pki> {
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

  interface Leaf {
    readonly name: string;
    /** Undefined: signed by its own key. */
    readonly issuer: Authority | undefined;
    readonly purpose: 'serverAuth' | 'clientAuth';
    readonly names?: readonly { type: 'dns' | 'ip'; value: string }[];
    readonly life?: Lifetime;
    readonly algorithm?: typeof rsa;
    readonly chain?: string;
  }

  async function leaf({ name, issuer, purpose, names, life = today, algorithm, chain = '' }: Leaf): Promise<Identity> {
    const keys = await keyPair(algorithm);
    const signer = issuer?.keys ?? keys;
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: `CN=${name}`,
      issuer: `CN=${issuer?.name ?? name}`,
      notBefore: new Date(life.from),
      notAfter: new Date(life.to),
      publicKey: keys.publicKey,
      signingKey: signer.privateKey,
      signingAlgorithm: issuer === undefined ? (algorithm ?? ecdsa) : ecdsa,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(
          algorithm === rsa ? usage.digitalSignature | usage.keyEncipherment : usage.digitalSignature,
          true,
        ),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[purpose]]),
        ...(names === undefined ? [] : [new x509.SubjectAlternativeNameExtension([...names])]),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(signer.publicKey),
      ],
    });
    const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return { cert: pemOf(certificate) + chain, key: `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n` };
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
  return {
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
