/**
 * The routines that XCALL knows, by name: TCPX, and TCPCLI and TCPSRV, which it replaced and which programs still call
 * (reference tcpx, appendix). Each says where its parameters stand and how they become a TCPX call.
 */
import {
  TCPOP_ACCEPT,
  TCPOP_CHECK,
  TCPOP_CHKQTY,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_CONNECT_OLD,
  TCPOP_READ,
  TCPOP_WRITE,
} from '../../ashell.def.ts';
import { isVariable } from '../basic/index.ts';
import { UsageError } from '../core/errors.ts';
import type { Call } from './call.ts';
import {
  type Argument,
  bufferArgument,
  type Frame,
  numberArgument,
  receivesNowhere,
  type Shape,
  sockportArgument,
  statusVariable,
  stringArgument,
} from './frame.ts';
import { type Opcode, opcodeOf } from './opcodes.ts';
import type { JobSettings } from './options.ts';
import type { Program } from './program.ts';
import { CallError } from './status.ts';

/** What the calls of a job are made with. */
export interface FrameContext {
  readonly settings: JobSettings;
  /** A number for a socket that the call opens. */
  readonly reserve: () => number;
  /** The index that the last CHECK of an array answered, by the array's memory. */
  readonly lastReady: WeakMap<ArrayBufferLike, number>;
  /** Whether the program goes on while its calls last. */
  readonly lent: boolean;
}

export interface Routine {
  readonly name: string;
  readonly shape: Shape;
  /** @throws UsageError, CallError for arguments that make no sense */
  frame(args: readonly Argument[], context: FrameContext): Frame;
  /** What the routine does beyond TCPX with the result. */
  finish?(frame: Frame, opcode: Opcode | undefined, status: number): void;
}

/** Builds the frame of an argument list whose routine numbers its opcodes as TCPX does. */
function frameOf(
  routine: string,
  shape: Shape,
  args: readonly Argument[],
  opcodeNumber: number,
  { reserve, lastReady, lent }: FrameContext,
): Frame {
  const status = statusVariable(routine, shape, args);
  if (args.length < shape.least || args.length > shape.most) {
    throw new CallError(`XCALL ${routine} takes ${shape.least} to ${shape.most} arguments, not ${args.length}`);
  }
  const opcode = opcodeOf(opcodeNumber);
  if (opcode === undefined) throw new CallError(`there is no ${routine} opcode ${opcodeNumber}`);
  const buffer = args[shape.buffer];
  const sockport = args[shape.sockport];
  const flags = args[shape.flags];
  if (receivesNowhere(opcode, buffer)) {
    throw new CallError(`${opcode.name} needs a variable as buffer, such as S(8192): a literal cannot receive`);
  }
  if (opcode.opens && !isVariable(sockport)) {
    throw new CallError(`${opcode.name} needs a variable as sockport, such as F(587): the socket number would be lost`);
  }
  const sockary = args[shape.sockary];
  if (sockary !== undefined && !isVariable(sockary)) {
    throw new CallError('sockary must be a socket array, such as sockary(100) or an element of an array');
  }
  const storage = sockary === undefined ? null : sockary.extent;
  const timer = numberArgument(args[shape.timer]);
  const call: Call = {
    opcode: opcode.code,
    status: opcode.handler === null ? numberArgument(status) : 0,
    buffer: bufferArgument(buffer, opcode, lent),
    sockport: sockportArgument(sockport),
    flags: Math.trunc(numberArgument(flags)),
    timer: timer > 0 ? Math.trunc(timer) : 0,
    hostname: opcode.opens ? stringArgument(args[shape.hostname]) : '',
    sockary: storage,
    lastReady: storage === null ? 0 : (lastReady.get(storage.buffer) ?? 0),
    reserved: opcode.opens ? reserve() : 0,
  };
  return {
    call,
    status,
    buffer: isVariable(buffer) ? buffer : null,
    sockport: isVariable(sockport) ? sockport : null,
    flags: isVariable(flags) ? flags : null,
  };
}

const TCPX: Routine = {
  name: 'TCPX',
  shape: {
    opcode: 0,
    status: 1,
    buffer: 2,
    sockport: 3,
    flags: 4,
    timer: 5,
    hostname: 6,
    sockary: 7,
    least: 4,
    most: 8,
  },
  frame(args, context) {
    const { opcodes } = context.settings;
    const given = numberArgument(args[0]);
    const opcode = opcodes === null ? given : (opcodes.get(given) ?? Number.NaN);
    return frameOf('TCPX', this.shape, args, opcode, context);
  },
};

/** The legacy routines move at most this many bytes per call. */
const LEGACY_BUFFER = 4096;

/** Replaces what a legacy call means differently: seconds in flags, counts as maximum, 4096 bytes. */
function legacyCall(frame: Frame, args: readonly Argument[], flagsAt: number, blockingByDefault: boolean): Frame {
  const { call } = frame;
  const flags = args[flagsAt];
  const given = numberArgument(flags);
  let changed: Partial<Call> = {};
  if (call.opcode === TCPOP_CHECK) changed = { timer: Math.max(0, Math.trunc(given * 1000)), flags: 0 };
  else if (call.opcode === TCPOP_READ) {
    const most = Math.min(
      call.buffer.dynamic ? LEGACY_BUFFER : call.buffer.size,
      LEGACY_BUFFER,
      given > 0 ? given : LEGACY_BUFFER,
    );
    changed = { flags: 0, buffer: { ...call.buffer, size: most } };
  } else if (call.opcode === TCPOP_WRITE) {
    const count = given > 0 ? given : call.buffer.size;
    if (count > LEGACY_BUFFER)
      throw new UsageError(`TCPCLI and TCPSRV send at most ${LEGACY_BUFFER} bytes, not ${count}`);
  } else if (flags === undefined) changed = { flags: blockingByDefault ? 1 : 0 };
  return { ...frame, call: { ...call, ...changed } };
}

const LEGACY_DATA: Readonly<Record<number, number>> = {
  2: TCPOP_WRITE,
  4: TCPOP_READ,
  6: TCPOP_CLOSE,
  7: TCPOP_CHECK,
  8: TCPOP_CHKQTY,
};

const TCPCLI_CODES: Readonly<Record<number, number>> = { ...LEGACY_DATA, 1: TCPOP_CONNECT_OLD, 9: TCPOP_CONNECT };
const TCPSRV_CODES: Readonly<Record<number, number>> = { ...LEGACY_DATA, 1: TCPOP_ACCEPT };

const TCPCLI: Routine = {
  name: 'TCPCLI',
  shape: {
    opcode: 0,
    status: 1,
    buffer: 2,
    sockport: 3,
    flags: 5,
    timer: -1,
    hostname: 4,
    sockary: -1,
    least: 4,
    most: 6,
  },
  frame(args, context) {
    const code = TCPCLI_CODES[numberArgument(args[0])] ?? Number.NaN;
    return legacyCall(frameOf('TCPCLI', this.shape, args, code, context), args, this.shape.flags, true);
  },
};

const TCPSRV: Routine = {
  name: 'TCPSRV',
  shape: {
    opcode: 0,
    status: 1,
    buffer: 2,
    sockport: 3,
    flags: 4,
    timer: -1,
    hostname: -1,
    sockary: -1,
    least: 4,
    most: 5,
  },
  frame(args, context) {
    const code = TCPSRV_CODES[numberArgument(args[0])] ?? Number.NaN;
    return legacyCall(frameOf('TCPSRV', this.shape, args, code, context), args, this.shape.flags, false);
  },
  finish(frame, opcode, status) {
    // The server's page has the answer in FLAGS, the client's in STATUS.
    if (opcode?.code === TCPOP_CHECK && status >= 0) frame.flags?.writeNumber(status);
  },
};

/** The routines that are opcodes of TCPX. */
export const ROUTINES: readonly Routine[] = [TCPX, TCPCLI, TCPSRV];

const byName = new Map(ROUTINES.map((routine) => [routine.name, routine]));
const programs = new Map<string, Program>();

/** Makes XCALL know a routine that is built on TCPX. Call once per name, when the routine's module is loaded. */
export function registerProgram(program: Program): void {
  programs.set(program.name, program);
}

/** The programs that options are given for. @throws UsageError for options of a program that is not there */
export function checkPrograms(options: Readonly<Record<string, unknown>>): Program[] {
  return Object.keys(options).map((name) => {
    const program = programs.get(name);
    if (program === undefined) throw new UsageError(`options for '${name}': there is no such routine`);
    return program;
  });
}

/** The names that XCALL knows. */
export function routineNames(): string[] {
  return [...byName.keys(), ...programs.keys()];
}

/** A routine's name as it is known: in capitals, without `.SBR` or `.SBX`. */
export function plainName(name: string): string {
  return name.toUpperCase().replace(/\.SB[RX]$/, '');
}

/** The program of a name, in any case; `.SBR` and `.SBX` may follow. Undefined when no program has this name. */
export function programNamed(name: string): Program | undefined {
  if (name === 'TCPX') return undefined;
  return programs.get(name) ?? programs.get(plainName(name));
}

/**
 * The opcode routine of a name, in any case; `.SBR` and `.SBX` may follow.
 *
 * @throws UsageError when there is none
 */
export function routineNamed(name: string): Routine {
  if (name === 'TCPX') return TCPX;
  const routine = byName.get(plainName(name));
  if (routine === undefined) {
    throw new UsageError(`XCALL ${name}: there is no such routine; there are ${routineNames().join(', ')}`);
  }
  return routine;
}
