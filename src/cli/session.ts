/**
 * What a script works with: a job, variables, and the current socket.
 *
 * A socket lives in a variable, as it does in BASIC: in `sockport`, or in the one that AS names. One of these variables is
 * the current socket, which the short forms work on; USE and AS change it, ON replaces it for one line.
 */
import { evaluateConstant } from '../basic/constant-expression.ts';
import { F, type SymbolSet, type Variable } from '../basic/index.ts';
import type { ErrnoName } from '../core/errno.ts';
import { UsageError } from '../core/errors.ts';
import type { SocketFacts } from '../tcpx/facts.ts';
import type { Argument } from '../tcpx/frame.ts';
import { explainStatus } from '../tcpx/handlers/errmsg.ts';
import type { Job } from '../tcpx/job.ts';
import type { Opcode } from '../tcpx/opcodes.ts';
import { errnoStatus, inFamily, type StatusFamily } from '../tcpx/status.ts';
import type { NamedSocket } from './report.ts';
import type { Operand } from './statement.ts';
import { Variables } from './variables.ts';

export interface SessionOptions {
  readonly job: Job;
  readonly symbols: SymbolSet;
  /** Calls leave the event loop free and can be aborted. */
  readonly asynchronous: boolean;
  readonly bufferSize: number;
  /** The timer of short forms that name none, in ms; null for none. */
  readonly timer: number | null;
  readonly statusFamily: StatusFamily;
}

export class Session {
  readonly job: Job;
  readonly symbols: SymbolSet;
  readonly variables: Variables;
  readonly timer: number | null;
  readonly #statusFamily: StatusFamily;
  readonly #asynchronous: boolean;
  #current = 'SOCKPORT';

  constructor(options: SessionOptions) {
    this.job = options.job;
    this.symbols = options.symbols;
    this.timer = options.timer;
    this.variables = new Variables(options.bufferSize);
    this.#asynchronous = options.asynchronous;
    this.#statusFamily = options.statusFamily;
  }

  /** The current socket's name and facts; null facts when it is closed. */
  get current(): { name: string; facts: SocketFacts | null } {
    return { name: this.#current.toLowerCase(), facts: this.facts(this.variable(this.#current).readNumber()) };
  }

  /** Calls a routine, in the form that was asked for; resolves to STATUS. */
  call(routine: string, args: readonly Argument[], signal?: AbortSignal): number | Promise<number> {
    if (!this.#asynchronous) return this.job.xcall(routine, ...args);
    return this.job.xcall.async(routine, ...args, signal === undefined ? {} : { signal });
  }

  /** Why the last call failed. */
  why(status: number): string {
    const { lastStatus } = this.job;
    return explainStatus(status, lastStatus, false, this.#statusFamily);
  }

  /** The STATUS of a system error, in the family that the job speaks. */
  errno(name: ErrnoName): number {
    return inFamily(errnoStatus(name), 'errno', this.#statusFamily);
  }

  /** @throws UsageError for a name that was not declared: a line that did not run may have done that */
  variable(name: string): Variable {
    const found = this.variables.find(name);
    if (found === undefined) throw new UsageError(`there is no variable ${name} yet`);
    return found;
  }

  /** The variable of a socket: the current one for null; a number gets one of its own. */
  socketVariable(name: string | null): Variable {
    if (name === null) return this.variable(this.#current);
    return /^\d/.test(name) ? F(this.#openNumber(name)) : this.variables.socket(name);
  }

  makeCurrent(name: string): void {
    this.#current = name;
  }

  /** What is known of a socket; null when the job has none with this number. */
  facts(number: number): SocketFacts | null {
    return this.job.sockets.includes(number) ? this.job.socket(number) : null;
  }

  /** The number by which the job knows an opcode: the site's, where it has an ashell.def of its own. */
  codeOf(opcode: Opcode): number {
    return this.symbols.has(opcode.symbol) ? this.symbols.number(opcode.symbol) : opcode.code;
  }

  /** @throws UsageError, ExpressionError */
  value(operand: Operand): number | string {
    if (operand.kind === 'text') return operand.data;
    if (operand.kind === 'name') {
      const variable = this.variable(operand.name);
      return variable.type === 'S' || variable.type === 'X' ? variable.readString() : variable.readNumber();
    }
    return evaluateConstant(operand.expression, (name) => {
      const variable = this.variables.find(name);
      if (variable !== undefined) return variable.type === 'S' ? variable.readString() : variable.readNumber();
      const value = this.symbols.get(name);
      if (value === undefined) throw new UsageError(`${name} is neither a variable nor a symbol`);
      return value;
    });
  }

  /** A value as PRINT shows it: raw bytes as they are. */
  printed(operand: Operand): number | Uint8Array {
    if (operand.kind === 'name') {
      const variable = this.variable(operand.name);
      if (variable.type === 'X') return variable.bytes.slice();
    }
    const value = this.value(operand);
    return typeof value === 'number' ? value : Buffer.from(value, 'latin1');
  }

  /** Makes a socket the current one, by name or number. */
  use(socket: string): void {
    if (/^\d/.test(socket)) {
      this.variable('SOCKPORT').writeNumber(this.#openNumber(socket));
      this.#current = 'SOCKPORT';
    } else {
      this.variables.socket(socket);
      this.#current = socket;
    }
  }

  #openNumber(socket: string): number {
    const number = Number(socket);
    if (this.facts(number) !== null) return number;
    const open = this.job.sockets.join(', ');
    throw new UsageError(`there is no open socket ${number}${open === '' ? '' : `; there are ${open}`}`);
  }

  /** A socket with the names of the variables that hold it. */
  named(facts: SocketFacts): NamedSocket {
    const current = this.variable(this.#current).readNumber() === facts.number;
    return { facts, names: this.variables.holding(facts.number), current };
  }
}
