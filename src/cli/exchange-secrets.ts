/**
 * What may be shown of one connection's exchanges, seen from a server: everything but what a client proves itself with.
 *
 * Of lines the arguments of AUTH, PASS, LOGIN and their like are replaced, and SASL's answers. Of XML the text between tags
 * is, since names and passwords stand nowhere else. Of messages that are no text their kind is told, not their bytes. What
 * passes through a terminal session, or a service that nobody knows, is counted.
 */
import type { Dialect } from '../starttls/dialect.ts';
import type { Exchange } from '../starttls/wire.ts';
import { SecretFilter } from '../tcpx/secrets.ts';

type Style = 'lines' | 'xml' | 'messages' | 'bytes';

/** Dialects whose exchanges are not lines, beside those that describe their messages. */
const STYLES: Readonly<Record<string, Style>> = { xmpp: 'xml', 'xmpp-server': 'xml', tls: 'bytes', telnet: 'bytes' };

/** A digest that a password can be searched for with, and HTTP's credentials. */
const FURTHER = /^(APOP \S+|(?:Proxy-)?Authorization:|Cookie:)[ \t].*$/i;
const REPLACEMENT = '[secret]';

/** An exchange whose bytes may be shown, or the words that stand for it. */
export type Shown =
  | { readonly kind: 'exchange'; readonly exchange: Exchange }
  | { readonly kind: 'words'; readonly exchange: Exchange; readonly words: string };

export class ExchangeSecrets {
  readonly #style: Style;
  readonly #describe: Dialect['describe'];
  readonly #lines = new SecretFilter();
  #xml: 'text' | 'opening' | 'tag' = 'text';

  constructor({ name, describe }: Pick<Dialect, 'name' | 'describe'>) {
    this.#style = STYLES[name] ?? (describe === undefined ? 'lines' : 'messages');
    this.#describe = describe;
  }

  show(exchange: Exchange): Shown {
    const { from, bytes, encrypted } = exchange;
    // What a terminal session says in clear is negotiation.
    const style = this.#style === 'bytes' && !encrypted && this.#describe !== undefined ? 'messages' : this.#style;
    if (style === 'bytes') return { kind: 'exchange', exchange: { ...exchange, bulk: true } };
    if (from === 'server') {
      if (style === 'lines') this.#lines.received(bytes);
      return { kind: 'exchange', exchange };
    }
    if (style === 'messages') return { kind: 'words', exchange, words: this.#describe?.(from, bytes) ?? '' };
    const text = Buffer.from(bytes).toString('latin1');
    const shown = style === 'xml' ? this.#tags(text) : this.#line(text);
    return { kind: 'exchange', exchange: { ...exchange, bytes: Buffer.from(shown, 'latin1') } };
  }

  #line(text: string): string {
    if (FURTHER.test(text)) return text.replace(FURTHER, `$1 ${REPLACEMENT}`);
    return Buffer.from(this.#lines.sent(Buffer.from(`${text}\r\n`, 'latin1')))
      .toString('latin1')
      .replace(/\r\n$/, '');
  }

  /** Tags stay, what stands between them and in CDATA is replaced; all of it may come in pieces. */
  #tags(text: string): string {
    let shown = '';
    let hidden = '';
    const replace = () => {
      shown += hidden.trim() === '' ? hidden : REPLACEMENT;
      hidden = '';
    };
    for (const character of text) {
      if (this.#xml === 'opening') this.#xml = character === '!' ? 'text' : 'tag';
      else if (this.#xml === 'text' && character === '<') this.#xml = 'opening';
      if (this.#xml === 'text') hidden += character;
      else {
        replace();
        shown += character;
      }
      if (this.#xml === 'tag' && character === '>') this.#xml = 'text';
    }
    replace();
    return shown;
  }
}
