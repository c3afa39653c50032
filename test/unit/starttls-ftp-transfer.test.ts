// The client's data connections: against replies of every kind, and against our own server.
import { describe, expect, it } from 'vitest';
import { Deadline } from '../../src/core/deadline.ts';
import { UsageError } from '../../src/core/errors.ts';
import { type Op, READABLE, type Source, waitOp } from '../../src/core/op.ts';
import { runAsync, runSync, sleeper } from '../../src/core/run.ts';
import { Wakes } from '../../src/net/wakes.ts';
import type { DataPorts, DialOp } from '../../src/starttls/beside.ts';
import { type Channel, ChannelError } from '../../src/starttls/channel.ts';
import { DialogueError } from '../../src/starttls/dialogue-error.ts';
import { FTP } from '../../src/starttls/ftp.ts';
import { ftpListOp, ftpLoginOp, ftpProtectOp, ftpRetrieveOp } from '../../src/starttls/ftp-transfer.ts';
import { negotiateOp } from '../../src/starttls/negotiate.ts';
import { serveOp } from '../../src/starttls/serve.ts';
import { type Exchange, Wire } from '../../src/starttls/wire.ts';
import { channelPair } from '../support/channel-pair.ts';
import { parseTranscript, TranscriptChannel } from '../support/transcript.ts';

/** A wire inside TLS whose server says what stands in the transcript. */
function wireOf(text: string, encrypted = true): { wire: Wire; channel: TranscriptChannel } {
  const channel = new TranscriptChannel(parseTranscript(text), { encrypted });
  return { channel, wire: new Wire(channel, { until: Deadline.after(30_000) }) };
}

/** Connects to a data port whose server says what stands in the transcript; keeps what was asked for. */
function dialer(text: string) {
  const ports: number[] = [];
  const channel = new TranscriptChannel(parseTranscript(text));
  // biome-ignore lint/correctness/useYield: a transcript never waits
  const dialOp: DialOp = function* (port): Op<Channel> {
    ports.push(port);
    return channel;
  };
  return { ports, channel, dialOp };
}

/** What an operation throws. */
function errorOf(op: Op<unknown>): unknown {
  try {
    runSync(op, sleeper);
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('login', () => {
  it.each([
    ['C: USER ann⏎\nS: 331 password⏎\nC: PASS se cret⏎\nS: 230 welcome⏎\n'],
    ['C: USER ann⏎\nS: 331 password⏎\nC: PASS se cret⏎\nS: 202 not needed⏎\n'],
    ['C: USER ann⏎\nS: 232 your certificate will do⏎\n'],
    ['C: USER ann⏎\nS: 230 welcome⏎\n'],
  ])('%s', (text) => {
    const { wire, channel } = wireOf(text);
    runSync(ftpLoginOp(wire, 'ann', 'se cret'), sleeper);
    expect(channel.finished).toBe(true);
  });

  it.each([
    ['C: USER ann⏎\nS: 530 no⏎\n'],
    ['C: USER ann⏎\nS: 332 account⏎\n'],
    ['C: USER ann⏎\nS: 331 password⏎\nC: PASS x⏎\nS: 530 wrong⏎\n'],
    ['C: USER ann⏎\nS: 331 password⏎\nC: PASS x⏎\nS: 332 account⏎\n'],
  ])('refused: %s', (text) => {
    const { wire } = wireOf(text);
    expect(errorOf(ftpLoginOp(wire, 'ann', 'x'))).toMatchObject({ fault: 'refused' });
  });

  it('sends no password in clear, no second line, and marks it secret', () => {
    expect(errorOf(ftpLoginOp(wireOf('', false).wire, 'ann', 'x'))).toBeInstanceOf(UsageError);
    for (const bad of ['a\nb', 'a\rb', 'a\0b']) {
      expect(errorOf(ftpLoginOp(wireOf('').wire, bad, 'x'))).toBeInstanceOf(UsageError);
    }
    const seen: Exchange[] = [];
    const text = 'C: USER \\xc3\\xa9⏎\nS: 331 password⏎\nC: PASS x⏎\nS: 230 welcome⏎\n';
    const channel = new TranscriptChannel(parseTranscript(text), { encrypted: true });
    const wire = new Wire(channel, { until: Deadline.after(30_000), observer: (exchange) => seen.push(exchange) });
    runSync(ftpLoginOp(wire, 'é', 'x'), sleeper);
    const secret = seen.filter((exchange) => exchange.secret).map(({ bytes }) => Buffer.from(bytes).toString());
    expect(secret).toEqual(['PASS x\r\n']);
  });
});

describe('protection', () => {
  it('is PBSZ 0 and PROT P', () => {
    const { wire, channel } = wireOf('C: PBSZ 0⏎\nS: 200 PBSZ=0⏎\nC: PROT P⏎\nS: 200 ok⏎\n');
    runSync(ftpProtectOp(wire), sleeper);
    expect(channel.finished).toBe(true);
  });

  it.each([
    ['C: PBSZ 0⏎\nS: 503 AUTH first⏎\n', 'another command has to come first'],
    ['C: PBSZ 0⏎\nS: 200 ok⏎\nC: PROT P⏎\nS: 431 not now⏎\n', 'not there now'],
    ['C: PBSZ 0⏎\nS: 200 ok⏎\nC: PROT P⏎\nS: 504 what level⏎\n', 'not known'],
    ['C: PBSZ 0⏎\nS: 200 ok⏎\nC: PROT P⏎\nS: 534 no⏎\n', 'refused by policy'],
    ['C: PBSZ 0⏎\nS: 200 ok⏎\nC: PROT P⏎\nS: 536 no⏎\n', 'not for this mechanism'],
    ['C: PBSZ 0⏎\nS: 200 ok⏎\nC: PROT P⏎\nS: 230 hm⏎\n', 'PROT P'],
  ])('refused: %s', (text, words) => {
    const error = errorOf(ftpProtectOp(wireOf(text).wire));
    expect(error).toMatchObject({ fault: 'refused' });
    expect(String(error)).toContain(words);
  });

  it('is not for a connection in clear', () => {
    expect(errorOf(ftpProtectOp(wireOf('', false).wire))).toBeInstanceOf(UsageError);
  });
});

describe('a transfer', () => {
  const BINARY = 'C: TYPE I⏎\nS: 200 ok⏎\nC: EPSV⏎\n';
  const EPSV = `${BINARY}S: 229 ok (|||40123|)⏎\n`;
  const DONE = 'C: RETR a b⏎\nS: 150 opening⏎\nS: 226 done⏎\n';

  it.each([
    ['229 ok (|||40123|)', 40_123],
    ['229 ok (!!!1!)', 1],
    ['229-several\r\n229 lines (|||65535|)', 65_535],
  ])('goes to the port of %j', (reply, port) => {
    const { wire } = wireOf(`${BINARY}S: ${reply.replaceAll('\r\n', '⏎')}⏎\n${DONE}`);
    const data = dialer('<TLS>\nS: x\n<END>\n');
    expect(
      runSync(
        ftpRetrieveOp(wire, data.dialOp, 'a b', () => {}),
        sleeper,
      ),
    ).toMatchObject({ bytes: 1 });
    expect(data.ports).toEqual([port]);
    expect(data.channel.closed).toBe(true);
  });

  it.each([
    ['227 ok (203,0,113,9,156,187)', 40_123],
    ['227 ok 203,0,113,9,0,21', 21],
    ['227 ok =127,0,0,1,4,1', 1_025],
  ])('goes to the port of %j where EPSV is not known, whatever the address', (reply, port) => {
    const { wire } = wireOf(`${BINARY}S: 500 what⏎\nC: PASV⏎\nS: ${reply}⏎\n${DONE}`);
    const data = dialer('<TLS>\nS: x\n<END>\n');
    runSync(
      ftpRetrieveOp(wire, data.dialOp, 'a b', () => {}),
      sleeper,
    );
    expect(data.ports).toEqual([port]);
  });

  it.each([
    [`${BINARY}S: 229 ok (|||0|)⏎\n`, 'malformed'],
    [`${BINARY}S: 229 ok (|||70000|)⏎\n`, 'malformed'],
    [`${BINARY}S: 229 ok (|1|203.0.113.9|21|)⏎\n`, 'malformed'],
    [`${BINARY}S: 229 ok (|||21!)⏎\n`, 'malformed'],
    [`${BINARY}S: 425 no⏎\n`, 'refused'],
    [`${BINARY}S: 502 what⏎\nC: PASV⏎\nS: 502 what⏎\n`, 'refused'],
    [`${BINARY}S: 502 what⏎\nC: PASV⏎\nS: 227 ok (127,0,0,1,256,1)⏎\n`, 'malformed'],
    [`${BINARY}S: 502 what⏎\nC: PASV⏎\nS: 227 ok (127,0,0,1)⏎\n`, 'malformed'],
    ['C: TYPE I⏎\nS: 504 no⏎\n', 'refused'],
  ])('goes nowhere after %j', (text, fault) => {
    const data = dialer('');
    const { wire, channel } = wireOf(text);
    expect(errorOf(ftpRetrieveOp(wire, data.dialOp, 'a', () => {}))).toMatchObject({ fault });
    expect(data.ports).toEqual([]);
    expect(channel.finished).toBe(true);
  });

  it('begins TLS once the server has agreed, and gives the parts as they come', () => {
    const { wire, channel } = wireOf(`${EPSV}${DONE}`);
    const data = dialer('<TLS>\nS: ab\nS: cd⏎\n<END>\n');
    const parts: string[] = [];
    const take = (part: Uint8Array) => parts.push(Buffer.from(part).toString());
    const result = runSync(ftpRetrieveOp(wire, data.dialOp, 'a b', take), sleeper);
    expect(result).toMatchObject({ bytes: 6, tls: { version: 'TLSv1.3' }, reply: { code: 226 } });
    expect(parts.join('')).toBe('abcd\r\n');
    expect(channel.finished).toBe(true);
  });

  it('is in clear only where the control connection is', () => {
    const { wire } = wireOf(
      `C: TYPE A⏎\nS: 200 ok⏎\nC: EPSV⏎\nS: 229 ok (|||7|)⏎\nC: LIST⏎\nS: 125 ok⏎\nS: 250 done⏎\n`,
      false,
    );
    const data = dialer('S: x\n<END>\n');
    expect(
      runSync(
        ftpListOp(wire, data.dialOp, '', () => {}),
        sleeper,
      ),
    ).toMatchObject({ bytes: 1, tls: null });
  });

  it('refuses data in clear ahead of TLS', () => {
    const { wire } = wireOf(`${EPSV}C: RETR a⏎\nS: 150 opening⏎\nS: 226 done⏎\n`);
    const data = dialer('S: data in clear\n<TLS>\n<END>\n');
    const taken: Uint8Array[] = [];
    expect(errorOf(ftpRetrieveOp(wire, data.dialOp, 'a', (part) => taken.push(part)))).toBeInstanceOf(ChannelError);
    expect(taken).toEqual([]);
    expect(data.channel.closed).toBe(true);
  });

  it('says with the server why the data connection failed', () => {
    const { wire, channel } = wireOf(`${EPSV}C: RETR a⏎\nS: 150 opening⏎\nS: 522 session reuse required⏎\n`);
    const error = errorOf(ftpRetrieveOp(wire, dialer('S: x\n').dialOp, 'a', () => {}));
    expect(error).toBeInstanceOf(DialogueError);
    expect(String(error)).toContain('522 session reuse required');
    expect(channel.finished).toBe(true);
  });

  it('gives the failure itself where the server says nothing', () => {
    const { wire } = wireOf(`${EPSV}C: RETR a⏎\nS: 150 opening⏎\n`);
    expect(errorOf(ftpRetrieveOp(wire, dialer('S: x\n').dialOp, 'a', () => {}))).toBeInstanceOf(ChannelError);
  });

  it.each([
    ['C: RETR a⏎\nS: 550 no such file⏎\n', '', 'refused'],
    ['C: RETR a⏎\nS: 150 opening⏎\nS: 426 aborted⏎\n', '<TLS>\nS: x\n<END>\n', 'refused'],
    ['C: RETR a⏎\nS: 150 opening⏎\n', '<TLS>\nS: x\n', 'timeout'],
    ['C: RETR a⏎\nS: 150 opening⏎\n', '<TLS>\nS: x\n<END>\n', 'timeout'],
  ])('closes its data connection after %j', (text, data, fault) => {
    const { wire } = wireOf(`${EPSV}${text}`);
    const dialed = dialer(data);
    expect(errorOf(ftpRetrieveOp(wire, dialed.dialOp, 'a', () => {}))).toMatchObject({ fault });
    expect(dialed.channel.closed).toBe(true);
  });

  it('sends no second line', () => {
    const { wire } = wireOf(EPSV);
    expect(errorOf(ftpRetrieveOp(wire, dialer('').dialOp, 'a\r\nDELE b', () => {}))).toBeInstanceOf(UsageError);
  });
});

/** Data ports in memory. */
class PairedPorts implements DataPorts {
  address = '127.0.0.1';
  closed = 0;
  #port = 0;
  #waiting: Channel | null = null;
  readonly #wakes = new Wakes();
  readonly #source: Source = { watch: (events, wake) => this.#wakes.add(events, wake) };

  // biome-ignore lint/correctness/useYield: memory never waits
  *openOp(): Op<number> {
    this.#port = 40_123;
    return this.#port;
  }

  *acceptOp(until: Deadline): Op<Channel | 'timeout'> {
    while (this.#waiting === null) {
      if ((yield* waitOp(this.#source, READABLE, until)) === 'timeout') return 'timeout';
    }
    const channel = this.#waiting;
    this.#waiting = null;
    return channel;
  }

  // biome-ignore lint/correctness/useYield: memory never waits
  *closeOp(): Op<void> {
    this.closed += 1;
  }

  readonly dialOp: DialOp = (port) => this.#dialOp(port);

  // biome-ignore lint/correctness/useYield: memory never waits
  *#dialOp(port: number): Op<Channel> {
    expect(port).toBe(this.#port);
    const { client, server } = channelPair();
    this.#waiting = server;
    this.#wakes.fireAll();
    return client;
  }
}

describe('client and server of our own', () => {
  const meet = async (use: (wire: Wire, ports: PairedPorts) => Op<void>, address = '127.0.0.1') => {
    const pair = channelPair();
    const until = Deadline.after(5_000);
    const ports = new PairedPorts();
    ports.address = address;
    const client = new Wire(pair.client, { until });
    const server = new Wire(pair.server, { until, role: 'server' });
    const serving = runAsync(serveOp(FTP, server, { host: 'ftp.example', ports }));
    await runAsync(
      (function* () {
        expect(yield* negotiateOp(FTP, client, { host: 'ftp.example', self: 'x' })).toMatchObject({
          outcome: 'upgraded',
        });
        yield* ftpLoginOp(client, 'ann', 'secret');
        yield* ftpProtectOp(client);
        yield* use(client, ports);
        yield* FTP.client.leaveOp(client);
      })(),
    );
    await serving;
    expect(ports.closed).toBe(1);
  };

  it('list and retrieve, time and again', async () => {
    await meet(function* (wire, ports) {
      for (let count = 0; count < 3; count += 1) {
        let text = '';
        const take = (part: Uint8Array) => {
          text += Buffer.from(part).toString();
        };
        yield* ftpListOp(wire, ports.dialOp, '/', take);
        expect(text).toMatch(/^-r--r--r-- 1 ftp ftp 57 Jan {2}1 2026 readme\.txt\r\n$/);
        text = '';
        const { bytes, tls } = yield* ftpRetrieveOp(wire, ports.dialOp, 'readme.txt', take);
        expect(tls).not.toBeNull();
        expect([bytes, text]).toEqual([57, 'You have read this over a connection that TLS protects.\r\n']);
      }
    });
  });

  it.each([
    ['PASV', '127.0.0.1', '227 entering passive mode (127,0,0,1,156,187)'],
    ['PASV', '::ffff:127.0.0.1', '227 entering passive mode (127,0,0,1,156,187)'],
    ['PASV', '::1', '425 EPSV is for IPv6'],
    ['EPSV', '::1', '229 entering extended passive mode (|||40123|)'],
    ['EPSV ALL', '127.0.0.1', '200 only EPSV from now on'],
  ])('%s at %s', async (command, address, reply) => {
    await meet(function* (wire) {
      yield* wire.commandOp(command);
      expect(yield* wire.lineOp()).toBe(reply);
    }, address);
  });

  it('a data connection that fails leaves the control connection as it is', async () => {
    await meet(function* (wire, ports) {
      yield* wire.commandOp('EPSV');
      yield* wire.lineOp();
      const data = yield* ports.dialOp(40_123, wire.until);
      yield* data.sendOp(Buffer.from('plaintext where TLS should begin'), wire.until);
      yield* wire.commandOp('RETR readme.txt');
      expect(yield* wire.lineOp()).toBe('150 opening');
      expect(yield* wire.lineOp()).toBe('425 the data connection failed');
      expect(yield* ftpRetrieveOp(wire, ports.dialOp, 'readme.txt', () => {})).toMatchObject({ bytes: 57 });
    });
  });
});
