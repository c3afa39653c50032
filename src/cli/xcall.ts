/** XCALL as A-Shell has it: the arguments as they were typed, nothing added. */
import type { Variable } from '../basic/index.ts';
import { isVariable, sockaryOf } from '../basic/index.ts';
import { encodeLatin1 } from '../core/bytes.ts';
import { UsageError } from '../core/errors.ts';
import { type Argument, numberArgument } from '../tcpx/frame.ts';
import { OPCODES, type Opcode, opcodeNamed, opcodeOf } from '../tcpx/opcodes.ts';
import { routineNamed } from '../tcpx/routines.ts';
import { type ProgramRow, programRow } from './programs.ts';
import type { CallReport } from './report.ts';
import type { Session } from './session.ts';
import type { Operand, Statement, Xcall } from './statement.ts';

export async function xcall(
  session: Session,
  statement: Statement,
  command: Xcall,
  signal?: AbortSignal,
): Promise<CallReport> {
  const { routine } = command;
  const args = command.args.map((operand) => argumentOf(session, operand));
  const program = programRow(routine);
  if (program !== undefined) return await programCall(session, statement, program, args, signal);
  const { shape } = routineNamed(routine);
  const number = numberArgument(args[shape.opcode]);
  const opcode = rowOf(session, routine, number);
  const started = performance.now();
  const status = await session.call(routine, args, signal);
  const ms = performance.now() - started;
  const sockport = args[shape.sockport];
  const failed = status < 0 && opcode?.handler !== null;
  const shownSocket = opcode?.sockport !== 'unused' && isVariable(sockport) ? sockport.readNumber() : null;
  const opened = opcode?.opens === true || opcode?.name === 'STARTTLS';
  return {
    kind: 'call',
    statement,
    routine,
    opcode: opcode?.name ?? String(number),
    status,
    sockport: shownSocket,
    received: received(opcode, args[shape.buffer], status),
    wanted: null,
    text: failed ? session.why(status) : '',
    ms,
    tls:
      opened && !failed && args[shape.sockary] === undefined ? (session.facts(shownSocket ?? -1)?.tls ?? null) : null,
    failed,
  };
}

/** A program has a STATUS of its own, of which 0 alone is success, and says itself what went wrong. */
async function programCall(
  session: Session,
  statement: Statement,
  { name, socket, load }: ProgramRow,
  args: readonly Argument[],
  signal?: AbortSignal,
): Promise<CallReport> {
  await load();
  const started = performance.now();
  const status = await session.call(name, args, signal);
  const ms = performance.now() - started;
  const held = args[socket];
  const sockport = isVariable(held) ? held.readNumber() : null;
  return {
    kind: 'call',
    statement,
    routine: name,
    opcode: name,
    status,
    sockport,
    received: null,
    wanted: null,
    text: session.job.lastStatus?.text ?? '',
    ms,
    tls: session.facts(sockport ?? -1)?.tls ?? null,
    failed: status !== 0,
  };
}

/** The row of a number. TCPCLI's opcode 1 is the old connect; all others have the numbers of TCPX. */
function rowOf(session: Session, routine: string, number: number): Opcode | undefined {
  if (routine === 'TCPCLI' && number === 1) return opcodeNamed('CONNECT_OLD');
  if (routine !== 'TCPX') return opcodeOf(number);
  return OPCODES.find((opcode) => session.codeOf(opcode) === number);
}

function argumentOf(session: Session, operand: Operand): Argument {
  if (operand.kind !== 'name') return session.value(operand);
  const variable = session.variable(operand.name);
  if (operand.subscript === null) return variable;
  if (!variable.isArray) throw new UsageError(`${operand.name} is not an array`);
  // An element reaches to the end of its array, and the first is what programs pass.
  if (operand.subscript === 1) return sockaryOf(variable);
  throw new UsageError(`pass a socket array by its first element: ${operand.name}(1)`);
}

function received(opcode: Opcode | undefined, buffer: Argument | undefined, status: number): Uint8Array | null {
  if (opcode === undefined || !isVariable(buffer)) return null;
  if (opcode.buffer === 'text') return textOf(buffer);
  if (status < 0) return null;
  if (opcode.buffer === 'received') return buffer.extent.slice(0, status);
  return opcode.buffer === 'priority, received' ? textOf(buffer) : null;
}

function textOf(buffer: Variable): Uint8Array {
  return encodeLatin1(buffer.readString());
}
