/** What a server needs of SASL PLAIN (RFC 4616), and what a client needs to know of mechanisms. */

const MESSAGE = /^[^\0]*\0([^\0]+)\0[^\0]+$/;

/** The user name of a response in base64; null for what is none. The password is not kept. */
export function plainUser(base64: string): string | null {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return null;
  return MESSAGE.exec(Buffer.from(base64, 'base64').toString('utf8'))?.[1] ?? null;
}

/** Mechanisms that send the password, or a token as good as one, as it is. */
const CLEAR_MECHANISMS: ReadonlySet<string> = new Set(['PLAIN', 'LOGIN', 'XOAUTH2', 'OAUTHBEARER']);

/** Whether one of the mechanisms would show a secret to whoever watches the line. */
export function showSecrets(mechanisms: readonly string[]): boolean {
  return mechanisms.some((name) => CLEAR_MECHANISMS.has(name.toUpperCase()));
}
