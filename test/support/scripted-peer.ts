// A TCP or TLS peer that follows a script, in a process of its own, because a synchronous XCALL blocks the thread of
// the test. The peer knows its steps before the call under test begins and reports afterwards:
//
//   const peer = await startPeer({ steps: [{ send: '220 ready\r\n' }, { expectUntil: '\r\n' }, { close: 'fin' }] });
//   xcall(...);                                    // talks to peer.host, peer.port
//   const { connections } = await peer.finished(); // throws when a step did not go as written
//
// A peer reads only within steps that read. When its steps are over it closes (as `close: 'fin'`) and drops what
// still comes. One child process per test process serves all peers; `startPeerHost` starts it ahead of time, which
// matters where descriptors are counted.

import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Identity, makePki } from './pki.ts';

/** Text is Latin-1: one character, one byte. */
export type Data = string | Uint8Array;

export type Step =
  /** Bytes in one write. Plaintext injected ahead of an upgrade: put it into the write that grants the upgrade. */
  | { readonly send: Data }
  /** Below TLS: bytes straight onto the TCP connection, such as a broken record. */
  | { readonly sendRaw: Data }
  /** Pieces of `piece` bytes (default 1), each its own segment. */
  | { readonly sendSlowly: Data; readonly everyMs: number; readonly piece?: number }
  /** So many bytes, byte i being i mod 251. See `fillPattern`. */
  | { readonly fill: number }
  /** Exactly these bytes, or so many of any value. What comes after them stays for the next step. */
  | { readonly expect: Data | number }
  /** Anything up to and including these bytes. */
  | { readonly expectUntil: Data }
  /** So many bytes of the fill pattern. They are not kept for the report. */
  | { readonly expectFill: number }
  /** The other side's end of stream, and how; no bytes may come before it. `fin` on TLS means without close_notify. */
  | { readonly expectEnd: 'any' | 'fin' | 'close-notify' | 'reset' }
  /** Neither reads nor writes for a while. */
  | { readonly delay: number }
  /** Neither reads nor writes until the test calls `peer.release(name)`. */
  | { readonly waitFor: string }
  /** Upgrades: as TLS server when the peer listens, as TLS client when it connects. `{}` presents `pki.good`. */
  | { readonly startTls: PeerTls }
  /** Sends back all that comes until the end of stream, or so many bytes. */
  | { readonly echo: true | number }
  /** Reads and forgets until the end of stream, or so many bytes. */
  | { readonly discard: 'end' | number }
  /** Keeps the connection open without reading until the peer is stopped. Counts as finished. */
  | { readonly neverRead: true }
  /**
   * `fin`, `half`: close_notify if on TLS, then FIN; later steps may still read. `rst`: a TCP reset.
   * `close-notify`: the alert without FIN. `no-close-notify`: FIN without the alert.
   */
  | { readonly close: 'fin' | 'half' | 'rst' | 'close-notify' | 'no-close-notify' };

export interface PeerTls {
  /** Default: `pki.good` for a server, none for a client. */
  readonly identity?: Identity;
  /** Trusted root, PEM. Default: `pki.ca`. */
  readonly ca?: string;
  /** Server: ask for a client certificate; `required` breaks off without a valid one. */
  readonly requestCert?: 'optional' | 'required';
  /** Client: check the server's certificate (default true). */
  readonly verify?: boolean;
  /** Client: the name to check and to send, default localhost; '' sends none. */
  readonly servername?: string;
  /** Server: other identities by server name. */
  readonly sni?: Readonly<Record<string, Identity>>;
  readonly alpn?: readonly string[];
  readonly minVersion?: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion?: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL's syntax, as the next two. */
  readonly ciphers?: string;
  readonly groups?: string;
  readonly sigalgs?: string;
  /** Server: the OCSP response to staple, DER. */
  readonly staple?: Uint8Array;
  /** Cuts what TLS sends into TCP segments of so many bytes. */
  readonly fragment?: number;
}

/** Where peers are: every address of 127.0.0.0/8 is this machine. */
export type Loopback = '::1' | `127.${string}`;

export interface PeerScript {
  /** The default: listens on 127.0.0.1, on a port of the system's choice. */
  readonly listen?: { readonly host?: Loopback; readonly port?: number };
  /** Connects instead, trying until somebody listens. `afterMs`: waits before each connection. */
  readonly connect?: { readonly port: number; readonly host?: Loopback; readonly afterMs?: number };
  /** TLS from the first byte on. */
  readonly tls?: PeerTls;
  /** What every connection does. */
  readonly steps?: readonly Step[];
  /** What the first, second ... connection does; one more is reset and is a failure. Instead of `steps`. */
  readonly connections?: readonly (readonly Step[])[];
  /** How many connections `finished` waits for, or the peer makes. Default: the length of `connections`, else 1. */
  readonly count?: number;
  /** Milliseconds for the whole script (default 20 000). */
  readonly deadline?: number;
}

/** A script with every default in place. */
export type ReadyScript = PeerScript & { readonly deadline: number };

export interface PeerEvent {
  readonly type: 'connected' | 'secure' | 'closing' | 'end' | 'error' | 'close';
  /** Milliseconds since the peer started. */
  readonly at: number;
  readonly code?: string;
  readonly detail?: string;
}

export interface SecureFacts {
  /** As OpenSSL says: TLSv1.2, TLSv1.3. */
  readonly version: string;
  /** Standard name: TLS_AES_128_GCM_SHA256. */
  readonly cipher: string;
  readonly alpn: string | null;
  /** The name asked for by the client. */
  readonly servername: string | null;
  readonly resumed: boolean;
  /** Common name of the other side's certificate, if it showed one. */
  readonly peerName: string | null;
  /** Whether that certificate is valid. */
  readonly authorized: boolean;
  readonly authorizationError: string | null;
}

export interface ConnectionReport {
  /** All that was read, decrypted, but not what `discard`, `expectFill` and an endless `echo` took. */
  readonly received: Uint8Array;
  /** How much was read, with all of these. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly events: readonly PeerEvent[];
  readonly secure: SecureFacts | null;
  /** How the other side ended. */
  readonly end: 'open' | 'close-notify' | 'fin' | 'reset' | 'error';
  /** Code of the first socket or TLS error. */
  readonly error: string | null;
  /** The step that did not go as written. */
  readonly failure: string | null;
  readonly finished: boolean;
}

export interface PeerReport {
  readonly failure: string | null;
  readonly connections: readonly ConnectionReport[];
}

export interface Peer {
  readonly port: number;
  readonly host: string;
  /** Waits until all connections have run their steps; throws if one of them failed. */
  finished(): Promise<PeerReport>;
  /** As `finished`, but failures are only reported: for a test in which the peer must fail. */
  outcome(): Promise<PeerReport>;
  /** What has happened up to now. */
  report(): Promise<PeerReport>;
  /** What one connection (default: the first) has read up to now. */
  received(connection?: number): Promise<Buffer>;
  /** Opens a gate: `waitFor` steps of that name go on. */
  release(gate: string): Promise<void>;
  /** Resets what is open and frees the port. */
  stop(): Promise<void>;
}

export interface BlackHole {
  readonly port: number;
  readonly host: string;
  stop(): Promise<void>;
}

/** What the child process is asked. */
export type Request = { readonly call: number; readonly peer: number } & Question;

type Question =
  | { readonly op: 'start'; readonly script: ReadyScript }
  | { readonly op: 'black-hole'; readonly host: string }
  | { readonly op: 'release'; readonly gate: string }
  | { readonly op: 'outcome' | 'report' | 'stop' };

/** What it answers; call 0 says that it is ready. */
interface Answer {
  readonly call: number;
  readonly value?: unknown;
  readonly error?: string;
}

interface Place {
  readonly port: number;
  readonly host: string;
}

/** Starts a peer; when this resolves it listens, or is trying to connect. */
export async function startPeer(script: PeerScript): Promise<Peer> {
  const host = await startPeerHost();
  const id = host.nextPeer();
  const ready = await withDefaults(script);
  const place = (await host.ask(id, { op: 'start', script: ready })) as Place;
  const ask = async (op: 'outcome' | 'report') => (await host.ask(id, { op })) as PeerReport;
  const peer: Peer = {
    ...place,
    outcome: () => ask('outcome'),
    report: () => ask('report'),
    async finished() {
      const report = await ask('outcome');
      const failures = [report.failure, ...report.connections.map(({ failure }) => failure)];
      const text = failures.filter((failure) => failure !== null).join('\n');
      if (text !== '') throw new Error(`scripted peer: ${text}`);
      return report;
    },
    async received(connection = 0) {
      const { connections } = await ask('report');
      return Buffer.from(connections[connection]?.received ?? []);
    },
    async release(gate) {
      await host.ask(id, { op: 'release', gate });
    },
    async stop() {
      if (open.delete(peer)) await host.ask(id, { op: 'stop' });
    },
  };
  open.add(peer);
  return peer;
}

/** A port where a connection attempt gets no answer: the listener's queue is full. Linux. */
export async function blackholeListener(at: Loopback = '127.0.0.1'): Promise<BlackHole> {
  const host = await startPeerHost();
  const id = host.nextPeer();
  const place = (await host.ask(id, { op: 'black-hole', host: at })) as Place;
  const hole: BlackHole = {
    ...place,
    async stop() {
      if (open.delete(hole)) await host.ask(id, { op: 'stop' });
    },
  };
  open.add(hole);
  return hole;
}

/** Stops every peer and black hole of this process: for `afterEach`. */
export async function stopPeers(): Promise<void> {
  await Promise.all([...open].map((peer) => peer.stop()));
}

/** The bytes that a `fill` step sends and an `expectFill` step wants. */
export function fillPattern(length: number, offset = 0): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (offset + i) % 251));
}

/** Starts the process that serves all peers, unless it runs. Its channel takes descriptors of this process. */
export function startPeerHost(): Promise<PeerHost> {
  current ??= PeerHost.start();
  return current;
}

const open = new Set<Peer | BlackHole>();
let current: Promise<PeerHost> | undefined;

async function withDefaults(script: PeerScript): Promise<ReadyScript> {
  const full = async (tls: PeerTls): Promise<PeerTls> => {
    const pki = await makePki();
    return { ca: pki.ca, ...(script.connect === undefined ? { identity: pki.good } : {}), ...tls };
  };
  const steps = (list: readonly Step[]) =>
    Promise.all(
      list.map(async (step): Promise<Step> => ('startTls' in step ? { startTls: await full(step.startTls) } : step)),
    );
  return {
    deadline: 20_000,
    ...script,
    ...(script.tls === undefined ? {} : { tls: await full(script.tls) }),
    ...(script.steps === undefined ? {} : { steps: await steps(script.steps) }),
    ...(script.connections === undefined ? {} : { connections: await Promise.all(script.connections.map(steps)) }),
  };
}

class PeerHost {
  readonly #child: ChildProcess;
  readonly #calls = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #nextCall = 1;
  #nextPeer = 1;

  static async start(): Promise<PeerHost> {
    const host = new PeerHost();
    await new Promise<unknown>((resolve, reject) => host.#calls.set(0, { resolve, reject }));
    host.#settle();
    return host;
  }

  constructor() {
    const child = fork(workerFile(), {
      execArgv: [],
      serialization: 'advanced',
      // No NODE_OPTIONS or runner settings of the test process.
      env: { PATH: process.env.PATH, ...opensslEnvironment() },
    });
    this.#child = child;
    child.on('message', (answer) => this.#answered(answer as Answer));
    child.on('exit', (code, signal) => {
      current = undefined;
      open.clear();
      for (const call of this.#calls.values()) {
        call.reject(new Error(`the peer process ended: code ${code}, signal ${signal}`));
      }
      this.#calls.clear();
    });
  }

  nextPeer(): number {
    return this.#nextPeer++;
  }

  ask(peer: number, question: Question): Promise<unknown> {
    const call = this.#nextCall++;
    const answer = new Promise<unknown>((resolve, reject) => this.#calls.set(call, { resolve, reject }));
    this.#settle();
    this.#child.send({ call, peer, ...question } satisfies Request);
    return answer;
  }

  #answered({ call, value, error }: Answer): void {
    const waiting = this.#calls.get(call);
    this.#calls.delete(call);
    this.#settle();
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(`scripted peer: ${error}`));
  }

  /** The child keeps this process alive only while an answer is due. */
  #settle(): void {
    const { channel } = this.#child;
    if (this.#calls.size > 0) {
      this.#child.ref();
      channel?.ref();
    } else {
      this.#child.unref();
      channel?.unref();
    }
  }
}

/** Compiled copies of this file lie in dist, where the plain JavaScript of the child is not copied to. */
function workerFile(): string {
  const name = 'scripted-peer-worker.mjs';
  const beside = fileURLToPath(new URL(name, import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL(`../../../test/support/${name}`, import.meta.url));
}

function opensslEnvironment(): Record<string, string> {
  const { OPENSSL_CONF } = process.env;
  return OPENSSL_CONF === undefined ? {} : { OPENSSL_CONF };
}
