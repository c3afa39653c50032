/** Files that are read whole, whatever they turn out to be: a growing one, a pipe, a device. */
import { closeSync, openSync, readSync } from 'node:fs';

const CHUNK = 16_384;

/** The bytes of a file of at most `most`. Blocks for as long as the disk takes. Throws the system's error, or a longer one. */
export function boundedFile(path: string, most: number): Buffer {
  const fd = openSync(path, 'r');
  try {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK);
      const count = readSync(fd, chunk);
      if (count === 0) return Buffer.concat(chunks, length);
      length += count;
      if (length > most) throw new Error(`it has more than ${most} bytes`);
      chunks.push(chunk.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
}
