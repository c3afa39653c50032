/** An opcode in its short form, as the XCALL it stands for. */
import { readFileSync, statSync } from 'node:fs';
import { F, type Variable, X } from '../basic/index.ts';
import { encodeLatin1 } from '../core/bytes.ts';
import { UsageError } from '../core/errors.ts';
import { reasonOf } from '../core/reason.ts';
import type { SocketFacts } from '../tcpx/facts.ts';
import { hasFlag } from '../tcpx/flags.ts';
import type { Argument } from '../tcpx/frame.ts';
import type { CallReport } from './report.ts';
import type { Session } from './session.ts';
import type { OpcodeCall, Piece, Statement } from './statement.ts';

/** The largest file that a WRITE sends at once, in bytes. */
const LARGEST_FILE = 64 * 2 ** 20;

/** @throws UsageError when the call makes no sense before it is made */
export async function opcodeCall(
  session: Session,
  statement: Statement,
  call: OpcodeCall,
  signal?: AbortSignal,
): Promise<CallReport> {
  const { opcode } = call;
  const acting = session.socketVariable(statement.on);
  const socket = call.as === null ? acting : session.socketVariable(call.as);
  const status = session.variable('STATUS');
  const buffer = session.variable('BUFFER');
  const facts = session.facts(acting.readNumber());
  const sent = opcode.buffer === 'sent' ? gather(call.data) : null;
  if (sent !== null && call.count > sent.length) {
    throw new UsageError(`count=${call.count} is more than the ${sent.length} bytes that the line gives`);
  }
  if (call.status !== null) status.writeNumber(call.status);
  const sockport = opcode.opens ? opening(session, acting, call) : socket;
  const given: Argument[] = [
    session.codeOf(opcode),
    status,
    bufferFor(call, buffer, sent),
    sockport,
    flagsFor(session, call, facts, buffer),
    timerFor(session, call),
    call.host,
  ];
  const started = performance.now();
  const result = await session.call('TCPX', given, signal);
  const ms = performance.now() - started;
  if (opcode.opens) settle(call, socket, sockport, result);
  if (call.as !== null) session.makeCurrent(call.as);
  const explains = opcode.handler === null;
  const failed = result < 0 && !explains;
  const opened = opcode.opens || opcode.name === 'STARTTLS';
  return {
    kind: 'call',
    statement,
    routine: 'TCPX',
    opcode: opcode.name,
    status: result,
    sockport: opcode.sockport === 'unused' ? null : socket.readNumber(),
    received: received(call, buffer, result),
    wanted: sent === null ? null : call.count || sent.length,
    text: failed ? session.why(result) : remark(session, call, result),
    ms,
    tls: opened && !failed ? (session.facts(socket.readNumber())?.tls ?? null) : null,
    failed,
  };
}

/** The sockport argument of an opcode that opens: a port, or for ACCEPT with ASYNC the listening socket. */
function opening(session: Session, acting: Variable, call: OpcodeCall): Variable {
  const listening = isAsync(session, call) && call.host === '';
  if (call.port === null && !listening) {
    throw new UsageError(`${call.opcode.name} needs a port; with ASYNC it takes the current socket, which listens`);
  }
  const port = call.port ?? acting.readNumber();
  // A variable of its own, so that a port never ends up as the number of a socket.
  return F(port);
}

/** Hands the new socket over. What is still a port after a failure is no socket. */
function settle(call: OpcodeCall, socket: Variable, sockport: Variable, status: number): void {
  const number = sockport.readNumber();
  if (status >= 0 || number === -1) socket.writeNumber(number);
  else if (call.port !== null) socket.writeNumber(-1);
}

function bufferFor(call: OpcodeCall, buffer: Variable, sent: Uint8Array | null): Argument {
  if (sent !== null) return X(0, sent);
  switch (call.opcode.buffer) {
    case 'greeting':
      return call.greeting;
    case 'priority':
      return call.priority ?? '';
    case 'priority, received':
      buffer.writeString(call.priority ?? '');
      return buffer;
    default:
      return buffer;
  }
}

/** Flags, count or direction, with the bits that the state of the socket asks for. */
function flagsFor(session: Session, call: OpcodeCall, facts: SocketFacts | null, buffer: Variable): number {
  const { opcode } = call;
  const bits = { tls: session.symbols.number('TCPXFLG_TLS'), startTls: session.symbols.number('TCPXFLG_STARTTLS') };
  const state = facts?.state ?? 'plain';
  const added = state === 'tls' ? bits.tls : state === 'starttls-pending' ? bits.tls + bits.startTls : 0;
  if (opcode.opens) return call.flags ?? session.symbols.number('TCPXFLG_BLOCK');
  if (opcode.buffer === 'text') return call.flags ?? added;
  if (opcode.flags === 'direction') return call.direction + added;
  if (opcode.flags !== 'count') return opcode.name === 'STARTTLS' ? bits.tls : added;
  const room = buffer.size === 0 ? Number.POSITIVE_INFINITY : buffer.extent.length;
  if (opcode.buffer === 'received' && call.count > room) {
    throw new UsageError(`count ${call.count} is more than buffer holds (${room} bytes); run with --buffer-size N`);
  }
  if (added > 0 && call.count >= bits.tls) {
    throw new UsageError(`count ${call.count} is too large for a TLS connection, where it is below ${bits.tls}`);
  }
  return call.count + added;
}

/** --timer is for calls that wait for something to happen; where 0 means "look once" it stays 0. */
function timerFor(session: Session, call: OpcodeCall): number {
  if (call.timer !== null) return call.timer;
  const { opcode } = call;
  const looks = opcode.name === 'CHECK' || isAsync(session, call);
  return opcode.timer === 'ignored' || looks ? 0 : (session.timer ?? 0);
}

function isAsync(session: Session, { flags }: OpcodeCall): boolean {
  return hasFlag(flags ?? 0, session.symbols.number('TCPXFLG_ASYNC'));
}

function received({ opcode }: OpcodeCall, buffer: Variable, status: number): Uint8Array | null {
  if (opcode.buffer === 'text') return encodeLatin1(buffer.readString());
  if (status < 0) return null;
  if (opcode.buffer === 'received') return buffer.extent.slice(0, status);
  return opcode.buffer === 'priority, received' ? encodeLatin1(buffer.readString()) : null;
}

/** What a STATUS of 0 or 1 means where it does not go without saying. */
function remark(session: Session, call: OpcodeCall, status: number): string {
  const { opcode, host } = call;
  if (opcode.name === 'READ' && status === 0) return 'the peer has closed';
  if (opcode.name === 'CHECK') return status === 0 ? 'not ready' : 'ready';
  if (host !== '' && isAsync(session, call)) return status === 0 ? 'on its way: CHECK takes it further' : 'connected';
  return '';
}

function gather(pieces: readonly Piece[]): Uint8Array {
  return Buffer.concat(pieces.map((piece) => (piece.kind === 'bytes' ? piece.bytes : fileBytes(piece.path))));
}

function fileBytes(path: string): Uint8Array {
  try {
    const found = statSync(path);
    // A device or a pipe has no size, and might never end.
    if (!found.isFile()) throw new UsageError(`@${path} is not a file`);
    if (found.size > LARGEST_FILE) throw new UsageError(`@${path} is larger than ${LARGEST_FILE} bytes`);
    return readFileSync(path);
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`@${path} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}
