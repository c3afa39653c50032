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
        // The end is the last thing that a client sends before it waits.
        this.#tail = Buffer.concat([this.#tail, rest.subarray(-END.length)]).subarray(-END.length);
        rest = rest.subarray(rest.length);
        if (this.#tail.equals(END)) {
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
