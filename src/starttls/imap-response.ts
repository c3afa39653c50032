/** Responses of an IMAP server (RFC 9051 §7), as far as a client needs them before it has logged in. */
import type { Op } from '../core/op.ts';
import { DialogueError } from './dialogue-error.ts';
import { quoted } from './quoted.ts';
import { literalOf } from './tokens.ts';
import type { Wire } from './wire.ts';

export interface ImapResponse {
  /** `*` for untagged data, else the tag of the command that this completes. */
  readonly tag: string;
  /** The first word in upper case: OK, NO, BAD, PREAUTH, BYE, CAPABILITY ... or a number. */
  readonly word: string;
  /** What follows on the same line. Literals are read and not kept. */
  readonly text: string;
}

/*
 * response = ("*" / tag) SP word [SP text]
 */
const RESPONSE = /^(\*|[\w.-]+) ([\w-]+)(?: (.*))?$/s;
/** Status responses end with text for people, in which braces announce nothing. */
const CONDITIONS: ReadonlySet<string> = new Set(['OK', 'NO', 'BAD', 'PREAUTH', 'BYE']);
/** The most bytes of literals in one response, and the most responses to one command. */
const MOST_LITERALS = 65_536;
const MOST_RESPONSES = 1_000;

/**
 * Reads one response, with its literals, to its last byte.
 *
 * @throws DialogueError malformed, timeout, closed
 */
export function* imapResponseOp(wire: Wire): Op<ImapResponse> {
  const line = yield* wire.lineOp();
  const [, tag, word, text = ''] = RESPONSE.exec(line) ?? [];
  if (tag === undefined || word === undefined) {
    throw new DialogueError('malformed', `not a response of an IMAP server: ${quoted(line)}`);
  }
  const response = { tag, word: word.toUpperCase(), text };
  if (!CONDITIONS.has(response.word)) yield* skipLiteralsOp(wire, line);
  return response;
}

function* skipLiteralsOp(wire: Wire, first: string): Op<void> {
  let left = MOST_LITERALS;
  for (let literal = literalOf(first); literal !== null; literal = literalOf(yield* wire.lineOp())) {
    if (literal.size > left) throw new DialogueError('malformed', `a literal of ${literal.size} bytes ahead of TLS`);
    // An empty one takes from the limit as well: a response is not to go on for ever.
    left -= Math.max(literal.size, 1);
    yield* wire.exactOp(literal.size);
  }
}

/**
 * Sends a command and reads up to its completion. Untagged data before that goes to `seen`.
 *
 * @throws DialogueError closed when the server says BYE; malformed, timeout
 */
export function* imapCommandOp(
  wire: Wire,
  tag: string,
  command: string,
  seen: (response: ImapResponse) => void = () => {},
): Op<ImapResponse> {
  yield* wire.commandOp(`${tag} ${command}`);
  for (let count = 0; count < MOST_RESPONSES; count += 1) {
    const response = yield* imapResponseOp(wire);
    if (response.tag === tag && /^(?:OK|NO|BAD)$/.test(response.word)) return response;
    if (response.tag !== '*') {
      throw new DialogueError(
        'malformed',
        `not a completion of ${command}: ${quoted(`${response.tag} ${response.word}`)}`,
      );
    }
    if (response.word === 'BYE') {
      throw new DialogueError('closed', `the server takes leave: ${quoted(imapStatus(response.text).text)}`);
    }
    seen(response);
  }
  throw new DialogueError('malformed', `more than ${MOST_RESPONSES} responses to ${command}`);
}

/** What a status response says to people and to programs. */
export interface ImapStatus {
  /** The code's name in upper case; empty where there is none. */
  readonly code: string;
  readonly arguments: readonly string[];
  readonly text: string;
}

/*
 * resp-text = ["[" name *(SP argument) "]" SP] text
 */
const STATUS = /^(?:\[([\w-]+)(?: ([^\]]*))?\] ?)?(.*)$/s;
/** Codes that ask the user to read, or to go, somewhere else: from the clear part they are an attacker's words. */
const UNTRUSTED_CODES: ReadonlySet<string> = new Set(['ALERT', 'REFERRAL']);

/** Takes a status response apart. Of alerts and referrals nothing is kept but the code. */
export function imapStatus(text: string): ImapStatus {
  const [, name = '', rest = '', words = ''] = STATUS.exec(text) ?? [];
  const code = name.toUpperCase();
  if (UNTRUSTED_CODES.has(code)) return { code, arguments: [], text: '' };
  return { code, arguments: rest.split(' ').filter((word) => word !== ''), text: words };
}
