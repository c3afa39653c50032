// What the endpoints of the Node engine share, over a stream that the test holds up.
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Deadline } from '../../src/core/deadline.ts';
import { runAsync } from '../../src/core/run.ts';
import { WRITE_BEHIND_LIMIT, WRITE_WHOLE_LIMIT } from '../../src/net/limits.ts';
import { DuplexEndpoint } from '../../src/net/node-duplex.ts';
import { writeOp } from '../../src/net/ops.ts';

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
