/**
 * An SMTP server that forgets what it is sent, as fast as it can: the other side of tests of large mail, in a process of
 * its own. Started by fork(); the first message is its options, its answer the port.
 */
import { createServer, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Identity } from '../support/pki.ts';

export interface DrainOptions {
  /** With it STARTTLS is offered. */
  readonly identity?: Identity;
  /** Offers CHUNKING. */
  readonly chunking: boolean;
}

const END = Buffer.from('\r\n.\r\n');

/** One connection: commands line by line, between them octets that are counted or end with a dot. */
class Session {
  readonly #options: DrainOptions;
  #stream: Socket;
  #line = '';
  /** Octets of a chunk that are still to come; -1 inside DATA, 0 among commands. */
  #octets = 0;
  #last = false;
  /** The last octets of DATA. */
  #tail = Buffer.alloc(0);

  constructor(socket: Socket, options: DrainOptions) {
    this.#options = options;
    this.#stream = socket;
    this.#listen();
    this.#say('220 drain ESMTP');
  }

  #listen(): void {
    this.#stream.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#stream.on('error', () => {});
  }

  #say(...lines: readonly string[]): void {
    this.#stream.write(lines.map((line) => `${line}\r\n`).join(''));
  }

  #take(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#octets > 0) {
        const count = Math.min(this.#octets, rest.length);
        this.#octets -= count;
        rest = rest.subarray(count);
        if (this.#octets === 0) this.#say(this.#last ? '250 gone' : '250 go on');
      } else if (this.#octets < 0) {
        const end = this.#endIn(rest);
        this.#tail = Buffer.concat([this.#tail, rest.subarray(-END.length)]).subarray(-END.length);
        rest = rest.subarray(end < 0 ? rest.length : end);
        if (end >= 0) {
          this.#octets = 0;
          this.#say('250 gone');
        }
      } else {
        const end = rest.indexOf(10);
        this.#line += rest.toString('latin1', 0, end < 0 ? rest.length : end + 1);
        rest = rest.subarray(end < 0 ? rest.length : end + 1);
        if (end >= 0) this.#command(this.#line.trimEnd());
      }
    }
  }

  /** The place behind the end of the message; -1 when it is not in this chunk. QUIT may follow. */
  #endIn(chunk: Buffer): number {
    const cut = Buffer.concat([this.#tail, chunk.subarray(0, END.length)]).indexOf(END);
    if (cut >= 0) return cut + END.length - this.#tail.length;
    const whole = chunk.indexOf(END);
    return whole < 0 ? -1 : whole + END.length;
  }

  #command(line: string): void {
    this.#line = '';
    const [verb = '', count = '0', last] = line.split(' ');
    switch (verb) {
      case 'EHLO':
        this.#say(
          '250-drain',
          '250-8BITMIME',
          '250-PIPELINING',
          ...(this.#options.chunking ? ['250-CHUNKING'] : []),
          ...(this.#options.identity !== undefined && !(this.#stream instanceof TLSSocket) ? ['250-STARTTLS'] : []),
          '250 SIZE',
        );
        break;
      case 'STARTTLS':
        this.#upgrade();
        break;
      case 'DATA':
        this.#octets = -1;
        this.#tail = Buffer.from('\r\n');
        this.#say('354 go');
        break;
      case 'BDAT':
        this.#octets = Number(count);
        this.#last = last === 'LAST';
        if (this.#octets === 0) this.#say('250 gone');
        break;
      case 'QUIT':
        this.#say('221 bye');
        this.#stream.end();
        break;
      default:
        this.#say('250 ok');
    }
  }

  #upgrade(): void {
    const { identity } = this.#options;
    this.#say('220 go');
    this.#stream.removeAllListeners('data');
    this.#stream = new TLSSocket(this.#stream, { isServer: true, ...(identity ?? {}) });
    this.#listen();
  }
}

process.once('message', (options: DrainOptions) => {
  const server = createServer({ noDelay: true }, (socket) => new Session(socket, options));
  server.listen(0, '127.0.0.1', () => {
    const place = server.address();
    process.send?.(typeof place === 'object' && place !== null ? place.port : 0);
  });
});
process.once('disconnect', () => process.exit());
