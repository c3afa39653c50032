/**
 * Encrypted passwords, in the place of A-Shell's MX_PWCRYPT (reference emailx §14).
 *
 * A-Shell's three modes begin with chr(1), chr(2) and chr(3); their algorithms are not published, so their values are
 * recognised and refused. Ours is `$tcpx1$` and base64url, with chr(3) in front or not; A-Shell's mode 3 is base64 from
 * its first character on, which `$` is not. The seed is the user name, as in the original:
 *
 *     $tcpx1$ base64url( salt 16 | nonce 12 | tag 16 | AES-256-GCM of the password )
 *     key = scrypt(user name, salt, N = 16384, r = 8, p = 1), additional data `$tcpx1$`
 *
 * Who knows the user name can undo it. It keeps a password from the eyes of those who see the file, no more.
 */
import { UsageError } from '../core/errors.ts';
import { nodeCrypto } from '../core/on-demand.ts';
import { EmailxError } from './error.ts';

const MARK = '$tcpx1$';
const SALT = 16;
const NONCE = 12;
const TAG = 16;
const KEY = 32;
const COST = { N: 16_384, r: 8, p: 1 };
const CIPHER = 'aes-256-gcm';
/** Room for a token of an OAuth 2 server. */
const LONGEST_PASSWORD = 8192;

const REMEDY = "make a new one with 'npx tcpx pwcrypt --user NAME'";

/** As the vendor prints a value of mode 3: 68 characters of base64 behind a Control-C that shows as `C`. */
const PRINTED_MODE_3 = /^C[A-Za-z0-9+/]{68}$/;

/** Keys that were derived in this process, as each call reads the configuration anew. */
const keys = new Map<string, Buffer>();
const MOST_KEYS = 16;

/**
 * Encrypts a password for a user name. Two results for the same password differ. Takes about 40 ms.
 *
 * @param password bytes as Latin-1
 * @throws UsageError for a blank password or user name, or one that is too long
 */
export function sealPassword(password: string, username: string): string {
  if (username === '') throw new UsageError('the user name is blank: it is the seed of the encryption');
  if (password === '') throw new UsageError('the password is blank');
  if (password.length > LONGEST_PASSWORD) {
    throw new UsageError(`the password is longer than ${LONGEST_PASSWORD} bytes`);
  }
  const salt = nodeCrypto().randomBytes(SALT);
  const nonce = nodeCrypto().randomBytes(NONCE);
  const cipher = nodeCrypto()
    .createCipheriv(CIPHER, keyOf(username, salt), nonce, { authTagLength: TAG })
    .setAAD(Buffer.from(MARK));
  const sealed = Buffer.concat([cipher.update(password, 'latin1'), cipher.final()]);
  return MARK + Buffer.concat([salt, nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

/**
 * The password behind a value: decrypted if it is encrypted, else the value itself.
 *
 * @param printed whether a value of `C` and 68 characters of base64 is one that A-Shell made and printed
 * @throws EmailxError (78) for a value of A-Shell's, one for another user name, or a damaged one; never shows it
 */
export function openPassword(value: string, username: string, printed: boolean): string {
  const mode = value.charCodeAt(0);
  const body = mode === 3 ? value.slice(1) : value;
  if (body.startsWith(MARK)) return decrypted(body.slice(MARK.length), username);
  if (mode >= 1 && mode <= 3) throw foreign(`the password was encrypted by A-Shell (MX_PWCRYPT mode ${mode})`);
  if (printed && PRINTED_MODE_3.test(value)) {
    throw foreign('the password looks like one that A-Shell encrypted (MX_PWCRYPT mode 3) and printed');
  }
  return value;
}

/** The text of a list of character codes, `2, 65, 66`; null for anything else (reference emailx §14). */
export function fromDecimal(value: string): string | null {
  if (!/^[ \t]*\d{1,3}[ \t]*(,[ \t]*\d{1,3}[ \t]*)+$/.test(value)) return null;
  const codes = value.split(',').map(Number);
  return codes.every((code) => code <= 255) ? String.fromCharCode(...codes) : null;
}

export function toDecimal(value: string): string {
  return [...Buffer.from(value, 'latin1')].join(', ');
}

function foreign(what: string): EmailxError {
  return new EmailxError('foreignPassword', `${what}, whose algorithm is not published: ${REMEDY}`);
}

function decrypted(text: string, username: string): string {
  const bytes = /^[A-Za-z0-9_-]*$/.test(text) ? Buffer.from(text, 'base64url') : Buffer.alloc(0);
  const damaged = 'the encrypted password cannot be decrypted';
  if (bytes.length <= SALT + NONCE + TAG || bytes.length > SALT + NONCE + TAG + LONGEST_PASSWORD) {
    throw new EmailxError('wrongPasswordKey', `${damaged}: it is damaged; ${REMEDY}`);
  }
  const nonce = bytes.subarray(SALT, SALT + NONCE);
  const key = keyOf(username, bytes.subarray(0, SALT));
  const decipher = nodeCrypto()
    .createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG })
    .setAAD(Buffer.from(MARK))
    .setAuthTag(bytes.subarray(SALT + NONCE, SALT + NONCE + TAG));
  try {
    const clear = Buffer.concat([decipher.update(bytes.subarray(SALT + NONCE + TAG)), decipher.final()]);
    return clear.toString('latin1');
  } catch (cause) {
    const why = 'it was made for another user name, or is damaged';
    throw new EmailxError('wrongPasswordKey', `${damaged}: ${why}; ${REMEDY}`, { cause });
  }
}

function keyOf(username: string, salt: Uint8Array): Buffer {
  const seed = Buffer.from(username, 'latin1');
  const id = `${Buffer.from(salt).toString('hex')} ${seed.toString('hex')}`;
  const known = keys.get(id);
  if (known !== undefined) return known;
  const key = nodeCrypto().scryptSync(seed, salt, KEY, COST);
  const [oldest] = keys.keys();
  if (keys.size >= MOST_KEYS && oldest !== undefined) keys.delete(oldest);
  keys.set(id, key);
  return key;
}
