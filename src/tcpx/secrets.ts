/**
 * Replaces secrets in the dialogues of the mail and news protocols before they are dumped: the arguments of AUTH, PASS
 * and LOGIN, and the client's answers to a server's SASL challenges.
 */

const REPLACEMENT = '[secret]';

/** A command with a secret in its arguments; an IMAP tag or a POP3 keyword may stand in front. */
const COMMAND =
  /^((?:[A-Za-z0-9.+-]{1,32} )?(?:AUTHENTICATE|AUTHINFO (?:PASS|SASL|GENERIC|SIMPLE)|AUTH|PASS|LOGIN|X-?OAUTH2?|ACCT|OPER|IDENTIFY)(?=[ \t]))[ \t]+[\s\S]*$/i;
/** The server asks for a secret whatever came before: SMTP's 334, NNTP's 383. */
const CHALLENGE = /^(?:334|383)(?:[ \t]|$)/;
/** A command that further secret lines may follow: SASL, and IMAP's LOGIN with literals. */
const EXCHANGE = /^(?:[A-Za-z0-9.+-]{1,32} )?(?:AUTHENTICATE|AUTHINFO (?:SASL|GENERIC|SIMPLE)|AUTH|LOGIN)(?:[ \t]|$)/i;
/** What ends such a dialogue: a numbered reply, POP3's, IMAP's tagged and ManageSieve's answers. */
const ANSWER = /^(?:\d{3}(?:[ \t]|$)|\+OK|-ERR|(?:[^*\s]\S* )?(?:OK|NO|BAD|BYE)(?:[ \t(]|$))/i;

/**
 * What passed on one connection, as far as secrets go: whether what the client says next is a secret, and the unfinished
 * lines that chunks ended with. In doubt a line is hidden: between an AUTH and the server's final answer all of them are.
 */
export class SecretFilter {
  #answering = false;
  #exchange = false;
  #unfinished = '';
  #unheard = '';

  /** The bytes to show for what the client sent. */
  sent(bytes: Uint8Array): Uint8Array {
    const text = Buffer.from(bytes).toString('latin1');
    const shown = text.split(/(?<=\n)/).map((line, index) => {
      const whole = index === 0 ? this.#unfinished + line : line;
      const ending = /\r?\n?$/.exec(line)?.[0] ?? '';
      const command = whole.replace(/\r?\n?$/, '');
      const result = this.#show(command, line.slice(0, line.length - ending.length));
      const complete = ending.endsWith('\n');
      this.#unfinished = complete ? '' : whole;
      if (complete) {
        this.#answering = false;
        if (EXCHANGE.test(command)) this.#exchange = true;
      }
      return result + ending;
    });
    return Buffer.from(shown.join(''), 'latin1');
  }

  /** `whole` is the line so far, `part` what of it came with this chunk. */
  #show(whole: string, part: string): string {
    if (this.#answering || this.#exchange) return part === '' ? '' : REPLACEMENT;
    const command = COMMAND.exec(whole);
    if (command === null) return part;
    const kept = command[1] ?? '';
    const keptHere = Math.max(0, kept.length - (whole.length - part.length));
    return `${part.slice(0, keptHere)} ${REPLACEMENT}`;
  }

  /** Notes what the server said; it is shown as it is. */
  received(bytes: Uint8Array): Uint8Array {
    const lines = (this.#unheard + Buffer.from(bytes).toString('latin1')).split(/\r?\n/);
    // Only the head of a line matters, and one that never ends must not be kept whole.
    this.#unheard = (lines.pop() ?? '').slice(0, LONGEST_HEAD);
    for (const line of lines) {
      if (CHALLENGE.test(line)) this.#answering = true;
      else if (ANSWER.test(line)) {
        this.#answering = false;
        this.#exchange = false;
      }
    }
    return bytes;
  }
}

/** How much of an unfinished line of the server is kept, in bytes. */
const LONGEST_HEAD = 256;
