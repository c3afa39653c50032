/**
 * SASL mechanisms of SMTP (RFC 4954): those of the original, PLAIN, LOGIN and XOAUTH2 (reference emailx §13), and beyond
 * it CRAM-MD5 and SCRAM-SHA-256, which do not show the password to whoever listens.
 *
 * A mechanism is a dialogue without I/O: it is given the server's challenges and gives the client's answers.
 */

import { isUtf8 } from 'node:buffer';
import { nodeCrypto } from '../core/on-demand.ts';
import { EmailxError } from './error.ts';

/** User name and password, each character one byte. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** One run of a mechanism. */
export interface Exchange {
  /** Goes with the AUTH command; null where the server speaks first. */
  readonly initial: Buffer | null;
  /** Answers a challenge. @throws EmailxError when the server does not know the password itself, or asks for nonsense */
  answer(challenge: Buffer): Buffer;
  /** Looks whether the server proved itself, where the mechanism has it prove itself. @throws EmailxError */
  finish(): void;
}

interface Mechanism {
  /** True when whoever listens learns what is needed to log in. */
  readonly showsSecret: boolean;
  begin(credentials: Credentials): Exchange;
}

const NOTHING = Buffer.alloc(0);

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** Bytes that are UTF-8 already stay as they are; others are taken for Latin-1, as A-Shell has it. */
function utf8(text: string): string {
  const bytes = latin1(text);
  return isUtf8(bytes) ? bytes.toString('utf8') : text;
}

function plain({ username, password }: Credentials): Exchange {
  return { initial: latin1(`\0${username}\0${password}`), answer: () => NOTHING, finish: () => {} };
}

/** No RFC: the server asks for the user name, then for the password, in whatever words. */
function login({ username, password }: Credentials): Exchange {
  const answers = [username, password];
  return { initial: null, answer: () => latin1(answers.shift() ?? ''), finish: () => {} };
}

/** The password is an OAuth 2 access token. A challenge is the reason of the refusal, which an empty answer concludes. */
function xoauth2({ username, password }: Credentials): Exchange {
  return {
    initial: latin1(`user=${username}\x01auth=Bearer ${password}\x01\x01`),
    answer: () => NOTHING,
    finish: () => {},
  };
}

/** RFC 2195. */
function cramMd5({ username, password }: Credentials): Exchange {
  return {
    initial: null,
    answer: (challenge) =>
      latin1(`${username} ${nodeCrypto().createHmac('md5', latin1(password)).update(challenge).digest('hex')}`),
    finish: () => {},
  };
}

/** RFC 7677 §4 asks for 4096 at least; a server that asks for very many keeps the thread busy. */
const FEWEST_ITERATIONS = 4_096;
const MOST_ITERATIONS = 1_000_000;
const NONCE_BYTES = 18;

/**
 * RFC 5802, RFC 7677, without channel binding:
 *
 *   C: n,,n=user,r=nonce
 *   S: r=nonce..,s=salt,i=iterations
 *   C: c=biws,r=nonce..,p=proof
 *   S: v=signature
 */
function scramSha256(
  { username, password }: Credentials,
  nonce = nodeCrypto().randomBytes(NONCE_BYTES).toString('base64'),
): Exchange {
  const name = utf8(username).normalize('NFKC').replaceAll('=', '=3D').replaceAll(',', '=2C');
  const first = `n=${name},r=${nonce}`;
  let signature: Buffer | null = null;
  let proven = false;

  const prove = (challenge: Buffer): Buffer => {
    const serverFirst = challenge.toString('utf8');
    const [, together = '', salt = '', count = ''] =
      /^r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=(\d{1,9})(?:,|$)/.exec(serverFirst) ?? [];
    const iterations = Number(count);
    if (!together.startsWith(nonce) || together.length === nonce.length || salt === '') {
      throw refused('SCRAM-SHA-256: the server did not take up the exchange that was begun');
    }
    if (iterations < FEWEST_ITERATIONS || iterations > MOST_ITERATIONS) {
      throw refused(
        `SCRAM-SHA-256: the server asks for ${iterations} iterations, ${FEWEST_ITERATIONS} to ${MOST_ITERATIONS} are done`,
      );
    }
    const last = `c=biws,r=${together}`;
    const message = `${first},${serverFirst},${last}`;
    const salted = nodeCrypto().pbkdf2Sync(
      utf8(password).normalize('NFKC'),
      Buffer.from(salt, 'base64'),
      iterations,
      32,
      'sha256',
    );
    const clientKey = hmac(salted, 'Client Key');
    const clientSignature = hmac(nodeCrypto().createHash('sha256').update(clientKey).digest(), message);
    signature = hmac(hmac(salted, 'Server Key'), message);
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (clientSignature[index] ?? 0)));
    return Buffer.from(`${last},p=${proof.toString('base64')}`, 'utf8');
  };

  const check = (expected: Buffer, challenge: Buffer): Buffer => {
    const text = challenge.toString('utf8');
    if (text.startsWith('e='))
      throw refused(`SCRAM-SHA-256: the server gives up: ${JSON.stringify(text.slice(2, 80))}`);
    const given = Buffer.from(/^v=([A-Za-z0-9+/=]+)/.exec(text)?.[1] ?? '', 'base64');
    if (given.length !== expected.length || !nodeCrypto().timingSafeEqual(given, expected)) {
      throw refused('SCRAM-SHA-256: the server does not know the password itself: it may be another than it claims');
    }
    proven = true;
    return NOTHING;
  };

  return {
    initial: Buffer.from(`n,,${first}`, 'utf8'),
    answer: (challenge) => (signature === null ? prove(challenge) : check(signature, challenge)),
    finish: () => {
      if (!proven) throw refused('SCRAM-SHA-256: the server let the user in without having proved itself');
    },
  };
}

function hmac(key: Buffer, text: string): Buffer {
  return nodeCrypto().createHmac('sha256', key).update(text, 'utf8').digest();
}

function refused(message: string): EmailxError {
  return new EmailxError('badResponse', message);
}

export const MECHANISMS = {
  PLAIN: { showsSecret: true, begin: plain },
  LOGIN: { showsSecret: true, begin: login },
  XOAUTH2: { showsSecret: true, begin: xoauth2 },
  'CRAM-MD5': { showsSecret: false, begin: cramMd5 },
  'SCRAM-SHA-256': { showsSecret: false, begin: (credentials) => scramSha256(credentials) },
} as const satisfies Readonly<Record<string, Mechanism>>;

/** The SASL mechanisms that are spoken. */
export type MechanismName = keyof typeof MECHANISMS;

/** The original's choice first; what it does not know is taken only where neither of the two is offered. */
const AUTOMATIC: readonly MechanismName[] = ['LOGIN', 'PLAIN', 'SCRAM-SHA-256', 'CRAM-MD5'];

/**
 * The mechanism to use with a server that offers `offered`.
 *
 * @param wanted what the configuration asks for
 * @param encrypted whether the connection is
 * @param clearAuth whether credentials may cross in clear
 * @throws EmailxError when there is none, or credentials would cross in clear
 */
export function chooseMechanism(
  wanted: MechanismName | 'AUTO',
  offered: readonly string[],
  encrypted: boolean,
  clearAuth: boolean,
): MechanismName {
  const names = offered.map((name) => name.toUpperCase());
  const chosen = wanted === 'AUTO' ? AUTOMATIC.find((name) => names.includes(name)) : wanted;
  if (chosen === undefined || !names.includes(chosen)) {
    const list = names.length === 0 ? 'no mechanism at all' : names.join(', ');
    const hint = names.length === 0 && !encrypted ? '; most servers offer AUTH only after STARTTLS' : '';
    throw new EmailxError('authMissing', `AUTH ${wanted} is wanted and the server offers ${list}${hint}`);
  }
  if (MECHANISMS[chosen].showsSecret && !encrypted && !clearAuth) {
    throw new EmailxError('clearAuth', `AUTH ${chosen} would show the password: the connection is not encrypted`);
  }
  return chosen;
}

/** For tests with the numbers of RFC 7677. */
export function scramExchange(credentials: Credentials, nonce: string): Exchange {
  return scramSha256(credentials, nonce);
}
