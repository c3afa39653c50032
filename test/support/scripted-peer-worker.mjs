// @ts-check
// The process behind `startPeer`: it runs any number of scripted peers and black holes, each in its own entry.
//
//   test process                      this process
//     {op:'start', id, script}   ->     listens or connects, answers {id, ok: {port, host}}
//     {op:'release', id, gate}   ->     lets a `waitFor` step go on
//     {op:'outcome', id}         ->     answers when every expected connection has run its script
//     {op:'report', id}          ->     answers at once
//     {op:'stop', id}            ->     resets what is open, answers when the port is free
//
// Plain JavaScript, because child processes and workers of Node 20 do not run TypeScript.
//
// Bytes pass a seam between TLS and the socket, which tells a close_notify from a bare end of stream, and which can
// break off, reset, split or falsify a TLS stream at will:
//
//   steps ── TLSSocket ── Seam ── net.Socket        or, in clear,        steps ── net.Socket

import { once } from 'node:events';
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** @typedef {import('./scripted-peer.ts').ReadyScript} Script */
/** @typedef {import('./scripted-peer.ts').Step} Step */
/** @typedef {import('./scripted-peer.ts').PeerTls} PeerTls */
/** @typedef {import('./scripted-peer.ts').PeerEvent} PeerEvent */
/** @typedef {import('./scripted-peer.ts').SecureFacts} SecureFacts */

/** How a script fails: the test reads this message. */
class ScriptFailure extends Error {}

/** The step cannot go on because the script is over for other reasons. */
class Stopped extends Error {}

/** @param {number} ms */
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {string | Uint8Array} data */
const bytesOf = (data) => (typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data));

/** @param {Uint8Array} bytes */
const shown = (bytes) => {
  const text = JSON.stringify(Buffer.from(bytes.subarray(0, 120)).toString('latin1'));
  return bytes.length > 120 ? `${text}... (${bytes.length} bytes)` : text;
};

/** The pattern of `fill`: byte i is i mod 251, so that a shift by a buffer size shows. */
const fillPattern = (/** @type {number} */ offset, /** @type {number} */ length) =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => (offset + i) % 251));

/**
 * libuv shows data and a reset that are found together as data and an ordinary end. One more read tells: it gives
 * the error that the kernel still holds. Node has no call for that, hence the private handle.
 * @param {net.Socket} raw @param {() => void} then
 */
function afterEnd(raw, then) {
  /** @type {any} */ (raw)._handle?.readStart();
  setImmediate(() => setImmediate(then));
}

/** What lies between TLS and the socket. */
class Seam extends Duplex {
  /** @param {net.Socket} raw @param {number | undefined} fragment @param {Buffer} early */
  constructor(raw, fragment, early) {
    super({ allowHalfOpen: true });
    this.raw = raw;
    this.fragment = fragment;
    /** False: the end of the TLS stream does not end the TCP stream. */
    this.passEnd = true;
    this.onData = (/** @type {Buffer} */ chunk) => {
      if (!this.push(chunk)) raw.pause();
    };
    this.onEnd = () => {
      // What came before is decrypted first: then the end of TLS, if it was announced, precedes this one.
      if (this.readableLength > 0) setTimeout(this.onEnd, 2);
      else afterEnd(raw, () => this.finishReading());
    };
    /** Called with the end of the TCP stream, before TLS learns of it. */
    this.beforeEnd = () => {};
    if (early.length > 0) this.push(early);
    raw.on('data', this.onData).on('end', this.onEnd);
  }

  finishReading() {
    this.beforeEnd();
    this.push(null);
  }

  /** @override */
  _read() {
    this.raw.resume();
  }

  /** @override @param {Buffer} chunk @param {BufferEncoding} _encoding @param {(error?: Error | null) => void} callback */
  _write(chunk, _encoding, callback) {
    if (this.raw.destroyed || this.raw.writableEnded) {
      callback();
      return;
    }
    if (this.fragment === undefined) {
      this.raw.write(chunk, () => callback());
      return;
    }
    for (let at = 0; at < chunk.length; at += this.fragment) {
      const piece = chunk.subarray(at, at + this.fragment);
      this.raw.write(piece, at + this.fragment >= chunk.length ? () => callback() : undefined);
    }
  }

  /** @override @param {(error?: Error | null) => void} callback */
  _final(callback) {
    if (this.passEnd && !this.raw.destroyed && !this.raw.writableEnded) this.raw.end();
    callback();
  }

  /** @override @param {Error | null} error @param {(error?: Error | null) => void} callback */
  _destroy(error, callback) {
    this.raw.off('data', this.onData).off('end', this.onEnd);
    // Not `destroy`: an alert may still be on its way.
    if (!this.raw.destroyed && !this.raw.writableEnded) this.raw.end();
    this.raw.resume();
    callback(error);
  }
}

/** One connection and its script. */
class Connection {
  /** @param {ScriptedPeer} peer @param {net.Socket} raw @param {readonly Step[]} steps @param {number} index */
  constructor(peer, raw, steps, index) {
    this.peer = peer;
    this.raw = raw;
    this.steps = steps;
    this.index = index;
    /** @type {net.Socket | tls.TLSSocket} */
    this.stream = raw;
    /** @type {((chunk: Buffer) => void) | undefined} */
    this.onData = undefined;
    /** @type {(() => void) | undefined} */
    this.onEnd = undefined;
    /** @type {Seam | undefined} */
    this.seam = undefined;
    /** Read from the stream and not yet consumed by a step. @type {Buffer} */
    this.pending = Buffer.alloc(0);
    /** Memory with room behind `pending`: what is megabytes long is not copied with each chunk. */
    this.room = new ArrayBuffer(0);
    /** What steps have consumed, for the report. @type {Buffer[]} */
    this.received = [];
    this.receivedBytes = 0;
    /** @type {PeerEvent[]} */
    this.events = [];
    /** @type {SecureFacts | null} */
    this.secure = null;
    /** @type {string | null} */
    this.failure = null;
    /** @type {'open' | 'close-notify' | 'fin' | 'reset' | 'error'} */
    this.end = 'open';
    /** @type {string | null} */
    this.errorCode = null;
    this.sent = 0;
    this.over = false;
    this.stopped = false;
    this.rawEnded = false;
    /** TCP ended while TLS had not. */
    this.bareEnd = false;
    /** @type {Set<() => void>} */
    this.watchers = new Set();
    raw.setNoDelay(true);
    raw.on('close', (failed) => {
      this.log('close', failed ? { code: this.errorCode ?? 'unknown' } : {});
      if (this.end === 'open' && failed) this.end = 'error';
      this.wake();
    });
    raw.on('error', (error) => this.failed(error));
    raw.on('end', () => {
      this.rawEnded = true;
    });
    this.listen();
    this.log('connected', { detail: `${raw.remoteAddress} ${raw.remotePort}` });
  }

  /** @param {PeerEvent['type']} type @param {Partial<PeerEvent>} more */
  log(type, more = {}) {
    this.events.push({ ...more, type, at: Math.round(performance.now() - this.peer.started) });
  }

  listen() {
    const stream = this.stream;
    this.onData = (/** @type {Buffer} */ chunk) => {
      this.receivedBytes += chunk.length;
      if (this.over) return;
      this.append(chunk);
      this.wake();
    };
    const ended = () => {
      // A TLS stream that ends while TCP goes on has said close_notify.
      const notified = this.seam !== undefined && !this.bareEnd;
      if (this.end === 'open') this.end = notified ? 'close-notify' : 'fin';
      this.log('end', { detail: this.end });
      this.wake();
    };
    this.onEnd = () => (stream === this.raw ? afterEnd(this.raw, ended) : ended());
    stream.on('data', this.onData).on('end', this.onEnd);
    stream.pause();
  }

  /** @param {Error & { code?: string }} error */
  failed(error) {
    this.errorCode ??= error.code ?? error.message;
    if (this.end === 'open') this.end = error.code === 'ECONNRESET' ? 'reset' : 'error';
    this.log('error', { code: error.code ?? 'unknown', detail: error.message });
    this.wake();
  }

  wake() {
    for (const watcher of [...this.watchers]) watcher();
  }

  /**
   * Waits, reading, until `look` gives something. Reading stops with the wait, so that a peer reads nothing between
   * its steps.
   * @template T @param {() => T | undefined} look @param {boolean} [reading] @returns {Promise<T>}
   */
  until(look, reading = true) {
    return new Promise((resolve, reject) => {
      const settle = (/** @type {() => void} */ act) => {
        this.watchers.delete(check);
        if (reading) this.stream.pause();
        act();
      };
      const check = () => {
        if (this.stopped) return settle(() => reject(new Stopped()));
        try {
          const found = look();
          if (found !== undefined) settle(() => resolve(found));
        } catch (error) {
          settle(() => reject(error));
        }
      };
      this.watchers.add(check);
      if (reading) this.stream.resume();
      check();
    });
  }

  ended() {
    if (this.end !== 'open') return true;
    // A socket may be gone while its end, or that of TLS above it, is still being looked into.
    if (this.seam !== undefined && this.stream.destroyed) return true;
    return this.raw.destroyed && !this.rawEnded;
  }

  /** Consumes bytes. @param {number} count @param {boolean} [keep] whether the report shows them */
  take(count, keep = true) {
    const bytes = this.pending.subarray(0, count);
    this.pending = this.pending.subarray(count);
    if (keep) this.received.push(bytes);
    return bytes;
  }

  async run() {
    let current = 0;
    try {
      for (const [number, step] of this.steps.entries()) {
        current = number;
        if (this.stopped) throw new Stopped();
        await this.step(step);
      }
      if (!this.raw.writableEnded && !this.raw.destroyed) await this.close('fin');
    } catch (error) {
      if (!(error instanceof Stopped)) {
        const text = error instanceof Error ? error.message : String(error);
        this.failure = `connection ${this.index}, step ${current} ${shownStep(this.steps[current])}: ${text}`;
        this.raw.resetAndDestroy();
      }
    }
    this.over = true;
    // From here on only the end matters. Unread bytes would turn the close into a reset.
    this.stream.resume();
    this.peer.check();
  }

  /** @param {Step} step */
  async step(step) {
    if ('send' in step) return this.write(bytesOf(step.send));
    if ('fill' in step) return this.fill(step.fill);
    if ('sendRaw' in step) return this.writeTo(this.raw, bytesOf(step.sendRaw));
    if ('sendSlowly' in step) return this.sendSlowly(bytesOf(step.sendSlowly), step.everyMs, step.piece ?? 1);
    if ('expect' in step) return this.expect(step.expect);
    if ('expectUntil' in step) return this.expectUntil(bytesOf(step.expectUntil));
    if ('expectFill' in step) return this.expectFill(step.expectFill);
    if ('expectEnd' in step) return this.expectEnd(step.expectEnd);
    if ('delay' in step) return this.pause(step.delay);
    if ('waitFor' in step) return this.until(() => (this.peer.gates.has(step.waitFor) ? true : undefined), false);
    if ('startTls' in step) return this.startTls(step.startTls);
    if ('echo' in step) return this.echo(step.echo === true ? Number.POSITIVE_INFINITY : step.echo);
    if ('discard' in step) return this.discard(step.discard === 'end' ? Number.POSITIVE_INFINITY : step.discard);
    if ('neverRead' in step) return this.neverRead();
    if ('close' in step) return this.close(step.close);
    throw new ScriptFailure('unknown step');
  }

  /** @param {Buffer} chunk */
  append(chunk) {
    const { length } = this.pending;
    let start = this.pending.byteOffset;
    if (this.pending.buffer !== this.room || start + length + chunk.length > this.room.byteLength) {
      const grown = Buffer.allocUnsafeSlow(2 * (length + chunk.length));
      this.pending.copy(grown);
      this.room = grown.buffer;
      start = 0;
    }
    this.pending = Buffer.from(this.room, start, length + chunk.length);
    chunk.copy(this.pending, length);
  }

  /** @param {Buffer} bytes */
  async write(bytes) {
    await this.writeTo(this.stream, bytes);
    this.sent += bytes.length;
  }

  /** @param {net.Socket} stream @param {Buffer} bytes */
  async writeTo(stream, bytes) {
    if (bytes.length === 0) return;
    let done = false;
    /** @type {Error | null | undefined} */
    let problem;
    stream.write(bytes, (error) => {
      done = true;
      problem = error;
      this.wake();
    });
    await this.until(() => (done || this.raw.destroyed ? true : undefined), false);
    if (!done || problem) throw new ScriptFailure(`could not write: ${problem?.message ?? this.errorCode ?? 'closed'}`);
  }

  /** @param {number} total */
  async fill(total) {
    for (let at = 0; at < total; at += 65_536) await this.write(fillPattern(at, Math.min(65_536, total - at)));
  }

  /** @param {Buffer} bytes @param {number} everyMs @param {number} piece */
  async sendSlowly(bytes, everyMs, piece) {
    for (let at = 0; at < bytes.length; at += piece) {
      if (at > 0) await this.pause(everyMs);
      await this.write(bytes.subarray(at, at + piece));
    }
  }

  /** @param {number} ms */
  async pause(ms) {
    let done = false;
    const timer = setTimeout(() => {
      done = true;
      this.wake();
    }, ms);
    try {
      await this.until(() => (done ? true : undefined), false);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {number} count @param {string} what */
  async need(count, what) {
    await this.until(() => {
      if (this.pending.length >= count) return true;
      if (this.ended())
        throw new ScriptFailure(`expected ${what}, got ${shown(this.pending)} and then ${this.ending()}`);
      return undefined;
    });
  }

  ending() {
    return this.errorCode === null ? this.end : `${this.end} (${this.errorCode})`;
  }

  /** @param {string | number | Uint8Array} expected */
  async expect(expected) {
    if (typeof expected === 'number') {
      await this.need(expected, `${expected} bytes`);
      this.take(expected);
      return;
    }
    const wanted = bytesOf(expected);
    await this.until(() => {
      const got = this.pending.subarray(0, wanted.length);
      if (!wanted.subarray(0, got.length).equals(got)) {
        throw new ScriptFailure(`expected ${shown(wanted)}, got ${shown(got)}`);
      }
      if (got.length === wanted.length) return true;
      if (this.ended())
        throw new ScriptFailure(`expected ${shown(wanted)}, got ${shown(got)} and then ${this.ending()}`);
      return undefined;
    });
    this.take(wanted.length);
  }

  /** @param {Buffer} mark */
  async expectUntil(mark) {
    let searched = 0;
    const length = await this.until(() => {
      const at = this.pending.indexOf(mark, searched);
      if (at >= 0) return at + mark.length;
      searched = Math.max(0, this.pending.length - mark.length + 1);
      if (this.ended()) {
        throw new ScriptFailure(`expected ... ${shown(mark)}, got ${shown(this.pending)} and then ${this.ending()}`);
      }
      return undefined;
    });
    this.take(length);
  }

  /** @param {number} total */
  async expectFill(total) {
    for (let at = 0; at < total; ) {
      await this.need(1, `${total} bytes of the fill pattern (had ${at})`);
      const bytes = this.take(Math.min(this.pending.length, total - at), false);
      if (!bytes.equals(fillPattern(at, bytes.length))) {
        throw new ScriptFailure(`the fill pattern is broken within bytes ${at} to ${at + bytes.length}`);
      }
      at += bytes.length;
    }
  }

  /** @param {'any' | 'fin' | 'close-notify' | 'reset'} expected */
  async expectEnd(expected) {
    await this.until(() => {
      if (this.pending.length > 0) throw new ScriptFailure(`expected the end, got ${shown(this.pending)}`);
      return this.ended() ? true : undefined;
    });
    if (expected !== 'any' && this.end !== expected) {
      throw new ScriptFailure(`expected the end as ${expected}, got ${this.ending()}`);
    }
  }

  /** @param {number} count */
  async echo(count) {
    for (let left = count; left > 0; ) {
      await this.until(() => (this.pending.length > 0 || this.ended() ? true : undefined));
      if (this.pending.length === 0) {
        if (Number.isFinite(count)) throw new ScriptFailure(`${left} bytes to echo are missing, got ${this.ending()}`);
        break;
      }
      const bytes = this.take(Math.min(this.pending.length, left), Number.isFinite(count));
      left -= bytes.length;
      await this.write(bytes);
    }
  }

  /** @param {number} count */
  async discard(count) {
    for (let left = count; left > 0; ) {
      await this.until(() => (this.pending.length > 0 || this.ended() ? true : undefined));
      if (this.pending.length === 0) {
        if (Number.isFinite(count))
          throw new ScriptFailure(`${left} bytes to discard are missing, got ${this.ending()}`);
        break;
      }
      left -= this.take(Math.min(this.pending.length, left), false).length;
    }
  }

  async neverRead() {
    // Nothing more is going to happen, so nobody should wait for this connection.
    this.over = true;
    this.peer.check();
    await this.until(() => (this.raw.destroyed ? true : undefined), false);
  }

  /** @param {PeerTls} config */
  async startTls(config) {
    if (this.seam !== undefined) throw new ScriptFailure('TLS is already on');
    const { raw } = this;
    if (this.onData !== undefined) raw.off('data', this.onData);
    if (this.onEnd !== undefined) raw.off('end', this.onEnd);
    const seam = new Seam(raw, config.fragment, this.pending);
    this.pending = Buffer.alloc(0);
    this.seam = seam;
    const { client } = this.peer;
    const secureContext = this.peer.context(config);
    const stream = client ? this.tlsClient(seam, config, secureContext) : this.tlsServer(seam, config, secureContext);
    this.stream = stream;
    seam.beforeEnd = () => {
      this.bareEnd = !(/** @type {any} */ (stream)._readableState.ended);
    };
    stream.on('error', (error) => this.failed(error));
    seam.on('error', () => {});
    let secured = false;
    stream.once(client ? 'secureConnect' : 'secure', () => {
      secured = true;
      this.wake();
    });
    this.listen();
    await this.until(() => {
      if (secured) return true;
      if (this.ended() || stream.destroyed) throw new ScriptFailure(`no TLS handshake: ${this.ending()}`);
      return undefined;
    });
    this.secure = factsOf(stream);
    this.log('secure', { detail: `${this.secure.version} ${this.secure.cipher}` });
    const reject = config.requestCert === 'required' && !client;
    if (reject && !this.secure.authorized)
      throw new ScriptFailure(`client certificate: ${this.secure.authorizationError}`);
  }

  /** @param {Seam} seam @param {PeerTls} config @param {tls.SecureContext} secureContext */
  tlsServer(seam, config, secureContext) {
    const { sni, staple } = config;
    return new tls.TLSSocket(/** @type {any} */ (seam), {
      isServer: true,
      secureContext,
      requestCert: config.requestCert !== undefined,
      rejectUnauthorized: config.requestCert === 'required',
      ...(config.alpn === undefined ? {} : { ALPNProtocols: [...config.alpn] }),
      ...(staple === undefined ? {} : { server: staplingServer(config.identity, staple) }),
      ...(sni === undefined
        ? {}
        : {
            SNICallback: (/** @type {string} */ name, /** @type {Function} */ done) => {
              const identity = sni[name];
              done(null, identity === undefined ? undefined : this.peer.context({ ...config, identity, sni: {} }));
            },
          }),
      .../** @type {object} */ ({ allowHalfOpen: true }),
    });
  }

  /** @param {Seam} seam @param {PeerTls} config @param {tls.SecureContext} secureContext */
  tlsClient(seam, config, secureContext) {
    return tls.connect({
      socket: seam,
      secureContext,
      rejectUnauthorized: config.verify ?? true,
      host: config.servername ?? 'localhost',
      ...(config.servername === '' ? {} : { servername: config.servername ?? 'localhost' }),
      ...(config.alpn === undefined ? {} : { ALPNProtocols: [...config.alpn] }),
      .../** @type {object} */ ({ allowHalfOpen: true }),
    });
  }

  /** @param {'fin' | 'half' | 'rst' | 'close-notify' | 'no-close-notify'} how */
  async close(how) {
    const { raw, seam, stream } = this;
    this.log('closing', { detail: how });
    if (how === 'rst') {
      raw.resetAndDestroy();
      await this.until(() => (raw.destroyed ? true : undefined), false);
      return;
    }
    if (seam !== undefined && how === 'no-close-notify') {
      raw.end();
      return;
    }
    if (how === 'close-notify') {
      if (seam === undefined) throw new ScriptFailure('close-notify needs TLS');
      seam.passEnd = false;
    }
    if (seam === undefined || !stream.writableEnded) {
      stream.end();
      if (seam !== undefined && !stream.destroyed && !stream.writableFinished) {
        await Promise.race([once(stream, 'finish'), once(raw, 'close')]).catch(() => {});
      }
    } else if (!raw.writableEnded) {
      raw.end();
    }
  }

  stop() {
    this.stopped = true;
    this.raw.resetAndDestroy();
    this.wake();
  }

  report() {
    return {
      received: Buffer.concat([...this.received, this.pending]),
      receivedBytes: this.receivedBytes,
      sentBytes: this.sent,
      events: this.events,
      secure: this.secure,
      end: this.end,
      error: this.errorCode,
      failure: this.failure,
      finished: this.over,
    };
  }
}

/** @param {Step | undefined} step */
function shownStep(step) {
  const text = JSON.stringify(step, (key, value) => {
    if (key === 'key' || key === 'cert' || key === 'ca') return '...';
    return value instanceof Uint8Array ? `${value.length} bytes` : value;
  });
  return text.length > 160 ? `${text.slice(0, 160)}...` : text;
}

/**
 * A server that listens nowhere: node:tls asks one for what to staple.
 *
 * @param {PeerTls['identity']} identity @param {Uint8Array} staple
 */
function staplingServer(identity, staple) {
  return tls
    .createServer({ ...identity })
    .on('OCSPRequest', (_certificate, _issuer, done) => done(null, Buffer.from(staple)));
}

/** @param {tls.TLSSocket} stream @returns {SecureFacts} */
function factsOf(stream) {
  const peer = stream.getPeerCertificate();
  const { servername } = /** @type {{ servername?: string | false }} */ (stream);
  const verifyError = /** @type {any} */ (stream)._handle?.verifyError?.();
  const has = peer !== undefined && Object.keys(peer).length > 0;
  return {
    version: stream.getProtocol() ?? 'unknown',
    cipher: stream.getCipher().standardName,
    alpn: stream.alpnProtocol || null,
    servername: servername || null,
    resumed: stream.isSessionReused(),
    peerName: has ? String(peer.subject?.CN ?? '') : null,
    authorized: has && !verifyError,
    authorizationError: has ? (verifyError?.code ?? null) : 'no certificate',
  };
}

/** A script with its listener or its outgoing connections. */
class ScriptedPeer {
  /** @param {Script} script */
  constructor(script) {
    this.script = script;
    this.client = script.connect !== undefined;
    this.started = performance.now();
    /** @type {Connection[]} */
    this.connections = [];
    /** @type {Set<string>} */
    this.gates = new Set();
    /** @type {(() => void)[]} */
    this.waiting = [];
    /** @type {string | null} */
    this.failure = null;
    /** @type {net.Server | undefined} */
    this.server = undefined;
    this.stopped = false;
    /** One context per configuration: tickets of one connection are good on the next. @type {Map<string, tls.SecureContext>} */
    this.contexts = new Map();
    this.expected = script.count ?? script.connections?.length ?? 1;
    this.timer = setTimeout(() => {
      this.failure ??= `not finished within ${script.deadline} ms: ${this.progress()}`;
      this.release();
    }, script.deadline);
  }

  /** @param {PeerTls} config */
  context(config) {
    const { identity, ca, minVersion, maxVersion, ciphers, groups, sigalgs } = config;
    const name = JSON.stringify([identity, ca, minVersion, maxVersion, ciphers, groups, sigalgs]);
    const known = this.contexts.get(name);
    if (known !== undefined) return known;
    const made = tls.createSecureContext({
      sessionIdContext: 'scripted-peer',
      ...(identity === undefined ? {} : { cert: identity.cert, key: identity.key }),
      ...(ca === undefined ? {} : { ca }),
      ...(minVersion === undefined ? {} : { minVersion }),
      ...(maxVersion === undefined ? {} : { maxVersion }),
      ...(ciphers === undefined ? {} : { ciphers }),
      ...(groups === undefined ? {} : { ecdhCurve: groups }),
      ...(sigalgs === undefined ? {} : { sigalgs }),
    });
    this.contexts.set(name, made);
    return made;
  }

  progress() {
    const open = this.connections.filter((connection) => !connection.over).length;
    return `${this.connections.length} of ${this.expected} connections made, ${open} with steps left`;
  }

  async start() {
    const { connect } = this.script;
    if (connect !== undefined) {
      void this.connectAll(connect);
      return { port: connect.port, host: connect.host ?? '127.0.0.1' };
    }
    const host = this.script.listen?.host ?? '127.0.0.1';
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (raw) => this.adopt(raw));
    this.server = server;
    server.listen({ host, port: this.script.listen?.port ?? 0 });
    await once(server, 'listening');
    const address = server.address();
    return { port: typeof address === 'object' && address !== null ? address.port : 0, host };
  }

  /** @param {NonNullable<Script['connect']>} target */
  async connectAll(target) {
    for (let index = 0; index < this.expected && !this.stopped; index++) {
      if (target.afterMs !== undefined) await sleep(target.afterMs);
      const raw = await this.dial(target);
      if (raw === undefined) return;
      this.adopt(raw);
    }
  }

  /** Tries until somebody listens. @param {NonNullable<Script['connect']>} target */
  async dial({ port, host = '127.0.0.1' }) {
    while (!this.stopped && this.failure === null) {
      const raw = net.connect({ port, host, allowHalfOpen: true });
      raw.pause();
      try {
        await once(raw, 'connect');
        return raw;
      } catch (error) {
        raw.destroy();
        if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ECONNREFUSED') {
          this.failure = `cannot connect to ${host} port ${port}: ${error}`;
          this.release();
        }
      }
      await sleep(5);
    }
    return undefined;
  }

  /** @param {net.Socket} raw */
  adopt(raw) {
    const index = this.connections.length;
    const { connections, steps = [], tls: config } = this.script;
    const own = connections === undefined ? steps : connections[index];
    if (this.stopped || own === undefined) {
      if (!this.stopped) this.failure ??= `connection ${index} was not expected`;
      raw.on('error', () => {});
      raw.resetAndDestroy();
      return;
    }
    const all = config === undefined ? own : [{ startTls: config }, ...own];
    const connection = new Connection(this, raw, all, index);
    this.connections.push(connection);
    void connection.run();
  }

  check() {
    if (!this.done()) return;
    clearTimeout(this.timer);
    this.release();
  }

  done() {
    return this.connections.length >= this.expected && this.connections.every(({ over }) => over);
  }

  release() {
    for (const go of this.waiting.splice(0)) go();
  }

  async outcome() {
    if (!this.done() && this.failure === null && !this.stopped) {
      await new Promise((resolve) => this.waiting.push(() => resolve(0)));
    }
    return this.report();
  }

  report() {
    return { failure: this.failure, connections: this.connections.map((connection) => connection.report()) };
  }

  async stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    for (const connection of this.connections) connection.stop();
    this.release();
    const { server } = this;
    if (server?.listening) {
      server.close();
      await once(server, 'close');
    }
  }

  /** @param {string} gate */
  open(gate) {
    this.gates.add(gate);
    for (const connection of this.connections) connection.wake();
  }
}

/**
 * A listener whose queue is full. A worker listens and then sleeps for good in Atomics.wait, so nothing is ever
 * accepted; connections from here fill the queue until one hangs. From then on the kernel drops every SYN.
 */
class BlackHole {
  /** @param {string} host */
  constructor(host) {
    this.host = host;
    this.flag = new Int32Array(new SharedArrayBuffer(4));
    /** @type {net.Socket[]} */
    this.fillers = [];
  }

  async start() {
    this.worker = new Worker(new URL(import.meta.url), { workerData: { blackHole: this.host, flag: this.flag } });
    const [port] = await once(this.worker, 'message');
    let hung = 0;
    // The queue holds two; a hang must be seen twice to be believed.
    for (let tries = 0; hung < 2; tries++) {
      if (tries > 64) throw new Error('the backlog does not fill up');
      hung = (await this.hangs(port)) ? hung + 1 : 0;
    }
    return { port, host: this.host };
  }

  /** @param {number} port */
  async hangs(port) {
    const socket = net.connect({ port, host: this.host });
    socket.on('error', () => {});
    const outcome = await Promise.race([once(socket, 'connect').then(() => 'made'), sleep(150).then(() => 'hangs')]);
    if (outcome === 'made') this.fillers.push(socket);
    else socket.destroy();
    return outcome === 'hangs';
  }

  async stop() {
    for (const filler of this.fillers) filler.destroy();
    Atomics.store(this.flag, 0, 1);
    Atomics.notify(this.flag, 0);
    if (this.worker !== undefined) await once(this.worker, 'exit');
  }

  async outcome() {
    return { failure: null, connections: [] };
  }

  report() {
    return { failure: null, connections: [] };
  }

  open() {}
}

function beBlackHole() {
  const { blackHole, flag } = workerData;
  const server = net.createServer();
  server.listen({ host: blackHole, port: 0, backlog: 1 }, () => {
    const address = server.address();
    parentPort?.postMessage(typeof address === 'object' && address !== null ? address.port : 0);
    Atomics.wait(flag, 0, 0);
    server.close();
    parentPort?.close();
    process.exit(0);
  });
}

function serve() {
  /** @type {Map<number, ScriptedPeer | BlackHole>} */
  const peers = new Map();
  const known = (/** @type {number} */ id) => {
    const peer = peers.get(id);
    if (peer === undefined) throw new Error(`no peer ${id}`);
    return peer;
  };
  /** @param {import('./scripted-peer.ts').Request} request */
  const answer = async (request) => {
    switch (request.op) {
      case 'start': {
        const peer = new ScriptedPeer(request.script);
        peers.set(request.peer, peer);
        return peer.start();
      }
      case 'black-hole': {
        const hole = new BlackHole(request.host);
        peers.set(request.peer, hole);
        return hole.start();
      }
      case 'release':
        return known(request.peer).open(request.gate);
      case 'outcome':
        return known(request.peer).outcome();
      case 'report':
        return known(request.peer).report();
      case 'stop':
        await known(request.peer).stop();
        peers.delete(request.peer);
        return undefined;
    }
  };
  process.on('message', (/** @type {import('./scripted-peer.ts').Request} */ request) => {
    answer(request).then(
      (value) => process.send?.({ call: request.call, value }),
      (error) => process.send?.({ call: request.call, error: String(error?.stack ?? error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ call: 0 });
}

if (isMainThread) serve();
else beBlackHole();
