/** What a line of a script says, once it is understood. */
import type { ConstantExpression } from '../basic/constant-expression.ts';
import type { TypeLetter } from '../basic/index.ts';
import type { Opcode } from '../tcpx/opcodes.ts';
import type { Origin } from './scanner.ts';

/** An argument of XCALL, SET or PRINT. Names are looked up when the line is carried out. */
export type Operand =
  | { readonly kind: 'text'; readonly data: string }
  | { readonly kind: 'name'; readonly name: string; readonly subscript: number | null }
  | { readonly kind: 'expression'; readonly expression: ConstantExpression };

export interface Labelled {
  readonly label: string;
  readonly operand: Operand;
}

/** Something to send. */
export type Piece =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly path: string };

/** What EXPECT looks for. */
export type Pattern =
  | { readonly kind: 'text'; readonly data: string }
  | { readonly kind: 'regex'; readonly regex: RegExp };

/** An opcode in its short form. Null is what the line leaves open. */
export interface OpcodeCall {
  readonly kind: 'call';
  readonly opcode: Opcode;
  readonly host: string;
  readonly port: number | null;
  readonly flags: number | null;
  readonly count: number;
  readonly data: readonly Piece[];
  readonly direction: number;
  readonly status: number | null;
  readonly timer: number | null;
  readonly priority: string | null;
  readonly greeting: string;
  /** The variable that receives the socket. */
  readonly as: string | null;
}

export interface Xcall {
  readonly kind: 'xcall';
  readonly routine: string;
  readonly args: readonly Operand[];
}

export interface Expect {
  readonly kind: 'expect';
  readonly pattern: Pattern;
  readonly timer: number | null;
}

export type DimType = TypeLetter | 'SOCKARY';

export type Command =
  | OpcodeCall
  | Xcall
  | Expect
  | { readonly kind: 'dim'; readonly name: string; readonly type: DimType; readonly size: number }
  | { readonly kind: 'set'; readonly name: string; readonly value: Operand }
  | { readonly kind: 'print'; readonly values: readonly Labelled[] }
  | { readonly kind: 'use'; readonly socket: string }
  | { readonly kind: 'info'; readonly socket: string | null }
  | { readonly kind: 'sockets' }
  | { readonly kind: 'sleep'; readonly ms: number }
  | { readonly kind: 'help'; readonly topic: string }
  | { readonly kind: 'quit' };

export interface Statement {
  readonly origin: Origin;
  /** The line as typed, without what `${NAME}` stands for. */
  readonly text: string;
  /** The line started with `-`: a negative STATUS is no failure. */
  readonly mayFail: boolean;
  /** The socket of this line alone, from `ON name`. */
  readonly on: string | null;
  readonly command: Command;
}
