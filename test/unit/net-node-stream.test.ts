// What the endpoints of the Node engine share, over a stream that the test holds up.
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Deadline } from '../../src/core/deadline.ts';
import { TlsError } from '../../src/core/errors.ts';
import { READABLE, waitOp } from '../../src/core/op.ts';
import { runAsync } from '../../src/core/run.ts';
import { WANT_READ } from '../../src/net/endpoint.ts';
import { WRITE_BEHIND_LIMIT, WRITE_WHOLE_LIMIT } from '../../src/net/limits.ts';
import { DuplexEndpoint } from '../../src/net/node-duplex.ts';
import { NodeTlsEndpoint } from '../../src/net/node-tls.ts';
import { writeOp } from '../../src/net/ops.ts';
import { parseTlsOptions, tlsSettings } from '../../src/tls/settings.ts';

/** Takes a chunk with each turn of the loop, once it is let go. */
class Slow extends Duplex {
  taken = 0;
  #held: (() => void) | null = null;
  #going = false;

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.taken += chunk.length;
    if (this.#going) setImmediate(done);
    else this.#held = done;
  }

  letGo(): void {
    this.#going = true;
    this.#held?.();
  }
}

describe.each([1024, WRITE_BEHIND_LIMIT, 16 * WRITE_WHOLE_LIMIT])(
  'with a high-water mark of %i',
  (writableHighWaterMark) => {
    it('a write that waits goes on when there is room again', async () => {
      const carrier = new Slow({ writableHighWaterMark });
      const endpoint = new DuplexEndpoint(carrier);
      const data = new Uint8Array(5 * WRITE_BEHIND_LIMIT + 1);
      const writing = runAsync(writeOp(endpoint, data, Deadline.after(5_000)));
      expect(carrier.writableLength).toBe(WRITE_BEHIND_LIMIT);
      carrier.letGo();
      expect(await writing).toBe(data.length);
      endpoint.destroy();
    });

    it('what goes out whole also makes room for the next', async () => {
      const carrier = new Slow({ writableHighWaterMark });
      const endpoint = new DuplexEndpoint(carrier);
      const size = 3 * WRITE_BEHIND_LIMIT;
      expect([endpoint.fits(size), endpoint.write(new Uint8Array(size), true)]).toEqual([true, size]);
      expect(endpoint.fits(1)).toBe(false);
      const writing = runAsync(writeOp(endpoint, new Uint8Array(10), Deadline.after(5_000)));
      carrier.letGo();
      expect(await writing).toBe(10);
      endpoint.destroy();
    });
  },
);

describe('TLS on a connection that is over already', () => {
  const settings = tlsSettings(parseTlsOptions({ verify: 'none' }));
  const start = { settings, role: 'client', host: 'localhost', priority: '', sessions: null, log: null } as const;

  it.each([
    ['has failed', new Error('gone'), /gone|fail/i],
    ['was destroyed', undefined, /./],
  ])('one that %s: the handshake fails, it does not wait', async (_how, error, text) => {
    const carrier = new Slow();
    const plain = new DuplexEndpoint(carrier);
    carrier.destroy(error);
    await once(carrier, 'close', { signal: AbortSignal.timeout(1_000) }).catch(() => {});
    const secure = new NodeTlsEndpoint(plain, start);
    expect(() => secure.handshake()).toThrow(text);
    secure.destroy();
  });

  it('one that is destroyed meanwhile', async () => {
    const carrier = new Slow();
    const secure = new NodeTlsEndpoint(new DuplexEndpoint(carrier), start);
    expect(secure.handshake()).toBe(WANT_READ);
    const waiting = runAsync(waitOp(secure, READABLE, Deadline.after(5_000)));
    carrier.destroy();
    expect(await waiting).toBe('ready');
    expect(() => secure.handshake()).toThrow(TlsError);
    secure.destroy();
  });
});
