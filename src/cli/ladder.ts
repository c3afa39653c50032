/** A dialogue as lines of `C:` and `S:`, as they come, with the point where TLS begins. */
import { harmless } from '../core/harmless.ts';
import type { Dialect } from '../starttls/dialect.ts';
import type { Exchange } from '../starttls/wire.ts';
import { escapeText } from './buffer-text.ts';

/** What is shown of a line, and of bytes. */
const MOST_CHARACTERS = 400;
const MOST_BYTES = 16;

export class Ladder {
  readonly #describe: Dialect['describe'];
  readonly #write: (line: string) => void;
  #encrypted = false;

  constructor({ describe }: Pick<Dialect, 'describe'>, write: (line: string) => void) {
    this.#describe = describe;
    this.#write = write;
  }

  note(exchange: Exchange): void {
    if (exchange.encrypted) this.upgraded();
    for (const line of exchangeLines(exchange, this.#describe)) this.#write(line);
  }

  /** TLS has begun; harmless when it is known already. */
  upgraded(): void {
    this.#mark('<TLS>');
  }

  /** TLS was begun, and did not come about. */
  failed(): void {
    this.#mark('<TLS> failed');
  }

  #mark(line: string): void {
    if (this.#encrypted) return;
    this.#encrypted = true;
    this.#write(line);
  }
}

/** One exchange: text line by line, secrets and contents replaced, bytes in hexadecimal with what they are. */
export function exchangeLines({ from, bytes, secret, bulk }: Exchange, describe: Dialect['describe']): string[] {
  const side = from === 'client' ? 'C: ' : 'S: ';
  if (secret) return [`${side}(secret)`];
  if (bulk) return [`${side}(${bytes.length} bytes)`];
  if (describe !== undefined) return [`${side}${hex(bytes)}  ${harmless(describe(from, bytes))}`];
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return text
    .replace(/\r?\n$/, '')
    .split(/\r?\n/)
    .map((line) => `${side}${shortened(line)}`.trimEnd());
}

function hex(bytes: Uint8Array): string {
  const shown = Array.from(bytes.subarray(0, MOST_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return bytes.length > MOST_BYTES ? `${shown} ... (${bytes.length} bytes)` : shown;
}

/** UTF-8 where it is that; a peer may send anything. */
function shortened(latin1: string): string {
  const line = utf8(latin1) ?? latin1;
  return line.length > MOST_CHARACTERS
    ? `${escapeText(line.slice(0, MOST_CHARACTERS))}... (${latin1.length} bytes)`
    : escapeText(line);
}

function utf8(latin1: string): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(latin1, 'latin1'));
  } catch {
    return null;
  }
}
