/**
 * The arguments of an XCALL: from BASIC variables to a {@link Call}, and the outcome back. Outputs are written once, at
 * the end, so that a failure never leaves half of them changed.
 */
import { isVariable, leadingNumber, type Variable } from '../basic/index.ts';
import { encodeLatin1 } from '../core/bytes.ts';
import { UsageError } from '../core/errors.ts';
import type { Call, CallBuffer, Outcome } from './call.ts';
import type { Opcode } from './opcodes.ts';

/** A variable, or a literal, which is an input that receives nothing. */
export type Argument = Variable | number | string;

/** A list where a routine takes one, such as the attachments of EMAILX. TCPX takes none. */
export type ListArgument = readonly object[];

/** @throws UsageError when there is a list, or whatever else is no argument, among those of a routine that takes none */
export function withoutLists(routine: string, args: readonly (Argument | ListArgument)[]): readonly Argument[] {
  // A loop, because a callback for each argument shows in the time of a short call.
  for (let index = 0; index < args.length; index += 1) {
    const argument = args[index];
    if (typeof argument !== 'object' || isVariable(argument)) continue;
    const what = Array.isArray(argument) ? 'a list' : 'an object';
    throw new UsageError(`XCALL ${routine}: argument ${index + 1} is ${what}, where a variable or a literal is due`);
  }
  return args as readonly Argument[];
}

/** Where each parameter of a routine stands in its argument list; -1 for one that it does not have. */
export interface Shape {
  readonly opcode: number;
  readonly status: number;
  readonly buffer: number;
  readonly sockport: number;
  readonly flags: number;
  readonly timer: number;
  readonly hostname: number;
  readonly sockary: number;
  readonly least: number;
  readonly most: number;
}

const NO_BUFFER: CallBuffer = { bytes: new Uint8Array(0), size: 0, dynamic: false, isString: false, lent: false };

/** What a call will write back to. */
export interface Frame {
  readonly call: Call;
  readonly status: Variable;
  readonly buffer: Variable | null;
  readonly sockport: Variable | null;
  readonly flags: Variable | null;
}

/**
 * The status variable of an argument list: the only channel for errors.
 *
 * @throws UsageError when there is none to write to
 */
export function statusVariable(routine: string, shape: Shape, args: readonly Argument[]): Variable {
  const status = args[shape.status];
  if (isVariable(status)) return status;
  throw new UsageError(
    `XCALL ${routine}: argument ${shape.status + 1} must be a variable for STATUS, such as F(); ` +
      'there is nowhere to report the result',
  );
}

/** Reads a numeric argument; a missing one is 0. */
export function numberArgument(argument: Argument | undefined): number {
  if (typeof argument === 'number') return argument;
  if (argument === undefined) return 0;
  return typeof argument === 'string' ? leadingNumber(argument) : argument.readNumber();
}

export function stringArgument(argument: Argument | undefined): string {
  if (argument === undefined) return '';
  if (typeof argument === 'string') return argument;
  return typeof argument === 'number' ? String(argument) : argument.readString();
}

/** Port, socket number or index; NaN for text that does not start with a number. 0xFFFFFFFF is -1 in a B,4. */
export function sockportArgument(argument: Argument | undefined): number {
  if (argument === undefined) return Number.NaN;
  const text = typeof argument === 'string' ? argument : isText(argument) ? argument.readString() : null;
  const number = text !== null && !/^\s*[-+]?\d/.test(text) ? Number.NaN : Math.trunc(numberArgument(argument));
  return number === 0xffffffff ? -1 : number;
}

function isText(argument: Argument): argument is Variable {
  return typeof argument === 'object' && (argument.type === 'S' || argument.type === 'X');
}

/** The buffer as the opcode uses it; one that it does not use is not looked at. */
export function bufferArgument(argument: Argument | undefined, opcode: Opcode, lent: boolean): CallBuffer {
  if (opcode.buffer === 'unused' || argument === undefined) return NO_BUFFER;
  if (typeof argument === 'object') {
    const bytes = argument.extent;
    const dynamic = argument.size === 0;
    return { bytes, size: dynamic ? bytes.length : argument.size, dynamic, isString: argument.type === 'S', lent };
  }
  const bytes = encodeLatin1(String(argument));
  return { bytes, size: bytes.length, dynamic: false, isString: true, lent: false };
}

/** True for a receiving opcode whose buffer could not receive. */
export function receivesNowhere(opcode: Opcode, buffer: Argument | undefined): boolean {
  const receives = opcode.buffer === 'received' || opcode.buffer === 'priority, received' || opcode.buffer === 'text';
  return receives && !isVariable(buffer);
}

/**
 * Writes the results: the buffer first, STATUS last. `status` is already in the job's number family; `inPlace` tells that
 * the call was not a {@link detached} one.
 */
export function writeBack(frame: Frame, outcome: Outcome, status: number, inPlace: boolean): void {
  const { received } = outcome;
  if (received !== undefined && !(inPlace && isInPlace(frame, received))) frame.buffer?.writeReceived(received);
  if (outcome.sockport !== undefined) frame.sockport?.writeNumber(outcome.sockport);
  frame.status.writeNumber(status);
}

/** True for bytes that were received into the memory of an X itself; an S is still to be filled up behind them. */
function isInPlace({ buffer, call }: Frame, received: Uint8Array): boolean {
  if (buffer === null || buffer.type !== 'X' || buffer.size === 0) return false;
  const { bytes } = call.buffer;
  return received === bytes || (received.buffer === bytes.buffer && received.byteOffset === bytes.byteOffset);
}

/**
 * A copy of a call that does not touch the caller's memory: for calls that last while the program goes on, and for
 * other threads. A receiving buffer is new memory of the same size.
 */
export function detached(call: Call, opcode: Opcode): Call {
  const { buffer } = call;
  if (buffer === NO_BUFFER) return call;
  if (opcode.buffer === 'received') {
    const size = buffer.dynamic ? 0 : call.flags > 0 ? Math.min(call.flags, buffer.bytes.length) : buffer.size;
    return withBuffer(call, new Uint8Array(size), size);
  }
  const sent = call.flags > 0 && opcode.flags === 'count' ? Math.min(call.flags, buffer.bytes.length) : buffer.size;
  return withBuffer(call, buffer.bytes.slice(0, sent), sent);
}

/** Every property by name: spread copies cost a microsecond, on every asynchronous call. */
function withBuffer(call: Call, bytes: Uint8Array, most: number): Call {
  const { opcode, status, buffer, sockport, flags, timer, hostname, sockary, lastReady, reserved } = call;
  const { size, dynamic, isString } = buffer;
  const copy: CallBuffer = { bytes, size: Math.min(size, most), dynamic, isString, lent: false };
  return { opcode, status, buffer: copy, sockport, flags, timer, hostname, sockary, lastReady, reserved };
}

/** A detached call for another thread: no view drags the memory behind it along. */
export function posted(call: Call, opcode: Opcode): Call {
  const copy = detached(call, opcode);
  return copy.sockary === null ? copy : { ...copy, sockary: copy.sockary.slice() };
}
