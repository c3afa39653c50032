const REPLACEMENT = '****';

/** Takes the secrets of a session out of everything that people read: the log and errmsg. */
export class Redactor {
  readonly #secrets = new Set<string>();

  /** Remembers a secret, and its base64, in which a server may send it back. A blank one is none. */
  add(secret: string): void {
    if (secret === '') return;
    this.#secrets.add(secret);
    this.#secrets.add(Buffer.from(secret, 'latin1').toString('base64'));
  }

  /** The text with every secret replaced, the longest first. */
  apply(text: string): string {
    let result = text;
    for (const secret of [...this.#secrets].sort((a, b) => b.length - a.length)) {
      result = result.replaceAll(secret, REPLACEMENT);
    }
    return result;
  }
}
