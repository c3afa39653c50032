/**
 * Transcripts: a dialogue as text, and a channel that plays the other side of it.
 *
 *   S: 220 mx.example ESMTP⏎
 *   C: EHLO client.example⏎
 *   ...
 *   <TLS>
 *   C: EHLO client.example⏎
 *
 * `⏎` is CR LF, `↵` LF alone, `\x16` one byte. A line without `⏎` is sent as it stands: the first half of a line, or bytes of a
 * binary protocol. Lines of the same side that follow one another arrive in one segment. `S!` marks what only an attacker
 * sends behind the go-ahead. `S~` is a regular expression for what our side sends at once and nobody can foresee. `<END>` is the end of the stream; a transcript that stops without it goes on in silence. `#` begins a comment. Inside `hex:` bytes are in hexadecimal.
 */
import { readFileSync } from 'node:fs';
import type { Deadline } from '../../src/core/deadline.ts';
import type { Op } from '../../src/core/op.ts';
import { type Channel, ChannelError, type Role } from '../../src/starttls/channel.ts';
import type { TlsInfo } from '../../src/tls/info.ts';

export type Turn =
  | { readonly kind: 'bytes'; readonly from: Role; readonly bytes: Buffer }
  | { readonly kind: 'pattern'; readonly from: Role; readonly pattern: RegExp }
  | { readonly kind: 'tls' }
  | { readonly kind: 'end' };

export function readTranscript(name: string): Turn[] {
  return parseTranscript(readFileSync(new URL(`../fixtures/starttls/${name}.txt`, import.meta.url), 'utf8'));
}

export function parseTranscript(text: string): Turn[] {
  const turns: Turn[] = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    if (line === '<TLS>') turns.push({ kind: 'tls' });
    else if (line === '<END>') turns.push({ kind: 'end' });
    else {
      const match = /^([CS])([:!~]) ?(.*)$/s.exec(line);
      if (match === null) throw new Error(`not a line of a transcript: ${line}`);
      const [, letter, mark, content = ''] = match;
      const from = letter === 'C' ? 'client' : 'server';
      if (mark === '~') {
        turns.push({ kind: 'pattern', from, pattern: new RegExp(`^${content}$`, 's') });
        continue;
      }
      const bytes = bytesOf(content);
      const last = turns.at(-1);
      if (last?.kind === 'bytes' && last.from === from) {
        turns[turns.length - 1] = { ...last, bytes: Buffer.concat([last.bytes, bytes]) };
      } else turns.push({ kind: 'bytes', from, bytes });
    }
  }
  return turns;
}

function bytesOf(text: string): Buffer {
  if (text.startsWith('hex:')) return Buffer.from(text.slice(4).replace(/\s/g, ''), 'hex');
  const plain = text
    .replaceAll('⏎', '\r\n')
    .replaceAll('↵', '\n')
    .replace(/\\x([0-9a-fA-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(plain, 'latin1');
}

/** Where the other side's bytes are cut: all of a turn at once, each byte alone, or once at a place of the whole. */
export type Cut = 'whole' | 'bytes' | number;

/** The facts of a session that exists in tests only. */
export const TLS_INFO: TlsInfo = {
  engine: 'node',
  role: 'client',
  version: 'TLSv1.3',
  suite: 'TLS_AES_128_GCM_SHA256',
  group: 'x25519',
  alpn: null,
  servername: null,
  resumed: false,
  earlyData: false,
  ocsp: null,
  verify: { result: 'verified', reasons: [] },
  peer: null,
};

/** Plays the other side of a transcript. What our side says must be what stands there. */
export class TranscriptChannel implements Channel {
  tls: TlsInfo | null;
  closed = false;
  /** Everything our side has sent. */
  sent = '';
  readonly #turns: Turn[];
  readonly #role: Role;
  readonly #cut: Cut;
  #position = 0;

  constructor(
    turns: readonly Turn[],
    { role = 'client', cut = 'whole', encrypted = false }: { role?: Role; cut?: Cut; encrypted?: boolean } = {},
  ) {
    this.#turns = [...turns];
    this.#role = role;
    this.#cut = cut;
    this.tls = encrypted ? { ...TLS_INFO, role } : null;
  }

  /** True when everything has been said. */
  get finished(): boolean {
    return this.#turns.length === 0;
  }

  /** The next turn that has not happened, for messages. */
  get next(): Turn | undefined {
    return this.#turns[0];
  }

  // biome-ignore lint/correctness/useYield: a transcript never waits
  *receiveOp(_until: Deadline, most: number = Number.POSITIVE_INFINITY): Op<Uint8Array | 'timeout'> {
    const [turn] = this.#turns;
    if (turn?.kind === 'end') {
      this.#turns.shift();
      return new Uint8Array(0);
    }
    if (turn === undefined || turn.kind !== 'bytes' || turn.from === this.#role) return 'timeout';
    const count = Math.min(most, this.#count(turn.bytes.length));
    const chunk = turn.bytes.subarray(0, count);
    this.#position += count;
    if (count === turn.bytes.length) this.#turns.shift();
    else this.#turns[0] = { ...turn, bytes: turn.bytes.subarray(count) };
    return chunk;
  }

  // biome-ignore lint/correctness/useYield: a transcript never waits
  *helloOp(): Op<boolean | 'timeout'> {
    const [turn] = this.#turns;
    if (turn?.kind === 'tls') return true;
    return turn === undefined || (turn.kind === 'bytes' && turn.from === this.#role) ? 'timeout' : false;
  }

  #count(available: number): number {
    if (this.#cut === 'whole') return available;
    if (this.#cut === 'bytes') return 1;
    const left = this.#cut - this.#position;
    return left > 0 ? Math.min(left, available) : available;
  }

  // biome-ignore lint/correctness/useYield: a transcript never waits
  *sendOp(bytes: Uint8Array): Op<'sent' | 'timeout'> {
    const said = Buffer.from(bytes).toString('latin1');
    this.sent += said;
    const [turn] = this.#turns;
    if (turn?.kind === 'pattern' && turn.from === this.#role && turn.pattern.test(said)) {
      this.#turns.shift();
      return 'sent';
    }
    if (turn?.kind !== 'bytes' || turn.from !== this.#role) {
      throw new Error(`${JSON.stringify(said)} was sent where the transcript has ${JSON.stringify(turn)}`);
    }
    const expected = turn.bytes.subarray(0, bytes.length).toString('latin1');
    if (expected !== said) {
      throw new Error(`${JSON.stringify(said)} was sent where the transcript has ${JSON.stringify(expected)}`);
    }
    if (bytes.length === turn.bytes.length) this.#turns.shift();
    else this.#turns[0] = { ...turn, bytes: turn.bytes.subarray(bytes.length) };
    return 'sent';
  }

  // biome-ignore lint/correctness/useYield: a transcript never waits
  *upgradeOp(role: Role): Op<TlsInfo> {
    const [turn] = this.#turns;
    if (turn?.kind === 'bytes' && turn.from !== this.#role) {
      this.closed = true;
      const stray = { count: turn.bytes.length, head: turn.bytes };
      throw new ChannelError(-74, 'errno', 'plaintext ahead of the handshake', stray);
    }
    if (turn?.kind !== 'tls') throw new Error(`TLS was started where the transcript has ${JSON.stringify(turn)}`);
    this.#turns.shift();
    this.tls = { ...TLS_INFO, role };
    return this.tls;
  }

  // biome-ignore lint/correctness/useYield: a transcript never waits
  *closeOp(): Op<void> {
    this.closed = true;
  }
}

/** How many bytes the other side says in all: a cut at each of these places is one test. */
export function lengthOf(turns: readonly Turn[], from: Role): number {
  return turns.reduce((sum, turn) => sum + (turn.kind === 'bytes' && turn.from === from ? turn.bytes.length : 0), 0);
}
