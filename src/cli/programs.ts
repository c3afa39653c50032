/** The programs that XCALL knows beside the opcode routines, which are loaded when a line calls one. */
import { plainName, registerProgram, routineNames } from '../tcpx/routines.ts';

export interface ProgramRow {
  readonly name: string;
  /** Where the parameter stands that is a socket; -1 for none. */
  readonly socket: number;
  /** Makes XCALL know it; harmless when it does. */
  readonly load: () => Promise<void>;
}

export const PROGRAMS: readonly ProgramRow[] = [
  {
    name: 'EMAILX',
    socket: 10,
    load: async () => registerProgram((await import('../emailx/routine.ts')).EMAILX),
  },
];

/** The program of a name, in any case; `.SBR` and `.SBX` may follow. */
export function programRow(name: string): ProgramRow | undefined {
  return PROGRAMS.find((program) => program.name === plainName(name));
}

/** What XCALL can be followed by. */
export function callableNames(): string[] {
  return [...new Set([...routineNames(), ...PROGRAMS.map(({ name }) => name)])];
}
