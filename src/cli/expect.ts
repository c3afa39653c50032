/**
 * EXPECT: reads until a text appears, and not a byte more, so that the opcodes after it find everything that follows. A
 * STARTTLS above all must not find that somebody has read ahead.
 */
import { X } from '../basic/index.ts';
import { opcodeNamed } from '../tcpx/opcodes.ts';
import type { CallReport } from './report.ts';
import type { Session } from './session.ts';
import type { Expect, Pattern, Statement } from './statement.ts';

/** The most that is read while looking for the text. */
const MOST = 2 ** 20;
/** How long it looks, in ms, unless the line or --timer says otherwise. */
const PATIENCE = 30_000;
/** What a regular expression sees of the text: the last lines within so many bytes. */
const WINDOW = 8192;

export async function expect(
  session: Session,
  statement: Statement,
  command: Expect,
  signal?: AbortSignal,
): Promise<CallReport> {
  const read = opcodeNamed('READ');
  if (read === undefined) throw new Error('there is no READ in the opcode table');
  const limit = command.timer ?? session.timer ?? PATIENCE;
  const socket = session.socketVariable(statement.on);
  const status = session.variable('STATUS');
  const bits = tlsBits(session, socket.readNumber());
  const search = searchFor(command.pattern);
  const started = performance.now();
  const chunks: Uint8Array[] = [];
  let total = 0;
  let last = 0;
  let failure = '';
  while (search.missing > 0) {
    const left = Math.ceil(started + limit - performance.now());
    if (total >= MOST || (left <= 0 && total > 0)) {
      last = session.errno(total >= MOST ? 'EMSGSIZE' : 'EAGAIN');
      failure = total >= MOST ? `it did not appear in ${MOST} bytes` : late(limit);
      break;
    }
    const into = X(0);
    const count = Math.min(search.missing, MOST - total);
    last = await session.call(
      'TCPX',
      [session.codeOf(read), status, into, socket, count + bits, Math.max(1, left)],
      signal,
    );
    if (last <= 0) {
      if (last === 0) failure = 'the peer has closed before it appeared';
      else failure = last === session.errno('EAGAIN') ? late(limit) : session.why(last);
      break;
    }
    const bytes = into.bytes.subarray(0, last);
    chunks.push(bytes);
    total += last;
    search.feed(bytes);
  }
  const received = Buffer.concat(chunks);
  session.variable('BUFFER').writeReceived(received);
  const failed = search.missing > 0;
  const result = failed ? last : total;
  status.writeNumber(result);
  return {
    kind: 'call',
    statement,
    routine: 'TCPX',
    opcode: 'EXPECT',
    status: result,
    sockport: socket.readNumber(),
    received,
    wanted: null,
    text: failed ? failure : '',
    ms: performance.now() - started,
    tls: null,
    failed,
  };
}

function late(limit: number): string {
  return `it did not appear within ${limit} ms`;
}

function tlsBits(session: Session, socket: number): number {
  const state = session.facts(socket)?.state ?? 'plain';
  const tls = session.symbols.number('TCPXFLG_TLS');
  if (state === 'plain') return 0;
  return state === 'tls' ? tls : tls + session.symbols.number('TCPXFLG_STARTTLS');
}

interface Search {
  /** How many bytes must come at least before the text can be complete; 0 when it is there. */
  readonly missing: number;
  feed(bytes: Uint8Array): void;
}

export function searchFor(pattern: Pattern): Search {
  return pattern.kind === 'text' ? textSearch(pattern.data) : regexSearch(pattern.regex);
}

/** Knuth, Morris and Pratt: `matched` bytes of the text are the end of what has come. */
function textSearch(text: string): Search {
  const fallback = [0];
  for (let at = 1, matched = 0; at < text.length; at++) {
    while (matched > 0 && text[at] !== text[matched]) matched = fallback[matched - 1] ?? 0;
    if (text[at] === text[matched]) matched += 1;
    fallback.push(matched);
  }
  let matched = 0;
  return {
    get missing() {
      return text.length - matched;
    },
    feed(bytes) {
      for (const byte of bytes) {
        while (matched > 0 && text.charCodeAt(matched) !== byte) matched = fallback[matched - 1] ?? 0;
        if (text.charCodeAt(matched) === byte) matched += 1;
      }
    },
  };
}

/** Byte by byte: any of them may complete it. */
function regexSearch(regex: RegExp): Search {
  let window = '';
  let found = false;
  return {
    get missing() {
      return found ? 0 : 1;
    },
    feed(bytes) {
      window += Buffer.from(bytes).toString('latin1');
      if (window.length > 2 * WINDOW) {
        const line = window.indexOf('\n', window.length - WINDOW);
        window = window.slice(line < 0 ? -WINDOW : line + 1);
      }
      found = regex.test(window);
    },
  };
}
