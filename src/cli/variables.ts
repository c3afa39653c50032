/** The variables of a script, by name. */
import { foldName } from '../basic/constant-expression.ts';
import { F, NumberVariable, S, sockary, type Variable, X } from '../basic/index.ts';
import { UsageError } from '../core/errors.ts';
import type { DimType } from './statement.ts';

/** The largest S or X that a script makes, in bytes. */
const LARGEST = 64 * 2 ** 20;
const DEFAULT_SIZES: Readonly<Record<DimType, number>> = { F: 6, B: 4, I: 4, S: 0, X: 0, SOCKARY: 1025 };

/**
 * The size of a variable, checked; undefined takes the usual one.
 *
 * @throws UsageError
 */
export function checkedSize(type: DimType, size: number = DEFAULT_SIZES[type]): number {
  if (size > LARGEST) throw new UsageError(`${size} bytes are too many: a variable has at most ${LARGEST}`);
  if (type === 'SOCKARY') sockary(size);
  else if (type !== 'S' && type !== 'X') new NumberVariable(type, size);
  return size;
}

function makeVariable(type: DimType, size: number): Variable {
  if (type === 'SOCKARY') return sockary(size);
  if (type === 'S') return S(size);
  return type === 'X' ? X(size) : new NumberVariable(type, size);
}

export class Variables {
  readonly #variables = new Map<string, Variable>();
  /** Those that are names of sockets. */
  readonly #sockets = new Set<string>(['SOCKPORT']);

  /** `status`, `buffer` of so many bytes, and `sockport`, which is -1 until something opens. */
  constructor(bufferSize: number) {
    this.#variables.set('STATUS', F()).set('BUFFER', S(bufferSize)).set('SOCKPORT', F(-1));
  }

  get names(): string[] {
    return [...this.#variables.keys()];
  }

  find(name: string): Variable | undefined {
    return this.#variables.get(foldName(name));
  }

  dim(name: string, type: DimType, size: number): void {
    this.#variables.set(foldName(name), makeVariable(type, size));
  }

  /** The variable of a socket's name, made if there is none. */
  socket(name: string): Variable {
    this.#sockets.add(foldName(name));
    const found = this.find(name);
    if (found !== undefined) return found;
    const variable = F(-1);
    this.#variables.set(foldName(name), variable);
    return variable;
  }

  /** The names under which a socket is known. */
  holding(socket: number): string[] {
    return [...this.#sockets]
      .filter((name) => this.#variables.get(name)?.readNumber() === socket)
      .map((name) => name.toLowerCase());
  }
}
