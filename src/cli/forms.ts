/**
 * How opcodes are typed: which words follow the name, in which order. All of it is derived from the opcode table, so that
 * a new row there has a form here.
 */
import { OPCODES, type Opcode, opcodeNamed } from '../tcpx/opcodes.ts';

/** Words by position. */
export type Position = 'host' | 'port' | 'flags' | 'count' | 'data' | 'direction' | 'status';
/** Words of the shape `key=value`, in any place after the positions. */
export type Key = 'timer' | 'priority' | 'greeting' | 'count';

export interface Form {
  readonly opcode: Opcode;
  readonly positions: readonly { readonly position: Position; readonly optional: boolean }[];
  readonly keys: readonly Key[];
  /** Whether `AS name` may follow. */
  readonly named: boolean;
}

const required = (position: Position) => ({ position, optional: false });
const optional = (position: Position) => ({ position, optional: true });

function formOf(opcode: Opcode): Form {
  const { buffer, flags, opens, timer } = opcode;
  const accepts = buffer === 'greeting';
  const positions = [
    ...(opens && !accepts ? [required('host')] : []),
    // With ASYNC an ACCEPT works on the current socket, which listens already.
    ...(opens ? [accepts ? optional('port') : required('port')] : []),
    ...(opcode.sockport === 'unused' ? [optional('status')] : []),
    ...(flags === 'bits' && (opens || buffer === 'text') ? [optional('flags')] : []),
    ...(flags === 'count' && buffer === 'received' ? [optional('count')] : []),
    ...(buffer === 'sent' ? [required('data')] : []),
    ...(flags === 'direction' ? [required('direction')] : []),
  ];
  const keys: Key[] = [
    ...(buffer === 'sent' ? (['count'] as const) : []),
    ...(accepts ? (['greeting'] as const) : []),
    ...(buffer.startsWith('priority') ? (['priority'] as const) : []),
    ...(timer === 'ignored' ? [] : (['timer'] as const)),
  ];
  return { opcode, positions, keys, named: opens };
}

export const FORMS: readonly Form[] = OPCODES.map(formOf);

/** The form of `CONNECT` or `TCPOP_CONNECT`, in any case. */
export function formNamed(name: string): Form | undefined {
  const opcode = opcodeNamed(name);
  return opcode === undefined ? undefined : FORMS.find((form) => form.opcode === opcode);
}

export const DIRECTIONS: ReadonlyMap<string, number> = new Map([
  ['RECEIVE', 0],
  ['SEND', 1],
  ['BOTH', 2],
]);

const POSITION_USAGE: Readonly<Record<Position, string>> = {
  host: 'host',
  port: 'port',
  flags: 'FLAGS',
  count: 'count',
  data: '"text"|hex:0d0a|@file ...',
  direction: 'receive|send|both|0|1|2',
  status: 'status',
};

const KEY_USAGE: Readonly<Record<Key, string>> = {
  timer: 'timer=MS',
  priority: 'priority="..."',
  greeting: 'greeting="..."',
  count: 'count=N',
};

/** `CONNECT host port [FLAGS] [priority="..."] [timer=MS] [AS name]` */
export function usageOf(form: Form): string {
  return [
    form.opcode.name,
    ...form.positions.map(({ position, optional }) =>
      optional ? `[${POSITION_USAGE[position]}]` : POSITION_USAGE[position],
    ),
    ...form.keys.map((key) => `[${KEY_USAGE[key]}]`),
    ...(form.named ? ['[AS name]'] : []),
  ].join(' ');
}
