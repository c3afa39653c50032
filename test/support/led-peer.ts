// A peer of one connection that does what it is told, when it is told, and says when it has done it. Where a scripted peer
// (scripted-peer.ts) decides by what it reads, this one leaves nothing to chance: a test knows what has happened before
// its next call. All of them live in one child process.

import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What a peer does. A batch of them leaves in one piece. */
export type Action =
  /** So many bytes of the fill pattern (`fillPattern`), which goes on from one to the next. */
  | { readonly act: 'send'; readonly bytes: number }
  /** Below TLS. */
  | { readonly act: 'raw'; readonly text: string }
  | { readonly act: 'notify' }
  /** The end of sending; it goes on reading. */
  | { readonly act: 'fin' }
  /** close(2). */
  | { readonly act: 'close' }
  | { readonly act: 'reset' }
  | { readonly act: 'startTls' }
  /** Keeps the last bytes of this batch back, until the next. */
  | { readonly act: 'hold'; readonly bytes: number };

export interface LedTls {
  readonly role: 'client' | 'server';
  readonly version: 'TLSv1.2' | 'TLSv1.3';
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** How it meets a connection that is TLS from the first byte on: all but `handshake` are in place of one. */
export type Welcome = 'handshake' | 'later' | 'text' | 'end' | 'reset';

/** What it has seen of the other side. */
export interface Seen {
  readonly received: Uint8Array;
  readonly handshaken: boolean;
  /** close_notify came. */
  readonly notified: boolean;
  /** A fatal alert came. */
  readonly alerted: boolean;
  readonly end: 'open' | 'fin' | 'reset';
}

type Question =
  | { readonly op: 'listen'; readonly tls: LedTls | null; readonly welcome: Welcome }
  | { readonly op: 'connect'; readonly port: number; readonly tls: LedTls | null; readonly welcome: Welcome }
  | { readonly op: 'ready'; readonly secure: boolean }
  | { readonly op: 'caught-up'; readonly bytes: number; readonly ended: boolean }
  | { readonly op: 'act'; readonly actions: readonly Action[] }
  | { readonly op: 'act-later'; readonly after: number; readonly actions: readonly Action[] }
  | { readonly op: 'acted' | 'seen' | 'stop' };

export type LedRequest = { readonly call: number; readonly peer: number } & Question;

export class LedPeer {
  readonly #id = nextPeer++;

  /** Listens for its one connection; resolves to the port. */
  listen(tls: LedTls | null, welcome: Welcome): Promise<number> {
    return this.#ask({ op: 'listen', tls, welcome }) as Promise<number>;
  }

  /** Resolves once TCP is connected. */
  async connect(port: number, tls: LedTls | null, welcome: Welcome): Promise<void> {
    await this.#ask({ op: 'connect', port, tls, welcome });
  }

  /** Waits for the connection, and with `secure` for the end of its handshake. False when that did not come. */
  ready(secure: boolean): Promise<boolean> {
    return this.#ask({ op: 'ready', secure }) as Promise<boolean>;
  }

  /** Waits until it has received so much, and the end. False when that did not come. */
  caughtUp(bytes: number, ended: boolean): Promise<boolean> {
    return this.#ask({ op: 'caught-up', bytes, ended }) as Promise<boolean>;
  }

  /** Resolves once the kernel has everything. */
  async act(actions: readonly Action[]): Promise<void> {
    await this.#ask({ op: 'act', actions });
  }

  /** The same, so many ms from now, for a call that waits; `acted` tells when it is done. */
  async actLater(after: number, actions: readonly Action[]): Promise<void> {
    await this.#ask({ op: 'act-later', after, actions });
  }

  async acted(): Promise<void> {
    await this.#ask({ op: 'acted' });
  }

  seen(): Promise<Seen> {
    return this.#ask({ op: 'seen' }) as Promise<Seen>;
  }

  async stop(): Promise<void> {
    await this.#ask({ op: 'stop' });
  }

  #ask(question: Question): Promise<unknown> {
    child ??= start();
    const call = nextCall++;
    const { send } = child;
    return new Promise((resolve, reject) => {
      waiting.set(call, { resolve, reject });
      hold();
      send({ call, peer: this.#id, ...question });
    });
  }
}

interface Child {
  readonly process: ChildProcess;
  send(request: LedRequest): void;
}

interface Answer {
  readonly call: number;
  readonly value?: unknown;
  readonly error?: string;
}

let child: Child | undefined;
let nextPeer = 1;
let nextCall = 1;
const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();

function start(): Child {
  const made = fork(workerFile(), { execArgv: [], serialization: 'advanced', env: { PATH: process.env.PATH } });
  made.on('message', (message) => {
    const { call, value, error } = message as Answer;
    const asked = waiting.get(call);
    waiting.delete(call);
    hold();
    if (error === undefined) asked?.resolve(value);
    else asked?.reject(new Error(`led peer: ${error}`));
  });
  made.on('exit', (code, signal) => {
    child = undefined;
    for (const { reject } of waiting.values()) reject(new Error(`the peer process ended: ${code} ${signal}`));
    waiting.clear();
  });
  return { process: made, send: (request) => void made.send(request) };
}

/** The child keeps this process alive only while an answer is due. */
function hold(): void {
  if (child === undefined) return;
  const { process: running } = child;
  if (waiting.size > 0) {
    running.ref();
    running.channel?.ref();
  } else {
    running.unref();
    running.channel?.unref();
  }
}

/** Compiled copies of this file lie in dist, where the plain JavaScript of the child is not copied to. */
function workerFile(): string {
  const name = 'led-peer-worker.mjs';
  const beside = fileURLToPath(new URL(name, import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL(`../../../test/support/${name}`, import.meta.url));
}
