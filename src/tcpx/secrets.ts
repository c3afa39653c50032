/**
 * Replaces secrets in the dialogues of the mail and news protocols before they are dumped: the arguments of AUTH, PASS
 * and LOGIN, and the client's answers to a server's SASL challenges.
 */

const REPLACEMENT = '[secret]';

/** A command with a secret in its arguments; an IMAP tag or a POP3 keyword may stand in front. */
const COMMAND =
  /^((?:[A-Za-z0-9.+-]{1,32} )?(?:AUTHENTICATE|AUTHINFO PASS|AUTH|PASS|LOGIN|X-?OAUTH2?|ACCT|OPER|IDENTIFY)(?=[ \t]))[ \t]+.*$/i;
/** The server asks for more: SMTP's 334, IMAP's and POP3's plus sign, NNTP's 383. */
const CHALLENGE = /^(?:334|383|\+)(?:[ \t]|$)/;
/** An answer that opens a dialogue with further secret lines. */
const EXCHANGE = /^(?:[A-Za-z0-9.+-]{1,32} )?(?:AUTHENTICATE|AUTH)(?:[ \t]|$)/i;

/**
 * What passed on one connection, as far as secrets go: whether the next line of the client answers a challenge, and the
 * unfinished line that a chunk ended with.
 */
export class SecretFilter {
  #answering = false;
  #exchange = false;
  #unfinished = '';

  /** The bytes to show for what the client sent. */
  sent(bytes: Uint8Array): Uint8Array {
    const text = Buffer.from(bytes).toString('latin1');
    const lines = text.split(/(?<=\n)/);
    const shown = lines.map((line, index) => {
      const whole = index === 0 ? this.#unfinished + line : line;
      const ending = /\r?\n$/.exec(line)?.[0] ?? '';
      const complete = ending !== '';
      const result = this.#show(whole.replace(/\r?\n$/, ''), line.slice(0, line.length - ending.length));
      this.#unfinished = complete ? '' : whole;
      if (complete) this.#answering = false;
      return result + ending;
    });
    return Buffer.from(shown.join(''), 'latin1');
  }

  /** `whole` is the line so far, `part` what of it came with this chunk. */
  #show(whole: string, part: string): string {
    if (this.#answering) return part === '' ? '' : REPLACEMENT;
    if (EXCHANGE.test(whole)) this.#exchange = true;
    const command = COMMAND.exec(whole);
    if (command === null) return part;
    const kept = command[1] ?? '';
    const keptHere = Math.max(0, kept.length - (whole.length - part.length));
    return `${part.slice(0, keptHere)} ${REPLACEMENT}`;
  }

  /** Notes what the server said; it is shown as it is. */
  received(bytes: Uint8Array): Uint8Array {
    const text = Buffer.from(bytes).toString('latin1');
    const last = text.trimEnd().split(/\r?\n/).at(-1) ?? '';
    if (CHALLENGE.test(last)) this.#answering = this.#exchange || /^(?:334|383)/.test(last);
    else {
      this.#answering = false;
      if (last !== '') this.#exchange = false;
    }
    return bytes;
  }
}
