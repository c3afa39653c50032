// @ts-check
// The process behind `led-peer.ts`: connections that do one thing at a time, as they are told.
//
// Bytes pass a seam between TLS and the socket, where a batch of things to do is gathered: its records, a close_notify and
// the end leave in one piece, or are cut wherever the test wants.
//
//   test ── told ── TLSSocket ── Seam ── net.Socket        or, in clear,        test ── told ── net.Socket

import { once } from 'node:events';
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';

/** @typedef {import('./led-peer.ts').Action} Action */
/** @typedef {import('./led-peer.ts').LedRequest} LedRequest */
/** @typedef {import('./led-peer.ts').LedTls} LedTls */
/** @typedef {import('./led-peer.ts').Seen} Seen */
/** @typedef {import('./led-peer.ts').Welcome} Welcome */

/** A connection that nobody leads any more ends, and with it a call that would wait for it for ever. */
const LIFETIME = 15_000;
/** How long to wait for what the other side has written. */
const PATIENCE = 4_000;

/** The bytes that are sent: byte i of a connection is i mod 251. @param {number} offset @param {number} length */
const pattern = (offset, length) => Buffer.from(Uint8Array.from({ length }, (_, i) => (offset + i) % 251));

class Seam extends Duplex {
  /** @param {net.Socket} raw */
  constructor(raw) {
    super({ allowHalfOpen: true });
    this.raw = raw;
    /** Ciphertext on its way; null while it goes out as it comes. @type {Buffer[] | null} */
    this.gathered = null;
    raw.on('data', (/** @type {Buffer} */ chunk) => {
      this.push(chunk);
    });
    raw.on('end', () => this.push(null));
  }

  /** @override */
  _read() {}

  /** @override @param {Buffer} chunk @param {BufferEncoding} _encoding @param {(error?: Error | null) => void} done */
  _write(chunk, _encoding, done) {
    if (this.gathered !== null) this.gathered.push(Buffer.from(chunk));
    else if (!this.raw.destroyed && !this.raw.writableEnded) this.raw.write(chunk);
    done();
  }

  /** close_notify is one thing, the end of TCP another. @override @param {(error?: Error | null) => void} done */
  _final(done) {
    done();
  }

  /** @override @param {Error | null} _error @param {(error?: Error | null) => void} done */
  _destroy(_error, done) {
    done();
  }
}

class Connection {
  constructor() {
    /** @type {net.Server | null} */
    this.server = null;
    /** @type {net.Socket | null} */
    this.raw = null;
    /** @type {tls.TLSSocket | null} */
    this.secure = null;
    /** @type {Seam | null} */
    this.seam = null;
    /** @type {LedTls | null} */
    this.tls = null;
    /** @type {Buffer[]} */
    this.received = [];
    this.receivedBytes = 0;
    this.offset = 0;
    /** Ciphertext that was kept back. */
    this.held = Buffer.alloc(0);
    this.handshaken = false;
    this.notified = false;
    this.alerted = false;
    /** @type {Seen['end']} */
    this.end = 'open';
    this.gone = false;
    /** @type {Set<() => void>} */
    this.watchers = new Set();
    /** @type {Promise<void>} */
    this.later = Promise.resolve();
    this.lifetime = setTimeout(() => this.raw?.resetAndDestroy(), LIFETIME);
  }

  wake() {
    for (const watcher of [...this.watchers]) watcher();
  }

  /** @param {() => boolean} look @param {number} [patience] */
  until(look, patience = PATIENCE) {
    return new Promise((resolve) => {
      const settle = () => {
        clearTimeout(timer);
        this.watchers.delete(check);
        resolve(look());
      };
      const timer = setTimeout(settle, patience);
      const check = () => {
        if (look()) settle();
      };
      this.watchers.add(check);
      check();
    });
  }

  /** @param {LedTls | null} secure @param {Welcome} welcome */
  async listen(secure, welcome) {
    this.tls = secure;
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (raw) => {
      server.close();
      this.adopt(raw);
      this.welcome(raw, welcome);
    });
    this.server = server;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return /** @type {net.AddressInfo} */ (server.address()).port;
  }

  /** @param {net.Socket} raw @param {Welcome} welcome */
  welcome(raw, welcome) {
    if (this.tls === null) return;
    if (welcome === 'handshake') this.startTls();
    // The answer to the ClientHello.
    else if (welcome === 'text') raw.once('data', () => raw.write('220 mail.example ESMTP\r\n'));
    else if (welcome === 'end') raw.once('data', () => raw.end());
    else if (welcome === 'reset') raw.once('data', () => raw.resetAndDestroy());
  }

  /** @param {number} port @param {LedTls | null} secure @param {Welcome} welcome */
  async connect(port, secure, welcome) {
    this.tls = secure;
    const raw = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.adopt(raw);
    await once(raw, 'connect');
    if (secure === null) return;
    if (welcome === 'handshake') this.startTls();
    else if (welcome === 'text') raw.write('EHLO client.example\r\n');
    else if (welcome === 'end') raw.end();
    else if (welcome === 'reset') raw.resetAndDestroy();
  }

  /** @param {net.Socket} raw */
  adopt(raw) {
    this.raw = raw;
    raw.on('data', (chunk) => {
      if (this.secure === null) this.take(chunk);
    });
    raw.on('end', () => {
      if (this.end === 'open') this.end = 'fin';
      // TLS above it has decrypted what came before by then.
      setImmediate(() => this.wake());
    });
    raw.on('error', (error) => {
      if ('code' in error && error.code === 'ECONNRESET') this.end = 'reset';
      this.wake();
    });
    raw.on('close', () => {
      this.gone = true;
      this.wake();
    });
    this.wake();
  }

  /** @param {Buffer} chunk */
  take(chunk) {
    this.received.push(chunk);
    this.receivedBytes += chunk.length;
    this.wake();
  }

  startTls() {
    const { raw, tls: config } = this;
    if (raw === null || config === null || this.secure !== null) return;
    const seam = new Seam(raw);
    this.seam = seam;
    const { cert, key, ca, version, role } = config;
    const context = tls.createSecureContext({ cert, key, ca, minVersion: version, maxVersion: version });
    const secure =
      role === 'server'
        ? new tls.TLSSocket(seam, { isServer: true, secureContext: context, ...{ allowHalfOpen: true } })
        : tls.connect({ socket: seam, secureContext: context, servername: 'localhost', ...{ allowHalfOpen: true } });
    this.secure = secure;
    secure.on('data', (chunk) => this.take(chunk));
    secure.on(role === 'server' ? 'secure' : 'secureConnect', () => {
      this.handshaken = true;
      setImmediate(() => this.wake());
    });
    secure.on('end', () => {
      if (this.end === 'open') this.notified = true;
      this.wake();
    });
    const failed = (/** @type {NodeJS.ErrnoException} */ { code }) => {
      if (code?.includes('ALERT')) this.alerted = true;
      this.wake();
    };
    // A server's session tells its own failure to a tls.Server alone.
    secure.on('error', failed).on('_tlsError', failed);
  }

  /** Does a batch; what it sends leaves in one piece. @param {readonly Action[]} actions */
  async act(actions) {
    const { raw } = this;
    if (raw === null || raw.destroyed) return;
    const out = [this.held];
    this.held = Buffer.alloc(0);
    /** @type {Action[]} */
    const endings = [];
    let held = 0;
    for (const action of actions) {
      if (action.act === 'send') out.push(...(await this.sealed((stream) => stream.write(this.next(action.bytes)))));
      else if (action.act === 'raw') out.push(Buffer.from(action.text, 'latin1'));
      else if (action.act === 'notify') {
        if (this.secure !== null) out.push(...(await this.sealed((stream) => stream.end())));
      } else if (action.act === 'startTls') this.startTls();
      else if (action.act === 'hold') held = action.bytes;
      else endings.push(action);
    }
    const whole = Buffer.concat(out);
    const kept = Math.min(held, whole.length);
    this.held = Buffer.from(whole.subarray(whole.length - kept));
    const sent = whole.subarray(0, whole.length - kept);
    if (sent.length > 0 && !raw.writableEnded) await new Promise((resolve) => raw.write(sent, resolve));
    for (const { act } of endings) {
      if (raw.destroyed) return;
      if (act === 'reset') raw.resetAndDestroy();
      else if (act === 'close') {
        raw.destroy();
        await this.until(() => this.gone);
      } else if (!raw.writableEnded) await new Promise((resolve) => raw.end(() => resolve(undefined)));
    }
  }

  /** @param {number} count */
  next(count) {
    const bytes = pattern(this.offset, count);
    this.offset += count;
    return bytes;
  }

  /**
   * What a stream makes of something: of clear text itself, of TLS its records.
   * @param {(stream: Pick<tls.TLSSocket, 'write' | 'end'>) => void} use
   */
  async sealed(use) {
    const { secure, seam } = this;
    /** @type {Buffer[]} */
    const made = [];
    if (secure === null || seam === null) {
      use(/** @type {any} */ ({ write: (/** @type {Buffer} */ bytes) => made.push(bytes), end: () => {} }));
      return made;
    }
    if (secure.destroyed || secure.writableEnded) return made;
    seam.gathered = made;
    use(secure);
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    seam.gathered = null;
    return made;
  }

  /** @returns {Seen} */
  seen() {
    const { handshaken, notified, alerted, end } = this;
    return { received: new Uint8Array(Buffer.concat(this.received)), handshaken, notified, alerted, end };
  }

  stop() {
    clearTimeout(this.lifetime);
    this.server?.close();
    this.raw?.destroy();
    this.wake();
  }
}

/** @type {Map<number, Connection>} */
const connections = new Map();

/** @param {number} id */
function known(id) {
  const connection = connections.get(id) ?? new Connection();
  connections.set(id, connection);
  return connection;
}

/** @param {LedRequest} request */
async function answer(request) {
  const connection = known(request.peer);
  switch (request.op) {
    case 'listen':
      return connection.listen(request.tls, request.welcome);
    case 'connect':
      return connection.connect(request.port, request.tls, request.welcome);
    case 'ready':
      return connection.until(() => connection.raw !== null && (!request.secure || connection.handshaken));
    case 'caught-up':
      return connection.until(
        () =>
          connection.gone ||
          (connection.receivedBytes >= request.bytes && (!request.ended || connection.end !== 'open')),
      );
    case 'act':
      return connection.act(request.actions);
    case 'act-later':
      connection.later = new Promise((resolve) => {
        setTimeout(() => connection.act(request.actions).then(resolve), request.after);
      });
      return undefined;
    case 'acted':
      return connection.later;
    case 'seen':
      return connection.seen();
    case 'stop':
      connection.stop();
      connections.delete(request.peer);
      return undefined;
  }
}

process.on('message', (/** @type {LedRequest} */ request) => {
  answer(request).then(
    (value) => process.send?.({ call: request.call, value }),
    (error) => process.send?.({ call: request.call, error: String(error?.stack ?? error) }),
  );
});
process.on('disconnect', () => process.exit(0));
