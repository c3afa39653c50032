// `serveStarttls` over real sockets, on both engines: under our own client, and under sockets that say what they should not.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import { connect as connectTls } from 'node:tls';
import { type EngineName, engineReports } from 'tcpx';
import {
  type Attack,
  ChannelError,
  type ConnectionEnd,
  NegotiationError,
  type ServerEvent,
  type ServerOptions,
  type StarttlsServer,
  serveStarttls,
  starttls,
  UsageError,
} from 'tcpx/starttls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { attacksOf } from '../../src/starttls/attacks.ts';
import { SCHEMES, type Scheme } from '../../src/starttls/target.ts';
import { ATTACK_OUTCOMES } from '../support/attack-outcomes.ts';
import { guardDescriptors } from '../support/conformance.ts';
import { makePki, type Pki } from '../support/pki.ts';

guardDescriptors();

let pki: Pki;
beforeAll(async () => {
  pki = await makePki();
});

const ENGINES = engineReports().flatMap(({ name, available }) => (available ? [name] : []));
if (!ENGINES.includes('gnutls')) {
  if (process.env.TCPX_INTEROP === 'required') throw new Error('the gnutls engine is required here');
  process.stderr.write('SKIPPED serveStarttls on gnutls: the engine is not available\n');
}

/** Of the services that speak nothing of their own one is enough. */
const PROTOCOLS = SCHEMES.filter(({ scheme, dialect }) => dialect.scheme !== null || scheme === dialect.directScheme);

const LIMIT = 10_000;
/** How long a client waits for a server that says nothing, in ms. */
const SILENCE = 200;

interface Served {
  readonly server: StarttlsServer;
  readonly events: readonly ServerEvent[];
  /** Resolves when so many connections have ended. */
  ends(count?: number): Promise<readonly ConnectionEnd[]>;
}

async function serve(options: Partial<ServerOptions> = {}): Promise<Served> {
  const events: ServerEvent[] = [];
  let look = () => {};
  const server = await serveStarttls({
    protocol: 'smtp',
    name: 'mx.example',
    timeout: LIMIT,
    ...options,
    tls: { ...pki.good, ...options.tls },
    observer(event) {
      events.push(event);
      look();
      options.observer?.(event);
    },
  });
  const found = () => events.flatMap((event) => (event.kind === 'ended' ? [event.end] : []));
  const ends = (count = 1) =>
    new Promise<readonly ConnectionEnd[]>((resolve) => {
      look = () => {
        if (found().length >= count) resolve(found());
      };
      look();
    });
  return { server, events, ends };
}

/** Says things on a plain socket, each when the answer before it has come. Resolves to all that was heard, at the end. */
async function say(port: number, ...lines: readonly (readonly [heard: RegExp, said: string])[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let heard = '';
  let from = 0;
  let step = 0;
  socket.setEncoding('latin1').on('data', (text: string) => {
    heard += text;
    const [pattern, said] = lines[step] ?? [];
    if (pattern === undefined || said === undefined || !pattern.test(heard.slice(from))) return;
    from = heard.length;
    step += 1;
    socket.write(said, 'latin1');
  });
  await finished(socket).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') throw error;
  });
  return heard;
}

const GREETED = /^220 .*\r\n$/;

/** A TLS client on a socket that has been promised TLS. */
async function inTls(socket: Socket): Promise<Socket> {
  const secure = connectTls({ socket, ca: pki.ca, servername: 'localhost' });
  await once(secure, 'secureConnect');
  return secure;
}

async function upgraded(port: number): Promise<Socket> {
  const { stream } = await starttls({
    host: 'localhost',
    port,
    protocol: 'smtp',
    tls: { ca: pki.ca },
    deadline: LIMIT,
  });
  return stream as unknown as Socket;
}

describe.each(ENGINES)('serveStarttls on %s', (engine: EngineName) => {
  const open: StarttlsServer[] = [];
  const on = async (options: Partial<ServerOptions> = {}) => {
    const served = await serve({ engine, ...options });
    open.push(served.server);
    return served;
  };
  afterEach(async () => {
    // What it ends with is the test's to look at.
    await Promise.all(open.splice(0).map((server) => server.close().catch(() => {})));
  });

  const negotiate = async ({ scheme }: Scheme, port: number, attack: Attack | null) => {
    const deadline = attack === 'silence' ? SILENCE : LIMIT;
    const options = { host: 'localhost', port, protocol: scheme, engine, deadline, self: 'client.example' };
    try {
      const { result, stream } = await starttls({ ...options, tls: { ca: pki.ca } });
      stream.end();
      stream.resume();
      await once(stream, 'close');
      return result;
    } catch (error) {
      if (error instanceof NegotiationError) return error.result;
      throw error;
    }
  };

  describe.concurrent.each(PROTOCOLS.map((scheme) => [scheme.scheme, scheme] as const))('%s', (_name, scheme) => {
    const { scheme: protocol, dialect, mode } = scheme;

    // Tests that run side by side close their own servers.
    it('brings a client to TLS', async () => {
      const outcome = mode === 'direct' ? 'direct' : 'upgraded';
      const { server, ends } = await serve({ engine, protocol });
      const result = await negotiate(scheme, server.port, null);
      const [end] = await ends();
      await server.close();
      expect(server).toMatchObject({ host: '127.0.0.1', engine });
      expect(result).toMatchObject({ outcome, reason: '', discardedBytes: 0 });
      expect(end).toMatchObject({ outcome, reason: '', status: 0, discardedBytes: 0, tls: { role: 'server', engine } });
      if (mode === 'direct') expect(end?.commandsInClear).toBe(0);
    });

    it.each(attacksOf(dialect, mode).map((attack) => [attack]))('shows a client %s', async (attack) => {
      const { server } = await serve({ engine, protocol, attack });
      const result = await negotiate(scheme, server.port, attack);
      await server.close();
      expect(ATTACK_OUTCOMES[attack], result.reason).toContain(result.outcome);
      if (result.outcome === 'injected') expect(result.discardedBytes).toBeGreaterThan(0);
    });
  });

  it('tells what happens, in order', async () => {
    const { server, events, ends } = await on();
    const stream = await upgraded(server.port);
    stream.end('QUIT\r\n');
    stream.resume();
    await ends();
    expect(events.map((event) => (event.kind === 'exchange' ? event.exchange.from : event.kind))).toEqual([
      ...['connected', 'server', 'client', 'server', 'client', 'trigger', 'server', 'tls'],
      ...['client', 'server', 'client', 'server', 'ended'],
    ]);
    expect(events[0]).toMatchObject({ connection: 1, remote: { host: '127.0.0.1' } });
    expect(events.at(-1)).toMatchObject({
      end: { outcome: 'upgraded', commandsInClear: 2, commandsInTls: 1, tls: { version: 'TLSv1.3' } },
    });
  });

  describe('a client that injects', () => {
    it.each([
      ['a whole line', 'STARTTLS\r\nMAIL FROM:<a@b>\r\n', 17],
      ['half a line', 'STARTTLS\r\nMAIL FR', 7],
    ])('%s is refused, and counted', async (_what, said, bytes) => {
      const { server, events, ends } = await on();
      const heard = await say(server.port, [GREETED, said]);
      expect(heard).toMatch(/^220 [^\r]*\r\n$/);
      const [end] = await ends();
      expect(end).toMatchObject({ outcome: 'injected', tls: null, discardedBytes: bytes, commandsInTls: 0 });
      const sample = Buffer.from(said.slice(10)).toString('hex');
      expect(end?.discardedSample).toBe(sample);
      expect(events.filter(({ kind }) => kind === 'injected')).toEqual([
        { kind: 'injected', connection: 1, bytes, sample, dropped: false },
      ]);
    });

    it('has it dropped where that is wanted, and none of it reaches the session', async () => {
      const { server, events, ends } = await on({ injected: 'drop' });
      const socket = connect(server.port, '127.0.0.1');
      await once(socket, 'data');
      socket.write('STARTTLS\r\nMAIL FROM:<a@b>\r\nNOO');
      const [go] = await once(socket, 'data');
      expect(String(go)).toBe('220 2.0.0 go\r\n');
      const secure = await inTls(socket);
      secure.write('P\r\n');
      const [answer] = await once(secure, 'data');
      expect(String(answer)).toBe('500 5.5.1 unknown command\r\n');
      secure.end('QUIT\r\n');
      secure.resume();
      const [end] = await ends();
      expect(end).toMatchObject({ outcome: 'upgraded', discardedBytes: 20, commandsInClear: 1, commandsInTls: 1 });
      expect(events.find(({ kind }) => kind === 'injected')).toMatchObject({ bytes: 20, dropped: true });
    });

    it('in the next segment meets TLS', async () => {
      for (const injected of ['reject', 'drop'] as const) {
        const { server, events, ends } = await on({ injected });
        await say(server.port, [GREETED, 'STARTTLS\r\n'], [/^220 2.*\r\n$/, 'MAIL FROM:<a@b>\r\n']);
        const [end] = await ends();
        expect(end).toMatchObject({ outcome: 'injected', tls: null, commandsInTls: 0 });
        // The TLS library may have taken them before they could be counted.
        const [event] = events.filter(({ kind }) => kind === 'injected');
        expect(event).toMatchObject({ connection: 1, bytes: end?.discardedBytes, dropped: false });
        expect([null, 17]).toContain(end?.discardedBytes);
      }
    });
  });

  it.each([
    ['TLS where clear text is due', {}, Buffer.from('160301003d010000390303', 'hex'), 'wrongMode'],
    ['the beginning of TLS, and leaves', {}, Buffer.from('160301', 'hex'), 'wrongMode'],
    ['clear text where TLS is due', { direct: true }, Buffer.from('EHLO client\r\n'), 'wrongMode'],
    ['an endless line', {}, Buffer.alloc(20_000, 'x'), 'malformed'],
    ['half a line, and leaves', {}, Buffer.from('EHL'), 'closed'],
    ['nothing, and leaves', {}, Buffer.alloc(0), 'clear'],
    ['nothing where TLS is due, and leaves', { direct: true }, Buffer.alloc(0), 'closed'],
  ] as const)('tells of a client that says %s', async (_what, options, bytes, outcome) => {
    const { server, ends } = await on(options);
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    socket.end(bytes);
    const [end] = await ends();
    expect(end).toMatchObject({ outcome, tls: null });
    if (outcome !== 'clear') expect(end?.reason).not.toBe('');
    socket.destroy();
  });

  it.each(['smtp', 'postgres'])('tells of a client of %s that resets while it is waited for', async (protocol) => {
    const { server, events, ends } = await on({ protocol });
    const socket = connect(server.port, '127.0.0.1');
    await expect.poll(() => events.some(({ kind }) => kind === 'connected')).toBe(true);
    socket.resetAndDestroy();
    const [end] = await ends();
    expect(end).toMatchObject({ outcome: 'closed', status: -104, tls: null });
  });

  it('answers nothing to a ClientHello in clear, whatever line ends are in it', async () => {
    const { server, ends, events } = await on({});
    const socket = connect(server.port, '127.0.0.1');
    let heard = '';
    socket.setEncoding('latin1').on('data', (text) => {
      heard += text;
    });
    const over = once(socket, 'end');
    await once(socket, 'data');
    // With the type of the supported groups, 10, a line ends.
    socket.write(Buffer.from('160301003d010000390303410d0a42000a4e4f4f500d0a', 'hex'));
    await over;
    const [end] = await ends();
    expect(end).toMatchObject({ outcome: 'wrongMode', commandsInClear: 0, status: 0 });
    expect(heard).toMatch(/^220 .*\r\n$/);
    expect(events.some(({ kind }) => kind === 'injected')).toBe(false);
  });

  it('goes on after clients that reset, refuse its certificate or do not show theirs', async () => {
    const { server, ends } = await on({ tls: { ca: pki.ca, clientAuth: 'require' } });
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'data');
    socket.resetAndDestroy();
    const client = { host: 'localhost', port: server.port, protocol: 'smtp', engine, deadline: LIMIT };
    const untrusting = starttls({ ...client, tls: { ca: pki.otherCa } });
    await expect(untrusting).rejects.toMatchObject({ result: { outcome: 'unverified' } });
    await starttls({ ...client, tls: { ca: pki.ca } }).then(
      ({ stream }) => stream.destroy(),
      (error) => expect(error).toBeInstanceOf(NegotiationError),
    );
    const { stream } = await starttls({ ...client, tls: { ca: pki.ca, ...pki.client } });
    stream.end('QUIT\r\n');
    stream.resume();
    const found = await ends(4);
    // Whoever does not trust the server may say so, or just leave.
    const left = expect.stringMatching(/handshake|closed/);
    expect(found.map(({ outcome }) => outcome)).toEqual(['closed', left, 'handshake', 'upgraded']);
    expect(found[3]?.tls).toMatchObject({ verify: { result: 'verified' }, peer: { subject: 'CN=tcpx client' } });
  });

  it('ends a connection at its deadline, in clear, in the handshake and inside TLS', async () => {
    // A loaded machine may take some time for a handshake.
    const timeout = 2_000;
    const { server, ends } = await on({ timeout });
    const clear = connect(server.port, '127.0.0.1').resume();
    const going = say(server.port, [GREETED, 'STARTTLS\r\n']);
    const secure = await upgraded(server.port);
    secure.on('error', () => {}).resume();
    const found = await ends(3);
    expect(found.map(({ outcome }) => outcome)).toEqual(['timeout', 'timeout', 'timeout']);
    for (const { duration } of found) expect(duration).toBeGreaterThanOrEqual(timeout - 1);
    clear.destroy();
    secure.destroy();
    await going;
  });

  it('serves many at once, as many as it is told to, and the others afterwards', async () => {
    const { server, events, ends } = await on({ concurrency: 2 });
    const sockets = Array.from({ length: 4 }, () => connect(server.port, '127.0.0.1'));
    const [first, second, third, fourth] = sockets;
    await Promise.all([first, second].map((socket) => socket && once(socket, 'data')));
    expect(events.filter(({ kind }) => kind === 'connected')).toHaveLength(2);
    first?.end('QUIT\r\n');
    await (third && once(third, 'data'));
    expect(events.filter(({ kind }) => kind === 'connected')).toHaveLength(3);
    second?.end('QUIT\r\n');
    await (fourth && once(fourth, 'data'));
    third?.end('QUIT\r\n');
    fourth?.end('QUIT\r\n');
    await ends(4);
    for (const socket of sockets) socket.destroy();
  });

  it('ends after as many connections as it is told to', async () => {
    const { server } = await on({ connections: 2 });
    await say(server.port, [GREETED, 'QUIT\r\n']);
    await say(server.port, [GREETED, 'QUIT\r\n']);
    await server.ended;
    const socket = connect(server.port, '127.0.0.1');
    await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('ends all connections when it is closed', async () => {
    const { server, events } = await on();
    const secure = await upgraded(server.port);
    secure.on('error', () => {}).resume();
    const clear = connect(server.port, '127.0.0.1');
    await once(clear, 'data');
    clear.resume();
    await server.close();
    await Promise.all([once(secure, 'close'), once(clear, 'end')]);
    const ends = events.flatMap((event) => (event.kind === 'ended' ? [event.end] : []));
    expect(ends.map(({ outcome }) => outcome)).toEqual(['cancelled', 'cancelled']);
    // Again is harmless.
    await server.close();
    clear.destroy();
    secure.destroy();
  });

  it('rests between the bytes', async () => {
    const { server } = await on({ drip: 5 });
    const began = performance.now();
    const chunks: string[] = [];
    const socket = connect(server.port, '127.0.0.1').setEncoding('latin1');
    socket.on('data', (text: string) => {
      chunks.push(text);
      if (chunks.join('').endsWith('ESMTP\r\n')) socket.end('QUIT\r\n');
    });
    await once(socket, 'close');
    const heard = chunks.join('');
    expect(heard).toBe('220 mx.example ESMTP\r\n221 2.0.0 bye\r\n');
    expect(chunks.length).toBeGreaterThan(heard.length / 2);
    expect(performance.now() - began).toBeGreaterThan(heard.length * 4);
  });

  it('hands the connection to the program inside TLS', async () => {
    for (const protocol of ['smtp', 'submissions']) {
      const { server, events, ends } = await on({
        protocol,
        async session(stream, { connection, remote, tls }) {
          stream.write(`${connection} ${remote.host} ${tls.version} ${tls.servername}\r\n`);
          await finished(stream.pipe(stream));
        },
      });
      const client = { host: 'localhost', port: server.port, protocol, engine, deadline: LIMIT, renew: false };
      const { stream } =
        protocol === 'smtp' ? await starttls({ ...client, tls: { ca: pki.ca } }) : await direct(client);
      stream.end('whatever is said');
      let heard = '';
      for await (const chunk of stream) heard += String(chunk);
      expect(heard).toBe('1 127.0.0.1 TLSv1.3 localhost\r\nwhatever is said');
      const [end] = await ends();
      expect(end).toMatchObject({ outcome: protocol === 'smtp' ? 'upgraded' : 'direct', commandsInTls: 0 });
      expect(events.filter((event) => event.kind === 'exchange' && event.exchange.encrypted)).toEqual([]);
    }
  });

  it('takes a session that fails for the end of its connection alone', async () => {
    const failure = new Error('no more');
    const { server, ends } = await on({ session: () => Promise.reject(failure) });
    for (const count of [1, 2]) {
      const stream = await upgradedWithoutRenewal(server.port);
      stream.resume().on('error', () => {});
      await ends(count);
      stream.destroy();
    }
    const found = await ends(2);
    expect(found).toMatchObject([
      { outcome: 'failed', reason: 'no more', error: failure },
      { outcome: 'failed', reason: 'no more', error: failure },
    ]);
  });

  it('ends sessions when it is closed, and waits for them', async () => {
    const steps: string[] = [];
    const { server } = await on({
      async session(stream) {
        steps.push('began');
        await once(stream, 'close');
        steps.push('closed');
      },
    });
    const stream = await upgradedWithoutRenewal(server.port);
    stream.resume().on('error', () => {});
    await expect.poll(() => steps).toEqual(['began']);
    await server.close();
    expect(steps).toEqual(['began', 'closed']);
    stream.destroy();
  });

  it('ends with what its observer throws', async () => {
    const failure = new Error('not mine');
    const { server } = await on({
      observer() {
        throw failure;
      },
    });
    const ended = expect(server.ended).rejects.toBe(failure);
    await say(server.port, [/never/, '']);
    await ended;
    await expect(server.close()).rejects.toBe(failure);
  });

  it('does not begin on a port that is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const refused = on({ port });
    await expect(refused).rejects.toBeInstanceOf(ChannelError);
    await expect(refused).rejects.toMatchObject({ status: -98, message: /in use/ });
    other.close();
  });

  it.each([
    [{ protocol: 'smpt' }, /there is no protocol 'smpt'/],
    [{ attack: 'preauth' }, /SMTP relay has no attack 'preauth'; there are inject-line, /],
    [{ attack: ['omit', 'refuse'] }, /attacks 'omit' and 'refuse' do not go together; drip goes with any other/],
    [{ attack: 'omit', direct: true }, /with TLS from the first byte has no attack 'omit'; there are early-greeting/],
    [{ protocol: 'imap', attack: 'early-greeting' }, /has no attack 'early-greeting'/],
    [{ bind: 'localhost' }, /bind is an IP address such as 127\.0\.0\.1 or ::1, not 'localhost'/],
    [{ port: 70_000 }, /port is a whole number from 0 to 65535, not 70000/],
    [{ timeout: 0 }, /timeout is a whole number from 1 to 2147483647, not 0/],
    [{ concurrency: 0.5 }, /concurrency is a whole number/],
    [{ connections: -1 }, /connections is a whole number/],
    [{ drip: -1 }, /drip is a whole number/],
    [{ name: 'a\r\nb' }, /a command cannot hold CR/],
    [{ tls: { cert: '/nonexistent', key: '/nonexistent' } }, /tls\.cert: cannot read the file '\/nonexistent'/],
  ] as const)('refuses %j', async (options, message) => {
    const refused = on(options as Partial<ServerOptions>);
    await expect(refused).rejects.toBeInstanceOf(UsageError);
    await expect(refused).rejects.toThrow(message);
  });

  it('wants a certificate', async () => {
    const refused = serveStarttls({ protocol: 'smtp', engine, tls: {} });
    await expect(refused).rejects.toThrow('a server needs a certificate and its key: tls.cert and tls.key');
  });
});

async function upgradedWithoutRenewal(port: number) {
  const options = { host: 'localhost', port, protocol: 'smtp', deadline: LIMIT, renew: false };
  return (await starttls({ ...options, tls: { ca: pki.ca } })).stream;
}

/** Direct TLS without a dialogue inside it. */
function direct(client: { readonly host: string; readonly port: number; readonly deadline: number }) {
  return starttls({ ...client, protocol: 'tls', tls: { ca: pki.ca } });
}
