/**
 * Replaces secrets in the dialogues of the mail and news protocols before they are dumped: the arguments of AUTH, PASS
 * and LOGIN, and the client's answers to a server's SASL challenges.
 */

const REPLACEMENT = '[secret]';

/** A command with a secret in its arguments; an IMAP tag or a POP3 keyword may stand in front. */
const COMMAND =
  /^((?:[A-Za-z0-9.+-]{1,32} )?(?:AUTHENTICATE|AUTHINFO (?:PASS|SASL|GENERIC|SIMPLE)|AUTH|PASS|LOGIN|X-?OAUTH2?|ACCT|OPER|IDENTIFY)(?=[ \t]))[ \t]+[\s\S]*$/i;
/** Ahead of the first answer, where a command has no secret in it yet. */
const MECHANISM = /^(?:PLAIN|LOGIN|XOAUTH2|OAUTHBEARER|EXTERNAL|ANONYMOUS|GSSAPI|NTLM|CRAM-MD5|DIGEST-MD5|SCRAM-\S+)$/i;
/** The server asks for a secret whatever came before: SMTP's 334, NNTP's 383. */
const CHALLENGE = /^(?:334|383)(?:[ \t]|$)/;
/** A command that further secret lines may follow: SASL, and IMAP's LOGIN with literals. */
const EXCHANGE = /^(?:[A-Za-z0-9.+-]{1,32} )?(?:AUTHENTICATE|AUTHINFO (?:SASL|GENERIC|SIMPLE)|AUTH|LOGIN)(?:[ \t]|$)/i;
/** What ends such a dialogue: a numbered reply, POP3's, IMAP's tagged and ManageSieve's answers. */
const ANSWER = /^(?:\d{3}(?:[ \t]|$)|\+OK|-ERR|(?:[^*\s]\S* )?(?:OK|NO|BAD|BYE)(?:[ \t(]|$))/i;

/** SMTP's LOGIN asks for the name ahead of the password. */
const NAME_FIRST = /^AUTH[ \t]+LOGIN[ \t]*$/i;
/** The parts of PLAIN and XOAUTH2, and what stands ahead of a token. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what parts them
const PARTS = /[\0\x01]/;
const BEARER = /^auth=Bearer /i;

/**
 * What passed on one connection, as far as secrets go: whether what the client says next is a secret, and the unfinished
 * lines that chunks ended with. In doubt a line is hidden: between an AUTH and the server's final answer all of them are.
 */
export class SecretFilter {
  #answering = false;
  #exchange = false;
  #unfinished = '';
  #unheard = '';
  /** Whether the client's next answer is its name, which is no secret. */
  #nameDue = false;
  /** What the client proved itself with, in every form in which a server may repeat it. */
  readonly #known = new Set<string>();
  /** Of what was received: the end that may be the beginning of a secret, and was not shown yet. */
  #held = '';

  /** The bytes to show for what the client sent. */
  sent(bytes: Uint8Array): Uint8Array {
    const text = Buffer.from(bytes).toString('latin1');
    const shown = text.split(/(?<=\n)/).map((line, index) => {
      const whole = index === 0 ? this.#unfinished + line : line;
      const ending = /\r?\n?$/.exec(line)?.[0] ?? '';
      const command = whole.replace(/\r?\n?$/, '');
      const result = this.#show(command, line.slice(0, line.length - ending.length));
      const complete = ending.endsWith('\n');
      this.#unfinished = complete ? '' : whole.slice(0, LONGEST_COMMAND);
      if (complete) {
        this.#learn(command);
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

  /** Keeps what is secret in a client's line. */
  #learn(command: string): void {
    const isAnswer = this.#answering || this.#exchange;
    const isName = isAnswer && this.#nameDue;
    this.#nameDue = NAME_FIRST.test(command);
    if (isName) return;
    const kept = isAnswer ? '' : COMMAND.exec(command)?.[1];
    if (kept === undefined) return;
    const word =
      (isAnswer ? command : command.slice(kept.length))
        .trim()
        .split(/[ \t]+/)
        .at(-1) ?? '';
    const bare = word.replace(/^"(.*)"$/, '$1');
    if (bare === '' || bare === '=' || bare === '*' || MECHANISM.test(bare)) return;
    const decoded = Buffer.from(bare, 'base64');
    const secret =
      decoded.toString('base64') === bare
        ? (
            decoded
              .toString('latin1')
              .split(PARTS)
              .findLast((part) => part !== '') ?? ''
          ).replace(BEARER, '')
        : bare;
    for (const form of [bare, secret]) {
      if (form !== '') this.#known.add(form).add(Buffer.from(form, 'latin1').toString('base64'));
    }
  }

  /** The bytes to show for what the server said, and notes it. What may be the beginning of a secret is held back. */
  received(bytes: Uint8Array): Uint8Array {
    this.#note(bytes);
    if (this.#known.size === 0) return bytes;
    let text = this.#held + Buffer.from(bytes).toString('latin1');
    const known = [...this.#known].sort((a, b) => b.length - a.length);
    for (const secret of known) text = text.replaceAll(secret, REPLACEMENT);
    const held = Math.max(0, ...known.map((secret) => beginningAtEnd(text, secret)));
    this.#held = text.slice(text.length - held);
    return Buffer.from(text.slice(0, text.length - held), 'latin1');
  }

  #note(bytes: Uint8Array): void {
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
  }
}

/** How many characters at the end of a text begin a secret without being all of it. */
function beginningAtEnd(text: string, secret: string): number {
  for (let length = Math.min(secret.length - 1, text.length); length > 0; length -= 1) {
    if (text.endsWith(secret.slice(0, length))) return length;
  }
  return 0;
}

/** How much of an unfinished line of the server is kept, in bytes. */
const LONGEST_HEAD = 256;
/** The same of the client, whose secrets are at the end: data may have no lines at all. */
const LONGEST_COMMAND = 65_536;
