/** What a Telnet connection is made of (RFC 854, 855): bytes of text, commands, options and subnegotiations. */
import type { Op } from '../core/op.ts';
import { DialogueError } from './dialogue-error.ts';
import { quoted } from './quoted.ts';
import type { Wire } from './wire.ts';

export const IAC = 255;
export const DONT = 254;
export const DO = 253;
export const WONT = 252;
export const WILL = 251;
export const SB = 250;
export const ARE_YOU_THERE = 246;
export const SE = 240;
export const START_TLS = 46;
export const FOLLOWS = 1;

/** IAC IAC is text as well: the byte 255. */
export type Unit =
  | { readonly kind: 'text'; readonly byte: number }
  | { readonly kind: 'command'; readonly command: number }
  | { readonly kind: 'option'; readonly command: number; readonly option: number }
  | { readonly kind: 'subnegotiation'; readonly option: number; readonly content: Uint8Array };

interface Measured {
  readonly unit: Unit;
  readonly length: number;
}

/** Far above any subnegotiation before a user is there. */
const LONGEST_SUBNEGOTIATION = 512;

/*
 * unit = byte / IAC IAC / IAC command / IAC (WILL|WONT|DO|DONT) option / IAC SB option content IAC SE
 */
/**
 * The unit at the beginning, or how many bytes have to be there to tell.
 *
 * @throws DialogueError malformed
 */
function measure(bytes: Uint8Array): Measured | number {
  const [first, command, option] = bytes;
  if (first === undefined) return 1;
  if (first !== IAC) return { unit: { kind: 'text', byte: first }, length: 1 };
  if (command === undefined) return 2;
  if (command === IAC) return { unit: { kind: 'text', byte: IAC }, length: 2 };
  if (command < SB) return { unit: { kind: 'command', command }, length: 2 };
  if (option === undefined) return 3;
  if (command !== SB) return { unit: { kind: 'option', command, option }, length: 3 };
  for (let place = 3; place < bytes.length; place += 1) {
    if (bytes[place] !== IAC) continue;
    place += 1;
    const next = bytes[place];
    if (next === SE) {
      const content = bytes.slice(3, place - 1);
      return { unit: { kind: 'subnegotiation', option, content }, length: place + 1 };
    }
    if (next !== IAC && next !== undefined) throw new DialogueError('malformed', 'a command in a subnegotiation');
  }
  if (bytes.length < LONGEST_SUBNEGOTIATION) return bytes.length + 1;
  throw new DialogueError('malformed', `a subnegotiation of more than ${LONGEST_SUBNEGOTIATION} bytes`);
}

/** The next unit, which stays unread. */
export function* peekUnitOp(wire: Wire): Op<Measured> {
  for (let count = 1; ; ) {
    const found = measure(yield* wire.peekOp(count));
    if (typeof found !== 'number') return found;
    count = found;
  }
}

export function* unitOp(wire: Wire): Op<Measured> {
  const next = yield* peekUnitOp(wire);
  yield* wire.exactOp(next.length);
  return next;
}

const COMMANDS: ReadonlyMap<number, string> = new Map([
  [WILL, 'WILL'],
  [WONT, 'WONT'],
  [DO, 'DO'],
  [DONT, 'DONT'],
  [SB, 'SB'],
  [SE, 'SE'],
  [ARE_YOU_THERE, 'AYT'],
]);

/** Options as IANA has them, those that servers begin with. */
const OPTIONS: ReadonlyMap<number, string> = new Map([
  [0, 'BINARY'],
  [1, 'ECHO'],
  [3, 'SUPPRESS-GO-AHEAD'],
  [24, 'TERMINAL-TYPE'],
  [31, 'NAWS'],
  [32, 'TERMINAL-SPEED'],
  [35, 'X-DISPLAY-LOCATION'],
  [36, 'ENVIRON'],
  [37, 'AUTHENTICATION'],
  [38, 'ENCRYPT'],
  [39, 'NEW-ENVIRON'],
  [START_TLS, 'START_TLS'],
]);

export function unitName(unit: Unit): string {
  if (unit.kind === 'text') return `text ${quoted(String.fromCharCode(unit.byte))}`;
  if (unit.kind === 'command') return `IAC ${COMMANDS.get(unit.command) ?? unit.command}`;
  const option = OPTIONS.get(unit.option) ?? String(unit.option);
  if (unit.kind === 'option') return `${COMMANDS.get(unit.command) ?? unit.command} ${option}`;
  const follows = unit.option === START_TLS && unit.content.length === 1 && unit.content[0] === FOLLOWS;
  return `SB ${option} ${follows ? 'FOLLOWS' : `of ${unit.content.length} bytes`}`;
}

/** The text from here to the next command; null where a byte 255 is the text. */
function textAt(bytes: Uint8Array, place: number): string | null {
  const end = bytes.indexOf(IAC, place);
  return end === place ? null : Buffer.from(bytes.subarray(place, end < 0 ? bytes.length : end)).toString('latin1');
}

/** How many units of one transfer are told to people. */
const MOST_SHOWN = 16;

/** The units of one transfer in words. */
export function unitNames(bytes: Uint8Array): string {
  const names: string[] = [];
  try {
    for (let place = 0; place < bytes.length && names.length < MOST_SHOWN; ) {
      const found = measure(bytes.subarray(place));
      if (typeof found === 'number') break;
      const text = found.unit.kind === 'text' ? textAt(bytes, place) : null;
      names.push(text === null ? unitName(found.unit) : `text ${quoted(text)}`);
      place += text?.length ?? found.length;
    }
  } catch (error) {
    if (!(error instanceof DialogueError)) throw error;
    names.push(error.message);
  }
  return names.length === 0 ? `${bytes.length} bytes` : names.join(', ');
}
