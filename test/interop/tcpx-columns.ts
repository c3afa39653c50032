// Talks by XCALL TCPX alone, in the four columns of the conformance tests: each engine in each mode.
//
// What is at the other end is always another process: a synchronous call blocks this one.

import { execFileSync } from 'node:child_process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type Argument,
  createJob,
  engineReports,
  F,
  type Job,
  type JobOptions,
  type NumberVariable,
  S,
  type SocketFacts,
  type TlsInfo,
  X,
} from 'tcpx';
import {
  TCPOP_ACCEPT,
  TCPOP_CLOSE,
  TCPOP_CONNECT,
  TCPOP_ERRMSG,
  TCPOP_READ,
  TCPOP_STARTTLS,
  TCPOP_WRITE,
  TCPXFLG_ASYNC,
  TCPXFLG_BLOCK,
  TCPXFLG_KEEPLISTEN,
  TCPXFLG_LISTEN,
  TCPXFLG_STARTTLS,
  TCPXFLG_TLS,
} from 'tcpx/ashell.def';
import { describe, expect, it } from 'vitest';
import { COLUMNS, type Column } from '../support/conformance.ts';
import { interopRequired, toolPath } from '../support/peer.ts';

/** How long a call may take that is expected to succeed, in ms: a tool may first have to start. */
export const LIMIT = 20_000;

/** Which TLS a connection is opened with. */
export type Security = 'clear' | 'tls' | 'starttls';

const BITS: Readonly<Record<Security, number>> = {
  clear: 0,
  tls: TCPXFLG_TLS,
  starttls: TCPXFLG_TLS + TCPXFLG_STARTTLS,
};

/** How a failed call went: `status`, and what ERRMSG says of it. */
export interface Failure {
  readonly status: number;
  readonly text: string;
  readonly sockport: number;
}

/** An opcode that failed where the test had no use for it. */
export class StatusError extends Error {
  readonly failure: Failure;

  constructor(opcode: string, failure: Failure) {
    super(`${opcode} gave ${failure.status}: ${failure.text}`);
    this.failure = failure;
  }
}

export interface Talker extends Column {
  /** The job's calls in this column's mode. Its sockets are closed after the test. */
  readonly party: Party;
  /** A further job of this column, with other options. */
  newParty(options: JobOptions): Party;
}

/** Declares a test for each column. */
export function inColumns(
  title: string,
  options: JobOptions | (() => JobOptions),
  run: (talker: Talker) => Promise<unknown>,
): void {
  eachColumn(title, (column) => inColumn(column, typeof options === 'function' ? options() : options, run));
}

/** Declares a test for each column: one that an engine is missing for is skipped loudly, or fails where it is required. */
export function eachColumn(title: string, run: (column: Column) => Promise<unknown>): void {
  describe(title, () => {
    for (const column of COLUMNS) {
      const name = `${column.engine} ${column.mode}`;
      const report = engineReports().find(({ name }) => name === column.engine);
      if (report?.available === true) {
        it(name, () => run(column));
      } else if (interopRequired) {
        it(name, () => expect.fail(`the engine is required here: ${report?.reason}`));
      } else {
        process.stderr.write(`SKIPPED interop "${title}" ${name}: ${report?.reason}\n`);
        it.skip(`${name} (${report?.reason})`, () => {});
      }
    }
  });
}

/** Runs something in every column that is available here, one after the other. */
export async function everyColumn<T>(options: JobOptions, run: (talker: Talker) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (const column of COLUMNS) {
    const report = engineReports().find(({ name }) => name === column.engine);
    if (report?.available === true) results.push(await inColumn(column, options, run));
    else expect(interopRequired, report?.reason).toBe(false);
  }
  return results;
}

async function inColumn<T>(column: Column, options: JobOptions, run: (talker: Talker) => Promise<T>): Promise<T> {
  const parties: Party[] = [];
  const newParty = (own: JobOptions) => {
    const party = new Party(column, own);
    parties.push(party);
    return party;
  };
  try {
    return await run({ ...column, party: newParty(options), newParty });
  } finally {
    for (const { job } of parties) job.close();
  }
}

/** One end of connections: a job with the mode that it is called in. */
export class Party {
  readonly job: Job;
  readonly #mode: Column['mode'];
  readonly #status = F();

  constructor({ engine, mode }: Column, options: JobOptions) {
    // An ACCEPT that nobody comes to must not hang a synchronous test.
    this.job = createJob({ bind: '127.0.0.1', ...options, assume: { acceptTimer: 'waits' }, engine });
    this.#mode = mode;
  }

  /** XCALL TCPX; resolves to STATUS. */
  async call(
    opcode: number,
    buffer: Argument,
    sock: NumberVariable,
    flags: number,
    timer = LIMIT,
    host = '',
  ): Promise<number> {
    // A variable of its own for each call: in async columns calls may overlap.
    const status = F();
    const args = [opcode, status, buffer, sock, flags, timer, host] as const;
    if (this.#mode === 'sync') {
      // What the other process prints is taken in between, or it would have to wait.
      await nextTurn();
      this.job.xcall('TCPX', ...args);
    } else await this.job.xcall.async('TCPX', ...args);
    this.#status.value = status.value;
    return status.value;
  }

  /** The last STATUS, if it is an error. */
  async failure(sock: NumberVariable): Promise<Failure> {
    const status = this.#status.value;
    const text = S(0);
    this.job.xcall('TCPX', TCPOP_ERRMSG, this.#status, text, sock, TCPXFLG_TLS);
    return { status, text: text.value, sockport: sock.value };
  }

  /** CONNECT to localhost by way of 127.0.0.1. */
  async connect(port: number, security: Security, { priority = '', host = 'localhost' } = {}): Promise<Line> {
    const sock = F(port);
    const status = await this.call(TCPOP_CONNECT, priority, sock, TCPXFLG_BLOCK + BITS[security], LIMIT, host);
    if (status < 0) throw new StatusError('CONNECT', await this.failure(sock));
    expect(status, 'STATUS of CONNECT').toBe(0);
    return new Line(this, sock, security);
  }

  /** ACCEPT with LISTEN on a port that the system chooses. */
  async listen(): Promise<Listening> {
    const sock = F(0);
    const status = await this.call(TCPOP_ACCEPT, '', sock, TCPXFLG_LISTEN);
    if (status < 0) throw new StatusError('ACCEPT with LISTEN', await this.failure(sock));
    return new Listening(this, sock, this.job.socket(sock.value).local.port);
  }
}

/** A listening socket that stays open. */
export class Listening {
  readonly port: number;
  readonly #party: Party;
  readonly #sock: NumberVariable;

  constructor(party: Party, sock: NumberVariable, port: number) {
    this.#party = party;
    this.#sock = sock;
    this.port = port;
  }

  /** ACCEPT with ASYNC and KEEPLISTEN. */
  async accept(security: Security): Promise<Line> {
    const sock = F(this.#sock.value);
    const flags = TCPXFLG_BLOCK + TCPXFLG_ASYNC + TCPXFLG_KEEPLISTEN + BITS[security];
    const status = await this.#party.call(TCPOP_ACCEPT, '', sock, flags);
    if (status < 0) throw new StatusError('ACCEPT', await this.#party.failure(sock));
    expect(status, 'STATUS of ACCEPT').toBe(0);
    expect(sock.value, 'the socket of ACCEPT').not.toBe(this.#sock.value);
    return new Line(this.#party, sock, security);
  }

  /** What an ACCEPT ends with that is to be refused. */
  async refuse(security: Security): Promise<Failure> {
    return failureOf(this.accept(security));
  }

  async close(): Promise<void> {
    expect(await this.#party.call(TCPOP_CLOSE, '', this.#sock, 0)).toBe(0);
  }
}

/** An open connection. */
export class Line {
  readonly party: Party;
  readonly sock: NumberVariable;
  #bits: number;
  #unread = '';

  constructor(party: Party, sock: NumberVariable, security: Security) {
    this.party = party;
    this.sock = sock;
    this.#bits = BITS[security];
  }

  get facts(): SocketFacts {
    return this.party.job.socket(this.sock.value);
  }

  get tls(): TlsInfo {
    const { tls } = this.facts;
    if (tls === null) throw new Error('the connection is in clear');
    return tls;
  }

  async write(text: string): Promise<void> {
    const buffer = S(0);
    buffer.value = text;
    const status = await this.party.call(TCPOP_WRITE, buffer, this.sock, text.length + this.#bits);
    if (status < 0) throw new StatusError('WRITE', await this.party.failure(this.sock));
    expect(status, 'STATUS of WRITE').toBe(text.length);
  }

  /** One READ of whatever there is; '' at the end of the stream. */
  async read(): Promise<string> {
    const buffer = S(8192);
    const status = await this.party.call(TCPOP_READ, buffer, this.sock, this.#bits);
    if (status < 0) throw new StatusError('READ', await this.party.failure(this.sock));
    expect(buffer.value.length).toBe(status);
    return buffer.value;
  }

  /** READs until what has come ends with `pattern`; gives what has come. Nothing may follow. */
  async readTo(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#unread)) {
      const text = await this.read();
      if (text === '') throw new Error(`the peer closed after ${JSON.stringify(this.#unread)}, not ${pattern}`);
      this.#unread += text;
    }
    const text = this.#unread;
    this.#unread = '';
    return text;
  }

  /** READs exactly `count` bytes by one opcode. */
  async readBytes(count: number): Promise<Buffer> {
    const buffer = X(count);
    const status = await this.party.call(TCPOP_READ, buffer, this.sock, count + this.#bits);
    if (status < 0) throw new StatusError('READ', await this.party.failure(this.sock));
    expect(status, 'STATUS of READ').toBe(count);
    return Buffer.from(buffer.bytes);
  }

  /** The peer has said that it is done. */
  async expectEnd(): Promise<void> {
    expect(await this.read()).toBe('');
  }

  /** TCPOP_STARTTLS. From here on the STARTTLS bit is not needed. */
  async starttls(): Promise<void> {
    expect(this.facts).toMatchObject({ state: 'starttls-pending', tls: null });
    expect(this.#unread).toBe('');
    const status = await this.party.call(TCPOP_STARTTLS, '', this.sock, TCPXFLG_TLS);
    if (status < 0) throw new StatusError('STARTTLS', await this.party.failure(this.sock));
    expect(status).toBe(0);
    expect(this.facts.state).toBe('tls');
    this.#bits = TCPXFLG_TLS;
  }

  async close(): Promise<void> {
    expect(await this.party.call(TCPOP_CLOSE, '', this.sock, this.#bits), 'STATUS of CLOSE').toBe(0);
    expect(this.sock.value).toBe(-1);
  }
}

/** What a call failed with that has to fail. */
export async function failureOf(call: Promise<unknown>): Promise<Failure> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome === undefined) throw new Error('the call succeeded, it should have failed');
  if (!(outcome instanceof StatusError)) throw outcome;
  return outcome.failure;
}

const VERSIONS = {
  'gnutls-serv': ['gnutls-serv', '--version', /gnutls-serv (\S+)/],
  'gnutls-cli': ['gnutls-cli', '--version', /gnutls-cli (\S+)/],
  openssl: ['openssl', 'version', /OpenSSL (\S+)/],
  postfix: ['postconf', '-d mail_version', /= (\S+)/],
  dovecot: ['dovecot', '--version', /^(\S+)/],
  bash: ['bash', '--version', /version (\d[\d.]*)/],
} as const;

/** A program's name and version for titles: `gnutls-cli 3.7.9`. */
export function withVersion(name: keyof typeof VERSIONS): string {
  const [command, args, pattern] = VERSIONS[name];
  const path = toolPath(command);
  if (path === undefined) return name;
  const text = execFileSync(path, args.split(' '), { encoding: 'latin1', timeout: LIMIT });
  return `${name} ${pattern.exec(text)?.[1] ?? '(version unknown)'}`;
}
