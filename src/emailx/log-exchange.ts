/** From what passes on the wire to entries of the mail log. */
import { asBuffer } from '../core/bytes.ts';
import type { Exchange } from '../starttls/wire.ts';
import type { MailLog } from './log.ts';

/** How often a reply of the server goes on is told by the fourth character of its lines. */
const CONTINUED = 3;

/** An observer that writes the conversation: commands one by one, the lines of a reply together, the message apart. */
export function conversationLogger(log: MailLog): (exchange: Exchange) => void {
  let reply = '';
  return ({ from, bytes, secret, bulk }) => {
    if (bulk) {
      log.data(bytes);
      return;
    }
    const text = asBuffer(bytes).toString('latin1');
    if (from === 'client') {
      for (const line of text.split('\r\n')) if (line !== '') log.client(line, secret ? secretOf(line) : '');
      return;
    }
    reply += `${text}\n`;
    if (text[CONTINUED] === '-') return;
    log.server(reply);
    reply = '';
  };
}

/** The part of a secret line that must not be shown: all but the command and the mechanism's name. */
function secretOf(line: string): string {
  return /^AUTH [^ ]+ (.+)$/i.exec(line)?.[1] ?? (/^AUTH [^ ]+$/i.test(line) ? '' : line);
}
