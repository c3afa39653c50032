/**
 * The opcode table: the one source for dispatch, trace, the README's table and the coverage test.
 */
import {
  TCPOP_ACCEPT,
  TCPOP_CHECK,
  TCPOP_CHKQTY,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_CONNECT_OLD,
  TCPOP_ERRMSG,
  TCPOP_READ,
  TCPOP_SHUTDOWN,
  TCPOP_STARTTLS,
  TCPOP_WRITE,
} from '../../ashell.def.ts';
import { acceptOpcodeOp } from './handlers/accept.ts';
import { checkOpcode, chkqtyOp } from './handlers/check.ts';
import { closeOpcodeOp, shutdownOpcodeOp } from './handlers/close.ts';
import { connectOldOp, connectOp } from './handlers/connect.ts';
import { readOpcode } from './handlers/read.ts';
import { starttlsOp } from './handlers/starttls.ts';
import { writeOpcode } from './handlers/write.ts';
import type { Handler } from './runtime.ts';

/** What the buffer argument is to an opcode. */
export type BufferUse = 'unused' | 'greeting' | 'sent' | 'received' | 'priority' | 'priority, received' | 'text';
/** What the sockport argument is: sockets come out of the ones that open. */
export type SockportUse = 'port to socket' | 'socket' | 'socket to -1' | 'unused';
/** What the flags argument is. */
export type FlagsUse = 'bits' | 'count' | 'direction' | 'unused';

/** A row of the opcode table. */
export interface Opcode {
  readonly code: number;
  /** The name without TCPOP_, as `tcpx exec` and the traces have it. */
  readonly name: string;
  readonly symbol: string;
  readonly effect: string;
  readonly buffer: BufferUse;
  readonly sockport: SockportUse;
  readonly flags: FlagsUse;
  /** What timer limits. */
  readonly timer: string;
  /** The STATUS on success. */
  readonly status: string;
  /** Whether the call opens a socket, so that its residence is the caller's thread or the worker (design §2.10). */
  readonly opens: boolean;
  /** Whether sockidx 0 means the whole set. */
  readonly wholeSet: boolean;
  /** Null for ERRMSG, which the job answers from what it remembers. */
  readonly handler: Handler | null;
}

/** Every opcode of TCPX, in the order of their numbers. */
export const OPCODES: readonly Opcode[] = [
  {
    code: TCPOP_ACCEPT,
    name: 'ACCEPT',
    symbol: 'TCPOP_ACCEPT',
    effect: 'listens on a port and takes one client; LISTEN, ASYNC, KEEPLISTEN split that up; TLS as a server',
    buffer: 'greeting',
    sockport: 'port to socket',
    flags: 'bits',
    timer: 'the TLS handshake; the wait with `assume.acceptTimer`',
    status: '0, or the bytes of greeting sent',
    opens: true,
    wholeSet: false,
    handler: acceptOpcodeOp,
  },
  {
    code: TCPOP_WRITE,
    name: 'WRITE',
    symbol: 'TCPOP_WRITE',
    effect: 'sends bytes',
    buffer: 'sent',
    sockport: 'socket',
    flags: 'count',
    timer: 'the whole write',
    status: 'bytes sent',
    opens: false,
    wholeSet: false,
    handler: writeOpcode,
  },
  {
    code: TCPOP_READ,
    name: 'READ',
    symbol: 'TCPOP_READ',
    effect: 'receives bytes',
    buffer: 'received',
    sockport: 'socket',
    flags: 'count',
    timer: 'the whole read',
    status: 'bytes received, 0 at the end of the stream',
    opens: false,
    wholeSet: false,
    handler: readOpcode,
  },
  {
    code: TCPOP_SHUTDOWN,
    name: 'SHUTDOWN',
    symbol: 'TCPOP_SHUTDOWN',
    effect: 'ends one direction (0 receive, 1 send) or both (2); close_notify on TLS',
    buffer: 'unused',
    sockport: 'socket',
    flags: 'direction',
    timer: 'ignored',
    status: '0',
    opens: false,
    wholeSet: false,
    handler: shutdownOpcodeOp,
  },
  {
    code: TCPOP_CLOSE,
    name: 'CLOSE',
    symbol: 'TCPOP_CLOSE',
    effect: 'closes; ends calls that wait on the socket',
    buffer: 'unused',
    sockport: 'socket to -1',
    flags: 'unused',
    timer: 'ignored',
    status: '0, or -1 when it was closed already',
    opens: false,
    wholeSet: true,
    handler: closeOpcodeOp,
  },
  {
    code: TCPOP_CHECK,
    name: 'CHECK',
    symbol: 'TCPOP_CHECK',
    effect: 'tells whether a READ or ACCEPT would return at once; takes an asynchronous CONNECT further',
    buffer: 'unused',
    sockport: 'socket',
    flags: 'unused',
    timer: 'the wait; 0 looks once',
    status: '1 ready, 0 not; for a whole set the number of ready ones',
    opens: false,
    wholeSet: true,
    handler: checkOpcode,
  },
  {
    code: TCPOP_CHKQTY,
    name: 'CHKQTY',
    symbol: 'TCPOP_CHKQTY',
    effect: 'counts the bytes that can be read without waiting',
    buffer: 'unused',
    sockport: 'socket',
    flags: 'unused',
    timer: 'ignored',
    status: 'bytes, 0 for none',
    opens: false,
    wholeSet: false,
    handler: chkqtyOp,
  },
  {
    code: TCPOP_CONNECT,
    name: 'CONNECT',
    symbol: 'TCPOP_CONNECT',
    effect: 'connects to a server; in clear, with TLS, or in clear with TLS to follow (TLS + STARTTLS)',
    buffer: 'priority',
    sockport: 'port to socket',
    flags: 'bits',
    timer: 'name resolution, connection and handshake together; with ASYNC only this call',
    status: '0; with ASYNC 1 connected, 0 on its way',
    opens: true,
    wholeSet: false,
    handler: connectOp,
  },
  {
    code: TCPOP_CONNECT_OLD,
    name: 'CONNECT_OLD',
    symbol: 'TCPOP_CONNECT_OLD',
    effect: 'connects and waits for the first message of the server',
    buffer: 'priority, received',
    sockport: 'port to socket',
    flags: 'bits',
    timer: 'connection and message together',
    status: '0',
    opens: true,
    wholeSet: false,
    handler: connectOldOp,
  },
  {
    code: TCPOP_ERRMSG,
    name: 'ERRMSG',
    symbol: 'TCPOP_ERRMSG',
    effect: 'explains a STATUS; the TLS bit asks for the TLS library’s numbers',
    buffer: 'text',
    sockport: 'unused',
    flags: 'bits',
    timer: 'ignored',
    status: 'left alone',
    opens: false,
    wholeSet: false,
    handler: null,
  },
  {
    code: TCPOP_STARTTLS,
    name: 'STARTTLS',
    symbol: 'TCPOP_STARTTLS',
    effect: 'begins TLS on a connection opened with TLS + STARTTLS, as client or server',
    buffer: 'unused',
    sockport: 'socket',
    flags: 'bits',
    timer: 'the handshake',
    status: '0',
    opens: false,
    wholeSet: false,
    handler: starttlsOp,
  },
];

const byCode: readonly (Opcode | undefined)[] = (() => {
  const dense: (Opcode | undefined)[] = new Array(Math.max(...OPCODES.map(({ code }) => code)) + 1).fill(undefined);
  for (const opcode of OPCODES) dense[opcode.code] = opcode;
  return dense;
})();

/** The row for a number, or undefined for one that does not exist. */
export function opcodeOf(code: number): Opcode | undefined {
  return byCode[code];
}

/** The row for a name such as `STARTTLS` or `TCPOP_STARTTLS`, in any case. */
export function opcodeNamed(name: string): Opcode | undefined {
  const bare = name
    .toUpperCase()
    .replace("'", '_')
    .replace(/^TCPOP_/, '');
  return OPCODES.find((opcode) => opcode.name === bare);
}
