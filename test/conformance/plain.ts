/** What the behaviours of plain sockets share. */
import { F, type Job, S, type Variable } from 'tcpx';
import { TCPOP_ACCEPT, TCPOP_CHKQTY, TCPOP_CONNECT, TCPXFLG_BLOCK, TCPXFLG_LISTEN } from 'tcpx/ashell.def';
import { afterEach, beforeAll, expect } from 'vitest';
import { type Bench, guardDescriptors, LIMIT } from '../support/conformance.ts';
import { type Peer, startPeer, startPeerHost, stopPeers } from '../support/scripted-peer.ts';

export type NumberVar = ReturnType<typeof F>;

/** Peers end after each case, and no case leaves a descriptor. Once per file. */
export function plainFile(): void {
  beforeAll(async () => {
    await startPeerHost();
  });
  afterEach(stopPeers);
  guardDescriptors();
}

/** Connects to a peer; returns the variable with the socket. */
export async function dial(
  bench: Bench,
  peer: Pick<Peer, 'host' | 'port'>,
  flags: number = TCPXFLG_BLOCK,
): Promise<NumberVar> {
  const sock = F(peer.port);
  expect(await bench.x(TCPOP_CONNECT, bench.status, S(0), sock, flags, LIMIT, peer.host)).toBe(0);
  return sock;
}

/** Waits until at least so many bytes can be read. */
export async function arrived(bench: Bench, sock: Variable, count: number): Promise<void> {
  const end = performance.now() + LIMIT;
  for (;;) {
    const there = await bench.x(TCPOP_CHKQTY, F(), '', sock);
    if (there >= count) return;
    if (there < 0 || performance.now() > end) throw new Error(`CHKQTY ${there} while waiting for ${count} bytes`);
  }
}

/** Repeats a call until its status is another one than `pending`. */
export async function until(pending: number, call: () => Promise<number>): Promise<number> {
  const end = performance.now() + 2 * LIMIT;
  for (;;) {
    const status = await call();
    if (status !== pending) return status;
    if (performance.now() > end) throw new Error(`still ${pending}`);
  }
}

/** Opens a listening socket on a port of the system's choice, on 127.0.0.1 unless the job binds elsewhere. */
export async function listen(bench: Bench): Promise<{ sock: NumberVar; port: number; number: number }> {
  const sock = F(0);
  expect(await bench.x(TCPOP_ACCEPT, bench.status, '', sock, TCPXFLG_LISTEN)).toBe(0);
  return { sock, number: sock.value, port: bench.job.socket(sock.value).local.port };
}

/** A peer that connects to a port and follows its steps. */
export function client(port: number, steps: Parameters<typeof startPeer>[0]['steps'], afterMs?: number): Promise<Peer> {
  return startPeer({ connect: { port, ...(afterMs === undefined ? {} : { afterMs }) }, steps: steps ?? [] });
}

/** Runs a call and tells how long it took, in ms. */
export async function timed(call: () => Promise<number>): Promise<{ status: number; elapsed: number }> {
  const started = performance.now();
  const status = await call();
  return { status, elapsed: performance.now() - started };
}

/** Timers are rounded to whole milliseconds on the way. */
export const SLACK = 2;

export function openSockets(job: Job): number {
  return job.sockets.length;
}

export const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
