import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { Tracer } from '../../src/core/trace.ts';

const directory = mkdtempSync(join(tmpdir(), 'tcpx-trace-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('a trace', () => {
  it('goes to a file that nobody else can read', () => {
    const file = join(directory, 'log');
    const tracer = new Tracer({ topics: new Set(['socks']), file });
    tracer.line('one');
    tracer.line('two');
    tracer.close();
    expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n');
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it.each([join(directory, 'none', 'log'), '/dev/full'])('into %s ends with a warning, and fails no call', (file) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const tracer = new Tracer({ topics: new Set(['socks']), file });
    tracer.line('one');
    tracer.line('two');
    tracer.close();
    expect(warn).toHaveBeenCalledOnce();
    expect(warn).toHaveBeenCalledWith(expect.stringContaining(`the trace in '${file}' ends`), { code: 'TCPX_TRACE' });
    warn.mockRestore();
  });

  it('holds nothing that a terminal would obey: GnuTLS quotes certificates as they come', () => {
    const file = join(directory, 'quoted');
    const tracer = new Tracer({ topics: new Set(['xdebug']), file });
    tracer.line('gnutls <3> subject `CN=\x1b[2J\x9b31m\u202e\n');
    tracer.close();
    expect(readFileSync(file, 'utf8')).toBe('gnutls <3> subject `CN=\\x1b[2J\\u{9b}31m\\u{202e}\\n\n');
  });
});
