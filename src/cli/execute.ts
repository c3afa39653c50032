/** Carries out the lines of a script. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ExpressionError } from '../basic/constant-expression.ts';
import { UsageError } from '../core/errors.ts';
import { expect } from './expect.ts';
import { helpLines } from './help-lines.ts';
import { opcodeCall } from './opcode-call.ts';
import type { Report } from './report.ts';
import { ScriptError } from './scanner.ts';
import type { Session } from './session.ts';
import type { Command, Statement } from './statement.ts';
import { xcall } from './xcall.ts';

/**
 * Carries out one line: its report, null when there is nothing to say, `quit` after QUIT.
 *
 * @throws ScriptError when the line makes no sense here
 */
export async function execute(
  session: Session,
  statement: Statement,
  signal?: AbortSignal,
): Promise<Report | null | 'quit'> {
  try {
    return await carryOut(session, statement, statement.command, signal);
  } catch (error) {
    if (error instanceof ScriptError) throw error;
    if (error instanceof UsageError) throw new ScriptError(statement.origin, 0, error.message, { cause: error });
    if (error instanceof ExpressionError) throw new ScriptError(statement.origin, 0, error.message, { cause: error });
    throw error;
  }
}

async function carryOut(
  session: Session,
  statement: Statement,
  command: Command,
  signal?: AbortSignal,
): Promise<Report | null | 'quit'> {
  switch (command.kind) {
    case 'call':
      return await opcodeCall(session, statement, command, signal);
    case 'xcall':
      return await xcall(session, statement, command, signal);
    case 'expect':
      return await expect(session, statement, command, signal);
    case 'dim':
      session.variables.dim(command.name, command.type, command.size);
      return null;
    case 'set': {
      const value = session.value(command.value);
      const variable = session.variable(command.name);
      if (typeof value === 'number') variable.writeNumber(value);
      else variable.writeString(value);
      return null;
    }
    case 'print':
      return {
        kind: 'print',
        statement,
        values: command.values.map(({ label, operand }) => ({ label, value: session.printed(operand) })),
      };
    case 'use':
      session.use(command.socket);
      return null;
    case 'info': {
      const number = session.socketVariable(command.socket ?? statement.on).readNumber();
      const facts = session.facts(number);
      if (facts === null) throw new UsageError(`there is no open socket to tell about (${number})`);
      return { kind: 'info', statement, socket: session.named(facts) };
    }
    case 'sockets':
      return {
        kind: 'sockets',
        statement,
        sockets: session.job.sockets.map((n) => session.named(session.job.socket(n))),
      };
    case 'help':
      return { kind: 'help', statement, text: helpLines(command.topic, session.symbols) };
    case 'sleep':
      await sleep(command.ms, undefined, { ...(signal === undefined ? {} : { signal }) }).catch(ignoreAbort);
      return null;
    case 'quit':
      return 'quit';
  }
}

function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
}
