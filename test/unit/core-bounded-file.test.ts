import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { boundedFile } from '../../src/core/bounded-file.ts';
import { parseTlsOptions } from '../../src/tls/settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'tcpx-bounded-'));
afterAll(() => rmSync(directory, { recursive: true }));
const path = (name: string) => join(directory, name);

describe('a file that is read whole', () => {
  it('is its bytes', () => {
    const bytes = Buffer.alloc(40_000, 'abc');
    writeFileSync(path('some'), bytes);
    expect(boundedFile(path('some'), 40_000)).toEqual(bytes);
    expect(() => boundedFile(path('some'), 39_999)).toThrow('it has more than 39999 bytes');
    expect(() => boundedFile(path('none'), 1)).toThrow(/ENOENT/);
  });

  it.runIf(process.platform === 'linux')('may be a pipe, and is left where it has no end', () => {
    execFileSync('mkfifo', [path('pipe')]);
    spawn('sh', ['-c', 'printf 12345 > "$0"', path('pipe')], { stdio: 'ignore' });
    expect(boundedFile(path('pipe'), 5).toString()).toBe('12345');
    expect(() => boundedFile('/dev/zero', 99_999)).toThrow('it has more than 99999 bytes');
  });

  it('of certificates is no larger than any can be', () => {
    writeFileSync(path('large'), '-----BEGIN CERTIFICATE-----');
    truncateSync(path('large'), 2 ** 24 + 1);
    expect(() => parseTlsOptions({ ca: path('large') }, {})).toThrow(/^tls\.ca: cannot read the file/);
  });
});
